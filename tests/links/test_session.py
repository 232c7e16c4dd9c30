"""One link: its frames, its times, its limits."""

from __future__ import annotations

from random import randbytes

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerBusy, PeerLeft, RequestTimeout
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC1, RC2
from tests.strangers import STRANGER, Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder


class StrangerTestCase(SynchronousTestCase):
    """A node, and one link to it from a stranger whom the CA vouches for."""

    dialect = RC2

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl", settings=Settings(dialect=self.dialect))
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.agency = self.network.agency
        self.issued = self.agency.issueNode("node9")
        self.stranger = Stranger()
        self.lines = logLines(self)
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.stranger)
        self.network.advance(0)

    def say(self, *frames: bytes) -> None:
        self.stranger.transport.write(b"".join(frames))
        self.network.advance(0)

    def prove(self) -> None:
        self.say(self.dialect.encode(2, 1, 0, b"0"))

    def live(self, seconds: int) -> None:
        """Let time pass in which the stranger does what keeps it alive: a heartbeat each 5 s."""
        for _ in range(seconds // 5):
            self.network.advance(5)
            if self.stranger.lost is None:
                self.prove()

    def assertClosed(self, reason: CloseReason) -> None:
        self.network.advance(0.1)
        self.assertIsNotNone(self.stranger.lost)
        self.assertTrue(any(reason.value in line for line in self.lines), self.lines)
        self.assertEqual(len(self.node.registry), 0)


class SessionTests(StrangerTestCase):
    """One link to a stranger whom the CA vouches for."""

    def test_notConnectedBeforeTheFirstFrame(self) -> None:
        """A link that has carried no frame is not one of the registry's."""
        self.assertNotIn(self.issued.nodeID, self.node.registry)
        self.prove()
        self.assertIn(self.issued.nodeID, self.node.registry)

    def test_heartbeatAtOnceAndEveryFiveSeconds(self) -> None:
        """Our topic seq is told at once, and then every five seconds, under seq 0."""
        heartbeat = (2, 1, 0, b"0")
        self.assertEqual(self.stranger.frames(), [heartbeat])
        self.prove()
        self.live(20)
        self.assertEqual(self.stranger.frames(), [heartbeat] * 5)

    def test_badFrameCloses(self) -> None:
        """What is not a frame costs the link."""
        self.prove()
        self.say(b"\0\0\0\x0f" + bytes(12))
        self.assertClosed(CloseReason.BAD_FRAME)
        self.assertTrue(any("declares 15 bytes" in line for line in self.lines))

    def test_framesBeforeABadOneAreHandled(self) -> None:
        """Nothing that came before a fault is lost."""
        got: list[bytes] = []
        self.node.handle(self.node.protocolID(1, 1000), lambda m: got.append(m.payload))
        self.prove()
        good = RC2.encode(self.node.protocolID(1, 1000), 0, 7, b"good")
        self.say(good, good, b"\xff" * 16)
        self.assertEqual(got, [b"good", b"good"])
        self.assertClosed(CloseReason.BAD_FRAME)

    def test_nothingIsHandledAfterABadFrame(self) -> None:
        """After a fault nothing is taken from the peer any more."""
        got: list[bytes] = []
        self.node.handle(self.node.protocolID(1, 1000), lambda m: got.append(m.payload))
        self.prove()
        self.say(b"\0" * 16, RC2.encode(self.node.protocolID(1, 1000), 0, 7, b"late"))
        self.assertEqual(got, [])

    def test_idleInWritingCloses(self) -> None:
        """A peer that sends and never reads is dropped, too."""
        self.prove()
        self.stranger.transport.pauseProducing()
        pid = self.node.protocolID(1, 1000)
        self.node.send(self.issued.nodeID, randbytes(1 << 20), protocolID=pid)
        self.live(55)
        self.assertIsNone(self.stranger.lost)
        self.assertIn(self.issued.nodeID, self.node.registry)
        self.live(10)
        self.stranger.transport.resumeProducing()
        self.assertClosed(CloseReason.IDLE)

    def test_unknownProtocolIsCountedAndDropped(self) -> None:
        """A request that nobody takes leaves the link alone, as FISCO BCOS nodes do."""
        self.prove()
        self.say(RC2.encode(self.node.protocolID(9, 999), 0, 5, b"x"))
        self.network.advance(1)
        self.assertIsNone(self.stranger.lost)
        self.assertEqual(self.node.counters["requests without a handler"], 1)

    def test_unmatchedResponseIsCountedAndDropped(self) -> None:
        """A response that nobody waits for leaves the link alone."""
        self.prove()
        self.say(RC2.encode(-self.node.protocolID(1, 1000), 0, 99, b"x"))
        self.assertIsNone(self.stranger.lost)
        self.assertEqual(self.node.counters["responses nobody waited for"], 1)

    def test_firstSeqIsTwo(self) -> None:
        """Seqs are counted from 2, as FISCO BCOS does."""
        self.prove()
        self.node.send(self.issued.nodeID, b"x", protocolID=self.node.protocolID(1, 1000))
        self.network.advance(0)
        self.assertEqual(self.stranger.frames()[-1], (0x103E8, 0, 2, b"x"))

    def test_oneResponseEach(self) -> None:
        """A second response to the same request is ignored."""
        self.prove()
        pid = self.node.protocolID(1, 1000)
        answers: list[bytes] = []
        self.node.request(self.issued.nodeID, b"?", protocolID=pid).addCallback(answers.append)
        self.network.advance(0)
        seq = self.stranger.frames()[-1][2]
        self.say(*(RC2.encode(-pid, 0, seq, text) for text in (b"one", b"two")))
        self.assertEqual(answers, [b"one"])
        self.assertEqual(self.node.counters["responses nobody waited for"], 1)


class RequestTests(SynchronousTestCase):
    """Requests to a peer that answers as it likes."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl", settings=Settings(maxPending=3))
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.issued = self.network.agency.issueNode("node9")
        self.protocolID = self.node.protocolID(1, 1000)
        self.stranger = Stranger(RC2.encode(2, 1, 0, b"0"))
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.stranger)
        self.network.advance(0)
        self.ends: list[object] = []

    def ask(self) -> int:
        """Ask, note the end, and give the request's seq."""
        request = self.node.request(self.issued.nodeID, b"?", protocolID=self.protocolID, timeout=4)
        request.addBoth(lambda end: self.ends.append(getattr(end, "type", end)))
        self.network.advance(0)
        return self.stranger.frames()[-1][2]

    def answer(self, seq: int, text: bytes) -> None:
        self.stranger.transport.write(RC2.encode(-self.protocolID, 0, seq, text))
        self.network.advance(0)

    @property
    def unmatched(self) -> int:
        return self.node.counters["responses nobody waited for"]

    def test_lateAndRepeated(self) -> None:
        """An answer after the deadline, a second one, one to nothing: each counted and ignored."""
        late, prompt = self.ask(), self.ask()
        self.answer(prompt, b"one")
        self.network.advance(4.1)
        self.assertEqual(self.ends, [b"one", RequestTimeout])
        for number, (seq, text) in enumerate(((late, b"late"), (prompt, b"one"), (4711, b"x")), 1):
            for _ in range(100):
                self.answer(seq, text)
            self.assertEqual(self.unmatched, 100 * number)
        self.assertEqual(self.ends, [b"one", RequestTimeout])
        self.assertIsNone(self.stranger.lost)

    def test_othersAnswersAreNotOurs(self) -> None:
        """A seq is waited for on the link that the request went over, not on others."""
        other = Stranger(RC2.encode(2, 1, 0, b"0"))
        context = looseContext(True, self.network.agency.issueNode("node8"), temporaryFolder(self))
        dial(self.network, self.node, context, other)
        self.network.advance(0)
        seq = self.ask()
        other.transport.write(RC2.encode(-self.protocolID, 0, seq, b"forged"))
        self.network.advance(0)
        self.assertEqual((self.ends, self.unmatched), ([], 1))
        self.answer(seq, b"true")
        self.assertEqual(self.ends, [b"true"])

    def test_tooMany(self) -> None:
        """A peer that owes enough answers is asked nothing more; nothing is sent."""
        seqs = [self.ask() for _ in range(3)]
        sent = len(self.stranger.data)
        self.ask()
        self.assertEqual(self.ends, [PeerBusy])
        with self.assertRaises(PeerBusy) as caught:
            self.node.ask(
                self.issued.nodeID, b"?", self.fail, self.fail, protocolID=self.protocolID
            )
        self.assertIn("has 3 requests to answer already", str(caught.exception))
        self.assertEqual(len(self.stranger.data), sent)
        self.node.send(self.issued.nodeID, b"one way", protocolID=self.protocolID)
        self.answer(seqs[0], b"one")
        self.ask()
        self.assertEqual(self.ends, [PeerBusy, b"one"])
        self.network.advance(4.1)
        self.assertEqual(self.ends[2:], [RequestTimeout] * 3)
        self.ask()
        self.assertEqual(len(self.ends), 5)

    def test_owesTooManyToBeAskedForSigns(self) -> None:
        """A peer that owes all it may, and is silent, is known dead all the same."""
        for _ in range(3):
            self.node.ask(
                self.issued.nodeID,
                b"?",
                self.ends.append,
                self.ends.append,
                protocolID=self.protocolID,
                timeout=100,
            )
        self.network.advance(15)
        self.assertIsNotNone(self.stranger.lost)
        self.assertEqual([type(end) for end in self.ends], [PeerLeft] * 3)


class RC1Tests(SynchronousTestCase):
    """The older dialect."""

    def test_dialectsDoNotMix(self) -> None:
        """
        A peer of the other dialect is cut, whichever it is, and the log says what may be wrong: a
        heartbeat of RC1 is too short for RC2, one of RC2 is a frame of protocolID 0 to RC1.
        """
        for ours, theirs in (RC2, RC1), (RC1, RC2):
            network = MemoryNetwork(1, tls="ssl", settings=Settings(dialect=ours))
            self.addCleanup(network.stop)
            lines = logLines(self)
            stranger = Stranger(theirs.encode(2, 1, 0, b"0") * 2)
            issued = network.agency.issueNode("node9")
            context = looseContext(True, issued, temporaryFolder(self))
            dial(network, network.nodes[0], context, stranger)
            network.advance(1)
            self.assertIsNotNone(stranger.lost)
            self.assertEqual(len(network.nodes[0].registry), 0)
            named = [line for line in lines if STRANGER in line]
            self.assertTrue(any("supported_version" in line for line in named))

    def test_networkOfRC1(self) -> None:
        """Nodes that all speak RC1 understand each other."""
        network = MemoryNetwork(3, settings=Settings(dialect=RC1))
        self.addCleanup(network.stop)
        a, b, _ = network.nodes
        b.subscribe("t", lambda message: message.payload.upper())
        pid = a.protocolID(1, 100)
        b.handle(pid, lambda message: message.payload * 2)
        network.advance(3)
        answers: list[bytes] = []
        a.request(b.nodeID, b"ab" * 1000, protocolID=pid).addCallback(answers.append)
        a.requestTopic("t", b"abc").addCallback(answers.append)
        network.advance(1)
        self.assertEqual(answers, [b"ab" * 2000, b"ABC"])


class HostilePeerTests(StrangerTestCase):
    """A peer whom the CA vouches for, and who misbehaves."""

    def test_firstFrameMustComeSoon(self) -> None:
        """Who is verified and then says nothing whole is cut like who does not shake hands."""
        self.say(b"\0\0\1\0")
        self.network.advance(9.8)
        self.assertIsNone(self.stranger.lost)
        self.network.advance(0.3)
        self.assertIsNotNone(self.stranger.lost)

    def test_tooManyLinks(self) -> None:
        """A node cannot pile up links, proven or not."""
        strangers = []
        for _ in range(8):
            strangers.append(Stranger())
            context = looseContext(True, self.issued, temporaryFolder(self))
            dial(self.network, self.node, context, strangers[-1])
        self.network.advance(0.1)
        self.assertLessEqual(sum(stranger.lost is None for stranger in strangers), 3)

    def test_askingWithoutReading(self) -> None:
        """Answers do not pile up for a peer that asks and does not read."""
        protocolID = self.node.protocolID(1, 1000)
        self.node.handle(protocolID, lambda _: randbytes(60_000))
        self.prove()
        self.stranger.transport.pauseProducing()
        for _ in range(50):
            self.say(*[RC2.encode(protocolID, 0, 5, b"")] * 100)
        self.assertClosed(CloseReason.OVERFLOW)

    def test_slowReaderIsKept(self) -> None:
        """A peer that reads slowly but steadily is not idle, however much waits for it."""
        self.prove()
        protocolID = self.node.protocolID(1, 1000)
        payload = randbytes(12 << 20)
        self.node.send(self.issued.nodeID, payload, protocolID=protocolID)
        self.stranger.transport.pauseProducing()
        for _ in range(150):
            self.network.advance(2)
            self.stranger.transport.resumeProducing()
            self.network.clock.advance(0)
            self.stranger.transport.pauseProducing()
            self.say(RC2.encode(2, 1, 0, b"0"))
        self.assertIsNone(self.stranger.lost)
        self.stranger.transport.resumeProducing()
        self.network.advance(1)
        self.assertIn(payload, [frame[3] for frame in self.stranger.frames()])

    def test_tooManyTopics(self) -> None:
        """A list of topics that is too long is not even looked at."""
        self.prove()
        self.say(RC2.encode(2, 1, 0, b"7"))
        seq = self.stranger.frames()[-1][2]
        self.say(RC2.encode(-2, 3, seq, b"7" + b"\t" * 2_000_000))
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), frozenset())
        self.assertTrue(any("2000000 topics" in line for line in self.lines))

    def test_nothingAfterAHandlerEndsIt(self) -> None:
        """A handler that gives up its protocolID, or stops the node, gets nothing more."""
        protocolID = self.node.protocolID(1, 1000)
        got: list[bytes] = []

        def unhandle(message) -> None:
            got.append(message.payload)
            self.node.unhandle(protocolID)

        def stop(message) -> None:
            got.append(message.payload)
            self.node.stopService()

        self.prove()
        frames = [RC2.encode(protocolID, 0, seq, b"%d" % seq) for seq in range(2, 12)]
        self.node.handle(protocolID, unhandle)
        self.say(*frames)
        self.assertEqual(got, [b"2"])
        self.node.handle(protocolID, stop)
        self.say(*frames)
        self.assertEqual(got, [b"2", b"2"])
        self.node.startService()

    def test_nothingAfterARequestEndsIt(self) -> None:
        """Who ends the link when an answer comes is told no other answer that came with it."""
        self.prove()
        got: list[bytes] = []

        def answered(payload: bytes) -> None:
            got.append(payload)
            self.node.registry.session(self.issued.nodeID).abort(CloseReason.STOPPED)

        failed: list[Exception] = []
        for _ in range(3):
            self.node.ask(self.issued.nodeID, b"", answered, failed.append, protocolID=70_000)
        self.network.advance(0)
        asked = [seq for kind, _, seq, _ in self.stranger.frames() if kind == 70_000]
        self.say(*[RC2.encode(-70_000, 0, seq, b"ok") for seq in asked])
        self.assertEqual(got, [b"ok"])
        self.assertEqual([type(error) for error in failed], [PeerLeft] * 2)

    def test_answersLeaveAsTheyAreMade(self) -> None:
        """The first answers to a flood of requests leave before the last request is handled."""
        self.prove()
        protocolID = self.node.protocolID(1, 1000)
        session = self.node.registry.session(self.issued.nodeID)
        left: list[int] = []

        def echo(message: Message) -> bytes:
            left.append(session.counts.framesSent)
            return message.payload

        self.node.handle(protocolID, echo)
        before = session.counts.framesSent
        self.say(*[RC2.encode(protocolID, 0, seq, b"%d" % seq) for seq in range(2, 202)])
        self.assertEqual(left[:32], [before] * 32)
        self.assertGreaterEqual(left[99] - before, 64)
        answers = [payload for kind, _, _, payload in self.stranger.frames() if kind < 0]
        self.assertEqual(answers, [b"%d" % seq for seq in range(2, 202)])

    def test_sendToASlowReader(self) -> None:
        """What waits for a peer is bounded: then sending is refused, and the others are served."""
        self.prove()
        protocolID = self.node.protocolID(1, 1000)
        self.stranger.transport.pauseProducing()
        taken = 0
        with self.assertRaises(PeerBusy) as caught:
            for _ in range(100):
                self.node.send(self.issued.nodeID, randbytes(1 << 20), protocolID=protocolID)
                self.network.advance(0)
                taken += 1
        self.assertIn("reads too slowly", str(caught.exception))
        self.assertTrue(16 <= taken <= 19, taken)
        request = self.node.request(self.issued.nodeID, b"?", protocolID=protocolID)
        self.failureResultOf(request, PeerBusy)
        self.assertEqual(self.node.broadcast(b"all", protocolID=protocolID), 0)
        self.stranger.transport.resumeProducing()
        self.network.advance(1)
        self.node.send(self.issued.nodeID, b"again", protocolID=protocolID)
        self.network.advance(1)
        self.assertEqual(self.stranger.frames()[-1][3], b"again")
