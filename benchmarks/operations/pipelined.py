"""Many requests at a time, through either API."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from ..channel import Channel
from ..load import KIB, Load
from ..words import Words
from .asking import CPU, P50, P99, answerAll, askAll
from .operation import RATE, SPEED, Operation

_OUTSTANDING = 64


async def _send(channel: Channel, reactor: Any, order: Words, *, callbacks: bool) -> Words:
    return await askAll(channel, order, _OUTSTANDING, callbacks)


def _pipelined(name: str, summary: str, callbacks: bool) -> Operation:
    return Operation(
        name=name,
        summary=f"{_OUTSTANDING} requests at a time, {summary}",
        loads=(Load(64), Load(KIB)),
        label="{size}",
        columns=(RATE, P50, P99, *CPU),
        figure=SPEED,
        send=partial(_send, callbacks=callbacks),
        receive=answerAll,
    )


PIPELINED: Final = _pipelined("pipelined", "each a Deferred with a deadline", callbacks=False)
PIPELINED_CALLBACKS: Final = _pipelined(
    "pipelined-callbacks",
    "by callbacks with a deadline; implementations without that API give a Deferred",
    callbacks=True,
)
