"""What operations need of an implementation that runs on Twisted's reactor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue

from .load import Load
from .window import Tally
from .words import Words, decode


class Channel(ABC):
    """
    One end of the links between sender and receiver.

    The sender has one node with a link to each of the receiver's peers.  Words and whatever goes to
    one peer alone use the first link, and keep their order.  An implementation has what the
    operations need that it can do.

    @ivar ask: sends a payload, and returns a Deferred of its answer, with a deadline.
    @ivar call: the same with two callbacks, for the answer and for why there is none.
    """

    ask: Callable[[bytes], Deferred[bytes]]
    call: Callable[[bytes, Callable[[bytes], object], Callable[[Any], object]], object]

    def __init__(self) -> None:
        self._heard: DeferredQueue[Words] = DeferredQueue()

    # Words.

    @abstractmethod
    def tell(self, words: Words) -> None:
        """Tell the other end something."""

    def hear(self) -> Deferred[Words]:
        """Wait for the next words from the other end."""
        return self._heard.get()

    def wordsArrived(self, line: bytes) -> None:
        """The other end has told something."""
        self._heard.put(decode(line))

    # What the sender does.

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        """Send each payload to one peer, one by one, as an application would."""
        raise NotImplementedError

    def broadcastAll(self, payloads: Iterable[bytes]) -> None:
        """Send each payload to every peer."""
        raise NotImplementedError

    def multicastAll(self, payloads: Iterable[bytes]) -> None:
        """Send each payload to those peers that L{expectTopic}."""
        raise NotImplementedError

    async def followersKnown(self) -> None:
        """Wait until L{multicastAll} reaches all that it has to."""
        return

    async def makeSpareLinks(self) -> None:
        """Make the links that are not there from the beginning, if they are not there yet."""
        raise NotImplementedError

    # What the receiver does.

    def expect(self, tally: Tally) -> None:
        """Give the payloads that come now, to whichever peer, to a tally until it is full."""
        raise NotImplementedError

    def expectTopic(self, tally: Tally) -> None:
        """The same with those that come because a peer follows the topic of L{multicastAll}."""
        self.expect(tally)

    def answer(self, count: int) -> None:
        """Answer the next requests, each with its own payload."""
        raise NotImplementedError

    # What both do.

    def follow(self, topics: Sequence[str]) -> None:
        """All nodes of this end follow these topics, and no others."""
        raise NotImplementedError

    def topicsKnown(self, topics: Iterable[str]) -> Deferred[Any]:
        """Wait until all nodes of this end know that all their peers follow these topics."""
        raise NotImplementedError


class TwistedEnds(ABC):
    """
    How an implementation that runs on Twisted's reactor makes channels.

    @ivar summary: what it is and how it is secured, for the report.
    """

    summary: str

    @abstractmethod
    def listen(self, load: Load, opened: Callable[[Channel], object]) -> Words:
        """
        Accept links, also the spare ones.

        @param opened: told once all but the spare ones are there.
        @return: where, for L{connect} at the other side.
        """

    @abstractmethod
    def connect(self, load: Load, where: Words) -> Deferred[Any]:
        """
        Connect, but for the spare links.

        @return: fires with a L{Channel}.
        """
