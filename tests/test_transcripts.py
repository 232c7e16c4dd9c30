"""Sessions with a real FISCO BCOS 2.11.2 node: told what it said, we say what it accepted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.interfaces import Message
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import Dialect
from tests.strangers import Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder
from tests.wire.vectors import FROM_NODE, OVER_THE_LIMIT, SESSIONS, TO_NODE, Line


class TranscriptMixin:
    """
    One session, replayed.
    """

    dialect: Dialect
    echo: int
    session: tuple[Line, ...]

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl", settings=Settings(dialect=self.dialect))
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.node.handle(self.echo, self.answer)
        # Five changes before these two make it 7, as in the session.
        self.node._topics.sync.seq = 5
        self.node.subscribe("orders", lambda _: None)
        self.node.subscribe("weather", lambda _: None)
        self.issued = self.network.agency.issueNode("fisco")
        self.peer = Stranger()
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.peer)
        self.network.advance(0)

    def answer(self, message: Message) -> bytes:
        return b"hello back" if message.payload == b"hello from the node" else b"ok"

    def said(self) -> bytes:
        """What we have said since this was last asked."""
        data, self.peer.data = self.peer.data, b""
        return data

    def hear(self, payload: bytes) -> bytes:
        """Hear from the node the frame with this payload; returns what we say to it."""
        (line,) = {
            line.encoded
            for line in self.session
            if line.direction == FROM_NODE and line.frame[3] == payload and line.frame[0] > 0
        }
        self.peer.transport.write(line)
        self.network.advance(0)
        return self.said()

    def accepted(self, *frame: object) -> bytes:
        """A frame that the node accepted, byte by byte."""
        lines = [line for line in self.session if line.direction == TO_NODE]
        (encoded,) = {line.encoded for line in lines if line.frame == frame}
        return encoded

    def test_topics(self) -> None:
        """Topic sync in both directions."""
        self.assertEqual(self.said(), self.accepted(2, 1, 0, b"7"))
        self.assertEqual(self.hear(b"1"), self.accepted(2, 2, 2, b""))
        answer = next(line for line in self.session if line.frame[3] == b"1\tnews\tsport")
        self.peer.transport.write(answer.encoded)
        self.network.advance(0)
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"news", "sport"})
        self.assertEqual(self.hear(b""), self.accepted(-2, 3, 2, b"7\torders\tweather"))
        self.assertEqual(self.hear(b"2")[4:], self.accepted(2, 2, 2, b"")[4:-1] + b"\x03")

    def test_requests(self) -> None:
        """A request of the node, and one of ours."""
        self.hear(b"1")
        answered = self.accepted(-self.echo, 0, 3, b"hello back")
        self.assertEqual(self.hear(b"hello from the node"), answered)
        self.said()
        reply = self.node.request(self.issued.nodeID, b"echo me", protocolID=self.echo)
        self.network.advance(0)
        self.assertEqual(self.said(), self.accepted(self.echo, 0, 3, b"echo me"))
        answer = next(line for line in self.session if line.frame == (-self.echo, 0, 3, b"echo me"))
        self.peer.transport.write(answer.encoded)
        self.network.advance(0)
        self.assertEqual(self.successResultOf(reply), b"echo me")
        self.node.send(self.issued.nodeID, b"x", protocolID=9999)
        self.network.advance(0)
        self.assertEqual(self.said(), self.accepted(9999, 0, 4, b"x"))

    def test_overTheLimit(self) -> None:
        """A length over the limit closes at once, with us as with the node."""
        lines = logLines(self)
        self.hear(b"1")
        self.peer.transport.write(dict(OVER_THE_LIMIT)[self.dialect])
        self.network.advance(0.1)
        self.assertIsNotNone(self.peer.lost)
        self.assertTrue(any("length=104857601" in line for line in lines))


class RC1Tests(TranscriptMixin, SynchronousTestCase):
    """The 12-byte header."""

    dialect, session = SESSIONS[0]
    echo = 1000


class RC2Tests(TranscriptMixin, SynchronousTestCase):
    """The 16-byte header."""

    dialect, session = SESSIONS[1]
    echo = 66536

    def test_compressedRequest(self) -> None:
        """A request that the node has compressed is understood."""
        self.hear(b"1")
        compressed = next(line for line in self.session if len(line.frame[3]) == 3000)
        self.said()
        self.assertEqual(self.hear(compressed.frame[3]), self.accepted(-self.echo, 0, 4, b"ok"))
