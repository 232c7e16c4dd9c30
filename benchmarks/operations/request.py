"""One request after the other."""

from __future__ import annotations

from typing import Any, Final

from ..channel import Channel
from ..load import Load
from ..words import Words
from .asking import CPU, P50, P99, answerAll, askAll
from .operation import RATE, Figure, Operation


async def _send(channel: Channel, reactor: Any, order: Words) -> Words:
    return await askAll(channel, order, outstanding=1, callbacks=False)


REQUEST: Final = Operation(
    name="request",
    summary="a request after the answer to the one before, each a Deferred with a deadline",
    loads=(Load(64),),
    label="{size}",
    columns=(P50, P99, RATE, *CPU),
    figure=Figure(P50.key, lowerIsBetter=True),
    send=_send,
    receive=answerAll,
)
