"""Requests that wait for their response, with one timer for all their deadlines."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..errors import DeliveryError, RequestTimeout
from ..interfaces import Outcome

_RESOLUTION = 0.01


class PendingRequests:
    """
    The requests of one link, by seq.

    Each callback is called once, and must not raise.  Deadlines are met within a hundredth of a
    second; a timer of its own for each request would cost more than the request.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._requests: dict[int, tuple[float, Callable[[Outcome], None], float]] = {}
        self._timer: IDelayedCall | None = None
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, seq: int, callback: Callable[[Outcome], None], timeout: float) -> None:
        """Wait for the response to C{seq}, C{timeout} seconds at the most."""
        deadline = self._clock.seconds() + timeout
        self._requests[seq] = (deadline, callback, timeout)
        if self._timer is None or deadline < self._next:
            self._schedule(deadline)

    def forget(self, seq: int) -> None:
        """Stop waiting without telling anybody."""
        self._requests.pop(seq, None)

    def answer(self, seq: int, payload: bytes) -> bool:
        """
        A response has come.

        @return: whether somebody waited for it.
        """
        request = self._requests.pop(seq, None)
        if request is None:
            return False
        request[1](payload)
        return True

    def failAll(self, error: DeliveryError) -> None:
        """No response can come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # One by one, for a callback may make us forget others.
        for seq in list(self._requests):
            request = self._requests.pop(seq, None)
            if request is not None:
                request[1](error)

    def _schedule(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = deadline
        wait = max(deadline - self._clock.seconds(), _RESOLUTION)
        self._timer = self._clock.callLater(wait, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        expired = [seq for seq, request in self._requests.items() if request[0] <= now]
        for seq in expired:
            request = self._requests.pop(seq, None)
            if request is not None:
                _, callback, timeout = request
                callback(RequestTimeout(f"no answer within {timeout:g} s"))
        if self._requests:
            self._schedule(min(deadline for deadline, _, _ in self._requests.values()))
