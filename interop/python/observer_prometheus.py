"""Prometheus scrapes the observer's page and has exactly what the page shows; promtool can read it."""

import observer_lines
from peer import equal
from programs import fetch, flowgate_observe, flowgate_run_with_observer, lint, main, prometheus

# What promtool would have otherwise in what php-wamp-observer shows: it gives help for `hits`.
ACCEPTED_ADVICE = {"hits_total no help text"}


def scenario(options):
    observers = {
        "observe": lambda: flowgate_observe(options.flowgate, "300ms"),
        "run": lambda: flowgate_run_with_observer(options.flowgate, 0.3),
    }
    with observers[options.command]() as observer:
        observer_lines.send(observer)
        shown = observer.samples()
        for page, advice in [(observer.page, ACCEPTED_ADVICE), (observer.own_page, set())]:
            _type, text = fetch(page)
            equal(lint(options.promtool, text), advice, page)
        with prometheus(options.prometheus, observer.page) as server:
            server.wait_for_scrape()
            equal(server.scraped(), shown, "what Prometheus has")
            types = {
                about["metric"]: about["type"]
                for about in server.ask("targets/metadata")
                if not about["metric"].startswith("scrape_")
            }
            equal(types["wamp_in_responses_seconds"], "summary", "type")
            equal(types["wamp_in_responses_total_seconds"], "histogram", "type")
    print(f"ok {len(shown)} series")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate", "--prometheus", "--promtool", "--command")
