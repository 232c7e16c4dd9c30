"""C{python -m benchmarks}."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial

from .options import parse
from .pair import ChildFailed
from .report import asJSON, asTable, sizeText
from .rounds import Plan, runAll
from .samples import Sample


def main(arguments: Sequence[str]) -> int:
    """
    Measure, and report.

    @return: the exit status.
    """
    plan, wantsJSON = parse(arguments)
    try:
        outcome = runAll(plan, partial(_show, plan))
    except ChildFailed as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(asJSON(plan, outcome), indent=1) if wantsJSON else asTable(plan, outcome))
    return 0


def _show(plan: Plan, sample: Sample) -> None:
    print(
        f"[{sample.turn}/{plan.runs()}] round {sample.round}/{plan.rounds} {sample.operation} "
        f"{sizeText(sample.size)} {sample.implementation}: {sample.values['rate']:,.0f}/s",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
