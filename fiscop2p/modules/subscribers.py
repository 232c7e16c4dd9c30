"""Who in this process follows which topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import shuffle
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..answers import callHandler, whenAnswered
from ..errors import EncodingError
from ..interfaces import Answer, Handler, ISession, Message
from ..links.delivery import EachMessage, unasked
from ..links.noise import Noise
from ..wire.runs import Run
from ..wire.syncing import topicBytes

MAX_TOPICS: Final = 16_384
"""Topics that one node may follow."""


class Subscribers:
    """Handlers by topic."""

    _log = Logger()

    def __init__(self, noise: Noise) -> None:
        """
        @param noise: what bounds complaints about handlers that fail.
        """
        self._noise = noise
        self._byTopic: dict[str, tuple[EachPublished, ...]] = {}
        self._byName: dict[bytes, tuple[EachPublished, ...]] = {}

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
        subscriber = EachPublished(handler, self._failed, topic)
        self._byTopic[topic] = self._byName[name] = (*self._byTopic.get(topic, ()), subscriber)

    def remove(self, topic: str, handler: Handler) -> None:
        """
        Undo L{add}.

        @raise ValueError: the handler does not follow the topic.
        """
        subscribers = list(self._byTopic.get(topic, ()))
        for each in subscribers:
            if each.handler == handler:
                break
        else:
            raise ValueError(f"{handler!r} does not follow topic {topic!r}")
        each.handler = None
        subscribers.remove(each)
        name = topicBytes(topic)
        if subscribers:
            self._byTopic[topic] = self._byName[name] = tuple(subscribers)
        else:
            del self._byTopic[topic], self._byName[name]

    def receive(self, session: ISession, name: bytes, run: Run) -> None:
        """
        Give messages that have come to all that follow their topic.

        @param name: the topic's, as the wire has it.
        @param run: their contents.
        """
        for subscriber in self._byName.get(name, ()):
            subscriber(session, run)

    def publish(self, message: Message) -> None:
        """Give a message of our own to all that follow its topic."""
        for handler in self.handlersOf(message.topic):
            callHandler(handler, message, unasked, self._failed)

    def ask(
        self,
        message: Message,
        answered: Callable[[bytes], object],
        unanswered: Callable[[], object],
        asker: ISession | None = None,
    ) -> None:
        """
        Ask one of those that follow the topic at random, the next one when it fails.

        @param asker: the link that the message came by, if it did.
        """
        handlers = self.handlersOf(message.topic)
        shuffle(handlers)

        def askNext() -> None:
            if handlers:
                callHandler(handlers.pop(), message, answered, failed, asker)
            else:
                unanswered()

        def failed(failure: Failure) -> None:
            self._failed(failure)
            askNext()

        askNext()

    def handlersOf(self, topic: str) -> list[Handler]:
        """Those that follow a topic."""
        handlers = (each.handler for each in self._byTopic.get(topic, ()))
        return [handler for handler in handlers if handler is not None]

    def _failed(self, failure: Failure) -> None:
        self._noise.failed(self._log, "subscriber", "a subscriber failed", failure)


class EachPublished(EachMessage):
    """A L{Receiver} that gives what was published on a topic to a subscriber."""

    __slots__ = ()

    def _leave(self, session: ISession, rest: Run) -> None:
        """It does not follow the topic any more."""

    def _answer(self, session: ISession, run: Run, index: int, answer: Answer) -> None:
        """Nobody asked; but the subscriber may be busy."""
        whenAnswered(answer, unasked, self._failed, session)
