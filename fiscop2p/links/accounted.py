"""Links whose traffic is counted, or limited."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from ..interfaces import ILinks
from ..settings import Settings
from ..traffic.limiter import RateLimiter
from ..traffic.statistics import Statistics
from ..wire.dialect import AMOP, TOPIC
from ..wire.frames import EncodedFrame, Frame, FrameParser
from .session import PeerProtocol

_NOT_CHARGED: Final = frozenset((AMOP, TOPIC, -TOPIC))
"""AMOP requests have asked for their permits before; topic sync is free, as with FISCO BCOS."""


class AccountedProtocol(PeerProtocol):
    """
    A link whose frames are counted, and charged to the outgoing bandwidth; none is held back.

    FISCO BCOS 2.x: only AMOP requests are ever refused; what else is sent makes them wait.
    """

    def __init__(
        self,
        links: ILinks,
        outbound: bool,
        statistics: Statistics | None,
        limiter: RateLimiter | None,
    ) -> None:
        """
        @param statistics: counts both directions, if given.
        @param limiter: charged for what is sent, if given.
        """
        super().__init__(links, outbound)
        self._statistics = statistics
        self._limiter = limiter
        self._unpackHeader = links.settings.dialect.layout.unpack_from
        if statistics is not None:
            self._parser = _CountingParser(links.settings, statistics)

    def send(self, protocolID: int, packetType: int, seq: int, payload: bytes) -> None:
        """Encode a message, queue its frame, and account for it; see L{PeerProtocol.send}."""
        super().send(protocolID, packetType, seq, payload)
        # What is larger has gone through C{write}.
        if len(payload) <= self._mostPlain:
            self._account(protocolID, self._headerSize + len(payload))

    def write(self, frame: EncodedFrame) -> None:
        """Queue an encoded frame, and account for it; see L{PeerProtocol.write}."""
        super().write(frame)
        length, _, protocolID, _, _ = self._unpackHeader(frame[0])
        self._account(protocolID, length)

    def _account(self, protocolID: int, length: int) -> None:
        if self.closeReason is not None:
            return
        if self._statistics is not None:
            self._statistics.sent[protocolID] += length
            self._statistics.framesSent[protocolID] += 1
        if self._limiter is not None and protocolID not in _NOT_CHARGED:
            self._limiter.acquireWithoutWait(length)


class _CountingParser(FrameParser):
    """A parser that counts the bytes of the frames it yields."""

    def __init__(self, settings: Settings, statistics: Statistics) -> None:
        super().__init__(settings.dialect, settings.maxFrameLength)
        self._statistics = statistics

    def feed(self, data: bytes) -> Generator[Frame, None, None]:
        """Take the next chunk of the stream; see L{FrameParser.feed}."""
        self._statistics.tidy()
        received, frames = self._statistics.received, self._statistics.framesReceived
        for frame in super().feed(data):
            received[frame[2]] += frame[0]
            frames[frame[2]] += 1
            yield frame
