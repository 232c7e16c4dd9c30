"""Requests and their answers: one after the other, or many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from time import perf_counter, process_time
from typing import Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..channel import Channel
from ..words import Words
from .operation import (
    BUSY,
    RATE,
    RECEIVER_CPU,
    SENDER_CPU,
    SPEED,
    Column,
    Figure,
    Operation,
    payloadsOf,
    valuesOf,
)

_P50, _P99 = Column("p50", "p50 us", 1), Column("p99", "p99 us", 1)
_CPU = (SENDER_CPU, RECEIVER_CPU, BUSY)

REQUEST: Final = Operation(
    name="request",
    summary="a request after the answer to the one before, each a Deferred with a deadline",
    sizes=(64,),
    columns=(_P50, _P99, RATE, *_CPU),
    figure=Figure(_P50.key, lowerIsBetter=True),
    outstanding=1,
)

PIPELINED: Final = Operation(
    name="pipelined",
    summary="64 requests at a time, each a Deferred with a deadline",
    sizes=(64,),
    columns=(RATE, _P50, _P99, *_CPU),
    figure=SPEED,
    outstanding=64,
)


class WrongAnswer(Exception):
    """An answer is not what was asked for."""


class _Asking:
    """Keeps a number of requests under way, until all have been answered."""

    def __init__(self, channel: Channel, payloads: Iterator[bytes], size: int) -> None:
        self.latencies: list[float] = []
        self.done: Deferred[None] = Deferred()
        self._ask = channel.ask
        self._payloads = payloads
        self._size = size
        self._outstanding = 0

    def next(self) -> None:
        """Ask for one more, if there is one."""
        for payload in islice(self._payloads, 1):
            self._outstanding += 1
            self._ask(payload).addCallback(self._answered, perf_counter()).addErrback(self._failed)
            return
        if not self._outstanding and not self.done.called:
            self.done.callback(None)

    def _answered(self, answer: bytes, asked: float) -> None:
        self.latencies.append(perf_counter() - asked)
        if len(answer) != self._size:
            raise WrongAnswer(f"the answer to {self._size} bytes has {len(answer)}")
        self._outstanding -= 1
        self.next()

    def _failed(self, failure: Failure) -> None:
        if not self.done.called:
            self.done.errback(failure)


async def ask(channel: Channel, operation: Operation, order: Words) -> Words:
    """The sender's half."""
    size, count = order["size"], order["count"]
    asking = _Asking(channel, islice(cycle(payloadsOf(size)), count), size)
    channel.tell(order)
    await channel.hear()
    cpu, began = process_time(), perf_counter()
    for _ in range(min(operation.outstanding, count)):
        asking.next()
    await asking.done
    seconds, cpu = perf_counter() - began, process_time() - cpu
    channel.tell({})
    receiver = await channel.hear()
    values = valuesOf(count, size, seconds, cpu, receiver["cpu"])
    latencies = sorted(asking.latencies)
    for column, part in ((_P50, 0.5), (_P99, 0.99)):
        values[column.key] = latencies[int(part * (count - 1))] * 1e6
    return values


async def answer(channel: Channel, order: Words) -> None:
    """The receiver's half."""
    cpu = process_time()
    channel.answer(order["count"])
    channel.tell({})
    await channel.hear()
    channel.tell({"cpu": process_time() - cpu})
