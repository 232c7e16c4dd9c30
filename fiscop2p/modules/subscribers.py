"""Who in this process follows which topic."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from random import shuffle
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from ..answers import callHandler, whenAnswered
from ..errors import EncodingError
from ..interfaces import Answer, Handler, ILinks, ISession, Message
from ..links.delivery import EachMessage, unasked
from ..wire.runs import Run
from ..wire.syncing import shownTopic, topicBytes, topicText

MAX_TOPICS: Final = 16_384
"""Topics that one node may follow."""


class Subscribers:
    """
    Handlers by topic.

    @ivar isStopped: whether nobody is asked any more.
    """

    _log = Logger()

    def __init__(self, links: ILinks) -> None:
        """
        @param links: knows the time, how long an answer may take, and what bounds complaints.
        """
        self._noise = links.noise
        self._clock = links.clock
        self._timeout = links.settings.subscriberTimeout
        self._byTopic: dict[str, tuple[Handler, ...]] = {}
        self._byName: dict[bytes, tuple[EachPublished, ...]] = {}
        self._awaited: set[Deferred[Any]] = set()
        self.isStopped = False

    def start(self) -> None:
        """Answer requests; before the first L{stop} that is so anyway."""
        self.isStopped = False

    def stop(self) -> None:
        """Cancel the answers that are waited for, and ask nobody any more."""
        self.isStopped = True
        for answer in list(self._awaited):
            answer.cancel()

    def __contains__(self, topic: str) -> bool:
        return topic in self._byTopic

    def __iter__(self) -> Iterator[str]:
        """The topics that are followed."""
        return iter(self._byTopic)

    def add(self, topic: str, handler: Handler) -> None:
        """
        Have a handler follow a topic.

        @raise EncodingError: it is empty, longer than 254 bytes, or holds a TAB.
        """
        name = topicBytes(topic)
        if not name:
            raise EncodingError("a topic must not be empty")
        if topic not in self and len(self._byTopic) == MAX_TOPICS:
            raise EncodingError(f"{MAX_TOPICS} topics are the most that a node may follow")
        self._set(topic, name, [*self.handlersOf(topic), handler])

    def remove(self, topic: str, handler: Handler) -> None:
        """
        Undo L{add}.

        @raise ValueError: the handler does not follow the topic.
        """
        handlers = self.handlersOf(topic)
        if handler not in handlers:
            raise ValueError(f"{handler!r} does not follow topic {topic!r}")
        handlers.remove(handler)
        self._set(topic, topicBytes(topic), handlers)

    def _set(self, topic: str, name: bytes, handlers: list[Handler]) -> None:
        """
        Say who follows a topic from now on.

        Who is in the middle of a run leaves the rest of it, for others may take that, too.
        """
        for each in self._byName.get(name, ()):
            each.handler = None
        if handlers:
            failed = partial(self._failed, topic)
            self._byTopic[topic] = tuple(handlers)
            self._byName[name] = tuple(
                EachPublished(handler, failed, topic) for handler in handlers
            )
        else:
            del self._byTopic[topic], self._byName[name]

    def receive(self, session: ISession, name: bytes, run: Run) -> None:
        """
        Give messages that have come to all that follow their topic.

        @param name: the topic's, as the wire has it.
        @param run: their contents.
        """
        rest: Run | None = run
        while rest is not None:
            subscribers = self._byName.get(name, ())
            if len(subscribers) != 1:
                self._receiveSingly(session, name, rest)
                return
            rest = subscribers[0](session, rest)

    def _receiveSingly(self, session: ISession, name: bytes, run: Run) -> None:
        """Give each message to all that follow the topic, before the next one to any of them."""
        if name not in self._byName:
            return
        topic = topicText(name)
        for payload in run.payloads:
            if session.closeReason is not None:
                return
            message = Message(session.nodeID, payload, run.protocolID, run.packetType, topic)
            self.publish(message, session)

    def publish(self, message: Message, sender: ISession | None = None) -> None:
        """
        Give a message to all that follow its topic.

        @param sender: the link that it came by, if it did.
        """
        failed = partial(self._failed, message.topic)
        for handler in self._byTopic.get(message.topic, ()):
            callHandler(handler, message, unasked, failed, sender)

    def ask(
        self,
        message: Message,
        answered: Callable[[bytes], object],
        unanswered: Callable[[], object],
        asker: ISession | None = None,
    ) -> None:
        """
        Ask one of those that follow the topic at random, the next one when it fails, or takes
        longer than L{Settings.subscriberTimeout<fiscop2p.settings.Settings>}; nobody once we have
        stopped.

        @param asker: the link that the message came by, if it did.
        """
        _Question(self, message, answered, unanswered, asker).askNext()

    def handlersOf(self, topic: str) -> list[Handler]:
        """Those that follow a topic."""
        return list(self._byTopic.get(topic, ()))

    def inTime(self, handler: Handler, message: Message) -> Answer:
        """Give a message to a handler; its answer is cancelled when it takes too long."""
        answer = handler(message)
        if isinstance(answer, Coroutine):
            answer = ensureDeferred(answer)
        if not isinstance(answer, Deferred) or (answer.called and not answer.paused):
            return answer
        pending: Deferred[Any] = answer

        def waitNoMore() -> None:
            self._awaited.discard(done)
            if timer.active():
                timer.cancel()

        def ended(result: Any) -> None:
            waitNoMore()
            if not done.called:
                done.callback(result)

        def timedOut() -> None:
            waitNoMore()
            done.errback(_TooSlow())
            pending.cancel()

        def cancelled(_: Deferred[Any]) -> None:
            waitNoMore()
            pending.cancel()

        # Of our own: who swallows that he is cancelled is not waited for either.
        done: Deferred[Any] = Deferred(cancelled)
        self._awaited.add(done)
        timer = self._clock.callLater(self._timeout, timedOut)
        pending.addBoth(ended)
        return done

    def unanswered(self, topic: str, failure: Failure) -> None:
        """Log why a subscriber that was asked has not answered."""
        if failure.check(_TooSlow):
            self._noise.complain(
                self._log,
                LogLevel.warn,
                ("slow subscriber", topic),
                "a subscriber did not answer within {timeout:g} s, and is not waited for,"
                "topic={topic}",
                timeout=self._timeout,
                topic=shownTopic(topic),
            )
        elif not (self.isStopped and failure.check(CancelledError)):
            self._failed(topic, failure)

    def _failed(self, topic: str, failure: Failure) -> None:
        self._noise.failed(
            self._log,
            ("subscriber", topic),
            "a subscriber failed,topic={topic}",
            failure,
            topic=shownTopic(topic),
        )


class _Question:
    """
    A request to our own subscribers, from one to the next.

    It names nothing that names it: as soon as it is answered, message and answer are free.
    """

    __slots__ = ("_answered", "_asker", "_handlers", "_message", "_subscribers", "_unanswered")

    def __init__(
        self,
        subscribers: Subscribers,
        message: Message,
        answered: Callable[[bytes], object],
        unanswered: Callable[[], object],
        asker: ISession | None,
    ) -> None:
        self._subscribers = subscribers
        self._message = message
        self._answered = answered
        self._unanswered = unanswered
        self._asker = asker
        self._handlers = subscribers.handlersOf(message.topic)
        shuffle(self._handlers)

    def askNext(self) -> None:
        """Ask the next one, or say that there is none."""
        if self._handlers and not self._subscribers.isStopped:
            handler = partial(self._subscribers.inTime, self._handlers.pop())
            callHandler(handler, self._message, self._answered, self._failed, self._asker)
        else:
            self._unanswered()

    def _failed(self, failure: Failure) -> None:
        self._subscribers.unanswered(self._message.topic, failure)
        self.askNext()


class _TooSlow(Exception):
    """A subscriber's answer was cancelled."""


class EachPublished(EachMessage):
    """A L{Receiver} that gives what was published on a topic to a subscriber."""

    __slots__ = ()

    def _answer(self, session: ISession, run: Run, index: int, answer: Answer) -> None:
        """Nobody asked; but the subscriber may be busy."""
        whenAnswered(answer, unasked, self._failed, session)
