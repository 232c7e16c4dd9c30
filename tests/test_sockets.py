"""What only real sockets show."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from fiscop2p.chain.authority import Authority
from fiscop2p.errors import PeerBusy
from fiscop2p.identity import loadCredentials
from fiscop2p.reasons import CloseReason
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Settings
from fiscop2p.testing.network import writeCredentials
from tests.strangers import logLines
from tests.temporary import temporaryFolder

CHUNK = bytes(range(256)) * 400


class SocketTestCase(TestCase):
    """Two nodes on loopback."""

    timeout = 60
    tls = "ssl"
    curve = "secp256k1"
    host = "127.0.0.1"

    async def connected(self) -> tuple[P2PService, P2PService]:
        agency = Authority.makeRoot(curve=self.curve).issueAgency("agency")
        nodes = []
        for name in ("one", "other"):
            folder = temporaryFolder(self)
            writeCredentials(agency.issueNode(name), folder)
            settings = Settings(listen=Address(self.host, 0), tls=self.tls, compress=False)
            nodes.append(makeNode(loadCredentials(folder), settings, reactor=reactor))
        one, other = nodes
        for node in nodes:
            node.startService()
            self.addCleanup(node.stopService)
        one.addPeer(other.listenAddress)
        await one.registry.whenConnected(other.nodeID)
        await other.registry.whenConnected(one.nodeID)
        return one, other

    async def test_stopSendsTheRest(self) -> None:
        """What was sent before a stop arrives, even while the peer sends, too."""
        one, other = await self.connected()
        protocolID = one.protocolID(1, 1000)
        got: list[int] = []
        other.handle(protocolID, lambda message: got.append(len(message.payload)))
        one.handle(protocolID, lambda message: None)

        async def stream() -> None:
            while one.nodeID in other.registry:
                try:
                    other.send(one.nodeID, CHUNK, protocolID=protocolID)
                except PeerBusy:
                    pass
                await deferLater(reactor, 0)

        streaming = Deferred.fromCoroutine(stream())
        await deferLater(reactor, 0.1)
        for _ in range(30):
            one.send(other.nodeID, CHUNK, protocolID=protocolID)
        await one.stopService()
        await streaming
        self.assertEqual(got, [len(CHUNK)] * 30)

    async def test_muchInBothDirections(self) -> None:
        """Tens of megabytes in both directions at once arrive whole and in order."""
        one, other = await self.connected()
        protocolID = one.protocolID(1, 1000)
        done: list[Deferred[None]] = []
        for node, peer in ((one, other), (other, one)):
            numbers: list[int] = []
            whole: Deferred[None] = Deferred()
            done.append(whole)

            def take(message, numbers=numbers, whole=whole) -> None:
                numbers.append(int.from_bytes(message.payload[:4], "big"))
                if len(numbers) == 400:
                    self.assertEqual(numbers, list(range(400)))
                    whole.callback(None)

            node.handle(protocolID, take)
            for number in range(400):
                payload = number.to_bytes(4, "big") + CHUNK[: number * 256 % len(CHUNK)]
                reactor.callLater(
                    number / 1000,
                    lambda peer=peer, node=node, payload=payload: peer.send(
                        node.nodeID, payload, protocolID=protocolID
                    ),
                )
        for whole in done:
            await whole


class StrangerTests(TestCase):
    """Who connects, and does not close."""

    timeout = 60

    async def test_keepsOpenWhatHasFailed(self) -> None:
        """Why TLS has failed is told, even if it is the node that has to end the connection."""
        folder = temporaryFolder(self)
        agency = Authority.makeRoot().issueAgency("agency")
        writeCredentials(agency.issueNode("one"), folder)
        settings = Settings(listen=Address("127.0.0.1", 0), tls="ssl", handshakeTimeout=0.5)
        node = makeNode(loadCredentials(folder), settings, reactor=reactor)
        node.startService()
        self.addCleanup(node.stopService)
        lines = logLines(self)
        with socket.create_connection(node.listenAddress) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while not any("handshakeServer failed" in line for line in lines):
                await deferLater(reactor, 0.05)
        self.assertTrue(any("it speaks HTTP, not TLS" in line for line in lines), lines)
        self.assertEqual(node.closes[CloseReason.HANDSHAKE_TIMEOUT], 0)


class PyOpenSSLSocketTests(SocketTestCase):
    """The same by pyOpenSSL."""

    tls = "pyopenssl"
    curve = "prime256v1"


class IPv6SocketTests(SocketTestCase):
    """The same over IPv6."""

    host = "::1"
