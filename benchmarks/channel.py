"""What an operation needs of an implementation that runs on Twisted's reactor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue

from .window import Tally
from .words import Words, decode


class Channel(ABC):
    """
    One end of a link.

    Messages, requests and words keep their order.

    @ivar ask: sends a payload and returns a Deferred of its answer, with a deadline.
    """

    ask: Callable[[bytes], Deferred[bytes]]

    def __init__(self) -> None:
        self._heard: DeferredQueue[Words] = DeferredQueue()

    def hear(self) -> Deferred[Words]:
        """Wait for the next words from the other end."""
        return self._heard.get()

    def wordsArrived(self, line: bytes) -> None:
        """The other end has told something."""
        self._heard.put(decode(line))

    @abstractmethod
    def sendAll(self, payloads: Iterable[bytes]) -> None:
        """Send each payload one way, one by one, as an application would."""

    @abstractmethod
    def tell(self, words: Words) -> None:
        """Tell the other end something."""

    @abstractmethod
    def expect(self, tally: Tally) -> None:
        """Give the payloads that come now to a tally, until it is full."""

    @abstractmethod
    def answer(self, count: int) -> None:
        """Answer the next requests, each with its own payload."""


class TwistedEnds(ABC):
    """
    How an implementation that runs on Twisted's reactor makes channels.

    @ivar summary: what it is and how it is secured, for the report.
    """

    summary: str

    @abstractmethod
    def listen(self, opened: Callable[[Channel], object]) -> Words:
        """
        Accept links.

        @param opened: told each.
        @return: where, for L{connect} at the other side.
        """

    @abstractmethod
    def connect(self, where: Words) -> Deferred[Any]:
        """
        Connect.

        @return: fires with a L{Channel}.
        """
