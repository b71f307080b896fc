"""Traces managed and monitored as the example scripts of Crossbar.io do it, under its names.

The names and the shapes are Crossbar.io's: nodes, their workers, and the traces of each worker; and traces that are defined for several workers at once.
"""

from peer import Inbox, check, equal, main

CENTER = "crossbarfabriccenter"
REMOTE = f"{CENTER}.remote.tracing"
DEFINED = f"{CENTER}.mrealm.tracing"

CALLS_COUNT = 5


async def scenario(framework, options):
    manager = await framework.join(options.url, options.format)
    subject = await framework.join(options.url, options.format)
    procedure = f"interop.center.{framework.name}.s{subject.details.session}"
    await subject.register(lambda number: number, procedure)

    places = [place async for place in routers(manager)]
    check(places, "no router")
    await messages(framework, options, manager, subject, places, procedure)
    print("ok messages", flush=True)
    for step in (actions, defined):
        await step(manager, subject, places, procedure)
        print(f"ok {step.__name__}", flush=True)
    for session in (manager, subject):
        await session.leave()


async def routers(manager):
    """Node and worker of each router, without a trace that runs."""
    for node in await manager.call(f"{CENTER}.mrealm.get_nodes", status="online"):
        for worker in await manager.call(f"{CENTER}.remote.node.get_workers", node):
            about = await manager.call(f"{CENTER}.remote.node.get_worker", node, worker)
            if about["type"] != "router":
                continue
            for trace in await manager.call(f"{REMOTE}.get_traces", node, worker):
                info = await manager.call(f"{REMOTE}.get_trace", node, worker, trace)
                if info["status"] == "running":
                    await manager.call(f"{REMOTE}.stop_trace", node, worker, trace)
            yield node, worker


def message_line(record):
    """A message as the monitors print it, which fails for what cannot be filled in with blanks."""
    return "{:3} {:12} {:18} {:8} {:8} {:38} {:30}".format(
        record["direction"].upper(),
        record["msg_type"],
        str(record["session_id"]),
        str(record["correlation_is_anchor"]),
        str(record["correlation_is_last"]),
        record["correlation"],
        record["correlation_uri"],
    )


def action_line(record):
    """An action, likewise."""
    return "{:10} {:12} {:8} {:<16} {:<10} {:38} {:30}".format(
        record["realm"],
        record["action"],
        str(record["success"]),
        record["originator"],
        len(record["responders"]),
        record["correlation_id"],
        record["correlation_uri"],
    )


async def work(subject, procedure):
    for number in range(CALLS_COUNT):
        equal(await subject.call(procedure, number), number, "result")


async def monitor(manager, prefix, *events):
    """Inboxes of the events' arguments."""
    inboxes = []
    for event in events:
        inbox = Inbox()
        await manager.subscribe(lambda *args, inbox=inbox: inbox.put(args), f"{prefix}.{event}")
        inboxes.append(inbox)
    return inboxes


async def messages(framework, options, manager, subject, places, procedure):
    """A trace with the options of nobody in particular, monitored live and read in the end."""
    names = ("on_trace_started", "on_trace_stopped", "on_trace_data")
    started, stopped, data = await monitor(manager, REMOTE, *names)
    for place in places:
        info = await manager.call(f"{REMOTE}.start_trace", *place, None, trace_options=None)
        trace = info["id"]
        told = await started.get()
        equal(list(told[:3]), [*place, trace], "on_trace_started")

        # What is no part of an action, as a session that joins, is nothing that monitors can print.
        passer_by = await framework.join(options.url, options.format)
        await passer_by.leave()
        await passer_by.left
        await work(subject, procedure)
        records = []
        while sum(record["msg_type"] == "Result" for record in records) < CALLS_COUNT:
            node, worker, of, _period, batch = await data.get()
            equal([node, worker, of], [*place, trace], "on_trace_data")
            records += batch
        for record in records:
            message_line(record)
            check("msg" not in record, "payload that nobody has asked for")
        fetched = await manager.call(f"{REMOTE}.get_trace_data", *place, trace, 0)
        equal(fetched[: len(records)], records[:100], "fetched records")

        info = await manager.call(f"{REMOTE}.stop_trace", *place, trace)
        equal(info["status"], "stopped", "status")
        told = await stopped.get()
        equal(list(told[:3]), [*place, trace], "on_trace_stopped")


async def actions(manager, subject, places, procedure):
    """A trace of actions instead of messages."""
    options = {"trace_level": "action", "batching_period": 200, "persist": False}
    for place in places:
        info = await manager.call(f"{REMOTE}.start_trace", *place, None, trace_options=options)
        await work(subject, procedure)
        await manager.call(f"{REMOTE}.stop_trace", *place, info["id"])
        records = await manager.call(f"{REMOTE}.get_trace_data", *place, info["id"], 0)
        check_calls(records, subject, procedure)


async def defined(manager, subject, places, procedure):
    """A trace that is created, started, stopped and deleted."""
    trace = "interop-actions"
    names = ["created", "starting", "started", "stopping", "stopped", "deleted"]
    lifecycle = await monitor(manager, DEFINED, *(f"on_trace_{name}" for name in names))
    [data] = await monitor(manager, DEFINED, "on_trace_data")
    equal(await manager.call(f"{DEFINED}.get_trace", trace), None, "trace before it is created")
    options = {"trace_level": "action", "batching_period": 200}
    readers = [manager.details.authrole]
    await manager.call(f"{DEFINED}.create_trace", trace, places, options, readers, None)
    check(trace in await manager.call(f"{DEFINED}.get_traces"), "the trace is not listed")
    equal((await manager.call(f"{DEFINED}.get_trace", trace))["status"], "stopped", "status")

    outcome = await manager.call(f"{DEFINED}.start_trace", trace)
    equal(len(outcome["started"]), len(places), "started traces")
    equal(outcome["failed"], [], "failed traces")
    equal((await manager.call(f"{DEFINED}.get_trace", trace))["status"], "running", "status")

    await work(subject, procedure)
    records = []
    while len(calls(records, subject, procedure)) < CALLS_COUNT * len(places):
        node, worker, told, _period, batch = await data.get()
        check((node, worker) in places and told == trace, f"data of {node} {worker} {told}")
        records += batch
    check_calls(records, subject, procedure)
    found = await manager.call(f"{DEFINED}.get_trace_data", trace, limit=5)
    for node, worker in places:
        equal(found[node][worker]["success"], True, "success of the data")
        check(found[node][worker]["data"], "no data")

    outcome = await manager.call(f"{DEFINED}.stop_trace", trace)
    equal(len(outcome["stopped"]), len(places), "stopped traces")
    await manager.call(f"{DEFINED}.delete_trace", trace)
    equal(await manager.call(f"{DEFINED}.get_trace", trace), None, "trace after it is deleted")
    for name, inbox in zip(names, lifecycle, strict=True):
        equal((await inbox.get())[0], trace, f"on_trace_{name}")


def calls(records, subject, procedure):
    return [
        record
        for record in records
        if record["action"] == "Call"
        and record["correlation_uri"] == procedure
        and record["originator"] == subject.details.session
    ]


def check_calls(records, subject, procedure):
    own = calls(records, subject, procedure)
    equal(len(own), CALLS_COUNT, "calls")
    for record in records:
        action_line(record)
    for record in own:
        equal(record["success"], True, "success")
        [responder] = record["responders"]
        equal(responder["session_id"], subject.details.session, "responder")
        check(record["duration_ns"] > 0, "a call takes time")


if __name__ == "__main__":
    main(__doc__, scenario, "--format")
