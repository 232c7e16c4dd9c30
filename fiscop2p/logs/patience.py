"""Writing to what may fail: a disk that is full costs lines, and never the node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeAlias

from twisted.logger import Logger

Write: TypeAlias = Callable[[str], object]

RETRY_AFTER: Final = 10.0
"""Seconds that something which cannot be written to is left alone."""


class PatientWriter:
    """
    Writes what can be written.

    What fails is told on standard error once, and tried again later; then the log says how many
    lines it has lost.
    """

    _log = Logger()

    def __init__(self, write: Write, name: str, now: Callable[[], float] = monotonic) -> None:
        """
        @param write: writes a text, or raises L{OSError} or L{ValueError}.
        @param name: of what is written to, for people.
        @param now: a time in seconds.
        """
        self._write = write
        self._name = name
        self._now = now
        self._complaints = sys.stderr  # Twisted's logging puts itself in its place.
        self._lost = 0
        self._next = 0.0

    def __call__(self, text: str) -> None:
        """Write a line."""
        if self._lost and self._now() < self._next:
            self._lost += 1
            return
        try:
            self._write(text)
        except (OSError, ValueError) as error:
            self._failed(error)
        else:
            self._succeeded()

    def _failed(self, error: Exception) -> None:
        self._next = self._now() + RETRY_AFTER
        self._lost += 1
        if self._lost > 1:
            return
        why = getattr(error, "strerror", None) or error
        try:
            self._complaints.write(
                f"fiscop2p: cannot log to {self._name}: {why}; lines are lost until it can be "
                f"written again, which is tried every {RETRY_AFTER:g} s\n"
            )
            self._complaints.flush()
        except (OSError, ValueError):
            pass  # Nobody is left to be told.

    def _succeeded(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._log.warn("{lost} lines of the log in {name} are lost", lost=lost, name=self._name)
