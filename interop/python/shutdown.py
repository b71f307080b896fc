"""SIGTERM ends the router politely: every session hears why. Needs the router's process id."""

import os
import signal

from peer import equal, main

FORMATS = ("json", "msgpack", "cbor")


async def scenario(framework, options):
    websocket = [await framework.join(options.url, name) for name in FORMATS]
    rawsocket = [await framework.join(options.rawsocket_url, name) for name in FORMATS]
    os.kill(int(options.router_pid), signal.SIGTERM)
    for session in websocket + rawsocket:
        equal(await session.left, "wamp.close.system_shutdown", "reason of the GOODBYE")
    print("ok GOODBYE for every session")


if __name__ == "__main__":
    main(__doc__, scenario, "--rawsocket-url", "--router-pid")
