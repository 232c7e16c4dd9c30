"""Frames that go to many links: queued once for all of them, and joined once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..interfaces import IOutgoing
from ..wire.frames import EncodedFrame
from .outbox import MOST_LARGER, MOST_UNKNOWN, joined

_ENOUGH: Final = 8
"""With fewer frames in it, a sheaf costs more than it saves."""


class Sheaf:
    """
    Frames of one protocolID that the same links get, one after another in one turn.

    It is open until one of these links is to send anything else, or as much is in it as may be.

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

    def __init__(self, links: Iterable[IOutgoing], protocolID: int, frame: EncodedFrame) -> None:
        """
        @param links: are given it.
        @param frame: the first; any of these links may gather it as soon as it has it.
        """
        self.isOpen = True
        self.protocolID = protocolID
        self.count = self.size = 0
        self._pieces: list[bytes] = []
        self._buffers: list[bytes | memoryview] | None = None
        self._links = list(links)
        self.add(frame)
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
    def hasEnough(self) -> bool:
        """Whether it holds so much that another may be begun in the same turn."""
        return self.count >= _ENOUGH or self.size >= MOST_LARGER

    def bind(self) -> list[bytes | memoryview]:
        """Close it, and give all frames; what is large is not copied."""
        if self._buffers is None:
            self.isOpen = False
            self._buffers = joined(self._pieces)
            self._pieces.clear()
        return self._buffers
