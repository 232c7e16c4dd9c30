"""The command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from .implementations import IMPLEMENTATIONS
from .operations import OPERATIONS
from .rounds import Plan

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20}
_QUICK_SECONDS = 0.05


def parseSize(text: str) -> int:
    """
    Read C{64}, C{16KiB} or C{1MiB}.

    @raise argparse.ArgumentTypeError: it is something else.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(match[1]) * _UNITS[(match[2] or "").lower()] if match else 0
    if not 1 <= size <= 64 << 20:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: 64, 16KiB or 1MiB, up to 64MiB")
    return size


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.01 <= seconds <= 30:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time from 0.01 to 30 seconds")
    return seconds


def parse(arguments: Sequence[str]) -> tuple[Plan, bool]:
    """
    Read the command line.

    @return: what to measure, and whether JSON is wanted.
    @raise SystemExit: it is wrong, or asks for help.
    """
    summaries = [f"{operation.name}: {operation.summary}" for operation in OPERATIONS.values()]
    summaries += [f"{each.name}: {each.summary}" for each in IMPLEMENTATIONS.values()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure fiscop2p beside the plain ways to do the same.",
        epilog="; ".join(summaries),
    )
    add = parser.add_argument
    add("-o", "--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    add(
        "-i", "--implementations", nargs="+", choices=IMPLEMENTATIONS, default=list(IMPLEMENTATIONS)
    )
    add("-s", "--sizes", nargs="+", type=parseSize, metavar="SIZE", help="64, 16KiB, 1MiB, ...")
    add("-r", "--rounds", type=_positive, help="how often everything is measured (5)")
    add("-t", "--seconds", type=_seconds, help="how long a run takes (1)")
    add("-n", "--count", type=_positive, default=0, help="messages of a run, instead of a time")
    add("--quick", action="store_true", help="short runs that only show that everything works")
    add("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    operations = [OPERATIONS[name] for name in dict.fromkeys(options.operations)]
    plan = Plan(
        operations={each: tuple(dict.fromkeys(options.sizes or each.sizes)) for each in operations},
        implementations=[IMPLEMENTATIONS[name] for name in dict.fromkeys(options.implementations)],
        rounds=options.rounds or (1 if options.quick else 5),
        seconds=options.seconds or (_QUICK_SECONDS if options.quick else 1.0),
        count=options.count,
    )
    if not plan.runs():
        parser.error("none of these implementations can do any of these operations")
    return plan, options.json
