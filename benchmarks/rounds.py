"""The runs: round after round, in each of which the implementations take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from .credentials import makeChains
from .implementations import Implementation
from .load import MIB, Load
from .operations import Operation
from .pair import Pair
from .samples import Sample

_WARM_UP: Final = 0.15
"""Part of a run's time that the run before it takes at the least; it tells how fast it will be."""

_FIRST_COUNT, _FIRST_BYTES = 16, 16 * MIB
_MOST_GROWTH: Final = 16


class Stage(NamedTuple):
    """
    What runs have in common that can use the same processes.

    @ivar load: how many links there are.
    @ivar operation: the one whose processes no other may use, or L{None}.
    """

    load: Load
    operation: Operation | None


@dataclass(frozen=True)
class Plan:
    """
    What to measure.

    @ivar operations: and the loads of each.
    @ivar implementations: in the order of their turns, which every other round turns around.
    @ivar rounds: how often everything is measured.
    @ivar seconds: how long a run is to take.
    @ivar count: how many messages a run has; 0 for as many as take that long.
    """

    operations: Mapping[Operation, Sequence[Load]]
    implementations: Sequence[Implementation]
    rounds: int
    seconds: float
    count: int = 0

    def runs(self) -> int:
        """How many runs there will be."""
        return self.rounds * sum(
            len(loads) * len(self.able(operation)) for operation, loads in self.operations.items()
        )

    def able(self, operation: Operation) -> list[Implementation]:
        """The implementations that can do an operation."""
        return [each for each in self.implementations if operation.name in each.operations]

    def stages(self) -> dict[Stage, list[tuple[Operation, Load]]]:
        """What each stage is for."""
        stages: dict[Stage, list[tuple[Operation, Load]]] = {}
        for operation, loads in self.operations.items():
            for load in loads:
                links = Load(links=load.links, spare=load.spare)
                stage = Stage(load, operation) if operation.isolated else Stage(links, None)
                stages.setdefault(stage, []).append((operation, load))
        return stages

    def mostPeers(self) -> int:
        """How many nodes the receiver has at the most."""
        return max(load.links + load.spare for loads in self.operations.values() for load in loads)


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
        makeChains(Path(folder), plan.mostPeers())
        for number in range(1, plan.rounds + 1):
            for stage, work in plan.stages().items():
                with ExitStack() as stack:
                    pairs = _pairs(plan, stage, work, Path(folder), stack)
                    for name, pair in pairs.items():
                        outcome.summaries[name] = pair.summary
                    for sample in _round(plan, pairs, work, number, turns):
                        outcome.samples.append(sample)
                        progress(sample)
    return outcome


def _pairs(
    plan: Plan,
    stage: Stage,
    work: Sequence[tuple[Operation, Load]],
    folder: Path,
    stack: ExitStack,
) -> dict[str, Pair]:
    """New processes for every round: how one happens to lie in memory must not decide."""
    pairs = {
        each.name: stack.enter_context(closing(Pair(each, folder, stage.load)))
        for each in plan.implementations
        if any(each in plan.able(operation) for operation, _ in work)
    }
    for pair in pairs.values():
        pair.connect()
    return pairs


def _round(
    plan: Plan,
    pairs: Mapping[str, Pair],
    work: Sequence[tuple[Operation, Load]],
    number: int,
    turns: Iterator[int],
) -> Iterator[Sample]:
    for operation, load in work:
        able = plan.able(operation)
        for each in able if number % 2 else reversed(able):
            values = _measured(pairs[each.name], operation, load, plan)
            yield Sample(operation.name, each.name, load, number, next(turns), values)


def _measured(pair: Pair, operation: Operation, load: Load, plan: Plan) -> dict[str, float]:
    """Warm up until it is clear how many messages fill the time; then measure."""
    if not operation.fillsTime:
        return pair.run(operation, load, 1, plan.seconds)
    tried = max(1, min(_FIRST_COUNT, _FIRST_BYTES // (load.size * load.links)))
    least = plan.seconds * _WARM_UP
    while True:
        seconds = pair.run(operation, load, tried, plan.seconds)["seconds"]
        if seconds >= least:
            break
        tried *= min(_MOST_GROWTH, max(2, int(1.5 * least / seconds)))
    count = plan.count or max(1, int(tried * plan.seconds / seconds))
    return pair.run(operation, load, count, plan.seconds)
