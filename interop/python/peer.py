"""Sessions of autobahn-python, one way to write a scenario for both of its frameworks.

A scenario is an `async def scenario(framework, options)`.
It may await everything that autobahn returns: futures on asyncio, Deferreds on Twisted.
It never sleeps: it waits for the event itself, and a watchdog ends the process when that never comes.
"""

import argparse
import faulthandler
from collections import deque

import txaio

REALM = "realm1"

# Longer than any scenario needs on a loaded machine, shorter than the harness waits.
WATCHDOG_SECONDS = 50


class Wire:
    """The size of every serialized WAMP message of one connection, as the client itself sees it.

    Once `keep_messages` is set, also the messages, as lists, in the same order.
    """

    def __init__(self, keep_messages=False):
        self.sent = []
        self.received = []
        self.keep_messages = keep_messages
        self.sent_messages = []
        self.received_messages = []

    def cut(self):
        """Hands out what was counted so far and starts from nothing."""
        counted, self.sent, self.received = (self.sent, self.received), [], []
        return counted


def _serializer(format_name, wire):
    """An autobahn serializer that notes the size of what passes through it.

    `format_name` is `json`, `msgpack` or `cbor`, with `.batched` for the batched form.
    """
    from autobahn.wamp import serializer

    name, _, batched = format_name.partition(".")
    base = {
        "json": serializer.JsonSerializer,
        "msgpack": serializer.MsgPackSerializer,
        "cbor": serializer.CBORSerializer,
    }[name]

    # Autobahn makes a shallow copy for each connection: the copy shares `wire`.
    class Counting(base):
        def serialize(self, msg):
            data, is_binary = super().serialize(msg)
            wire.sent.append(len(data))
            if wire.keep_messages:
                wire.sent_messages.extend(self._serializer.unserialize(data))
            return data, is_binary

        def unserialize(self, payload, isBinary=None):
            wire.received.append(len(payload))
            if wire.keep_messages:
                wire.received_messages.extend(self._serializer.unserialize(payload))
            return super().unserialize(payload, isBinary)

    return Counting(batched=bool(batched))


class Framework:
    """asyncio or Twisted, chosen once per process."""

    def __init__(self, name):
        if name == "asyncio":
            txaio.use_asyncio()
            from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
        else:
            txaio.use_twisted()
            from autobahn.twisted.wamp import ApplicationRunner, ApplicationSession
        self.name = name
        self._runner = ApplicationRunner
        self._session = ApplicationSession

    def run(self, scenario):
        """Runs the coroutine function `scenario` to its end; its exception ends the process."""
        if self.name == "asyncio":
            import asyncio

            async def main():
                txaio.config.loop = asyncio.get_running_loop()
                await scenario()

            asyncio.run(main())
        else:
            from twisted.internet import reactor, task
            from twisted.internet.defer import ensureDeferred

            txaio.config.loop = reactor
            task.react(lambda _reactor: ensureDeferred(scenario()))

    async def join(self, url, format_name, realm=REALM, stay_connected=False, keep_messages=False):
        """A session that has joined `realm`.

        Its `wire` counts the connection, its `details` are those of the join, and `left` is a
        future of the reason with which it ends.
        With `stay_connected` the connection outlives the session, for a second HELLO.
        With `keep_messages` its `wire` has the messages, too.
        """
        wire = Wire(keep_messages)
        joined = txaio.create_future()

        class Session(self._session):
            def onConnect(self):
                self.rejoin()

            def rejoin(self):
                """Sends a HELLO; `left` is from now on about the new session."""
                self.left = txaio.create_future()
                self.join(realm)

            def onJoin(self, details):
                self.details = details
                if not txaio.is_called(joined):
                    txaio.resolve(joined, self)
                else:
                    txaio.resolve(self.joined_again, self)

            def onLeave(self, details):
                if not txaio.is_called(joined):
                    error = RuntimeError(f"not joined: {details.reason}: {details.message}")
                    txaio.reject(joined, error)
                if not txaio.is_called(self.left):
                    txaio.resolve(self.left, details.reason)
                if not stay_connected:
                    self.disconnect()

            def drop(self):
                """Cuts the connection without a word."""
                self._transport.abort()

        def make(config):
            session = Session(config)
            session.wire = wire
            session.joined_again = txaio.create_future()
            return session

        runner = self._runner(url, realm, serializers=[_serializer(format_name, wire)])
        if self.name == "asyncio":
            await runner.run(make, start_loop=False)
        else:
            await runner.run(make, start_reactor=False)
        return await joined


class Inbox:
    """What handlers were told, in order, with an awaitable end."""

    def __init__(self):
        self._items = deque()
        self._waiter = None

    def put(self, item):
        self._items.append(item)
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            txaio.resolve(waiter, None)

    async def get(self):
        while not self._items:
            self._waiter = txaio.create_future()
            await self._waiter
        return self._items.popleft()


async def expect_error(uri, awaitable):
    """Awaits a request that must fail with `uri`; returns the error."""
    from autobahn.wamp.exception import ApplicationError

    try:
        result = await awaitable
    except ApplicationError as error:
        check(error.error == uri, f"expected {uri}, got {error}")
        return error
    raise AssertionError(f"expected {uri}, got the result {result!r}")


def check(condition, message):
    """An assertion that `python -O` does not remove."""
    if not condition:
        raise AssertionError(message)


def equal(actual, expected, what):
    """Fails unless both are equal and of the same types, all the way down."""
    check(_same(actual, expected), f"{what}: expected {expected!r}, got {actual!r}")


def _same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


def main(description, scenario, *arguments, watchdog_seconds=WATCHDOG_SECONDS):
    """Parses the command line and runs `scenario(framework, options)`.

    `arguments` name further required options; without a watchdog it may run for ever.
    """
    if watchdog_seconds is not None:
        # Before autobahn is imported, so that a hang in there is shown too.
        faulthandler.dump_traceback_later(watchdog_seconds, exit=True)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--framework", choices=["asyncio", "twisted"], required=True)
    parser.add_argument("--url", required=True, help="ws://host:port/ws or rs://host:port")
    for argument in arguments:
        parser.add_argument(argument, required=True)
    options = parser.parse_args()
    framework = Framework(options.framework)
    framework.run(lambda: scenario(framework, options))
