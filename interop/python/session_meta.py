"""The session meta procedures: wamp.session.count, list and get."""

from monitor import Monitor
from peer import REALM, equal, check, expect_error, main


async def scenario(framework, options):
    one = await framework.join(options.url, options.format)
    monitor = Monitor()
    await monitor.watch(one)
    other = await framework.join(options.url, options.format)
    ids = {one.details.session, other.details.session}

    # Cases run one at a time, but the session of a case before may still be on its way out.
    count = await one.call("wamp.session.count")
    check(type(count) is int and count >= 2, f"count {count!r}")
    listed = await one.call("wamp.session.list")
    check(ids <= set(listed), f"{ids} are not all in {listed}")
    equal(len(listed), len(set(listed)), "ids listed twice")
    print("ok count and list")

    # An optional argument restricts both to roles.
    check(ids <= set(await one.call("wamp.session.list", ["anonymous"])), "list of a role")
    equal(await one.call("wamp.session.list", ["nobody"]), [], "list of a role that nobody has")
    equal(await one.call("wamp.session.count", ["nobody"]), 0, "count of a role that nobody has")
    print("ok filter by role")

    details = await one.call("wamp.session.get", other.details.session)
    equal(details["session"], other.details.session, "session")
    equal(details["authid"], other.details.authid, "authid")
    equal(details["authrole"], "anonymous", "authrole")
    equal(details["authmethod"], "anonymous", "authmethod")
    check({"authprovider", "transport"} <= details.keys(), f"keys {sorted(details)}")
    check(details.get("realm", REALM) == REALM, "realm")
    print("ok get")

    gone = other.details.session
    await other.leave()
    await monitor.until_left(gone)
    check(gone not in await one.call("wamp.session.list"), "listed after it left")
    await expect_error("wamp.error.no_such_session", one.call("wamp.session.get", gone))
    print("ok gone after leaving")
    await one.leave()


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
