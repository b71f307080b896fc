"""Lines for the observer that have all that a page can have, and waiting until they are counted."""

import json
import socket

from programs import until

# Names and values that have to be escaped on the page.
NAMES = ["Reset", 'say "hi"', "back\\slash", "two\nlines", "grüße/1"]

REQUESTS_COUNT = 20


def send(observer):
    """Sends calls that are answered, that fail and that nobody answers, and measurements."""
    lines = []
    for number in range(REQUESTS_COUNT):
        name = NAMES[number % len(NAMES)]
        lines.append(("in", [2, f"id{number}", name, {}]))
        if number % 4 != 3:
            kind = 4 if number % 4 == 2 else 3
            lines.append(("out" if number % 4 == 1 else "in", [kind, f"id{number}", {}]))
    _send(observer.lines, (["wamp", direction, json.dumps(message)] for direction, message in lines))
    measured = [["hits", "page", name] for name in NAMES]
    measured += [["load", "page", name, "0.25"] for name in NAMES]
    _send(observer.counters, measured)
    until(lambda: observer.own("replies_total") == len(lines) - REQUESTS_COUNT)
    until(lambda: observer.own("measured_lines_total") == len(measured))
    # From now on the page stays as it is.
    until(lambda: observer.own("pending_requests") == 0)


def _send(address, lines):
    with socket.create_connection(address) as connection:
        connection.sendall("".join(json.dumps(line) + "\n" for line in lines).encode())
