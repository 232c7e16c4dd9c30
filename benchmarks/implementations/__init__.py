"""What can be measured against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Implementation:
    """
    One way to carry messages between two processes.

    @ivar name: what the command line calls it.
    @ivar summary: one line for people.
    @ivar module: the module of this package with C{runSide(role, folder)}, which is called in a
        process of its own and talks as L{benchmarks.words} says.
    @ivar operations: the names of what it can do.
    """

    name: str
    summary: str
    module: str
    operations: tuple[str, ...]


PRODUCT: Final = "fiscop2p"
"""What the others are compared with."""

_ALL = ("one-way", "request", "pipelined")

IMPLEMENTATIONS: dict[str, Implementation] = {
    implementation.name: implementation
    for implementation in (
        Implementation(PRODUCT, "this package, through its public API", "product", _ALL),
        Implementation("naive", "Int32StringReceiver over Twisted's own TLS", "naive", _ALL),
        Implementation("blocking", "a blocking socket of Python's ssl", "blocking", ("one-way",)),
    )
}
