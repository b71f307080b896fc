"""Basic RPC and publish/subscribe with autobahn-python: one framework, transport and format."""

import txaio

from peer import REALM, Inbox, check, equal, expect_error, main
from values import BINARY, MAX_SAFE_INTEGER, RICH

# Enough calls at once to fill several reads and writes of the router.
PARALLEL_CALLS_COUNT = 200


async def scenario(framework, options):
    one = await framework.join(options.url, options.format)
    other = await framework.join(options.url, options.format)
    # Cases run one after the other on one router: names of their own keep them apart.
    prefix = f"interop.basic.{framework.name}.s{one.details.session}"
    for step in (joins, calls, errors, publishes, keeps_order, round_trips, keeps_up):
        await step(one, other, f"{prefix}.{step.__name__}")
        print(f"ok {step.__name__}")
    for session in (one, other):
        await session.leave()
        equal(await session.left, "wamp.close.goodbye_and_out", "reason of the GOODBYE")


async def joins(one, other, _prefix):
    for session in (one, other):
        details = session.details
        check(1 <= details.session <= MAX_SAFE_INTEGER, f"session id {details.session}")
        equal(details.realm, REALM, "realm")
        equal(details.authrole, "anonymous", "authrole")
        equal(details.authmethod, "anonymous", "authmethod")
        check(details.authid, "an anonymous session has an authid")
    check(one.details.session != other.details.session, "two sessions, one id")


async def calls(callee, caller, prefix):
    from autobahn.wamp.types import CallResult

    def shuffle(*args, **kwargs):
        return CallResult(*reversed(args), **{key.upper(): kwargs[key] for key in kwargs})

    registration = await callee.register(shuffle, prefix)
    result = await caller.call(prefix, 1, "two", None, x=3, y=[4])
    equal(list(result.results), [None, "two", 1], "positional results")
    equal(result.kwresults, {"X": 3, "Y": [4]}, "keyword results")

    # A callee may call what it registered itself.
    equal(list((await callee.call(prefix, 1, 2)).results), [2, 1], "call to oneself")

    await registration.unregister()
    await expect_error("wamp.error.no_such_procedure", caller.call(prefix))


async def errors(callee, caller, prefix):
    from autobahn.wamp.exception import ApplicationError

    await expect_error("wamp.error.no_such_procedure", caller.call(f"{prefix}.nowhere"))

    def fail(*args, **kwargs):
        raise ApplicationError("interop.error.on_purpose", *args, **kwargs)

    await callee.register(fail, f"{prefix}.fail")
    error = await expect_error(
        "interop.error.on_purpose", caller.call(f"{prefix}.fail", 7, "a", reason={"deep": [1]})
    )
    equal(list(error.args), [7, "a"], "arguments of the error")
    equal(error.kwargs, {"reason": {"deep": [1]}}, "keyword arguments of the error")

    def crash():
        raise ValueError("an exception that has no URI")

    await callee.register(crash, f"{prefix}.crash")
    await expect_error("wamp.error.runtime_error", caller.call(f"{prefix}.crash"))
    await expect_error(
        "wamp.error.procedure_already_exists", caller.register(fail, f"{prefix}.fail")
    )


async def publishes(publisher, subscriber, prefix):
    from autobahn.wamp.types import EventDetails, PublishOptions, SubscribeOptions

    inbox = Inbox()

    def on_event(who):
        def handler(*args, details: EventDetails, **kwargs):
            inbox.put((who, list(args), kwargs, details.publication))

        return handler

    with_details = SubscribeOptions(details=True)
    topic, last = f"{prefix}.topic", f"{prefix}.last"
    theirs = await subscriber.subscribe(on_event("subscriber"), topic, options=with_details)
    mine = await publisher.subscribe(on_event("publisher"), topic, options=with_details)

    # The publisher has subscribed too, but by default an event does not come back.
    acknowledge = PublishOptions(acknowledge=True)
    first = await publisher.publish(topic, 1, a="b", options=acknowledge)
    equal(await inbox.get(), ("subscriber", [1], {"a": "b"}, first.id), "event")

    # With `exclude_me` false both get it; had the first come back, it would be here before.
    to_all = PublishOptions(acknowledge=True, exclude_me=False)
    second = await publisher.publish(topic, 2, options=to_all)
    check(second.id != first.id, "two publications, one id")
    got = sorted([await inbox.get(), await inbox.get()], key=lambda event: event[0])
    expected = [(who, [2], {}, second.id) for who in ("publisher", "subscriber")]
    equal(got, expected, "event to all")

    # After UNSUBSCRIBED nothing comes: the next thing heard is the event on the other topic.
    await mine.unsubscribe()
    await theirs.unsubscribe()
    await subscriber.subscribe(on_event("last"), last, options=with_details)
    await publisher.publish(topic, 3, options=acknowledge)
    fourth = await publisher.publish(last, 4, options=acknowledge)
    equal(await inbox.get(), ("last", [4], {}, fourth.id), "event after unsubscribing")


async def keeps_order(publisher, subscriber, prefix):
    """Events of one publisher arrive in order, also without an acknowledgement."""
    inbox = Inbox()
    await subscriber.subscribe(inbox.put, prefix)
    for number in range(100):
        publisher.publish(prefix, number)
    equal([await inbox.get() for _ in range(100)], list(range(100)), "order of events")


async def round_trips(callee, caller, prefix):
    def echo(value):
        return value

    await callee.register(echo, prefix)
    for name, value in RICH.items():
        equal(await caller.call(prefix, value), value, name)
    equal(await caller.call(prefix, RICH), RICH, "all values at once")
    for value in BINARY:
        equal(await caller.call(prefix, value), value, "binary value")
    equal(await caller.call(prefix, {"inner": [BINARY]}), {"inner": [BINARY]}, "nested binary")

    inbox = Inbox()
    await callee.subscribe(inbox.put, prefix)
    caller.publish(prefix, [RICH, BINARY])
    equal(await inbox.get(), [RICH, BINARY], "values of an event")


async def keeps_up(callee, caller, prefix):
    def square(number):
        return number * number

    await callee.register(square, prefix)
    pending = [caller.call(prefix, number) for number in range(PARALLEL_CALLS_COUNT)]
    results = await txaio.gather(pending)
    results = [result[1] if isinstance(result, tuple) else result for result in results]
    equal(results, [n * n for n in range(PARALLEL_CALLS_COUNT)], "results of calls in flight")


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
