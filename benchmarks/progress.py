"""What people see while it runs."""

from __future__ import annotations

import sys

from .operations import OPERATIONS
from .rounds import Plan
from .samples import Sample


def show(plan: Plan, sample: Sample) -> None:
    """Write a line about a run to standard error."""
    operation = OPERATIONS[sample.operation]
    column = next(each for each in operation.columns if each.key == operation.figure.key)
    print(
        f"[{sample.turn}/{plan.runs()}] round {sample.round}/{plan.rounds} {sample.operation} "
        f"{operation.labelOf(sample.load)} {sample.implementation}: "
        f"{sample.values[column.key]:,.{column.digits}f} {column.heading}",
        file=sys.stderr,
        flush=True,
    )
