"""One way to one peer."""

from __future__ import annotations

from typing import Any, Final

from ..channel import Channel
from ..load import KIB, MIB, Load
from ..window import Window
from ..words import Words
from .flow import receiveFlow, sendFlow
from .operation import (
    BUSY,
    EACH,
    MEGABYTES,
    RATE,
    RECEIVER_CPU,
    SENDER_CPU,
    SPEED,
    Operation,
)


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    return await sendFlow(channel, reactor, order, channel.sendAll, Window.toOne(order["size"]))


async def _receive(channel: Channel, reactor: Any, order: Words) -> None:
    await receiveFlow(channel, order, channel.expect, Window.toOne(order["size"]))


ONE_WAY: Final = Operation(
    name="one-way",
    summary="messages one way, from the first send to the receiver's last acknowledgement",
    loads=tuple(map(Load, (64, KIB, 16 * KIB, MIB))),
    label="{size}",
    columns=(RATE, EACH, MEGABYTES, SENDER_CPU, RECEIVER_CPU, BUSY),
    figure=SPEED,
    send=_send,
    receive=_receive,
)
