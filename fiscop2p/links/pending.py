"""Requests that wait for their response, with one timer for all their deadlines."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import DeliveryError, RequestTimeout
from ..interfaces import Answered, Failed

_RESOLUTION: Final = 0.01
_FAILED: Final = "who waited for an answer failed with it"
_MOST_STALE: Final = 64

_Request: TypeAlias = tuple[float, Answered, Failed, float]
"""Deadline, callbacks, timeout."""


class PendingRequests:
    """
    The requests of one link, by seq.

    Of a request's two callbacks one is called, once; what it raises is logged.  Deadlines are met
    within a hundredth of a second; a timer of its own for each would cost more than the request.

    Most requests have a later deadline than all before them, so the first of them expires first.
    The others are in a heap, too; what is answered stays there until it would have expired.

    @ivar requests: those that wait; it is always the same dict.
    @ivar timeouts: how many were not answered in time.
    """

    __slots__ = (
        "_clock",
        "_early",
        "_latest",
        "_next",
        "_seconds",
        "_timer",
        "requests",
        "timeouts",
    )

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._seconds = clock.seconds
        self.requests: dict[int, _Request] = {}
        self.timeouts = 0
        self._latest = 0.0
        self._early: list[tuple[float, int]] = []
        self._timer: IDelayedCall | None = None
        self._next = 0.0

    def __len__(self) -> int:
        return len(self.requests)

    def __contains__(self, seq: int) -> bool:
        return seq in self.requests

    def add(self, seq: int, answered: Answered, failed: Failed, timeout: float) -> None:
        """Wait for the response to C{seq}, C{timeout} seconds at the most."""
        deadline = self._seconds() + timeout
        self.requests[seq] = (deadline, answered, failed, timeout)
        if deadline < self._latest:
            self._addEarly(deadline, seq)
        else:
            self._latest = deadline
            if self._timer is None:
                self._schedule(deadline)

    def _addEarly(self, deadline: float, seq: int) -> None:
        """Take a request that expires before others that were added before it."""
        if len(self._early) > 2 * len(self.requests) + _MOST_STALE:
            self._early = [entry for entry in self._early if self._isPending(*entry)]
            heapify(self._early)
        heappush(self._early, (deadline, seq))
        if self._timer is None or deadline < self._next:
            self._schedule(deadline)

    def _isPending(self, deadline: float, seq: int) -> bool:
        request = self.requests.get(seq)
        return request is not None and request[0] == deadline

    def askedAt(self, seq: int) -> float:
        """
        The clock's time when a request was made.

        @raise KeyError: it does not wait.
        """
        deadline, _, _, timeout = self.requests[seq]
        return deadline - timeout

    def forget(self, seq: int) -> None:
        """Stop waiting without telling anybody."""
        self.requests.pop(seq, None)

    def answer(self, seq: int, payload: bytes) -> bool:
        """
        A response has come.

        @return: whether somebody waited for it.
        """
        request = self.requests.pop(seq, None)
        if request is None:
            return False
        try:
            request[1](payload)
        except Exception:
            self._log.failure(_FAILED)
        return True

    def failAll(self, error: DeliveryError) -> None:
        """No response can come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # One by one, for a callback may make us forget others.
        for seq, request in list(self.requests.items()):
            self._fail(seq, request, lambda _: error)

    def _fail(self, seq: int, request: _Request, why: Callable[[float], DeliveryError]) -> None:
        """
        @param why: takes the timeout.
        """
        if self.requests.get(seq) is request:
            del self.requests[seq]
            _, _, failed, timeout = request
            try:
                failed(why(timeout))
            except Exception:
                self._log.failure(_FAILED)

    def _schedule(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = deadline
        wait = max(deadline - self._seconds(), _RESOLUTION)
        self._timer = self._clock.callLater(wait, self._expire)

    def _expire(self) -> None:
        self._timer = None
        expired = self._expired(self._seconds())
        self.timeouts += len(expired)
        for seq, request in expired.items():
            self._fail(seq, request, _tooLate)
        while self._early and not self._isPending(*self._early[0]):
            heappop(self._early)
        if self.requests:
            first = next(iter(self.requests.values()))[0]
            self._schedule(min(first, self._early[0][0]) if self._early else first)

    def _expired(self, now: float) -> dict[int, _Request]:
        expired = {}
        for seq, request in self.requests.items():
            if request[0] > now:
                break
            expired[seq] = request
        while self._early and self._early[0][0] <= now:
            entry = heappop(self._early)
            if self._isPending(*entry):
                seq = entry[1]
                expired[seq] = self.requests[seq]
        return expired


def _tooLate(timeout: float) -> RequestTimeout:
    return RequestTimeout(f"no answer within {timeout:g} s")
