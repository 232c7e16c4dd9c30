"""Strangers that connect and say nothing, or never enough, while peers talk."""

from __future__ import annotations

import random
import resource
import selectors
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from time import monotonic, sleep
from typing import Final

from fiscop2p.settings import Settings

from .members import MESH, Member, Mesh, chain, loopbackPorts, running
from .trial import Figure, Trial, atLeast, atMost, exactly

_HOST: Final = "127.0.0.1"
_HELLO: Final = bytes.fromhex("1603010200010001fc0303") + bytes(500)
"""How a TLS handshake begins; the rest of it is never sent."""

_NETWORK: Final = "127.66."
"""Where the strangers come from: all of 127.0.0.0/8 is this machine."""

_SECONDS: Final = 15.0
_AGAIN: Final = 1.0
_MARGIN: Final = 1.0
_INTERVAL: Final = 0.02


class _Flood:
    """
    So many connections at a time, most of them from an address of its own; whichever is cut comes
    again a second later.

    @ivar made: how many connections were made.
    """

    def __init__(self, port: int, count: int, chance: random.Random) -> None:
        self.made = 0
        self._port = port
        self._chance = chance
        self._selector = selectors.DefaultSelector()
        self._standing: set[socket.socket] = set()
        self._dripping: dict[socket.socket, int] = {}
        self._due = [monotonic()] * count

    def go(self, until: float) -> None:
        """Go on until a time."""
        drip = monotonic()
        while (now := monotonic()) < until:
            while self._due and self._due[0] <= now:
                self._due.pop(0)
                self._connect()
            for key, _ in self._selector.select(0.01):
                self._look(key.fileobj)
            if now - drip > _AGAIN:
                drip = now
                for each in list(self._dripping):
                    self._drip(each)

    def _connect(self) -> None:
        one = socket.socket()
        one.setblocking(False)
        host = "0.1"
        if self._chance.random() < 0.7:
            host = f"{self._chance.randrange(256)}.{self._chance.randrange(1, 255)}"
        one.bind((_NETWORK + host, 0))
        try:
            one.connect((_HOST, self._port))
        except BlockingIOError:
            pass  # It is under way.
        except OSError:
            one.close()
            self._due.append(monotonic() + _AGAIN)
            return
        self.made += 1
        self._standing.add(one)
        self._selector.register(one, selectors.EVENT_READ)
        kind = self._chance.randrange(3)
        if kind:
            self._dripping[one] = len(_HELLO) // 2 if kind == 1 else 0

    def _drip(self, one: socket.socket) -> None:
        """One kind sends half a hello and no more, the other a byte a second of it."""
        sent = self._dripping[one]
        data = _HELLO[:sent] if sent else _HELLO[:1]
        if sent:
            del self._dripping[one]
        try:
            one.send(data)
        except OSError:
            pass  # It was cut, which the selector tells, too.

    def _look(self, one: socket.socket) -> None:
        try:
            if one.recv(1024):
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # It was reset.
        self._cut(one)

    def _cut(self, one: socket.socket) -> None:
        self._standing.discard(one)
        self._dripping.pop(one, None)
        self._selector.unregister(one)
        one.close()
        self._due.append(monotonic() + _AGAIN)

    def end(self) -> None:
        """Connect no more; what still stands here may be nothing to the node."""
        self._selector.close()
        for one in self._standing:
            one.close()


def silent(seed: int, count: int) -> Iterator[Figure]:
    """Let so many strangers connect at a time, while three peers talk, and one joins anew."""
    _, mostFiles = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * count + 1024, mostFiles), mostFiles))
    settings = Settings()
    ports = loopbackPorts(4)
    port = int(ports.split(",")[0])
    with chain(f"{_HOST}:4", ports) as configs, running(configs) as mesh:
        target, *peers, last = mesh.members
        last.kill()
        sleep(_MARGIN)
        before = target.ask("figures")["memory"]
        target.ask("watch", network=_NETWORK)
        for peer in peers:
            _askEachOther(target, peer)
        flood = _Flood(port, count, random.Random(seed))
        end = monotonic() + _SECONDS
        flood.go(end - _SECONDS / 2)
        with ThreadPoolExecutor(1) as other:
            joining = other.submit(_join, last, mesh)
            flood.go(end)
            joined = joining.result()
        sleep(settings.handshakeTimeout + _MARGIN)
        held = target.ask("watched")
        flood.end()
        for member in (target, *peers):
            member.ask("still")
        sleep(_MARGIN)
        asked = [to for member in (target, *peers) for to in member.ask("asked").values()]
        times = sorted(time for to in asked for time in to["times"])
        yield atLeast("connections of strangers", flood.made, count)
        longest = settings.handshakeTimeout + _MARGIN
        yield atMost("of which the node had at once", held["most"], settings.maxHandshakes)
        yield atMost("longest that it had one", held["longest"], longest, "s")
        yield exactly("not cut at the deadline", held["now"], 0)
        yield atLeast("requests of live peers", len(times), 1000)
        yield exactly("of which failed", sum(to["failed"] for to in asked), 0)
        yield Figure("their p50", 1000 * times[len(times) // 2], unit="ms")
        yield atMost("their p99", 1000 * times[len(times) * 99 // 100], 100, "ms")
        yield atMost("a configured peer joins meanwhile within", joined, MESH, "s")
        grown = target.ask("figures")["memory"] - before
        yield atMost("growth of memory", max(0.0, grown), 20, "MiB")


def _askEachOther(one: Member, other: Member) -> None:
    one.ask("ask", to=other.nodeID, interval=_INTERVAL)
    other.ask("ask", to=one.nodeID, interval=_INTERVAL)


def _join(member: Member, mesh: Mesh) -> float:
    """Start a member, and see how long its mesh takes; the others are asked by nobody else now."""
    began = monotonic()
    member.start()
    took = mesh.untilWhole(2 * MESH)
    return monotonic() - began if isfinite(took) else took


TRIALS = (
    Trial(
        "silent-flood",
        "Strangers that say nothing are cut at Settings.handshakeTimeout; no peer feels them.",
        silent,
        count=1000,
        fewer=None,
    ),
)
