"""Who in this process follows which topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import shuffle
from typing import Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..answers import callHandler, whenAnswered
from ..errors import EncodingError
from ..interfaces import Handler, ISession, Message
from ..links.noise import Noise
from ..wire.syncing import topicBytes

MAX_TOPICS: Final = 16_384
"""Topics that one node may follow."""


class Subscribers:
    """
    Handlers by topic.

    @ivar topicOf: gives the topic of a name as the wire has it, or L{None} if nobody follows it.
    """

    _log = Logger()

    def __init__(self, noise: Noise) -> None:
        """
        @param noise: what bounds complaints about handlers that fail.
        """
        self._noise = noise
        self._handlers: dict[str, tuple[Handler, ...]] = {}
        self._topics: dict[bytes, str] = {}
        self.topicOf = self._topics.get

    def __contains__(self, topic: str) -> bool:
        return topic in self._handlers

    def __iter__(self) -> Iterator[str]:
        """The topics that are followed."""
        return iter(self._handlers)

    def add(self, topic: str, handler: Handler) -> None:
        """
        Have a handler follow a topic.

        @raise EncodingError: it is empty, longer than 254 bytes, or holds a TAB.
        """
        name = topicBytes(topic)
        if not name:
            raise EncodingError("a topic must not be empty")
        if topic not in self._handlers and len(self._handlers) == MAX_TOPICS:
            raise EncodingError(f"{MAX_TOPICS} topics are the most that a node may follow")
        self._handlers[topic] = (*self._handlers.get(topic, ()), handler)
        self._topics[name] = topic

    def remove(self, topic: str, handler: Handler) -> None:
        """
        Undo L{add}.

        @raise ValueError: the handler does not follow the topic.
        """
        handlers = list(self._handlers.get(topic, ()))
        if handler not in handlers:
            raise ValueError(f"{handler!r} does not follow topic {topic!r}")
        handlers.remove(handler)
        if handlers:
            self._handlers[topic] = tuple(handlers)
        else:
            del self._handlers[topic], self._topics[topicBytes(topic)]

    def deliver(self, message: Message, sender: ISession | None = None) -> None:
        """
        Give a message to all that follow its topic.

        @param sender: the link that it came by, if it did.
        """
        for handler in self._handlers.get(message.topic, ()):
            try:
                answer = handler(message)
            except Exception:
                self._failed(Failure())
            else:
                if answer is not None:
                    whenAnswered(answer, _unasked, self._failed, sender)

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
        handlers = list(self._handlers.get(message.topic, ()))
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

    def _failed(self, failure: Failure) -> None:
        self._noise.failed(self._log, "subscriber", "a subscriber failed", failure)


def _unasked(answer: bytes) -> None:
    """Nobody waits for the answer to a multicast."""
