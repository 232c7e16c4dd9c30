"""The tools that know the formats of service files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def tool(name: str, *arguments: str, comesWith: str) -> str:
    """
    Run a tool; what it says if it is content.

    @param comesWith: where it is to be had, for people.
    @raise AssertionError: it is not content.
    @raise SkipTest: it is not here.
    """
    status, said = _run(name, arguments, comesWith)
    if status:
        raise AssertionError(f"{name}: {said}")
    return said


def complaint(name: str, *arguments: str, comesWith: str) -> str:
    """
    Run a tool on something wrong; what it says of it.

    @raise AssertionError: it has nothing to say.
    @raise SkipTest: it is not here.
    """
    _, said = _run(name, arguments, comesWith)
    if not said:
        raise AssertionError(f"{name} finds nothing wrong")
    return said


def _run(name: str, arguments: tuple[str, ...], comesWith: str) -> tuple[int, str]:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SkipTest(f"{name} is not installed; it comes with {comesWith}")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr
