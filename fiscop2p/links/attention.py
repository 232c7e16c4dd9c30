"""Staying awake for what is about to come."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_TURNS: Final = 48
"""Turns of the reactor that it stays awake for; each takes about 5 us when nothing else happens."""

_MOST_TRUST: Final = 8
_RETRY: Final = 64


class Attention:
    """
    Keeps the reactor awake for a moment when something is expected to come.

    To fall asleep and to be woken again takes longer than all else that is done for a request, and
    many an answer comes within that time.  So after a request, after an answer, and while a stream
    comes, the reactor looks some times before it sleeps.

    That pays where what is expected does come in time, which is learnt: where more often than not
    nothing has come, it is tried again only every 64th time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._turnsLeft = 0
        self._call: IDelayedCall | None = None
        self._trust = _MOST_TRUST
        self._passedOver = 0
        self._isStopped = False

    def start(self) -> None:
        """From now on something may be expected again."""
        self._isStopped = False

    def expect(self) -> None:
        """Something may come soon."""
        if self._turnsLeft or self._isStopped:
            return
        if not self._trust:
            self._passedOver += 1
            if self._passedOver % _RETRY:
                return
        self._turnsLeft = _TURNS
        if self._call is None:
            self._call = self._clock.callLater(0, self._look)

    def came(self) -> None:
        """Something has come."""
        if self._turnsLeft:
            self._turnsLeft = 0
            self._trust = min(self._trust + 1, _MOST_TRUST)

    def stop(self) -> None:
        """Let the reactor sleep, whatever is expected while links are closed."""
        self._isStopped = True
        self._turnsLeft = 0
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        """Another turn is over: the reactor has looked, without waiting, whether anything came."""
        self._call = None
        if self._turnsLeft:
            self._turnsLeft -= 1
            if self._turnsLeft:
                self._call = self._clock.callLater(0, self._look)
            else:
                self._trust = max(self._trust - 1, 0)
