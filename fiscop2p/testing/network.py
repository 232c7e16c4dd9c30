"""Nodes that are all connected to each other, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path as File
from tempfile import TemporaryDirectory

from twisted.internet.defer import Deferred

from ..access import AccessLists
from ..chain.authority import SECP256K1, Authority, IssuedNode
from ..identity import loadCredentials
from ..service import P2PService, makeNode
from ..settings import Address, Settings
from .clock import VirtualClock
from .fabric import Fabric, MemoryReactor, Path
from .identities import AssertedTLS, inventedIdentity

PORT = 30300


class MemoryNetwork:
    """
    A network of nodes in memory, each configured with the addresses of all.

    The protocol code is the real one; time passes only in L{advance}::

        network = MemoryNetwork(nodes=4)
        a, b, c, d = network.nodes
        b.subscribe("orders", received.append)
        network.advance(5)
        a.multicast("orders", b"1 apple")
        network.advance(1)

    @ivar nodes: the L{P2PService} of each node; they are started.
    @ivar clock: the virtual clock.
    @ivar agency: who issues the nodes' certificates, where TLS is real.
    @ivar issued: the key and certificates of each node, where TLS is real.
    """

    def __init__(
        self,
        nodes: int = 4,
        tls: str | None = None,
        curve: str = SECP256K1,
        settings: Settings = Settings(),  # noqa: B008 (immutable)
    ) -> None:
        """
        @param nodes: how many.
        @param tls: C{"auto"}, C{"ssl"} or C{"pyopenssl"} for real TLS with certificates of a chain
            made for this; L{None} takes identities as given, which makes 100 nodes cheap.
        @param curve: of the chain's keys, where TLS is real.
        @param settings: what all nodes have in common; their addresses are put in.
        @raise TLSUnavailable: TLS here cannot do the curve.
        """
        self.clock = VirtualClock()
        self.fabric = Fabric(self.clock)
        self.nodes: list[P2PService] = []
        self._settings = settings
        self._tls = tls
        self.agency: Authority | None = None
        self.issued: list[IssuedNode] = []
        if tls is not None:
            self.agency = Authority.makeRoot(curve=curve).issueAgency("agency")
        addresses = tuple(Address(_host(index), PORT) for index in range(nodes))
        for _ in range(nodes):
            self.addNode(addresses)

    def addNode(
        self,
        peers: Iterable[Address] = (),
        access: AccessLists = AccessLists(),  # noqa: B008 (immutable)
    ) -> P2PService:
        """Make one more node, and start it; a service that starts it again does no harm."""
        index = len(self.nodes)
        reactor = MemoryReactor(self.fabric, _host(index))
        settings = replace(self._settings, listen=Address(_host(index), PORT), peers=tuple(peers))
        name = f"node{index}"
        if self.agency is None or self._tls is None:
            identity = inventedIdentity(name)
            node = P2PService(identity, AssertedTLS(identity), settings, access, reactor)
        else:
            settings = replace(settings, tls=self._tls)
            issued = self.agency.issueNode(name)
            self.issued.append(issued)
            with TemporaryDirectory() as folder:
                writeCredentials(issued, folder)
                node = makeNode(loadCredentials(folder), settings, access, reactor)
        self.nodes.append(node)
        node.startService()
        return node

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def path(self, one: P2PService, other: P2PService) -> Path:
        """What lies between two nodes; its latency may be changed at any time."""
        return self.fabric.path(one.settings.listen.host, other.settings.listen.host)

    def cut(self, one: P2PService, other: P2PService) -> None:
        """Break the connections between two nodes, and refuse new ones."""
        self.path(one, other).cut()

    def lose(self, one: P2PService, other: P2PService) -> None:
        """Let nothing arrive any more between two nodes, and tell nobody."""
        self.path(one, other).isSilent = True

    def delay(self, one: P2PService, other: P2PService, seconds: float) -> None:
        """Let everything between two nodes take this long in each direction."""
        self.path(one, other).latency = seconds

    def heal(self, one: P2PService, other: P2PService) -> None:
        """Undo C{cut}, C{lose} and C{delay}."""
        self.path(one, other).heal()

    def stop(self) -> None:
        """
        Stop all nodes.

        @raise AssertionError: something of a node goes on after that, or of the application on
            the same clock.
        """
        stopping: list[Deferred[None]] = [node.stopService() for node in self.nodes]
        self.advance(10)
        running = [
            node.nodeID for node, d in zip(self.nodes, stopping, strict=True) if not d.called
        ]
        left = self.clock.getDelayedCalls()
        if running or left:
            raise AssertionError(
                f"still running: {running}, calls to come: {left}; those of the application itself "
                "on this clock have to be cancelled before"
            )


def writeCredentials(issued: IssuedNode, folder: File | str) -> None:
    """Write a node's key and certificates the way a FISCO BCOS node keeps them."""
    target = File(folder)
    target.mkdir(parents=True, exist_ok=True)
    key = target / "node.key"
    key.touch(0o600)
    key.write_bytes(issued.keyPEM)
    (target / "node.crt").write_bytes(issued.certificatePEM)
    (target / "ca.crt").write_bytes(issued.caPEM)
    (target / "node.nodeid").write_text(issued.nodeID + "\n")


def _host(index: int) -> str:
    return f"10.{index >> 16 & 255}.{index >> 8 & 255}.{(index & 255)}"
