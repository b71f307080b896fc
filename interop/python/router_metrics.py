"""Prometheus scrapes a router's metrics and has exactly what the page shows, which is what the client did; promtool and prometheus-client can read it."""

import urllib.request

from peer import check, equal
from programs import families, fetch, lint, main, prometheus, samples, series, until
from rawsocket import RawSocket, router

CALL_COUNT = 25

# What a scrape itself does not change, and what is the client's doing.
STEADY = ("flowgate_messages_total", "flowgate_message_bytes_total", "flowgate_rpc_", "flowgate_sessions")


def work(address):
    """Joins, registers, and calls itself."""
    client = RawSocket(address)
    client.say(1, "realm1", {"roles": {"caller": {}, "callee": {}}})
    client.hear(2)
    client.say(64, 1, {}, "com.example.echo")
    client.hear(65)
    for request in range(2, CALL_COUNT + 2):
        client.say(48, request, {}, "com.example.echo", ["hello"])
        invocation = client.hear(68)
        client.say(70, invocation[1], {}, invocation[4])
        client.hear(50)
    return client


def steady(found):
    return {key: value for key, value in found.items() if key[0].startswith(STEADY)}


def scenario(options):
    with router(options.flowgate) as (address, admin):
        page = f"{admin}/metrics"
        client = work(address)
        calls = series("flowgate_rpc_duration_seconds_count", {"realm": "realm1", "procedure": "com.example.echo"})
        # A reply is counted after it has been sent.
        until(lambda: samples(families(*fetch(page))).get(calls) == CALL_COUNT)
        content_type, text = fetch(page)
        shown = samples(families(content_type, text))
        outcome = {"realm": "realm1", "procedure": "com.example.echo", "outcome": "ok"}
        equal(shown[series("flowgate_rpc_calls_total", outcome)], float(CALL_COUNT), "calls")
        equal(lint(options.promtool, text), set(), "promtool's advice")
        # Negotiated by hand: urllib asks for nothing.
        opened = families("application/openmetrics-text", fetch_openmetrics(page))
        equal(steady(samples(opened)), steady(shown), "OpenMetrics shows the same")
        native = ["--enable-feature=native-histograms"]
        for features in [[], native]:
            with prometheus(options.prometheus, page, options=features) as server:
                server.wait_for_scrape()
                if features:
                    name = 'flowgate_rpc_duration_seconds{procedure="com.example.echo"}'
                    [value] = server.query(f"histogram_count({name})").values()
                    equal(value, float(CALL_COUNT), "the native histogram's count")
                    half = f"histogram_quantile(0.5, {name})"
                    [median] = server.query(half).values()
                    check(0 < median < 10, f"a median of {median} s")
                    total = "flowgate_rpc_calls_total"
                    equal(set(server.query(total).values()), {float(CALL_COUNT)}, total)
                else:
                    equal(steady(server.scraped()), steady(shown), "what Prometheus has")
        client.say(6, {}, "wamp.close.close_realm")
        client.hear(6)
    print(f"ok {len(shown)} series")


def fetch_openmetrics(page):
    request = urllib.request.Request(page, headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        check(answer.headers["Content-Type"].startswith("application/openmetrics-text"), "not OpenMetrics")
        return answer.read().decode()


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate", "--prometheus", "--promtool")
