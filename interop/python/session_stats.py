"""The router's session statistics against what the session itself counted on its transport.

A monitor watches while a second client joins, makes a known number of calls and goes: politely,
by cutting the connection, or politely only to join again on the same connection.
"""

import time

from monitor import ON_JOIN, ON_LEAVE, ON_STATS, Monitor
from peer import REALM, check, equal, main

CALLS_COUNT = 12

# HELLO, WELCOME and REGISTER, REGISTERED; then CALL, INVOCATION, YIELD, RESULT for each call.
MESSAGES_BEFORE_LEAVING_COUNT = 4 + 4 * CALLS_COUNT

SESSION_KEYS = {"authid", "authrole", "realm", "session"}
ACCOUNT_KEYS = {"bytes", "messages", "rated_messages"}
STATS_KEYS = ACCOUNT_KEYS | {
    "cycle",
    "duration",
    "first",
    "last",
    "received",
    "sent",
    "serializer",
    "timestamp",
}


async def scenario(framework, options):
    watcher = await framework.join(options.url, "json")
    monitor = Monitor()
    await monitor.watch(watcher)
    started_ns = time.time_ns()

    for ending in (goodbye, cut, goodbye_and_hello):
        for subject, wire in await ending(framework, options):
            await monitor.until_left(subject.session)
            events = monitor.about(subject.session)
            windows = check_shape(events, subject, options.format)
            check_windows(windows, started_ns)
            check_sums(windows, wire, int(options.rated_size))
            check_triggers(windows, wire, int(options.rated_size), int(options.rated_trigger))
        print(f"ok {ending.__name__}", flush=True)
    await watcher.leave()


async def goodbye(framework, options):
    """The session says GOODBYE and hears one."""
    session = await framework.join(options.url, options.format)
    await work(session)
    await session.leave()
    return [settle(session, MESSAGES_BEFORE_LEAVING_COUNT + 2)]


async def cut(framework, options):
    """The connection breaks without a word."""
    session = await framework.join(options.url, options.format)
    await work(session)
    session.drop()
    return [settle(session, MESSAGES_BEFORE_LEAVING_COUNT)]


async def goodbye_and_hello(framework, options):
    """After GOODBYE a second HELLO on the same connection: two sessions, two accounts."""
    session = await framework.join(options.url, options.format, stay_connected=True)
    await work(session)
    session.leave()
    await session.left
    first = settle(session, MESSAGES_BEFORE_LEAVING_COUNT + 2)

    session.rejoin()
    await session.joined_again
    await work(session)
    session.leave()
    await session.left
    second = settle(session, MESSAGES_BEFORE_LEAVING_COUNT + 2)
    check(first[0].session != second[0].session, "the second session has the id of the first")
    session.disconnect()
    return [first, second]


async def work(session):
    """Calls of its own procedure, with payloads of one and of several rated messages."""
    uri = f"interop.stats.s{session.details.session}"
    await session.register(lambda value: value, uri)
    for number in range(CALLS_COUNT):
        value = "x" * (number * 100)
        equal(await session.call(uri, value), value, "echo")


def settle(session, messages_count):
    """The session's details and the sizes it counted, which must be as many as WAMP says."""
    sent, received = session.wire.cut()
    equal(len(sent) + len(received), messages_count, "messages that the client itself counted")
    return session.details, (sent, received)


def check_shape(events, subject, format_name):
    """Names, types and order of the events about one session; returns the stats of each."""
    who = {
        "authid": subject.authid,
        "authrole": subject.authrole,
        "realm": REALM,
        "session": subject.session,
    }
    topics = [topic for topic, _args, _kwargs in events]
    equal(topics.count(ON_JOIN), 1, "number of on_join")
    equal(topics.count(ON_LEAVE), 1, "number of on_leave")
    equal(topics[-1], ON_LEAVE, "the last thing heard of a session")

    windows = []
    for topic, args, kwargs in events:
        equal(kwargs, {}, f"keyword arguments of {topic}")
        if topic == ON_JOIN:
            equal(len(args), 1, "number of arguments of on_join")
            joined = {key: args[0][key] for key in ("authid", "authrole", "session")}
            equal(joined | {"realm": REALM}, who, "session that joined")
            for key in ("authmethod", "authprovider", "transport"):
                check(key in args[0], f"on_join without {key}")
        elif topic == ON_LEAVE:
            equal(args, (subject.session, subject.authid, subject.authrole), "on_leave")
        else:
            equal(topic, ON_STATS, "topic")
            session, stats = args
            equal(session.keys(), who.keys(), "keys of the session")
            equal(session, who, "session of the statistics")
            equal(set(stats), STATS_KEYS, "keys of the statistics")
            for direction in ("received", "sent"):
                equal(set(stats[direction]), ACCOUNT_KEYS, f"keys of {direction}")
            equal(stats["serializer"], format_name, "serializer")
            windows.append(stats)
    return windows


def check_windows(windows, started_ns):
    """Numbers and times: windows follow each other without a gap, from HELLO to the end."""
    count = len(windows)
    equal([stats["cycle"] for stats in windows], list(range(1, count + 1)), "cycles")
    equal([stats["first"] for stats in windows], [n == 0 for n in range(count)], "first")
    equal([stats["last"] for stats in windows], [n == count - 1 for n in range(count)], "last")
    for stats in windows:
        check(type(stats["timestamp"]) is int, f"timestamp {stats['timestamp']!r}")
        check(type(stats["duration"]) is int and stats["duration"] > 0, f"duration of {stats}")
    for stats, following in zip(windows, windows[1:]):
        end = stats["timestamp"] + stats["duration"]
        equal(following["timestamp"], end, "start of a window, the end of the one before")
    # The router may anchor its clock once: a second of slack for an adjusted wall clock.
    slack_ns = 10**9
    first, last = windows[0], windows[-1]
    check(first["timestamp"] >= started_ns - slack_ns, "the first window starts before HELLO")
    end = last["timestamp"] + last["duration"]
    check(end <= time.time_ns() + slack_ns, "the last window ends in the future")


def check_sums(windows, wire, rated_size):
    """The sum over the windows is what went over the wire, in each direction."""
    for direction, sizes in (("received", wire[0]), ("sent", wire[1])):
        expected = account(sizes, rated_size)
        total = {key: sum(stats[direction][key] for stats in windows) for key in ACCOUNT_KEYS}
        equal(total, expected, f"{direction} by the router, over all windows")
        # Both start with one message of the handshake: HELLO one way, WELCOME the other.
        equal(windows[0][direction], account(sizes[:1], rated_size), f"{direction} until joined")
    for stats in windows:
        for key in ACCOUNT_KEYS:
            both = stats["received"][key] + stats["sent"][key]
            equal(stats[key], both, f"{key} of both directions")


def account(sizes, rated_size):
    """What messages of these sizes come to."""
    return {
        "bytes": sum(sizes),
        "messages": len(sizes),
        "rated_messages": sum(-(-size // rated_size) for size in sizes),
    }


def check_triggers(windows, wire, rated_size, rated_trigger):
    """Windows close at the threshold and not later; without one only joining and leaving does."""
    if rated_trigger == 0:
        equal(len(windows), 2, "number of windows with no trigger but join and leave")
        return
    check(len(windows) > 3, f"only {len(windows)} windows")
    largest = account([max(wire[0] + wire[1])], rated_size)["rated_messages"]
    for stats in windows[1:-1]:
        rated = stats["rated_messages"]
        check(rated >= rated_trigger, f"closed early: {stats}")
        # One message may overshoot, by no more than its own rating.
        check(rated < rated_trigger + largest, f"closed late: {stats}")


if __name__ == "__main__":
    main(__doc__, scenario, "--format", "--rated-size", "--rated-trigger")
