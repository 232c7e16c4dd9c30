"""What waits to be sent on one link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

SLICE: Final = 256 * 1024
"""Bytes that the transport is given at a time: whenever it asks for more, the peer has read."""

MOST_TAKEN: Final = SLICE * 3 // 2
"""Bytes that it is given rather than that a crumb is left for the next time."""

LARGE: Final = 32 * 1024
"""Bytes from which on a piece is not copied."""

SMALL: Final = 4 * 1024
"""Bytes up to which a payload is so small that it is not looked at before it is put here."""

MOST_UNKNOWN: Final = 1024
"""So many of these may be on their way here."""

MOST_LARGER: Final = MOST_UNKNOWN * SMALL // 4
"""And so many bytes of larger ones."""


class Outbox:
    """
    Pieces of frames, in order.

    Small pieces are joined; large ones are never copied.

    @ivar size: how many bytes wait.
    """

    __slots__ = ("_buffers", "size")

    def __init__(self) -> None:
        self.size = 0
        # Not a deque: that takes more room than all else that waits on most links.
        self._buffers: list[memoryview] = []

    def putSmall(self, pieces: Iterable[bytes]) -> None:
        """Append pieces of which none is large."""
        self.append(b"".join(pieces))

    def put(self, pieces: Iterable[bytes]) -> None:
        """Append pieces of any size, all or, where there is no room to join them, none."""
        for piece in list(joined(pieces)):
            self.append(piece)

    def take(self) -> memoryview:
        """
        Take the next L{SLICE} off the front, up to L{MOST_TAKEN}, or less.

        @raise IndexError: nothing waits.
        """
        buffer = self._buffers[0]
        if len(buffer) > MOST_TAKEN:
            self._buffers[0] = buffer[SLICE:]
            buffer = buffer[:SLICE]
        else:
            del self._buffers[0]
        self.size -= len(buffer)
        return buffer

    def drop(self, excess: int) -> int:
        """
        Drop the oldest messages that may be dropped, until C{excess} bytes are gone.

        @return: how many messages that were; here none ever may.
        """
        return 0

    def clear(self) -> None:
        """Drop everything."""
        self._buffers.clear()
        self.size = 0

    def append(self, buffer: bytes | bytearray | memoryview) -> None:
        """Append a piece that is not changed any more."""
        self.size += len(buffer)
        if self._buffers and len(self._buffers[-1]) + len(buffer) <= LARGE:
            # So there are few, however slowly the peer reads.
            buffer = b"".join((self._buffers.pop(), buffer))
        self._buffers.append(memoryview(buffer))


def joined(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Join pieces, but not those that are L{LARGE}."""
    for isLarge, group in groupby(pieces, lambda piece: len(piece) >= LARGE):
        if isLarge:
            yield from group
        else:
            yield b"".join(group)
