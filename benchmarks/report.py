"""What the runs have shown: a table for people, or JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from .implementations import PRODUCT, Implementation
from .load import Load
from .operations import Operation
from .pair import coresToUse
from .rounds import Outcome, Plan
from .samples import NotInterleaved, Sample, Spread, ratio, spreads

_PACED: Final = {
    "bbr": ", which paces streams even within a machine: from 1 KiB on their rates vary by a third "
    "from run to run; with cubic they do not"
}


def _samplesOf(outcome: Outcome, operation: Operation, load: Load) -> list[Sample]:
    return [s for s in outcome.samples if (s.operation, s.load) == (operation.name, load)]


def _ratios(
    plan: Plan, outcome: Outcome, operation: Operation, load: Load
) -> Iterator[tuple[str, str, dict[str, Spread]]]:
    """How many times as good each of ours is as others, by figure, where that can be said."""
    samples = _samplesOf(outcome, operation, load)
    for one, other in comparisons(plan.able(operation)):
        try:
            found = {
                figure.key: ratio(samples, one.name, other.name, *figure)
                for figure in operation.figures()
            }
        except NotInterleaved:
            continue  # They did not take turns: there is nothing to be said.
        yield one.name, other.name, found


def comparisons(
    implementations: Iterable[Implementation],
) -> Iterator[tuple[Implementation, Implementation]]:
    """What is compared with what: each of ours with every other, and its variants with it."""
    for one, other in permutations(implementations, 2):
        if one.isOurs and (not other.isOurs or other.name == PRODUCT):
            yield one, other


def environment() -> dict[str, Any]:
    """Where, when and with what it was measured."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "coresUsed": coresToUse(),
        "congestionControl": _congestionControl(),
        "python": platform.python_version(),
        "versions": dict(_versions()),
    }


def _congestionControl() -> str:
    """TCP's, where the system tells it."""
    try:
        return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    except OSError:
        return ""


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _versions() -> Iterator[tuple[str, str]]:
    """The versions of what is measured, as far as it is installed."""
    for name in ("fiscop2p", "twisted", "cryptography", "pyopenssl", "cramjam", "pyzmq"):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            pass  # Run from its folder, or a neighbour that is not there.


def asJSON(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Everything, down to the single runs."""
    results, ratios = [], []
    for operation, loads in plan.operations.items():
        for load in loads:
            samples = _samplesOf(outcome, operation, load)
            where = {"operation": operation.name, "load": load._asdict()}
            for each in plan.able(operation):
                own = [sample for sample in samples if sample.implementation == each.name]
                values = {key: asdict(spread) for key, spread in spreads(own).items()}
                results.append({**where, "implementation": each.name, "values": values})
            for one, other, found in _ratios(plan, outcome, operation, load):
                for key, spread in found.items():
                    compared = {"implementation": one, "to": other, "figure": key}
                    ratios.append({**where, **compared, **asdict(spread)})
    return {
        "environment": environment(),
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "implementations": outcome.summaries,
        "results": results,
        "ratios": ratios,
        "samples": [{**asdict(s), "load": s.load._asdict()} for s in outcome.samples],
    }


def asTable(plan: Plan, outcome: Outcome) -> str:
    """The medians, with the extremes of what is compared."""
    blocks = ["\n".join(heading(plan, outcome))]
    for operation, loads in plan.operations.items():
        costs = ["by CPU" for _ in operation.figures()[1:]]
        rows, ratios = [_headings(operation)], [["", "", "times as good as", "", *costs]]
        for load in loads:
            rows += _rows(plan, outcome, operation, load)
            ratios += _ratioRows(plan, outcome, operation, load)
        blocks.append(f"{operation.name}: {operation.summary}\n" + "\n".join(aligned(rows)))
        if ratios[1:]:
            blocks.append("\n".join(aligned(ratios, words=3)))
    return "\n\n".join(blocks)


def heading(plan: Plan, outcome: Outcome) -> Iterator[str]:
    """Where, with what and how it was measured."""
    where = environment()
    sender, receiver = where["coresUsed"]
    yield f"{where['processor']}, {where['cores']} cores, {where['system']}"
    yield f"Python {where['python']}, " + ", ".join(
        f"{name} {number}" for name, number in where["versions"].items()
    )
    yield (
        f"sender on core {sender}, receiver on core {receiver}"
        if sender != receiver
        else "ONE CORE for both sides: they hinder each other"
    )
    control = where["congestionControl"]
    if control:
        yield f"TCP's congestion control is {control}" + _PACED.get(control, "")
    yield (
        f"medians (and extremes) of {plan.rounds} rounds of {plan.seconds:g} s a run, in which the "
        "implementations took turns"
    )
    yield (
        "busy: how much of the time the busier side had the CPU: far below 100 % in anything but "
        "request means that"
    )
    yield (
        "something else on this machine had it, and that a ratio by CPU says more than one by time"
    )
    for name, summary in outcome.summaries.items():
        yield f"  {name}: {summary}"


def _headings(operation: Operation) -> list[str]:
    headings = ["", "implementation"]
    for column in operation.columns:
        headings.append(column.heading)
        if column.key == operation.figure.key:
            headings.append("(extremes)")
    return headings


def _rows(plan: Plan, outcome: Outcome, operation: Operation, load: Load) -> Iterator[list[str]]:
    samples = _samplesOf(outcome, operation, load)
    for each in plan.able(operation):
        own = spreads([sample for sample in samples if sample.implementation == each.name])
        row = [operation.labelOf(load), each.name]
        for key, _, digits in operation.columns:
            row.append(f"{own[key].median:,.{digits}f}")
            if key == operation.figure.key:
                row.append(f"({own[key].least:,.{digits}f}..{own[key].most:,.{digits}f})")
        yield row


def _ratioRows(
    plan: Plan, outcome: Outcome, operation: Operation, load: Load
) -> Iterator[list[str]]:
    for one, other, found in _ratios(plan, outcome, operation, load):
        yield [operation.labelOf(load), one, other, *map(_times, found.values())]


def _times(spread: Spread) -> str:
    return f"{spread.median:.2f} x ({spread.least:.2f}..{spread.most:.2f})"


def aligned(rows: list[list[str]], words: int = 2) -> Iterator[str]:
    """
    The lines of a table.

    @param words: how many columns hold words; all others, and the first, end at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if 0 < index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
