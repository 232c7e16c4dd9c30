"""How steep a curve is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import log

_LEAST_STEP = 10


def steepest(points: Sequence[tuple[float, float]]) -> float | None:
    """
    The greatest power of x that y grows with between any two points: 1 is linear.

    Points closer than a factor of 10 say too little: a machine's noise is steep.

    @param points: x and y, ascending by x; all above 0.
    @return: L{None} if there are no two such points.
    """
    return max(
        (
            log(y2 / y1) / log(x2 / x1)
            for (x1, y1), (x2, y2) in combinations(points, 2)
            if x2 >= _LEAST_STEP * x1
        ),
        default=None,
    )
