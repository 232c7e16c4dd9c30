"""fiscop2p as its modules multicast: under a protocolID, to the nodes that follow a topic."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ..load import Load
from ..twistedside import runTwistedSide
from ..window import Tally
from .product import TOPIC, NodeChannel, NodeEnds, ignore


class ModularChannel(NodeChannel):
    """The topic tells who gets it, the protocolID who takes it there."""

    def multicastAll(self, payloads: Iterable[bytes]) -> None:
        multicast, data = self._node.multicast, self._data
        self._check(multicast(TOPIC, payload, protocolID=data) for payload in payloads)

    def expectTopic(self, tally: Tally) -> None:
        for node in self._nodes[: self._load.links]:
            if TOPIC not in node.topics:
                node.subscribe(TOPIC, ignore)
        self.expect(tally)


class ModularEnds(NodeEnds):
    """Nodes that follow the topic of a module."""

    makeChannel = ModularChannel


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, load, partial(ModularEnds, role, folder, load, "ssl"))
