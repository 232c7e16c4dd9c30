"""What multicast is measured by: fiscop2p's broadcast to nodes that have no other peers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ..load import Load
from ..twistedside import runTwistedSide
from ..window import Tally
from .product import NodeChannel, NodeEnds


class BroadcastChannel(NodeChannel):
    """Every peer counts as a follower."""

    def multicastAll(self, payloads: Iterable[bytes]) -> None:
        self.broadcastAll(payloads)

    def expectTopic(self, tally: Tally) -> None:
        self.expect(tally)

    async def followersKnown(self) -> None:
        """There is nothing to know."""

    async def makeSpareLinks(self) -> None:
        """There are none."""


class BroadcastEnds(NodeEnds):
    """Nodes for the links that count."""

    makeChannel = BroadcastChannel


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    load = load._replace(spare=0)
    runTwistedSide(role, load, partial(BroadcastEnds, role, folder, load, "ssl"))
