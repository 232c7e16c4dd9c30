"""C{python -m benchmarks}."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial

from .curves import command as curves
from .options import parse
from .pair import ChildFailed
from .progress import show
from .report import asJSON, asTable
from .rounds import runAll


def main(arguments: Sequence[str]) -> int:
    """
    Measure, and report.

    @return: the exit status.
    """
    try:
        if arguments[:1] == ["curves"]:
            curves.run(arguments[1:])
        else:
            _measure(arguments)
    except ChildFailed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _measure(arguments: Sequence[str]) -> None:
    plan, wantsJSON, leftOut = parse(arguments)
    for each in leftOut:
        print(f"{each.name} is left out: {each.needs} is not installed", file=sys.stderr)
    outcome = runAll(plan, partial(show, plan))
    print(json.dumps(asJSON(plan, outcome), indent=1) if wantsJSON else asTable(plan, outcome))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
