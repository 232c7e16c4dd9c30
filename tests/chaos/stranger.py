"""A peer that a node believes to be a member, and that says whatever it likes."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.protocol import Protocol

from fiscop2p.service import P2PService
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from fiscop2p.testing.identities import inventedIdentity
from tests.strangers import STRANGER, Dialler


class Stranger:
    """
    One connection to a node of a network without TLS, where identities are taken as given.

    @ivar isCut: whether the node has closed it.
    @ivar received: how many bytes came.
    @ivar said: what waits until the connection stands.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        node: P2PService,
        name: str = "stranger",
        host: str = STRANGER,
    ) -> None:
        """
        Connect; the next C{advance} of the network makes it stand.

        @param name: whom to claim to be, or empty to say nothing.
        @param host: where it comes from.
        """
        self.isCut = False
        self.received = 0
        self.said: list[bytes] = []
        self._wire = _Wire(self)
        if name:
            self.said.append(json.dumps(inventedIdentity(name)).encode() + b"\n")
        reactor = MemoryReactor(network.fabric, host)
        address = node.settings.listen
        reactor.connectTCP(address.host, address.port, Dialler(lambda: self._wire))

    def say(self, data: bytes) -> None:
        """Send bytes, or have them sent once the connection stands."""
        transport: Any = self._wire.transport
        if transport is None:
            self.said.append(data)
        elif not self.isCut:
            transport.write(data)

    def leave(self) -> None:
        """Close the connection without a word."""
        transport: Any = self._wire.transport
        if transport is not None:
            transport.abortConnection()


class _Wire(Protocol):
    def __init__(self, stranger: Stranger) -> None:
        self._stranger = stranger

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.writeSequence(self._stranger.said)

    def dataReceived(self, data: bytes) -> None:
        self._stranger.received += len(data)

    def connectionLost(self, reason: Any = None) -> None:
        self._stranger.isCut = True
