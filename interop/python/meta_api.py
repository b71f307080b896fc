"""The registration and subscription meta APIs with autobahn-python: events and procedures."""

from peer import Inbox, check, equal, expect_error, main

# No registration and no subscription has it.
UNKNOWN = 2**50


async def scenario(framework, options):
    async def join():
        return await framework.join(options.url, options.format)

    watcher = await join()
    prefix = f"interop.meta.{framework.name}.s{watcher.details.session}"
    for step in (registrations, removed_callees, subscriptions):
        await step(watcher, await join(), await join(), f"{prefix}.{step.__name__}")
        print(f"ok {step.__name__}")


async def watch(watcher, kind, joins, leaves):
    """Subscribes to the four events of one kind of object; returns where they come in."""
    inbox = Inbox()
    for event in ("on_create", joins, leaves, "on_delete"):
        note = lambda *args, event=event: inbox.put((event, *args))
        await watcher.subscribe(note, f"wamp.{kind}.{event}")
    return inbox


async def registrations(watcher, one, other, uri):
    from autobahn.wamp.types import RegisterOptions

    inbox = await watch(watcher, "registration", "on_register", "on_unregister")
    shared = RegisterOptions(invoke="roundrobin")
    mine = await one.register(lambda: None, uri, options=shared)
    theirs = await other.register(lambda: None, uri, options=shared)
    id, sessions = mine.id, [one.details.session, other.details.session]
    equal(theirs.id, id, "a shared registration is one")

    event, session, details = await inbox.get()
    equal((event, session), ("on_create", sessions[0]), "first event")
    created = details.pop("created")
    check(isinstance(created, str) and created.endswith("Z"), f"created: {created!r}")
    expected = {"id": id, "uri": uri, "match": "exact", "invoke": "roundrobin"}
    equal(details, expected, "details of the registration")
    equal(await inbox.get(), ("on_register", sessions[0], id), "second event")
    equal(await inbox.get(), ("on_register", sessions[1], id), "third event")

    async def ask(procedure, *args):
        return await watcher.call(f"wamp.registration.{procedure}", *args)

    listed = await ask("list")
    equal(set(listed), {"exact", "prefix", "wildcard"}, "keys of the list")
    check(id in listed["exact"], f"{id} is not in {listed}")
    equal(await ask("lookup", uri), id, "lookup")
    equal(await ask("lookup", uri, {"match": "prefix"}), None, "lookup of a prefix")
    equal(await ask("match", uri), id, "match")
    equal(await ask("match", f"{uri}.nowhere"), None, "match of nothing")
    equal(await ask("get", id), {**expected, "created": created}, "get")
    equal(await ask("list_callees", id), sessions, "list_callees")
    equal(await ask("count_callees", id), 2, "count_callees")
    for procedure in ("get", "list_callees", "count_callees"):
        await expect_error("wamp.error.no_such_registration", ask(procedure, UNKNOWN))

    await mine.unregister()
    equal(await inbox.get(), ("on_unregister", sessions[0], id), "after UNREGISTER")
    await other.leave()
    equal(await inbox.get(), ("on_unregister", sessions[1], id), "after the last has left")
    equal(await inbox.get(), ("on_delete", sessions[1], id), "the registration ends")
    await expect_error("wamp.error.no_such_registration", ask("get", id))


async def removed_callees(watcher, callee, other, uri):
    """A callee that another session removes is told, and goes on."""
    registration = await callee.register(lambda: "here", uri)
    equal(await watcher.call(uri), "here", "before")
    arguments = (registration.id, callee.details.session)
    remove = "wamp.registration.remove_callee"
    equal(await watcher.call(remove, *arguments, reason="com.example.enough"), None, "result")
    await expect_error("wamp.error.no_such_procedure", watcher.call(uri))
    await expect_error("wamp.error.no_such_registration", watcher.call(remove, *arguments))
    await callee.register(lambda: "still here", f"{uri}.other")
    equal(await other.call(f"{uri}.other"), "still here", "another procedure of the callee")


async def subscriptions(watcher, one, other, topic):
    from autobahn.wamp.types import SubscribeOptions

    inbox = await watch(watcher, "subscription", "on_subscribe", "on_unsubscribe")
    prefix = SubscribeOptions(match="prefix")
    mine = await one.subscribe(print, topic, options=prefix)
    theirs = await other.subscribe(print, topic, options=prefix)
    id, sessions = mine.id, [one.details.session, other.details.session]
    equal(theirs.id, id, "subscribers of one topic share a subscription")

    event, session, details = await inbox.get()
    equal((event, session), ("on_create", sessions[0]), "first event")
    created = details.pop("created")
    check(isinstance(created, str) and created.endswith("Z"), f"created: {created!r}")
    expected = {"id": id, "uri": topic, "match": "prefix"}
    equal(details, expected, "details of the subscription")
    equal(await inbox.get(), ("on_subscribe", sessions[0], id), "second event")
    equal(await inbox.get(), ("on_subscribe", sessions[1], id), "third event")

    async def ask(procedure, *args):
        return await watcher.call(f"wamp.subscription.{procedure}", *args)

    listed = await ask("list")
    equal(set(listed), {"exact", "prefix", "wildcard"}, "keys of the list")
    check(id in listed["prefix"], f"{id} is not in {listed}")
    equal(await ask("lookup", topic), None, "lookup of the exact topic")
    equal(await ask("lookup", topic, {"match": "prefix"}), id, "lookup")
    equal(await ask("match", f"{topic}.below"), [id], "match")
    equal(await ask("get", id), {**expected, "created": created}, "get")
    equal(sorted(await ask("list_subscribers", id)), sorted(sessions), "list_subscribers")
    equal(await ask("count_subscribers", id), 2, "count_subscribers")
    for procedure in ("get", "list_subscribers", "count_subscribers"):
        await expect_error("wamp.error.no_such_subscription", ask(procedure, UNKNOWN))

    await mine.unsubscribe()
    equal(await inbox.get(), ("on_unsubscribe", sessions[0], id), "after UNSUBSCRIBE")
    other.drop()
    equal(await inbox.get(), ("on_unsubscribe", sessions[1], id), "after the last is lost")
    equal(await inbox.get(), ("on_delete", sessions[1], id), "the subscription ends")
    await expect_error("wamp.error.no_such_subscription", ask("get", id))


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
