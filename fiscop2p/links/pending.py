"""Requests that wait for their response, with one timer for all their deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import DeliveryError, RequestTimeout
from ..interfaces import Answered, Failed

_RESOLUTION: Final = 0.01
_FAILED: Final = "who waited for an answer failed with it"

_Request: TypeAlias = tuple[float, Answered, Failed, float]
"""Deadline, callbacks, timeout."""


class PendingRequests:
    """
    The requests of one link, by seq.

    Of a request's two callbacks one is called, once; what it raises is logged.  Deadlines are met
    within a hundredth of a second; a timer of its own for each would cost more than the request.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._requests: dict[int, _Request] = {}
        self._timer: IDelayedCall | None = None
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, seq: int, answered: Answered, failed: Failed, timeout: float) -> None:
        """Wait for the response to C{seq}, C{timeout} seconds at the most."""
        deadline = self._clock.seconds() + timeout
        self._requests[seq] = (deadline, answered, failed, timeout)
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
        for seq in list(self._requests):
            self._fail(seq, lambda _: error)

    def _fail(self, seq: int, why: Callable[[float], DeliveryError]) -> None:
        """
        @param why: takes the timeout.
        """
        request = self._requests.pop(seq, None)
        if request is not None:
            _, _, failed, timeout = request
            try:
                failed(why(timeout))
            except Exception:
                self._log.failure(_FAILED)

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
            self._fail(seq, _tooLate)
        if self._requests:
            self._schedule(min(request[0] for request in self._requests.values()))


def _tooLate(timeout: float) -> RequestTimeout:
    return RequestTimeout(f"no answer within {timeout:g} s")
