"""The same message to every peer."""

from __future__ import annotations

from typing import Any, Final

from ..channel import Channel
from ..load import KIB, Load
from ..window import Window
from ..words import Words
from .flow import receiveFlow, sendFlow
from .operation import BUSY, EACH, RECEIVER_CPU, SENDER_CPU, SPEED, Column, Operation

_LINKS = 32

DELIVERIES: Final = Column("rate", "deliveries/s")
COLUMNS: Final = (
    DELIVERIES, EACH._replace(heading="us/broadcast"), SENDER_CPU, RECEIVER_CPU, BUSY
)  # fmt: skip


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    size, links = order["size"], order["links"]
    window = Window.toMany(size)
    return await sendFlow(channel, reactor, order, channel.broadcastAll, window, links)


async def _receive(channel: Channel, reactor: Any, order: Words) -> None:
    size, links = order["size"], order["links"]
    await receiveFlow(channel, order, channel.expect, Window.toMany(size), links)


BROADCAST: Final = Operation(
    name="broadcast",
    summary="each message to every peer, all of which are in one process",
    loads=(Load(64, _LINKS), Load(16 * KIB, _LINKS)),
    label="{size} to {links}",
    columns=COLUMNS,
    figure=SPEED,
    send=_send,
    receive=_receive,
)
