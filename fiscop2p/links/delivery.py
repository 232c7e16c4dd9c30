"""From the frames of a link to the handlers of applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import length_hint
from sys import getrefcount
from typing import Any, Final

from twisted.python.failure import Failure

from ..answers import whenAnswered
from ..interfaces import Answer, Handler, ISession, ManyHandler, Receiver, emptyMessage
from ..wire.runs import LooseRun, Run


def eachFrame(receive: Callable[[ISession, int, int, bytes], object]) -> Receiver:
    """
    Make a L{Receiver} of what takes one frame at a time.

    @param receive: takes session, packetType, seq and payload; must not raise.
    """

    def receiveRun(session: ISession, run: Run) -> None:
        for seq, payload in zip(run.seqs, run.payloads, strict=True):
            if session.closeReason is not None:
                return
            receive(session, run.packetType, seq, payload)

    return receiveRun


def _countAlone() -> int:
    """What L{getrefcount} says of a message that only one local variable holds."""
    message = emptyMessage()
    return getrefcount(message)


_ALONE: Final = _countAlone()


class EachMessage:
    """
    A L{Receiver} that gives messages to a handler one by one, and sends its answers back.

    @ivar handler: it; L{None} takes no more.
    """

    __slots__ = ("_failed", "_topic", "handler")

    def __init__(
        self, handler: Handler, failed: Callable[[Failure], object], topic: str = ""
    ) -> None:
        """
        @param failed: told how the handler has failed.
        @param topic: what the messages were published on, if they were.
        """
        self.handler: Handler | None = handler
        self._failed = failed
        self._topic = topic

    def __call__(self, session: ISession, run: Run) -> Run | None:
        # Nothing else that is done for a message takes as long as this loop.
        nodeID, topic = session.nodeID, self._topic
        protocolID, packetType = run.protocolID, run.packetType
        payloads = iter(run.payloads)
        message: Any = None
        for payload in payloads:
            handler = self.handler
            if session.closeReason is not None:
                return None
            if handler is None:
                return _rest(run, payloads)
            # Making one takes as long as all the rest: a message that nobody has kept serves again.
            if getrefcount(message) != _ALONE:
                message = emptyMessage()
            message.sender = nodeID
            message.payload = payload
            message.protocolID = protocolID
            message.packetType = packetType
            message.topic = topic
            try:
                answer = handler(message)
            except Exception:
                self._failed(Failure())
            else:
                if answer is not None:
                    self._answer(session, run, _index(run, payloads), answer)
        return None

    def _answer(self, session: ISession, run: Run, index: int, answer: Answer) -> None:
        """Send back what the handler has returned, once it is there."""
        protocolID, packetType, seq = run.protocolID, run.packetType, run.seqs[index]
        if isinstance(answer, bytes):
            try:
                session.respond(protocolID, packetType, seq, answer)
            except Exception:
                self._failed(Failure())
        else:
            respond = partial(session.respond, protocolID, packetType, seq)
            whenAnswered(answer, respond, self._failed, asker=session)


class ManyMessages:
    """
    A L{Receiver} that gives the messages of a run to a handler together.

    @ivar handler: it; L{None} takes no more.
    """

    __slots__ = ("_failed", "handler")

    def __init__(self, handler: ManyHandler, failed: Callable[[Failure], object]) -> None:
        """
        @param failed: told how the handler has failed.
        """
        self.handler: ManyHandler | None = handler
        self._failed = failed

    def __call__(self, session: ISession, run: Run) -> None:
        if self.handler is None or session.closeReason is not None:
            return
        try:
            done: Any = self.handler(session.nodeID, list(run.payloads))
        except Exception:
            self._failed(Failure())
        else:
            if done is not None:
                whenAnswered(done, unasked, self._failed, asker=session)


def unasked(answer: bytes) -> None:
    """Nobody waits for an answer to messages that went one way."""


def _index(run: Run, rest: Iterator[bytes]) -> int:
    """Which payload of a run an iterator has given last; counting them takes longer."""
    return run.count - length_hint(rest) - 1


def _rest(run: Run, rest: Iterator[bytes]) -> Run:
    """The frames from there on."""
    start = _index(run, rest)
    return LooseRun(run.protocolID, run.packetType, 0, run.seqs[start:], run.payloads[start:])
