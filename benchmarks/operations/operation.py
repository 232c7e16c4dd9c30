"""What a benchmark can measure, as the benchmark and its report know it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred

from ..channel import Channel
from ..load import MIB, Load, sizeText
from ..words import Words

_MOST_PAYLOADS, _POOL = 64, 4 * MIB

Half: TypeAlias = Callable[[Channel, Any, Words], Coroutine[Deferred[Any], Any, Any]]
"""What one side does in a run: takes the channel, the reactor and an L{orderOf}."""


class Column(NamedTuple):
    """
    A column of the report.

    @ivar key: of the value in a run's result.
    @ivar heading: what people read.
    @ivar digits: after the point.
    """

    key: str
    heading: str
    digits: int = 0


class Figure(NamedTuple):
    """
    What ratios compare.

    @ivar key: of the value in a run's result.
    @ivar lowerIsBetter: whether a smaller one is the better one.
    """

    key: str
    lowerIsBetter: bool


@dataclass(frozen=True)
class Operation:
    """
    Something to measure.

    @ivar name: what the command line calls it.
    @ivar summary: one line for people.
    @ivar loads: what it is measured with by default.
    @ivar label: how people are told a load; a format of its fields, with C{size} as a text.
    @ivar columns: what the report shows.
    @ivar figure: what it is measured for.
    @ivar send: the sender's half on Twisted's reactor; returns the values of a run.
    @ivar receive: the receiver's half.
    @ivar fillsTime: whether a run has as many messages as fill its time.
    @ivar isolated: whether its runs leave links behind that no other run should meet.
    """

    name: str
    summary: str
    loads: tuple[Load, ...]
    label: str
    columns: tuple[Column, ...]
    figure: Figure
    send: Half
    receive: Half
    fillsTime: bool = True
    isolated: bool = False

    def labelOf(self, load: Load) -> str:
        """Write a load for people."""
        return self.label.format(**{**load._asdict(), "size": sizeText(load.size)})

    def figures(self) -> tuple[Figure, ...]:
        """What is compared: what it is measured for, and what that costs."""
        return (self.figure, COST) if self.fillsTime else (self.figure,)


RATE = Column("rate", "msg/s")
EACH = Column("each", "us/msg", 2)
MEGABYTES = Column("megabytes", "MB/s")
SENDER_CPU = Column("senderCPU", "sender CPU us/msg", 2)
RECEIVER_CPU = Column("receiverCPU", "receiver CPU us/msg", 2)
BUSY = Column("busy", "busy %")

SPEED = Figure(RATE.key, lowerIsBetter=False)
COST = Figure("cpu", lowerIsBetter=True)
"""CPU of the side that has more to do: what neighbours on the machine disturb the least."""


def orderOf(operation: Operation, load: Load, count: int, seconds: float) -> Words:
    """
    Say what is to be done in a run.

    @param count: how many messages.
    @param seconds: how long a run is to take, where the number of messages does not say it.
    """
    return {
        "operation": operation.name, **load._asdict(), "count": count, "seconds": seconds
    }  # fmt: skip


def valuesOf(
    messages: int, size: int, seconds: float, senderCPU: float, receiverCPU: float
) -> dict[str, float]:
    """
    What all operations measure that carry messages.

    @param messages: how many arrived.
    @param size: of a payload, in bytes.
    @param seconds: of the wall clock.
    @param senderCPU: seconds of CPU in the sender's process.
    @param receiverCPU: the same in the receiver's.
    """
    busier = max(senderCPU, receiverCPU)
    return {
        "messages": messages,
        "seconds": seconds,
        RATE.key: messages / seconds,
        EACH.key: seconds / messages * 1e6,
        MEGABYTES.key: messages * size / seconds / 1e6,
        SENDER_CPU.key: senderCPU / messages * 1e6,
        RECEIVER_CPU.key: receiverCPU / messages * 1e6,
        COST.key: busier / messages * 1e6,
        BUSY.key: busier / seconds * 100,
    }


def payloadsOf(size: int) -> list[bytes]:
    """Some payloads that do not compress, to be sent in turn; the same ones in every run."""
    random = Random(size)
    count = max(1, min(_MOST_PAYLOADS, _POOL // size))
    return [random.randbytes(size) for _ in range(count)]
