"""
What FISCO BCOS 2.x checks in the unit tests of its own network layer, in their order, here.

Each class stands for one of their suites and says what takes its place.  What another file tests
already is named in L{ELSEWHERE}.  Three things have no counterpart, because what they test is not
here: the SM context of a service (networks of SM algorithms are refused), the group that is read
from an SDK's request and whether the SDK may use it (no SDK connects to this node), and the port of
the key manager (a node key that it has encrypted is refused).
"""

from __future__ import annotations

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.config.values import dialectOf, version
from fiscop2p.errors import NotListed, PeerAbsent
from fiscop2p.identity import isNodeID
from fiscop2p.links.factories import AddressState
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC1, RC2
from tests.messages import MessageParser
from tests.strangers import STRANGER, Stranger, dial, listen, looseContext
from tests.temporary import temporaryFolder

ELSEWHERE = {
    "Socket: a peer must show a certificate": (
        "tests.tls.test_refusals.StandardSecp256k1.test_noCertificate",
        "tests.tls.test_refusals.PyOpenSSLSecp256k1.test_noCertificate",
    ),
    "Config: version RC1 and compression by default": (
        "tests.config.test_node.WholeTests.test_defaults",
        "tests.config.test_node.NetworkTests.test_version",
        "tests.config.test_node.NetworkTests.test_badVersion",
    ),
    "Config: no key manager": ("tests.config.test_node.FileTests.test_storageSecurity",),
    "Snappy: what is compressed comes back": (
        "tests.wire.test_compression.CompressTests.test_everyBlockDecodes",
    ),
    "FileSignal: nothing without the file, once with it, and the file is deleted": (
        "tests.test_reload.FilesTests.test_alone",
        "tests.test_reload.FilesTests.test_deleted",
    ),
    "RateLimiter: fresh, at the exact rate, in debt, after it, with a stock, with a burst": (
        "tests.traffic.test_limiter.RateTests.test_fresh",
        "tests.traffic.test_limiter.RateTests.test_exactRate",
        "tests.traffic.test_limiter.RateTests.test_debt",
        "tests.traffic.test_limiter.RateTests.test_afterADebt",
        "tests.traffic.test_limiter.RateTests.test_saved",
        "tests.traffic.test_limiter.BurstTests.test_remainder",
        "tests.traffic.test_limiter.BurstTests.test_window",
    ),
    "Sync packets: 0x80 is invalid and 0x7f valid, status and block request come back": (
        "tests.wire.test_blocksync.PacketTests.test_firstByte",
        "tests.wire.test_blocksync.PacketTests.test_blockRequest",
        "tests.wire.test_blocksync.SyncStatusTests.test_knownAnswer",
        "tests.wire.test_blocksync.SyncStatusTests.test_withoutTime",
    ),
    "RPC: getPeers, getNodeIDList, and a group that is none": (
        "tests.rpc.test_methods.QueryTests.test_getPeers",
        "tests.rpc.test_methods.QueryTests.test_getNodeIDList",
        "tests.rpc.test_methods.QueryTests.test_getPeersOfAnyGroup",
    ),
}
"""What of their tests is tested where, by which tests of ours."""


class ElsewhereTests(SynchronousTestCase):
    """What is not repeated here."""

    def test_isThere(self) -> None:
        """Every test that is named exists."""
        for names in ELSEWHERE.values():
            for name in names:
                self.assertTrue(callable(namedAny(name)), name)


class P2PMessageTests(SynchronousTestCase):
    """P2PMessage of RC1: a frame."""

    def test_length(self) -> None:
        """It declares header and payload, 12 bytes and more, and comes back as it was made."""
        payload = b"hello world!"
        frame = RC1.encode(2, 2, 1, payload)
        self.assertEqual(len(frame), 12 + len(payload))
        parser = MessageParser(RC1)
        self.assertEqual(list(parser.feed(frame)), [(2, 2, 1, payload)])
        self.assertEqual(parser.size, 12 + len(payload))


class NodeIPEndpointTests(SynchronousTestCase):
    """NodeIPEndpoint: L{Address}."""

    nowhere = Address("0.0.0.0", 0)  # noqa: S104 (only compared)
    here = Address("127.0.0.1", 30303)

    def test_parts(self) -> None:
        """It has a host and a port, and is written with a colon between them."""
        self.assertEqual(str(self.nowhere), "0.0.0.0:0")
        self.assertEqual((self.here.host, self.here.port), ("127.0.0.1", 30303))

    def test_order(self) -> None:
        """Addresses can be compared by their values."""
        self.assertEqual(self.here, Address.parse("127.0.0.1:30303"))
        self.assertNotEqual(self.here, self.nowhere)
        self.assertLess(self.nowhere, self.here)

    def test_key(self) -> None:
        """Equal addresses are one key."""
        known = {self.here: 1, self.nowhere: 2}
        known[Address.parse("127.0.0.1:30303")] = 3
        self.assertEqual(known, {self.here: 3, self.nowhere: 2})


class ReasonTests(SynchronousTestCase):
    """reasonOf: L{CloseReason}."""

    def test_words(self) -> None:
        """Every reason is a sentence of its own, with more behind it where more is known."""
        sentences = [reason.words("") for reason in CloseReason]
        self.assertEqual(len(set(sentences)), len(CloseReason))
        for reason, sentence in zip(CloseReason, sentences, strict=True):
            self.assertGreater(len(sentence.split()), 2)
            self.assertEqual(reason.words("of 64 bytes"), f"{sentence}: of 64 bytes")


class StrangerTestCase(SynchronousTestCase):
    """A node, and a stranger who may be of its chain."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(0, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.addNode([Address(STRANGER, PORT)])
        assert self.network.agency is not None
        self.issued = self.network.agency.issueNode("node9")
        self.stranger = Stranger(RC2.encode(2, 1, 0, b"0"))

    def inbound(self, certified: bool = True) -> None:
        """Let the stranger dial the node."""
        issued = self.issued if certified else None
        context = looseContext(True, issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.stranger)
        self.network.advance(0)

    def outbound(self, certified: bool = True) -> None:
        """Let the node dial the stranger."""
        issued = self.issued if certified else None
        listen(self.network, looseContext(False, issued, temporaryFolder(self)), self.stranger)
        self.network.advance(3)

    def assertSessions(self, count: int) -> None:
        self.assertEqual(len(self.node.registry), count)


class SessionTests(StrangerTestCase):
    """P2PSession and Session: the session of a node in the registry."""

    def test_active(self) -> None:
        """There is one when the peer has spoken, and none when its connection is closed."""
        self.assertRaises(PeerAbsent, self.node.registry.session, self.issued.nodeID)
        self.inbound()
        session = self.node.registry.session(self.issued.nodeID)
        self.assertEqual(session.identity.nodeID, self.issued.nodeID)
        self.assertEqual((session.address.host, session.outbound), (STRANGER, False))
        self.assertIsNone(session.closeReason)
        self.stranger.transport.abortConnection()
        self.network.advance(0)
        self.assertIsNotNone(session.closeReason)
        self.assertRaises(PeerAbsent, self.node.registry.session, self.issued.nodeID)

    def test_stopped(self) -> None:
        """There is none when we have closed it, and it says why."""
        self.inbound()
        session = self.node.registry.session(self.issued.nodeID)
        session.close(CloseReason.STOPPED)
        self.assertEqual(session.closeReason, CloseReason.STOPPED)
        self.assertSessions(0)

    def test_nobodyWaitsForSeqZero(self) -> None:
        """No request has seq 0, so a response with it is nobody's."""
        self.inbound()
        self.stranger.transport.write(RC2.encode(-9999, 0, 0, b""))
        self.network.advance(0)
        self.assertEqual(self.node.counters["responses nobody waited for"], 1)
        self.assertSessions(1)

    def test_heartbeatWhileStopped(self) -> None:
        """A heartbeat of a node that does not run goes nowhere, and is no error."""
        self.inbound()
        self.node.stopService()
        self.network.advance(10)
        heard = len(self.stranger.frames())
        self.node._topics.sync.announce()
        self.network.advance(10)
        self.assertEqual(len(self.stranger.frames()), heard)


class ServiceTests(SynchronousTestCase):
    """Service and the getters of Host: a node."""

    def test_startAndStop(self) -> None:
        """A node with one address to dial, at which nobody is, starts and stops."""
        network = MemoryNetwork(0, tls="ssl")
        node = network.addNode([Address("10.1.2.3", 30300)])
        network.advance(1)
        self.assertEqual([status.state for status in node.addresses()], [AddressState.WAITING])
        network.stop()
        self.assertFalse(node.running)

    def test_getters(self) -> None:
        """It says where it listens, whom it keeps out, and whether it runs."""
        network = MemoryNetwork(0, settings=Settings(dialect=RC1))
        node = network.addNode(access=AccessLists(black=frozenset({"a" * 128})))
        self.assertEqual(node.listenAddress, Address("10.0.0.0", 30300))
        self.assertEqual(node.access.black, {"a" * 128})
        self.assertIs(node.settings.dialect, RC1)
        self.assertTrue(node.running)
        network.stop()
        self.assertFalse(node.running)


class HostAcceptTests(StrangerTestCase):
    """Host, accepting."""

    def test_success(self) -> None:
        """A peer of the chain is a session."""
        self.inbound()
        self.assertSessions(1)

    def test_error(self) -> None:
        """A connection that ends at once is none."""
        dial(self.network, self.node, None, self.stranger)
        self.network.advance(0)
        self.stranger.transport.abortConnection()
        self.network.advance(1)
        self.assertSessions(0)

    def test_noCertificate(self) -> None:
        """A peer without a certificate is none: it does not come out of the handshake."""
        self.inbound(certified=False)
        self.network.advance(1)
        self.assertFalse(self.stranger.handshaken)
        self.assertIsNotNone(self.stranger.lost)
        self.assertSessions(0)


class HostConnectTests(StrangerTestCase):
    """Host, dialling."""

    def test_blackListed(self) -> None:
        """A peer on the black list is no session."""
        self.node.setAccess(AccessLists(black=frozenset({self.issued.nodeID})))
        self.outbound()
        self.assertIsNotNone(self.stranger.lost)
        self.assertSessions(0)

    def test_noCertificate(self) -> None:
        """A peer without a certificate is none."""
        self.outbound(certified=False)
        self.assertIsNotNone(self.stranger.lost)
        self.assertSessions(0)

    def test_aborted(self) -> None:
        """An attempt that the node's end cuts short is none, and nothing is left of it."""
        self.network.fabric.path(self.node.settings.listen.host, STRANGER).isSilent = True
        self.network.advance(3)
        self.assertEqual(self.node.addresses()[0].state, AddressState.CONNECTING)
        stopped = self.node.stopService()
        self.network.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.assertSessions(0)

    def test_success(self) -> None:
        """A peer that is reached is a session beside that of a peer that has dialled."""
        other = self.network.addNode([self.node.settings.listen])
        self.network.advance(1)
        self.assertSessions(1)
        self.outbound()
        self.assertEqual(set(self.node.registry), {other.nodeID, self.issued.nodeID})
        self.assertTrue(self.node.registry.session(self.issued.nodeID).outbound)


class PeerWhitelistTests(SynchronousTestCase):
    """PeerWhitelist: L{isNodeID} and L{AccessLists}."""

    def test_nodeIDs(self) -> None:
        """A node ID has 128 hexadecimal digits."""
        self.assertTrue(isNodeID("0123456789abcdef" * 8))
        for text in ("", "1", "a" * 127 + "g"):
            self.assertFalse(isNodeID(text))

    def test_onAndOff(self) -> None:
        """A list of three lets in those; without it everybody is let in; with it again, those."""
        *members, stranger = (digit * 128 for digit in "abcd")
        lists = AccessLists(white=frozenset(members))
        for access in (lists, AccessLists(), lists):
            for nodeID in members:
                access.judge(nodeID)
            if access.white is None:
                access.judge(stranger)
            else:
                self.assertRaises(NotListed, access.judge, stranger)


class ConfigTests(SynchronousTestCase):
    """The version in the configuration; the dialect is all that comes of it here."""

    def test_versions(self) -> None:
        """A release of 2.x is RC2; one that is not yet, or is none, is refused."""
        self.assertIs(dialectOf(version("2.0.3")), RC2)
        for text in ("22.5.3", "2.0.3.1", "2.a.3", "2.0.256"):
            self.assertRaises(ValueError, version, text)
