"""Who dials, who accepts, and when it is tried again."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import ListenError
from fiscop2p.identity import Identity
from fiscop2p.links.factories import AddressState
from fiscop2p.reasons import CloseReason
from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from fiscop2p.testing.identities import AssertedTLS, inventedIdentity
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC2
from tests.strangers import STRANGER, Stranger, listen, logLines, looseContext
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

    def test_connectedWhenOthersAreTold(self) -> None:
        """Who is told that a node is connected finds its address connected."""
        late = self.network.addNode()
        node = self.network.nodes[0]
        told: list[tuple[AddressState, str]] = []

        def look(nodeID: str) -> None:
            status = node.addresses()[-1]
            told.append((status.state, status.nodeID))

        node.registry.joined.subscribe(look)
        node.registry.whenConnected(late.nodeID).addCallback(look)
        node.addPeer(late.settings.listen)
        self.network.advance(1)
        self.assertEqual(told, [(AddressState.CONNECTED, late.nodeID)] * 2)

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
        """A link over which nothing comes is known dead by both sides within 15 seconds."""
        one, other = self.network.nodes[:2]
        self.network.lose(one, other)
        self.network.advance(7)
        self.assertIn(other.nodeID, one.registry)
        self.network.advance(8)
        self.assertNotIn(other.nodeID, one.registry)
        self.assertNotIn(one.nodeID, other.registry)
        self.assertEqual(one.closes[CloseReason.SILENT], 1)
        self.assertEqual(other.closes[CloseReason.SILENT], 1)

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

    def another(self, identity: Identity, host: str, *peers: Address) -> P2PService:
        """Start a node that is none of the network's."""
        node = P2PService(
            identity,
            AssertedTLS(identity),
            Settings(listen=Address(host, PORT), peers=peers),
            reactor=MemoryReactor(self.network.fabric, host),
        )
        node.startService()
        self.addCleanup(node.stopService)
        return node

    def test_successorOfAMovedNode(self) -> None:
        """Who lives where a node was, that now dials us from elsewhere, is found."""
        network = self.network
        one, moving = network.nodes[:2]
        moving.stopService()
        network.advance(5)
        self.another(moving.identity, "10.0.9.9", one.settings.listen)
        network.advance(20)
        self.assertIn(moving.nodeID, one.registry)
        self.assertEqual(states(one)[1], AddressState.ELSEWHERE)
        host = moving.settings.listen.host
        successor = self.another(inventedIdentity("successor"), host)
        network.advance(1000)
        self.assertEqual(states(one)[1], AddressState.CONNECTED)
        self.assertEqual(one.addresses()[1].nodeID, successor.nodeID)

    def test_lookingAgainChangesNothing(self) -> None:
        """To see who lives at an address now and then costs no link, and counts as no fault."""
        nodes = self.network.nodes
        before = [set(node.registry.sessions) for node in nodes]
        dials = [node.links.tally.dials for node in nodes]
        closes = [Counter(node.closes) for node in nodes]
        self.network.advance(2000)
        self.assertEqual([set(node.registry.sessions) for node in nodes], before)
        self.assertGreater([node.links.tally.dials for node in nodes], dials)
        harmless = {CloseReason.OURSELVES, CloseReason.DUPLICATE}
        for node, known in zip(nodes, closes, strict=True):
            self.assertLessEqual(set(Counter(node.closes) - known), harmless)

    def test_ourSuccessor(self) -> None:
        """So is who lives where we were ourselves."""
        address = Address("10.0.9.9", PORT)
        node = self.another(inventedIdentity("moving"), address.host, address)
        self.network.advance(5)
        self.assertEqual(states(node), [AddressState.OURSELVES])
        node.links._port.stopListening()
        successor = self.another(inventedIdentity("successor"), address.host)
        self.network.advance(1000)
        self.assertEqual(states(node), [AddressState.CONNECTED])
        self.assertIn(successor.nodeID, node.registry)

    def test_stoppedNodeIsSilent(self) -> None:
        """After a stop nothing goes on: no timer, no link, no attempt."""
        self.network.stop()
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_portTaken(self) -> None:
        """A port that another node has is a clear error."""
        node = self.network.nodes[0]
        twin = P2PService(
            node.identity,
            node._links.tls,
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
        lines = logLines(self)
        self.network.fabric.path(STRANGER, self.node.settings.listen.host).isSilent = True
        self.network.advance(1.5)
        self.assertEqual(states(self.node), [AddressState.CONNECTING])
        self.network.advance(10)
        self.assertEqual(states(self.node), [AddressState.WAITING])
        self.assertIn("timeout", self.node.addresses()[0].lastError.lower())
        address = Address(STRANGER, PORT)
        self.assertTrue(any(f"AsyncConnect timeout erase,endpoint={address}" in x for x in lines))


class _Refusing(Stranger):
    connections = 0

    def handshakeCompleted(self) -> None:
        self.connections += 1
        self.transport.loseConnection()


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

    def test_requestsEndBeforeIt(self) -> None:
        """Who waits for an answer is told before those who wait until the node has stopped."""
        ends: list[str] = []
        pid = self.one.protocolID(1, 100)
        self.other.handle(pid, lambda _: Deferred())
        asked = self.one.request(self.other.nodeID, b"?", protocolID=pid, timeout=600)
        asked.addErrback(lambda failure: ends.append(failure.type.__name__))
        self.network.advance(0.1)
        self.one.stopService().addCallback(lambda _: ends.append("stopped"))
        self.network.advance(10)
        self.assertEqual(ends, ["PeerLeft", "stopped"])

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

    def test_stoppedWhenItDials(self) -> None:
        """Who reads that an address is dialled may stop that, or add another one."""
        self.one.stopService()
        late, last = self.network.addNode(), self.network.addNode()
        self.network.advance(5)

        def act(event: LogEvent) -> None:
            if event.get("endpoint") == str(late.settings.listen):
                self.one.removePeer(late.settings.listen)
                self.one.addPeer(last.settings.listen)

        globalLogPublisher.addObserver(act)
        self.addCleanup(globalLogPublisher.removeObserver, act)
        self.one.addPeer(late.settings.listen)
        self.one.startService()
        self.network.advance(2)
        self.assertNotIn(late.nodeID, self.one.registry)
        self.assertIn(last.nodeID, self.one.registry)

    def test_stoppedTwice(self) -> None:
        """Each stop is told when all links are closed."""
        stops = [self.one.stopService(), self.one.stopService()]
        self.network.advance(5)
        for stop in stops:
            self.assertIsNone(self.successResultOf(stop))
        self.one.startService()

    def test_startedBeforeItHasStopped(self) -> None:
        """A stop is told when the links are closed that stood, whatever new ones stand then."""
        stop = self.one.stopService()
        self.one.startService()
        self.assertNoResult(stop)
        self.network.advance(5)
        self.assertIsNone(self.successResultOf(stop))
        self.assertIn(self.other.nodeID, self.one.registry)
        again = self.one.stopService()
        self.network.advance(5)
        self.assertIsNone(self.successResultOf(again))
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


class RemovalTests(SynchronousTestCase):
    """Addresses that are not to be dialled any more."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.one, self.other = self.network.nodes
        self.address = self.other.settings.listen
        self.network.advance(3)

    def test_linkStaysAndIsNotDialledAgain(self) -> None:
        """The link stands for as long as it does, and nothing takes its place."""
        self.one.removePeer(self.address)
        self.other.removePeer(self.one.settings.listen)
        self.assertNotIn(self.address, [status.address for status in self.one.addresses()])
        self.network.advance(100)
        self.assertIn(self.other.nodeID, self.one.registry)
        self.network.cut(self.one, self.other)
        self.network.heal(self.one, self.other)
        self.network.advance(100)
        self.assertNotIn(self.other.nodeID, self.one.registry)

    def test_attemptUnderWay(self) -> None:
        """An attempt that is under way is given up, and so is one that is to come."""
        late = self.network.addNode()
        address = late.settings.listen
        for seconds, state in ((0.5, AddressState.CONNECTING), (10.1, AddressState.WAITING)):
            self.network.lose(self.one, late)
            self.one.addPeer(address)
            self.network.advance(seconds)
            self.assertEqual(states(self.one)[-1], state)
            self.one.removePeer(address)
            self.network.heal(self.one, late)
            self.network.advance(60)
            self.assertNotIn(late.nodeID, self.one.registry)

    def test_unknown(self) -> None:
        """An address that is not dialled cannot be removed."""
        self.assertRaises(KeyError, self.one.removePeer, Address(STRANGER, PORT))

    def test_whileStopped(self) -> None:
        """An address that is removed from a stopped node is not dialled when it starts."""
        self.one.stopService()
        self.other.removePeer(self.one.settings.listen)
        self.network.advance(5)
        self.one.removePeer(self.address)
        self.one.startService()
        self.network.advance(30)
        self.assertNotIn(self.other.nodeID, self.one.registry)
