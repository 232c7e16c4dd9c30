"""fiscop2p by its API for many messages: C{sendMany} and C{handleMany}."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ..load import Load
from ..twistedside import runTwistedSide
from ..window import Tally
from .product import NodeChannel, NodeEnds, NotSentToAll


class ManyChannel(NodeChannel):
    """Messages leave and arrive together."""

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        payloads = list(payloads)
        sent = self._node.sendMany(self._peers[0].nodeID, payloads, protocolID=self._data)
        if sent != len(payloads):
            raise NotSentToAll(f"{sent} of {len(payloads)} messages were sent")

    def expect(self, tally: Tally) -> None:
        for node in self._nodes:
            node.handleMany(self._data, tally.manyArrived)
        tally.full.addCallback(lambda _: self._expectNothing())


class ManyEnds(NodeEnds):
    """Nodes that take many at a time."""

    makeChannel = ManyChannel


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, load, partial(ManyEnds, role, folder, load, "ssl"))
