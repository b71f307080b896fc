"""How sessions are ended by others, and the testaments that they leave."""

from monitor import Monitor
from peer import Inbox, equal, expect_error, main

TOPIC = "com.example.testament"


async def scenario(framework, options):
    async def join():
        return await framework.join(options.url, options.format)

    one = await join()
    monitor = Monitor()
    await monitor.watch(one)

    killed = await join()
    equal(await one.call("wamp.session.kill", killed.details.session), None, "result of kill")
    equal(await killed.left, "wamp.close.killed", "reason of a kill")
    await monitor.until_left(killed.details.session)
    print("ok kill")

    killed = await join()
    result = await one.call(
        "wamp.session.kill_by_authid",
        killed.details.authid,
        reason="com.example.enough",
        message="enough",
    )
    equal(result, [killed.details.session], "result of kill_by_authid")
    equal(await killed.left, "com.example.enough", "reason that was given")
    await monitor.until_left(killed.details.session)
    equal(await one.call("wamp.session.kill_by_authrole", "nobody"), 0, "role that nobody has")
    print("ok kill by authid and authrole")

    me = one.details.session
    await expect_error("wamp.error.no_such_session", one.call("wamp.session.kill", me))
    wrong = one.call("wamp.session.kill_by_authid", "nobody", reason="not a uri")
    await expect_error("wamp.error.invalid_uri", wrong)
    print("ok refused")

    inbox = Inbox()
    await one.subscribe(lambda *args, **kwargs: inbox.put((args, kwargs)), TOPIC)
    lost = await join()
    for scope in ("destroyed", "detached"):
        result = await lost.call(
            "wamp.session.add_testament", TOPIC, [scope], {"key": 1}, scope=scope
        )
        equal(result, None, "result of add_testament")
    lost.drop()
    equal(await inbox.get(), (("detached",), {"key": 1}), "first testament")
    equal(await inbox.get(), (("destroyed",), {"key": 1}), "second testament")
    print("ok testaments of a lost session")

    closed = await join()
    await closed.call("wamp.session.add_testament", TOPIC, ["flushed"], {})
    equal(await closed.call("wamp.session.flush_testaments"), None, "result of flush")
    await closed.call("wamp.session.add_testament", TOPIC, ["kept"], {})
    wrong = closed.call("wamp.session.add_testament", TOPIC, [], {}, scope="soon")
    await expect_error("wamp.error.testament_error", wrong)
    await closed.leave()
    equal(await inbox.get(), (("kept",), {}), "testament that was not flushed")
    print("ok testaments of a closed session")
    await one.leave()


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
