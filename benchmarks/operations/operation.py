"""What a benchmark can measure, as the benchmark and its report know it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

KIB, MIB = 1024, 1024 * 1024

_MOST_PAYLOADS, _POOL = 64, 4 * MIB


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
    @ivar sizes: the payload sizes that are measured by default, in bytes.
    @ivar columns: what the report shows.
    @ivar figure: what it is measured for.
    @ivar outstanding: how many messages wait for their answer at a time; 0 if none are answered.
    """

    name: str
    summary: str
    sizes: tuple[int, ...]
    columns: tuple[Column, ...]
    figure: Figure
    outstanding: int = 0


RATE = Column("rate", "msg/s")
MEGABYTES = Column("megabytes", "MB/s")
SENDER_CPU = Column("senderCPU", "sender us/msg", 2)
RECEIVER_CPU = Column("receiverCPU", "receiver us/msg", 2)
BUSY = Column("busy", "busy %")

SPEED = Figure(RATE.key, lowerIsBetter=False)
COST = Figure("cpu", lowerIsBetter=True)
"""CPU of the side that has more to do: what neighbours on the machine disturb the least."""


def valuesOf(
    messages: int, size: int, seconds: float, senderCPU: float, receiverCPU: float
) -> dict[str, float]:
    """
    What all operations measure.

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
