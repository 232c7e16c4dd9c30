"""
Tests for L{fiscop2p.links.attention}.
"""

from __future__ import annotations

from random import randbytes

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerLeft
from fiscop2p.links.attention import Attention
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.clock import VirtualClock


class CountingClock(VirtualClock):
    """
    A clock that counts what was to happen at once.

    @ivar turns: so many calls.
    """

    turns = 0

    def callLater(self, delay, *rest, **kw):  # type: ignore[no-untyped-def]
        self.turns += not delay
        return super().callLater(delay, *rest, **kw)


class AttentionTests(SynchronousTestCase):
    """How long the reactor is kept awake, and when it is not any more."""

    def setUp(self) -> None:
        self.clock = CountingClock()
        self.attention = Attention(self.clock)

    def turnsAwake(self, times: int = 1) -> int:
        """How many turns follow when something is expected, but does not come."""
        before = self.clock.turns
        for _ in range(times):
            self.attention.expect()
            self.clock.advance(0)
        return self.clock.turns - before

    def distrust(self) -> None:
        """Nothing comes for a while."""
        self.turnsAwake(50)

    def test_awake(self) -> None:
        """It stays awake for some turns, and then sleeps."""
        self.assertEqual(self.turnsAwake(), 48)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_came(self) -> None:
        """Once something has come it may sleep."""
        self.attention.expect()
        self.attention.came()
        self.clock.advance(0)
        self.assertEqual(self.clock.turns, 1)

    def test_expectedAgain(self) -> None:
        """Who expects more and more does not keep it awake for longer."""
        self.clock.callLater(0, lambda: None)
        self.attention.expect()
        for _ in range(100):
            self.attention.expect()
        self.clock.advance(0)
        self.assertLess(self.clock.turns, 60)

    def test_inVain(self) -> None:
        """Where nothing ever comes in time, it soon sleeps at once, but for a try now and then."""
        self.distrust()
        self.assertEqual(self.turnsAwake(640), 10 * 48)

    def test_worthIt(self) -> None:
        """A try in time is enough for the next one."""
        self.distrust()
        while not self.clock.getDelayedCalls():
            self.attention.expect()
        self.attention.came()
        self.clock.advance(0)
        self.assertEqual(self.turnsAwake(), 48)

    def test_mostlyInVain(self) -> None:
        """What comes in time only once in three times is not worth it."""
        for _ in range(100):
            self.turnsAwake(2)
            self.attention.expect()
            self.attention.came()
            self.clock.advance(0)
        self.assertLess(self.turnsAwake(300), 10 * 48)

    def test_cameUnexpected(self) -> None:
        """What comes while nothing is expected teaches nothing."""
        self.distrust()
        for _ in range(100):
            self.attention.came()
        self.assertLess(self.turnsAwake(60), 64)

    def test_stop(self) -> None:
        """Nothing is left running."""
        self.attention.expect()
        self.attention.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.attention.stop()
        self.assertEqual(self.turnsAwake(), 0)
        self.attention.start()
        self.assertEqual(self.turnsAwake(), 48)

    def test_stoppedByAHandler(self) -> None:
        """Nor when the node is stopped in the midst of what has come."""
        network = MemoryNetwork(2)
        self.addCleanup(network.stop)
        node, other = network.nodes
        network.advance(1)
        node.handle(node.protocolID(1, 1000), lambda _: node.stopService() and None)
        attention = node.links.attention
        attention._clock = self.clock
        other.send(node.nodeID, randbytes(20_000), protocolID=node.protocolID(1, 1000))
        network.advance(0.1)
        self.assertFalse(node.running)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RequestTests(SynchronousTestCase):
    """Who asks, and who answers, stays awake; who only sends does not."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.a, self.b = self.network.nodes
        self.protocolID = self.a.protocolID(1, 1000)
        self.expected: list[str] = []
        self.b.handle(self.protocolID, lambda message: message.payload or None)
        self.network.advance(1)
        for name, node in (("asks", self.a), ("answers", self.b)):
            attention = node._links.attention
            self.patch(attention, "expect", lambda name=name: self.expected.append(name))

    def test_request(self) -> None:
        """The answer, and the next request."""
        for _ in range(2):
            done = self.a.request(self.b.nodeID, b"x", protocolID=self.protocolID)
            self.network.advance(0.1)
            self.assertEqual(self.successResultOf(done), b"x")
        self.assertEqual(self.expected, ["asks", "answers"] * 2)

    def test_came(self) -> None:
        """What comes over a link is what was waited for."""
        came: list[str] = []
        self.patch(self.a._links.attention, "came", lambda: came.append("came"))
        self.a.request(self.b.nodeID, b"x", protocolID=self.protocolID)
        self.assertEqual(came, [])
        self.network.advance(0.1)
        self.assertTrue(came)

    def test_oneWay(self) -> None:
        """Nothing is known to come."""
        self.a.send(self.b.nodeID, b"", protocolID=self.protocolID)
        self.a.broadcast(b"", protocolID=self.protocolID)
        self.network.advance(0.1)
        self.assertEqual(self.expected, [])

    def test_stream(self) -> None:
        """Who has sent much at a time probably goes on."""
        self.b.handle(self.protocolID + 1, lambda message: None)
        for size, expected in ((16_000, []), (17_000, ["answers"])):
            self.a.send(self.b.nodeID, randbytes(size), protocolID=self.protocolID + 1)
            self.network.advance(0.1)
            self.assertEqual(self.expected, expected)

    def test_stopped(self) -> None:
        """A node that has stopped keeps nothing awake."""
        done = self.a.request(self.b.nodeID, b"x", protocolID=self.protocolID)
        self.network.stop()
        self.failureResultOf(done, PeerLeft)
        self.network.advance(0.1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
