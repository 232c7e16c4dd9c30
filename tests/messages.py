"""Messages, one by one, out of the runs that the parser gives."""

from __future__ import annotations

from collections.abc import Iterator

from fiscop2p.wire.dialect import Dialect
from fiscop2p.wire.frames import MAX_FRAME_LENGTH, FrameParser

Said = tuple[int, int, int, bytes]
"""protocolID, packetType, seq and payload of a frame."""


class MessageParser:
    """
    Feeds a L{FrameParser}, and sees that each run is what it says.

    @ivar parser: it.
    @ivar size: how many bytes all frames had on the wire.
    """

    def __init__(self, dialect: Dialect, maxFrameLength: int = MAX_FRAME_LENGTH) -> None:
        self.parser = FrameParser(dialect, maxFrameLength)
        self.size = 0

    @property
    def held(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return self.parser.held

    def feed(self, data: bytes) -> Iterator[Said]:
        """The messages of the next chunk."""
        for run in self.parser.feed(data):
            self.size += run.size
            assert run.count == len(run.seqs) == len(run.payloads), "a run says that it has others"
            for seq, payload in zip(run.seqs, run.payloads, strict=True):
                yield run.protocolID, run.packetType, seq, payload
