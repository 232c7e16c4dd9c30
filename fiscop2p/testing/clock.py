"""A clock that stands still until it is told to go on."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer


@implementer(IReactorTime)
class VirtualClock:
    """
    Like L{twisted.internet.task.Clock}, for many calls.

    Each call finds the clock at the very time that it was set for, and a call costs the logarithm
    of their number.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._calls: list[tuple[float, int, DelayedCall]] = []
        self._order = count()

    def seconds(self) -> float:
        """The time, in seconds from the clock's making."""
        return self._now

    def callLater(
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002 (IReactorTime's name)
        *args: object,
        **kw: object,
    ) -> DelayedCall:
        """Have something called C{delay} seconds from now."""
        call = DelayedCall(
            self._now + delay, callable, args, kw, lambda _: None, self._put, self.seconds
        )
        self._put(call)
        return call

    def getDelayedCalls(self) -> list[Any]:
        """All calls that are still to come."""
        return list({call: None for _, _, call in self._calls if call.active()})

    def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due, in order."""
        end = self._now + seconds
        while self._calls and self._calls[0][0] <= end:
            time, _, call = heappop(self._calls)
            if not call.active():
                continue
            if call.getTime() > time:  # It was delayed in the meantime.
                self._put(call)
                continue
            self._now = max(self._now, time)
            call.called = 1
            call.func(*call.args, **call.kw)
        self._now = end

    def _put(self, call: DelayedCall) -> None:
        heappush(self._calls, (call.getTime(), next(self._order), call))
