"""The traffic of links is counted: every frame once, as long as it is on the wire."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerBusy
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.compression import compress
from fiscop2p.wire.dialect import RC1, RC2
from tests.strangers import Stranger, dial, looseContext
from tests.temporary import temporaryFolder

NOTHING = ["AMOP|,AMOPIn=0,AMOPOut=0"]


class CountingTests(SynchronousTestCase):
    """Two nodes; what the one sends, the other gets."""

    dialect = RC2
    header = 16

    def setUp(self) -> None:
        self.network = MemoryNetwork(2, settings=Settings(dialect=self.dialect))
        self.addCleanup(self.network.stop)
        self.a, self.b = self.network.nodes
        self.ours, self.theirs = self.a.traffic, self.b.traffic
        self.network.advance(2)

    def assertTraffic(self, one: int, other: int) -> None:
        """So many bytes of group 1 left here, and so many came back."""
        self.assertIn(f"Total|,g=1,Total_In={other},Total_Out={one}", self.ours.lines())
        self.assertIn(f"Total|,g=1,Total_In={one},Total_Out={other}", self.theirs.lines())

    def assertAMOP(self, one: int, other: int) -> None:
        """So many bytes of AMOP left here, and so many came back."""
        self.assertEqual(self.ours.lines(), [f"AMOP|,AMOPIn={other},AMOPOut={one}"])
        self.assertEqual(self.theirs.lines(), [f"AMOP|,AMOPIn={one},AMOPOut={other}"])

    def test_syncOfTopicsAndStatus(self) -> None:
        """Heartbeats, topics and status are not counted."""
        self.b.subscribe("orders", print)
        self.b.setStatus(load=1)
        self.network.advance(30)
        self.assertEqual(self.a.registry.topicsOf(self.b.nodeID), {"orders"})
        self.assertEqual(self.ours.lines(), NOTHING)
        self.assertEqual(self.theirs.lines(), NOTHING)

    def test_group(self) -> None:
        """One-way messages count with their headers, of every kind of sending."""
        sync, own = self.a.protocolID(1, 9), self.a.protocolID(1, 100)
        self.a.send(self.b.nodeID, b"x" * 100, protocolID=sync)
        self.a.broadcast(b"x" * 20, protocolID=own)
        self.network.advance(1)
        size = 100 + 20 + 2 * self.header
        self.assertTraffic(size, 0)
        line = self.theirs.lines()[1]
        self.assertIn(f"P2P_SYNCIn={100 + self.header},P2P_totalIn={size},", line)

    def test_manyAtOnce(self) -> None:
        """Frames that come in one chunk, and chunks that are parts of one, are all counted."""
        protocolID = self.a.protocolID(1, 8)
        random = Random(1)
        sizes = [random.randrange(1024) for _ in range(2000)]
        for size in sizes:
            self.a.send(self.b.nodeID, bytes(size), protocolID=protocolID)
        large = random.randbytes(3_000_000)
        self.b.send(self.a.nodeID, large, protocolID=protocolID)
        self.network.advance(2)
        # Random bytes do not shrink, and are sent as they are.
        self.assertTraffic(sum(sizes) + 2000 * self.header, len(large) + self.header)

    def test_request(self) -> None:
        """A response counts for the group of its request, on both sides."""
        protocolID = self.a.protocolID(1, 100)
        self.b.handle(protocolID, lambda _: b"four")
        request = self.a.request(self.b.nodeID, b"x" * 10, protocolID=protocolID)
        self.network.advance(1)
        self.assertEqual(self.successResultOf(request), b"four")
        self.assertTraffic(10 + self.header, 4 + self.header)

    def test_compressed(self) -> None:
        """A payload counts as it is transmitted, not as the application has it."""
        payload = b"spam " * 1000
        self.a.send(self.b.nodeID, payload, protocolID=self.a.protocolID(1, 8))
        self.network.advance(1)
        block = compress(payload)
        self.assertLess(len(block), 1000)
        self.assertTraffic(len(block if self.dialect is RC2 else payload) + self.header, 0)

    def test_AMOP(self) -> None:
        """Topic requests, their answers and multicast count as AMOP, and as nothing else."""
        self.b.subscribe("orders", lambda _: b"four")
        self.network.advance(1)
        request = self.a.requestTopic("orders", b"x" * 10)
        self.network.advance(1)
        self.assertEqual(self.successResultOf(request), b"four")
        # Each has a channel header of 42 bytes, and a topic with its length byte.
        wrapped = self.header + 42 + 1 + len("orders")
        self.assertAMOP(wrapped + 10, wrapped + 4)
        self.a.multicast("orders", b"x" * 20)
        self.network.advance(1)
        self.assertAMOP(2 * wrapped + 30, wrapped + 4)

    def test_ourselves(self) -> None:
        """What a node tells itself is on no wire."""
        self.a.subscribe("orders", lambda _: b"four")
        self.network.advance(1)
        request = self.a.requestTopic("orders", b"x")
        self.network.advance(1)
        self.successResultOf(request)
        self.assertAMOP(0, 0)


class RC1CountingTests(CountingTests):
    """The same with the other header."""

    dialect = RC1
    header = 12


class RefusedTests(SynchronousTestCase):
    """What was not sent, and who sends what no node would."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.statistics = self.node.traffic
        self.issued = self.network.agency.issueNode("node9")
        self.stranger = Stranger(RC2.encode(2, 1, 0, b"0"))
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.stranger)
        self.network.advance(0)

    def test_busy(self) -> None:
        """A message that a slow peer has no room for is not counted."""
        self.stranger.transport.pauseProducing()
        payload = Random(1).randbytes(1 << 20)
        size = len(payload) + 16
        taken = 0
        with self.assertRaises(PeerBusy):
            while taken < 100:
                self.node.send(self.issued.nodeID, payload, protocolID=1 << 16 | 8)
                self.network.advance(0)
                taken += 1
        self.assertEqual(
            self.statistics.lines()[3], f"Total|,g=1,Total_In=0,Total_Out={taken * size}"
        )

    def test_closing(self) -> None:
        """What is written to a link that ends is not sent, and not counted."""
        session = self.node.registry.session(self.issued.nodeID)
        session.abort(CloseReason.STOPPED)
        session.write(1 << 16 | 8, (RC2.header(0, 1 << 16 | 8, 0, 2), b""))
        self.assertEqual(self.statistics.lines(), NOTHING)

    def test_allGroups(self) -> None:
        """A peer that names every group there is makes nothing grow."""
        frames = [RC2.encode(group << 16 | 9, 0, 2, b"") for group in range(1, 32_768)]
        self.stranger.transport.write(b"".join(frames))
        self.network.advance(1)
        self.assertLess(len(self.statistics.modules), 100)
        self.assertEqual(len(self.statistics.lines()), 1 + 3 * 256)
        self.assertEqual(self.statistics.uncounted, (32_767 - 256) * 16)

    def test_badFrame(self) -> None:
        """Frames before a faulty one are counted, and the fault ends the link as ever."""
        good = RC2.encode(1 << 16 | 9, 0, 7, b"good")
        self.stranger.transport.write(good + good + b"\xff" * 16)
        self.network.advance(1)
        self.assertIsNotNone(self.stranger.lost)
        self.assertIn("Total|,g=1,Total_In=40,Total_Out=0", self.statistics.lines())
