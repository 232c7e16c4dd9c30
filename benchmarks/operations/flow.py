"""Messages that nobody answers: as many as there is room for, counted where they arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import cycle, islice
from time import perf_counter, process_time
from typing import Any, Final

from twisted.internet.task import deferLater

from ..channel import Channel
from ..window import Tally, Window
from ..words import Words
from .operation import EACH, payloadsOf, valuesOf

SENDER_CPU_EACH: Final = "senderCPUEach"
"""The value that says what a message costs its sender, however many get it."""


class MessagesLost(Exception):
    """The receiver has counted other messages than were sent."""


def checkedValues(
    words: Words, size: int, count: int, seconds: float, cpu: float, copies: int = 1
) -> Words:
    """
    Judge what the receiver tells at the end.

    @param count: how many messages were sent.
    @param copies: how many of each have to arrive.
    @raise MessagesLost: it has counted something else.
    """
    arrived = count * copies
    if (words["messages"], words["bytes"]) != (arrived, arrived * size):
        raise MessagesLost(
            f"{arrived} messages of {size} bytes were due, but {words['messages']} messages with "
            f"{words['bytes']} bytes have arrived"
        )
    values = valuesOf(arrived, size, seconds, cpu, words["cpu"])
    values[EACH.key] = seconds / count * 1e6
    values[SENDER_CPU_EACH] = cpu / count * 1e6
    return values


async def sendFlow(
    channel: Channel,
    reactor: Any,
    order: Words,
    sendAll: Callable[[Iterable[bytes]], object],
    window: Window,
    copies: int = 1,
    ready: Callable[[], Awaitable[object]] | None = None,
) -> Words:
    """
    The sender's half.

    @param sendAll: sends each payload.
    @param window: how far ahead it may be.
    @param copies: to how many peers.
    @param ready: what to wait for once the receiver expects the messages.
    """
    size, count = order["size"], order["count"]
    payloads = cycle(payloadsOf(size))
    allowed, sent = window.steps * window.step, 0
    channel.tell(order)
    await channel.hear()
    if ready is not None:
        await ready()
    cpu, began = process_time(), perf_counter()
    while sent < count:
        while sent == allowed:
            await channel.hear()
            allowed += window.step
        batch = min(window.turn, count - sent, allowed - sent)
        sendAll(islice(payloads, batch))
        sent += batch
        await deferLater(reactor, 0)
    words: Words = {}
    while "messages" not in words:
        words = await channel.hear()
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return checkedValues(words, size, count, seconds, cpu, copies)


async def receiveFlow(
    channel: Channel,
    order: Words,
    expect: Callable[[Tally], object],
    window: Window,
    copies: int = 1,
) -> None:
    """
    The receiver's half.

    @param expect: gives what arrives from now on to a tally.
    @param window: the sender's.
    @param copies: how many of each message arrive.
    """
    tally = Tally(order["count"] * copies, window.step * copies, lambda: channel.tell({}))
    cpu = process_time()
    expect(tally)
    channel.tell({})
    await tally.full
    cpu = process_time() - cpu
    channel.tell({"messages": tally.messages, "bytes": tally.bytes, "cpu": cpu})
