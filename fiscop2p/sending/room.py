"""Who waits until little is queued for a peer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

HIGH_WATER: Final = 1024 * 1024
"""Bytes that bulk senders let wait for a peer; half of L{Settings.maxQueue} if that is less."""

LOW_WATER: Final = 256 * 1024
"""Bytes that are left when they go on; a quarter of the other."""


class Room:
    """
    Those who wait for room in the queue of one link.

    They are told in turns of the reactor of their own, one by one as long as there is room; who
    waits again is the last in the queue.

    @ivar high: how many bytes may be queued before somebody should wait.
    @ivar low: how many are left when there is room again.
    """

    def __init__(self, clock: IReactorTime, maxQueue: int, queued: Callable[[], int]) -> None:
        """
        @param queued: tells how many bytes wait.
        """
        self.high = min(HIGH_WATER, maxQueue // 2)
        self.low = self.high * LOW_WATER // HIGH_WATER
        self._clock = clock
        self._queued = queued
        self._waiting: deque[Callable[[], object]] = deque()
        self._call: IDelayedCall | None = None

    @property
    def isFull(self) -> bool:
        """Whether somebody should wait."""
        return self._queued() > self.high

    def wait(self, callback: Callable[[], object]) -> None:
        """Have a callback called once there is room, or never if the link ends before."""
        self._waiting.append(callback)
        self.look()

    def look(self) -> None:
        """See whether there is room."""
        if self._waiting and self._call is None and self._queued() <= self.low:
            self._call = self._clock.callLater(0, self._tell)

    def _tell(self) -> None:
        self._call = None
        for _ in range(len(self._waiting)):
            if not self._waiting or self._queued() > self.low:
                break
            self._waiting.popleft()()
        self.look()
