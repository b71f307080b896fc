"""A trace as other tools get it: tshark reads the capture, and the JSON for Perfetto keeps the rules of its format."""

import json
import subprocess
import tempfile
from pathlib import Path

from peer import check, equal
from programs import REQUEST_SECONDS, main
from rawsocket import RawSocket, router

CALL_COUNT = 5

PREFIX = "com.interop."

# Fields of tshark, one line for each packet.
FIELDS = [
    "frame.time_epoch",
    "exported_pdu.prot_name",
    "exported_pdu.p2p_dir",
    "_ws.col.Protocol",
    "frame.comment",
    "cbor.type.uint",
]

# What Perfetto knows of the phases: begin, end, instant, metadata.
PHASES = {"b", "e", "i", "M"}


def scenario(options):
    with router(options.flowgate) as (address, admin), tempfile.TemporaryDirectory() as directory:

        def trace(*words):
            command = [options.flowgate, "trace", "--admin", admin.removeprefix("http://"), *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=REQUEST_SECONDS)
            check(done.returncode == 0, f"{words}: {done.stderr}")
            return done.stdout

        def export(name, *words):
            file = Path(directory, name)
            trace("export", "--output", str(file), *words)
            return file

        # Such as `trace1`; what else it says is for people.
        name = trace("start", "--payload", PREFIX).split()[0]
        sessions = work(address)
        trace("stop", name)
        ndjson = export("records.ndjson", name)
        records = [json.loads(line) for line in ndjson.read_text().splitlines()]
        check_records(records, sessions)
        for form, check_export in (
            ("pcapng", lambda file: check_capture(options.tshark, file, records)),
            ("perfetto", lambda file: check_perfetto(json.loads(file.read_text()), records)),
        ):
            file = export(f"of-router.{form}", name, "--format", form)
            check_export(file)
            again = export(f"of-file.{form}", "--file", str(ndjson), "--format", form)
            equal(again.read_bytes(), file.read_bytes(), f"{form} of the records that were read back")
            print(f"ok {form}", flush=True)
        again = export("again.ndjson", "--file", str(ndjson))
        equal(again.read_text(), ndjson.read_text(), "records that were read back")


def work(address):
    """One session calls the other, which fails at last, and hears an event; their identifiers."""
    callee, caller = RawSocket(address), RawSocket(address)
    sessions = [client.join() for client in (callee, caller)]
    callee.say(64, 1, {}, f"{PREFIX}echo")
    callee.hear(65)
    callee.say(32, 2, {}, f"{PREFIX}topic")
    callee.hear(33)
    for request in range(1, CALL_COUNT + 1):
        caller.say(48, request, {}, f"{PREFIX}echo", ["hello"])
        invocation = callee.hear(68)
        if request < CALL_COUNT:
            callee.say(70, invocation[1], {}, invocation[4])
            caller.hear(50)
        else:
            callee.say(8, 68, invocation[1], {}, f"{PREFIX}error")
            caller.hear(8)
    caller.say(16, CALL_COUNT + 1, {"acknowledge": True}, f"{PREFIX}topic", ["event"])
    caller.hear(17)
    callee.hear(36)
    for client in (callee, caller):
        client.say(6, {}, "wamp.close.close_realm")
        client.hear(6)
    return sessions


def check_records(records, sessions):
    """REGISTER and SUBSCRIBE with their answers, four messages a call, and four for the event."""
    equal(len(records), 2 + 2 + 4 * CALL_COUNT + 3, "records")
    equal({record["session_id"] for record in records}, set(sessions), "sessions")
    check(all("msg" in record for record in records), "a message is missing")


def check_capture(tshark, file, records):
    """tshark finds each message as a packet of its own, with its moment, direction and content."""
    fields = [word for field in FIELDS for word in ("-e", field)]
    command = [tshark, "-n", "-r", str(file), "-T", "fields", "-E", "separator=/t", *fields]
    done = subprocess.run(command, capture_output=True, text=True, timeout=REQUEST_SECONDS)
    check(done.returncode == 0, done.stderr)
    packets = [line.split("\t") for line in done.stdout.splitlines()]
    equal(len(packets), len(records), "packets")
    for packet, record in zip(packets, records, strict=True):
        moment, dissector, direction, protocol, comment, numbers = packet
        seconds, _, nanos = moment.partition(".")
        equal(int(seconds) * 10**9 + int(nanos), record["ts"], "moment")
        # Records that have been written down have messages as values, which become CBOR again.
        equal(dissector, "cbor", "dissector")
        equal(int(direction), 0 if record["direction"] == "tx" else 1, "direction")
        check(protocol.startswith("WAMP"), f"protocol {protocol}")
        equal(comment, f"correlation {record['correlation']}", "comment")
        equal(int(numbers.split(",")[0]), record["msg"][0], "the first element of the message")
    # What tshark cannot dissect it says in the expert information.
    command = [tshark, "-n", "-r", str(file), "-Y", "_ws.malformed or _ws.expert.severity >= 6291456"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=REQUEST_SECONDS)
    equal((done.returncode, done.stdout), (0, ""), "what tshark has to complain about")


def check_perfetto(document, records):
    """The rules of "Trace Event Format": phases, pairs of asynchronous events, names of what is referred to."""
    events = document["traceEvents"]
    equal({event["ph"] for event in events} - PHASES, set(), "phases that nobody knows")
    named = {"process_name": set(), "thread_name": set()}
    for event in events:
        check(isinstance(event["pid"], int) and isinstance(event["tid"], int), f"{event}")
        if event["ph"] == "M":
            check(event["args"]["name"], f"{event}")
            named[event["name"]].add(event["pid"] if event["name"] == "process_name" else (event["pid"], event["tid"]))
        else:
            check(event["ts"] >= 0 and event["name"] and event["cat"], f"{event}")
            check(event["pid"] in named["process_name"], f"no name for the process of {event}")
            check((event["pid"], event["tid"]) in named["thread_name"], f"no name for the thread of {event}")
    check_pairs(events, records)
    instants = [event for event in events if event["ph"] == "i"]
    equal(len(instants), len(records), "messages")
    check(all(event["s"] == "t" for event in instants), "instants of threads")
    origin = document["otherData"]["origin_ts"]
    for event, record in zip(instants, records, strict=True):
        equal(origin + round(event["ts"] * 1000), record["ts"], "moment")


def check_pairs(events, records):
    """Each identifier of a category begins once, ends once and not before, with the same name."""
    open_pairs, closed = {}, []
    for event in events:
        key = (event.get("cat"), event.get("id"))
        if event["ph"] == "b":
            check(event["id"] and key not in open_pairs, f"begins twice: {event}")
            open_pairs[key] = event
        elif event["ph"] == "e":
            begin = open_pairs.pop(key)
            check(begin["name"] == event["name"] and begin["ts"] <= event["ts"], f"{begin} {event}")
            closed.append(key)
    equal(open_pairs, {}, "what has not ended")
    equal(len(set(closed)), len(closed), "identifiers that are used again")
    actions = {record["correlation"] for record in records}
    equal({id for category, id in closed if category == "action"}, actions, "actions")
    deliveries = [id.partition("/")[0] for category, id in closed if category == "delivery"]
    equal(len(deliveries), CALL_COUNT + 1, "invocations and events")
    check(set(deliveries) <= actions, "a delivery without its action")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate", "--tshark")
