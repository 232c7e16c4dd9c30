"""The same message to those peers that follow a topic."""

from __future__ import annotations

from typing import Any, Final

from ..channel import Channel
from ..load import KIB, Load
from ..window import Window
from ..words import Words
from .broadcast import COLUMNS
from .flow import receiveFlow, sendFlow
from .operation import SPEED, Operation

_FOLLOWERS, _OTHERS = 8, 24


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    size, links = order["size"], order["links"]
    window, known = Window.toMany(size), channel.followersKnown
    await channel.makeSpareLinks()
    return await sendFlow(channel, reactor, order, channel.multicastAll, window, links, known)


async def _receive(channel: Channel, reactor: Any, order: Words) -> None:
    size, links = order["size"], order["links"]
    await receiveFlow(channel, order, channel.expectTopic, Window.toMany(size), links)


MULTICAST: Final = Operation(
    name="multicast",
    summary="each message to the peers that follow a topic, not to the others",
    loads=(Load(64, _FOLLOWERS, _OTHERS), Load(16 * KIB, _FOLLOWERS, _OTHERS)),
    label="{size} to {links} of {links}+{spare}",
    columns=COLUMNS,
    figure=SPEED,
    send=_send,
    receive=_receive,
)
