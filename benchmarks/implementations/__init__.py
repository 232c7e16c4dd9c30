"""What can be measured against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final


@dataclass(frozen=True)
class Implementation:
    """
    One way to carry messages between two processes.

    @ivar name: what the command line calls it.
    @ivar summary: one line for people.
    @ivar module: the module of this package with C{runSide(role, folder, load)}, which is called in
        a process of its own and talks as L{benchmarks.words} says.
    @ivar operations: the names of what it can do.
    @ivar options: what else C{runSide} is told, by name.
    @ivar isOurs: whether it is this package, to be compared with the others.
    @ivar needs: a module that has to be installed for it, or empty.
    """

    name: str
    summary: str
    module: str
    operations: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    isOurs: bool = False
    needs: str = ""

    def isInstalled(self) -> bool:
        """Whether it can run here."""
        return not self.needs or find_spec(self.needs) is not None


PRODUCT: Final = "fiscop2p"
"""What the others are compared with."""

_BLOCKING = ("one-way", "request")
_ONE_LINK = (*_BLOCKING, "pipelined", "pipelined-callbacks")
_MANY_LINKS = (*_ONE_LINK, "broadcast", "multicast", "memory")
_ALL = (*_MANY_LINKS, "sync")

IMPLEMENTATIONS: dict[str, Implementation] = {
    implementation.name: implementation
    for implementation in (
        Implementation(
            PRODUCT, "this package, through its public API", "product", _ALL, isOurs=True
        ),
        Implementation(
            "fiscop2p-pyopenssl",
            "the same, with its other TLS implementation",
            "product",
            _ALL,
            {"tls": "pyopenssl"},
            isOurs=True,
        ),
        Implementation(
            "fiscop2p-many",
            "the same, by sendMany and handleMany",
            "many",
            ("one-way", "broadcast"),
            isOurs=True,
        ),
        Implementation(
            "fiscop2p-module",
            "the same, with a protocolID, to the handlers of the followers",
            "modular",
            ("multicast",),
            isOurs=True,
        ),
        Implementation(
            "fiscop2p-broadcast",
            "the same, broadcasting to the followers, which are its only peers",
            "broadcasting",
            ("multicast",),
        ),
        Implementation("naive", "Int32StringReceiver over Twisted's TLS", "naive", _MANY_LINKS),
        Implementation("blocking", "a blocking socket of Python's ssl", "blocking", _BLOCKING),
        Implementation("pyzmq", "ZeroMQ with CURVE, by pyzmq", "zeromq", _BLOCKING, needs="zmq"),
    )
}
