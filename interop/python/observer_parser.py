"""The parser of prometheus-client reads the observer's pages, and finds what was sent."""

import observer_lines
from observer_lines import NAMES
from peer import check, equal
from programs import families, fetch, flowgate_observe, main, samples, series


def scenario(options):
    with flowgate_observe(options.flowgate, "300ms") as observer:
        observer_lines.send(observer)
        content_type, text = fetch(observer.page)
        check(content_type.startswith("text/plain; version=0.0.4"), content_type)
        parsed = families(content_type, text)
        types = {family.name: family.type for family in parsed}
        shown = samples(parsed)
        for kind, count in [("in_responses", 5), ("out_responses", 5), ("in_errors", 5), ("in_timeouts", 5)]:
            family = f"wamp_{kind}"
            equal(types[f"{family}_seconds"], "summary", family)
            equal(types[f"{family}_total_seconds"], "histogram", family)
            equal(shown[series(f"{family}_total_seconds_count", {})], float(count), family)
            for name in NAMES:
                labelled = series(f"{family}_seconds_count", {"message": name})
                equal(shown[labelled], 1.0, f"{family} of {name!r}")
        for name in NAMES:
            equal(shown[series("hits_total", {"page": name})], 1.0, "hits")
            equal(shown[series("load_seconds_sum", {"page": name})], 0.25, "load")
        own = {family.name: family.type for family in families(*fetch(observer.own_page))}
        equal(own["flowgate_observer_requests"], "counter", "requests")
        equal(own["flowgate_observer_connections"], "gauge", "connections")
        print(f"ok {len(shown)} series")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate")
