"""Flowgate and Prometheus as processes, and what they show over HTTP.

Nothing here sleeps for a while and hopes: `until` asks again until the answer is yes, and a watchdog ends the process when that never comes.
"""

import argparse
import contextlib
import faulthandler
import json
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from peer import WATCHDOG_SECONDS, check
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as plain_text

POLL_SECONDS = 0.02

REQUEST_SECONDS = 10

# How Prometheus names the target.
JOB = "flowgate"


def main(description, scenario, *arguments):
    """Parses the command line, on which all `arguments` are required, and runs `scenario`."""
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
    parser = argparse.ArgumentParser(description=description)
    for argument in arguments:
        parser.add_argument(argument, required=True)
    scenario(parser.parse_args())


def until(ask):
    """Asks until the answer is true, and returns it."""
    while not (answer := ask()):
        time.sleep(POLL_SECONDS)
    return answer


def fetch(url):
    """Content type and text."""
    with urllib.request.urlopen(url, timeout=REQUEST_SECONDS) as answer:
        return answer.headers.get("Content-Type", ""), answer.read().decode()


def families(content_type, text):
    """The metric families of a page, by the parser of prometheus-client for its format."""
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    parser = openmetrics if is_openmetrics else plain_text
    return list(parser.text_string_to_metric_families(text))


def samples(families):
    """The value of each series, by its name and labels as `series` has them."""
    every = [sample for family in families for sample in family.samples]
    found = {series(sample.name, sample.labels): float(sample.value) for sample in every}
    check(len(found) == len(every), "a series occurs twice")
    return found


def series(name, labels):
    """A key for a series; bounds of buckets are numbers, since writers differ in `1` and `1.0`."""
    normal = {**labels, "le": float(labels["le"])} if "le" in labels else labels
    return name, frozenset(normal.items())


@contextlib.contextmanager
def running(command, **options):
    """A process that must still run at the end, and that is ended then."""
    process = subprocess.Popen(command, text=True, **options)
    try:
        yield process
        check(process.poll() is None, f"{command[0]} ended with {process.poll()}")
    finally:
        process.terminate()
        try:
            process.wait(REQUEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Observer:
    """Where an observer takes lines, and where its pages are."""

    def __init__(self, lines, counters, page, own_page):
        self.lines = lines
        self.counters = counters
        self.page = page
        self.own_page = own_page

    def samples(self):
        return samples(families(*fetch(self.page)))

    def own(self, name):
        """A count of the observer about itself."""
        return samples(families(*fetch(self.own_page)))[series(f"flowgate_observer_{name}", {})]


@contextlib.contextmanager
def flowgate_observe(binary, timeout):
    """`flowgate observe` on free ports."""
    any_port = "127.0.0.1:0"
    command = [binary, "observe", "--listen", any_port, "--counters", any_port]
    command += ["--metrics", any_port, "--timeout", timeout]
    with running(command, stdout=subprocess.PIPE) as process:
        said = announced(process, "try: curl ")
        [lines] = re.findall(r"listening on (\S+) for messages", said)
        [counters] = re.findall(r"listening on (\S+) for counts", said)
        [page] = re.findall(r"curl (\S+)/metrics", said)
        yield Observer(_address(lines), _address(counters), f"{page}/metrics", f"{page}/self/metrics")


@contextlib.contextmanager
def flowgate_run_with_observer(binary, timeout_seconds):
    """`flowgate run` on free ports, with an observer beside the router."""
    any_port = "127.0.0.1:0"
    observer = {"listen": any_port, "counters": any_port, "timeout": timeout_seconds}
    with router(binary, {"observer": observer}) as (said, admin):
        lines, counters = re.findall(r"observing on (\S+)", said)
        page = f"{admin}/observer"
        yield Observer(_address(lines), _address(counters), f"{page}/metrics", f"{page}/self/metrics")


@contextlib.contextmanager
def router(binary, flowgate):
    """`flowgate run` on free ports with this section `flowgate`: what it says, and its administration interface."""
    any_port = "127.0.0.1:0"
    # The ports of the file are replaced on the command line.
    configuration = {
        "version": 2,
        "workers": [
            {
                "type": "router",
                "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": []}]}],
                "transports": [
                    {
                        "type": "websocket",
                        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 8080},
                    }
                ],
            }
        ],
        "flowgate": flowgate,
    }
    with tempfile.TemporaryDirectory(prefix="flowgate-") as directory:
        file = Path(directory, "node.json")
        file.write_text(json.dumps(configuration))
        command = [binary, "run", "--config", str(file), "--listen", any_port, "--admin", any_port]
        with running(command, stdout=subprocess.PIPE) as process:
            said = announced(process, "try: curl ")
            [admin] = re.findall(r"administration on (\S+)", said)
            yield said, admin


def announced(process, last):
    """What a process says until a line that starts with `last`."""
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(last):
            return said
    raise AssertionError(f"the process ended: {said}")


def _address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


class Prometheus:
    """A Prometheus that scrapes one page again and again."""

    def __init__(self, url):
        self._url = url

    def ask(self, path, **parameters):
        """The data that the HTTP API has to say."""
        query = urllib.parse.urlencode(parameters)
        _type, text = fetch(f"{self._url}/api/v1/{path}?{query}")
        answer = json.loads(text)
        check(answer["status"] == "success", text)
        return answer["data"]

    def query(self, expression):
        """The value of each series now, without what Prometheus adds to its labels."""
        found = {}
        for result in self.ask("query", query=expression)["result"]:
            labels = result["metric"]
            name = labels.pop("__name__", "")
            check(labels.pop("job") == JOB, "a series of another job")
            labels.pop("instance")
            found[series(name, labels)] = float(result["value"][1])
        return found

    def wait_for_scrape(self):
        """Waits until the page has been scraped anew, and stored, from now on."""
        since = time.time()
        scraped = f'timestamp(up{{job="{JOB}"}} == 1)'
        until(lambda: any(at > since for at in self.query(scraped).values()))

    def scraped(self):
        """All that the page has, as Prometheus has it."""
        own = {"up"}
        found = self.query(f'{{job="{JOB}"}}')
        return {
            (name, labels): value
            for (name, labels), value in found.items()
            if name not in own and not name.startswith("scrape_")
        }


@contextlib.contextmanager
def prometheus(program, page, scrape_interval="100ms", options=()):
    """Prometheus on a free port, which scrapes the URL `page`."""
    url = urllib.parse.urlsplit(page)
    target = {
        "job_name": JOB,
        "scrape_interval": scrape_interval,
        "scrape_timeout": scrape_interval,
        "metrics_path": url.path,
        "static_configs": [{"targets": [url.netloc]}],
    }
    with tempfile.TemporaryDirectory(prefix="flowgate-prometheus-") as directory:
        # JSON is YAML.
        file = Path(directory, "prometheus.yml")
        file.write_text(json.dumps({"scrape_configs": [target]}))
        address = f"127.0.0.1:{_free_port()}"
        command = [program, f"--config.file={file}", f"--storage.tsdb.path={directory}/data"]
        command += [f"--web.listen-address={address}", *options]
        with running(command) as process:

            def is_ready():
                check(process.poll() is None, f"Prometheus ended with {process.poll()}")
                try:
                    return fetch(f"http://{address}/-/ready")
                except (urllib.error.URLError, ConnectionError):
                    return None

            until(is_ready)
            yield Prometheus(f"http://{address}")


def _free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def lint(promtool, text):
    """What `promtool check metrics` has to say about a page; it must be able to read it."""
    command = [promtool, "check", "metrics"]
    checked = subprocess.run(command, input=text, text=True, capture_output=True, timeout=REQUEST_SECONDS)
    # 3: it could read the page, and has advice.
    check(checked.returncode in (0, 3), f"promtool cannot read the page: {checked.stderr}")
    return set((checked.stdout + checked.stderr).splitlines())
