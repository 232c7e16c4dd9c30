"""All trials."""

from __future__ import annotations

from typing import Final

from . import (
    broken,
    churn,
    crossed,
    flood,
    halfopen,
    lengths,
    mishaps,
    parser,
    probes,
    refused,
    rotation,
    slow,
)
from .trial import Trial

_ROOMS = (
    *(parser, lengths, flood, refused, probes, crossed, halfopen, broken, slow, churn, rotation),
    mishaps,
)

TRIALS: Final[dict[str, Trial]] = {trial.name: trial for room in _ROOMS for trial in room.TRIALS}
"""By name, in the order in which they are made."""
