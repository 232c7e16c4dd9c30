"""Why a link ended: one name and one sentence for each way."""

from __future__ import annotations

from enum import Enum


class CloseReason(Enum):
    """What ended a link; the value says it to people."""

    STOPPED = "this node stops"
    PEER_CLOSED = "the peer closed it"
    LOST = "the connection was lost"
    HANDSHAKE_FAILED = "the TLS handshake failed"
    HANDSHAKE_TIMEOUT = "the TLS handshake took too long"
    REFUSED = "the peer is not let in"
    OURSELVES = "it leads to this node itself"
    DUPLICATE = "another link to the same node is kept"
    BAD_FRAME = "the peer sent what is not a frame"
    IDLE = "nothing went over it for too long"
    OVERFLOW = "the peer does not read what is sent to it"
    SILENT = "the peer did not answer on it"

    def words(self, detail: str) -> str:
        """Say it whole, with what is known beyond the reason."""
        return f"{self.value}: {detail}" if detail else self.value
