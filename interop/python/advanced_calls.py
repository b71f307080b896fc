"""The advanced profile's calls with autobahn-python, as caller and callee."""

import txaio

from peer import Inbox, check, equal, expect_error, main

# Enough that no callee of three goes without by chance.
RANDOM_CALLS_COUNT = 100


async def scenario(framework, options):
    async def join(url=options.url):
        return await framework.join(url, options.format)

    caller = await join()
    prefix = f"interop.calls.{framework.name}.s{caller.details.session}"
    for step in (progressive_results, canceling, timeouts, lost_callers, patterns, sharing):
        await step(caller, join, f"{prefix}.{step.__name__}")
        print(f"ok {step.__name__}")
    for step in (concurrency, forced_registration, identification):
        await step(caller, join, f"{prefix}.{step.__name__}")
        print(f"ok {step.__name__}")
    await disclosed_callers(caller, await join(options.backend_url), prefix)
    print("ok disclosed_callers")


def pending(inbox):
    """A procedure without an end: it tells of its start, and of its interruption."""

    def procedure():
        inbox.put("invoked")
        return txaio.create_future(canceller=lambda _future: inbox.put("interrupted"))

    return procedure


async def progressive_results(caller, join, prefix):
    from autobahn.wamp.types import CallOptions, CallResult, RegisterOptions

    def count(to, details=None):
        for number in range(to):
            if details.progress is not None:
                details.progress(number, square=number * number)
        return CallResult(to, asked=details.progress is not None)

    callee = await join()
    await callee.register(count, prefix, options=RegisterOptions(details_arg="details"))
    seen = []
    with_progress = CallOptions(on_progress=lambda *args, **kwargs: seen.append((args, kwargs)))
    result = await caller.call(prefix, 3, options=with_progress)
    equal((list(result.results), result.kwresults), ([3], {"asked": True}), "final result")
    expected = [((number,), {"square": number * number}) for number in range(3)]
    equal(seen, expected, "progressive results")

    # Who does not ask gets none, and the callee knows.
    result = await caller.call(prefix, 2)
    equal((list(result.results), result.kwresults), ([2], {"asked": False}), "only result")


async def canceling(caller, join, prefix):
    """Without a mode, as autobahn-python cancels, the callee is interrupted."""
    callee, inbox = await join(), Inbox()
    await callee.register(pending(inbox), prefix)
    call = caller.call(prefix)
    equal(await inbox.get(), "invoked", "before the CANCEL")
    txaio.cancel(call)
    equal(await inbox.get(), "interrupted", "after the CANCEL")
    try:
        await call
    except BaseException as error:
        check("Cancelled" in type(error).__name__, f"canceled call: {error!r}")
    else:
        raise AssertionError("a canceled call has a result")
    # The ERROR of the router has come and did no harm: both sides go on.
    again = caller.call(prefix)
    equal(await inbox.get(), "invoked", "call after a canceled one")
    txaio.cancel(again)
    equal(await inbox.get(), "interrupted", "after the second CANCEL")


async def timeouts(caller, join, prefix):
    """In milliseconds: the same number of seconds would outlast the watchdog."""
    from autobahn.wamp.types import CallOptions

    callee, inbox = await join(), Inbox()
    await callee.register(pending(inbox), prefix)
    await expect_error("wamp.error.timeout", caller.call(prefix, options=CallOptions(timeout=100)))
    equal([await inbox.get(), await inbox.get()], ["invoked", "interrupted"], "the callee")


async def lost_callers(caller, join, prefix):
    """The callee of a caller that is gone is interrupted, the caller of a lost callee is told."""
    callee, inbox = await join(), Inbox()
    await callee.register(pending(inbox), prefix)
    lost = await join()
    # It never hears of this call again.
    txaio.add_callbacks(lost.call(prefix), None, lambda _failure: None)
    equal(await inbox.get(), "invoked", "before the loss")
    lost.drop()
    equal(await inbox.get(), "interrupted", "after the loss")

    call = caller.call(prefix)
    equal(await inbox.get(), "invoked", "before the loss of the callee")
    callee.drop()
    await expect_error("wamp.error.canceled", call)


async def patterns(caller, join, prefix):
    """Exact goes before prefix, the longer prefix before the shorter, prefix before wildcard."""
    from autobahn.wamp.types import RegisterOptions

    def answer(name):
        return lambda details=None: [name, details.procedure]

    callee = await join()
    registrations = [
        ("exact", f"{prefix}.a.b.c", "exact"),
        ("longer prefix", f"{prefix}.a.b", "prefix"),
        ("shorter prefix", f"{prefix}.a", "prefix"),
        ("wildcard", f"{prefix}..b.c", "wildcard"),
    ]
    for name, uri, match in registrations:
        options = RegisterOptions(match=match, details_arg="details")
        await callee.register(answer(name), uri, options=options)
    expected = {
        f"{prefix}.a.b.c": "exact",
        f"{prefix}.a.b.x": "longer prefix",
        f"{prefix}.a.x.c": "shorter prefix",
        f"{prefix}.x.b.c": "wildcard",
    }
    for uri, name in expected.items():
        equal(await caller.call(uri), [name, uri], "callee and procedure")
    nobody = caller.call(f"{prefix}.x.b.x")
    await expect_error("wamp.error.no_such_procedure", nobody)


async def sharing(caller, join, prefix):
    from autobahn.wamp.types import RegisterOptions

    callees = [await join() for _ in range(3)]

    async def share(policy):
        uri = f"{prefix}.{policy}"
        for number, callee in enumerate(callees):
            await callee.register(
                lambda number=number: number, uri, options=RegisterOptions(invoke=policy)
            )
        return uri

    expected = {"roundrobin": [0, 1, 2, 0, 1, 2], "first": [0] * 6, "last": [2] * 6}
    for policy, numbers in expected.items():
        uri = await share(policy)
        equal([await caller.call(uri) for _ in range(6)], numbers, policy)
    uri = await share("random")
    called = {await caller.call(uri) for _ in range(RANDOM_CALLS_COUNT)}
    equal(called, {0, 1, 2}, "callees called at random")

    other = caller.register(lambda: None, uri, options=RegisterOptions(invoke="first"))
    await expect_error("wamp.error.procedure_exists_with_different_invocation_policy", other)

    # One that leaves is not called any more.
    await callees[0].leave()
    await callees[0].left
    called = [await caller.call(f"{prefix}.roundrobin") for _ in range(4)]
    equal(sorted(called), [1, 1, 2, 2], "callees that are left")
    equal(await caller.call(f"{prefix}.first"), 1, "the first that is left")


async def concurrency(caller, join, prefix):
    from autobahn.wamp.types import RegisterOptions

    started, callee = Inbox(), await join()

    def procedure():
        future = txaio.create_future()
        started.put(future)
        return future

    one_at_a_time = RegisterOptions(invoke="roundrobin", concurrency=1)
    await callee.register(procedure, prefix, options=one_at_a_time)
    call = caller.call(prefix)
    future = await started.get()
    await expect_error("crossbar.error.max_concurrency_reached", caller.call(prefix))
    txaio.resolve(future, "done")
    equal(await call, "done", "the call that had come first")
    call = caller.call(prefix)
    txaio.resolve(await started.get(), "done again")
    equal(await call, "done again", "a call when the callee is free")


async def forced_registration(caller, join, prefix):
    from autobahn.wamp.types import RegisterOptions

    old, new = await join(), await join()
    first = await old.register(lambda: "old", prefix)
    equal(await caller.call(prefix), "old", "before")
    second = await new.register(
        lambda: "new", prefix, options=RegisterOptions(force_reregister=True)
    )
    check(first.id != second.id, "a forced registration is a new one")
    equal(await caller.call(prefix), "new", "after")
    # The old callee was told and goes on.
    await old.register(lambda: "still here", f"{prefix}.other")
    equal(await caller.call(f"{prefix}.other"), "still here", "another procedure of the old callee")


async def identification(caller, join, prefix):
    """The router does not say who calls unless it is told to."""
    equal(await who_calls(caller, await join(), prefix), (None, None, None), "undisclosed caller")


async def disclosed_callers(callee, backend, _prefix):
    """Where the configuration says so, the callee learns who calls."""
    uri = f"interop.open.s{callee.details.session}"
    me = (backend.details.session, "backend", "backend")
    equal(await who_calls(backend, callee, uri), me, "disclosed caller")


async def who_calls(caller, callee, uri):
    from autobahn.wamp.types import RegisterOptions

    seen = []

    def procedure(details=None):
        seen.append((details.caller, details.caller_authid, details.caller_authrole))

    await callee.register(procedure, uri, options=RegisterOptions(details_arg="details"))
    await caller.call(uri)
    return seen[0]


if __name__ == "__main__":
    main(__doc__, scenario, "--format", "--backend-url")
