"""The advanced profile's features that a Node client has, with autobahn-python as its callee.

autobahn-python takes interruptions and gives progressive results, which the Node clients do not.
"""

import txaio

from node import OPTIONS, run_node
from peer import Inbox, main


async def scenario(framework, options):
    from autobahn.wamp.types import RegisterOptions

    session = await framework.join(options.url, options.format)
    prefix = f"interop.node.s{session.details.session}"
    heard = Inbox()
    with_details = RegisterOptions(details_arg="details")

    def count(to, details=None):
        for number in range(to):
            details.progress(number)
        return to

    def pending():
        heard.put("invoked")
        return txaio.create_future(canceller=lambda _future: heard.put("interrupted"))

    def who(details=None):
        return [details.caller, details.caller_authid, details.caller_authrole]

    await session.register(count, f"{prefix}.count", options=with_details)
    await session.register(pending, f"{prefix}.pending")
    # Answers when there is something to tell.
    await session.register(heard.get, f"{prefix}.heard")
    await session.register(who, f"{prefix}.who", options=with_details)
    await session.register(who, f"interop.hidden.{prefix}.who", options=with_details)
    await run_node(options, prefix)
    await session.leave()


if __name__ == "__main__":
    main(__doc__, scenario, "--format", *OPTIONS)
