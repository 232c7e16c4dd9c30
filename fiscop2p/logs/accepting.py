"""What the log says while connections cannot be taken: Twisted would tell of each of them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer

PERIOD: Final = 60.0
"""Seconds in which it is said once."""

_log = Logger(namespace="fiscop2p.links.host")

_PORT: Final = "twisted.internet.tcp.Port"
_CLOSED: Final = "EMFILE recovery: Closed socket from {address}"
_NOT_ACCEPTED: Final = "Could not accept new connection ({acceptError})"
_AROUND_IT: Final = (
    "EMFILE encountered; releasing reserved file descriptor.",
    "Re-reserving EMFILE recovery file descriptor.",
)


@implementer(ILogObserver)
class Accepting:
    """Passes on all events but those; of these it makes one line a minute, with their number."""

    def __init__(self, observer: ILogObserver, now: Callable[[], float] = monotonic) -> None:
        """
        @param observer: takes the others.
        @param now: a time in seconds.
        """
        self._observer = observer
        self._now = now
        self._count = 0
        self._next = float("-inf")

    def __call__(self, event: LogEvent) -> None:
        """Take an event."""
        form = event.get("log_format")
        if event.get("log_namespace") != _PORT or form not in (_CLOSED, _NOT_ACCEPTED, *_AROUND_IT):
            self._observer(event)
        elif form not in _AROUND_IT:
            self._count += 1
            self._tell(event.get("acceptError", "EMFILE"))

    def _tell(self, why: str) -> None:
        if self._now() >= self._next:
            self._next = self._now() + PERIOD
            count, self._count = self._count, 0
            _log.warn(
                "connections cannot be taken,count={count},message={why}; if that is EMFILE, let "
                "this process open more files: ulimit -n, or LimitNOFILE= of systemd",
                count=count,
                why=why,
            )
