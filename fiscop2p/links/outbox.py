"""What waits to be sent on one link."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import Final

SLICE: Final = 256 * 1024
"""Bytes that the transport is given at a time: whenever it asks for more, the peer has read."""

MOST_TAKEN: Final = SLICE * 3 // 2
"""Bytes that it is given rather than that a crumb is left for the next time."""

LARGE: Final = 32 * 1024
"""Bytes from which on a piece is not copied."""


class Outbox:
    """
    Pieces of frames, in order.

    Small pieces are joined; large ones are never copied.

    @ivar size: how many bytes wait.
    """

    def __init__(self) -> None:
        self.size = 0
        self._buffers: deque[memoryview] = deque()

    def putSmall(self, pieces: Sequence[bytes]) -> None:
        """Append pieces of which none is large."""
        self._append(b"".join(pieces))

    def put(self, pieces: Sequence[bytes]) -> None:
        """Append pieces of any size."""
        for isLarge, group in groupby(pieces, lambda piece: len(piece) >= LARGE):
            for piece in group if isLarge else (b"".join(group),):
                self._append(piece)

    def take(self) -> memoryview:
        """
        Take the next L{SLICE} off the front, up to L{MOST_TAKEN}, or less.

        @raise IndexError: nothing waits.
        """
        buffer = self._buffers.popleft()
        if len(buffer) > MOST_TAKEN:
            self._buffers.appendleft(buffer[SLICE:])
            buffer = buffer[:SLICE]
        self.size -= len(buffer)
        return buffer

    def clear(self) -> None:
        """Drop everything."""
        self._buffers.clear()
        self.size = 0

    def _append(self, buffer: bytes) -> None:
        self._buffers.append(memoryview(buffer))
        self.size += len(buffer)
