"""A hundred PHP processes log their calls: the page shows exactly what they say they sent."""

import json
import subprocess
from collections import Counter

from peer import check, equal
from programs import flowgate_observe, main, series, until

WRITERS_COUNT = 100

# Each end of a request occurs in exactly its share of so many.
REQUESTS_COUNT = 198

# No writer is kept from its processor for so long between a request and its answer.
TIMEOUT_SECONDS = 3

# What the observer calls what a writer calls so.
KINDS = {"responses": "responses", "errors": "errors", "late": "timeouts", "unanswered": "timeouts"}


def scenario(options):
    with flowgate_observe(options.flowgate, f"{TIMEOUT_SECONDS}s") as observer:
        reports = run_writers(options, observer)
        expected = Counter()
        late_count = 0
        for direction, report in reports:
            for fate, by_name in report.items():
                for name, count in by_name.items():
                    expected[f"wamp_{direction}_{KINDS[fate]}", name] += count
            late_count += sum(report["late"].values())
            ends = {fate: sum(by_name.values()) for fate, by_name in report.items()}
            equal(ends, ends_of_one_writer(), "how the requests of one writer end")

        replies_count = late_count + sum(
            count for (family, _name), count in expected.items() if not family.endswith("timeouts")
        )
        until(lambda: observer.own("replies_total") == replies_count)
        compare(observer.samples(), expected)
        equal(observer.own("requests_total"), float(WRITERS_COUNT * REQUESTS_COUNT), "requests")
        equal(observer.own("empty_lines_total"), float(WRITERS_COUNT), "messages not in UTF-8")
        for name in ["malformed_lines", "replaced_requests", "unpaired_requests"]:
            equal(observer.own(f"{name}_total"), 0.0, name)
        print(f"ok {sum(expected.values())} requests, {late_count} late replies")


def ends_of_one_writer():
    """How many requests of one writer end how."""
    late = unanswered = REQUESTS_COUNT // 9
    errors = REQUESTS_COUNT // 99
    responses = REQUESTS_COUNT - late - unanswered - errors
    return {"responses": responses, "errors": errors, "late": late, "unanswered": unanswered}


def run_writers(options, observer):
    """Runs all writers at once: the direction that each logs, and what it reports."""
    writers = []
    try:
        for seed in range(WRITERS_COUNT):
            direction = ("in", "out")[seed % 2]
            arguments = [str(observer.lines[1]), str(seed), str(REQUESTS_COUNT), direction]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            writer = subprocess.Popen([options.php, options.writer, *arguments], **pipes)
            writers.append((direction, writer))
        ends = ends_of_one_writer()
        timeouts_count = WRITERS_COUNT * (ends["late"] + ends["unanswered"])
        until(lambda: observer.own("timed_out_requests_total") == timeouts_count)
        # Now every late reply is late.
        for _direction, writer in writers:
            writer.stdin.write("go on\n")
            writer.stdin.flush()
        reports = []
        for direction, writer in writers:
            said, _ = writer.communicate()
            equal(writer.returncode, 0, "exit code of a writer")
            reports.append((direction, json.loads(said)))
        return reports
    finally:
        for _direction, writer in writers:
            if writer.poll() is None:
                writer.kill()
                writer.wait()


def compare(shown, expected):
    """The counts of the page are those that are expected, and there are no others."""
    counts = {}
    for (name, labels), value in shown.items():
        names = dict(labels)
        if name.endswith("_seconds_count") and "message" in names:
            counts[name.removesuffix("_seconds_count"), names["message"]] = int(value)
    equal(counts, dict(expected), "counts by name")
    families = Counter()
    for (family, _name), count in expected.items():
        families[family] += count
    for family, count in families.items():
        equal(shown[series(f"{family}_total_seconds_count", {})], float(count), family)
        bucket = f"{family}_total_seconds_bucket"
        equal(shown[series(bucket, {"le": "+Inf"})], float(count), bucket)
        sum_seconds = shown[series(f"{family}_total_seconds_sum", {})]
        if family.endswith("timeouts"):
            equal(shown[series(bucket, {"le": "2.5"})], 0.0, "timeouts before the time")
            check(sum_seconds >= count * TIMEOUT_SECONDS, f"{sum_seconds} s for {count} timeouts")
        else:
            check(sum_seconds < count * TIMEOUT_SECONDS, f"{sum_seconds} s for {count} {family}")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate", "--php", "--writer")
