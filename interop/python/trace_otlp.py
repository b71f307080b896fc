"""A collector of OpenTelemetry, as Python has it, gets the spans of calls and publications."""

import http.server
import json
import queue
import tempfile
import threading
from pathlib import Path

from peer import check, equal
from programs import main
from rawsocket import RawSocket, router

CALL_COUNT = 5

# What a client says of the trace that it is part of.
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector(http.server.ThreadingHTTPServer):
    """Takes requests and keeps what is in them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = queue.Queue()

    def spans(self, wanted):
        """All spans up to those of which `wanted` says that they are enough."""
        spans = []
        while not wanted(spans):
            request = self.requests.get()
            for resource in request.resource_spans:
                equal(attributes(resource.resource)["service.name"], "flowgate", "service")
                for scope in resource.scope_spans:
                    spans += scope.spans
        return spans


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

        octets = self.rfile.read(int(self.headers["Content-Length"]))
        equal((self.path, self.headers["Content-Type"]), ("/v1/traces", "application/x-protobuf"), "request")
        self.server.requests.put(service.ExportTraceServiceRequest.FromString(octets))
        answer = service.ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args):
        pass


def attributes(of):
    """Attributes as Python has them."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


def configuration(collector):
    url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    permissions = [{"uri": "", "match": "prefix", "allow": {"call": True, "register": True, "publish": True, "subscribe": True}}]
    return {
        "version": 2,
        "workers": [
            {
                "type": "router",
                "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": permissions}]}],
                "transports": [{"type": "universal", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 8080}, "rawsocket": {}}],
            }
        ],
        "flowgate": {"tracing": {"otlp": {"url": url}}},
    }


def work(address):
    """Calls, the last of which fails, and an event; the sessions of callee and caller."""
    callee, caller = RawSocket(address), RawSocket(address)
    sessions = [client.join() for client in (callee, caller)]
    callee.say(64, 1, {}, "com.interop.echo")
    callee.hear(65)
    callee.say(32, 2, {}, "com.interop.topic")
    callee.hear(33)
    context = {"_traceparent": f"00-{TRACE}-{PARENT}-01"}
    for request in range(1, CALL_COUNT + 1):
        caller.say(48, request, context if request == 1 else {}, "com.interop.echo", ["hello"])
        invocation = callee.hear(68)
        if request < CALL_COUNT:
            callee.say(70, invocation[1], {}, ["hello"])
            caller.hear(50)
        else:
            callee.say(8, 68, invocation[1], {}, "com.interop.error")
            caller.hear(8)
    caller.say(16, CALL_COUNT + 1, {"acknowledge": True}, "com.interop.topic", ["event"])
    caller.hear(17)
    callee.hear(36)
    return sessions


def scenario(options):
    with Collector() as collector, tempfile.TemporaryDirectory() as directory:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        file = Path(directory, "node.json")
        file.write_text(json.dumps(configuration(collector)))
        with router(options.flowgate, "--config", str(file)) as (address, _admin):
            sessions = work(address)
            spans = collector.spans(lambda spans: len(own(spans)) >= 2 * (CALL_COUNT + 1))
        check_spans(own(spans), *sessions)
        collector.shutdown()
    print(f"ok {len(spans)} spans")


def own(spans):
    """The spans of calls and publications of applications."""
    kinds = ("Call com.interop.", "Invocation com.interop.", "Publish com.interop.", "Event com.interop.")
    return [span for span in spans if span.name.startswith(kinds)]


def check_spans(spans, callee, caller):
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

    by_id = {span.span_id: span for span in spans}
    equal(len(by_id), len(spans), "identifiers of spans")
    counts = {}
    for span in spans:
        word = span.name.partition(" ")[0]
        counts[word] = counts.get(word, 0) + 1
        equal((len(span.trace_id), len(span.span_id)), (16, 8), "sizes of identifiers")
        check(0 < span.start_time_unix_nano <= span.end_time_unix_nano, f"moments of {span}")
        equal(attributes(span)["wamp.realm"], "realm1", "realm")
        is_origin = word in ("Call", "Publish")
        equal(attributes(span)["wamp.session"], caller if is_origin else callee, f"session of {word}")
        kinds = {
            "Call": Span.SPAN_KIND_SERVER,
            "Invocation": Span.SPAN_KIND_CLIENT,
            "Publish": Span.SPAN_KIND_PRODUCER,
            "Event": Span.SPAN_KIND_CONSUMER,
        }
        equal(span.kind, kinds[word], f"kind of {word}")
        if not is_origin:
            parent = by_id[span.parent_span_id]
            equal(span.trace_id, parent.trace_id, "trace of a span and its parent")
            check(parent.start_time_unix_nano <= span.start_time_unix_nano, f"{span} before {parent}")
    equal(counts, {"Call": CALL_COUNT, "Invocation": CALL_COUNT, "Publish": 1, "Event": 1}, "spans")

    calls = [span for span in spans if span.name.startswith("Call ")]
    failed = [span for span in calls if span.status.code == Status.STATUS_CODE_ERROR]
    equal([attributes(span)["error.type"] for span in failed], ["com.interop.error"], "failed calls")
    joined = [span for span in calls if span.trace_id.hex() == TRACE]
    equal([span.parent_span_id.hex() for span in joined], [PARENT], "the parent that the caller has named")
    [event] = [span for span in spans if span.name.startswith("Event ")]
    equal([link.span_id for link in event.links], [event.parent_span_id], "links of the event")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate")
