"""C{python -m tests.chaos}."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

from .making import Outcome, make
from .report import asJSON, asMarkdown, asTable, standing
from .trials import TRIALS


def main(arguments: Sequence[str]) -> int:
    """
    Make trials, and report.

    @return: the exit status: 1 if a promise was broken.
    """
    options = _parse(arguments)
    if options.list:
        width = max(map(len, TRIALS))
        for trial in TRIALS.values():
            print(f"{trial.name:{width}}  {trial.promise}")
        return 0
    outcomes: list[Outcome] = []
    print(f"seed {options.seed}", file=sys.stderr)
    try:
        for number, name in enumerate(options.trials, 1):
            trial = TRIALS[name]
            count = (trial.fewer or trial.count) if options.quick else trial.count
            where = f"[{number}/{len(options.trials)}] {name}:"
            print(where, end=" ", file=sys.stderr, flush=True)
            outcome = make(trial, options.seed, count)
            outcomes.append(outcome)
            print(f"{outcome.word}, {outcome.seconds:.0f} s", end="", file=sys.stderr)
            print(standing(outcome), file=sys.stderr)
    except KeyboardInterrupt:
        print("given up", file=sys.stderr)
        return 130
    print(options.report(options.seed, outcomes))
    return int(any(outcome.word == "BROKEN" for outcome in outcomes))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Do to fiscop2p what a hostile peer, a broken network or bad luck can do.",
        epilog="Trials of whole hosts need root, the commands ip and nft (Debian: iproute2, "
        "nftables); those that cannot be made here are skipped, and say why.",
    )
    add = parser.add_argument
    add("trials", nargs="*", metavar="TRIAL", help="which; all, if none is named")
    add("--list", action="store_true", help="say what there is")
    add("--seed", type=int, help="make the same choices as a run that printed this seed")
    add("--quick", action="store_true", help="try less, as the test suite does")
    for flag, report, what in (("--json", asJSON, "JSON"), ("--markdown", asMarkdown, "Markdown")):
        add(
            flag,
            dest="report",
            action="store_const",
            const=report,
            default=asTable,
            help=f"print {what} instead of a table",
        )
    options = parser.parse_args(arguments)
    for name in options.trials:
        if name not in TRIALS:
            parser.error(f"there is no trial {name!r}; --list says what there is")
    options.trials = list(dict.fromkeys(options.trials)) or list(TRIALS)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
