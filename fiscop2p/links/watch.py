"""Whether a link carries anything, in both directions."""

from __future__ import annotations

from contextlib import suppress

from ..errors import PeerBusy
from ..interfaces import ISession
from ..reasons import CloseReason
from ..settings import Settings
from ..wire.dialect import TOPIC
from ..wire.syncing import REQUEST_STATE
from .session import PROBE_TIMEOUT


class LinkWatch:
    """
    Looks at one link regularly, and ends it when it is dead.

    A peer that has missed a heartbeat is asked for its topics, which every FISCO BCOS node tells;
    whatever comes then, it lives.  While we read nothing ourselves its silence says nothing.
    """

    __slots__ = ("_asked", "_frame", "_frameSince", "_session", "_settings")

    def __init__(self, session: ISession, settings: Settings) -> None:
        """
        @param session: it is open.
        """
        self._session = session
        self._settings = settings
        self._asked: float | None = None
        self._frame = 0
        self._frameSince = session.lastReceived

    def look(self, now: float) -> None:
        """
        Judge the link.

        @param now: the clock's time.
        """
        session = self._session
        if session.isPaused:
            self._frameSince = now
        elif not session.isHeard:
            self._notHeard(now)
        else:
            self._asked = None
            self._lookAtFrame(now)
        blocked = session.blockedSince
        if blocked is not None and now - blocked >= self._settings.idleTimeout:
            session.abort(CloseReason.IDLE, f"for {now - blocked:.0f} s")

    def _notHeard(self, now: float) -> None:
        session = self._session
        if self._asked is None or session.lastReceived > self._asked:
            self._asked = now
            # Where too much waits already to ask, the peer has enough to react to.
            with suppress(PeerBusy):
                session.request(TOPIC, REQUEST_STATE, b"", lambda _: None, PROBE_TIMEOUT)
        elif now - self._asked >= PROBE_TIMEOUT:
            session.abort(CloseReason.SILENT, f"for {now - session.lastReceived:.0f} s")

    def _lookAtFrame(self, now: float) -> None:
        frame, arrived = self._session.arriving
        if not arrived or frame != self._frame:
            self._frame, self._frameSince = frame, now
            return
        late = now - self._frameSince - self._settings.frameTimeout
        if late > 0 and arrived < late * self._settings.minFrameRate:
            self._session.abort(
                CloseReason.SLOW_FRAME, f"{arrived} bytes in {now - self._frameSince:.0f} s"
            )
