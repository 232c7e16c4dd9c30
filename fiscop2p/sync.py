"""
Status sync: tell everybody a seq, and learn what stands behind theirs.

FISCO BCOS 2.x: every node regularly broadcasts its seq; whoever sees a seq that differs from the
one it knows asks for what it stands for, gets it, and takes it over.  Topics are its first use,
node status its second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel

from .errors import MalformedMessage, PeerBusy, PeerLeft, RequestTimeout
from .events import Event
from .identity import abridged
from .interfaces import ILinks, ISession, Outcome
from .links.delivery import eachFrame
from .pace import Pace
from .wire.frames import EncodedFrame
from .wire.syncing import (
    REQUEST_STATE,
    SEND_SEQ,
    SEND_STATE,
    decodeSeq,
    decodeState,
    encodeSeq,
    encodeState,
)

ANSWER_TIMEOUT: Final = 5.0
"""Seconds that a peer has to tell what its seq stands for."""

SETTLE_TIME: Final = 0.1
"""Seconds that a change waits for others, so that they are announced together."""

ASKS_LENT: Final = 1.0
ANSWERS_LENT: Final = 8.0
"""
Seconds by which a peer may be asked, or be answered, before its turn; see L{Pace}.

A second is what a state of 64 KiB costs, five what the longest cost, a hundredth what the shortest.
"""

_SIZE_OF_A_SECOND: Final = 64 * 1024
_LEAST_SECONDS: Final = 0.01
_MOST_SECONDS: Final = 5.0

_NOT_UNDERSTOOD: Final = "Error on{title}Message: {error},nodeID={abridged}"
_NOT_LEARNT: Final = (
    "Error while requesting {name},errorCode={code},message={error},nodeID={abridged}"
)

_CODES: Final[Mapping[type[Exception], int]] = {RequestTimeout: 2, PeerLeft: 3}
"""FISCO BCOS's numbers (P2PExceptionType)."""

_PROTOCOL_ERROR: Final = 1
"""Its number for what is not understood."""

_MOST_SEQ: Final = (1 << 32) - 1


class SeqSync:
    """
    One kind of state, kept in sync with all peers.

    @ivar seq: ours; it changes whenever our state does.
    @ivar confirmed: L{Event} of a session: its seq is still the one we know.
    @ivar name: what the state is called in the log.
    @ivar asked: how often a peer was asked what its seq stands for.
    @ivar learnt: how often it told.
    @ivar failed: how often it did not, or what is none.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        protocolID: int,
        links: ILinks,
        learnt: Callable[[ISession, bytes | None], None],
        announceUnset: bool,
    ) -> None:
        """
        @param name: what the state is called in the log.
        @param learnt: told what a peer's state is, whenever it has changed; raises
            L{MalformedMessage} if it cannot be that.
        @param announceUnset: whether seq 0 is announced, which stands for nothing.
        """
        self.seq = 0
        self._state: bytes | None = None
        self._makeState: Callable[[], bytes | None] | None = None
        self.confirmed: Event[ISession] = Event(links.noise)
        self.name = name
        self.asked = self.learnt = self.failed = 0
        self._protocolID = protocolID
        self._links = links
        self._takeOver = learnt
        self._announceUnset = announceUnset
        self._known: dict[ISession, int] = {}
        self._asking: set[ISession] = set()
        self._askAgain: set[ISession] = set()
        self._asks = Pace(links.clock, ASKS_LENT)
        self._answers = Pace(links.clock, ANSWERS_LENT)
        self._soon: IDelayedCall | None = None
        self._loop = LoopingCall(self.announce)
        self._loop.clock = links.clock
        links.receivers[protocolID] = eachFrame(self._received)
        links.sessionOpened.subscribe(self._greet)
        links.sessionClosed.subscribe(self._forget)

    def start(self) -> None:
        """Announce our seq regularly from now on."""
        self._loop.start(self._links.settings.heartbeat)

    def stop(self) -> None:
        """Announce nothing any more."""
        if self._loop.running:
            self._loop.stop()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    @property
    def state(self) -> bytes | None:
        """What our seq stands for, or L{None} for nothing."""
        if self._makeState is not None:
            self._state, self._makeState = self._makeState(), None
        return self._state

    def change(self, makeState: Callable[[], bytes | None]) -> None:
        """
        Our state is another now; peers learn it at once, not with the next heartbeat.

        @param makeState: makes it, when a peer asks: there may be many changes before that.
        """
        self._makeState = makeState
        # 0 is the seq of who follows nothing yet, which nobody asks about.
        self.seq = self.seq % _MOST_SEQ + 1
        if self._soon is None and self._loop.running:
            self._soon = self._links.clock.callLater(SETTLE_TIME, self._announceSoon)

    def announce(self) -> None:
        """Tell our seq on every link."""
        if self.seq or self._announceUnset:
            self._links.writeToAll(self._protocolID, self._announcement())

    def _announceSoon(self) -> None:
        self._soon = None
        self.announce()

    def _announcement(self) -> EncodedFrame:
        text = encodeSeq(self.seq)
        frame: EncodedFrame = self._links.encode(self._protocolID, SEND_SEQ, 0, text)
        return frame

    def _greet(self, session: ISession) -> None:
        if self.seq or self._announceUnset:
            session.offer(self._protocolID, self._announcement())

    def _forget(self, session: ISession) -> None:
        self._known.pop(session, None)
        self._asking.discard(session)
        self._askAgain.discard(session)
        self._asks.forget(session)
        self._answers.forget(session)

    # What peers say.

    def _received(self, session: ISession, packetType: int, seq: int, payload: bytes) -> None:
        if packetType == SEND_SEQ:
            self._seqReceived(session, payload)
        elif packetType == REQUEST_STATE:
            self._answer(session, seq)
        else:
            error = MalformedMessage(f"unknown packet type {packetType}")
            self._ignored(session, _NOT_UNDERSTOOD, error)

    def _answer(self, session: ISession, seq: int) -> None:
        """Tell our state; who asks all the time is not answered each time."""
        if self._answers.wait(session):
            return
        answer = encodeState(self.seq, self.state)
        self._answers.charge(session, _cost(answer))
        session.respond(self._protocolID, SEND_STATE, seq, answer)

    def _seqReceived(self, session: ISession, payload: bytes) -> None:
        try:
            theirs = decodeSeq(payload)
        except MalformedMessage as error:
            self._ignored(session, _NOT_UNDERSTOOD, error)
            return
        if theirs == self._known.get(session, 0):
            self.confirmed.fire(session)
            return
        if session in self._asking:
            self._askAgain.add(session)
        else:
            self._asks.whenDue(session, self._ask)

    def _ask(self, session: ISession) -> None:
        def answered(outcome: Outcome) -> None:
            self._asking.discard(session)
            if isinstance(outcome, Exception):
                self.failed += 1
                self._ignored(session, _NOT_LEARNT, outcome)
                return
            self._asks.charge(session, _cost(outcome))
            try:
                seq, state = decodeState(outcome)
                self._takeOver(session, state)
            except MalformedMessage as error:
                self.failed += 1
                self._ignored(session, _NOT_LEARNT, error)
                return
            self.learnt += 1
            self._known[session] = seq
            if session in self._askAgain:
                # Its seq may have changed again while we asked.
                self._askAgain.discard(session)
                self._asks.whenDue(session, self._ask)

        try:
            session.request(self._protocolID, REQUEST_STATE, b"", answered, ANSWER_TIMEOUT)
        except PeerBusy as error:
            self._ignored(session, _NOT_LEARNT, error)
        else:
            self.asked += 1
            self._asking.add(session)

    def _ignored(self, session: ISession, text: str, error: Exception) -> None:
        """Nothing is taken over; the next heartbeat brings it up again."""
        if session.closeReason is None:
            self._links.noise.complain(
                self._log,
                LogLevel.error,
                (session.nodeID, self.name),
                text,
                name=self.name,
                title=self.name.title(),
                nodeID=session.nodeID,
                abridged=abridged(session.nodeID),
                code=_CODES.get(type(error), _PROTOCOL_ERROR),
                error=str(error),
            )


def _cost(state: bytes) -> float:
    """The seconds that a state costs."""
    return min(_LEAST_SECONDS + len(state) / _SIZE_OF_A_SECOND, _MOST_SECONDS)
