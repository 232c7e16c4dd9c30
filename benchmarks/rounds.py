"""The runs: round after round, in each of which the implementations take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from .credentials import makeChains
from .implementations import Implementation
from .operations import Operation
from .pair import Pair
from .samples import Sample

_WARM_UP: Final = 0.15
"""Part of a run's time that the run before it takes at the least; it tells how fast it will be."""

_FIRST_COUNT: Final = 16
_MOST_GROWTH: Final = 16


@dataclass(frozen=True)
class Plan:
    """
    What to measure.

    @ivar operations: and the sizes of each.
    @ivar implementations: in the order of their turns.
    @ivar rounds: how often everything is measured.
    @ivar seconds: how long a run is to take.
    @ivar count: how many messages a run has; 0 for as many as take that long.
    """

    operations: Mapping[Operation, Sequence[int]]
    implementations: Sequence[Implementation]
    rounds: int
    seconds: float
    count: int = 0

    def runs(self) -> int:
        """How many runs there will be."""
        return self.rounds * sum(
            len(sizes) * len(self.able(operation)) for operation, sizes in self.operations.items()
        )

    def able(self, operation: Operation) -> list[Implementation]:
        """The implementations that can do an operation."""
        return [each for each in self.implementations if operation.name in each.operations]


@dataclass
class Outcome:
    """
    What has been measured.

    @ivar samples: of all runs.
    @ivar summaries: what each implementation says of itself.
    """

    samples: list[Sample]
    summaries: dict[str, str]


def runAll(plan: Plan, progress: Callable[[Sample], object]) -> Outcome:
    """
    Measure everything.

    @param progress: told every sample.
    @raise ChildFailed: a process of an implementation went wrong.
    """
    outcome = Outcome([], {})
    turns = count(1)
    with TemporaryDirectory(prefix="fiscop2p-benchmarks-") as folder:
        makeChains(Path(folder))
        for number in range(1, plan.rounds + 1):
            with ExitStack() as stack:
                pairs = _pairs(plan, Path(folder), stack)
                for name, pair in pairs.items():
                    outcome.summaries[name] = pair.summary
                for sample in _round(plan, pairs, number, turns):
                    outcome.samples.append(sample)
                    progress(sample)
    return outcome


def _pairs(plan: Plan, folder: Path, stack: ExitStack) -> dict[str, Pair]:
    """New processes for every round: how one happens to lie in memory must not decide."""
    pairs = {
        each.name: stack.enter_context(closing(Pair(each, folder))) for each in plan.implementations
    }
    for pair in pairs.values():
        pair.connect()
    return pairs


def _round(
    plan: Plan, pairs: Mapping[str, Pair], number: int, turns: Iterator[int]
) -> Iterator[Sample]:
    for operation, sizes in plan.operations.items():
        for size in sizes:
            for each in plan.able(operation):
                values = _measured(pairs[each.name], operation, size, plan)
                yield Sample(operation.name, each.name, size, number, next(turns), values)


def _measured(pair: Pair, operation: Operation, size: int, plan: Plan) -> dict[str, float]:
    """Warm up until it is clear how many messages fill the time; then measure."""
    tried, least = _FIRST_COUNT, plan.seconds * _WARM_UP
    while True:
        seconds = pair.run(operation, size, tried)["seconds"]
        if seconds >= least:
            break
        tried *= min(_MOST_GROWTH, max(2, int(1.5 * least / seconds)))
    return pair.run(operation, size, plan.count or max(1, int(tried * plan.seconds / seconds)))
