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
    REVOKED = "the peer's certificate is revoked"
    OURSELVES = "it leads to this node itself"
    DUPLICATE = "another link to the same node is kept"
    BAD_FRAME = "the peer sent what is not a frame"
    IDLE = "the peer read nothing for too long"
    OVERFLOW = "the peer does not read what is sent to it"
    SILENT = "nothing came from the peer"
    SLOW_FRAME = "a frame from the peer came too slowly"
    TOO_MANY_HANDSHAKES = "too many other links are in their handshake"
    TOO_MANY_LINKS = "there are too many links from its address"
    TOO_MANY_PEERS = "there are too many peers"
    TOO_FAST = "links are dialled too fast"

    def words(self, detail: str) -> str:
        """Say it whole, with what is known beyond the reason."""
        return f"{self.value}: {detail}" if detail else self.value
