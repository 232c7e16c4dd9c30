"""Another log while a node runs: SIGUSR2 has C{[log]} read again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.logger import ILogObserver, Logger, globalLogBeginner, globalLogPublisher

from ..errors import SetupError


class LogSwitch:
    """
    Where a node's log goes, which the operator may change.

    @ivar observer: it; L{None} where it is not for us to say.
    """

    _log = Logger()

    def __init__(
        self,
        observer: ILogObserver | None,
        make: Callable[[], ILogObserver | None],
        reactor: Any,
    ) -> None:
        """
        @param observer: writes the log from the start.
        @param make: makes another one, from what the file says by then.
        @param reactor: is called by the signal.
        """
        self.observer = observer
        self._make = make
        self._reactor = reactor

    def begin(self) -> None:
        """Log from now on, and what has been said before."""
        if self.observer is not None:
            globalLogBeginner.beginLoggingTo([self.observer], redirectStandardIO=False)

    def obeySignal(self) -> None:
        """Wait for SIGUSR2, which would end the process otherwise."""
        signal.signal(signal.SIGUSR2, lambda *_: self._reactor.callFromThread(self.readAgain))

    def readAgain(self) -> None:
        """Log by what the file says now; what is wrong with it changes nothing."""
        try:
            observer = self._make()
        except SetupError as error:
            self._log.error("the log goes on as it was: {error}", error=error)
            return
        if observer is None or self.observer is None:
            self._log.info("[log] has no effect: twistd's --logger says where the log goes")
            return
        globalLogPublisher.addObserver(observer)
        with suppress(ValueError):
            globalLogPublisher.removeObserver(self.observer)
        self.observer = observer
        self._log.info("[log] has been read again")
