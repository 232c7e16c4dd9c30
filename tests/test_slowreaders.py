"""A peer that does not read: what it costs the sender, and the others, over real sockets."""

from __future__ import annotations

import tracemalloc
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from fiscop2p.chain.authority import Authority
from fiscop2p.errors import PeerBusy
from fiscop2p.identity import loadCredentials
from fiscop2p.interfaces import Message
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Overflow, Settings
from fiscop2p.testing.network import writeCredentials
from tests.temporary import temporaryFolder

MIB = 1 << 20
AIMED = 200 * MIB
MOST_BESIDE_THE_QUEUE = 20 * MIB
NOISE = Random(3).randbytes(MIB)


class SlowReaderTests(TestCase):
    """Three nodes on loopback: one sends, one does not read, one does."""

    timeout = 120
    tls = "ssl"
    curve = "secp256k1"
    overflow = Overflow.REFUSE

    def setUp(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.start())

    async def start(self) -> None:
        agency = Authority.makeRoot(curve=self.curve).issueAgency("agency")
        nodes = [self.makeNode(agency, name) for name in ("sender", "slow", "quick")]
        self.sender, self.slow, self.quick = nodes
        for reader in (self.slow, self.quick):
            self.sender.addPeer(reader.listenAddress)
            await self.sender.registry.whenConnected(reader.nodeID)
            await reader.registry.whenConnected(self.sender.nodeID)
        self.protocolID = self.sender.protocolID(1, 1000)
        self.arrived: dict[str, int] = {node.nodeID: 0 for node in nodes}
        for node in (self.slow, self.quick):
            node.handle(self.protocolID, self.counter(node.nodeID))
        self.link = self.slow.registry.session(self.sender.nodeID)
        # As it does when its application has too much to do; its silence would end the link.
        self.link.isPaused = True
        self.link.transport.pauseProducing()

    def makeNode(self, agency: Authority, name: str) -> P2PService:
        folder = temporaryFolder(self)
        writeCredentials(agency.issueNode(name), folder)
        settings = Settings(
            listen=Address("127.0.0.1", 0), tls=self.tls, overflow=self.overflow, compress=False
        )
        node = makeNode(loadCredentials(folder), settings, reactor=reactor)
        node.startService()
        self.addCleanup(node.stopService)
        return node

    def counter(self, nodeID: str):
        def arrived(message: Message) -> None:
            self.arrived[nodeID] += len(message.payload)

        return arrived

    def send(self, node: P2PService, size: int) -> int:
        """Send memory of its own; tell how many bytes were taken."""
        try:
            self.sender.send(node.nodeID, NOISE[:size], protocolID=self.protocolID)
        except PeerBusy:
            return 0
        return size

    async def aim(self, size: int) -> int:
        """
        Aim 200 MiB at the slow one, 1 MiB in a turn of the reactor, and a little at the other.

        @return: how many bytes were taken for the slow one.
        """
        taken, turns = 0, AIMED // MIB
        for turn in range(1, turns + 1):
            taken += sum(self.send(self.slow, size - 1) for _ in range(MIB // size))
            self.send(self.quick, 1000)
            await deferLater(reactor, 0)
            # What is sent to the one that reads has left when the turn ends, and is there soon.
            while self.arrived[self.quick.nodeID] < turn * 1000:
                await deferLater(reactor, 0)
        return taken

    async def assertBounded(self, size: int) -> int:
        """Aim messages of a size; give how many bytes were taken."""
        tracemalloc.start()
        try:
            taken = await self.aim(size)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, Settings.maxQueue + MOST_BESIDE_THE_QUEUE)
        self.assertEqual(self.arrived[self.slow.nodeID], 0)
        self.assertGreaterEqual(taken, Settings.maxQueue)
        return taken

    async def resume(self, taken: int) -> None:
        """Let the slow one read, until so much has arrived."""
        self.link.isPaused = False
        self.link.transport.resumeProducing()
        while self.arrived[self.slow.nodeID] < taken:
            await deferLater(reactor, 0.001)

    async def test_largeMessages(self) -> None:
        """Memory stays within the queue's limit and 20 MiB; the other reader waits for nothing."""
        taken = await self.assertBounded(MIB)
        self.assertLess(taken, AIMED // 2)
        await self.resume(taken)

    async def test_middleMessages(self) -> None:
        """The same with messages that are joined."""
        taken = await self.assertBounded(16 * 1024)
        self.assertLess(taken, AIMED // 2)
        await self.resume(taken)


class DropOldestTests(SlowReaderTests):
    """The same where the oldest messages make room: all are taken, and memory is bounded."""

    overflow = Overflow.DROP_OLDEST

    async def assertBounded(self, size: int) -> int:
        """The same; what arrives in the end is less than what is taken."""
        taken = await super().assertBounded(size)
        self.assertEqual(taken, AIMED // size * (size - 1))
        dropped = self.sender.counters["messages dropped for slow readers"]
        return taken - dropped * (size - 1)


class PyOpenSSLTests(SlowReaderTests):
    """The same by pyOpenSSL, whose own buffers are bounded by our pauses."""

    tls = "pyopenssl"
    curve = "prime256v1"
