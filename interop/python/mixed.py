"""Clients of different formats and transports: calls and events cross both.

Binary values are bytes in MessagePack and CBOR and text with a leading NUL in JSON: autobahn
turns both into `bytes`, so the same values must arrive on either side.
"""

from peer import Inbox, equal, expect_error, main
from values import BINARY, RICH


async def scenario(framework, options):
    from autobahn.wamp.exception import ApplicationError
    from autobahn.wamp.types import CallResult

    callee = await framework.join(options.url, options.callee_format)
    caller = await framework.join(options.caller_url, options.format)
    prefix = f"interop.mixed.s{caller.details.session}"

    invocations = Inbox()

    def echo(*args, **kwargs):
        invocations.put((list(args), kwargs))
        return CallResult(*args, **kwargs)

    await callee.register(echo, f"{prefix}.echo")
    args, kwargs = [RICH, BINARY, -7], {"binary": BINARY[2], "deep": [{"er": BINARY}]}
    result = await caller.call(f"{prefix}.echo", *args, **kwargs)
    equal(await invocations.get(), (args, kwargs), "arguments of the invocation")
    equal(list(result.results), args, "results")
    equal(result.kwresults, kwargs, "keyword results")
    print("ok calls")

    def fail(*args, **kwargs):
        raise ApplicationError("interop.error.on_purpose", *args, **kwargs)

    await callee.register(fail, f"{prefix}.fail")
    error = await expect_error(
        "interop.error.on_purpose", caller.call(f"{prefix}.fail", BINARY[1], reason=RICH)
    )
    equal(list(error.args), [BINARY[1]], "arguments of the error")
    equal(error.kwargs, {"reason": RICH}, "keyword arguments of the error")
    print("ok errors")

    # Two receivers of one event, each in its own format.
    inbox = Inbox()
    second = await framework.join(options.url, options.format)
    for receiver in (callee, second):
        await receiver.subscribe(lambda *a, **k: inbox.put((list(a), k)), f"{prefix}.topic")
    caller.publish(f"{prefix}.topic", *args, **kwargs)
    for _ in range(2):
        equal(await inbox.get(), (args, kwargs), "event")
    print("ok events")

    for session in (caller, callee, second):
        await session.leave()


if __name__ == "__main__":
    main(__doc__, scenario, "--format", "--caller-url", "--callee-format")
