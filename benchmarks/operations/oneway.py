"""One way: as many messages as there is room for, counted at the other end."""

from __future__ import annotations

from itertools import cycle, islice
from time import perf_counter, process_time
from typing import Any, Final

from twisted.internet.task import deferLater

from ..channel import Channel
from ..window import STEPS, Tally, stepOf, turnOf
from ..words import Words
from .operation import (
    BUSY,
    KIB,
    MEGABYTES,
    MIB,
    RATE,
    RECEIVER_CPU,
    SENDER_CPU,
    SPEED,
    Operation,
    payloadsOf,
    valuesOf,
)

ONE_WAY: Final = Operation(
    name="one-way",
    summary="messages one way, from the first send to the receiver's last acknowledgement",
    sizes=(64, KIB, 16 * KIB, MIB),
    columns=(RATE, MEGABYTES, SENDER_CPU, RECEIVER_CPU, BUSY),
    figure=SPEED,
)


class MessagesLost(Exception):
    """The receiver has counted other messages than were sent."""


def checkedValues(words: Words, size: int, count: int, seconds: float, cpu: float) -> Words:
    """
    Judge what the receiver tells at the end.

    @raise MessagesLost: it has counted something else.
    """
    if (words["messages"], words["bytes"]) != (count, count * size):
        raise MessagesLost(
            f"sent {count} messages of {size} bytes, but {words['messages']} messages with "
            f"{words['bytes']} bytes have arrived"
        )
    return valuesOf(count, size, seconds, cpu, words["cpu"])


async def send(channel: Channel, reactor: Any, order: Words) -> Words:
    """The sender's half."""
    size, count = order["size"], order["count"]
    payloads = cycle(payloadsOf(size))
    turn, step = turnOf(size), stepOf(size)
    allowed, sent = STEPS * step, 0
    channel.tell(order)
    await channel.hear()
    cpu, began = process_time(), perf_counter()
    while sent < count:
        while sent == allowed:
            await channel.hear()
            allowed += step
        batch = min(turn, count - sent, allowed - sent)
        channel.sendAll(islice(payloads, batch))
        sent += batch
        await deferLater(reactor, 0)
    words: Words = {}
    while "messages" not in words:
        words = await channel.hear()
    return checkedValues(words, size, count, perf_counter() - began, process_time() - cpu)


async def receive(channel: Channel, order: Words) -> None:
    """The receiver's half."""
    tally = Tally(order["count"], stepOf(order["size"]), lambda: channel.tell({}))
    cpu = process_time()
    channel.expect(tally)
    channel.tell({})
    await tally.full
    cpu = process_time() - cpu
    channel.tell({"messages": tally.messages, "bytes": tally.bytes, "cpu": cpu})
