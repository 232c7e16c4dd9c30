"""What is counted of links."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.links.counts import Histogram
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC1, RC2
from fiscop2p.wire.frames import FrameParser

SIZES = st.lists(st.sampled_from([0, 0, 0, 1, 7, 7, 300]), max_size=40)


class HistogramTests(SynchronousTestCase):
    """Times, by range."""

    def test_bounds(self) -> None:
        """A range has its upper end; what is above the last one is counted, too."""
        histogram = Histogram((0.1, 1.0))
        for seconds in (0.0, 0.1, 0.11, 1.0, 5.0):
            histogram.observe(seconds)
        self.assertEqual(histogram.counts, [2, 2, 1])
        self.assertAlmostEqual(histogram.sum, 6.21)


class FramesTests(SynchronousTestCase):
    """Frames that came."""

    @given(SIZES, st.integers(1, 700), st.sampled_from([RC1, RC2]))
    def test_chunks(self, sizes: list[int], chunk: int, dialect) -> None:
        """However the stream is cut, the parser counts what it gives."""
        stream = b"".join(dialect.encode(300, 0, seq, b"x" * n) for seq, n in enumerate(sizes))
        parser, count = FrameParser(dialect), 0
        for start in range(0, len(stream), chunk):
            count += sum(run.count for run in parser.feed(stream[start : start + chunk]))
            self.assertEqual(parser.frames, count)
        self.assertEqual(count, len(sizes))


class LinkTests(SynchronousTestCase):
    """Two nodes."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.network.advance(3)
        self.a, self.b = self.network.nodes
        self.protocolID = self.a.protocolID(1, 1000)
        self.b.handle(self.protocolID, lambda message: message.payload or None)

    def counts(self) -> list[tuple[int, int, int, int]]:
        return [
            (each.bytesSent, each.framesSent, each.bytesReceived, each.framesReceived)
            for each in (self.a.links.counts, self.b.links.counts)
        ]

    def test_bothEnds(self) -> None:
        """What one end has sent the other has received, frame by frame and byte by byte."""
        before = self.counts()
        for size in (0, 10, 10_000, 3_000_000):
            self.a.send(self.b.nodeID, b"x" * size, protocolID=self.protocolID)
        self.a.broadcast(b"y" * 84, protocolID=self.protocolID)
        self.network.advance(1)
        (sent, frames, back, answers), other = (
            tuple(now - then for now, then in zip(*each, strict=True))
            for each in zip(self.counts(), before, strict=True)
        )
        self.assertEqual((frames, answers), (5, 4))
        self.assertEqual(other, (back, answers, sent, frames))
        self.assertGreater(sent, 100)

    def test_linksThatHaveEnded(self) -> None:
        """What went over a link that has ended stays counted."""
        before = self.counts()[0]
        self.network.cut(self.a, self.b)
        self.network.advance(1)
        self.assertEqual(len(self.a.links.sessions), 0)
        after = self.counts()[0]
        self.assertTrue(all(now >= then for now, then in zip(after, before, strict=True)))
        self.network.heal(self.a, self.b)
        self.network.advance(20)
        self.assertGreater(self.counts()[0][1], after[1])

    def test_queue(self) -> None:
        """What waits is seen at once."""
        session = self.a.registry.session(self.b.nodeID)
        session.pauseProducing()
        self.a.send(self.b.nodeID, b"x" * 984, protocolID=self.protocolID)
        self.assertEqual(session.queued, 1000)
        session.resumeProducing()
        self.assertEqual(session.queued, 0)

    def test_latency(self) -> None:
        """The time that an answer took; requests that are forgotten or time out are no answers."""
        latencies = self.a.links.tally.latencies
        before = sum(latencies.counts)
        self.network.delay(self.a, self.b, 0.02)
        session = self.a.registry.session(self.b.nodeID)
        self.a.request(self.b.nodeID, b"x", protocolID=self.protocolID)
        self.network.advance(0.1)
        self.assertAlmostEqual(session.latency, 0.04)
        for act in (lambda done: done.cancel(), lambda _: self.network.advance(3)):
            done = self.a.request(
                self.b.nodeID, b"", protocolID=self.protocolID, timeout=2
            ).addErrback(lambda _: None)
            self.network.advance(0.001)
            act(done)
            self.a.send(self.b.nodeID, b"x", protocolID=self.protocolID)
            self.network.advance(0.1)
        self.assertEqual(sum(latencies.counts), before + 1)
        self.assertEqual(self.a.links.timeouts, 1)
        self.network.cut(self.a, self.b)
        self.network.advance(1)
        self.assertEqual(self.a.links.timeouts, 1)
