"""The TLS transport on the standard library: everything arrives, in order, and then it closes."""

from __future__ import annotations

import ssl
from itertools import count
from pathlib import Path
from random import randbytes
from types import SimpleNamespace

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

import fiscop2p.tls.transport
from fiscop2p.chain.authority import Authority
from fiscop2p.testing.clock import VirtualClock
from fiscop2p.testing.fabric import Fabric, MemoryReactor
from fiscop2p.tls.engine import Engine
from fiscop2p.tls.transport import MemoryTLSTransport
from tests.strangers import Dialler, looseContext
from tests.temporary import temporaryFolder


class Upper(Protocol):
    """What stands above TLS; it writes everything down."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.data = b""
        self.reason = None

    def connectionMade(self) -> None:
        self.told.append("connected")

    def peerVerified(self) -> None:
        """Everybody will do."""

    def handshakeCompleted(self) -> None:
        self.told.append("handshake")

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason) -> None:
        self.told.append("lost")
        self.reason = reason

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class TransportTests(SynchronousTestCase):
    """Two ends in memory."""

    def setUp(self) -> None:
        self.folder: Path = temporaryFolder(self)
        self.clock = VirtualClock()
        fabric = Fabric(self.clock)
        self.path = fabric.path("10.0.0.1", "10.0.0.2")
        issued = Authority.makeRoot().issueAgency("agency").issueNode("node")
        self.client, self.server = Upper(), Upper()
        self.serverContext = server = looseContext(False, issued, self.folder)
        self.context = looseContext(True, None, self.folder)
        MemoryReactor(fabric, "10.0.0.2").listenTCP(
            1, Dialler(lambda: MemoryTLSTransport(server, False, self.server))
        )
        self.reactor = MemoryReactor(fabric, "10.0.0.1")
        self.reactor.connectTCP(
            "10.0.0.2", 1, Dialler(lambda: MemoryTLSTransport(self.context, True, self.client))
        )

    def advance(self, seconds: float = 0.0) -> None:
        self.clock.advance(seconds)

    def connect(self) -> None:
        self.advance()
        self.assertEqual(self.client.told, ["connected", "handshake"])
        self.assertEqual(self.server.told, ["connected", "handshake"])

    def test_everySizeArrives(self) -> None:
        """Bytes arrive in order, whatever the size of the pieces."""
        self.connect()
        pieces = [randbytes(size) for size in (1, 16_384, 16_385, 262_144, 262_145, 3_000_000, 7)]
        for piece in pieces:
            self.client.transport.write(piece)
        self.client.transport.writeSequence([b"a", b"b"])
        self.advance()
        self.assertEqual(self.server.data, b"".join(pieces) + b"ab")

    def test_writtenBeforeTheHandshake(self) -> None:
        """What is written too early waits for the handshake."""
        self.path.latency = 1
        self.advance(2)
        self.client.transport.write(b"early")
        self.assertEqual(self.server.data, b"")
        self.advance(10)
        self.assertEqual(self.server.data, b"early")
        self.assertEqual(self.server.told, ["connected", "handshake"])

    def test_closeSendsTheRest(self) -> None:
        """A close waits until everything is sent, and both ends see a clean end."""
        self.connect()
        rest = randbytes(2_000_000)
        self.client.transport.write(rest)
        self.client.transport.loseConnection()
        self.client.transport.write(b"too late")
        self.advance()
        self.assertEqual(self.server.data, rest)
        self.assertTrue(self.client.reason.check(ConnectionDone))
        self.assertTrue(self.server.reason.check(ConnectionDone))

    def test_closeWaitsForAnUnreadyPeer(self) -> None:
        """A peer that does not read yet keeps the rest from being sent, not from being kept."""
        self.connect()
        self.server.transport.pauseProducing()
        rest = randbytes(2_000_000)
        self.client.transport.write(rest)
        self.client.transport.loseConnection()
        self.advance(5)
        self.assertEqual(self.server.data, b"")
        self.server.transport.resumeProducing()
        self.advance()
        self.assertEqual(self.server.data, rest)
        self.assertEqual(self.client.told[-1], "lost")

    def test_abort(self) -> None:
        """An abort drops everything, at once."""
        self.connect()
        self.client.transport.write(randbytes(2_000_000))
        self.client.transport.abortConnection()
        self.advance()
        self.assertTrue(self.client.reason.check(ConnectionAborted))
        self.assertTrue(self.server.reason.check(ConnectionLost))

    def test_nothingAfterTheClose(self) -> None:
        """After we have closed nothing is handed up any more."""
        self.connect()
        self.server.transport.loseConnection()
        self.client.transport.write(b"late")
        self.advance()
        self.assertEqual(self.server.data, b"")

    def alone(self) -> tuple[MemoryTLSTransport, Engine]:
        """A client's transport upon a string, and the server's end; the test carries the bytes."""
        transport = MemoryTLSTransport(self.context, True, self.client)
        transport.makeConnection(StringTransport())
        server = Engine(self.serverContext, False)
        below = transport.transport
        while server.handshake(below.value()) is None:
            below.clear()
            leaving, server.leaving = server.leaving, b""
            transport.dataReceived(leaving)
        return transport, server

    def test_behindTheHandshake(self) -> None:
        """What comes together with the end of the handshake is handed up."""
        self.client = Upper()
        transport, server = self.alone()
        _, data = server.encrypt(memoryview(b"first"))
        transport.dataReceived(server.leaving + data)
        self.assertEqual(self.client.told, ["connected", "handshake"])
        self.assertEqual(self.client.data, b"first")

    def test_abortBeforeDamage(self) -> None:
        """Who aborts for what came before a damaged record is not told of that."""
        self.client = Upper()
        transport, server = self.alone()
        transport.dataReceived(server.leaving)
        self.client.dataReceived = lambda data: transport.abortConnection()
        _, data = server.encrypt(memoryview(b"bad"))
        transport.dataReceived(data + b"\x17\x03\x03\x00\x20" + bytes(32))
        self.assertIsNone(transport.failure)

    def test_raggedEnd(self) -> None:
        """A peer that closes TCP without close_notify ends the link normally."""
        self.connect()
        self.client.transport.write(b"last")
        self.client.transport.transport.unregisterProducer()
        self.client.transport.transport.loseConnection()
        self.advance()
        self.assertEqual(self.server.data, b"last")
        self.assertTrue(self.server.reason.check(ConnectionDone))

    def test_damagedRecord(self) -> None:
        """What came before a damaged record is handed up, then the link ends with the fault."""
        self.connect()
        self.client.transport.write(b"good")
        self.client.transport.transport.write(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.advance()
        self.assertEqual(self.server.data, b"good")
        self.assertTrue(self.server.reason.check(ssl.SSLError))

    def test_producerIsPausedAndResumed(self) -> None:
        """A push producer is paused while much waits, and resumed when it has gone."""
        self.connect()
        self.client.transport.registerProducer(self.client, True)
        self.server.transport.pauseProducing()
        self.client.transport.write(randbytes(1_000_000))
        self.advance()
        self.assertEqual(self.client.told[2:], ["pause"])
        self.server.transport.resumeProducing()
        self.advance()
        self.assertEqual(self.client.told[2:], ["pause", "resume"])
        self.client.transport.loseConnection()
        self.advance()
        self.assertNotIn("lost", self.client.told)
        self.client.transport.unregisterProducer()
        self.advance()
        self.assertIn("lost", self.client.told)

    def test_onlyOnePushProducer(self) -> None:
        """A second producer, and a pull producer, are refused."""
        self.connect()
        transport = self.client.transport
        self.assertRaises(NotImplementedError, transport.registerProducer, self.client, False)
        transport.registerProducer(self.client, True)
        self.assertRaises(RuntimeError, transport.registerProducer, self.client, True)

    def test_closeInTheHandshake(self) -> None:
        """A close while the handshake is under way gives it up."""
        self.path.latency = 1
        self.advance(2)
        self.client.transport.loseConnection()
        self.advance(5)
        self.assertEqual(self.client.told, ["connected", "lost"])
        self.assertEqual(self.server.told, ["connected", "lost"])
        self.assertEqual(self.server.data, b"")

    def test_addresses(self) -> None:
        """The transport knows both ends."""
        self.connect()
        self.assertEqual(self.client.transport.getPeer().host, "10.0.0.2")
        self.assertEqual(self.client.transport.getHost().host, "10.0.0.1")
        self.assertIsNotNone(self.client.transport.getPeerCertificate())
        self.assertIsNone(self.server.transport.getPeerCertificate())

    def test_resumedSession(self) -> None:
        """A session is never resumed: every handshake shows the certificates anew."""
        self.connect()
        session = self.client.transport._engine.tls.session
        self.client, self.server = Upper(), Upper()

        def resuming() -> MemoryTLSTransport:
            transport = MemoryTLSTransport(self.context, True, self.client)
            transport._engine.tls.session = session
            return transport

        self.reactor.connectTCP("10.0.0.2", 1, Dialler(resuming))
        self.advance()
        self.assertEqual(self.server.told, ["connected", "lost"])
        self.assertIn("resumed a session", self.client.reason.getErrorMessage())

    def pace(self, seconds: float, size: int) -> int:
        """How much is read at a time after much has come, each read of which took so long."""
        times = count(0.0, seconds)
        self.patch(fiscop2p.tls.transport, "monotonic", lambda: next(times))
        self.server.transport._tcp = tcp = SimpleNamespace(bufferSize=size)
        self.client.transport.write(randbytes(2_000_000))
        self.advance()
        return tcp.bufferSize

    def test_pace(self) -> None:
        """As much is read as is dealt with in two milliseconds."""
        self.connect()
        self.assertEqual(self.pace(0.05, 65_536), 16_384)
        self.assertEqual(self.pace(0.003, 65_536), 16_384)
        self.assertApproximates(self.pace(0.002, 32_768), 32_768, 200)
        self.assertGreater(self.pace(0.0001, 16_384), 60_000)

    def test_buffer(self) -> None:
        """What comes is handed up by the bufferful, and the last of it; the buffer is kept."""
        self.connect()
        self.patch(fiscop2p.tls.transport, "_PIECE", 17_000)
        self.patch(fiscop2p.tls.transport, "_BUFFER_SIZE", 60_000)
        buffers: list[memoryview] = []
        self.patch(fiscop2p.tls.transport, "_readBuffers", buffers)
        self.server.dataReceived = lambda data: pieces.append(bytes(data))
        for size in (1, 25_999, 26_001, 60_000, 300_000):
            pieces: list[bytes] = []
            sent = randbytes(size)
            self.client.transport.write(sent)
            self.advance()
            self.assertEqual(b"".join(pieces), sent)
            self.assertLessEqual(max(map(len, pieces)), 60_000)
            self.assertEqual([len(buffer) for buffer in buffers], [60_000])

    def test_readWhileReading(self) -> None:
        """What a link has read stays as it is while its owner has another one read."""
        self.connect()
        first, pieces = self.server, []
        self.server = Upper()
        client, self.client = self.client, Upper()
        self.reactor.connectTCP(
            "10.0.0.2", 1, Dialler(lambda: MemoryTLSTransport(self.context, True, self.client))
        )
        self.advance()

        def dataReceived(data: memoryview) -> None:
            before = bytes(data)
            self.client.transport.write(randbytes(100_000))
            self.advance()
            pieces.append(before == data)

        first.dataReceived = dataReceived
        client.transport.write(randbytes(50_000))
        self.advance()
        self.assertEqual(len(self.server.data), len(pieces) * 100_000)
        self.assertTrue(pieces and all(pieces))
