"""
How far ahead of its receiver a sender may be.

A sender that nothing holds back would measure how fast memory can be filled.  So the receiver
gives a credit for every step of messages, and no more than two steps are ever under way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from twisted.internet.defer import Deferred

from fiscop2p.interfaces import Message

_MOST_MESSAGES: Final = 4096
_MOST_BYTES: Final = 16 << 20
_STEP_BYTES: Final = _MOST_BYTES // 2
_TURN_BYTES: Final = 256 << 10
_STEP_BYTES_EACH: Final = 256 << 10
_TURN_BYTES_EACH: Final = 8 << 10


class Window(NamedTuple):
    """
    How many messages of a size may be under way.

    @ivar step: how many get one credit.
    @ivar steps: how many steps may be under way.
    @ivar turn: how many are sent in one turn of the reactor.
    """

    step: int
    steps: int
    turn: int

    @classmethod
    def toOne(cls, size: int) -> Window:
        """
        For messages to one peer: steps of 8 MiB, 4096 messages at the most, and turns of 256 KiB.

        @param size: of a message, in bytes.
        """
        return cls._within(_STEP_BYTES, _TURN_BYTES, size)

    @classmethod
    def toMany(cls, size: int) -> Window:
        """
        For messages to many peers: steps of 256 KiB for each of them, and turns of 8 KiB.

        However many there are, the work of a link is the same: all that grows is their number.
        """
        return cls._within(_STEP_BYTES_EACH, _TURN_BYTES_EACH, size)

    @classmethod
    def _within(cls, stepBytes: int, turnBytes: int, size: int) -> Window:
        """As many messages as these bytes hold, in two steps, or one where two are too much."""
        step = _most(stepBytes, size)
        steps = 2 if 2 * step * size <= _MOST_BYTES else 1
        return cls(step, steps, _most(turnBytes, size))


def _most(total: int, size: int) -> int:
    return max(1, min(_MOST_MESSAGES, total // size))


class Tally:
    """
    Counts what arrives, as an application's handler.

    @ivar messages: how many have arrived.
    @ivar bytes: how many bytes their payloads had.
    @ivar full: fires with L{None} once all have arrived.
    """

    def __init__(self, count: int, step: int, credit: Callable[[], None]) -> None:
        """
        @param count: how many messages are to come.
        @param step: how many of them get a credit.
        @param credit: gives it.
        """
        self.messages = 0
        self.bytes = 0
        self.full: Deferred[None] = Deferred()
        self._count = count
        self._step = step
        self._credit = credit
        self._next = min(step, count)

    def payloadArrived(self, payload: bytes) -> None:
        """The handler of those that hand up payloads."""
        self.bytes += len(payload)
        self.messages += 1
        if self.messages == self._next:
            self._stepped()

    def messageArrived(self, message: Message) -> None:
        """The handler of fiscop2p."""
        self.bytes += len(message.payload)
        self.messages += 1
        if self.messages == self._next:
            self._stepped()

    def manyArrived(self, sender: str, payloads: list[bytes]) -> None:
        """The handler of fiscop2p that takes many at a time."""
        self.bytes += sum(map(len, payloads))
        self.messages += len(payloads)
        while self._next <= self.messages and not self.full.called:
            self._stepped()

    def _stepped(self) -> None:
        self._next = min(self._next + self._step, self._count)
        if self.messages == self._count:
            self.full.callback(None)
        else:
            self._credit()
