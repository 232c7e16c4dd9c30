"""
Frames of one kind that come one after another, so that they can be taken together.

In Python every step of what is done for a frame costs as much as what C does for twenty.  So where
many frames have one length, their parts are cut out by one L{struct.Struct} for all of them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

_TOGETHER: Final = 64
"""Frames that one struct unpacks, at the most; a power of two."""

_SHORT: Final = 512
"""Bytes of a frame up to which it takes less time to copy it than to make an object for it."""

_WORTH: Final = 16
"""To look at a column takes as long as to make so many objects."""

_WORD: Final = struct.calcsize("I")

_EACH_BYTE: Final = bytes(range(256))

SEQ_SIZE: Final = 4
"""Bytes of the seq, which ends the header in both dialects."""

Span: TypeAlias = tuple[int, int]
"""Where some bytes of a frame or a payload begin, and where they end."""


class LooseRun:
    """
    Frames of any length.

    @ivar protocolID: theirs.
    @ivar packetType: theirs.
    @ivar size: how many bytes they had on the wire.
    @ivar seqs: of each.
    @ivar payloads: of each, whole.
    """

    __slots__ = ("packetType", "payloads", "protocolID", "seqs", "size")

    def __init__(
        self,
        protocolID: int,
        packetType: int,
        size: int,
        seqs: Sequence[int],
        payloads: Sequence[bytes],
    ) -> None:
        self.protocolID = protocolID
        self.packetType = packetType
        self.size = size
        self.seqs = seqs
        self.payloads = payloads

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.payloads)


class AlikeRun:
    """
    Frames that all have the same length: their parts are cut out when they are asked for.

    @ivar protocolID: theirs.
    @ivar packetType: theirs.
    @ivar count: how many frames there are.
    @ivar headerSize: of each, in bytes.
    @ivar payloadSize: of each, in bytes.
    @ivar size: how many bytes all had on the wire.
    """

    __slots__ = (
        "_block",
        "_seqs",
        "count",
        "headerSize",
        "packetType",
        "payloadSize",
        "protocolID",
        "size",
    )

    def __init__(
        self, protocolID: int, packetType: int, count: int, headerSize: int, block: memoryview
    ) -> None:
        """
        @param block: the frames.
        """
        self.protocolID = protocolID
        self.packetType = packetType
        self.count = count
        self.headerSize = headerSize
        self.size = len(block)
        self.payloadSize = self.size // count - headerSize
        self._block = block
        self._seqs: Sequence[int] | None = None

    @property
    def seqs(self) -> Sequence[int]:
        """Of each."""
        if self._seqs is None:
            self._seqs = self._cut(f"{self.headerSize - SEQ_SIZE}xI{self.payloadSize}x")
        return self._seqs

    @property
    def payloads(self) -> Sequence[bytes]:
        """Of each."""
        return self.cutPayloads(f"{self.payloadSize}s")

    @property
    def firstPayload(self) -> memoryview:
        """Of the first frame, without a copy."""
        return self._block[self.headerSize : self.headerSize + self.payloadSize]

    def cutPayloads(self, pattern: str) -> list[Any]:
        """
        Cut parts out of each payload.

        @param pattern: a L{struct} format, without byte order, for a whole payload.
        @return: the parts of the first payload, of the second, and so on.
        """
        return self._cut(f"{self.headerSize}x{pattern}")

    def cutBehind(self, head: int, *spans: Span) -> list[bytes] | None:
        """
        Cut off a head of each payload that is partly the same in all.

        @param head: how many bytes it has.
        @param spans: the parts that are the same, in order.
        @return: what is behind each head; L{None} if these parts are not the same.
        """
        size, count = self.headerSize, self.count
        behind = f"{self.payloadSize - head}s"
        if count > _TOGETHER:
            shifted = [(size + start, size + stop) for start, stop in spans]
            if _areColumnsQuicker(size + self.payloadSize, count, shifted):
                isSame = _areColumnsSame(self._block, count, shifted)
                return self.cutPayloads(f"{head}x{behind}") if isSame else None
        pattern, end, each = "", 0, len(spans) + 1
        for start, stop in spans:
            pattern += f"{start - end}x{stop - start}s"
            end = stop
        parts = self.cutPayloads(f"{pattern}{head - end}x{behind}")
        for index in range(len(spans)):
            if parts[index::each].count(parts[index]) != count:
                return None
        return parts[len(spans) :: each]

    def _cut(self, pattern: str) -> list[Any]:
        return cutEach(pattern, self._block, self.count)


Run: TypeAlias = LooseRun | AlikeRun
"""Frames with the same protocolID and packetType, in order."""


def cutEach(pattern: str, block: bytes | memoryview, count: int) -> list[Any]:
    """
    Cut parts out of each of C{count} frames of one length.

    @param pattern: a L{struct} format, without byte order, for a whole frame.
    @param block: begins with the frames.
    @return: the parts of the first frame, of the second, and so on.
    """
    parts: list[Any] = []
    position, times = 0, _TOGETHER
    while count:
        while times > count:
            times //= 2
        cutter = _cutter(pattern, times)
        parts += cutter.unpack_from(block, position)
        position += cutter.size
        count -= times
    return parts


@lru_cache(maxsize=512)
def _cutter(pattern: str, times: int) -> struct.Struct:
    return struct.Struct(">" + pattern * times)


def countAlike(data: bytes | memoryview, length: int, headerSize: int, count: int) -> int:
    """
    How many frames of a length follow each other with the same header but for seq.

    @param data: begins with C{count} times C{length} bytes, of which the first are a frame.
    """
    before = headerSize - SEQ_SIZE
    if (
        count > _TOGETHER
        and _areColumnsQuicker(length, count, [(0, before)])
        and _areColumnsSame(memoryview(data)[: count * length], count, [(0, before)])
    ):
        return count
    heads = cutEach(f"{before}s{length - before}x", data, count)
    first = heads[0]
    if heads.count(first) == count:
        return count
    return next(index for index, head in enumerate(heads) if head != first)


def _areColumnsQuicker(length: int, count: int, spans: Sequence[Span]) -> bool:
    """Whether to look at columns takes less time than to cut frames of a length into parts."""
    columns = sum([stop - start for start, stop in spans])
    if _areWords(length, spans):
        return columns // _WORD * _WORTH <= count
    return columns * _WORTH <= count and length <= _SHORT


def _areColumnsSame(block: memoryview, count: int, spans: Sequence[Span]) -> bool:
    """
    Whether what is there in the first of C{count} frames of one length is there in all: sees that
    by columns, so that no object is made for each frame.

    @param block: the frames.
    """
    length = len(block) // count
    if _areWords(length, spans):
        words, step = block.cast("I"), length // _WORD
        return all(
            words[column:-step:step] == words[column + step :: step]
            for start, stop in spans
            for column in range(start // _WORD, stop // _WORD)
        )
    flat = bytes(block)
    return all(
        flat[column::length] == flat[column : column + 1] * count
        for start, stop in spans
        for column in range(start, stop)
    )


def _areWords(length: int, spans: Sequence[Span]) -> bool:
    """Whether all columns are whole words, which are compared faster than bytes."""
    return not length % _WORD and not any(at % _WORD for span in spans for at in span)


def layAlike(header: bytes, seqs: range, payloads: Sequence[bytes]) -> bytearray:
    """
    Make frames of payloads of one length.

    @param header: that of one of these frames; the seqs replace its seq.
    """
    first, count, before = seqs.start, len(payloads), len(header) - SEQ_SIZE
    header = header[:before] + first.to_bytes(SEQ_SIZE)
    frames = bytearray(header).join((b"", *payloads))
    length = len(header) + len(payloads[0])
    # The last byte of the seq is another in each frame, the others only where it begins again.
    last = first % 256
    cycles = _EACH_BYTE * ((last + count) // 256 + 1)
    frames[len(header) - 1 :: length] = cycles[last : last + count]
    for index in range(256 - last, count, 256):
        times, at = min(256, count - index), index * length + before
        for byte, value in enumerate((first + index).to_bytes(SEQ_SIZE)[:-1]):
            frames[at + byte : at + times * length : length] = bytes((value,)) * times
    return frames
