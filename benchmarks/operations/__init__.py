"""What can be measured: each operation has a module of its name."""

from __future__ import annotations

from .broadcast import BROADCAST
from .memory import MEMORY
from .multicast import MULTICAST
from .oneway import ONE_WAY
from .operation import Operation
from .pipelined import PIPELINED, PIPELINED_CALLBACKS
from .request import REQUEST
from .sync import SYNC

__all__ = ["OPERATIONS", "Operation"]

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        ONE_WAY,
        REQUEST,
        PIPELINED,
        PIPELINED_CALLBACKS,
        BROADCAST,
        MULTICAST,
        MEMORY,
        SYNC,
    )
}
