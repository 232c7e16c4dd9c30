"""Everybody follows other topics at once: how soon everybody knows."""

from __future__ import annotations

from itertools import count
from time import perf_counter, process_time
from typing import Any, Final

from twisted.internet.task import deferLater

from fiscop2p.settings import Settings

from ..channel import Channel
from ..load import Load
from ..words import Words
from .operation import Column, Figure, Operation

_WATCHED: Final = Settings().heartbeat + 2
"""Seconds within which everybody has to know; CPU is counted for as long, unless runs are short."""

_SECONDS = Column("seconds", "s until all know", 3)
_generations = count()


def _topics(order: Words) -> list[str]:
    return [f"topic {order['generation']}.{number}" for number in range(order["topics"])]


async def _change(channel: Channel, reactor: Any, order: Words, watched: float) -> Words:
    channel.tell(order)
    await channel.hear()
    topics = _topics(order)
    cpu, began = process_time(), perf_counter()
    channel.tell({})
    known = channel.topicsKnown(topics)
    channel.follow(topics)
    await known
    peers = await channel.hear()
    seconds, nodeCPU = perf_counter() - began, process_time() - cpu
    await deferLater(reactor, max(0.0, watched - seconds))
    cores = (process_time() - cpu) / (perf_counter() - began)
    return {
        _SECONDS.key: seconds,
        "nodeCPU": nodeCPU * 1e3,
        "peersCPU": peers["cpu"] * 1e3,
        "cores": cores,
    }


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    """First have topics that can change; then change them."""
    await _change(channel, reactor, {**order, "generation": next(_generations)}, 0)
    watched = _WATCHED * min(1, order["seconds"])
    return await _change(channel, reactor, {**order, "generation": next(_generations)}, watched)


async def _receive(channel: Channel, reactor: Any, order: Words) -> None:
    topics = _topics(order)
    channel.tell({})
    await channel.hear()
    cpu = process_time()
    known = channel.topicsKnown(topics)
    channel.follow(topics)
    await known
    channel.tell({"cpu": process_time() - cpu})


SYNC: Final = Operation(
    name="sync",
    summary="a node and all its peers change all their topics at once, until all know all; the "
    f"node's share of a core over {_WATCHED:g} s, the peers are in one other process",
    loads=(Load(links=500, topics=10),),
    label="{links} peers, {topics} topics each",
    columns=(
        _SECONDS,
        Column("cores", "cores of the node", 3),
        Column("nodeCPU", "CPU ms of the node", 1),
        Column("peersCPU", "CPU ms of all peers", 1),
    ),
    figure=Figure(_SECONDS.key, lowerIsBetter=True),
    send=_send,
    receive=_receive,
    fillsTime=False,
    isolated=True,
)
