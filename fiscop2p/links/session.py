"""One link to a peer: frames in and out, pending requests, idleness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import (
    MalformedMessage,
    PeerBusy,
    PeerLeft,
    PeerRefused,
    RequestTimeout,
    Revoked,
    WireError,
)
from ..identity import Identity, abridged
from ..interfaces import (
    Answered,
    Failed,
    ILinkProtocol,
    ILinks,
    ISession,
    Outcome,
)
from ..reasons import CloseReason
from ..sending.dropping import DroppingOutbox
from ..sending.outgoing import OutgoingFrames
from ..settings import Address, Overflow
from ..wire.dialect import AMOP, TOPIC
from ..wire.frames import FrameParser, Header
from ..wire.runs import Run
from ..wire.syncing import REQUEST_STATE
from .pending import PendingRequests

CLOSE_GRACE: Final = 5.0
"""Seconds that the peer has to take what is queued when we close a link."""

RETIRE_DELAY: Final = 1.0
"""Seconds that a link is kept after another has taken its place."""

PROBE_TIMEOUT: Final = 5.0
"""Seconds in which a link that lives answers L{PeerProtocol.ping}."""

MISSED: Final = 1.5
"""After so many heartbeats without a sign of the peer, it has missed one."""

_STREAM: Final = 16 * 1024
"""Who has sent more than so many bytes at a time probably goes on."""

_PIECES_OF_ANSWERS: Final = 2 * 32

_NOTHING_SENT: Final = (
    "it has sent nothing yet; does it hold another link to this node, or refuse it by one of its "
    "lists?"
)

_NO_REQUESTS: Final[dict[int, Any]] = {}

T = TypeVar("T")


@implementer(ILinkProtocol, ISession)
class PeerProtocol(OutgoingFrames):
    """
    One authenticated link.

    It goes through three stages: connected (TCP alone), opened (the peer is verified and let in; we
    send), proven (the peer's first valid frame has come; it is one of the registry's).

    @ivar identity: the peer's, from its certificate; L{None} before the handshake.
    @ivar proven: whether the peer has sent a valid frame.
    @ivar closeReason: why the link ends or has ended.
    @ivar closeDetail: the same in a sentence.
    @ivar lastReceived: the clock's time when bytes last came.
    @ivar blockedSince: the clock's time since when the transport takes nothing, or L{None}.
    @ivar isPaused: whether we read nothing, because applications cannot keep up: silence tells
        nothing then.
    @ivar began: the clock's time when TCP came to stand.
    @ivar counts: what has gone over the link.
    @ivar latency: how long the answer took to the last request that was watched, or L{None}.
    """

    _log = Logger()

    # Python takes longer for each call of a method of an instance whose dict ever has thirty keys.
    __slots__ = ("_handlers", "_parser", "_receivers", "outbound")

    identity: Identity | None = None
    address = Address("", 0)
    proven = False
    closeDetail = ""
    lastReceived = 0.0
    isPaused = False
    began = 0.0
    latency: float | None = None

    # Made for the first request: over many a link there is none.
    _pending: PendingRequests | None = None
    _waiting = _NO_REQUESTS

    _timer: IDelayedCall | None = None
    _isExpecting = False
    _isOverflowing = False
    _unanswered = 0
    _watched = 0
    _watchedSince = 0.0

    def __init__(self, links: ILinks, outbound: bool) -> None:
        """
        @param links: who judges peers, and is told what becomes of this link.
        @param outbound: whether we dialled.
        """
        super().__init__(links)
        self.outbound = outbound
        self._parser = FrameParser(links.settings.dialect, links.settings.maxFrameLength)
        self._handlers = links.handlers
        self._receivers = links.receivers
        if links.settings.overflow is Overflow.DROP_OLDEST:
            self._outbox = DroppingOutbox(links.settings.dialect, self._mayDrop)

    # The way in.

    def connectionMade(self) -> None:
        """TCP stands; the handshake has a time to come to an end."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)
        peer = transport.getPeer()
        self.address = Address(peer.host, peer.port)
        self.began = self._clock.seconds()
        self._links.connected(self)
        timeout = self._settings.handshakeTimeout
        self._timer = self._clock.callLater(timeout, self._tooSlow, timeout)

    def peerVerified(self) -> None:
        """The CA vouches for the peer; see who it is, and whether it is let in."""
        transport: Any = self.transport
        try:
            self.identity = self._links.tls.peerIdentity(transport)
            self.nodeID = self.identity.nodeID
            self._links.tls.judge(transport)
            self._links.judge(self.identity)
        except Revoked as error:
            self.abort(CloseReason.REVOKED, str(error))
        except PeerRefused as error:
            self.abort(CloseReason.REFUSED, str(error))

    def handshakeCompleted(self) -> None:
        """TLS stands, and the peer knows as much of us as we of it."""
        if self.closeReason is None and self.identity is None:
            # Twisted's own TLS tells this alone.
            self.peerVerified()
        if self.closeReason is not None:
            return
        if self._links.isOwn(self.nodeID):
            # Only now: whoever dialled is this node, too, and has to see it.
            self.abort(CloseReason.OURSELVES, "the peer is this node itself")
            return
        transport: Any = self.transport
        self.lastReceived = self._clock.seconds()
        transport.registerProducer(self, True)
        self._links.opened(self)

    def dataReceived(self, data: bytes | memoryview) -> None:
        """Take frames out of the stream, and each to the one it is for."""
        if self.closeReason is not None:
            return
        self.lastReceived = self._clock.seconds()
        self._links.attention.came()
        self._turn.hold()
        isWatching = self._watched in self._waiting
        try:
            for run in self._parser.feed(data):
                if not self.proven:
                    self._prove(run)
                self._links.traffic.came(run.protocolID, run.count, run.size)
                self.receive(run)
                if self.closeReason is not None:
                    return
        except WireError as error:
            self.abort(CloseReason.BAD_FRAME, str(error))
        finally:
            # Answers leave now, not a turn later.
            self._turn.flush()
            if len(data) > _STREAM:
                self._links.attention.expect()
            self.counts.bytesReceived += len(data)
            self.counts.framesReceived = self._parser.frames
            if isWatching and self._watched not in self._waiting:
                self._watchedAnswered()

    def _watchedAnswered(self) -> None:
        """The request whose time is taken has its answer."""
        self.latency = max(0.0, self.lastReceived - self._watchedSince)
        self._links.tally.latencies.observe(self.latency)

    def _prove(self, first: Run) -> None:
        """
        The peer's first frame has come.

        @raise MalformedMessage: it is not one that a node begins with.
        """
        if not first.protocolID:
            # What RC2 has for its version is the protocolID to RC1.
            raise MalformedMessage(
                "its first frame has protocolID 0, which stands for nothing; does the peer speak "
                "the other dialect ([compatibility] supported_version)?"
            )
        self.proven = True
        self._stopTimer()
        self._links.proven(self)

    def receive(self, run: Run) -> None:
        """Give frames that have come to who takes them."""
        protocolID = run.protocolID
        rest: Run | None = run
        while rest is not None:
            receiver = self._handlers.get(protocolID) or self._receivers.get(protocolID)
            if receiver is None:
                self._receiveUntaken(rest)
                return
            rest = receiver(self, rest)

    def _receiveUntaken(self, run: Run) -> None:
        """Take answers, and what no application and no module of the network's takes."""
        protocolID = run.protocolID
        if protocolID <= 0:
            pending = self._pending
            for seq in run.seqs if pending is None else pending.answers(self, run):
                self._links.unmatched(self, seq)
            return
        for payload in run.payloads:
            if self.closeReason is not None:
                return
            self._links.unclaimed(self, protocolID, run.packetType, payload)

    def answerBegun(self) -> None:
        """An application works for the peer: when it has too much to do, nothing more is read."""
        self._unanswered += 1
        if self._unanswered <= self._settings.maxUnanswered or self.isPaused:
            return
        if self.closeReason is None:
            self.isPaused = True
            transport: Any = self.transport
            transport.pauseProducing()
            self._links.linkLog.paused(self, self._unanswered)

    def answerEnded(self, result: T) -> T:
        """It is done with one thing, with whatever result."""
        self._unanswered -= 1
        if self._unanswered <= self._settings.maxUnanswered // 2:
            self._readAgain()
        return result

    def _readAgain(self) -> None:
        if self.isPaused:
            self.isPaused = False
            self.lastReceived = self._clock.seconds()
            transport: Any = self.transport
            transport.resumeProducing()

    @property
    def isHeard(self) -> bool:
        """Whether the peer has not missed a heartbeat, as far as we can tell."""
        silence: float = self._clock.seconds() - self.lastReceived
        most: float = MISSED * self._settings.heartbeat
        if self.isPaused:
            # Its silence says nothing; but another link of the peer's is worth more after a while.
            most = self._settings.idleTimeout
        return silence < most

    @property
    def arriving(self) -> tuple[int, int]:
        """A number that another frame does not have, and how many bytes of the frame are here."""
        return self._parser.frames, self._parser.arrived

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The link has ended, whoever ended it."""
        self._stopTimer()
        if self.closeReason is None:
            self.closeReason, self.closeDetail = self._whyLost(reason)
        self.isPaused = False
        self.drop()
        self._links.closed(self)
        if self._pending is not None:
            ended = f"the link to node {abridged(self.nodeID)} ended: {self.closeReason.value}"
            self._pending.failAll(PeerLeft(ended))

    def _whyLost(self, reason: Failure) -> tuple[CloseReason, str]:
        error = reason.value
        words = self._links.tls.explain(self.transport, error)
        if words is not None and not self.proven:
            return CloseReason.HANDSHAKE_FAILED, words
        if self.identity is None:
            return CloseReason.HANDSHAKE_FAILED, str(error)
        if not self.proven and self.nodeID in self._links.registry:
            return CloseReason.DUPLICATE, "the peer has closed it"
        # The end of a link that a list forbids, or that has a double, looks the same to us.
        hint = () if self.proven else (_NOTHING_SENT,)
        if isinstance(error, ConnectionDone):
            return CloseReason.PEER_CLOSED, "".join(hint)
        return CloseReason.LOST, " ".join((words or reason.getErrorMessage(), *hint))

    def _makeRoom(self) -> None:
        """
        Do what L{Settings.overflow} says.

        @raise PeerBusy: that makes no room.
        """
        outbox, most = self._outbox, self._settings.maxQueue
        dropped = outbox.drop(outbox.size - most)
        if dropped:
            self._links.dropped(self, dropped)
        if outbox.size <= most:
            return
        detail = f"{outbox.size} bytes wait"
        if self._settings.overflow is Overflow.CLOSE and not self._isOverflowing:
            # In a turn of its own: whoever sends to many has the list of them in hand.
            self._isOverflowing = True
            self._clock.callLater(0, self.abort, CloseReason.OVERFLOW, detail)
        raise PeerBusy(f"node {abridged(self.nodeID)} reads too slowly: {detail}")

    def _mayDrop(self, header: Header) -> bool:
        """Whether a frame is a message of an application that nobody waits for an answer to."""
        _, _, protocolID, _, seq = header
        return (
            protocolID > 0
            and (protocolID == AMOP or protocolID not in self._receivers)
            and seq not in self._waiting
        )

    def flush(self) -> None:
        """Send what is queued; see L{OutgoingFrames.flush}."""
        super().flush()
        if self._isExpecting:
            self._isExpecting = False
            self._links.attention.expect()
        if self._waiting and self._watched not in self._waiting and self._pending is not None:
            # Taking the time of every request would cost as much as much else that is done for it.
            self._watched = next(reversed(self._waiting))
            self._watchedSince = self._pending.askedAt(self._watched)

    @property
    def pending(self) -> int:
        """How many requests wait for their answers."""
        return len(self._waiting)

    @property
    def timeouts(self) -> int:
        """How many were not answered in time."""
        return 0 if self._pending is None else self._pending.timeouts

    def request(
        self,
        protocolID: int,
        packetType: int,
        payload: bytes,
        callback: Callable[[Outcome], None],
        timeout: float,
    ) -> int:
        """Send a request; see L{ISession.request}."""
        return self.ask(protocolID, packetType, payload, callback, callback, timeout)

    def ask(
        self,
        protocolID: int,
        packetType: int,
        payload: bytes,
        answered: Answered | Deferred[bytes],
        failed: Failed | None,
        timeout: float,
    ) -> int:
        """Send a request; see L{ISession.ask}."""
        if len(self._waiting) >= self._settings.maxPending:
            raise PeerBusy(
                f"node {abridged(self.nodeID)} has {len(self._waiting)} requests to answer already"
            )
        seq: int = self._links.nextSeq()
        self.send(protocolID, packetType, seq, payload)
        pending = self._pending
        if pending is None:
            pending = self._beginPending()
        pending.add(seq, answered, failed, timeout, protocolID)
        self._isExpecting = True
        return seq

    def _beginPending(self) -> PendingRequests:
        self._pending = pending = PendingRequests(self._clock, self._links.noise, self.nodeID)
        self._waiting = pending.requests
        return pending

    def respond(self, protocolID: int, packetType: int, seq: int, payload: bytes) -> None:
        """
        Answer a request of this protocolID and seq.

        A peer that asks and does not read what it asked for loses its link.
        """
        if len(self._outgoing) >= _PIECES_OF_ANSWERS:
            # The peer can work on these while we work on others.
            self.flush()
        try:
            self.send(-protocolID, packetType, seq, payload)
            # Who has waited for an answer often asks again at once.
            self._isExpecting = True
        except PeerBusy as error:
            self.abort(CloseReason.OVERFLOW, str(error))

    def forget(self, seq: int) -> None:
        """Drop a request; see L{ISession.forget}."""
        if self._pending is not None:
            self._pending.forget(seq)

    def ping(self, callback: Callable[[Outcome], None]) -> None:
        """
        Ask for the peer's topics: the one request that every FISCO BCOS node answers.

        If it does not, whatever else has come in the meantime is a sign of life, too.
        """
        asked = self._clock.seconds()

        def answered(outcome: Outcome) -> None:
            isAlive = self.lastReceived > asked or self.isPaused
            callback(b"" if isinstance(outcome, RequestTimeout) and isAlive else outcome)

        try:
            self.request(TOPIC, REQUEST_STATE, b"", answered, PROBE_TIMEOUT)
        except PeerBusy:
            # It cannot be asked, but whatever else comes in time will do.
            pending = self._beginPending() if self._pending is None else self._pending
            pending.add(self._links.nextSeq(), answered, answered, PROBE_TIMEOUT, TOPIC)

    # The end.

    def close(self, reason: CloseReason, detail: str = "") -> None:
        """End the link once what is queued has left, within L{CLOSE_GRACE} seconds."""
        if self.identity is None:
            self.abort(reason, detail)
        if self.closeReason is not None:
            return
        transport: Any = self.transport
        self._readAgain()
        self.flushAll()
        self._end(reason, detail)
        transport.unregisterProducer()
        self._timer = self._clock.callLater(CLOSE_GRACE, transport.abortConnection)
        transport.loseConnection()

    def abort(self, reason: CloseReason, detail: str = "") -> None:
        """End the link now."""
        if self.closeReason is not None:
            return
        self._end(reason, detail)
        transport: Any = self.transport
        transport.abortConnection()

    def _end(self, reason: CloseReason, detail: str) -> None:
        """From now on nothing is taken from the peer, or for it."""
        self.closeReason, self.closeDetail = reason, detail
        self.isPaused = False
        self.drop()
        self._stopTimer()
        self._links.closing(self)

    def _tooSlow(self, timeout: float) -> None:
        failure = self._links.tls.failureOf(self.transport)
        if failure is not None:
            self.abort(*self._whyLost(failure))
            return
        stage = "the handshake" if self.identity is None else "the first frame"
        self.abort(CloseReason.HANDSHAKE_TIMEOUT, f"{stage} did not come within {timeout:g} s")

    def retire(self, reason: CloseReason, delay: float = RETIRE_DELAY) -> None:
        """End the link after a delay, so that what is under way still arrives."""
        if self.closeReason is None:
            self._stopTimer()
            self._timer = self._clock.callLater(delay, self.close, reason)

    def keep(self) -> None:
        """Undo L{retire}."""
        if self.closeReason is None:
            self._stopTimer()

    def _stopTimer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
