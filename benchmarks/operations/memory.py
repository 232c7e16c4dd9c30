"""Links over which nothing goes but heartbeats: what memory they hold."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import deferLater

from ..channel import Channel
from ..load import KIB, Load
from ..words import Words
from .operation import Column, Figure, Operation

_STATM: Final = Path("/proc/self/statm")
_SETTLING: Final = 6.0
"""So many times the time of a run every link is left alone before memory is read: at one second
each has had a heartbeat."""

_PER_LINK = Column("perLink", "KiB/link", 1)


def residentBytes() -> int:
    """The memory that this process holds now; where the system does not tell, the most it held."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIB


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    async def settled() -> int:
        await deferLater(reactor, _SETTLING * order["seconds"])
        gc.collect()
        return residentBytes()

    before = await settled()
    await channel.makeSpareLinks()
    after = await settled()
    return {
        _PER_LINK.key: (after - before) / order["spare"] / KIB,
        "before": before / KIB,
        "after": after / KIB,
    }


async def _receive(channel: Channel, reactor: Any, order: Words) -> None:
    """The other side only keeps its links."""


MEMORY: Final = Operation(
    name="memory",
    summary="resident memory of the side that dials, for each idle link beyond the first ones",
    loads=(Load(links=100, spare=200),),
    label="{links}+{spare} links",
    columns=(
        _PER_LINK,
        Column("before", "KiB before"),
        Column("after", "KiB after"),
    ),
    figure=Figure(_PER_LINK.key, lowerIsBetter=True),
    send=_send,
    receive=_receive,
    fillsTime=False,
    isolated=True,
)
