"""
How far ahead of its receiver a sender may be.

A sender that nothing holds back would measure how fast memory can be filled.  So the receiver
gives a credit for every L{stepOf} messages, and no more than L{STEPS} steps are ever under way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from fiscop2p.interfaces import Message

STEPS: Final = 2
_MOST_MESSAGES: Final = 4096
_STEP_BYTES: Final = 8 << 20
_TURN_BYTES: Final = 256 << 10


def stepOf(size: int) -> int:
    """How many messages of this size get one credit: 8 MiB of them, 4096 at the most."""
    return max(1, min(_MOST_MESSAGES, _STEP_BYTES // size))


def turnOf(size: int) -> int:
    """How many messages of this size are sent in one turn of the reactor: 256 KiB of them."""
    return max(1, min(_MOST_MESSAGES, _TURN_BYTES // size))


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

    def _stepped(self) -> None:
        self._next = min(self._next + self._step, self._count)
        if self.messages == self._count:
            self.full.callback(None)
        else:
            self._credit()
