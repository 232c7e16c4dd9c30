"""What became of links."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.links.history import LINKS_KEPT, NODES_KEPT, LinkHistory
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC2
from tests.strangers import Stranger, dial, looseContext
from tests.temporary import temporaryFolder

NOON = 1_700_000_000.0


class FakeSession:
    """A link as its history sees it."""

    def __init__(self, nodeID: str, port: int = 1) -> None:
        self.nodeID = nodeID
        self.address = Address("10.0.0.1", port)
        self.outbound = False
        self.closeReason = CloseReason.LOST
        self.closeDetail = "cable"


class HistoryTests(SynchronousTestCase):
    """Bounded memory of links."""

    def setUp(self) -> None:
        self.now = NOON
        self.history = LinkHistory(lambda: self.now)

    def test_oneLink(self) -> None:
        """A link is remembered while it stands and after its end; how long is not wall time."""
        session = FakeSession("a")
        self.history.opened(session, 100.0)
        (record,) = self.history.of("a")
        self.assertEqual((record.opened, record.address), (NOON, session.address))
        self.assertIsNone(record.reason)
        self.assertIsNone(record.duration)
        self.now -= 3600
        self.history.closed(session, 107.5)
        (record,) = self.history.of("a")
        self.assertIs(record.reason, CloseReason.LOST)
        self.assertEqual((record.detail, record.duration), ("cable", 7.5))
        self.assertEqual(self.history.closes, {CloseReason.LOST: 1})

    def test_restless(self) -> None:
        """A node is restless while it had as many links within 5 minutes as are remembered."""
        session = FakeSession("a")
        for number in range(LINKS_KEPT - 1):
            self.history.opened(session, number)
        self.assertFalse(self.history.isRestless("a", LINKS_KEPT))
        self.history.opened(session, 50.0)
        # The wall clock has no say in it.
        self.now += 3600
        self.assertTrue(self.history.isRestless("a", 299.9))
        self.assertFalse(self.history.isRestless("a", 300.0))
        self.assertFalse(self.history.isRestless("b", 50.0))

    def test_notLetIn(self) -> None:
        """A node that was not let in has a history; who never showed a certificate is counted."""
        self.history.closed(FakeSession("a"), 5.0)
        self.history.closed(FakeSession(""), 5.0)
        (record,) = self.history.of("a")
        self.assertEqual((record.reason, record.duration), (CloseReason.LOST, 0.0))
        self.assertEqual(self.history.of(""), [])
        self.assertEqual(self.history.closes, {CloseReason.LOST: 2})

    def test_lastLinksOfANode(self) -> None:
        """Of each node the last links are kept; one that stood longer still ends well."""
        first = FakeSession("a", 0)
        self.history.opened(first, 0.0)
        for port in range(1, 101):
            session = FakeSession("a", port)
            self.history.opened(session, port)
            self.history.closed(session, port)
        self.history.closed(first, 200.0)
        ports = [record.address.port for record in self.history.of("a")]
        self.assertEqual(ports, list(range(101 - LINKS_KEPT, 101)))

    def test_latestNodes(self) -> None:
        """Those nodes are kept that were heard of last, by their links' ends as well."""
        early = FakeSession("early")
        self.history.opened(early, 0.0)
        for number in range(NODES_KEPT - 1):
            self.history.opened(FakeSession(str(number)), 0.0)
        self.history.closed(early, 1.0)
        self.history.opened(FakeSession("one more"), 0.0)
        self.assertEqual(len(self.history._nodes), NODES_KEPT)
        self.assertEqual(len(self.history.of("early")), 1)
        self.assertEqual(self.history.of("0"), [])
        self.assertEqual(len(self.history.of("1")), 1)


class ReasonsTests(SynchronousTestCase):
    """Every close of a link has its reason: in the history, and counted."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl", settings=Settings(maxInboundPeers=1))
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.issued = self.network.agency.issueNode("node9")

    def dial(self, greeting: bytes = b"") -> Stranger:
        stranger = Stranger(greeting)
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, stranger)
        self.network.advance(0)
        return stranger

    def reasons(self) -> list[CloseReason | None]:
        return [record.reason for record in self.node.registry.historyOf(self.issued.nodeID)]

    def test_eachInTurn(self) -> None:
        """What a peer, the network and an operator do is told apart."""
        heartbeat = RC2.encode(2, 1, 0, b"0")
        self.dial(b"x" * 16)
        self.network.advance(0.1)
        self.dial()
        self.network.advance(11)
        self.dial(heartbeat)
        self.network.advance(16)
        self.dial(heartbeat).transport.loseConnection()
        self.network.advance(0.1)
        self.dial(heartbeat).transport.abortConnection()
        self.network.advance(0.1)
        self.dial(heartbeat)
        self.assertIsNone(self.reasons()[-1])
        self.node.setAccess(AccessLists(black=frozenset({self.issued.nodeID})))
        self.network.advance(0.1)
        self.dial(heartbeat)
        self.network.advance(0.1)
        self.node.setAccess(AccessLists())
        self.dial(heartbeat)
        self.node.stopService()
        self.network.advance(6)
        expected = [
            CloseReason.BAD_FRAME,
            CloseReason.HANDSHAKE_TIMEOUT,
            CloseReason.SILENT,
            CloseReason.PEER_CLOSED,
            CloseReason.LOST,
            CloseReason.REFUSED,
            CloseReason.REFUSED,
            CloseReason.STOPPED,
        ]
        self.assertEqual(self.reasons(), expected)
        counted = {reason: expected.count(reason) for reason in expected}
        # The node has dialled itself once, and met both ends.
        own = {CloseReason.OURSELVES: 2}
        closes = {reason: self.node.closes[reason] for reason in [*counted, *own]}
        self.assertEqual(closes, counted | own)
        durations = [record.duration for record in self.node.registry.historyOf(self.issued.nodeID)]
        self.assertTrue(10 <= durations[1] <= 11 and 12 <= durations[2] <= 15, durations)
        self.node.startService()

    def test_neverAsFarAsACertificate(self) -> None:
        """Who has no certificate of the CA is counted only; there is no node to remember."""
        stranger = Stranger()
        context = looseContext(True, None, temporaryFolder(self))
        dial(self.network, self.node, context, stranger)
        self.network.advance(0.1)
        self.assertEqual(self.node.closes[CloseReason.HANDSHAKE_FAILED], 1)

    def test_dialled(self) -> None:
        """A link that we have dialled is told apart from one that was dialled to us."""
        one = self.network.addNode([Address("10.0.0.0", PORT)])
        self.network.advance(1)
        (ours,) = one.registry.historyOf(self.node.nodeID)
        (theirs,) = self.node.registry.historyOf(one.nodeID)
        self.assertEqual((ours.outbound, theirs.outbound), (True, False))
        self.assertEqual(ours.address, self.node.listenAddress)
