"""Who is connected, who follows what, and which of two links stays."""

from __future__ import annotations

from random import Random, randbytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerAbsent, PeerLeft
from fiscop2p.interfaces import Message
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
HEARTBEAT = RC2.encode(2, 1, 0, b"0")


class FakeSession:
    """A session that does what it is told, and can be seen to."""

    def __init__(self, nodeID: str, outbound: bool = True) -> None:
        self.nodeID = nodeID
        self.outbound = outbound
        self.isHeard = True
        self.pings: list = []
        self.did: list[str] = []

    def ping(self, callback) -> None:
        self.pings.append(callback)

    def close(self, reason, detail="") -> None:
        self.did.append(f"close {reason.name}")

    def abort(self, reason, detail="") -> None:
        self.did.append(f"abort {reason.name}")

    def retire(self, reason, delay=1.0) -> None:
        self.did.append(f"retire {reason.name} {delay:g}")

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

    def test_version(self) -> None:
        """Whoever has looked who is there can see whether that has changed."""
        registry, seen = self.registry, [self.registry.version]
        newer = FakeSession(LESS)

        def isChanged() -> bool:
            seen.append(registry.version)
            return seen[-1] not in seen[:-1]

        self.assertFalse(isChanged())
        registry.add(self.session)
        self.assertTrue(isChanged())
        registry.setTopics(self.session, ["b"])
        self.assertTrue(isChanged())
        registry.setTopics(self.session, [])
        self.assertTrue(isChanged())
        registry.add(newer)
        self.assertIs(registry.session(LESS), self.session)
        registry.remove(self.session)
        self.assertIs(registry.session(LESS), newer)
        self.assertTrue(isChanged())
        registry.remove(newer)
        self.assertTrue(isChanged())

    def test_undoneByWhoIsTold(self) -> None:
        """Who takes a node's link away when it joins does so for those, too, who hear it later."""
        told: list[str] = []
        self.registry.joined.subscribe(lambda _: self.registry.remove(self.session))
        self.registry.joined.subscribe(lambda _: told.append("joined"))
        self.registry.left.subscribe(lambda _: told.append("left"))
        waiting = self.registry.whenConnected(LESS)
        self.registry.add(self.session)
        self.assertEqual(told, ["joined", "left"])
        self.assertNoResult(waiting)

    def test_waitingAgain(self) -> None:
        """Those who wait for a node that the first of them loses go on waiting, also he himself."""
        fired: list[str] = []

        def lose(_: str) -> None:
            self.registry.remove(self.session)
            self.registry.whenConnected(LESS).addCallback(lambda _: fired.append("again"))

        self.registry.whenConnected(LESS).addCallback(lose)
        self.registry.whenConnected(LESS).addCallback(lambda _: fired.append("second"))
        self.registry.add(self.session)
        self.assertEqual(fired, [])
        self.registry.add(FakeSession(LESS))
        self.assertEqual(fired, ["second", "again"])

    def test_lostWhileReplaced(self) -> None:
        """Who ends a node's last link when its topics change finds no other in its place."""
        spare = FakeSession(LESS)
        self.registry.add(self.session)
        self.registry.setTopics(self.session, ["a"])
        self.registry.add(spare)
        self.registry.topicsChanged.subscribe(lambda _: self.registry.remove(spare))
        self.registry.remove(self.session)
        self.assertEqual(list(self.registry), [])
        self.assertEqual(self.told[-2:], ["topics []", "left 1"])

    def test_absent(self) -> None:
        """Nobody's session is an error that names the node; our own is told apart."""
        error = self.assertRaises(PeerAbsent, self.registry.session, GREATER)
        self.assertIn("ffffffff... is not connected", str(error))
        error = self.assertRaises(PeerAbsent, self.registry.session, OURS)
        self.assertIn("this node itself", str(error))
        error = self.assertRaises(PeerAbsent, self.registry.session, GREATER.upper())
        self.assertIn("node IDs are in lower case", str(error))

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

    def test_whenConnectedInUpperCase(self) -> None:
        """Node IDs are in lower case, however somebody has written one who waits."""
        waiting = self.registry.whenConnected(GREATER.upper())
        self.registry.add(FakeSession(GREATER))
        self.assertEqual(self.successResultOf(waiting), GREATER)

    def test_whenConnectedCancelled(self) -> None:
        """A wait can be given up; the node may still come."""
        waiting = self.registry.whenConnected(LESS)
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        self.registry.add(self.session)

    def test_stopped(self) -> None:
        """When the node stops, who waits is told so; who waits again does so until a start."""
        again: list[Deferred[str]] = []
        first, second = (self.registry.whenConnected(LESS) for _ in range(2))
        first.addErrback(lambda failure: failure.trap(PeerAbsent) and second.cancel())
        first.addCallback(lambda _: again.append(self.registry.whenConnected(LESS)))
        self.registry.stop()
        self.failureResultOf(second, CancelledError)
        self.assertNoResult(again[0])
        self.registry.add(self.session)
        self.assertEqual(self.successResultOf(again[0]), LESS)


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

    def test_theGreaterCloses(self) -> None:
        """The node with the greater ID closes the other link after proof; the lesser one waits."""
        first, second = FakeSession(LESS), FakeSession(LESS)
        self.settle(first, second)
        self.assertEqual(second.did, [])
        first.pings[0](b"0")
        self.assertEqual(second.did, ["retire DUPLICATE 1"])
        first, second = FakeSession(GREATER), FakeSession(GREATER)
        self.settle(first, second)
        first.pings[0](b"0")
        self.assertEqual(second.did, ["retire DUPLICATE 15"])

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
        self.assertEqual(second.did, ["retire DUPLICATE 1", "keep"])
        self.assertIs(registry.session(LESS), second)

    def test_nobodyLeavesOrJoins(self) -> None:
        """That another link serves is told as that alone."""
        registry = PeerRegistry(OURS)
        told: list[str] = []
        registry.relinked.subscribe(lambda _: told.append("relinked"))
        registry.joined.subscribe(lambda _: told.append("joined"))
        registry.left.subscribe(lambda _: told.append("left"))
        first, second = FakeSession(LESS), FakeSession(LESS)
        registry.add(first)
        registry.add(second)
        registry.remove(first)
        self.assertEqual(told, ["joined", "relinked"])
        registry.remove(second)
        self.assertEqual(told, ["joined", "relinked", "left"])

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

    def test_silentLinkIsReplaced(self) -> None:
        """A link that has missed a heartbeat gives way to a new one at once, whoever dialled."""
        for outbound in (True, False):
            first, second = FakeSession(GREATER), FakeSession(GREATER, outbound)
            first.isHeard = False
            registry, kept = self.settle(first, second)
            self.assertIs(kept, second)
            self.assertEqual(first.did, ["abort SILENT"])
            registry.remove(first)
            registry.remove(second)
            self.assertEqual(len(registry), 0)

    def test_silentLinkWithSpares(self) -> None:
        """Then the spares are settled with the new link, however many there are."""
        links = [FakeSession(LESS) for _ in range(4)]
        registry = PeerRegistry(OURS)
        for link in links[:3]:
            registry.add(link)
        links[0].isHeard = False
        registry.add(links[3])
        registry.remove(links[0])
        self.assertIs(registry.session(LESS), links[3])
        for ping in links[3].pings:
            ping(b"0")
        self.assertEqual([link.did[-1:] for link in links[1:3]], [["retire DUPLICATE 1"]] * 2)

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

    def test_aThousandPairs(self) -> None:
        """At whatever distance in time and space they dial, one link is left, the same for both."""
        crossed = 0
        for seed in range(1000):
            random = Random(seed)
            network = MemoryNetwork(0)
            addresses = [Address("10.0.0.0", PORT), Address("10.0.0.1", PORT)]
            path = network.fabric.path(*(address.host for address in addresses))
            path.latency = random.choice((0.0, 0.001, random.uniform(0, 0.5)))
            one = network.addNode(addresses)
            network.advance(random.choice((0.0, path.latency, random.uniform(0, 2))))
            other = network.addNode(addresses)
            left: list[str] = []
            for node in (one, other):
                node.registry.left.subscribe(left.append)
            network.advance(8)
            crossed += len(one.registry.historyOf(other.nodeID)) > 1
            self.assertEqual(len(path.transports), 2, f"seed {seed}")
            mine = one.registry.session(other.nodeID).transport
            theirs = other.registry.session(one.nodeID).transport
            self.assertEqual(mine.getHost(), theirs.getPeer(), f"seed {seed}")
            self.assertEqual(mine.getPeer(), theirs.getHost(), f"seed {seed}")
            self.assertEqual(left, [], f"seed {seed}")
            network.stop()
        self.assertGreater(crossed, 200)


class OneNodeTwiceTests(SynchronousTestCase):
    """Two links that one node has dialled, which is not one of ours."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.issued = self.network.agency.issueNode("node9")
        self.links: list[Stranger] = []

    def dial(self) -> Stranger:
        context = looseContext(True, self.issued, temporaryFolder(self))
        self.links.append(Stranger(HEARTBEAT))
        dial(self.network, self.node, context, self.links[-1])
        self.network.advance(0)
        return self.links[-1]

    def beat(self, *links: Stranger) -> None:
        for link in links:
            if link.lost is None:
                link.transport.write(HEARTBEAT)
        self.network.advance(0)

    def standing(self) -> list[Stranger]:
        return [link for link in self.links if link.lost is None]

    def say(self, text: bytes) -> None:
        self.node.send(self.issued.nodeID, text, protocolID=self.node.protocolID(1, 1000))
        self.network.advance(0)

    def test_halfOpenLink(self) -> None:
        """A peer that was restarted and is back at once has one link within a heartbeat."""
        old = self.dial()
        self.network.advance(2)
        new = self.dial()
        self.network.advance(2)
        self.beat(new)
        self.network.advance(3.1)
        self.assertEqual(self.standing(), [new])
        self.say(b"hello")
        self.assertEqual(new.frames()[-1][3], b"hello")
        self.assertIsNotNone(old.lost)

    def test_longSilentLink(self) -> None:
        """One that comes back after a missed heartbeat takes the old link's place at once."""
        old = self.dial()
        self.network.advance(7.6)
        new = self.dial()
        self.network.advance(0)
        self.assertEqual(self.standing(), [new])
        self.say(b"hello")
        self.assertEqual(new.frames()[-1][3], b"hello")
        self.assertNotIn(b"hello", old.data)

    def test_neverAnswers(self) -> None:
        """Of links over which heartbeats come, and never an answer, the first one stays."""
        isGreater = set()
        while len(isGreater) < 2:
            self.issued = self.network.agency.issueNode("node9")
            isGreater.add(self.issued.nodeID > self.node.nodeID)
            self.links = []
            first = self.dial()
            self.dial()
            self.dial()
            for _ in range(25):
                self.network.advance(1)
                self.beat(*self.links)
            self.assertEqual(self.standing(), [first])
            self.assertIn(self.issued.nodeID, self.node.registry)

    def test_linkThatIsNotRead(self) -> None:
        """A link that applications here keep from being read is not dead, however silent."""
        protocolID = self.node.protocolID(1, 1001)
        answers: list[Deferred[bytes]] = []

        def later(message: Message) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        self.node.handle(protocolID, later)
        first = self.dial()
        first.transport.write(RC2.encode(protocolID, 0, 5, b"?") * 1025)
        self.network.advance(20)
        self.dial()
        self.beat(*self.links)
        self.assertEqual(len(self.standing()), 2)
        for _ in range(20):
            self.network.advance(1)
            self.beat(*self.links)
        self.assertEqual(self.standing(), [first])
        for answer in answers:
            answer.callback(b"done")

    def test_queueIsFull(self) -> None:
        """A link for which too much waits to ask anything over it is judged by what comes."""
        first = self.dial()
        first.transport.pauseProducing()
        for _ in range(2):
            self.say(randbytes(9 << 20))
        second = self.dial()
        for _ in range(25):
            self.network.advance(1)
            self.beat(first, second)
        first.transport.resumeProducing()
        self.network.advance(1)
        self.assertEqual(self.standing(), [first])


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
