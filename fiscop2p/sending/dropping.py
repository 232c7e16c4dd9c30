"""What waits to be sent on one link whose oldest messages may be dropped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..wire.dialect import Dialect
from ..wire.frames import Header
from .outbox import SLICE, Outbox, joined


class DroppingOutbox(Outbox):
    """
    An outbox that can drop messages.

    Every frame begins with its length, so where the next one begins is read off the bytes, and only
    of what leaves or may have to go.  What has begun to leave is kept apart; so is what was passed
    over, which is never looked at again.
    """

    __slots__ = ("_mayDrop", "_unpack", "_whole")

    def __init__(self, dialect: Dialect, mayDrop: Callable[[Header], bool]) -> None:
        """
        @param mayDrop: tells whether a frame that waits may be dropped.
        """
        super().__init__()
        self._unpack = dialect.layout.unpack_from
        self._mayDrop = mayDrop
        self._whole: deque[memoryview] = deque()

    def take(self) -> memoryview:
        """Take the next bytes off the front; see L{Outbox.take}."""
        if not self._buffers:
            self._release()
        return super().take()

    def drop(self, excess: int) -> int:
        """Drop the oldest messages that may be dropped; see L{Outbox.drop}."""
        dropped = 0
        kept: list[memoryview] = []
        while excess > 0 and self._whole:
            buffer, position = self._whole.popleft(), 0
            while excess > 0 and position < len(buffer):
                header = self._unpack(buffer, position)
                length = header[0]
                frame = [buffer[position : position + length]]
                position += length
                if position > len(buffer):
                    frame.append(self._whole.popleft())
                if self._mayDrop(header):
                    dropped += 1
                    excess -= length
                    self.size -= length
                else:
                    kept += frame
            self._putBack(buffer[position:])
        self._buffers.extend(map(memoryview, joined(kept)))
        return dropped

    def clear(self) -> None:
        """Drop everything."""
        super().clear()
        self._whole.clear()

    def append(self, buffer: bytes | bytearray | memoryview) -> None:
        """Append frames, or a part of one; see L{Outbox.append}."""
        self._whole.append(memoryview(buffer))
        self.size += len(buffer)

    def _release(self) -> None:
        """Let the oldest frames go: as many as make up a slice."""
        buffer, end = self._whole.popleft(), 0
        while end < min(len(buffer), SLICE):
            end += self._unpack(buffer, end)[0]
        self._buffers.append(buffer[:end])
        if end > len(buffer):
            # A large payload is a buffer of its own.
            self._buffers.append(self._whole.popleft())
        self._putBack(buffer[end:])

    def _putBack(self, rest: memoryview) -> None:
        if rest:
            self._whole.appendleft(rest)
