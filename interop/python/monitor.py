"""A monitor of session statistics: prints who joins, what each session used, and who leaves.

Runs on its own as well, until interrupted:
    python monitor.py --framework asyncio --url ws://127.0.0.1:8080/ws
"""

from pprint import pformat

from peer import Inbox, main

# The topics that the router publishes session meta events to.
ON_JOIN = "wamp.session.on_join"
ON_STATS = "wamp.session.on_stats"
ON_LEAVE = "wamp.session.on_leave"


class Monitor:
    """Everything the router told about its sessions, in the order in which it was told."""

    def __init__(self):
        self._heard = []
        self._inbox = Inbox()

    async def watch(self, session):
        """Subscribes to the three topics; handlers take whatever arguments come."""
        for topic in (ON_JOIN, ON_STATS, ON_LEAVE):
            await session.subscribe(self._handler(topic), topic)

    def _handler(self, topic):
        def on_event(*args, **kwargs):
            print(f"{topic}\n{pformat((args, kwargs))}", flush=True)
            event = (topic, args, kwargs)
            self._heard.append(event)
            self._inbox.put(event)

        return on_event

    def about(self, session_id):
        """The events about one session so far, as (topic, args, kwargs)."""
        return [event for event in self._heard if _subject(event) == session_id]

    async def until(self, condition):
        """Waits until `condition(self)` holds, looked at after every event."""
        while not condition(self):
            await self._inbox.get()

    async def until_left(self, session_id):
        """Waits for the on_leave of a session."""
        await self.until(lambda _: any(e[0] == ON_LEAVE for e in self.about(session_id)))


def _subject(event):
    """The id of the session that an event is about, for every shape that the event might have."""
    _topic, args, _kwargs = event
    about = args[0] if args else None
    return about.get("session") if isinstance(about, dict) else about


async def _scenario(framework, options):
    session = await framework.join(options.url, "json")
    print(f"monitor joined as {session.details.session}", flush=True)
    await Monitor().watch(session)
    print(f"monitor left: {await session.left}", flush=True)


if __name__ == "__main__":
    main(__doc__, _scenario, watchdog_seconds=None)
