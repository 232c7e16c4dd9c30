"""
Certificates that end soon.

A link that stands outlives the certificates of both its ends, as with FISCO BCOS: validity is
judged in the handshake.  So nothing happens on the day itself, and everything at the next restart;
this is why there are warnings.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .identity import Credentials

SOON: Final = 30
"""Days: certificates that end within them are warned of."""

LIST_SOON: Final = 3
"""The same for revocation lists, whose life may be as short as a week."""

_DAY: Final = 24 * 3600.0


def _now() -> datetime:
    return datetime.now(UTC)


class ExpiryWarnings(Service):
    """
    Warns of certificates and revocation lists that end soon: at its start, once a day, and when one
    has ended.
    """

    _log = Logger()

    def __init__(
        self,
        credentials: Credentials,
        clock: IReactorTime,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """
        @param credentials: whose; see L{setCredentials}.
        @param clock: what days go by.
        @param now: the time that certificates are judged by.
        """
        self._credentials = credentials
        self._now = now
        self._clock = clock
        self._loop = LoopingCall(self._warn)
        self._loop.clock = clock
        self._atEnd: IDelayedCall | None = None

    def startService(self) -> None:
        """Warn, and go on with it."""
        super().startService()
        self._loop.start(_DAY)

    def stopService(self) -> None:
        """Be silent."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        self._forgetEnd()

    def setCredentials(self, credentials: Credentials) -> None:
        """Go on with others; warn at once if these end soon, too."""
        self._credentials = credentials
        if self.running:
            self._loop.reset()
            self._warn()

    def _forgetEnd(self) -> None:
        if self._atEnd is not None and self._atEnd.active():
            self._atEnd.cancel()
        self._atEnd = None

    def _warn(self) -> None:
        """Warn of what ends soon or has ended; if anything ends before the next day, then again."""
        self._forgetEnd()
        ends = [*self._credentials.expiries, *self._credentials.revocations.expiries]
        waits = [(end - self._now()).total_seconds() for _, end in ends]
        soon = [wait for wait in waits if 0 <= wait < _DAY]
        if soon:
            self._atEnd = self._clock.callLater(min(soon) + 1, self._warn)
        for name, end in self._credentials.expiries:
            self._tell(f"the certificate of {name}", end, SOON, "no new link can be made")
        for name, end in self._credentials.revocations.expiries:
            what = f"the revocation list of {name}"
            self._tell(what, end, LIST_SOON, "what it says still holds until this node is started")

    def _tell(self, what: str, end: datetime, soon: int, effect: str) -> None:
        left = end - self._now()
        known = {"what": what, "end": f"{end:%Y-%m-%d %H:%M} UTC", "days": max(left.days, 0)}
        if left.total_seconds() < 0:
            self._log.error(
                "{what} expired on {end}: {effect}; renew it, and send SIGHUP",
                effect=effect,
                **known,
            )
        elif left.days < soon:
            self._log.warn(
                "{what} expires on {end}, in {days} days; renew it, and send SIGHUP", **known
            )
