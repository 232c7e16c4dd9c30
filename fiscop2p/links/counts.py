"""What is counted of links, for those who watch over a node: a chunk or a turn at a time."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ..reasons import CloseReason
from ..traffic.volume import Volume

ACCEPTED: Final = "accepted"
"""The outcome of a handshake by which a peer is let in."""

_HANDSHAKE_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LATENCY_BOUNDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0),
)


class Histogram:
    """
    How often a time fell into which range.

    @ivar bounds: the upper end of each range but the last, in seconds.
    @ivar counts: how often it fell into each.
    @ivar sum: of all times.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count a time."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Tally:
    """
    What is counted of all links of a node, from its start.

    @ivar ended: what went over the links that have ended.
    @ivar opened: how many peers were verified and let in, by whether we had dialled.
    @ivar handshakes: how many came to which end: L{ACCEPTED}, or the reason in lower case.
    @ivar handshakeTimes: how long those took by which a peer was let in, from TCP on.
    @ivar latencies: how long answers took: of each link one request at a time is watched.
    @ivar timeouts: how many requests were not answered in time, on links that have ended.
    @ivar dials: how often an address was dialled.
    @ivar dialFailures: how often nobody answered there.
    """

    def __init__(self) -> None:
        self.ended = Volume()
        self.opened: Counter[bool] = Counter()
        self.handshakes: Counter[str] = Counter()
        self.handshakeTimes = Histogram(_HANDSHAKE_BOUNDS)
        self.latencies = Histogram(_LATENCY_BOUNDS)
        self.timeouts = 0
        self.dials = 0
        self.dialFailures = 0

    def handshakeDone(self, outbound: bool, seconds: float) -> None:
        """A peer is let in; how long that took, from TCP on."""
        self.opened[outbound] += 1
        self.handshakes[ACCEPTED] += 1
        self.handshakeTimes.observe(seconds)

    def handshakeFailed(self, reason: CloseReason) -> None:
        """A link has ended before its peer was let in."""
        self.handshakes[reason.name.lower()] += 1
