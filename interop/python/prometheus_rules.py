"""The rules for Prometheus are well formed and do what their tests say; rules and dashboard ask for metrics that a router has."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from peer import check, equal
from programs import main

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
RULES = CONTRIB / "prometheus" / "flowgate.rules.yml"
DASHBOARD = CONTRIB / "grafana" / "flowgate.json"
DOCUMENTATION = CONTRIB.parent / "docs" / "metrics.md"

SUFFIX = re.compile(r"_(bucket|sum|count)$")


def known_metrics():
    """Every metric of the catalogue, which a test holds against the registry."""
    return set(re.findall(r"^\| `((?:flowgate|process)_\w+)` \|", DOCUMENTATION.read_text(), re.MULTILINE))


def asked_for(text):
    return {SUFFIX.sub("", name) for name in re.findall(r"\b(?:flowgate|process)_\w+", text)}


def expressions(panel):
    yield from (target["expr"] for target in panel.get("targets", []))
    for inner in panel.get("panels", []):
        yield from expressions(inner)


def promtool(options, action, file):
    command = [options.promtool, action, "rules", file.name]
    done = subprocess.run(command, cwd=file.parent, text=True, capture_output=True)
    check(done.returncode == 0, f"promtool {action} {file.name}: {done.stdout}{done.stderr}")


def scenario(options):
    for action, file in [("check", RULES), ("test", RULES.with_suffix(".test.yml"))]:
        promtool(options, action, file)
    rules = "\n".join(line for line in RULES.read_text().splitlines() if "record:" not in line)
    rules = re.sub(r"flowgate:\w+(:\w+)*", "", rules)
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [text for panel in dashboard["panels"] for text in expressions(panel)]
    check(len(asked) > 20, "the dashboard has panels")
    for text in [rules, *asked]:
        equal(asked_for(text) - known_metrics(), set(), f"unknown metrics in {text}")
    groups = []
    for number, text in enumerate(asked):
        plain = text.replace("$__rate_interval", "5m").replace('"$', '"')
        groups.append({"name": str(number), "rules": [{"record": "panel", "expr": plain}]})
    with tempfile.TemporaryDirectory(prefix="flowgate-") as directory:
        file = Path(directory, "dashboard.yml")
        # JSON is YAML.
        file.write_text(json.dumps({"groups": groups}))
        promtool(options, "check", file)
    print(f"ok {len(asked)} expressions")


if __name__ == "__main__":
    main(__doc__, scenario, "--flowgate", "--promtool")
