"""What becomes of messages for a peer that does not read."""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerAbsent, PeerBusy, PeerLeft, RequestTimeout
from fiscop2p.interfaces import Message
from fiscop2p.sending.outbox import MOST_UNKNOWN, SMALL
from fiscop2p.settings import Overflow, Settings
from fiscop2p.testing import MemoryNetwork
from tests.strangers import logLines

MIB = 1 << 20
NOISE = Random(1).randbytes(3 * MIB)
MOST = 2 * MIB
UNKNOWN = MOST_UNKNOWN * SMALL
PASSED_ON = MIB
"""Bytes that the transport and the path may hold beside the queue."""


class SlowReaderTestCase(SynchronousTestCase):
    """Two nodes; the other one reads nothing for a while."""

    overflow = Overflow.REFUSE
    compress = True

    def setUp(self) -> None:
        settings = Settings(maxQueue=MOST, overflow=self.overflow, compress=self.compress)
        self.network = MemoryNetwork(2, settings=settings)
        self.addCleanup(self.network.stop)
        self.node, self.reader = self.network.nodes
        self.protocolID = self.node.protocolID(1, 1000)
        self.got: list[bytes] = []
        self.network.advance(2)
        self.reader.handle(self.protocolID, self.take)
        self.session = self.reader.registry.session(self.node.nodeID)
        self.pause()

    def take(self, message: Message) -> bytes | None:
        self.got.append(message.payload)
        return message.payload if message.packetType else None

    def pause(self) -> None:
        self.session.transport.pauseProducing()

    def resume(self) -> None:
        self.session.transport.resumeProducing()
        self.network.advance(0)

    def send(self, payload: bytes) -> bool:
        """Send, and tell whether that was allowed."""
        try:
            self.node.send(self.reader.nodeID, payload, protocolID=self.protocolID)
        except PeerBusy:
            return False
        return True

    def fill(self) -> int:
        """Send numbered messages in turns of their own, until one is refused; tell how many."""
        for number in range(10_000):
            if not self.send(number.to_bytes(4, "big") + NOISE[: 64 * 1024]):
                return number
            self.network.advance(0)
        raise AssertionError("nothing was refused")

    def numbers(self) -> list[int]:
        return [int.from_bytes(payload[:4], "big") for payload in self.got]


class OneTurnTests(SlowReaderTestCase):
    """However much is sent in one turn of the reactor, no more is queued than may be."""

    mostUnseen = 1024

    def sendInOneTurn(self, size: int) -> None:
        """Send a hundred times as much as may wait, and find out how much was taken."""
        taken = sum(self.send(NOISE[:size]) for _ in range(100 * MOST // (size + 16))) * size
        self.assertGreaterEqual(taken, MOST // 2)
        self.assertLess(taken, MOST + UNKNOWN + size)
        self.resume()
        self.assertEqual(sum(map(len, self.got)), taken)

    def test_small(self) -> None:
        """Messages whose sizes nobody looks at."""
        self.sendInOneTurn(self.mostUnseen)

    def test_larger(self) -> None:
        """Messages beyond that."""
        self.sendInOneTurn(6000)

    def test_large(self) -> None:
        """Messages that are not copied."""
        self.sendInOneTurn(3 * MIB)

    def test_broadcast(self) -> None:
        """Messages to everybody."""
        taken = sum(
            self.node.broadcast(bytes(600), protocolID=self.protocolID) for _ in range(100_000)
        )
        self.assertLess(taken * 600, MOST + UNKNOWN)

    def test_multicast(self) -> None:
        """Messages to the followers of a topic."""
        self.resume()
        self.reader.subscribe("t", lambda _: None)
        self.network.advance(1)
        self.pause()
        taken = sum(self.node.multicast("t", bytes(600)) for _ in range(100_000))
        self.assertLess(taken * 600, MOST + UNKNOWN)

    def test_answers(self) -> None:
        """Answers that come all at once; the link of who does not read them is closed."""
        self.resume()
        lines = logLines(self)
        asked: list[bytes] = []

        def answer(message: Message) -> bytes:
            asked.append(message.payload)
            return NOISE[: self.mostUnseen]

        self.node.handle(self.protocolID, answer)
        self.pause()
        while self.node.nodeID in self.reader.registry:
            for _ in range(4000):
                self.reader.ask(self.node.nodeID, b"", str, str, protocolID=self.protocolID)
            self.network.advance(0)
        self.assertLess(len(asked) * self.mostUnseen, MOST + PASSED_ON + UNKNOWN)
        self.assertTrue(any("does not read what is sent to it" in line for line in lines), lines)


class OneTurnUncompressedTests(OneTurnTests):
    """The same where nothing is compressed: other sizes are looked at."""

    compress = False
    mostUnseen = SMALL


class RefuseTests(SlowReaderTestCase):
    """By default whoever sends is told."""

    def test_refused(self) -> None:
        """What was taken arrives, and nothing else."""
        taken = self.fill()
        self.resume()
        self.assertEqual(self.numbers(), list(range(taken)))
        self.assertTrue(self.send(b"again"))

    def test_signOfLife(self) -> None:
        """Who waits for a sign of life of a node that cannot be asked waits no longer than its
        link stands."""
        self.fill()
        session, outcomes = self.node.registry.session(self.reader.nodeID), []
        session.ping(outcomes.append)
        self.network.advance(1)
        self.assertEqual(outcomes, [])
        self.network.cut(self.node, self.reader)
        self.network.advance(0)
        self.assertIsInstance(outcomes[0], PeerLeft)
        self.network.heal(self.node, self.reader)
        self.network.advance(10)
        self.assertEqual(len(outcomes), 1)


class CloseTests(SlowReaderTestCase):
    """The link may be closed instead."""

    overflow = Overflow.CLOSE

    def test_closed(self) -> None:
        """The message that is too much is refused, and the link ends, for that reason."""
        lines = logLines(self)
        self.fill()
        self.assertIn(self.reader.nodeID, self.node.registry)
        self.network.advance(0)
        self.assertNotIn(self.reader.nodeID, self.node.registry)
        self.assertRaises(
            PeerAbsent, self.node.send, self.reader.nodeID, b"", protocolID=self.protocolID
        )
        self.assertTrue(any("does not read what is sent to it" in line for line in lines), lines)

    def test_closedOnce(self) -> None:
        """However much is refused in one turn, the link is ended once; nothing piles up for it."""
        self.fill()
        before = len(self.network.clock.getDelayedCalls())
        for _ in range(100):
            self.assertFalse(self.send(b"x"))
            self.assertEqual(self.node.broadcast(b"x", protocolID=self.protocolID), 0)
        self.assertEqual(len(self.network.clock.getDelayedCalls()), before)
        self.network.advance(0)
        self.assertNotIn(self.reader.nodeID, self.node.registry)

    def test_broadcast(self) -> None:
        """A broadcast finds the link overflowing, and reaches the others."""
        other = self.network.addNode([self.node.settings.listen])
        self.network.advance(2)
        heard: list[bytes] = []
        other.handle(self.protocolID, lambda message: heard.append(message.payload))
        while self.send(NOISE[: 64 * 1024]):
            self.network.advance(0)
        self.assertEqual(self.node.broadcast(b"all", protocolID=self.protocolID), 1)
        self.network.advance(0)
        self.assertEqual(heard, [b"all"])


class DropOldestTests(SlowReaderTestCase):
    """The oldest one-way messages may make room for new ones."""

    overflow = Overflow.DROP_OLDEST

    @property
    def dropped(self) -> int:
        return self.node.counters["messages dropped for slow readers"]

    def flood(self, count: int = 200) -> None:
        for number in range(count):
            self.assertTrue(self.send(number.to_bytes(4, "big") + NOISE[: 64 * 1024]))
            self.network.advance(0)

    def ask(self, size: int = 64 * 1024) -> Deferred[bytes]:
        """Send a request in a turn of its own."""
        request = self.node.request(
            self.reader.nodeID,
            NOISE[:size],
            protocolID=self.protocolID,
            packetType=1,
            timeout=1,
        )
        self.network.advance(0)
        return request

    def test_theNewestArrive(self) -> None:
        """Sending never fails; of many messages the newest arrive, the rest are counted."""
        lines = logLines(self)
        self.flood()
        self.resume()
        numbers = self.numbers()
        self.assertEqual(len(numbers) + self.dropped, 200)
        newest = MOST // (64 * 1024 + 20)
        self.assertEqual(numbers[-newest:], list(range(200 - newest, 200)))
        self.assertEqual(numbers, sorted(numbers))
        self.assertLessEqual(len(numbers) * 64 * 1024, MOST + PASSED_ON)
        self.assertTrue(any("reads too slowly" in line for line in lines), lines)

    def test_sendsWhenItIsTold(self) -> None:
        """Who reads in the log that messages are gone may send: nothing else is lost for it."""
        before = self.network.addNode([self.node.settings.listen])
        self.network.advance(2)
        heard: list[bytes] = []
        before.handle(self.protocolID, lambda message: heard.append(message.payload))
        while self.node.registry.session(self.reader.nodeID).queued <= MOST:
            self.send(NOISE[:1000])
        told: list[str] = []

        def observe(event: Any) -> None:
            text = formatEvent(event)
            if "reads too slowly" in text and not told:
                told.append(text)
                self.node.broadcast(b"told", protocolID=self.protocolID)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.send(b"1")
        self.node.broadcast(b"2", protocolID=self.protocolID)
        self.send(b"3")
        self.node.broadcast(b"4", protocolID=self.protocolID)
        self.network.advance(0)
        self.resume()
        self.assertEqual(len(told), 1)
        self.assertEqual(self.got[-5:], [b"1", b"2", b"3", b"4", b"told"])
        self.assertEqual(heard, [b"2", b"4", b"told"])

    def test_toldTogether(self) -> None:
        """What goes in one turn is counted at once, and told once, at the next one."""
        told: list[int] = []
        self.patch(self.node.links.linkLog, "dropped", lambda session, count: told.append(count))
        for turn in range(1, 4):
            for number in range(10_000):
                self.send(number.to_bytes(4, "big") + bytes(500))
            self.assertGreater(self.dropped - sum(told), 2000)
            self.assertEqual(len(told), turn - 1)
            self.network.advance(0)
            self.assertEqual(len(told), turn)
            self.assertEqual(sum(told), self.dropped)

    def test_inOneTurn(self) -> None:
        """The same within one turn of the reactor."""
        for number in range(40_000):
            self.assertTrue(self.send(number.to_bytes(4, "big") + bytes(500)))
        self.resume()
        numbers = self.numbers()
        self.assertEqual(len(numbers) + self.dropped, 40_000)
        self.assertLess(len(numbers) * 500, MOST + UNKNOWN)
        self.assertEqual(numbers, list(range(40_000 - len(numbers), 40_000)))

    def test_requestsAndAnswersStay(self) -> None:
        """What somebody waits for is never dropped."""
        self.flood(60)
        asked = self.node.request(
            self.reader.nodeID, b"question", protocolID=self.protocolID, packetType=1
        )
        self.node.handle(self.protocolID, lambda message: b"answer")
        answered = self.reader.request(self.node.nodeID, b"theirs", protocolID=self.protocolID)
        self.flood()
        self.assertGreater(self.dropped, 200)
        self.resume()
        self.assertEqual(self.successResultOf(asked), b"question")
        self.assertEqual(self.successResultOf(answered), b"answer")

    def test_whatNodesTellOfThemselvesStays(self) -> None:
        """A change of status or topics gets through, however much is sent after it."""
        self.flood(60)
        self.node.setStatus(height=12)
        self.node.subscribe("t", lambda _: None)
        self.network.advance(0.2)
        self.flood()
        self.resume()
        self.network.advance(0.2)
        self.assertEqual(self.reader.statusOf(self.node.nodeID), {"height": 12})
        self.assertEqual(self.reader.registry.topicsOf(self.node.nodeID), {"t"})

    def test_multicastMayGo(self) -> None:
        """Messages of topics are one-way messages, too."""
        self.resume()
        heard: list[bytes] = []
        self.reader.subscribe("t", lambda message: heard.append(message.payload[:4]))
        self.network.advance(1)
        self.pause()
        for number in range(200):
            payload = number.to_bytes(4, "big") + NOISE[: 64 * 1024]
            self.assertEqual(self.node.multicast("t", payload), 1)
            self.network.advance(0)
        self.resume()
        self.assertEqual(len(heard) + self.dropped, 200)
        self.assertEqual(heard[-1], (199).to_bytes(4, "big"))

    def test_requestsAloneAreRefused(self) -> None:
        """Where nothing may be dropped, more is refused, and nothing is lost."""
        asked = [self.ask() for _ in range(100)]
        self.failureResultOf(asked[-1], PeerBusy)
        self.assertFalse(self.send(b"x"))
        self.assertEqual(self.dropped, 0)
        self.resume()
        refused = asked[len(self.got) :]
        for request in asked[: len(self.got)]:
            self.assertEqual(self.successResultOf(request), NOISE[: 64 * 1024])
        for request in refused[:-1]:
            self.failureResultOf(request, PeerBusy)

    def test_requestsNobodyWaitsForMayGo(self) -> None:
        """A request that has timed out makes room like a one-way message."""
        asked = [self.ask(MIB), self.ask(MIB), self.ask(MIB)]
        self.network.advance(1.1)
        for request in asked:
            self.failureResultOf(request, RequestTimeout)
        self.assertTrue(self.send(b"new"))
        self.assertGreater(self.dropped, 0)
        self.resume()
        self.assertEqual(self.got[-1], b"new")
