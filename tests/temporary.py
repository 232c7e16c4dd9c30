"""Folders that are gone after the test."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase


def temporaryFolder(case: SynchronousTestCase) -> Path:
    """Make a folder that lives as long as the test."""
    folder = TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    return Path(folder.name)
