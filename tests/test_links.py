"""Who dials, who accepts, and when it is tried again."""

from __future__ import annotations

from itertools import pairwise
from random import randbytes

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import ListenError, PeerBusy
from fiscop2p.factories import AddressState
from fiscop2p.reasons import CloseReason
from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC1, RC2
from tests.strangers import STRANGER, Stranger, dial, listen, logLines, looseContext
from tests.temporary import temporaryFolder


def states(node: P2PService) -> list[AddressState]:
    return [status.state for status in node.addresses()]


class MeshTests(SynchronousTestCase):
    """Nodes that have each other's addresses."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(4)
        self.addCleanup(self.network.stop)
        self.network.advance(3)

    def test_fullMesh(self) -> None:
        """Everybody is connected to everybody, by one link each."""
        for node in self.network.nodes:
            others = {other.nodeID for other in self.network.nodes} - {node.nodeID}
            self.assertEqual(set(node.registry), others)
        paths = [
            self.network.path(one, other)
            for one in self.network.nodes
            for other in self.network.nodes
            if one.nodeID < other.nodeID
        ]
        self.assertEqual([len(path.transports) for path in paths], [2] * 6)

    def test_ownAddressIsLeftAlone(self) -> None:
        """The own address in the list is recognized, and not dialled again."""
        node = self.network.nodes[0]
        self.network.advance(120)
        status = node.addresses()[0]
        self.assertEqual(status.state, AddressState.OURSELVES)
        self.assertIsNone(status.nextAttempt)
        self.assertEqual(len(self.network.path(node, node).transports), 0)

    def test_eachAddressIsConnectedOrElsewhere(self) -> None:
        """An address whose node is connected by a link from there is not dialled."""
        for node in self.network.nodes:
            expected = {AddressState.CONNECTED, AddressState.ELSEWHERE, AddressState.OURSELVES}
            self.assertLessEqual(set(states(node)), expected)

    def test_cutLinkComesBack(self) -> None:
        """A cut link is dialled again, and stands soon after it heals."""
        one, other = self.network.nodes[:2]
        self.network.cut(one, other)
        self.network.advance(30)
        self.assertNotIn(other.nodeID, one.registry)
        self.assertEqual(len(one.registry), 2)
        self.network.heal(one, other)
        self.network.advance(10)
        self.assertIn(other.nodeID, one.registry)
        self.assertIn(one.nodeID, other.registry)

    def test_silentLinkIsClosed(self) -> None:
        """A link over which nothing comes for the idle time ends at both sides."""
        one, other = self.network.nodes[:2]
        lines = logLines(self)
        self.network.lose(one, other)
        self.network.advance(55)
        self.assertIn(other.nodeID, one.registry)
        self.network.advance(12)
        self.assertNotIn(other.nodeID, one.registry)
        self.assertNotIn(one.nodeID, other.registry)
        self.assertTrue(any("nothing came for 60 s" in line for line in lines))

    def test_delayedLinkStands(self) -> None:
        """A slow link is still a link."""
        one, other = self.network.nodes[:2]
        self.network.delay(one, other, 2)
        answers: list[bytes] = []
        other.handle(other.protocolID(1, 1000), lambda message: message.payload)
        request = one.request(other.nodeID, b"slow", protocolID=one.protocolID(1, 1000))
        request.addCallback(answers.append)
        self.network.advance(3.9)
        self.assertEqual(answers, [])
        self.network.advance(0.2)
        self.assertEqual(answers, [b"slow"])

    def test_restartedNodeComesBack(self) -> None:
        """A node that was stopped and is there again is back in the mesh."""
        one, other = self.network.nodes[:2]
        other.stopService()
        self.network.advance(5)
        self.assertNotIn(other.nodeID, one.registry)
        other.startService()
        self.network.advance(10)
        self.assertEqual(len(other.registry), 3)
        self.assertIn(other.nodeID, one.registry)

    def test_stoppedNodeIsSilent(self) -> None:
        """After a stop nothing goes on: no timer, no link, no attempt."""
        self.network.stop()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_portTaken(self) -> None:
        """A port that another node has is a clear error."""
        node = self.network.nodes[0]
        twin = P2PService(
            node.identity,
            node._tls,
            node.settings,
            reactor=MemoryReactor(self.network.fabric, node.settings.listen.host),
        )
        error = self.assertRaises(ListenError, twin.startService)
        self.assertIn(f"cannot listen on {node.settings.listen}", str(error))


class RetryTests(SynchronousTestCase):
    """How an address is dialled that does not answer, or refuses."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(0, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.addNode([Address(STRANGER, PORT)])

    def attempts(self, seconds: float) -> list[float]:
        """When the address is dialled in this time."""
        times, before = [], None
        for _ in range(round(seconds / 0.05)):
            self.network.advance(0.05)
            status = self.node.addresses()[0]
            if status.attempts != before:
                times.append(self.network.clock.seconds())
                before = status.attempts
        return times

    def test_waitsGrowToTenSeconds(self) -> None:
        """The first retry comes after about a second; later ones at most ten seconds apart."""
        times = self.attempts(100)
        waits = [later - earlier for earlier, later in pairwise(times)]
        self.assertTrue(0.7 <= waits[0] <= 1.1, waits)
        self.assertTrue(all(before <= after * 1.4 for before, after in pairwise(waits)), waits)
        self.assertTrue(all(7.4 <= wait <= 10.1 for wait in waits[5:]), waits)

    def test_statusSaysWhatAndWhen(self) -> None:
        """What an address is doing is data."""
        self.network.advance(0.5)
        status = self.node.addresses()[0]
        self.assertEqual(status.address, Address(STRANGER, PORT))
        self.assertEqual(status.state, AddressState.WAITING)
        self.assertIn("refused", status.lastError)
        self.assertTrue(0 < status.nextAttempt <= 0.5)

    def test_refusingPeerIsNotHammered(self) -> None:
        """A peer that completes TLS and then closes is tried less and less often."""
        agency = self.network.agency
        context = looseContext(False, agency.issueNode("node9"), temporaryFolder(self))
        stranger = _Refusing()
        listen(self.network, context, stranger)
        self.network.advance(60)
        self.assertTrue(5 <= stranger.connections <= 12, stranger.connections)

    def test_provenLinkResetsTheWait(self) -> None:
        """After a link that stood, the first retry is a quick one again."""
        self.network.advance(60)
        agency = self.network.agency
        context = looseContext(False, agency.issueNode("node9"), temporaryFolder(self))
        frame = RC2.encode(2, 1, 0, b"0")
        stranger = Stranger(frame)
        listen(self.network, context, stranger)
        self.network.advance(11)
        self.assertEqual(states(self.node), [AddressState.CONNECTED])
        stranger.transport.loseConnection()
        self.network.advance(0.1)
        self.assertLessEqual(self.node.addresses()[0].nextAttempt, 1)

    def test_silentHostTimesOut(self) -> None:
        """A host that swallows everything is given up after the connect timeout."""
        self.network.fabric.path(STRANGER, self.node.settings.listen.host).isSilent = True
        self.network.advance(1.5)
        self.assertEqual(states(self.node), [AddressState.CONNECTING])
        self.network.advance(10)
        self.assertEqual(states(self.node), [AddressState.WAITING])
        self.assertIn("timeout", self.node.addresses()[0].lastError.lower())


class _Refusing(Stranger):
    connections = 0

    def handshakeCompleted(self) -> None:
        self.connections += 1
        self.transport.loseConnection()


class SessionTests(SynchronousTestCase):
    """One link to a stranger whom the CA vouches for."""

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

    def assertClosed(self, reason: CloseReason) -> None:
        self.network.advance(0.1)
        self.assertIsNotNone(self.stranger.lost)
        self.assertTrue(any(reason.value in line for line in self.lines), self.lines)
        self.assertEqual(len(self.node.registry), 0)

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
        self.network.advance(20)
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

    def test_idleInReadingCloses(self) -> None:
        """A peer that only reads is dropped after the idle time, as FISCO BCOS does."""
        self.prove()
        self.network.advance(59)
        self.assertIsNone(self.stranger.lost)
        self.network.advance(6)
        self.assertClosed(CloseReason.IDLE)

    def test_idleInWritingCloses(self) -> None:
        """A peer that sends and never reads is dropped, too."""
        self.prove()
        self.stranger.transport.pauseProducing()
        pid = self.node.protocolID(1, 1000)
        self.node.send(self.issued.nodeID, randbytes(1 << 20), protocolID=pid)
        for _ in range(7):
            self.network.advance(10)
            if self.stranger.lost is None:
                self.stranger.transport.write(RC2.encode(2, 1, 0, b"0"))
        self.stranger.transport.resumeProducing()
        self.assertClosed(CloseReason.IDLE)
        self.assertTrue(any("the peer read nothing" in line for line in self.lines))

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


class RC1Tests(SynchronousTestCase):
    """The older dialect."""

    def test_dialectsDoNotMix(self) -> None:
        """A peer of the other dialect is cut, and the log says what may be wrong."""
        network = MemoryNetwork(1, tls="ssl")
        self.addCleanup(network.stop)
        lines = logLines(self)
        stranger = Stranger(RC1.encode(2, 1, 0, b"0") * 2)
        issued = network.agency.issueNode("node9")
        context = looseContext(True, issued, temporaryFolder(self))
        dial(network, network.nodes[0], context, stranger)
        network.advance(1)
        self.assertIsNotNone(stranger.lost)
        named = [line for line in lines if STRANGER in line]
        self.assertTrue(any("does the peer speak the other dialect?" in line for line in named))

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


class StopAndStartTests(SynchronousTestCase):
    """What is stopped stays stopped, and what is started again dials again."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.one, self.other = self.network.nodes
        self.network.advance(3)

    def test_bothStartedAgain(self) -> None:
        """Two nodes that were both stopped find each other again."""
        for node in self.network.nodes:
            node.stopService()
        self.network.advance(5)
        for node in self.network.nodes:
            node.startService()
        self.network.advance(5)
        self.assertIn(self.other.nodeID, self.one.registry)
        self.assertIn(self.one.nodeID, self.other.registry)

    def test_stoppedWhenSomebodyJoins(self) -> None:
        """A node that is stopped by its own callback stays stopped."""
        joined: list[str] = []
        self.one.stopService()
        self.network.advance(5)

        def stop(nodeID: str) -> None:
            joined.append(nodeID)
            self.one.stopService()

        self.one.registry.joined.subscribe(stop)
        self.one.startService()
        self.network.advance(30)
        self.assertEqual(len(joined), 1)
        self.assertEqual(len(self.one.registry), 0)
        self.assertEqual(set(states(self.one)), {AddressState.STOPPED})
        self.one.registry.joined.unsubscribe(stop)
        self.one.startService()

    def test_stoppedTwice(self) -> None:
        """Each stop is told when all links are closed."""
        stops = [self.one.stopService(), self.one.stopService()]
        self.network.advance(5)
        for stop in stops:
            self.successResultOf(stop)
        self.one.startService()

    def test_peerAddedWhileStopped(self) -> None:
        """An address that is added to a stopped node is dialled once it starts."""
        late = self.network.addNode()
        self.one.stopService()
        self.network.advance(1)
        self.one.addPeer(late.settings.listen)
        self.network.advance(5)
        self.assertNotIn(self.one.nodeID, late.registry)
        self.one.startService()
        self.network.advance(2)
        self.assertIn(self.one.nodeID, late.registry)

    def test_requestAgainWhenThePeerLeaves(self) -> None:
        """Who asks again as soon as a peer has left is told at once that it is absent."""
        protocolID = self.one.protocolID(1, 1000)
        errors: list[str] = []

        def again(failure) -> None:
            errors.append(failure.type.__name__)
            request = self.one.request(self.other.nodeID, b"?", protocolID=protocolID)
            request.addErrback(lambda failure: errors.append(failure.type.__name__))

        self.other.handle(protocolID, lambda _: None)
        for _ in range(2):
            request = self.one.request(self.other.nodeID, b"?", protocolID=protocolID)
            request.addErrback(again)
        self.network.cut(self.one, self.other)
        self.network.advance(0.1)
        self.assertEqual(errors, ["PeerLeft", "PeerAbsent"] * 2)

    def test_cancelOthersWhenThePeerLeaves(self) -> None:
        """An errback that gives up other requests harms nobody."""
        protocolID = self.one.protocolID(1, 1000)
        self.other.handle(protocolID, lambda _: None)
        requests = [
            self.one.request(self.other.nodeID, b"?", protocolID=protocolID) for _ in range(3)
        ]
        for request in requests:
            request.addErrback(lambda _: [each.cancel() for each in requests])
        self.network.cut(self.one, self.other)
        self.network.advance(1)
        self.network.heal(self.one, self.other)
        self.network.advance(12)
        self.assertIn(self.other.nodeID, self.one.registry)


class HostilePeerTests(SynchronousTestCase):
    """A peer whom the CA vouches for, and who misbehaves."""

    setUp = SessionTests.setUp
    say = SessionTests.say
    prove = SessionTests.prove
    assertClosed = SessionTests.assertClosed
    dialect = RC2

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
        for number in range(300):
            self.node.subscribe(f"{number:0200}", lambda _: None)
        self.prove()
        self.stranger.transport.pauseProducing()
        for _ in range(50):
            self.say(*[RC2.encode(2, 2, 5, b"")] * 100)
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
