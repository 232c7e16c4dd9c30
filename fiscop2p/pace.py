"""How often something is done for the same peer."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from .interfaces import ISession


class Pace:
    """
    Some of what a peer causes at once, and of all that comes after that as much as time allows.

    What is done for a link costs it time; while it owes more than is lent to each, it waits.
    """

    def __init__(self, clock: IReactorTime, lent: float) -> None:
        """
        @param lent: seconds.
        """
        self._clock = clock
        self._lent = lent
        self._owedUntil: dict[ISession, float] = {}
        self._calls: dict[ISession, IDelayedCall] = {}

    def wait(self, session: ISession) -> float:
        """Seconds until something may be done for a link; 0 if it may be now."""
        owed = self._owedUntil.get(session, 0.0) - self._clock.seconds()
        return max(0.0, owed - self._lent)

    def charge(self, session: ISession, cost: float) -> None:
        """
        Something has been done for a link.

        @param cost: seconds.
        """
        now = self._clock.seconds()
        self._owedUntil[session] = max(now, self._owedUntil.get(session, now)) + cost

    def whenDue(self, session: ISession, call: Callable[[ISession], object]) -> None:
        """
        Do something for a link: now, or once it may be done; what is asked for until then is that.
        """
        if session in self._calls:
            return
        wait = self.wait(session)
        if wait:
            self._calls[session] = self._clock.callLater(wait, self._due, session, call)
        else:
            call(session)

    def _due(self, session: ISession, call: Callable[[ISession], object]) -> None:
        del self._calls[session]
        call(session)

    def forget(self, session: ISession) -> None:
        """A link has ended."""
        self._owedUntil.pop(session, None)
        call = self._calls.pop(session, None)
        if call is not None:
            call.cancel()
