"""How many requests a second a link carries, and how long each takes."""

from __future__ import annotations

import os
from typing import Any, Final

from twisted.internet.defer import Deferred

from ..errors import DeliveryError
from ..service import P2PService
from .problems import Problem

MAX_SIZE: Final = 1024 * 1024
"""Bytes of a request's payload."""

MAX_IN_FLIGHT: Final = 256
"""Requests that wait for their answers at a time."""

MAX_SECONDS: Final = 10.0
"""How long it may take."""

_TIMEOUT: Final = 5.0
_DIGITS: Final = 7


class Bench:
    """
    Asks a node again and again, with a number of requests under way all the time.
    """

    def __init__(
        self, node: P2PService, nodeID: str, protocolID: int, packetType: int, size: int
    ) -> None:
        """
        @param nodeID: who is asked.
        @param protocolID: under it the payload is sent back.
        @param size: of each payload, in bytes; it does not compress.
        @raise Problem: a size that is not allowed.
        """
        if not 0 <= size <= MAX_SIZE:
            raise Problem(400, f"size must be from 0 to {MAX_SIZE}")
        self._node = node
        self._nodeID = nodeID
        self._protocolID = protocolID
        self._packetType = packetType
        self._payload = os.urandom(size)
        self._times: list[float] = []
        self._underWay = 0
        self._fault: DeliveryError | None = None
        self._done: Deferred[dict[str, Any]] = Deferred(self._cancelled)

    def run(self, inFlight: int, seconds: float) -> Deferred[dict[str, Any]]:
        """
        Do it.

        @param inFlight: how many requests are under way at a time.
        @return: fires with what it came to; fails with the first error of a request.
        @raise Problem: numbers that are not allowed.
        """
        if not 1 <= inFlight <= MAX_IN_FLIGHT:
            raise Problem(400, f"inFlight must be from 1 to {MAX_IN_FLIGHT}")
        if not 0 < seconds <= MAX_SECONDS:
            raise Problem(400, f"seconds must be above 0 and {MAX_SECONDS:g} at the most")
        self._began = self._node.clock.seconds()
        self._end = self._began + seconds
        for _ in range(inFlight):
            if self._fault is None:
                self._ask()
        return self._done

    def _cancelled(self, _: object) -> None:
        self._end = self._began

    def _ask(self) -> None:
        clock = self._node.clock
        asked = clock.seconds()
        self._underWay += 1

        def answered(_: bytes) -> None:
            self._underWay -= 1
            now = clock.seconds()
            self._times.append(now - asked)
            if self._fault is None and now < self._end:
                self._ask()
            elif not self._underWay:
                self._finish(now)

        try:
            self._node.ask(
                self._nodeID,
                self._payload,
                answered,
                self._failed,
                protocolID=self._protocolID,
                packetType=self._packetType,
                timeout=_TIMEOUT,
            )
        except DeliveryError as error:
            self._failed(error)

    def _failed(self, error: DeliveryError) -> None:
        self._underWay -= 1
        self._fault = self._fault or error
        if not self._underWay:
            self._finish(self._node.clock.seconds())

    def _finish(self, now: float) -> None:
        if self._done.called:
            return  # It was cancelled.
        if self._fault is not None:
            self._done.errback(self._fault)
            return
        times = sorted(self._times)
        last = len(times) - 1
        self._done.callback(
            {
                "to": self._nodeID,
                "size": len(self._payload),
                "answered": len(times),
                "seconds": round(now - self._began, _DIGITS),
                "min": round(times[0], _DIGITS),
                "median": round(times[last // 2], _DIGITS),
                "p99": round(times[last * 99 // 100], _DIGITS),
                "max": round(times[last], _DIGITS),
            }
        )
