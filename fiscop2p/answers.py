"""The answer of a handler, whenever it comes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from .interfaces import Answer, Handler, ISession, Message


def callHandler(
    handler: Handler,
    message: Message,
    answered: Callable[[bytes], object],
    failed: Callable[[Failure], object],
    asker: ISession | None = None,
) -> None:
    """
    Give a message to a handler; one of the two is called, now or later.

    @param answered: told the answer; no answer is an empty one.
    @param failed: told the handler's error.
    @param asker: the link that the message came by, if it did; see L{whenAnswered}.
    """
    try:
        answer = handler(message)
    except Exception:
        failed(Failure())
        return
    if answer is None:
        answered(b"")
    else:
        whenAnswered(answer, answered, failed, asker, empty=b"")


def whenAnswered(
    answer: Answer,
    answered: Callable[[bytes], object],
    failed: Callable[[Failure], object],
    asker: ISession | None = None,
    empty: bytes | None = None,
) -> None:
    """
    Wait for what a handler has returned.

    @param answered: told the answer.
    @param failed: told the error of a Deferred or coroutine, that the answer is not bytes, or what
        C{answered} raised: an answer that does not fit a frame is its handler's error.
    @param asker: the link that is told when an answer is not there yet, and when it is.
    @param empty: told instead of L{None}; without it L{None} is told to nobody.
    """

    def check(result: object) -> None:
        if result is None:
            result = empty
        if isinstance(result, bytes):
            answered(result)
        elif result is not None:
            raise TypeError(
                "a handler answers with bytes, None, or a Deferred or coroutine of them, not "
                f"{type(result).__name__}"
            )

    if isinstance(answer, Coroutine):
        answer = ensureDeferred(answer)
    if isinstance(answer, Deferred):
        answer.addCallback(check).addErrback(failed)
        if asker is not None and (answer.paused or not answer.called):
            asker.answerBegun()
            answer.addBoth(asker.answerEnded)
        return
    try:
        check(answer)
    except Exception:
        failed(Failure())
