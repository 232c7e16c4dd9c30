"""Tests for L{fiscop2p.admin.bench}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.admin.bench import MAX_IN_FLIGHT, MAX_SECONDS, MAX_SIZE, Bench
from fiscop2p.admin.problems import Problem
from fiscop2p.errors import PeerAbsent, PeerLeft, RequestTimeout
from fiscop2p.interfaces import Message
from fiscop2p.testing import MemoryNetwork

PROTOCOL = 0x10001


class BenchTests(SynchronousTestCase):
    """What a link carries, where a round trip takes 100 ms."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.node, self.other = self.network.nodes
        self.network.advance(3)
        self.network.delay(self.node, self.other, 0.05)
        self.asked: list[int] = []
        self.other.handle(PROTOCOL, self.answer)

    def answer(self, message: Message) -> bytes:
        self.asked.append(len(message.payload))
        return message.payload

    def bench(self, inFlight: int, seconds: float, size: int = 100) -> Deferred[dict]:
        return Bench(self.node, self.other.nodeID, PROTOCOL, 0, size).run(inFlight, seconds)

    def test_oneAtATime(self) -> None:
        """One request follows another, until the time is over."""
        done = self.bench(1, 1.0)
        self.network.advance(0.95)
        self.assertNoResult(done)
        self.network.advance(0.3)
        result = self.successResultOf(done)
        self.assertEqual(result["answered"], len(self.asked))
        self.assertIn(result["answered"], (10, 11))
        self.assertEqual((result["to"], result["size"]), (self.other.nodeID, 100))
        for each in ("min", "median", "p99", "max"):
            self.assertAlmostEqual(result[each], 0.1)
        self.assertAlmostEqual(result["seconds"], result["answered"] * 0.1)
        self.assertEqual(set(self.asked), {100})

    def test_severalAtATime(self) -> None:
        """As many as were asked for are under way all the time."""
        done = self.bench(20, 1.0)
        self.network.advance(1.3)
        self.assertIn(self.successResultOf(done)["answered"], (200, 220))

    def test_noAnswer(self) -> None:
        """The first error ends it, once nothing is under way any more."""
        self.other.unhandle(PROTOCOL)
        done = self.bench(3, 1.0)
        self.network.advance(4)
        self.assertNoResult(done)
        self.network.advance(2)
        self.failureResultOf(done, RequestTimeout)

    def test_leavesMidway(self) -> None:
        """A node that leaves meanwhile is an error, not less of a result."""
        done = self.bench(3, 1.0)
        self.network.advance(0.5)
        self.network.cut(self.node, self.other)
        self.network.advance(1)
        self.failureResultOf(done, PeerLeft)

    def test_absent(self) -> None:
        """A node that is not there at all, as well."""
        self.other.stopService()
        self.network.advance(1)
        self.failureResultOf(self.bench(3, 1.0), PeerAbsent)

    def test_cancelled(self) -> None:
        """Nobody is asked any more for a client that has gone."""
        done = self.bench(2, 10.0)
        self.network.advance(0.5)
        done.addErrback(lambda _: None)
        done.cancel()
        self.network.advance(0.2)
        before = len(self.asked)
        self.network.advance(2)
        self.assertEqual(len(self.asked), before)

    def test_bounds(self) -> None:
        """A node is not asked for more than it can bear."""
        for words, inFlight, seconds, size in (
            ("size must be from 0 to", 1, 1, MAX_SIZE + 1),
            ("size must be from 0 to", 1, 1, -1),
            ("inFlight must be from 1 to", 0, 1, 1),
            ("inFlight must be from 1 to", MAX_IN_FLIGHT + 1, 1, 1),
            ("seconds must be above 0", 1, 0, 1),
            ("seconds must be above 0", 1, MAX_SECONDS + 1, 1),
        ):
            error = self.assertRaises(Problem, self.bench, inFlight, seconds, size)
            self.assertEqual(error.code, 400)
            self.assertIn(words, str(error))
        self.assertEqual(self.asked, [])
