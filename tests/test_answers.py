"""
Tests for L{fiscop2p.answers}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.answers import callHandler, whenAnswered
from fiscop2p.interfaces import Message

MESSAGE = Message("ab" * 64, b"question", 0x10003E8, 0)

NOT_BYTES = ("text", bytearray(b"x"), memoryview(b"x"), 0, False, [b"x"], object())


async def say(answer: Any) -> Any:
    """A coroutine that is done at once."""
    return answer


class AnswersMixin:
    """What was told, in one list each."""

    def setUp(self) -> None:
        self.answers: list[bytes] = []
        self.failures: list[Failure] = []

    def assertTold(self, answers: list[bytes], *errors: type[Exception]) -> None:
        """Check what has been told so far."""
        assert isinstance(self, SynchronousTestCase)
        self.assertEqual(self.answers, answers)
        self.assertEqual([failure.type for failure in self.failures], list(errors))


class CallHandlerTests(AnswersMixin, SynchronousTestCase):
    """A handler's answer, or its error, is told once, whatever way it answers."""

    def call(self, handler: Callable[[Message], Any]) -> None:
        """Have the handler called."""
        callHandler(handler, MESSAGE, self.answers.append, self.failures.append)

    def test_message(self) -> None:
        """The handler gets the message."""
        got: list[Message] = []
        self.call(got.append)
        self.assertEqual(got, [MESSAGE])

    def test_bytes(self) -> None:
        """Bytes are the answer, empty ones too."""
        self.call(lambda message: message.payload + b"!")
        self.call(lambda message: b"")
        self.assertTold([b"question!", b""])

    def test_nothing(self) -> None:
        """No answer is an empty answer, now and later."""
        self.call(lambda message: None)
        self.call(lambda message: succeed(None))
        self.call(lambda message: say(None))
        self.assertTold([b"", b"", b""])

    def test_deferred(self) -> None:
        """A Deferred's result is the answer, when it comes."""
        waiting: Deferred[bytes] = Deferred()
        self.call(lambda message: waiting)
        self.assertTold([])
        waiting.callback(b"later")
        self.assertTold([b"later"])

    def test_coroutine(self) -> None:
        """So is a coroutine's, which may itself wait for Deferreds."""
        waiting: Deferred[bytes] = Deferred()

        async def handler(message: Message) -> bytes:
            return message.payload + await waiting

        self.call(handler)
        self.assertTold([])
        waiting.callback(b" answered")
        self.assertTold([b"question answered"])

    def test_raises(self) -> None:
        """A handler that raises has failed, and no answer is told."""

        def handler(message: Message) -> bytes:
            raise LookupError("who?")

        self.call(handler)
        self.assertTold([], LookupError)
        self.assertEqual(self.failures[0].getErrorMessage(), "who?")

    def test_fails(self) -> None:
        """So has one whose Deferred or coroutine fails."""

        async def handler(message: Message) -> bytes:
            raise LookupError("who?")

        self.call(handler)
        self.call(lambda message: fail(ZeroDivisionError()))
        self.assertTold([], LookupError, ZeroDivisionError)

    def test_notBytes(self) -> None:
        """Anything else is the handler's error, however it comes; the type is named."""
        for answer in NOT_BYTES:
            for handler in (
                lambda message, answer=answer: answer,
                lambda message, answer=answer: succeed(answer),
                lambda message, answer=answer: say(answer),
            ):
                self.failures.clear()
                self.call(handler)
                self.assertTold([], TypeError)
                self.assertIn(type(answer).__name__, self.failures[0].getErrorMessage())


class WhenAnsweredTests(AnswersMixin, SynchronousTestCase):
    """What a handler has returned already."""

    def wait(self, answer: Any, **options: bytes) -> None:
        """Wait for an answer."""
        whenAnswered(answer, self.answers.append, self.failures.append, **options)

    def test_bytes(self) -> None:
        """Bytes are told at once, or when they come."""
        for answer in (b"now", succeed(b"done"), say(b"said")):
            self.wait(answer)
        self.assertTold([b"now", b"done", b"said"])

    def test_nothing(self) -> None:
        """Nothing is told to nobody: the handler does not answer."""
        for answer in (None, succeed(None), say(None)):
            self.wait(answer)
        self.assertTold([])

    def test_nothingStandsForSomething(self) -> None:
        """Unless the caller says what nothing stands for."""
        for answer in (None, succeed(None), say(None)):
            self.wait(answer, empty=b"-")
        self.assertTold([b"-", b"-", b"-"])

    def test_bytesAreNotReplaced(self) -> None:
        """Empty bytes are an answer, not nothing."""
        for answer in (b"", succeed(b""), say(b"")):
            self.wait(answer, empty=b"-")
        self.assertTold([b"", b"", b""])

    def test_notBytes(self) -> None:
        """Anything else is an error; no exception reaches the one who waits."""
        for answer in NOT_BYTES:
            self.failures.clear()
            self.wait(answer)
            self.assertTold([], TypeError)

    def test_failed(self) -> None:
        """An error is told when it comes, and is dealt with by that."""
        waiting: Deferred[bytes] = Deferred()
        self.wait(waiting)
        self.assertTold([])
        waiting.errback(LookupError())
        self.assertTold([], LookupError)

    def test_cancelled(self) -> None:
        """A Deferred that is cancelled has failed."""
        waiting: Deferred[bytes] = Deferred()
        self.wait(waiting)
        waiting.cancel()
        self.assertEqual(self.answers, [])
        self.assertEqual(len(self.failures), 1)
