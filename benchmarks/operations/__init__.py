"""What can be measured."""

from __future__ import annotations

from .oneway import ONE_WAY
from .operation import Operation
from .request import PIPELINED, REQUEST

__all__ = ["OPERATIONS", "Operation"]

OPERATIONS: dict[str, Operation] = {
    operation.name: operation for operation in (ONE_WAY, REQUEST, PIPELINED)
}
