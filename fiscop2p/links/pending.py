"""Requests that wait for their response, with one timer for all their deadlines."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import DeliveryError, RequestTimeout
from ..identity import abridged
from ..interfaces import Answered, Failed, ISession
from ..wire.runs import Run
from .noise import Noise

_RESOLUTION: Final = 0.01
_FAILED: Final = "who waited for an answer failed with it"
_MOST_STALE: Final = 64

_Request: TypeAlias = tuple[float, Any, Failed | None, float, int]
"""Deadline, two callbacks (or a Deferred and L{None}), timeout, protocolID."""


class PendingRequests:
    """
    The requests of one link, by seq.

    Who waits is told once how it ended; what is raised then is logged.  Deadlines are met within a
    hundredth of a second; a timer of its own for each would cost more than the request.

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
        "_nodeID",
        "_noise",
        "_seconds",
        "_timer",
        "requests",
        "timeouts",
    )

    _log = Logger()

    def __init__(self, clock: IReactorTime, noise: Noise, nodeID: str) -> None:
        """
        @param noise: what bounds complaints.
        @param nodeID: the peer's.
        """
        self._clock = clock
        self._noise = noise
        self._nodeID = nodeID
        self._seconds = clock.seconds
        self.requests: dict[int, _Request] = {}
        self.timeouts = 0
        self._latest = 0.0
        self._early: list[tuple[float, int]] = []
        self._timer: IDelayedCall | None = None
        self._next = 0.0

    def add(
        self,
        seq: int,
        answered: Answered | Deferred[bytes],
        failed: Failed | None,
        timeout: float,
        protocolID: int,
    ) -> None:
        """
        Wait for the response to C{seq}, C{timeout} seconds at the most.

        @param failed: L{None} with a Deferred, which is told either.
        @param protocolID: what the peer was asked under.
        """
        seconds = self._seconds
        deadline = seconds() + timeout
        self.requests[seq] = (deadline, answered, failed, timeout, protocolID)
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
        deadline, _, _, timeout, _ = self.requests[seq]
        return deadline - timeout

    def forget(self, seq: int) -> None:
        """Stop waiting without telling anybody."""
        self.requests.pop(seq, None)

    def answers(self, session: ISession, run: Run) -> list[int]:
        """
        Responses have come.

        @param session: when it has ended, nothing more is taken.
        @return: the seqs that nobody waited for.
        """
        unmatched = []
        pop = self.requests.pop
        for seq, payload in zip(run.seqs, run.payloads, strict=True):
            if session.closeReason is not None:
                break
            request = pop(seq, None)
            if request is None:
                unmatched.append(seq)
                continue
            _, answered, failed, _, _ = request
            try:
                if failed is None:
                    answered.callback(payload)
                else:
                    answered(payload)
            except Exception:
                self._callbackFailed()
        return unmatched

    def failAll(self, error: DeliveryError) -> None:
        """No response can come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # One by one, for a callback may make us forget others.
        for seq, request in list(self.requests.items()):
            self._fail(seq, request, lambda _: error)

    def _fail(self, seq: int, request: _Request, why: Callable[[_Request], DeliveryError]) -> None:
        """
        @param why: takes the request.
        """
        if self.requests.get(seq) is request:
            del self.requests[seq]
            _, done, failed, _, _ = request
            try:
                if failed is None:
                    done.errback(why(request))
                else:
                    failed(why(request))
            except Exception:
                self._callbackFailed()

    def _callbackFailed(self) -> None:
        self._noise.failed(self._log, _FAILED, _FAILED, Failure())

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
            self._fail(seq, request, self._tooLate)
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

    def _tooLate(self, request: _Request) -> RequestTimeout:
        _, _, _, timeout, protocolID = request
        return RequestTimeout(
            f"no answer within {timeout:g} s from node {abridged(self._nodeID)} to protocolID "
            f"{protocolID}"
        )
