"""Two nodes that dial each other at the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT

from .trial import Figure, Trial, atLeast, atMost, exactly

_STEP = 0.05
_SECONDS = 25.0
_GRACE = 1.5
"""Seconds for which a link is kept on purpose after another has taken its place, and a margin."""


@dataclass
class _Seen:
    """What has become of one pair of nodes."""

    links: int
    crossed: bool
    doubled: float
    lostAll: bool
    agree: bool


def crossedDials(seed: int, count: int) -> Iterator[Figure]:
    """Let pairs of nodes dial each other at every distance in time and space."""
    seen = [_cross(random.Random(f"{seed} {number}")) for number in range(count)]
    crossed = sum(pair.crossed for pair in seen)
    yield exactly("pairs", len(seen), count)
    yield atLeast("of which had two links for a while", crossed, count // 4)
    yield exactly("without exactly one link in the end", sum(p.links != 1 for p in seen), 0)
    yield exactly("whose ends count on different links", sum(not p.agree for p in seen), 0)
    yield exactly("that were without a link in between", sum(p.lostAll for p in seen), 0)
    most = max(pair.doubled for pair in seen)
    yield atMost("longest time with two", most, Settings().heartbeat + _GRACE, "s")


def _cross(chance: random.Random) -> _Seen:
    network = MemoryNetwork(0)
    addresses = [Address("10.0.0.0", PORT), Address("10.0.0.1", PORT)]
    latency = chance.choice((0.0, 0.001, chance.uniform(0, 0.1), chance.uniform(0, 0.8)))
    network.fabric.path(*(address.host for address in addresses)).latency = latency
    one = network.addNode(addresses)
    network.advance(chance.choice((0.0, latency, chance.uniform(0, 2.5))))
    other = network.addNode(addresses)
    left: list[str] = []
    for node in (one, other):
        node.registry.left.subscribe(left.append)
    links = doubled = 0.0
    since: float | None = None
    crossed = False
    for step in range(int(_SECONDS / _STEP)):
        network.advance(_STEP)
        links = max(_proven(node) for node in (one, other))
        if links > 1:
            crossed = True
            since = step * _STEP if since is None else since
            doubled = max(doubled, (step + 1) * _STEP - since)
        else:
            since = None
    ends = network.fabric.path(*(address.host for address in addresses)).transports
    seen = _Seen(len(ends) // 2, crossed, doubled, bool(left), _agree(one, other))
    network.stop()
    return seen


def _proven(node: P2PService) -> int:
    return sum(session.proven and session.closeReason is None for session in node._links._opened)


def _agree(one: P2PService, other: P2PService) -> bool:
    """Whether both ends count on the same link."""
    if other.nodeID not in one.registry or one.nodeID not in other.registry:
        return False
    here = one.registry.session(other.nodeID).transport
    there = other.registry.session(one.nodeID).transport
    return bool(here.getHost() == there.getPeer() and here.getPeer() == there.getHost())


TRIALS = (
    Trial(
        "crossed-dials",
        "Two nodes that dial each other end with one link, and are never without.",
        crossedDials,
        count=1000,
        fewer=60,
    ),
)
