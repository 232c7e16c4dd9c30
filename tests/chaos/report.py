"""What the trials have shown: a table for the eye, one for C{docs/security.md}, or JSON."""

from __future__ import annotations

import json
import os
import platform
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite

from .making import STILL, Outcome
from .trial import Figure

_HEADINGS = ("trial", "figure", "shown", "limit", "")


def _environment(seed: int) -> dict[str, object]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "twisted": version("twisted"),
        "openssl": ssl.OPENSSL_VERSION,
    }


def standing(outcome: Outcome) -> str:
    """What is to be said of a trial during which the machine stood still, or nothing."""
    if outcome.stoodStill < STILL:
        return ""
    return f" (the machine stood still for {outcome.stoodStill:.1f} s meanwhile)"


def asJSON(seed: int, outcomes: Sequence[Outcome]) -> str:
    """Everything."""
    trials = [
        {
            "trial": outcome.trial.name,
            "promise": outcome.trial.promise,
            "outcome": outcome.word,
            "skipped": outcome.skipped,
            "fault": outcome.fault,
            "seconds": round(outcome.seconds, 1),
            "stoodStill": round(outcome.stoodStill, 1),
            "figures": [_asWords(figure) for figure in outcome.figures],
        }
        for outcome in outcomes
    ]
    return json.dumps({"environment": _environment(seed), "trials": trials}, indent=1)


def _asWords(figure: Figure) -> dict[str, object]:
    # JSON has no infinity: what never came has no value.
    value = figure.value if isfinite(figure.value) else None
    return {**asdict(figure), "value": value, "kept": figure.kept}


def asTable(seed: int, outcomes: Sequence[Outcome]) -> str:
    """Each figure beside its limit."""
    rows = [_HEADINGS, *(row for outcome in outcomes for row in _rows(outcome))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    environment = ", ".join(f"{key} {value}" for key, value in _environment(seed).items())
    blocks = [environment, "\n".join(lines)]
    blocks += [f"{o.trial.name}: {o.fault.strip()}" for o in outcomes if o.fault]
    blocks += [o.trial.name + standing(o) for o in outcomes if standing(o)]
    blocks.append(_sum(outcomes))
    return "\n\n".join(blocks)


def asMarkdown(seed: int, outcomes: Sequence[Outcome]) -> str:
    """A row for each trial, with what it has shown and (the limit)."""
    lines = ["| trial | what is promised | what it has shown (and may show) |", "|---|---|---|"]
    for outcome in outcomes:
        shown = "; ".join(map(_phrase, outcome.figures))
        if not outcome.kept:
            shown = f"**{outcome.word}**: {outcome.skipped or shown or 'it did not end'}"
        lines.append(f"| `{outcome.trial.name}` | {outcome.trial.promise} | {shown} |")
    return "\n".join(lines)


def _phrase(figure: Figure) -> str:
    limit = figure.limit.replace(">=", "at least").replace("<=", "at most")
    return f"{figure.what} {figure.words}" + (f" ({limit})" if limit else "")


def _rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    name = outcome.trial.name
    if outcome.skipped or outcome.fault:
        yield name, outcome.skipped or "it did not come to its end, see below", "", "", outcome.word
    for figure in outcome.figures:
        yield name, figure.what, figure.words, figure.limit, "kept" if figure.kept else "BROKEN"
        name = ""


def _sum(outcomes: Sequence[Outcome]) -> str:
    words = [outcome.word for outcome in outcomes]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("kept", "BROKEN", "skipped"))
    return f"{len(outcomes)} trials: {counts}; {sum(o.seconds for o in outcomes):.0f} s"
