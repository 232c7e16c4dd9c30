"""Messages to a node at the pace at which it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IConsumer, IProducer
from twisted.logger import Logger
from zope.interface import implementer

from ..identity import abridged
from ..interfaces import ILinks, ISession
from ..reasons import CloseReason

_HARMLESS: Final = (CloseReason.DUPLICATE, CloseReason.PEER_CLOSED)


@implementer(IConsumer)
class BulkSender:
    """
    A consumer whose writes are messages to one node, one way.

    A push producer is paused while much waits for the node, a pull producer is asked for more while
    there is room; so a L{FileSender<twisted.protocols.basic.FileSender>} takes no more memory for a
    long file than for a short one.  The producer is stopped when the node leaves, and when messages
    of this producer may be lost: a link ends, or drops some that waited for it.  What waits when
    the producer is done may still be.
    """

    _log = Logger()

    def __init__(self, links: ILinks, nodeID: str, send: Callable[[bytes], None]) -> None:
        """
        @param send: sends a message to that node.
        """
        self._links = links
        self._nodeID = nodeID
        self._send = send
        self._producer: Any = None
        self._isStreaming = False
        self._isAsking = False
        self._hasWritten = False
        self._unseen = 0
        self._waitsFor: ISession | None = None
        self._carriers: set[ISession] = set()

    def write(self, data: bytes) -> None:
        """
        Send a message.

        @raise PeerAbsent: the node is not connected; a producer has been stopped then.
        @raise PeerBusy: as when other messages are sent; not to a producer that pauses when told.
        """
        self._send(data)
        if self._producer is None:
            return
        session: ISession = self._links.registry.session(self._nodeID)
        self._carriers.add(session)
        self._hasWritten = True
        self._unseen += len(data)
        if self._waitsFor is not None:
            return
        # Every look joins what has been queued, and long pieces leave faster than short ones.
        if self._unseen >= session.room.low:
            self._waitIfFull(session)
        if self._waitsFor is None and not self._isStreaming and not self._isAsking:
            self._waitFor(session)

    def _waitIfFull(self, session: ISession) -> None:
        self._unseen = 0
        if session.room.isFull:
            self._waitFor(session)
            if self._isStreaming:
                self._producer.pauseProducing()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Take messages from a producer from now on, until L{unregisterProducer}.

        If the node is not connected the producer is stopped at once.

        @param streaming: whether it is a push producer.
        @raise RuntimeError: there is one already.
        """
        if self._producer is not None:
            raise RuntimeError(f"a producer sends to node {abridged(self._nodeID)} already")
        session = self._links.registry.find(self._nodeID)
        if session is None:
            producer.stopProducing()
            return
        self._producer, self._isStreaming = producer, streaming
        self._links.registry.left.subscribe(self._nodeLeft)
        self._links.sessionClosed.subscribe(self._sessionClosed)
        self._links.messagesDropped.subscribe(self._messagesDropped)
        self._waitIfFull(session)
        if self._waitsFor is None and not streaming:
            self._ask()

    def unregisterProducer(self) -> None:
        """Forget the producer: it has no more to send."""
        if self._producer is not None:
            self._producer, self._waitsFor = None, None
            self._carriers.clear()
            self._links.registry.left.unsubscribe(self._nodeLeft)
            self._links.sessionClosed.unsubscribe(self._sessionClosed)
            self._links.messagesDropped.unsubscribe(self._messagesDropped)

    def _waitFor(self, session: ISession) -> None:
        self._waitsFor = session

        def roomMade() -> None:
            if self._waitsFor is session:
                self._goOn()

        session.room.wait(roomMade)

    def _goOn(self) -> None:
        self._waitsFor = None
        if self._isStreaming:
            self._tell(self._producer.resumeProducing)
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask a pull producer for messages until it has none at hand, or there is no room."""
        producer = self._producer
        self._isAsking = self._hasWritten = True
        while self._hasWritten and self._waitsFor is None and self._producer is producer:
            self._hasWritten = False
            self._tell(producer.resumeProducing)
        self._isAsking = False

    def _tell(self, tell: Callable[[], object]) -> None:
        try:
            tell()
        except Exception:
            self._log.failure("a producer failed, and is stopped")
            self._stop()

    def _nodeLeft(self, nodeID: str) -> None:
        if nodeID == self._nodeID:
            self._stop()

    def _sessionClosed(self, session: ISession) -> None:
        if session in self._carriers and session.closeReason not in _HARMLESS:
            self._stop()
        elif session is self._waitsFor:
            self._goOn()
        self._carriers.discard(session)

    def _messagesDropped(self, session: ISession) -> None:
        if session in self._carriers:
            self._stop()

    def _stop(self) -> None:
        producer = self._producer
        if producer is not None:
            self.unregisterProducer()
            producer.stopProducing()
