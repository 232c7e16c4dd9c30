"""Frames that go to many links: queued once for all of them, and joined once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..interfaces import IOutgoing
from ..wire.frames import EncodedFrame
from .outbox import MOST_LARGER, MOST_UNKNOWN, joined

_FEW: Final = 8


class Sheaf:
    """
    Frames of one protocolID that the same links get, one after another in one turn.

    It is open until one of these links is to send anything else, or until there is enough in it.

    @ivar isOpen: whether more may be added.
    @ivar protocolID: the frames'.
    @ivar count: how many frames there are.
    @ivar size: how many bytes.
    @ivar reached: how many of the links have taken it: not those whose peers read too slowly, or
        that end.
    """

    __slots__ = (
        "_buffers",
        "_links",
        "_pieces",
        "count",
        "isOpen",
        "protocolID",
        "reached",
        "size",
    )

    def __init__(self, links: Iterable[IOutgoing], protocolID: int) -> None:
        """
        @param links: are given it.
        """
        self.isOpen = True
        self.protocolID = protocolID
        self.count = self.size = 0
        self._pieces: list[bytes] = []
        self._buffers: list[bytes | memoryview] | None = None
        self._links = list(links)
        self.reached = sum(link.share(self) for link in self._links)

    def isFor(self, links: Iterable[IOutgoing], protocolID: int) -> bool:
        """Whether a frame of this protocolID that these links get may be added."""
        return self.isOpen and protocolID == self.protocolID and list(links) == self._links

    def add(self, frame: EncodedFrame) -> None:
        """Add a frame."""
        header, payload = frame
        self._pieces += frame
        self.count += 1
        self.size += len(header) + len(payload)
        if self.count == MOST_UNKNOWN or self.size >= MOST_LARGER:
            self.isOpen = False

    @property
    def hasPaid(self) -> bool:
        """Whether it holds so much that to queue that link by link would have cost more."""
        return self.count >= _FEW or self.size >= MOST_LARGER

    @property
    def buffers(self) -> list[bytes | memoryview]:
        """All frames; what is large is not copied.  No more are added from now on."""
        if self._buffers is None:
            self.isOpen = False
            self._buffers = joined(self._pieces)
            self._pieces.clear()
        return self._buffers
