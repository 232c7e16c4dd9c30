"""A TLS transport over another transport, on the standard library's C{SSLObject}."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final, cast

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IProducer,
    IPullProducer,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import HandshakeFailed
from ..interfaces import ILinkProtocol
from .engine import Engine, verifiedChain

_LEAST_READ: Final = 16 * 1024
_MOST_READ: Final = 512 * 1024
"""Bytes that are read at a time, within these limits: the more, the less each costs."""

_READ_TIME: Final = 0.002
"""Seconds that it should take to deal with them, so that a flood of small frames does not make
others wait."""

_PIECE: Final = 128 * 1024
"""Bytes that OpenSSL is given at a time: while it works on them they stay in the caches."""

_WRITE_SLICE: Final = 384 * 1024
_QUEUE_HIGH: Final = 64 * 1024

_BUFFER_SIZE: Final = _MOST_READ + 2 * _PIECE

# All links of a process share them; there is more than one only if a link is read while another is.
_readBuffers: list[memoryview] = []


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTLSTransport(Protocol):
    """
    A protocol for the raw transport below, a transport for the protocol above.

    Plaintext waits here until the transport below has nothing left to send; only then the next
    slice is encrypted.  So memory is held once, and where there is a socket a slice goes straight
    to it, a turn of the reactor earlier than through the transport's own buffer.

    @ivar failure: what has gone wrong; the peer is told, and need not close.
    @ivar _blocked: whether the transport below still has bytes to send.
    @ivar _closing: whether we are at the end: nothing more is taken or handed up.
    """

    disconnecting = False

    def __init__(self, context: ssl.SSLContext, isClient: bool, wrapped: ILinkProtocol) -> None:
        self._engine = Engine(context, isClient)
        self._wrapped = wrapped
        self._handshaking = True
        self._queue: list[bytes | memoryview] = []
        self._queued = 0
        self._blocked = True
        self._closing = False
        self.failure: Failure | None = None
        self._producer: IPushProducer | None = None
        self._producerPaused = False
        self._socket: Any = None
        self._tcp: Any = None

    # What the transport below tells us.

    def connectionMade(self) -> None:
        below: Any = self.transport
        if ITCPTransport.providedBy(below) and ISystemHandle.providedBy(below):
            self._socket = below.getHandle()
            self._tcp = below
        below.registerProducer(_Drained(self), False)
        self._wrapped.makeConnection(self)
        if not self._closing:
            self._handshake(b"")

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        began, size = monotonic(), len(data)
        if self._handshaking:
            data = self._handshake(data)
        if data and not self._closing:
            self._deliver(data if size <= _PIECE else memoryview(data))
        if self._tcp is not None and size >= self._tcp.bufferSize:
            self._pace(monotonic() - began)

    def _pace(self, seconds: float) -> None:
        """Read more at a time, or less, after a full read has taken so long."""
        size = self._tcp.bufferSize
        wanted = size * _READ_TIME / max(seconds, _READ_TIME / 2)
        self._tcp.bufferSize = min(max(int(wanted), _LEAST_READ), _MOST_READ)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closing = True
        self._queue.clear()
        if self.failure is not None:
            reason = self.failure
        elif self._handshaking and reason.check(ConnectionDone, ConnectionLost):
            words = "it closed the connection during the handshake"
            if not self._engine.tls.server_side:
                words += "; does it refuse this node by one of its lists?"
            reason = Failure(HandshakeFailed(words))
        self._wrapped.connectionLost(reason)

    def drained(self) -> None:
        """The transport below has sent everything."""
        self._blocked = False
        self._pump()

    # TLS.

    def _handshake(self, data: bytes) -> bytes:
        """Go on with the handshake; gives what has come behind it."""
        engine = self._engine
        try:
            rest = engine.handshake(data)
        except ssl.SSLError:
            self._fail(Failure())
            return b""
        if rest is None:
            self._flushBelow()
            return b""
        if engine.tls.session_reused:
            self._fail(Failure(HandshakeFailed("it resumed a session, which is never offered")))
            return b""
        self._wrapped.peerVerified()
        if self._closing:
            return b""
        self._handshaking = False
        self._flushBelow()
        self._wrapped.handshakeCompleted()
        self._pump()
        return rest

    def _fail(self, failure: Failure) -> None:
        """End the connection for a fault in TLS; the peer still gets our alert."""
        self.failure = failure
        self._closeBelow()

    def _deliver(self, data: bytes | memoryview) -> None:
        """Decrypt all that has arrived, and hand it up at once."""
        engine = self._engine
        buffer = _readBuffers.pop() if _readBuffers else memoryview(bytearray(_BUFFER_SIZE))
        filled = 0
        try:
            while data and not self._closing:
                piece, data = (data, b"") if len(data) <= _PIECE else (data[:_PIECE], data[_PIECE:])
                filled += engine.decrypt(piece, buffer[filled:] if filled else buffer)
                if engine.isOver:
                    data = b""
                if engine.leaving:
                    self._flushBelow()
                if filled and (not data or filled > _BUFFER_SIZE - 2 * _PIECE):
                    self._wrapped.dataReceived(buffer[:filled])
                    filled = 0
        finally:
            _readBuffers.append(buffer)
        if engine.isOver and not self._closing:
            if engine.failure is None:
                self._closeBelow()
            else:
                self._fail(engine.failure)

    def _pump(self) -> None:
        """Send what waits, as far as the transport below takes it."""
        while self._queue and not self._blocked and not self._handshaking:
            self._sendBelow(self._encryptSlice())
        if self._producerPaused and self._queued <= _QUEUE_HIGH and self._producer is not None:
            self._producerPaused = False
            self._producer.resumeProducing()
        self._closeIfDone()

    def _encryptSlice(self) -> list[bytes]:
        """Encrypt the next that waits."""
        room, pieces, encrypt = _WRITE_SLICE, [], self._engine.encrypt
        while self._queue and room > 0:
            data, most = self._queue[0], min(room, _PIECE)
            written, piece = encrypt(data if len(data) <= most else memoryview(data)[:most])
            pieces.append(piece)
            room -= written
            self._queued -= written
            if written < len(data):
                self._queue[0] = memoryview(data)[written:]
            else:
                del self._queue[0]
        return pieces

    def _flushBelow(self) -> None:
        """Pass on what OpenSSL has for the peer."""
        if self._engine.leaving:
            leaving, self._engine.leaving = self._engine.leaving, b""
            self._sendBelow([leaving])

    def _sendBelow(self, pieces: list[bytes]) -> None:
        """Send bytes now, as far as the socket takes them."""
        if self._socket is not None and not self._blocked:
            try:
                sent = self._socket.sendmsg(pieces)
            except OSError:
                sent = 0  # The transport below meets the same error, or waits until it can write.
            while pieces and sent >= len(pieces[0]):
                sent -= len(pieces.pop(0))
            if pieces and sent:
                pieces[0] = pieces[0][sent:]
        if pieces:
            self._blocked = True
            transport: Any = self.transport
            transport.writeSequence(pieces)

    def _closeIfDone(self) -> None:
        if self.disconnecting and not self._queue and self._producer is None and not self._closing:
            self._engine.close()
            self._closeBelow()

    def _closeBelow(self) -> None:
        """
        Pass on the rest, and say that it was all.

        We go on reading, and drop what comes, until the peer closes too: a socket that is closed
        with unread bytes is reset, and what it had still to send is lost.
        """
        self._closing = True
        self._flushBelow()
        below: Any = self.transport
        below.unregisterProducer()
        below.loseWriteConnection()

    # What the protocol above asks for.

    def write(self, data: bytes) -> None:
        """Send bytes, after the handshake and in order."""
        if not data or self._closing or (self.disconnecting and self._producer is None):
            return
        self._queue.append(data)
        self._queued += len(data)
        self._pump()
        if self._queued > _QUEUE_HIGH and self._producer is not None and not self._producerPaused:
            self._producerPaused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        for piece in data:
            self.write(piece)

    def loseConnection(self) -> None:
        """Close once everything is sent; a handshake that is under way is given up."""
        self.disconnecting = True
        if self._handshaking:
            self.abortConnection()
        else:
            self._closeIfDone()

    def abortConnection(self) -> None:
        """Close now; what waits is lost."""
        self.disconnecting = self._closing = True
        below: Any = self.transport
        below.abortConnection()

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """
        Tell a push producer when to pause: while more than 64 KiB wait.

        @param streaming: must be true: pull producers are not served.
        """
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        if not streaming:
            raise NotImplementedError("only push producers (streaming=True) are served here")
        if self._closing:
            producer.stopProducing()
            return
        self._producer = cast(IPushProducer, producer)

    def unregisterProducer(self) -> None:
        """Forget the producer; a close that was asked for goes ahead."""
        self._producer = None
        self._producerPaused = False
        self._closeIfDone()

    def pauseProducing(self) -> None:
        """Stop reading; what has arrived already is still handed up."""
        below: Any = self.transport
        below.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        below: Any = self.transport
        below.resumeProducing()

    def stopProducing(self) -> None:
        """Close, as Twisted's own transports do."""
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Let small writes leave at once, or wait for others."""
        below: Any = self.transport
        below.setTcpNoDelay(enabled)

    def getPeer(self) -> IAddress:
        """The remote end."""
        below: Any = self.transport
        peer: IAddress = below.getPeer()
        return peer

    def getHost(self) -> IAddress:
        """Our end."""
        below: Any = self.transport
        host: IAddress = below.getHost()
        return host

    def getPeerCertificate(self) -> bytes | None:
        """The peer's leaf certificate (DER), once the handshake is complete."""
        return self._engine.tls.getpeercert(True)

    def getVerifiedChain(self) -> list[bytes]:
        """
        The certificates (DER) by which the peer's was verified, from its own to the root; see
        L{verifiedChain}.
        """
        return verifiedChain(self._engine.tls)


@implementer(IPullProducer)
class _Drained:
    """Tells when a transport has sent everything: that is when it asks a pull producer for more."""

    __slots__ = ("_above",)

    def __init__(self, above: MemoryTLSTransport) -> None:
        self._above = above

    def resumeProducing(self) -> None:
        self._above.drained()

    def stopProducing(self) -> None:
        """The transport is gone, which its connectionLost tells too."""
