"""Making a trial in a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, Final

from .trial import Figure, Trial

ROOT: Final = Path(__file__).resolve().parents[2]

STILL: Final = 1.0
"""Seconds from which on a machine that did nothing stood still."""

_PATIENCE: Final = 900.0
_LOOK: Final = 0.1


@dataclass(frozen=True)
class Outcome:
    """
    What came of a trial.

    @ivar figures: what it has shown, if it came to its end.
    @ivar skipped: why it could not be made here, or empty.
    @ivar fault: what broke it, or empty.
    @ivar seconds: how long it took.
    @ivar stoodStill: the longest time in which this machine did nothing meanwhile, in seconds: a
        shared one may be stopped and go on, and figures of time then mean nothing.
    """

    trial: Trial
    figures: tuple[Figure, ...] = ()
    skipped: str = ""
    fault: str = ""
    seconds: float = 0.0
    stoodStill: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.fault and bool(self.figures) and all(f.kept for f in self.figures)

    @property
    def word(self) -> str:
        """The same in a word."""
        if self.skipped:
            return "skipped"
        return "kept" if self.kept else "BROKEN"


def make(trial: Trial, seed: int, count: int) -> Outcome:
    """
    Make a trial; once more if it was not kept and the machine stood still meanwhile.

    @param count: how much it tries.
    """
    outcome = _make(trial, seed, count)
    if outcome.word == "BROKEN" and outcome.stoodStill >= STILL:
        outcome = _make(trial, seed, count)
    return outcome


def _make(trial: Trial, seed: int, count: int) -> Outcome:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.one", trial.name, str(seed), str(count)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # So that whatever it has started ends with it, if it does not end by itself.
        start_new_session=True,
    )
    gaps = _Gaps()
    try:
        said, complaints = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return Outcome(trial, fault=f"it did not end within {_PATIENCE:g} s", seconds=_PATIENCE)
    finally:
        _endGroup(process)
        gaps.stop()
    lines = said.splitlines()
    try:
        words: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        return Outcome(trial, fault=f"it ended with {process.returncode}: {complaints}")
    return Outcome(
        trial,
        tuple(Figure(**figure) for figure in words.get("figures", ())),
        words.get("skipped", ""),
        words.get("fault", ""),
        words["seconds"],
        gaps.longest,
    )


class _Gaps(Thread):
    """Sees for how long at a time this machine does nothing."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self._ended = Event()
        self.start()

    def run(self) -> None:
        """Look at the clock again and again."""
        before = monotonic()
        while not self._ended.wait(_LOOK):
            now = monotonic()
            self.longest = max(self.longest, now - before - _LOOK)
            before = now

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _endGroup(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # All of it has ended.
    process.wait()
