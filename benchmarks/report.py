"""What the runs have shown: a table for people, or JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from .implementations import PRODUCT
from .operations import Operation
from .operations.operation import COST, Figure
from .pair import coresToUse
from .rounds import Outcome, Plan
from .samples import NotInterleaved, Sample, Spread, ratio, spreads

_UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))


def sizeText(size: int) -> str:
    """Write a size as people do: C{16 KiB}."""
    for unit, name in _UNITS:
        if size % unit == 0:
            return f"{size // unit} {name}"
    raise AssertionError("every size is a multiple of a byte")


def _samplesOf(outcome: Outcome, operation: Operation, size: int) -> list[Sample]:
    return [s for s in outcome.samples if (s.operation, s.size) == (operation.name, size)]


def _ratios(
    outcome: Outcome, operation: Operation, size: int, figure: Figure
) -> Iterator[tuple[str, Spread]]:
    """How many times as good the product is as each other one, where that can be said."""
    samples = _samplesOf(outcome, operation, size)
    for other in dict.fromkeys(sample.implementation for sample in samples):
        if other == PRODUCT:
            continue
        try:
            yield other, ratio(samples, PRODUCT, other, *figure)
        except NotInterleaved:
            pass  # The product took no part: there is nothing to compare with.


def environment() -> dict[str, Any]:
    """Where and when it was measured."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "coresUsed": coresToUse(),
        "python": platform.python_version(),
        "twisted": version("twisted"),
    }


def asJSON(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Everything, down to the single runs."""
    results, ratios = [], []
    for operation, sizes in plan.operations.items():
        for size in sizes:
            samples = _samplesOf(outcome, operation, size)
            where = {"operation": operation.name, "size": size}
            for each in plan.able(operation):
                own = [sample for sample in samples if sample.implementation == each.name]
                values = {key: asdict(spread) for key, spread in spreads(own).items()}
                results.append({**where, "implementation": each.name, "values": values})
            for figure in (operation.figure, COST):
                for other, spread in _ratios(outcome, operation, size, figure):
                    compared = {"implementation": PRODUCT, "to": other, "figure": figure.key}
                    ratios.append({**where, **compared, **asdict(spread)})
    return {
        "environment": environment(),
        "rounds": plan.rounds,
        "implementations": outcome.summaries,
        "results": results,
        "ratios": ratios,
        "samples": [asdict(sample) for sample in outcome.samples],
    }


def asTable(plan: Plan, outcome: Outcome) -> str:
    """The medians, with the extremes of what is compared."""
    blocks = ["\n".join(_heading(plan, outcome))]
    for operation, sizes in plan.operations.items():
        rows = [_headings(operation)]
        for size in sizes:
            rows += _rows(plan, outcome, operation, size)
        blocks.append(f"{operation.name}: {operation.summary}\n" + "\n".join(_aligned(rows)))
    return "\n\n".join(blocks)


def _heading(plan: Plan, outcome: Outcome) -> Iterator[str]:
    where = environment()
    sender, receiver = where["coresUsed"]
    yield (
        f"Python {where['python']}, Twisted {where['twisted']}, {where['machine']}; "
        + (
            f"sender on core {sender}, receiver on core {receiver}"
            if sender != receiver
            else "ONE CORE for both sides: they hinder each other"
        )
    )
    yield (
        f"medians (and extremes) of {plan.rounds} rounds, in which the implementations took turns; "
        "us/msg are of CPU;"
    )
    yield (
        "busy: how much of the time the busier side had the CPU: far below 100 % in one-way and "
        "pipelined means that"
    )
    yield (
        f"something else on this machine had it, and that 'by CPU' says more than '{PRODUCT} is'"
    )
    for name, summary in outcome.summaries.items():
        yield f"  {name}: {summary}"


def _headings(operation: Operation) -> list[str]:
    headings = ["size", "implementation"]
    for column in operation.columns:
        headings.append(column.heading)
        if column.key == operation.figure.key:
            headings.append("(extremes)")
    return [*headings, f"{PRODUCT} is", "by CPU"]


def _rows(plan: Plan, outcome: Outcome, operation: Operation, size: int) -> Iterator[list[str]]:
    samples = _samplesOf(outcome, operation, size)
    ratios = dict(_ratios(outcome, operation, size, operation.figure))
    costs = dict(_ratios(outcome, operation, size, COST))
    for each in plan.able(operation):
        own = spreads([sample for sample in samples if sample.implementation == each.name])
        row = [sizeText(size), each.name]
        for key, _, digits in operation.columns:
            row.append(f"{own[key].median:,.{digits}f}")
            if key == operation.figure.key:
                row.append(f"({own[key].least:,.{digits}f}..{own[key].most:,.{digits}f})")
        if each.name in ratios:
            row += [_times(ratios[each.name]), _times(costs[each.name])]
        else:
            row += ["", ""]
        yield row


def _times(spread: Spread) -> str:
    return f"{spread.median:.2f} x ({spread.least:.2f}..{spread.most:.2f})"


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, second, *numbers = row
        cells = [first.rjust(widths[0]), second.ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(numbers, widths[2:], strict=True)]
        yield "  ".join(cells).rstrip()
