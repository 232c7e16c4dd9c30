"""What a run has measured, and what several runs say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from .load import Load


class NotInterleaved(ValueError):
    """Runs that did not take turns cannot be compared: the machine's speed drifts."""


@dataclass(frozen=True)
class Sample:
    """
    One run.

    @ivar operation: the name of what was done.
    @ivar implementation: the name of what did it.
    @ivar load: what it was done with.
    @ivar round: 1 for the first.
    @ivar turn: which of all runs it was, in the order of time.
    @ivar values: what came out, by the keys of the operation's columns.
    """

    operation: str
    implementation: str
    load: Load
    round: int
    turn: int
    values: dict[str, float]


@dataclass(frozen=True)
class Spread:
    """The median of some values, and their extremes."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """
        @raise ValueError: there are no values.
        """
        found = sorted(values)
        if not found:
            raise ValueError("there is no median of nothing")
        return cls(median(found), found[0], found[-1])


def spreads(samples: Sequence[Sample]) -> dict[str, Spread]:
    """The spread of every value over the runs of one operation, implementation and load."""
    keys = samples[0].values if samples else ()
    return {key: Spread.of(sample.values[key] for sample in samples) for key in keys}


def ratio(samples: Iterable[Sample], one: str, other: str, key: str, lowerIsBetter: bool) -> Spread:
    """
    How many times as good one implementation is as another: the ratio of each round.

    @param samples: of one operation and load; those of further implementations do not matter.
    @param key: the key of the value to compare.
    @param lowerIsBetter: whether the smaller value is the better one.
    @raise NotInterleaved: the two did not take turns, once each in every round.
    """
    pairs = _pairs([sample for sample in samples if sample.implementation in (one, other)])
    ratios = []
    for pair in pairs:
        values = {sample.implementation: sample.values[key] for sample in pair}
        ratios.append(values[other] / values[one] if lowerIsBetter else values[one] / values[other])
    return Spread.of(ratios)


def _pairs(samples: list[Sample]) -> list[tuple[Sample, Sample]]:
    """The two runs of each round, once it is certain that they took turns."""
    if len({(sample.operation, sample.load) for sample in samples}) > 1:
        raise NotInterleaved("runs of several operations or loads cannot be compared")
    samples.sort(key=lambda sample: sample.turn)
    pairs = list(zip(samples[::2], samples[1::2], strict=False))
    if not pairs or len(samples) % 2:
        raise NotInterleaved("there must be one run of each implementation in every round")
    for first, second in pairs:
        if first.round != second.round or first.implementation == second.implementation:
            raise NotInterleaved(
                f"run {first.turn} ({first.implementation}, round {first.round}) and run "
                f"{second.turn} ({second.implementation}, round {second.round}) are not the two "
                "of one round: let the implementations take turns"
            )
    for (first, _), (following, _) in pairwise(pairs):
        if first.round >= following.round or first.turn >= following.turn:
            raise NotInterleaved(f"rounds {first.round} and {following.round} overlap")
    return pairs
