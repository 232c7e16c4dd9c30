"""Many messages at a time."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, HandlerTaken, PeerAbsent, RequestTimeout
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork

MIB = 1 << 20


class ManyTestCase(SynchronousTestCase):
    """Nodes that are connected; one of them takes many messages at a time."""

    settings = Settings()

    def setUp(self) -> None:
        self.network = MemoryNetwork(3, settings=self.settings)
        self.addCleanup(self.network.stop)
        self.a, self.b, self.c = self.network.nodes
        self.protocolID = self.a.protocolID(1, 1000)
        self.calls: list[tuple[str, list[bytes]]] = []
        self.network.advance(2)

    def received(self, sender: str, payloads: list[bytes]) -> None:
        self.calls.append((sender, payloads))

    @property
    def got(self) -> list[bytes]:
        """All payloads, in order."""
        return [payload for _, payloads in self.calls for payload in payloads]

    def advance(self, seconds: float = 0.2) -> None:
        self.network.advance(seconds)


class SendManyTests(ManyTestCase):
    """C{sendMany}."""

    def setUp(self) -> None:
        super().setUp()
        self.b.handleMany(self.protocolID, self.received)

    def send(self, payloads: list[bytes]) -> int:
        return self.a.sendMany(self.b.nodeID, payloads, protocolID=self.protocolID)

    def test_inOrder(self) -> None:
        """Small, large and empty payloads arrive in order, among those that are sent singly."""
        chance = Random(1)
        sizes = [chance.choice((0, 1, 64, 1500, 5000, 70_000)) for _ in range(300)]
        payloads = [chance.randbytes(size) for size in sizes]
        self.assertEqual(self.send(payloads), 300)
        self.a.send(self.b.nodeID, b"single", protocolID=self.protocolID)
        self.assertEqual(self.send(payloads[:9]), 9)
        self.advance()
        self.assertTrue(self.got == [*payloads, b"single", *payloads[:9]])

    def test_thousands(self) -> None:
        """None is lost, however many are sent in a turn, of whatever iterable."""
        payloads = [b"%06d" % number for number in range(20_000)]
        sent = self.a.sendMany(self.b.nodeID, iter(payloads), protocolID=self.protocolID)
        self.assertEqual(sent, 20_000)
        self.advance()
        self.assertTrue(self.got == payloads)
        self.assertLess(len(self.calls), 200)
        self.assertEqual(self.a.traffic.modules["1000"].framesSent, 20_000)

    def test_toASingleHandler(self) -> None:
        """Who takes messages singly gets them singly."""
        singly: list[bytes] = []
        self.c.handle(self.protocolID, lambda message: singly.append(message.payload))
        payloads = [b"%d" % number for number in range(100)]
        self.a.sendMany(self.c.nodeID, payloads, protocolID=self.protocolID)
        self.advance()
        self.assertEqual(singly, payloads)

    def test_nothing(self) -> None:
        """No payload is no message."""
        self.assertEqual(self.send([]), 0)
        self.advance()
        self.assertEqual(self.calls, [])

    def test_linkEndsMeanwhile(self) -> None:
        """What is made up while the link ends is not said to be sent."""

        def payloads(size: int) -> Iterator[bytes]:
            yield b"1"
            yield b"2" * size
            self.a.registry.session(self.b.nodeID).abort(CloseReason.STOPPED)
            yield b"3"
            yield b"4"

        for size in (1, 5000):
            sent = self.a.sendMany(self.b.nodeID, payloads(size), protocolID=self.protocolID)
            self.assertEqual(sent, 0)
            self.advance(30)

    def test_absent(self) -> None:
        """Who is not connected gets nothing."""
        for nodeID in ("0" * 128, self.a.nodeID):
            self.assertRaises(
                PeerAbsent, self.a.sendMany, nodeID, [b"x"], protocolID=self.protocolID
            )

    def test_badNumbers(self) -> None:
        """What does not fit the header is refused before anything is sent."""
        self.send([b"before"])
        for protocolID, packetType in ((0, 0), (-5, 0), (1 << 31, 0), (self.protocolID, 65536)):
            with self.assertRaises(EncodingError):
                self.a.sendMany(self.b.nodeID, [b"x"], protocolID=protocolID, packetType=packetType)
        self.advance()
        self.assertEqual(self.got, [b"before"])


class TooLongTests(ManyTestCase):
    """A payload that no frame holds."""

    settings = Settings(maxFrameLength=2000)

    def test_tooLong(self) -> None:
        """Those before it are sent."""
        self.b.handleMany(self.protocolID, self.received)
        payloads = [b"1", b"2", bytes(5000), b"3"]
        with self.assertRaises(EncodingError):
            self.a.sendMany(self.b.nodeID, payloads, protocolID=self.protocolID)
        self.advance()
        self.assertEqual(self.got, [b"1", b"2"])


class SlowReaderTests(ManyTestCase):
    """A peer that does not read."""

    settings = Settings(maxQueue=4 * MIB, compress=False)

    def test_iterator(self) -> None:
        """What there is no room for is not taken from an iterator."""
        self.b.handleMany(self.protocolID, self.received)
        self.b.registry.session(self.a.nodeID).transport.pauseProducing()
        payloads = [b"%05d" % number * 200 for number in range(20_000)]
        waiting = iter(payloads)
        sent = sum(
            self.a.sendMany(self.b.nodeID, waiting, protocolID=self.protocolID) for _ in range(3)
        )
        self.assertTrue(4000 < sent < 12_000, sent)
        self.assertEqual(list(waiting), payloads[sent:])

    def test_room(self) -> None:
        """What there is no room for is not sent, and can be sent later; nothing is lost."""
        self.b.handleMany(self.protocolID, self.received)
        self.b.registry.session(self.a.nodeID).transport.pauseProducing()
        payloads = [b"%05d" % number * 200 for number in range(20_000)]
        sent = turns = 0
        while turns < 50:
            sent += self.a.sendMany(
                self.b.nodeID, payloads[sent : sent + 1000], protocolID=self.protocolID
            )
            self.advance(0)
            turns += 1
        self.assertTrue(4000 < sent < 12_000, sent)
        self.assertLess(self.a.registry.session(self.b.nodeID).queued, 6 * MIB)
        self.b.registry.session(self.a.nodeID).transport.resumeProducing()
        self.advance()
        while sent < len(payloads):
            sent += self.a.sendMany(
                self.b.nodeID, payloads[sent : sent + 1000], protocolID=self.protocolID
            )
            self.advance(0.01)
        self.advance()
        self.assertTrue(self.got == payloads)


class HandleManyTests(ManyTestCase):
    """C{handleMany}."""

    settings = Settings(maxUnanswered=3)

    def flood(self, sender=None, count: int = 100) -> None:
        payloads = [b"%d" % number for number in range(count)]
        (sender or self.a).sendMany(self.b.nodeID, payloads, protocolID=self.protocolID)
        self.advance()

    def test_senders(self) -> None:
        """Each call has the messages of one node."""
        self.b.handleMany(self.protocolID, self.received)
        self.flood(self.a, 3)
        self.flood(self.c, 2)
        self.assertEqual(
            self.calls, [(self.a.nodeID, [b"0", b"1", b"2"]), (self.c.nodeID, [b"0", b"1"])]
        )

    def test_failure(self) -> None:
        """An error is logged, now or later, and costs the link nothing."""

        async def later(sender: str, payloads: list[bytes]) -> None:
            raise TypeError

        for handler in (lambda sender, payloads: {}[0], later):
            self.b.handleMany(self.protocolID, handler)
            self.flood(count=1)
            self.assertEqual(len(self.flushLoggedErrors(KeyError, TypeError)), 1)
            self.b.unhandle(self.protocolID)
        self.assertIn(self.a.nodeID, self.b.registry)

    def test_busy(self) -> None:
        """While a handler has too much to do nothing more is read."""
        tasks: list[Deferred[None]] = []

        def received(sender: str, payloads: list[bytes]) -> Deferred[None]:
            self.calls.append((sender, payloads))
            tasks.append(Deferred())
            return tasks[-1]

        self.b.handleMany(self.protocolID, received)
        session = self.b.registry.session(self.a.nodeID)
        for _ in range(10):
            self.flood(count=2)
        self.assertTrue(session.isPaused)
        self.assertEqual(len(self.calls), 4)
        while tasks:
            tasks.pop().callback(None)
            self.advance()
        self.assertFalse(session.isPaused)
        self.assertEqual(self.got, [b"0", b"1"] * 10)

    def test_requests(self) -> None:
        """It answers none."""
        self.b.handleMany(self.protocolID, self.received)
        request = self.a.request(self.b.nodeID, b"?", protocolID=self.protocolID, timeout=1)
        self.advance(2)
        self.failureResultOf(request, RequestTimeout)
        self.assertEqual(self.got, [b"?"])

    def test_oneHandler(self) -> None:
        """A protocolID is taken singly or by many, by one handler; it can be given up."""
        self.b.handleMany(self.protocolID, self.received)
        for take in (self.b.handle, self.b.handleMany):
            self.assertRaises(HandlerTaken, take, self.protocolID, self.received)
            self.assertRaises(HandlerTaken, take, 1, self.received)
        self.b.unhandle(self.protocolID)
        self.flood(count=1)
        self.assertEqual((self.calls, self.b.counters["requests without a handler"]), ([], 1))
        self.b.handle(self.protocolID, lambda message: None)
        self.assertRaises(HandlerTaken, self.b.handleMany, self.protocolID, self.received)
