"""The command line."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .implementations import IMPLEMENTATIONS, Implementation
from .load import Load
from .operations import OPERATIONS, Operation
from .rounds import Plan

_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20}
_QUICK_SECONDS = 0.05

DEFINITIONS = """\
Naive is what a Twisted programmer writes first: Int32StringReceiver over Twisted's own TLS, one
transport.write a message, nothing in it but the payload; each request is a Deferred with a timeout
of its own, and a broadcast a loop over the connections.

Blocking is near what Python can do at all: a blocking socket of its ssl module, which writes and
reads 64 KiB at a time.

Each side is one process, bound to one core. In every round the implementations take turns; what is
shown is the median of the rounds with its extremes, and a ratio is the median of the ratios within
each round. Runs that did not take turns give no ratio."""


class Options(NamedTuple):
    """
    What is wanted.

    @ivar plan: what to measure.
    @ivar wantsJSON: whether JSON is wanted instead of a table.
    @ivar leftOut: what cannot run here, though nobody said that it should not.
    """

    plan: Plan
    wantsJSON: bool
    leftOut: Sequence[Implementation] = ()


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


def makeParser(
    command: str, description: str, choices: Iterable[tuple[str, str]]
) -> argparse.ArgumentParser:
    """
    Make a parser of what all commands have in common.

    @param choices: names and their summaries, to be explained at the end.
    """
    explained = "\n".join(
        textwrap.fill(f"{name}: {summary}", 98, initial_indent="  ", subsequent_indent="      ")
        for name, summary in choices
    )
    parser = argparse.ArgumentParser(
        prog=command,
        description=f"{description}\n\n{DEFINITIONS}",
        epilog=explained,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-i", "--implementations", nargs="+", choices=IMPLEMENTATIONS, help="(all that can)")
    add("-r", "--rounds", type=_positive, help="how often everything is measured (5)")
    add("-t", "--seconds", type=_seconds, help="how long a run takes (1)")
    add("--quick", action="store_true", help="short runs that only show that everything works")
    add("--json", action="store_true", help="print JSON instead of a table")
    return parser


def implementationsOf(
    parser: argparse.ArgumentParser, options: argparse.Namespace, default: Iterable[str]
) -> list[Implementation]:
    """
    The implementations that were asked for, or those of the default that are installed.

    @raise SystemExit: one that was asked for is not.
    """
    if options.implementations is None:
        return [IMPLEMENTATIONS[name] for name in default if IMPLEMENTATIONS[name].isInstalled()]
    chosen = [IMPLEMENTATIONS[name] for name in dict.fromkeys(options.implementations)]
    for each in chosen:
        if not each.isInstalled():
            parser.error(f"{each.name} cannot run here: {each.needs} is not installed")
    return chosen


def makePlan(
    options: argparse.Namespace,
    operations: Iterable[tuple[Operation, Iterable[Load]]],
    implementations: Sequence[Implementation],
    count: int = 0,
) -> Plan:
    """Plan what was asked for."""
    quick = options.quick
    return Plan(
        operations={
            operation: tuple(dict.fromkeys(load.tiny() if quick else load for load in loads))
            for operation, loads in operations
        },
        implementations=implementations,
        rounds=options.rounds or (1 if quick else 5),
        seconds=options.seconds or (_QUICK_SECONDS if quick else 1.0),
        count=count,
    )


def parse(arguments: Sequence[str]) -> Options:
    """
    Read the command line.

    @raise SystemExit: it is wrong, or asks for help.
    """
    described = [(operation.name, operation.summary) for operation in OPERATIONS.values()]
    described += [(each.name, each.summary) for each in IMPLEMENTATIONS.values()]
    parser = makeParser(
        "python -m benchmarks",
        "Measure fiscop2p beside the plain ways to do the same.\n"
        "'python -m benchmarks curves' shows what becomes of it as the work grows.",
        described,
    )
    add = parser.add_argument
    add("-o", "--operations", nargs="+", choices=OPERATIONS, default=list(OPERATIONS))
    add("-s", "--sizes", nargs="+", type=parseSize, metavar="SIZE", help="64, 16KiB, 1MiB, ...")
    add("-l", "--links", nargs="+", type=_positive, help="to how many peers, where it is to many")
    add("-n", "--count", type=_positive, default=0, help="messages of a run, instead of a time")
    options = parser.parse_args(arguments)
    chosen = [OPERATIONS[name] for name in dict.fromkeys(options.operations)]
    plan = makePlan(
        options,
        [(each, loadsOf(each, options.sizes, options.links)) for each in chosen],
        implementationsOf(parser, options, IMPLEMENTATIONS),
        options.count,
    )
    if not plan.runs():
        parser.error("none of these implementations can do any of these operations")
    leftOut = [each for each in IMPLEMENTATIONS.values() if not each.isInstalled()]
    return Options(plan, options.json, () if options.implementations else leftOut)


def loadsOf(
    operation: Operation, sizes: Sequence[int] | None, links: Sequence[int] | None
) -> list[Load]:
    """The loads of an operation, with other sizes and numbers of links where it has any."""
    return [
        load._replace(size=size, links=number)
        for load in operation.loads
        for number in (links if links and load.links > 1 else (load.links,))
        for size in (sizes if sizes and load.size else (load.size,))
    ]
