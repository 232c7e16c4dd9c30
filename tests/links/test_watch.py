"""Whether a link carries anything."""

from __future__ import annotations

from random import randbytes

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC2
from tests.links.test_session import StrangerTestCase

HEARTBEAT = RC2.encode(2, 1, 0, b"0")
DECLARED = 5 << 20
_HALVES = (slice(None, 10), slice(10, None))


class LivenessTests(StrangerTestCase):
    """A peer that says little, or nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.prove()

    def questions(self) -> int:
        """How often we have asked for the peer's topics."""
        return sum(frame[:2] == (2, 2) for frame in self.stranger.frames())

    def assertStands(self) -> None:
        self.assertIsNone(self.stranger.lost)
        self.assertIn(self.issued.nodeID, self.node.registry)

    def test_silentPeer(self) -> None:
        """A peer that is not heard of is asked once, and known dead within 15 seconds."""
        self.network.advance(7.4)
        self.assertEqual(self.questions(), 0)
        self.network.advance(1.2)
        self.assertEqual(self.questions(), 1)
        self.network.advance(3.8)
        self.assertStands()
        self.network.advance(2.6)
        self.assertEqual(self.questions(), 1)
        self.assertClosed(CloseReason.SILENT)
        self.assertEqual(self.node.closes[CloseReason.SILENT], 1)

    def test_heartbeatsAlone(self) -> None:
        """A peer that sends at FISCO BCOS's rate, and nothing else, is never even asked."""
        self.live(300)
        self.assertStands()
        self.assertEqual(self.questions(), 0)

    def test_anythingIsASignOfLife(self) -> None:
        """A peer that says something else than what it was asked for lives; not even a frame."""
        for number in range(20):
            self.network.advance(11)
            self.say((HEARTBEAT[:9], HEARTBEAT[9:])[number % 2])
            self.assertStands()
        self.assertEqual(self.questions(), 20)

    def test_thisProcessWasAway(self) -> None:
        """Who was away himself listens first to what has come meanwhile."""
        self.network.advance(8.5)
        self.assertEqual(self.questions(), 1)
        self.network.clock._now += 20
        self.network.advance(0)
        self.assertStands()
        self.say(HEARTBEAT)
        self.live(30)
        self.assertStands()

    def test_fullQueue(self) -> None:
        """A silent peer for which too much waits to ask it anything is known dead, too."""
        self.stranger.transport.pauseProducing()
        protocolID = self.node.protocolID(1, 1000)
        for _ in range(2):
            self.node.send(self.issued.nodeID, randbytes(9 << 20), protocolID=protocolID)
            self.network.advance(0)
        self.network.advance(15)
        self.stranger.transport.resumeProducing()
        self.assertClosed(CloseReason.SILENT)


class ManyTests(SynchronousTestCase):
    """What watching does to those who are well."""

    def test_nobodyIsAsked(self) -> None:
        """In a network that is well nobody asks anybody, and no link ends."""
        network = MemoryNetwork(4)
        self.addCleanup(network.stop)
        network.advance(10)
        before = [dict(node.closes) for node in network.nodes]
        asked = []
        for node in network.nodes:
            for session in node.registry.sessions:
                self.patch(session, "request", lambda *a: asked.append(a))
        network.advance(300)
        self.assertEqual(asked, [])
        self.assertEqual([dict(node.closes) for node in network.nodes], before)

    def test_peerThatIsNotRead(self) -> None:
        """While applications here cannot keep up, the peer's silence is ours."""
        network = MemoryNetwork(2, settings=Settings(maxUnanswered=2))
        self.addCleanup(network.stop)
        one, other = network.nodes
        protocolID = one.protocolID(1, 1000)
        answers: list[Deferred[bytes]] = []

        def later(message: Message) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        other.handle(protocolID, later)
        network.advance(3)
        for _ in range(5):
            one.send(other.nodeID, b"work", protocolID=protocolID)
        network.advance(100)
        self.assertTrue(other.registry.session(one.nodeID).isPaused)
        for answer in answers:
            answer.callback(b"done")
        network.advance(100)
        for node in (one, other):
            self.assertEqual(len(node.registry), 1)
            self.assertEqual(node.closes[CloseReason.SILENT], 0)


class FrameTests(StrangerTestCase):
    """A peer whose frames come slowly."""

    def setUp(self) -> None:
        super().setUp()
        self.prove()

    def test_trickle(self) -> None:
        """A long frame of which a byte comes now and then is cut."""
        self.say(RC2.encode(2, 1, 0, bytes(DECLARED))[:4])
        for second in range(28):
            self.say(b"x")
            self.network.advance(1)
            self.assertIsNone(self.stranger.lost, second)
        session = self.node.registry.session(self.issued.nodeID)
        self.assertLess(session.arriving[1], 64)
        for _ in range(4):
            if self.stranger.lost is None:
                self.say(b"x")
            self.network.advance(1)
        self.assertClosed(CloseReason.SLOW_FRAME)

    def test_trickledHeader(self) -> None:
        """So is one whose header alone takes too long, with never a long silence."""
        for second in range(36):
            if second % 6 == 0 and self.stranger.lost is None:
                self.say(HEARTBEAT[second // 6 :][:1])
            self.network.advance(1)
        self.assertClosed(CloseReason.SLOW_FRAME)

    def test_slowButHonest(self) -> None:
        """A long frame that comes steadily has its time."""
        got: list[int] = []
        protocolID = self.node.protocolID(1, 1000)
        self.node.handle(protocolID, lambda message: got.append(len(message.payload)))
        frame = RC2.encode(protocolID, 0, 5, bytes(DECLARED))
        rate = 24 * 1024
        for start in range(0, len(frame), rate):
            self.say(frame[start : start + rate])
            self.network.advance(1)
        self.assertIsNone(self.stranger.lost)
        self.assertEqual(got, [DECLARED])

    def test_neverBetweenFrames(self) -> None:
        """Many frames of which each chunk has the end of one and the beginning of the next."""
        frames = HEARTBEAT * 200
        self.say(frames[:8])
        for start in range(8, 160 * len(HEARTBEAT), len(HEARTBEAT)):
            self.say(frames[start : start + len(HEARTBEAT)])
            self.network.advance(1)
        self.assertIsNone(self.stranger.lost)

    def test_oneFrameAndTheNext(self) -> None:
        """A frame that begins where another ends has a time of its own."""
        stream = RC2.encode(2, 1, 0, b"0" * 24) * 2
        for start, end in ((0, 8), (8, 12), (12, 60), (60, 61), (61, 80)):
            self.say(stream[start:end])
            self.network.advance(12)
        self.assertIsNone(self.stranger.lost)

    def test_whileNothingIsRead(self) -> None:
        """Nor is it the peer's fault if applications here keep the rest of it from being read."""
        protocolID = self.node.protocolID(1, 1000)
        answers: list[Deferred[bytes]] = []
        got: list[bytes] = []

        def later(message: Message) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        self.node.handle(protocolID, later)
        self.node.handle(protocolID + 1, lambda message: got.append(message.payload))
        half, rest = (RC2.encode(protocolID + 1, 0, 5, b"whole")[part] for part in _HALVES)
        self.say(*[RC2.encode(protocolID, 0, 5, b"?")] * 1025, half)
        session = self.node.registry.session(self.issued.nodeID)
        self.assertTrue(session.isPaused)
        self.assertEqual(session.arriving[1], len(half))
        self.network.advance(100)
        for answer in answers:
            answer.callback(b"done")
        self.say(rest)
        self.assertEqual(got, [b"whole"])

    def test_frameAfterFrame(self) -> None:
        """Long frames that are each in time, one after the other, with no pause between them."""
        frame = RC2.encode(self.node.protocolID(1, 1000), 0, 5, bytes(1 << 20))
        stream = frame * 5
        step = len(frame) // 20
        for start in range(0, len(stream), step):
            self.say(stream[start : start + step])
            self.network.advance(1)
        self.assertIsNone(self.stranger.lost)
