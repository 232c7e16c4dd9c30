"""How much has gone over links."""

from __future__ import annotations

from collections.abc import Iterable


class Volume:
    """
    Bytes and frames, in both directions.

    @ivar bytesReceived: of frames, not of TLS.
    @ivar framesReceived: whole ones.
    @ivar bytesSent: what the transport has been given.
    @ivar framesSent: what has been queued, also what was dropped later.
    """

    __slots__ = ("bytesReceived", "bytesSent", "framesReceived", "framesSent")

    def __init__(self) -> None:
        self.bytesReceived = self.framesReceived = 0
        self.bytesSent = self.framesSent = 0

    def add(self, other: Volume) -> None:
        """Take in what has gone over another."""
        self.bytesReceived += other.bytesReceived
        self.framesReceived += other.framesReceived
        self.bytesSent += other.bytesSent
        self.framesSent += other.framesSent

    @classmethod
    def total(cls, counts: Iterable[Volume]) -> Volume:
        """Add several up."""
        total = cls()
        for each in counts:
            total.add(each)
        return total
