"""Peers that are there no more, without a word, at any moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from fiscop2p.service import P2PService
from fiscop2p.testing import MemoryNetwork

from .bystanders import ECHO, talk
from .trial import Figure, Trial, atMost, exactly

_DEAD: Final = 15.0
_AGAIN: Final = 20.0
_STEP: Final = 0.05
_LONG: Final = 120.0


def halfOpen(seed: int, count: int) -> Iterator[Figure]:
    """Let nothing arrive any more between two nodes, at every phase of their heartbeats."""
    chance = random.Random(seed)
    dead, back = [], []
    wrong = 0
    for _ in range(count):
        network = MemoryNetwork(0)
        one = network.addNode()
        # So that their heartbeats do not beat at the same time.
        network.advance(chance.uniform(0, 10))
        other = network.addNode([one.settings.listen])
        other.handle(ECHO, lambda message: message.payload)
        network.advance(2)
        network.delay(one, other, chance.choice((0.0, chance.uniform(0, 0.2))))
        network.advance(chance.uniform(2, 12))
        network.lose(one, other)
        dead.append(max(_until(network, node, 0) for node in network.nodes))
        network.advance(chance.uniform(0, 30))
        network.heal(one, other)
        back.append(max(_until(network, node, 1) for node in network.nodes))
        wrong += talk(network, one, other, 1)
        network.stop()
    yield exactly("peers that were lost", len(dead), count)
    yield atMost("longest until both ends knew", max(dead), _DEAD, "s")
    yield atMost("longest until the link was back", max(back), _AGAIN, "s")
    yield exactly("that did not answer over it", wrong, 0)


def _until(network: MemoryNetwork, node: P2PService, links: int) -> float:
    """How long it takes from now until a node has so many links."""
    start = network.clock.seconds()
    while len(node.registry) != links and network.clock.seconds() - start < _LONG:
        network.advance(_STEP)
    return network.clock.seconds() - start


TRIALS = (
    Trial(
        "half-open",
        "A peer that is there no more is known dead within 15 s, whenever that happens.",
        halfOpen,
        count=500,
        fewer=40,
    ),
)
