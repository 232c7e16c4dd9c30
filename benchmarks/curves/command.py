"""C{python -m benchmarks curves}."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ..implementations import IMPLEMENTATIONS
from ..options import implementationsOf, makeParser, makePlan
from ..progress import show
from ..report import aligned, environment, heading
from ..rounds import Outcome, Plan, runAll
from ..samples import Spread
from .curve import CURVES, Curve, Drawing
from .growth import steepest
from .plot import drawing as draw

Lines: TypeAlias = Mapping[str, Mapping[int, Spread]]
"""By implementation, and by what grows."""


def run(arguments: Sequence[str]) -> None:
    """
    Measure curves, draw them and report.

    @raise SystemExit: the command line is wrong, or asks for help.
    @raise ChildFailed: a process of an implementation went wrong.
    """
    options, parser = _parse(arguments)
    options.directory.mkdir(parents=True, exist_ok=True)
    reports = []
    for name in dict.fromkeys(options.curves):
        curve = CURVES[name]
        implementations = implementationsOf(parser, options, curve.implementations)
        plan = makePlan(options, [(curve.operation, curve.loads)], implementations)
        if not plan.runs():
            parser.error(f"none of these implementations can do {curve.operation.name}")
        print(f"{name}:", file=sys.stderr, flush=True)
        outcome = runAll(plan, partial(show, plan))
        files = list(drawAll(curve, plan, outcome, options.directory))
        costs = {cost: linesOf(curve, cost, plan, outcome) for cost in curve.costs()}
        if options.json:
            reports.append(_report(curve, files, costs))
        else:
            tables = [line for cost in costs for line in ("", *_table(curve, cost, costs[cost]))]
            written = f"written: {', '.join(map(str, files))}"
            print("\n".join([*heading(plan, outcome), *tables, written, ""]))
    if options.json:
        print(json.dumps({"environment": environment(), "curves": reports}, indent=1))


def _parse(arguments: Sequence[str]) -> tuple[Namespace, ArgumentParser]:
    described = [
        (each.name, f"{each.drawings[0].title} against {each.xTitle}") for each in CURVES.values()
    ]
    described += [(each.name, each.summary) for each in IMPLEMENTATIONS.values()]
    parser = makeParser(
        "python -m benchmarks curves", "Show what becomes of it as the work grows.", described
    )
    add = parser.add_argument
    add("-c", "--curves", nargs="+", choices=CURVES, default=list(CURVES))
    add(
        "-d",
        "--directory",
        type=Path,
        default=Path("docs", "performance"),
        help="where the drawings are written (%(default)s)",
    )
    return parser.parse_args(arguments), parser


def linesOf(curve: Curve, drawing: Drawing, plan: Plan, outcome: Outcome) -> Lines:
    """Put the samples of a curve together."""
    lines: dict[str, dict[int, list[float]]] = {
        each.name: {curve.xOf(load): [] for load in plan.operations[curve.operation]}
        for each in plan.able(curve.operation)
    }
    for sample in outcome.samples:
        lines[sample.implementation][curve.xOf(sample.load)].append(sample.values[drawing.key])
    return {
        name: {x: Spread.of(values) for x, values in line.items()} for name, line in lines.items()
    }


def _points(line: Mapping[int, Spread]) -> list[tuple[float, float]]:
    return [(x, spread.median) for x, spread in line.items()]


def drawAll(curve: Curve, plan: Plan, outcome: Outcome, directory: Path) -> Iterator[Path]:
    """Write the drawings of a curve."""
    for drawing in curve.drawings:
        lines = linesOf(curve, drawing, plan, outcome)
        points = {name: _points(line) for name, line in lines.items()}
        path = directory / f"{curve.name}{drawing.suffix}.svg"
        path.write_text(
            draw(
                f"{drawing.title} against {curve.xTitle}",
                curve.xTitle,
                drawing.yTitle,
                points,
                curve.tick,
                guided=drawing.isCost,
            )
        )
        yield path


def _report(curve: Curve, files: Iterable[Path], costs: Mapping[Drawing, Lines]) -> dict[str, Any]:
    return {
        "curve": curve.name,
        "files": [str(path) for path in files],
        "x": curve.xTitle,
        "costs": [
            {
                "title": cost.title,
                "y": cost.yTitle,
                "lines": {
                    name: {
                        "steepest": steepest(_points(line)),
                        "points": [{"x": x, **asdict(spread)} for x, spread in line.items()],
                    }
                    for name, line in lines.items()
                },
            }
            for cost, lines in costs.items()
        ],
    }


def _table(curve: Curve, cost: Drawing, lines: Lines) -> Iterator[str]:
    yield f"{cost.title} ({cost.yTitle}) against {curve.xTitle}"
    rows = [["", "", *lines]]
    for x in next(iter(lines.values())):
        rows.append([curve.tick(x), "", *(_value(line[x]) for line in lines.values())])
    powers = [_power(steepest(_points(line))) for line in lines.values()]
    yield from aligned([*rows, ["grows at the most with", "", *powers]])


def _power(power: float | None) -> str:
    return "?" if power is None else f"x^{power:.2f}"


def _value(spread: Spread) -> str:
    return f"{_short(spread.median)} ({_short(spread.least)}..{_short(spread.most)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
