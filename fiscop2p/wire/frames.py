"""From a byte stream to frames, and from a message to the bytes of its frame."""

from __future__ import annotations

import struct
from collections.abc import Generator, Sequence
from typing import Final, TypeAlias

from ..errors import EncodingError, FrameTooLong, FrameTooShort
from .compression import THRESHOLD, compress, decompress
from .dialect import COMPRESSED, Dialect
from .runs import AlikeRun, LooseRun, Run, countAlike, layAlike

MAX_FRAME_LENGTH: Final = 100 * 1024 * 1024
"""The longest frame, header included, that FISCO BCOS 2.8 and newer accept."""

Header: TypeAlias = tuple[int, int, int, int, int]
"""length on the wire, version (no bytes in RC1), protocolID, packetType, seq."""

EncodedFrame: TypeAlias = tuple[bytes, bytes]
"""Header and payload as they are transmitted: apart, so that a long payload is never copied."""

_PATIENCE: Final = 8
"""After so many payloads of a protocolID that did not get much shorter, to try the next costs too
much."""

_RETRY: Final = 16
"""Then one of so many is tried."""

_SMALL_PART: Final = 16 * 1024

_SAME: Final = 4
"""After so many frames of one length there may be more, which are taken together."""

_NO_LENGTH: Final = -1

_FEWEST_ALIKE: Final = 64
"""How many frames are compared at first."""

_MOST_ALIKE: Final = 1024
"""How many are where more and more were alike."""


class FrameEncoder:
    """
    Makes the frames of messages, compressed where the dialect can and it pays.

    @ivar pack: packs a header: length, version, protocolID, packetType, seq.
    @ivar headerSize: how many bytes that gives.
    @ivar version: the version of a frame that is not compressed.
    @ivar most: the most bytes that a payload may have.
    @ivar mostPlain: the most bytes of one that is sent as it is, without a look at it.
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
        self.most = maxFrameLength - dialect.headerSize
        self._futile: dict[int, int] = {}
        isCompressing = compressing and dialect.canCompress
        self.mostPlain = min(THRESHOLD, self.most) if isCompressing else self.most

    def __call__(self, protocolID: int, packetType: int, seq: int, payload: bytes) -> EncodedFrame:
        """
        Make the frame of a message.

        @raise EncodingError: the message is too long, or a number does not fit its field.
        """
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        size = len(payload)
        if size > self.mostPlain:
            self.checkSize(size)
            block = self.tryToCompress(protocolID, payload)
            if block is not None:
                return self.compressedFrame(protocolID, packetType, seq, block)
        try:
            return self.pack(
                self.headerSize + size, self.version, protocolID, packetType, seq
            ), payload
        except struct.error:
            return self._dialect.header(size, protocolID, packetType, seq), payload

    def checkSize(self, size: int) -> None:
        """
        Let pass what fits a frame.

        @param size: of a payload, in bytes, before it is compressed.
        @raise EncodingError: it does not.
        """
        if size > self.most:
            raise EncodingError(
                f"a message of {size} bytes, {self.most} are the most; send it in parts"
            )

    def tryToCompress(self, protocolID: int, payload: bytes) -> bytes | None:
        """
        Compress, unless the payload is small, or for a while nothing that was sent under this
        protocolID has got much shorter.

        @return: a block for L{compressedFrame}, or L{None} where the payload travels as it is.
        """
        if len(payload) <= self.mostPlain:
            return None
        futile = self._futile.get(protocolID, 0)
        block = None
        if futile < _PATIENCE or not futile % _RETRY:
            block = compress(payload)
        self._futile[protocolID] = futile + 1 if block is None else 0
        return block

    def compressedFrame(
        self, protocolID: int, packetType: int, seq: int, block: bytes
    ) -> EncodedFrame:
        """
        Make the frame of a message that L{tryToCompress} has compressed.

        @raise EncodingError: a number does not fit its field.
        """
        header = self._dialect.header(len(block), protocolID, packetType, seq, COMPRESSED)
        return header, block

    def together(
        self,
        protocolID: int,
        packetType: int,
        seqs: range,
        payloads: Sequence[bytes],
        sizes: set[int],
    ) -> bytes | bytearray:
        """
        Make the frames of messages of one kind, whose numbers are known to fit their fields.

        @param sizes: of the payloads, which travel as they are.
        """
        pack, headerSize, version = self.pack, self.headerSize, self.version
        if len(sizes) == 1:
            length = headerSize + len(payloads[0])
            header = pack(length, version, protocolID, packetType, 0)
            return layAlike(header, seqs, payloads)
        pieces = [b""] * (2 * len(payloads))
        pieces[::2] = [
            pack(headerSize + len(payload), version, protocolID, packetType, seq)
            for seq, payload in zip(seqs, payloads, strict=True)
        ]
        pieces[1::2] = payloads
        return b"".join(pieces)


def checkedPayload(payload: object) -> bytes:
    """
    Let pass what can be sent.

    @raise EncodingError: it is not bytes.
    """
    if isinstance(payload, bytes):
        return payload
    raise EncodingError(f"a payload is bytes, not {type(payload).__name__}")


class FrameParser:
    """
    An incremental parser: chunks of a stream in, frames out.

    It goes over each chunk once and holds no more than the part of one frame that has arrived.
    After an error it must not be fed again: where the next frame begins cannot be known.

    @ivar frames: how many frames there were in the chunks that have been gone through.
    """

    __slots__ = ("_dialect", "_limit", "_most", "_steady", "_tail", "_unfinished", "frames")

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
        self._steady = _NO_LENGTH
        self._most = _FEWEST_ALIKE

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

    def feed(self, data: bytes | memoryview) -> Generator[Run, None, None]:
        """
        Take the next chunk of the stream; the result must be iterated to its end, unless the stream
        has ended.  Nothing of C{data} is kept beyond that, and no run may be.

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
            yield self._single(finished.header, finished.payload())
        elif self._tail:
            data, self._tail = b"".join((self._tail, data)), b""
        end, headerSize = len(data), self._dialect.headerSize
        unpack = self._dialect.layout.unpack_from
        while end - position >= headerSize:
            header = unpack(data, position)
            run: Run | None = None
            if header[0] == self._steady:
                run = self._takeAlike(data, position, header)
            if run is None:
                if isinstance(data, memoryview):
                    data, position = bytes(data[position:]), 0
                    end = len(data)
                run = self._takeRun(data, position, header)
                if run is None:
                    return
            self.frames += run.count
            position += run.size
            yield run
        self._tail = bytes(data[position:])

    def _takeAlike(
        self, data: bytes | memoryview, position: int, header: Header
    ) -> AlikeRun | None:
        """Take frames that have the length of those before them, if there are some."""
        length, version, protocolID, packetType, _ = header
        fits = min((len(data) - position) // length, self._most)
        if fits < _SAME or (version and version & COMPRESSED):
            return None
        headerSize = self._dialect.headerSize
        count = countAlike(memoryview(data)[position:], length, headerSize, fits)
        most = min(2 * count, _MOST_ALIKE) if count == fits else 0
        self._most = max(_FEWEST_ALIKE, most)
        if count < _SAME:
            self._steady = _NO_LENGTH
            return None
        block = memoryview(data)[position : position + count * length]
        return AlikeRun(protocolID, packetType, count, headerSize, block)

    def _takeRun(self, data: bytes, position: int, header: Header) -> LooseRun | None:
        """Take frames of one kind and any length, and at least one, if it is whole."""
        unpack, headerSize = self._dialect.layout.unpack_from, self._dialect.headerSize
        end, limit = len(data), self._limit
        length, version, protocolID, packetType, seq = header
        if length < headerSize or length > limit:
            raise self._badLength(length)
        following = position + length
        if following > end:
            payload = data[position + headerSize :]
            self._unfinished = _UnfinishedFrame(header, following - end, payload)
            return None
        if version and version & COMPRESSED:
            return self._single(header, data[position + headerSize : following])
        seqs: list[int] = []
        payloads: list[bytes] = []
        start, previous, same = position, length, 0
        while same < _SAME:
            seqs.append(seq)
            payloads.append(data[position + headerSize : following])
            position = following
            if end - position < headerSize:
                break
            length, version, nextID, nextType, seq = unpack(data, position)
            following = position + length
            if nextID != protocolID or nextType != packetType or following > end:
                break
            if length < headerSize or length > limit or (version and version & COMPRESSED):
                break
            same = same + 1 if length == previous else 0
            previous = length
        else:
            self._steady = length
        return LooseRun(protocolID, packetType, position - start, seqs, payloads)

    def _single(self, header: Header, payload: bytes) -> LooseRun:
        """A run of one frame, of which the payload is as it was transmitted."""
        length, version, protocolID, packetType, seq = header
        if version and version & COMPRESSED:
            payload = decompress(payload, self._limit)
        return LooseRun(protocolID, packetType, length, (seq,), (payload,))

    def _badLength(self, length: int) -> FrameTooShort | FrameTooLong:
        if length > self._limit:
            return FrameTooLong(f"Illegal p2p message packet,length={length},maxLen={self._limit}")
        return FrameTooShort(
            f"a frame declares {length} bytes, less than the {self._dialect.headerSize} bytes "
            f"of an {self._dialect.name} header; does the peer speak the other dialect "
            "([compatibility] supported_version)?"
        )


class _UnfinishedFrame:
    """A frame whose payload has not all arrived: its header, its parts, what is missing."""

    def __init__(self, header: Header, missing: int, first: bytes) -> None:
        self.header = header
        self.missing = missing
        self.held = len(first)
        self._parts = [first]
        self._trickle = bytearray()

    def take(self, data: bytes | memoryview) -> int:
        """
        Take what belongs to this frame.

        @return: where in C{data} the next frame begins.
        """
        taken = min(self.missing, len(data))
        self.missing -= taken
        self.held += taken
        part = bytes(data[:taken])
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
