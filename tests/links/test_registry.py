"""Who is connected, who follows what, and which of two links stays."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerAbsent, PeerLeft
from fiscop2p.links.registry import PeerRegistry
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC2
from tests.strangers import STRANGER, Stranger, dial, listen, looseContext
from tests.temporary import temporaryFolder

OURS = "8" * 128
LESS = "1" * 128
GREATER = "f" * 128


class FakeSession:
    """A session that does what it is told, and can be seen to."""

    def __init__(self, nodeID: str, outbound: bool = True) -> None:
        self.nodeID = nodeID
        self.outbound = outbound
        self.pings: list = []
        self.did: list[str] = []

    def ping(self, callback) -> None:
        self.pings.append(callback)

    def close(self, reason, detail="") -> None:
        self.did.append(f"close {reason.name}")

    def abort(self, reason, detail="") -> None:
        self.did.append(f"abort {reason.name}")

    def retire(self, reason) -> None:
        self.did.append(f"retire {reason.name}")

    def keep(self) -> None:
        self.did.append("keep")


class RegistryTests(SynchronousTestCase):
    """One session a node."""

    def setUp(self) -> None:
        self.registry = PeerRegistry(OURS)
        self.told: list[str] = []
        self.registry.joined.subscribe(lambda nodeID: self.told.append(f"joined {nodeID[0]}"))
        self.registry.left.subscribe(lambda nodeID: self.told.append(f"left {nodeID[0]}"))
        self.registry.topicsChanged.subscribe(
            lambda nodeID: self.told.append(f"topics {sorted(self.registry.topicsOf(nodeID))}")
        )
        self.session = FakeSession(LESS)

    def test_joinedAndLeft(self) -> None:
        """Those who want to know are told who comes and who goes."""
        self.registry.add(self.session)
        self.assertEqual(list(self.registry), [LESS])
        self.assertIs(self.registry.session(LESS), self.session)
        self.registry.remove(self.session)
        self.assertEqual(self.told, ["joined 1", "left 1"])
        self.assertEqual(len(self.registry), 0)

    def test_absent(self) -> None:
        """Nobody's session is an error that names the node; our own is told apart."""
        error = self.assertRaises(PeerAbsent, self.registry.session, GREATER)
        self.assertIn("ffffffff... is not connected", str(error))
        error = self.assertRaises(PeerAbsent, self.registry.session, OURS)
        self.assertIn("this node itself", str(error))

    def test_followers(self) -> None:
        """The followers of a topic are those who follow it now."""
        other = FakeSession(GREATER)
        self.registry.add(self.session)
        self.registry.add(other)
        self.registry.setTopics(self.session, ["a", "b"])
        self.registry.setTopics(other, ["b", "c"])
        self.assertEqual(self.registry.sessionsFollowing("a"), [self.session])
        self.assertEqual(self.registry.sessionsFollowing("b"), [self.session, other])
        self.registry.setTopics(self.session, ["c"])
        self.assertEqual(self.registry.sessionsFollowing("a"), [])
        self.assertEqual(self.registry.sessionsFollowing("b"), [other])
        self.registry.remove(other)
        self.assertEqual(self.registry.sessionsFollowing("b"), [])
        self.assertEqual(self.registry.sessionsFollowing("c"), [self.session])

    def test_topicsChangedOnlyWhenTheyDo(self) -> None:
        """The same topics again are no news."""
        self.registry.add(self.session)
        self.registry.setTopics(self.session, ["a"])
        self.registry.setTopics(self.session, ["a"])
        self.assertEqual(self.told, ["joined 1", "topics ['a']"])

    def test_whenConnected(self) -> None:
        """Waiting for a node ends when it joins, or at once if it is there."""
        waiting = self.registry.whenConnected(LESS)
        self.assertNoResult(waiting)
        self.registry.add(self.session)
        self.assertEqual(self.successResultOf(waiting), LESS)
        self.assertEqual(self.successResultOf(self.registry.whenConnected(LESS)), LESS)

    def test_whenConnectedCancelled(self) -> None:
        """A wait can be given up; the node may still come."""
        waiting = self.registry.whenConnected(LESS)
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        self.registry.add(self.session)


class DuplicateTests(SynchronousTestCase):
    """Two links to one node."""

    def settle(self, first: FakeSession, second: FakeSession) -> tuple[PeerRegistry, FakeSession]:
        registry = PeerRegistry(OURS)
        registry.add(first)
        registry.add(second)
        return registry, registry.session(first.nodeID)

    def test_crossedDials(self) -> None:
        """Of crossed dials the link stays that the greater node ID dialled."""
        ours, theirs = FakeSession(LESS, outbound=True), FakeSession(LESS, outbound=False)
        self.assertIs(self.settle(ours, theirs)[1], ours)
        self.assertIs(self.settle(theirs, ours)[1], ours)
        ours, theirs = FakeSession(GREATER, outbound=True), FakeSession(GREATER, outbound=False)
        self.assertIs(self.settle(ours, theirs)[1], theirs)
        self.assertIs(self.settle(theirs, ours)[1], theirs)

    def test_sameDirection(self) -> None:
        """Of two links in one direction the older stays, if it lives."""
        first, second = FakeSession(LESS), FakeSession(LESS)
        self.assertIs(self.settle(first, second)[1], first)

    def test_onlyTheGreaterCloses(self) -> None:
        """The other link is closed only by the node with the greater ID, and only after proof."""
        first, second = FakeSession(LESS), FakeSession(LESS)
        self.settle(first, second)
        self.assertEqual(second.did, [])
        first.pings[0](b"0")
        self.assertEqual(second.did, ["retire DUPLICATE"])
        first, second = FakeSession(GREATER), FakeSession(GREATER)
        self.settle(first, second)
        first.pings[0](b"0")
        self.assertEqual(second.did, [])

    def test_silentLinkGivesWay(self) -> None:
        """If the preferred link gives no sign of life it is closed, and the other one serves."""
        first, second = FakeSession(GREATER), FakeSession(GREATER)
        registry, _ = self.settle(first, second)
        first.pings[0](PeerLeft("nobody"))
        self.assertEqual(first.did, ["abort SILENT"])
        registry.remove(first)
        self.assertIs(registry.session(GREATER), second)

    def test_retiredLinkIsKeptWhenNeeded(self) -> None:
        """A link that was to be closed is kept if the preferred one is lost after all."""
        first, second = FakeSession(LESS), FakeSession(LESS)
        registry, _ = self.settle(first, second)
        first.pings[0](b"0")
        registry.remove(first)
        self.assertEqual(second.did, ["retire DUPLICATE", "keep"])
        self.assertIs(registry.session(LESS), second)

    def test_nobodyLeavesOrJoins(self) -> None:
        """That another link serves is no news."""
        registry = PeerRegistry(OURS)
        told: list[str] = []
        registry.joined.subscribe(lambda _: told.append("joined"))
        registry.left.subscribe(lambda _: told.append("left"))
        first, second = FakeSession(LESS), FakeSession(LESS)
        registry.add(first)
        registry.add(second)
        registry.remove(first)
        self.assertEqual(told, ["joined"])
        registry.remove(second)
        self.assertEqual(told, ["joined", "left"])

    def test_topicsOfTheLinkThatServes(self) -> None:
        """Topics are those that came over the link that serves."""
        first, second = FakeSession(LESS), FakeSession(LESS)
        registry, _ = self.settle(first, second)
        registry.setTopics(first, ["old"])
        registry.setTopics(second, ["new"])
        self.assertEqual(registry.sessionsFollowing("new"), [])
        registry.remove(first)
        self.assertEqual(registry.sessionsFollowing("old"), [])
        self.assertEqual(registry.sessionsFollowing("new"), [second])

    def test_tooManySpares(self) -> None:
        """A node cannot pile up links."""
        links = [FakeSession(LESS) for _ in range(5)]
        registry = PeerRegistry(OURS)
        for link in links:
            registry.add(link)
        self.assertEqual([link.did for link in links], [[], [], []] + [["close DUPLICATE"]] * 2)
        for link in links[::-1]:
            registry.remove(link)
        self.assertEqual(len(registry), 0)


class CrossedDialsTests(SynchronousTestCase):
    """Two real nodes that dial each other at the same moment."""

    def test_exactlyOneLink(self) -> None:
        """However the handshakes interleave, one link is left, and both use it."""
        for seed in range(200):
            random = Random(seed)
            network = MemoryNetwork(2)
            one, other = network.nodes
            network.delay(one, other, random.choice([0, 0.001, 0.05, 0.3]))
            pid = one.protocolID(1, 1000)
            got: list[bytes] = []
            other.handle(pid, lambda m, got=got: got.append(m.payload))
            for step in range(20):
                network.advance(random.random() * 0.2)
                if other.nodeID in one.registry:
                    one.send(other.nodeID, b"%d" % step, protocolID=pid)
            network.advance(10)
            transports = network.path(one, other).transports
            self.assertEqual(len(transports), 2, f"seed {seed}")
            self.assertIn(other.nodeID, one.registry, f"seed {seed}")
            self.assertIn(one.nodeID, other.registry, f"seed {seed}")
            steps = sorted(int(text) for text in got)
            self.assertEqual(steps, list(range(steps[0], 20)), f"seed {seed}: lost")
            network.stop()


class FirstSessionWinsTests(SynchronousTestCase):
    """A FISCO BCOS node, which keeps the first session and ends the second after its handshake."""

    def test_linkSurvives(self) -> None:
        """We keep the link that it keeps, whoever dialled it."""
        network = MemoryNetwork(0, tls="ssl")
        self.addCleanup(network.stop)
        issued = network.agency.issueNode("fisco")
        folder = temporaryFolder(self)
        frame = RC2.encode(2, 1, 0, b"0")
        node = network.addNode([Address(STRANGER, PORT)])
        refusing = _ClosesAtOnce()
        listen(network, looseContext(False, issued, folder), refusing)
        kept = Stranger(frame)
        dial(network, node, looseContext(True, issued, folder), kept)
        for _ in range(60):
            network.advance(1)
            kept.transport.write(frame)
        self.assertIsNone(kept.lost)
        self.assertIn(issued.nodeID, node.registry)
        self.assertEqual(refusing.connections, 1)


class _ClosesAtOnce(Stranger):
    connections = 0

    def handshakeCompleted(self) -> None:
        self.connections += 1
        self.transport.abortConnection()
