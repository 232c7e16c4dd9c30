"""How much may be sent a second: a bucket of permits, from which one may borrow."""

from __future__ import annotations

from math import floor
from typing import Final

from twisted.internet.interfaces import IReactorTime

COMPRESSION_RATIO: Final = 4
"""How much smaller compression is taken to make an AMOP message, whether it does or not."""

_MAX_STORED_BYTES: Final = 20 * 1024 * 1024 // COMPRESSION_RATIO
_BURST_WINDOW: Final = 1_000_000


class RateLimiter:
    """
    Permits that come at a steady rate, and are kept up to a cap.

    Who needs more than there are borrows from those to come; nothing more is granted until time
    has caught up.  Source: FISCO BCOS 2.x flow control.  Times are in microseconds.

    @ivar rate: how many permits come in a second.
    @ivar interval: after what time the next permit comes.
    @ivar maxPermits: how many are kept.
    @ivar stored: how many there are.
    @ivar last: up to what time permits have come; a time in the future is a debt.
    @ivar maxBurst: how many L{tryAcquireWithBurst} grants in a second beyond all that.
    """

    def __init__(self, rate: float, clock: IReactorTime, maxPermits: float | None = None) -> None:
        """
        @param rate: above 0.
        @param maxPermits: the cap; those of one second, if not given.
        """
        self.rate = rate
        self.interval = 1e6 / rate
        self.maxPermits = rate if maxPermits is None else maxPermits
        self.stored: float = 0
        self.maxBurst = int(rate // 5)
        self._clock = clock
        self._seen = self._readClock()
        self.last: float = self._seen
        self._burst = 0
        self._burstSince = self._seen

    def tryAcquire(self, permits: int) -> bool:
        """
        Take permits, unless a debt runs or a whole second's would have to be borrowed.

        @return: whether they were granted; if not, nothing is taken.
        """
        if self.stored > permits:
            self.stored -= permits
            return True
        now = self._refill()
        if self.last > now or permits - self.stored >= self.rate:
            return False
        self._take(permits)
        return True

    def acquireWithoutWait(self, permits: int) -> float:
        """
        Take permits whether they are there or not.

        @return: how long a debt has run on before this one.
        """
        if self.stored > permits:
            self.stored -= permits
            return 0
        wait = max(0, self.last - self._refill())
        self._take(permits)
        return wait

    def tryAcquireWithBurst(self, permits: int) -> bool:
        """Like L{tryAcquire}, with up to L{maxBurst} more in a second when that refuses."""
        if self.tryAcquire(permits):
            return True
        if not 0 <= self._seen - self._burstSince < _BURST_WINDOW:
            self._burst, self._burstSince = 0, self._seen
        if self._burst + permits > self.maxBurst:
            return False
        self._burst += permits
        return True

    def _take(self, permits: int) -> None:
        missing = max(0, permits - self.stored)
        self.stored -= permits - missing
        self.last += missing * self.interval

    def _refill(self) -> int:
        """Store the permits that have come, and tell the time."""
        now = self._readClock()
        if now < self._seen:
            # Somebody has set the clock back: that is no debt.
            self.last -= self._seen - now
        self._seen = now
        if now > self.last:
            come = floor((now - self.last) / self.interval)
            self.last += come * self.interval
            self.stored += come
            if self.stored >= self.maxPermits:
                self.stored, self.last = self.maxPermits, now
        return now

    def _readClock(self) -> int:
        return round(self._clock.seconds() * 1e6)


def bandwidthLimiter(rate: float, clock: IReactorTime) -> RateLimiter:
    """
    Make the limiter of all that a node sends.

    @param rate: bytes a second.
    """
    return RateLimiter(rate, clock, _MAX_STORED_BYTES)
