"""Applications that cannot keep up: reading pauses, and goes on."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import SECP256K1
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.service import P2PService
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from tests.strangers import logLines

CHUNK = 256 * 1024
"""Bytes that a transport hands up at once, whatever is said meanwhile."""

SIZE = 64 * 1024


class PausingTests(SynchronousTestCase):
    """One node asks another, whose handlers take their time."""

    tls = "ssl"
    curve = SECP256K1

    def setUp(self) -> None:
        settings = Settings(maxUnanswered=10, compress=False)
        self.network = MemoryNetwork(2, tls=self.tls, curve=self.curve, settings=settings)
        self.addCleanup(self.network.stop)
        self.asking, self.busy = self.network.nodes
        self.protocolID = self.asking.protocolID(1, 1000)
        self.work: list[Deferred[bytes]] = []
        self.answers: list[bytes] = []
        self.busy.handle(self.protocolID, self.later)
        self.network.advance(2)

    def later(self, message: Message) -> Deferred[bytes]:
        self.work.append(Deferred())
        return self.work[-1]

    @property
    def isPaused(self) -> bool:
        return bool(self.busy.registry.session(self.asking.nodeID).isPaused)

    def ask(self, count: int) -> None:
        for _ in range(count):
            self.asking.ask(
                self.busy.nodeID,
                bytes(SIZE),
                self.answers.append,
                lambda _: None,
                protocolID=self.protocolID,
                timeout=1000,
            )
        self.network.advance(0.1)

    def finish(self, count: int, result: bytes | None = b"done") -> None:
        for _ in range(count):
            self.work.pop(0).callback(result)
        self.network.advance(0.1)

    def test_atTheLimit(self) -> None:
        """As many as may be under way are, and reading goes on."""
        self.ask(10)
        self.assertEqual(len(self.work), 10)
        self.assertFalse(self.isPaused)

    def test_beyondIt(self) -> None:
        """Of what comes beyond that no more is read than has arrived already."""
        lines = logLines(self)
        self.ask(100)
        self.assertTrue(self.isPaused)
        self.assertLessEqual(len(self.work), 11 + 2 * CHUNK // SIZE)
        (line,) = (line for line in lines if "reading is paused" in line)
        self.assertIn("its answers are not read either", line)
        done = 0
        while done < 100:
            done += len(self.work)
            self.finish(len(self.work))
        self.assertEqual(self.answers, [b"done"] * 100)
        self.assertFalse(self.isPaused)

    def test_untilHalfAreDone(self) -> None:
        """Reading goes on once half of what may be under way is left, not before."""
        self.ask(100)
        self.finish(len(self.work) - 6)
        self.assertTrue(self.isPaused)
        self.assertEqual(len(self.work), 6)
        self.finish(1)
        self.assertGreater(len(self.work), 5)

    def test_everyEndCounts(self) -> None:
        """An answer that fails or is none is an end, too."""
        self.ask(11)
        self.assertTrue(self.isPaused)
        self.finish(3, None)
        for _ in range(3):
            self.work.pop(0).errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertFalse(self.isPaused)

    def test_coroutines(self) -> None:
        """Coroutines count like Deferreds."""

        async def later(message: Message) -> None:
            await self.later(message)

        self.busy.unhandle(self.protocolID)
        self.busy.handle(self.protocolID, later)
        self.ask(11)
        self.assertTrue(self.isPaused)
        self.finish(6)
        self.assertFalse(self.isPaused)

    def test_atOnceDoesNotCount(self) -> None:
        """What is answered at once, by whatever kind of handler, is not under way."""

        async def now(message: Message) -> bytes:
            return b"now"

        self.busy.unhandle(self.protocolID)
        self.busy.handle(self.protocolID, now)
        self.ask(100)
        self.assertEqual(self.answers, [b"now"] * 100)
        self.assertFalse(self.isPaused)

    def test_atOnceWhileManyAreUnderWay(self) -> None:
        """Nor does it pause anything when as many as may be are under way."""
        self.ask(10)
        self.busy.unhandle(self.protocolID)
        self.busy.handle(self.protocolID, lambda message: succeed(b"now"))
        self.ask(10)
        self.assertFalse(self.isPaused)

    def test_waitsForAnother(self) -> None:
        """A Deferred that has fired with another one is under way."""
        self.busy.unhandle(self.protocolID)
        self.busy.handle(self.protocolID, lambda message: succeed(message).addCallback(self.later))
        self.ask(11)
        self.assertTrue(self.isPaused)
        self.finish(6)
        self.assertFalse(self.isPaused)

    def test_heardAgain(self) -> None:
        """When reading goes on the peer has time to be heard."""
        session = self.busy.registry.session(self.asking.nodeID)
        self.ask(11)
        self.network.lose(self.asking, self.busy)
        self.network.advance(10)
        self.finish(len(self.work))
        self.assertFalse(session.isPaused)
        self.assertTrue(session.isHeard)
        self.network.heal(self.asking, self.busy)

    def test_silentBehindIt(self) -> None:
        """A peer that died meanwhile is let in again, though what it asked is never answered."""
        self.ask(11)
        self.assertTrue(self.isPaused)
        self.network.lose(self.asking, self.busy)
        again = P2PService(
            self.asking.identity,
            self.asking.links.tls,
            replace(self.asking.settings, peers=(self.busy.settings.listen,)),
            reactor=MemoryReactor(self.network.fabric, "10.0.9.9"),
        )
        again.startService()
        self.addCleanup(again.stopService)
        self.network.advance(50)
        self.assertTrue(self.isPaused)
        self.network.advance(30)
        self.assertFalse(self.isPaused)
        self.assertIn(self.busy.nodeID, again.registry)
        session = self.busy.registry.session(self.asking.nodeID)
        self.assertEqual(session.address.host, "10.0.9.9")
        self.network.advance(60)
        self.assertIs(self.busy.registry.session(self.asking.nodeID), session)

    def test_topics(self) -> None:
        """Subscribers count as well, those who are asked and those who are told."""
        self.busy.subscribe("t", self.later)
        self.network.advance(1)
        for _ in range(5):
            self.asking.multicast("t", b"news")
        for _ in range(5):
            self.asking.requestTopic("t", b"question").addErrback(lambda _: None)
        self.network.advance(0.1)
        self.assertFalse(self.isPaused)
        self.asking.multicast("t", b"news")
        self.network.advance(0.1)
        self.assertTrue(self.isPaused)
        self.finish(6)
        self.assertFalse(self.isPaused)

    def test_others(self) -> None:
        """One peer's work does not keep another's from being read."""
        other = self.network.addNode([self.busy.settings.listen])
        self.network.advance(2)
        self.ask(50)
        self.assertTrue(self.isPaused)
        self.busy.handle(self.protocolID + 1, lambda message: message.payload)
        answer = other.request(self.busy.nodeID, b"quick", protocolID=self.protocolID + 1)
        self.network.advance(0.1)
        self.assertEqual(self.successResultOf(answer), b"quick")

    def test_linkEnds(self) -> None:
        """What is done after the link has ended does no harm, and the next link is read."""
        self.ask(50)
        session = self.busy.registry.session(self.asking.nodeID)
        session.abort(CloseReason.SILENT)
        self.assertFalse(session.isPaused)
        self.network.advance(30)
        self.finish(len(self.work))
        self.assertFalse(self.isPaused)
        self.assertEqual(self.answers, [])
        self.ask(1)
        self.finish(1)
        self.assertEqual(self.answers, [b"done"])

    def test_closedInOrder(self) -> None:
        """A node that stops while it does not read sends what it has, and ends at once."""
        self.ask(50)
        self.work.pop(0).callback(b"the last")
        stopped = self.busy.stopService()
        self.network.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.answers, [b"the last"])
        self.busy.startService()


class PyOpenSSLTests(PausingTests):
    """The same by pyOpenSSL."""

    tls = "pyopenssl"
    curve = "prime256v1"
