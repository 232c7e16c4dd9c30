"""From a byte stream to frames, and from a message to the bytes of its frame."""

from __future__ import annotations

import struct
from collections.abc import Generator
from functools import lru_cache
from typing import Final, TypeAlias

from ..errors import EncodingError, FrameTooLong, FrameTooShort
from .compression import THRESHOLD, compress, decompress
from .dialect import COMPRESSED, Dialect

MAX_FRAME_LENGTH: Final = 100 * 1024 * 1024
"""The longest frame, header included, that FISCO BCOS 2.8 and newer accept."""

Frame: TypeAlias = tuple[int, int, int, int, int, bytes]
"""length on the wire, version (no bytes in RC1), protocolID, packetType, seq, whole payload."""

Header: TypeAlias = tuple[int, int, int, int, int]
"""The same without the payload."""

EncodedFrame: TypeAlias = tuple[bytes, bytes]
"""Header and payload as they are transmitted: apart, so that a long payload is never copied."""

_PATIENCE: Final = 8
"""After so many payloads of a protocolID that have not shrunk, trying the next costs too much."""

_RETRY: Final = 16
"""Then one of so many is tried."""

_SMALL_PART: Final = 16 * 1024
_RUN: Final = 4


class FrameEncoder:
    """
    Makes the frames of messages, compressed where the dialect can and it pays.

    @ivar pack: packs a header: length, version, protocolID, packetType, seq.
    @ivar headerSize: how many bytes that gives.
    @ivar version: the version of a frame that is not compressed.
    @ivar mostPlain: the most bytes of a payload that is sent as it is, without a look at it.
    """

    def __init__(
        self, dialect: Dialect, compressing: bool = True, maxFrameLength: int = MAX_FRAME_LENGTH
    ) -> None:
        """
        @param compressing: C{[p2p] enable_compress}.
        @param maxFrameLength: the most bytes that a frame may have before it is compressed: a
            FISCO BCOS node closes the link on a longer one.
        """
        self.pack = dialect.layout.pack
        self.headerSize = dialect.headerSize
        self.version = dialect.plain
        self._dialect = dialect
        self._most = maxFrameLength - dialect.headerSize
        self._futile: dict[int, int] = {}
        isCompressing = compressing and dialect.canCompress
        self.mostPlain = min(THRESHOLD, self._most) if isCompressing else self._most

    def __call__(self, protocolID: int, packetType: int, seq: int, payload: bytes) -> EncodedFrame:
        """
        Make the frame of a message.

        @raise EncodingError: the message is too long, or a number does not fit its field.
        """
        size = len(payload)
        if size > self._most:
            raise EncodingError(
                f"a message of {size} bytes, {self._most} are the most; send it in parts"
            )
        header = self._dialect.header
        if size > self.mostPlain:
            block = self._tryToCompress(protocolID, payload)
            if block is not None:
                return header(len(block), protocolID, packetType, seq, COMPRESSED), block
        try:
            return self.pack(
                self.headerSize + size, self.version, protocolID, packetType, seq
            ), payload
        except struct.error:
            return header(size, protocolID, packetType, seq), payload

    def _tryToCompress(self, protocolID: int, payload: bytes) -> bytes | None:
        """Compress, unless what is sent under this protocolID has not shrunk for a while."""
        futile = self._futile.get(protocolID, 0)
        block = None
        if futile < _PATIENCE or not futile % _RETRY:
            block = compress(payload)
        self._futile[protocolID] = futile + 1 if block is None else 0
        return block


@lru_cache(maxsize=256)
def _wholeFrame(dialect: Dialect, length: int) -> struct.Struct:
    """What unpacks frames of one length, payload included."""
    return struct.Struct(f"{dialect.layout.format}{length - dialect.headerSize}s")


class FrameParser:
    """
    An incremental parser: chunks of a stream in, frames out.

    It goes over each chunk once and holds no more than the part of one frame that has arrived.
    After an error it must not be fed again: where the next frame begins cannot be known.

    @ivar frames: how many frames there were in the chunks that have been gone through.
    """

    def __init__(self, dialect: Dialect, maxFrameLength: int = MAX_FRAME_LENGTH) -> None:
        """
        @param maxFrameLength: the most bytes that a frame may have, header included, as well as
            the payload once it is decompressed.
        """
        self.frames = 0
        self._dialect = dialect
        self._limit = maxFrameLength
        self._tail = b""
        self._unfinished: _UnfinishedFrame | None = None

    @property
    def held(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return len(self._tail) if self._unfinished is None else self._unfinished.held

    @property
    def arrived(self) -> int:
        """How many bytes of an unfinished frame have arrived, its header included."""
        if self._unfinished is None:
            return len(self._tail)
        return self._dialect.headerSize + self._unfinished.held

    def feed(self, data: bytes) -> Generator[Frame, None, None]:
        """
        Take the next chunk of the stream; the result must be iterated to its end.

        Frames before a faulty one are yielded before the error is raised.

        @raise FrameTooShort: a length below the header's.
        @raise FrameTooLong: a length, or a declared uncompressed size, above the limit.
        @raise UndecodablePayload: a compressed payload that does not decode.
        """
        position = 0
        if self._unfinished is not None:
            position = self._unfinished.take(data)
            if self._unfinished.missing:
                return
            finished, self._unfinished = self._unfinished, None
            self.frames += 1
            yield self._frame(finished.header, finished.payload())
        elif self._tail:
            data, self._tail = self._tail + data, b""

        dialect, limit = self._dialect, self._limit
        unpack, headerSize = dialect.layout.unpack_from, dialect.headerSize
        end = len(data)
        # The frames that are yielded one by one, and the first of those of the same length.
        count, first, previous = 0, 0, 0
        while end - position >= headerSize:
            header = unpack(data, position)
            length = header[0]
            if length < headerSize or length > limit:
                raise self._badLength(length)
            if length != previous:
                first, previous = count, length
            elif count - first == _RUN:
                # Frames of one length come in runs, which C unpacks at half the cost.
                whole = position + (end - position) // length * length
                frames = _wholeFrame(dialect, length).iter_unpack(memoryview(data)[position:whole])
                start = position
                for frame in frames:
                    if frame[0] != length:
                        break
                    position += length
                    yield self._frame(frame[:5], frame[5]) if frame[1] else frame
                self.frames += (position - start) // length
                previous = 0
                continue
            start, position = position + headerSize, position + length
            if position > end:
                self._unfinished = _UnfinishedFrame(header, position - end, data[start:])
                self.frames += count
                return
            count += 1
            yield self._frame(header, data[start:position])
        self._tail = data[position:]
        self.frames += count

    def _frame(self, header: Header, payload: bytes) -> Frame:
        version = header[1]
        if version and version & COMPRESSED:
            payload = decompress(payload, self._limit)
        return *header, payload

    def _badLength(self, length: int) -> FrameTooShort | FrameTooLong:
        if length > self._limit:
            return FrameTooLong(
                f"a frame declares {length} bytes, the limit is {self._limit} bytes"
            )
        return FrameTooShort(
            f"a frame declares {length} bytes, less than the {self._dialect.headerSize} bytes "
            f"of an {self._dialect.name} header; does the peer speak the other dialect?"
        )


class _UnfinishedFrame:
    """A frame whose payload has not all arrived: its header, its parts, what is missing."""

    def __init__(self, header: Header, missing: int, first: bytes) -> None:
        self.header = header
        self.missing = missing
        self.held = len(first)
        self._parts = [first]
        self._trickle = bytearray()

    def take(self, data: bytes) -> int:
        """
        Take what belongs to this frame.

        @return: where in C{data} the next frame begins.
        """
        taken = min(self.missing, len(data))
        self.missing -= taken
        self.held += taken
        part = data[:taken]
        # Small parts are joined as they come: a list of single bytes costs 50 times their size.
        if taken >= _SMALL_PART:
            self._joinTrickle()
            self._parts.append(part)
        else:
            self._trickle += part
            if len(self._trickle) >= _SMALL_PART:
                self._joinTrickle()
        return taken

    def payload(self) -> bytes:
        """The whole payload as it was transmitted, once nothing is missing."""
        self._joinTrickle()
        return b"".join(self._parts)

    def _joinTrickle(self) -> None:
        if self._trickle:
            self._parts.append(bytes(self._trickle))
            self._trickle.clear()
