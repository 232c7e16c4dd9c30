"""A trial: something bad that is done on purpose, and the figures that it must show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias


class Skipped(Exception):
    """The trial cannot be made on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Figure:
    """
    What was measured or counted, and what it may be.

    @ivar least: the least that it may be, or L{None}.
    @ivar most: the most that it may be, or L{None}.
    """

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    unit: str = ""

    @property
    def kept(self) -> bool:
        """Whether it is within its limits."""
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )

    @property
    def words(self) -> str:
        """The value as people write it."""
        return _number(self.value, self.unit)

    @property
    def limit(self) -> str:
        """What it may be, as people write it."""
        if self.least is not None and self.least == self.most:
            return _number(self.least, self.unit)
        limits = ((">=", self.least), ("<=", self.most))
        return " and ".join(
            f"{sign} {_number(n, self.unit)}" for sign, n in limits if n is not None
        )


def _number(value: float, unit: str) -> str:
    if float(value).is_integer():
        digits = 0
    elif abs(value) < 10:
        digits = 2
    else:
        digits = 1
    return f"{value:,.{digits}f} {unit}".rstrip()


def exactly(what: str, value: float, wanted: float, unit: str = "") -> Figure:
    """A figure that may be one number only."""
    return Figure(what, value, wanted, wanted, unit)


def atMost(what: str, value: float, most: float, unit: str = "") -> Figure:
    """A figure that may not be more."""
    return Figure(what, value, None, most, unit)


def atLeast(what: str, value: float, least: float, unit: str = "") -> Figure:
    """A figure that may not be less."""
    return Figure(what, value, least, None, unit)


Run: TypeAlias = Callable[[int, int], Iterable[Figure]]
"""
Makes a trial: takes a seed and how much to try, gives the figures.

@raise Skipped: it cannot be made here.
"""


@dataclass(frozen=True)
class Trial:
    """
    Something bad that is done on purpose.

    @ivar name: what the command line calls it.
    @ivar promise: what fiscop2p promises about it, in a sentence.
    @ivar run: makes it.
    @ivar count: how much a whole trial tries; what it counts is the trial's own affair.
    @ivar fewer: how much is tried in the test suite, or L{None} if the trial takes too long for it.
    """

    name: str
    promise: str
    run: Run
    count: int
    fewer: int | None
