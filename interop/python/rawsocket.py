"""A router as a process, and a client for it that needs nothing but sockets and does one thing after the other."""

import contextlib
import json
import re
import socket
import struct
import subprocess

from peer import check, equal
from programs import announced, running


@contextlib.contextmanager
def router(binary, *options):
    """A router on free ports: its RawSocket address and its administration interface."""
    command = [binary, "run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        said = announced(process, "try: curl ")
        [(host, port)] = re.findall(r"listening on rs://([^:]+):(\d+)", said)
        [admin] = re.findall(r"administration on (\S+)", said)
        yield (host, int(port)), admin


class RawSocket:
    """A WAMP client in JSON that does one thing after the other."""

    def __init__(self, address):
        self._socket = socket.create_connection(address)
        self._socket.sendall(bytes([0x7F, 0xF1, 0, 0]))
        check(self._read(4)[:2] == bytes([0x7F, 0xF1]), "the router takes RawSocket with JSON")

    def _read(self, length):
        octets = b""
        while len(octets) < length:
            more = self._socket.recv(length - len(octets))
            check(more, "the router has closed the connection")
            octets += more
        return octets

    def say(self, *message):
        octets = json.dumps(message).encode()
        self._socket.sendall(struct.pack(">I", len(octets)) + octets)

    def hear(self, code):
        message = json.loads(self._read(*struct.unpack(">I", self._read(4))))
        equal(message[0], code, f"message type of {message}")
        return message

    def join(self):
        """The session that HELLO opens in realm1."""
        roles = {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}
        self.say(1, "realm1", {"roles": roles})
        return self.hear(2)[1]
