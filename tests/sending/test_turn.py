"""
Tests for L{fiscop2p.sending.turn}.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.interfaces import Message
from fiscop2p.testing import MemoryNetwork


class TurnTests(SynchronousTestCase):
    """What is sent in one turn leaves at its end, link by link."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(4)
        self.node, *self.others = self.network.nodes
        self.protocolID = self.node.protocolID(1, 1000)
        self.got: list[tuple[str, bytes]] = []
        for other in self.others:
            other.handle(self.protocolID, self.handlerOf(other.nodeID))
        self.network.advance(1)

    def handlerOf(self, nodeID: str):
        def handle(message: Message) -> None:
            self.got.append((nodeID, message.payload))

        return handle

    def test_oneFails(self) -> None:
        """A link that cannot send is ended; the others get theirs, in that turn and later."""
        broken = self.others[0].nodeID
        session = self.node.registry.session(broken)

        def writeSequence(pieces: Iterable[bytes]) -> None:
            raise MemoryError("no room")

        self.patch(session.transport, "writeSequence", writeSequence)
        for number in range(2):
            self.node.broadcast(b"%d" % number, protocolID=self.protocolID)
            self.network.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        whole = {other.nodeID for other in self.others[1:]}
        self.assertEqual(
            set(self.got), {(nodeID, text) for nodeID in whole for text in (b"0", b"1")}
        )
        self.assertIn("no room", session.closeDetail)
        self.network.advance(10)
        self.assertIn(broken, self.node.registry)
