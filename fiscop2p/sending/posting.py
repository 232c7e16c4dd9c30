"""Messages of one kind that nobody answers: collected in a turn, and framed together."""

from __future__ import annotations

from typing import Final

_CLOSED: Final = -1
"""Fewer bytes than even an empty payload has."""


class Posting:
    """
    Messages of one kind that are sent one after another in a turn.

    Who has one more, in C{bytes} of no more than L{most}, may append it to L{payloads} without
    asking anybody, up to L{MOST_UNKNOWN<fiscop2p.sending.outbox.MOST_UNKNOWN>}: then a link is to
    L{gather<fiscop2p.interfaces.IOutgoing.gather>}.

    It is opened by the first message, and closed before anything else is queued, or the turn ends.

    @ivar protocolID: the messages'.
    @ivar packetType: the messages'.
    @ivar most: the most bytes of such a payload; while this is closed, none is so short.
    @ivar payloads: what has been collected.
    """

    __slots__ = ("most", "packetType", "payloads", "protocolID")

    def __init__(self, protocolID: int = 0, packetType: int = 0) -> None:
        """It is closed until L{most} is set."""
        self.protocolID = protocolID
        self.packetType = packetType
        self.most = _CLOSED
        self.payloads: list[bytes] = []

    @property
    def isOpen(self) -> bool:
        """Whether more may be appended."""
        return self.most != _CLOSED

    def close(self) -> None:
        """Take no more."""
        self.most = _CLOSED

    def take(self) -> list[bytes]:
        """Close it, and give what has been collected."""
        self.close()
        payloads, self.payloads = self.payloads, []
        return payloads
