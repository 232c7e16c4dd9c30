"""Whatever is sent in one turn of the reactor leaves at its end."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..interfaces import IOutgoing
from ..reasons import CloseReason
from .sheaf import Sheaf


class Turn:
    """
    The turn that the reactor is in: who has queued something, and when it leaves.

    @ivar sheaf: what was queued last on many links, if anything was.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queued: dict[IOutgoing, None] = {}
        self._willFlush = False
        self.sheaf: Sheaf | None = None

    def add(self, outgoing: IOutgoing) -> None:
        """Flush it before this turn ends."""
        self._queued[outgoing] = None
        if not self._willFlush:
            self._willFlush = True
            self._clock.callLater(0, self.flush)

    def hold(self) -> None:
        """The caller will L{flush} before it returns to the reactor."""
        self._willFlush = True

    def flush(self) -> None:
        """Send what is queued; a link on which that fails is ended, the others are not touched."""
        self._willFlush = False
        self.sheaf = None
        if self._queued:
            queued, self._queued = self._queued, {}
            for outgoing in queued:
                try:
                    outgoing.flush()
                except Exception as error:
                    self._log.failure("what waits for a peer cannot be sent")
                    outgoing.abort(CloseReason.LOST, f"what waits cannot be sent: {error!r}")

    def gather(self) -> None:
        """See how much is queued."""
        for outgoing in self._queued:
            outgoing.gather()
