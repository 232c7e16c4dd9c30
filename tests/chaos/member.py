"""
A node in a process of its own that does what a trial orders: C{python -m tests.chaos.member}, with
its C{config.ini}, started by L{tests.chaos.members}.

An order is a line of JSON on standard input, C{{"order": name, ...}}; the answer is one on standard
output.  Numbered messages and requests go on between orders, as fast as they are ordered to.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from fiscop2p.config import loadConfig
from fiscop2p.daemon import Daemon
from fiscop2p.errors import DeliveryError, PeerAbsent, PeerBusy
from fiscop2p.interfaces import Message
from fiscop2p.logs.accepting import Accepting

from .bystanders import ECHO
from .memory import blocks, openFiles, statusOf

_NUMBERED: Final = ECHO + 1
_NUMBER: Final = struct.Struct(">8sQ")
_CRAWL: Final = 0.5
_TURN: Final = 0.01
_LOOK: Final = 0.1

Words = dict[str, Any]


class Stream:
    """
    Numbered one-way messages to one peer.

    @ivar sent: how many were taken for it.
    @ivar busy: how often there was no room.
    @ivar absent: how often there was no link.
    """

    _aTurn = 0.0

    def __init__(self, member: Member, to: str) -> None:
        self.sent = self.busy = self.absent = 0
        self.to = to
        self._node = member.node
        self._birth = os.urandom(8)
        self._due = 0.0
        self._loop = LoopingCall(self._turn)

    def start(self, size: int, rate: float | None) -> None:
        """
        Begin, or go on.

        @param rate: messages a second, or L{None} for as many as the peer takes.
        """
        # Nothing that compression makes short work of.
        self._filling = os.urandom(max(0, size - _NUMBER.size))
        self._aTurn = 64 if rate is None else rate * _TURN
        self._loop.start(0 if rate is None else _TURN)

    def stop(self) -> None:
        """Send no more."""
        if self._loop.running:
            self._loop.stop()

    def _turn(self) -> None:
        self._due += self._aTurn
        while self._due >= 1:
            self._due -= 1
            payload = _NUMBER.pack(self._birth, self.sent) + self._filling
            try:
                self._node.send(self.to, payload, protocolID=_NUMBERED)
                self.sent += 1
            except PeerBusy:
                self.busy += 1
                self._due = 0.0
            except PeerAbsent:
                self.absent += 1
                self._due = 0.0


class Taken:
    """
    The numbered messages of one peer, since it was started.

    @ivar disorder: how many came that are not newer than the one before.
    @ivar missing: how many numbers were passed over.
    """

    def __init__(self) -> None:
        self.count = self.size = self.disorder = self.missing = 0
        self._next: dict[bytes, int] = {}

    def take(self, payload: bytes) -> None:
        """One has come."""
        birth, number = _NUMBER.unpack_from(payload)
        expected = self._next.get(birth, 0)
        if number < expected:
            self.disorder += 1
        else:
            self.missing += number - expected
            self._next[birth] = number + 1
        self.count += 1
        self.size += len(payload)


class Asking:
    """
    Requests to one peer, one after the other or at a rate.

    @ivar asked: how many were made; C{answered} and C{failed} tell how they ended.
    @ivar times: seconds that each answer took.
    @ivar longest: seconds that the slowest error took.
    """

    def __init__(self, member: Member, to: str, interval: float) -> None:
        self.asked = self.answered = self.failed = self.wrong = 0
        self.times: list[float] = []
        self.longest = 0.0
        self._node = member.node
        self._to = to
        self._clock = member.reactor
        self._loop = LoopingCall(self._ask)
        self._loop.start(interval)

    def stop(self) -> None:
        """Ask no more."""
        if self._loop.running:
            self._loop.stop()

    def _ask(self) -> None:
        self.asked += 1
        payload = b"%d" % self.asked
        since = self._clock.seconds()
        answer = self._node.request(self._to, payload, protocolID=ECHO)
        answer.addCallback(self._answered, payload, since)
        answer.addErrback(self._failed, since)

    def _answered(self, got: bytes, payload: bytes, since: float) -> None:
        self.answered += 1
        self.wrong += got != payload
        self.times.append(self._clock.seconds() - since)

    def _failed(self, failure: Failure, since: float) -> None:
        failure.trap(DeliveryError)
        self.failed += 1
        self.longest = max(self.longest, self._clock.seconds() - since)


class Watch:
    """
    Which links there are from a network, proven or not.

    @ivar most: how many there were at once.
    @ivar longest: for how long there was one, in seconds.
    @ivar now: how many there are.
    """

    def __init__(self, member: Member, network: str) -> None:
        self.most = self.now = 0
        self.longest = 0.0
        self._network = network
        self._links = member.node._links
        self._clock = member.reactor
        self._since: dict[Any, float] = {}
        LoopingCall(self._look).start(_LOOK)

    def _look(self) -> None:
        now, before = self._clock.seconds(), self._since
        self._since = {
            link: before.get(link, now)
            for link in self._links._connections
            if link.address.host.startswith(self._network)
        }
        self.now = len(self._since)
        self.most = max(self.most, self.now)
        self.longest = max([self.longest, *(now - since for since in self._since.values())])


class Member(LineOnlyReceiver):
    """The node, and what it is ordered to do."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self, config: str, reactor: Any) -> None:
        self.reactor = reactor
        self._daemon = Daemon(loadConfig(config), reactor=reactor)
        self.node = self._daemon.node
        self._streams: dict[str, Stream] = {}
        self._taken: dict[str, Taken] = {}
        self._asking: dict[str, Asking] = {}
        self._crawling: dict[str, LoopingCall] = {}
        self.node.handle(ECHO, lambda message: message.payload)
        self.node.handle(_NUMBERED, self._take)

    def connectionMade(self) -> None:
        """Run the node."""
        self._daemon.privilegedStartService()
        self._daemon.startService()
        self._say({"nodeID": self.node.nodeID})

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The trial has gone."""
        if self.reactor.running:
            self.reactor.stop()

    def lineReceived(self, line: bytes) -> None:
        """The trial orders something."""
        words: Words = json.loads(line)
        act: Callable[..., Coroutine[Any, Any, Words]] = getattr(self, "do_" + words.pop("order"))
        Deferred.fromCoroutine(act(**words)).addCallbacks(
            self._say, lambda failure: self._say({"fault": failure.getTraceback()})
        )

    def _say(self, words: Words) -> None:
        self.transport.write(json.dumps(words).encode() + b"\n")

    def _take(self, message: Message) -> None:
        taken = self._taken.get(message.sender)
        if taken is None:
            taken = self._taken[message.sender] = Taken()
        taken.take(message.payload)

    # The orders.

    async def do_answering(self, of: list[str], within: float) -> Words:
        """Which of these nodes answer a request."""
        answers = [
            self.node.request(each, b"?", protocolID=ECHO, timeout=within).addCallbacks(
                lambda _: True, lambda failure: failure.trap(DeliveryError) and False
            )
            for each in of
        ]
        outcomes = await gatherResults(answers)
        return {"nodes": [each for each, does in zip(of, outcomes, strict=True) if does]}

    async def do_peers(self) -> Words:
        """Who is connected."""
        return {"nodes": list(self.node.registry)}

    async def do_figures(self) -> Words:
        """What this process holds."""
        return {
            "memory": statusOf("VmRSS"),
            "peak": statusOf("VmHWM"),
            "files": openFiles(),
            "blocks": blocks(),
            "calls": len(self.reactor.getDelayedCalls()),
        }

    async def do_forgetPeak(self) -> Words:
        """Measure the peak of memory from now on."""
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return {}

    async def do_stream(self, to: str, size: int, rate: float | None = None) -> Words:
        """Begin, or go on, to send numbered messages."""
        if to not in self._streams:
            self._streams[to] = Stream(self, to)
        self._streams[to].start(size, rate)
        return {}

    async def do_still(self) -> Words:
        """Send and ask no more."""
        for each in (*self._streams.values(), *self._asking.values()):
            each.stop()
        return {}

    async def do_hush(self, to: str) -> Words:
        """Send no more to one peer."""
        self._streams[to].stop()
        return {}

    async def do_sent(self) -> Words:
        """What was sent."""
        return {
            each.to: {"sent": each.sent, "busy": each.busy, "absent": each.absent}
            for each in self._streams.values()
        }

    async def do_taken(self) -> Words:
        """What has come, by sender."""
        return {
            sender: {
                "count": taken.count,
                "size": taken.size,
                "disorder": taken.disorder,
                "missing": taken.missing,
            }
            for sender, taken in self._taken.items()
        }

    async def do_ask(self, to: str, interval: float) -> Words:
        """Begin to ask."""
        self._asking[to] = Asking(self, to, interval)
        return {}

    async def do_asked(self) -> Words:
        """What came of it, by peer."""
        return {
            to: {
                "asked": each.asked,
                "answered": each.answered,
                "failed": each.failed,
                "wrong": each.wrong,
                "times": each.times,
                "longest": each.longest,
            }
            for to, each in self._asking.items()
        }

    async def do_watch(self, network: str) -> Words:
        """See from now on which links there are from a network, C{127.66.} say."""
        self._watch = Watch(self, network)
        return {}

    async def do_watched(self) -> Words:
        """What there was."""
        watch = self._watch
        return {"most": watch.most, "longest": watch.longest, "now": watch.now}

    async def do_crawl(self, sender: str, crawls: bool) -> Words:
        """Read from a peer a chunk every half second, or again as fast as it goes."""
        if sender in self._crawling:
            self._crawling.pop(sender).stop()
        transport: Any = self.node.registry.session(sender).transport
        if crawls:

            async def chunk() -> None:
                transport.resumeProducing()
                await deferLater(self.reactor, 0, lambda: None)
                transport.pauseProducing()

            self._crawling[sender] = loop = LoopingCall(lambda: Deferred.fromCoroutine(chunk()))
            loop.start(_CRAWL)
        else:
            transport.resumeProducing()
        return {}


def main(config: str) -> int:
    """Be it, until standard input ends."""
    reactor: Any = _reactor
    warnings = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.info)]
    )
    globalLogBeginner.beginLoggingTo([Accepting(warnings)], redirectStandardIO=False)
    member = Member(config, reactor)
    reactor.callWhenRunning(StandardIO, member)
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
