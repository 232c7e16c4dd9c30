"""A reactor's time that nobody can set."""

from __future__ import annotations

from time import monotonic
from typing import Any

from twisted.python import runtime


def useMonotonicTime(reactor: Any = None) -> None:
    """
    Have a reactor go by a clock that nobody can set.

    Twisted's reactors go by the wall clock.  When that is set back by an hour, nothing that waits
    happens for an hour; when it is set forward, all that waits is over at once.

    The time goes on from that of the wall clock, so what waits already is not disturbed.  A reactor
    that has a clock of its own keeps it.

    @param reactor: if not Twisted's global one.
    """
    if reactor is None:
        from twisted.internet import reactor
    if reactor.seconds is runtime.seconds:
        start = runtime.seconds() - monotonic()
        reactor.seconds = lambda: start + monotonic()
