"""Peers that are not nodes: they speak TLS as they like, and write down what they get."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.protocol import ClientFactory, Protocol
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import IssuedNode
from fiscop2p.service import P2PService
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from fiscop2p.testing.network import PORT, writeCredentials
from fiscop2p.tls.transport import MemoryTLSTransport
from fiscop2p.wire.dialect import RC2
from tests.messages import MessageParser

STRANGER = "10.9.9.9"


class Stranger(Protocol):
    """
    The upper protocol of somebody who is not ours.

    @ivar data: every application byte that came.
    @ivar lost: why the connection ended, or L{None} while it stands.
    """

    def __init__(self, greeting: bytes = b"") -> None:
        self.data = b""
        self.lost: Any = None
        self.handshaken = False
        self._greeting = greeting

    def peerVerified(self) -> None:
        """Everybody will do."""

    def handshakeCompleted(self) -> None:
        self.handshaken = True
        if self._greeting:
            self.transport.write(self._greeting)

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason

    def frames(self) -> list[tuple[int, int, int, bytes]]:
        """protocolID, packetType, seq and payload of each frame that came."""
        return list(MessageParser(RC2).feed(self.data))


def looseContext(
    isClient: bool, issued: IssuedNode | None, folder: Path, curve: str | None = "secp256k1"
) -> ssl.SSLContext:
    """A context that takes every peer, and shows what it is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if isClient else ssl.PROTOCOL_TLS_SERVER)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if curve is not None:
        context.set_ecdh_curve(curve)
    if curve == "secp256k1":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if issued is not None:
        writeCredentials(issued, folder)
        context.load_cert_chain(folder / "node.crt", folder / "node.key")
    return context


class Dialler(ClientFactory):
    """Builds what it is told to build, for either side."""

    noisy = False

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def buildProtocol(self, address: Any) -> Any:
        return self._build()


def dial(
    network: MemoryNetwork,
    node: P2PService,
    context: ssl.SSLContext | None,
    stranger: Stranger,
    host: str = STRANGER,
) -> None:
    """Connect a stranger to a node; without a context by TCP alone."""

    def build() -> Any:
        return stranger if context is None else MemoryTLSTransport(context, True, stranger)

    address = node.settings.listen
    MemoryReactor(network.fabric, host).connectTCP(address.host, address.port, Dialler(build))


def listen(network: MemoryNetwork, context: ssl.SSLContext, stranger: Stranger) -> None:
    """Let a stranger wait for a node's call at L{STRANGER}."""

    def build() -> Any:
        return MemoryTLSTransport(context, False, stranger)

    MemoryReactor(network.fabric, STRANGER).listenTCP(PORT, Dialler(build))


def logLines(case: SynchronousTestCase) -> list[str]:
    """All that is logged from now until the test ends, as C{level: text}."""
    lines: list[str] = []

    def observe(event: Any) -> None:
        lines.append(f"{event['log_level'].name}: {formatEvent(event)}")

    globalLogPublisher.addObserver(observe)
    case.addCleanup(globalLogPublisher.removeObserver, observe)
    return lines
