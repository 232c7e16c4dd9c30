"""Requests and their answers, a number of them under way at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from time import perf_counter, process_time
from typing import Any, Final

from twisted.internet.defer import Deferred

from ..channel import Channel
from ..words import Words
from .operation import BUSY, RECEIVER_CPU, SENDER_CPU, Column, payloadsOf, valuesOf

P50: Final = Column("p50", "p50 us", 1)
P99: Final = Column("p99", "p99 us", 1)
CPU: Final = (SENDER_CPU, RECEIVER_CPU, BUSY)


class WrongAnswer(Exception):
    """An answer is not what was asked for."""


class _Asking:
    """
    Keeps a number of requests under way, until all have been answered.

    @ivar latencies: seconds that each answer took; they come in the order of their requests.
    @ivar done: fires with L{None} at the end.
    """

    def __init__(self, channel: Channel, callbacks: bool, size: int, count: int) -> None:
        """
        @param callbacks: whether to ask by callbacks instead of Deferreds.
        """
        # Bound once: this is to take little beside what is measured.
        answered, failed = self._answered, self._failed

        def call(payload: bytes) -> None:
            channel.call(payload, answered, failed)

        def ask(payload: bytes) -> None:
            channel.ask(payload).addCallbacks(answered, failed)

        self._ask = call if callbacks else ask
        self.latencies: list[float] = []
        self.done: Deferred[None] = Deferred()
        self._size = size
        self._payloads: Iterator[bytes] = islice(cycle(payloadsOf(size)), count)
        self._asked: deque[float] = deque()

    def next(self) -> None:
        """Ask for one more, if there is one."""
        payload = next(self._payloads, None)
        if payload is not None:
            self._asked.append(perf_counter())
            self._ask(payload)
        elif not self._asked and not self.done.called:
            self.done.callback(None)

    def _answered(self, answer: bytes) -> None:
        """An answer has come."""
        self.latencies.append(perf_counter() - self._asked.popleft())
        if len(answer) == self._size:
            self.next()
        else:
            self._failed(WrongAnswer(f"the answer to {self._size} bytes has {len(answer)}"))

    def _failed(self, reason: Any) -> None:
        """A request has failed."""
        if not self.done.called:
            self.done.errback(reason)


async def askAll(channel: Channel, order: Words, outstanding: int, callbacks: bool) -> Words:
    """
    The sender's half.

    @param outstanding: how many requests are under way at a time.
    @param callbacks: whether by callbacks instead of Deferreds.
    """
    count = order["count"]
    asking = _Asking(channel, callbacks, order["size"], count)
    channel.tell(order)
    await channel.hear()
    cpu, began = process_time(), perf_counter()
    for _ in range(min(outstanding, count)):
        asking.next()
    await asking.done
    seconds, cpu = perf_counter() - began, process_time() - cpu
    channel.tell({})
    receiver = await channel.hear()
    return requestValues(order, asking.latencies, seconds, cpu, receiver["cpu"])


def requestValues(
    order: Words, latencies: Sequence[float], seconds: float, senderCPU: float, receiverCPU: float
) -> Words:
    """
    What an operation measures that waits for answers.

    @param latencies: of all requests, in seconds.
    """
    count = order["count"]
    values = valuesOf(count, order["size"], seconds, senderCPU, receiverCPU)
    ranked = sorted(latencies)
    for column, part in ((P50, 0.5), (P99, 0.99)):
        values[column.key] = ranked[int(part * (count - 1))] * 1e6
    return values


async def answerAll(channel: Channel, reactor: Any, order: Words) -> None:
    """The receiver's half."""
    cpu = process_time()
    channel.answer(order["count"])
    channel.tell({})
    await channel.hear()
    channel.tell({"cpu": process_time() - cpu})
