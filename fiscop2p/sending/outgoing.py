"""The way out of a link: from what is queued to the transport, as fast as the peer reads."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from ..interfaces import ILinks, IOutgoing
from ..reasons import CloseReason
from .queueing import FrameQueue
from .room import Room


@implementer(IOutgoing, IPushProducer)
class OutgoingFrames(FrameQueue, Protocol):
    """
    What a link sends: queued in a turn, and given to the transport at its end.

    @ivar nodeID: the peer's.
    @ivar blockedSince: the clock's time since when the transport takes nothing, or L{None}.
    """

    __slots__ = ("_clock",)

    nodeID = ""
    blockedSince: float | None = None

    _room: Room | None = None

    def __init__(self, links: ILinks) -> None:
        """
        @param links: encodes messages, calls L{flush}, and is told what was sent.
        """
        super().__init__(links)
        self._clock = links.clock

    def abort(self, reason: CloseReason, detail: str = "") -> None:
        """End the link now."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send what is queued, as far as the transport takes it."""
        self.gather()
        outbox = self._outbox
        while outbox.size and self.blockedSince is None:
            self._transmit(outbox.take())
        if self._room is not None:
            self._room.look()

    def flushAll(self) -> None:
        """Give the transport all that is queued, whether it has enough or not."""
        self.gather()
        while self._outbox.size:
            self._transmit(self._outbox.take())

    def _transmit(self, piece: memoryview) -> None:
        self.counts.bytesSent += len(piece)
        transport: Any = self.transport
        transport.writeSequence((piece,))

    @property
    def room(self) -> Room:
        """Who waits for room in the queue."""
        if self._room is None:
            self._room = Room(self._clock, self._settings.maxQueue, self._queued)
        return self._room

    @property
    def queued(self) -> int:
        """How many bytes wait to be sent."""
        return self._queued()

    def _queued(self) -> int:
        self.gather()
        return self._outbox.size

    # The transport's producer: it says when it has enough.

    def pauseProducing(self) -> None:
        """Frames wait here until the transport has room."""
        self.blockedSince = self._clock.seconds()

    def resumeProducing(self) -> None:
        """The transport has room again."""
        self.blockedSince = None
        self.flush()
        transport: Any = self.transport
        if getattr(transport.transport, "disconnecting", False):
            # Twisted's TLS has seen the peer close, and its TCP waits for us before it does too.
            transport.unregisterProducer()

    def stopProducing(self) -> None:
        """The transport is gone; its connectionLost tells the rest."""
