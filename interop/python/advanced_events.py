"""The advanced profile's publish and subscribe with autobahn-python."""

from peer import Inbox, check, equal, expect_error, main

# The router keeps this many events of topics that begin like this.
HISTORY = "interop.history"
HISTORY_LIMIT = 3


async def scenario(framework, options):
    async def join(url=options.url):
        return await framework.join(url, options.format)

    publisher, subscriber = await join(), await join()
    backend = await join(options.backend_url)
    name = f"{framework.name}.s{publisher.details.session}"
    prefix = f"interop.events.{name}"
    await patterns(publisher, subscriber, f"{prefix}.patterns")
    print("ok patterns")
    await lists(publisher, [subscriber, await join(), backend], f"{prefix}.lists")
    print("ok lists")
    await retention(publisher, subscriber, f"{prefix}.retention")
    print("ok retention")
    await identification(backend, subscriber, [f"{prefix}.who", f"interop.open.{name}"])
    print("ok identification")
    await history(publisher, [subscriber, backend], f"{HISTORY}.{name}")
    print("ok history")
    await no_history(subscriber, f"{prefix}.no_history")
    print("ok no_history")


async def subscribe(session, inbox, topic, note, **options):
    """Subscribes; the inbox is given what `note(value, details)` returns of each event."""
    from autobahn.wamp.types import SubscribeOptions

    def handler(value=None, details=None):
        inbox.put(note(value, details))

    options = SubscribeOptions(details_arg="details", **options)
    return await session.subscribe(handler, topic, options=options)


async def publish(session, topic, *args, **options):
    """Publishes, acknowledged; returns the identifier of the publication."""
    from autobahn.wamp.types import PublishOptions

    options = PublishOptions(acknowledge=True, **options)
    return (await session.publish(topic, *args, options=options)).id


async def patterns(publisher, subscriber, prefix):
    """An event for each subscription that matches, with the topic."""
    inbox = Inbox()
    topics = {"exact": f"{prefix}.a.b", "prefix": f"{prefix}.a", "wildcard": f"{prefix}..b"}
    for match, topic in topics.items():
        note = lambda _value, details, match=match: (match, details.topic)
        await subscribe(subscriber, inbox, topic, note, match=match)
    expected = {
        f"{prefix}.x.x": [],
        f"{prefix}.a.b": ["exact", "prefix", "wildcard"],
        f"{prefix}.a.x": ["prefix"],
        f"{prefix}.x.b": ["wildcard"],
    }
    for topic, matches in expected.items():
        await publish(publisher, topic)
        events = sorted([await inbox.get() for _ in matches])
        equal(events, [(match, topic) for match in matches], "events")


async def lists(publisher, subscribers, topic):
    """Black- and whitelists by session, authid and authrole; the last subscriber is `backend`."""
    inboxes = [Inbox() for _ in subscribers]
    for session, inbox in zip(subscribers, inboxes):
        await subscribe(session, inbox, topic, lambda value, _details: value)
    ids = [session.details.session for session in subscribers]
    authids = [session.details.authid for session in subscribers]
    equal(authids[2], "backend", "authid of the last")
    cases = [
        ({}, [0, 1, 2]),
        ({"exclude": ids[:1]}, [1, 2]),
        ({"eligible": ids[:2]}, [0, 1]),
        ({"exclude_authid": authids[1:]}, [0]),
        ({"eligible_authid": [authids[1], "backend"]}, [1, 2]),
        ({"exclude_authrole": ["anonymous"]}, [2]),
        ({"eligible_authrole": ["anonymous"]}, [0, 1]),
        ({"eligible_authrole": ["anonymous"], "exclude": ids[1:2]}, [0]),
        ({"eligible": ids[:2], "exclude_authid": authids[:1]}, [1]),
        ({"eligible": ids[:1], "exclude": ids[:1]}, []),
        ({"eligible_authrole": ["nobody"]}, []),
    ]
    for number, (options, _) in enumerate(cases):
        await publish(publisher, topic, number, **options)
    await publish(publisher, topic, "end")
    for place, inbox in enumerate(inboxes):
        got = []
        while (value := await inbox.get()) != "end":
            got.append(value)
        due = [number for number, (_, receivers) in enumerate(cases) if place in receivers]
        equal(got, due, f"publications to subscriber {place}")


async def retention(publisher, subscriber, prefix):
    inbox = Inbox()
    one, other = f"{prefix}.one", f"{prefix}.other"
    note = lambda value, details: (details.topic, details.retained, value)

    await publish(publisher, one, "old", retain=True)
    publication = await publish(publisher, one, "kept", retain=True)
    await publish(publisher, one, "not kept")
    await publish(publisher, other, "other", retain=True)

    await subscribe(subscriber, inbox, prefix, note, match="prefix", get_retained=True)
    equal(await inbox.get(), (one, True, "kept"), "first retained event of the pattern")
    equal(await inbox.get(), (other, True, "other"), "second retained event of the pattern")
    await subscribe(
        subscriber, inbox, one, lambda _value, details: details.publication, get_retained=True
    )
    equal(await inbox.get(), publication, "identifier of the retained publication")

    # Who does not ask gets none: the next thing heard is the new event.
    late = Inbox()
    await subscribe(publisher, late, other, note)
    await publish(subscriber, other, "new")
    event = await late.get()
    check(event[2] == "new" and not event[1], f"event without get_retained: {event}")


async def identification(publisher, subscriber, topics):
    """The publisher is disclosed below interop.open, as the configuration says, and not else."""
    inbox = Inbox()
    note = lambda _value, details: (
        details.publisher,
        details.publisher_authid,
        details.publisher_authrole,
    )
    who = (publisher.details.session, "backend", "backend")
    for topic, expected in zip(topics, [(None, None, None), who]):
        await subscribe(subscriber, inbox, topic, note)
        await publish(publisher, topic)
        equal(await inbox.get(), expected, topic)


async def history(publisher, subscribers, topic):
    inbox = Inbox()
    reader = subscribers[0]
    # Two subscribers are no reason to keep an event twice.
    for session in subscribers:
        await subscribe(session, inbox, topic, lambda value, _details: value)
    publications = [await publish(publisher, topic, number) for number in range(5)]
    publications = publications[-HISTORY_LIMIT:]
    id = await reader.call("wamp.subscription.lookup", HISTORY, {"match": "prefix"})

    async def read(**query):
        from autobahn.wamp.types import CallResult

        result = await reader.call("wamp.subscription.get_events", id, **query)
        check(isinstance(result, CallResult), f"one argument for each event: {result!r}")
        equal(result.kwresults, {"is_limit_reached": True}, "keywords of the result")
        return list(result.results)

    events = await read(topic=topic)
    equal([event["publication"] for event in events], publications, "publications, oldest first")
    equal([event["args"] for event in events], [[2], [3], [4]], "arguments")
    for event in events:
        expected = {"timestamp", "subscription", "publication", "details", "args"}
        equal(set(event), expected, "keys of an event")
        equal(event["details"], {"topic": topic}, "details")
        equal(event["subscription"], id, "subscription")

    async def found(**query):
        return [event["publication"] for event in await read(topic=topic, **query)]

    first, second, third = publications
    equal(await found(reverse=True), [third, second, first], "reverse")
    equal(await found(limit=2), [first, second], "limit")
    equal(await found(limit=1, reverse=True), [third], "limit and reverse")
    equal(await found(from_publication=second), [second, third], "from_publication")
    equal(await found(after_publication=second), [third], "after_publication")
    equal(await found(before_publication=second), [first], "before_publication")
    equal(await found(until_publication=second), [first, second], "until_publication")
    equal(await found(from_time=events[0]["timestamp"]), publications, "from_time")
    equal(await found(before_time=events[0]["timestamp"]), [], "before_time")
    equal(await found(after_time="2999-01-01T00:00:00Z"), [], "after_time")
    equal(await found(until_time="2999-01-01T00:00:00Z"), publications, "until_time")
    equal(await read(topic=f"{topic}.other"), [], "another topic")

    wrong = reader.call("wamp.subscription.get_events", id, limit=0)
    await expect_error("wamp.error.invalid_argument", wrong)


async def no_history(session, topic):
    subscription = await session.subscribe(print, topic)
    without = session.call("wamp.subscription.get_events", subscription.id)
    await expect_error("wamp.error.history_unavailable", without)
    unknown = session.call("wamp.subscription.get_events", 2**50)
    await expect_error("wamp.error.no_such_subscription", unknown)


if __name__ == "__main__":
    main(__doc__, scenario, "--format", "--backend-url")
