"""Messages to one peer that nobody answers: collected in a turn, and framed together."""

from __future__ import annotations

from typing import Final

_CLOSED: Final = -1


class Posting:
    """
    Messages of one kind that a link gets one after another in a turn.

    Who has one of this kind, in C{bytes} of no more than L{most}, may append it to L{payloads}
    without asking the link, which is to L{gather<fiscop2p.interfaces.IOutgoing.gather>} as soon as
    there are L{MOST_UNKNOWN<fiscop2p.links.outbox.MOST_UNKNOWN>}.

    It is opened by the first message, and closed before anything else is queued, or the turn ends.

    @ivar protocolID: the messages'.
    @ivar packetType: the messages'.
    @ivar most: the most bytes of such a payload; while this is closed, none is so short.
    @ivar payloads: what has been collected.
    """

    __slots__ = ("most", "packetType", "payloads", "protocolID")

    def __init__(self) -> None:
        self.protocolID = self.packetType = 0
        self.most = _CLOSED
        self.payloads: list[bytes] = []

    def close(self) -> list[bytes]:
        """Take no more; gives what has been collected."""
        payloads, self.payloads = self.payloads, []
        self.most = _CLOSED
        return payloads
