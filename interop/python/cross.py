"""autobahn-python and a Node client in one conversation, in different formats.

The Python side is callee, subscriber, caller and publisher; it starts `node cross.cjs`, which
takes the opposite parts.
"""

from node import OPTIONS, run_node
from peer import Inbox, check, main
from values import BINARY, RICH

# cross.cjs sends the same values.
BYTES = bytes(range(256))
VALUES = ["Grüße \U0001f980", 7, -1.5, None, True, [1, [2, {"deep": []}]]]


async def scenario(framework, options):
    from autobahn.wamp.types import CallResult, PublishOptions

    session = await framework.join(options.url, options.format)
    prefix = f"interop.cross.s{session.details.session}"
    sent = ([*VALUES, BYTES], {"binary": BYTES})
    invocations, events = Inbox(), Inbox()

    def echo(*args, **kwargs):
        invocations.put((list(args), kwargs))
        return CallResult(*args, **kwargs)

    async def your_turn():
        args, kwargs = [RICH, BINARY], {"rich": RICH, "binary": BINARY}
        result = await session.call(f"{prefix}.node.echo", *args, **kwargs)
        # Numbers compare by value: JavaScript has one type for all of them.
        check(list(result.results) == args, f"results {result.results!r}")
        check(result.kwresults == kwargs, f"keyword results {result.kwresults!r}")
        print("ok call from Python to Node", flush=True)
        acknowledge = PublishOptions(acknowledge=True)
        await session.publish(f"{prefix}.to_node", *sent[0], options=acknowledge)

    await session.register(echo, f"{prefix}.echo")
    await session.register(your_turn, f"{prefix}.your_turn")
    await session.subscribe(lambda *a, **k: events.put((list(a), k)), f"{prefix}.to_python")

    await run_node(options, prefix)

    invocation, event = await invocations.get(), await events.get()
    check(invocation == sent, f"invocation {invocation!r}")
    check(event == sent, f"event {event!r}")
    print("ok call and event from Node")
    await session.leave()


if __name__ == "__main__":
    main(__doc__, scenario, "--format", *OPTIONS)
