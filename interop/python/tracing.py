"""A trace against what the traced clients themselves have sent and received, message by message.

A manager starts a trace and hears its records live, while two other sessions join, call, publish and leave.
"""

import time

from peer import Inbox, check, equal, expect_error, main

PREFIX = "flowgate.tracing"

# Calls and publications, so that ranges have something to cut.
ROUNDS_COUNT = 20

# Longer than any message here.
MAX_PAYLOAD_BYTES = 65_536

# What msg_type says of the messages, by their first element.
TYPES = {
    1: "Hello",
    2: "Welcome",
    3: "Abort",
    6: "Goodbye",
    8: "Error",
    16: "Publish",
    17: "Published",
    32: "Subscribe",
    33: "Subscribed",
    36: "Event",
    48: "Call",
    49: "Cancel",
    50: "Result",
    64: "Register",
    65: "Registered",
    68: "Invocation",
    69: "Interrupt",
    70: "Yield",
}

# Recorded without what belongs to authentication.
WITHOUT_SECRETS = {"Hello", "Welcome"}


async def scenario(framework, options):
    manager = await framework.join(options.url, "cbor")
    watch = await Watch.start(manager)

    started_ns = time.time_ns()
    info = await manager.call(
        f"{PREFIX}.start_trace",
        trace_options={
            "trace_app_payload": True,
            "max_payload": MAX_PAYLOAD_BYTES,
            "batching_period": 20,
        },
    )
    trace = info["id"]
    equal(info["status"], "running", "status")
    equal(await watch.started.get(), (trace, info["started"]), "on_trace_started")

    one, other = [
        await framework.join(options.url, options.format, keep_messages=True) for _ in range(2)
    ]
    prefix = f"interop.tracing.{framework.name}.s{one.details.session}"
    await work(one, other, prefix)
    for session in (one, other):
        await session.leave()
        await session.left

    stopped = await manager.call(f"{PREFIX}.stop_trace", trace)
    equal(stopped["status"], "stopped", "status")
    equal(stopped["reason"], "request", "reason")
    equal(await watch.stopped.get(), trace, "on_trace_stopped")
    live = await watch.until(trace, stopped["next_seq"])
    check_ranges(live, await ranges(manager, trace, live))
    check_order(live, started_ns)
    check_actions(live)
    for session in (one, other):
        check_messages(live, session)
    check(all(not (record["uri"] or "").startswith(PREFIX) for record in live), "a trace of itself")
    await check_faults(manager, trace, stopped["next_seq"])
    print(f"ok {len(live)} records", flush=True)
    await manager.leave()


class Watch:
    """What the manager is told about traces."""

    def __init__(self):
        self.started = Inbox()
        self.stopped = Inbox()
        self._data = Inbox()
        self._periods = []

    @classmethod
    async def start(cls, manager):
        self = cls()
        for name, handler in (
            ("started", lambda trace, info: self.started.put((trace, info["started"]))),
            ("stopped", lambda trace, _info: self.stopped.put(trace)),
            ("data", lambda *data: self._data.put(data)),
        ):
            await manager.subscribe(handler, f"{PREFIX}.on_trace_{name}")
        return self

    async def until(self, trace, next_seq):
        """All records that were told, which are those below `next_seq`."""
        records = []
        while not records or records[-1]["seq"] + 1 < next_seq:
            told, period, batch = await self._data.get()
            equal(told, trace, "trace of the data")
            check(batch, "a batch without records")
            equal(period["first_seq"], batch[0]["seq"], "first_seq")
            equal(period["last_seq"], batch[-1]["seq"], "last_seq")
            for key in ("finished_ts", "finished_pc", "period", "period_start"):
                check(key in period, f"{key} of {period}")
            self._periods.append(period["period"])
            records += batch
        equal(self._periods, sorted(self._periods), "periods")
        return records


async def work(one, other, prefix):
    """Calls, errors, a canceled call, and publications of both kinds."""
    from autobahn.wamp.exception import ApplicationError
    from autobahn.wamp.types import PublishOptions

    def echo(*args, **kwargs):
        if "fail" in kwargs:
            raise ApplicationError("interop.error.on_purpose", *args)
        return args[0]

    events = Inbox()
    await one.register(echo, f"{prefix}.echo")
    await one.subscribe(events.put, f"{prefix}.topic")
    for number in range(ROUNDS_COUNT):
        equal(await other.call(f"{prefix}.echo", number, text="ünï"), number, "result")
        acknowledge = number % 2 == 0
        published = other.publish(
            f"{prefix}.topic",
            number,
            options=PublishOptions(acknowledge=True) if acknowledge else None,
        )
        if acknowledge:
            await published
        equal(await events.get(), number, "event")
    await expect_error(
        "interop.error.on_purpose", other.call(f"{prefix}.echo", b"\x00\xff", fail=True)
    )
    await expect_error("wamp.error.no_such_procedure", other.call(f"{prefix}.nowhere"))
    # To nobody, and not acknowledged: the CALL after it shows that the router has had it.
    other.publish(f"{prefix}.unheard", 1)
    await other.call(f"{prefix}.echo", "last")


async def ranges(manager, trace, live):
    """The same records, fetched piece by piece and in one piece."""

    async def data(**query):
        return await manager.call(f"{PREFIX}.get_trace_data", trace, **query)

    first, last = live[0]["seq"], live[-1]["seq"]
    middle = (first + last) // 2
    pieces = await data(from_seq=first, to_seq=middle, limit=10_000)
    pieces += await data(from_seq=middle + 1, to_seq=last, limit=10_000)
    walked = []
    while not walked or walked[-1]["seq"] < last:
        walked += await data(from_seq=walked[-1]["seq"] + 1 if walked else first, limit=7)
    default = await data(from_seq=first)
    equal(len(default), min(100, len(live)), "records without a limit")
    equal(await data(from_seq=last + 1), [], "records after the last")
    return pieces, walked, default + await data(from_seq=first + len(default), limit=10_000)


def check_ranges(live, fetched):
    for records in fetched:
        equal(records, live, "fetched records")


def check_order(records, started_ns):
    first = records[0]["seq"]
    equal([record["seq"] for record in records], list(range(first, first + len(records))), "seq")
    moments = [record["ts"] for record in records]
    equal(moments, sorted(moments), "ts")
    check(started_ns <= moments[0] and moments[-1] <= time.time_ns(), "ts is not now")
    check(all("gap" not in record for record in records), "records are missing")


def check_actions(records):
    """Each action has one anchor, its first record, and one last, its last."""
    actions = {}
    for record in records:
        if record["correlation"] is not None:
            actions.setdefault(record["correlation"], []).append(record)
    kinds = {"Call", "Publish", "Subscribe", "Register"}
    check(kinds <= {steps[0]["msg_type"] for steps in actions.values()}, "actions are missing")
    for correlation, steps in actions.items():
        told = [(step["direction"], step["msg_type"]) for step in steps]
        anchors = [step["correlation_is_anchor"] for step in steps]
        lasts = [step["correlation_is_last"] for step in steps]
        equal(anchors, [True] + [False] * (len(steps) - 1), f"anchors of {correlation}: {told}")
        equal(lasts, [False] * (len(steps) - 1) + [True], f"lasts of {correlation}: {told}")
        equal(len({step["correlation_uri"] for step in steps}), 1, f"URIs of {correlation}: {told}")


def check_messages(records, session):
    """The records of a session are the messages that it has sent and received, in their order."""
    wire = session.wire
    for direction, messages, sizes in (
        ("rx", wire.sent_messages, wire.sent),
        ("tx", wire.received_messages, wire.received),
    ):
        own = [
            record
            for record in records
            if record["session_id"] == session.details.session and record["direction"] == direction
        ]
        if direction == "rx":
            # HELLO comes before there is a session.
            equal(TYPES[messages[0][0]], "Hello", "first message")
            messages, sizes = messages[1:], sizes[1:]
            own = [record for record in own if record["msg_type"] != "Hello"]
        equal(
            [record["msg_type"] for record in own],
            [TYPES[message[0]] for message in messages],
            f"{direction} of {session.details.session}",
        )
        equal([record["bytes"] for record in own], sizes, f"sizes of {direction}")
        for record, message in zip(own, messages, strict=True):
            equal(record["realm"], session.details.realm, "realm")
            equal(record["authid"], session.details.authid, "authid")
            equal(record["authrole"], session.details.authrole, "authrole")
            if record["msg_type"] not in WITHOUT_SECRETS:
                equal(record["msg"], message, f"{direction} {record['msg_type']}")


async def check_faults(manager, trace, next_seq):
    name = f"{PREFIX}.get_trace_data"
    await expect_error("crossbar.error.no_such_object", manager.call(name, "nowhere", 0))
    for argument, query in (("limit", {"limit": 0}), ("to_seq", {"from_seq": 2, "to_seq": 1})):
        error = await expect_error(
            "crossbar.error.invalid_configuration", manager.call(name, trace, **query)
        )
        check(argument in error.args[0], f"{argument} in {error.args}")
    error = await expect_error(
        "crossbar.error.invalid_configuration",
        manager.call(f"{PREFIX}.start_trace", trace_options={"batching_period": 1}),
    )
    check("batching_period" in error.args[0], f"batching_period in {error.args}")
    info = await manager.call(f"{PREFIX}.get_trace", trace)
    equal(info["next_seq"], next_seq, "records after the trace has stopped")


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
