"""Which links that others dial are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.links.admission import Admission
from fiscop2p.links.factories import PeerServerFactory
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork, VirtualClock
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC2
from tests.strangers import STRANGER, Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder

HEARTBEAT = RC2.encode(2, 1, 0, b"0")
CONFIGURED = "10.8.8.8"


class FakeSession:
    """A link as L{Admission} sees it."""

    def __init__(self, host: str, nodeID: str = "") -> None:
        self.address = Address(host, 50000)
        self.nodeID = nodeID


class AdmissionTests(SynchronousTestCase):
    """Counting links, under a virtual clock."""

    def setUp(self) -> None:
        self.clock = VirtualClock()

    def admission(self, **limits: Any) -> Admission:
        def isConfigured(host: str, nodeID: str) -> bool:
            return host == CONFIGURED or nodeID == "member"

        return Admission(Settings(**limits), self.clock, isConfigured)

    def connect(self, admission: Admission, host: str) -> FakeSession | CloseReason:
        refusal = admission.refusal(host)
        if refusal is not None:
            return refusal
        session = FakeSession(host)
        admission.connected(session)
        return session

    def test_linksPerHost(self) -> None:
        """An IP address has so many links, proven or not; a link that ends makes room."""
        admission = self.admission(maxLinksPerHost=2)
        first = self.connect(admission, "1.1.1.1")
        admission.proven(first)
        self.connect(admission, "1.1.1.1")
        self.assertIs(self.connect(admission, "1.1.1.1"), CloseReason.TOO_MANY_LINKS)
        self.assertIsInstance(self.connect(admission, "2.2.2.2"), FakeSession)
        admission.closed(first)
        self.assertIsInstance(self.connect(admission, "1.1.1.1"), FakeSession)

    def test_mappedAddress(self) -> None:
        """An IPv4 address is the same where IPv6 is listened on."""
        admission = self.admission(maxLinksPerHost=1)
        self.connect(admission, "::ffff:1.1.1.1")
        self.assertIs(self.connect(admission, "1.1.1.1"), CloseReason.TOO_MANY_LINKS)
        for _ in range(2):
            self.assertIsInstance(self.connect(admission, f"::ffff:{CONFIGURED}"), FakeSession)

    def test_handshakes(self) -> None:
        """So many links may be short of their first frame; then one has to prove itself or end."""
        admission = self.admission(maxHandshakes=2)
        first, second = (self.connect(admission, f"1.1.1.{n}") for n in range(2))
        self.assertIs(self.connect(admission, "1.1.1.9"), CloseReason.TOO_MANY_HANDSHAKES)
        admission.proven(first)
        self.connect(admission, "1.1.1.9")
        self.assertIs(self.connect(admission, "1.1.1.10"), CloseReason.TOO_MANY_HANDSHAKES)
        admission.closed(second)
        self.assertIsInstance(self.connect(admission, "1.1.1.10"), FakeSession)

    def test_acceptRate(self) -> None:
        """After a burst links are taken at the rate, however many are dialled."""
        admission = self.admission(maxAcceptRate=5.0, maxLinksPerHost=99, maxHandshakes=99)

        def taken() -> int:
            links = [self.connect(admission, "1.1.1.1") for _ in range(30)]
            sessions = [link for link in links if isinstance(link, FakeSession)]
            refused = {link for link in links if not isinstance(link, FakeSession)}
            self.assertEqual(refused, {CloseReason.TOO_FAST})
            for session in sessions:
                admission.closed(session)
            return len(sessions)

        self.assertEqual(taken(), 10)
        self.assertEqual(taken(), 0)
        self.clock.advance(1)
        self.assertEqual(taken(), 5)
        self.clock.advance(3600)
        self.assertEqual(taken(), 10)

    def test_fullHostTakesNoneOfTheRate(self) -> None:
        """One address that dials and dials cannot use up what others may dial."""
        admission = self.admission(maxAcceptRate=5.0, maxLinksPerHost=2)
        for _ in range(100):
            self.connect(admission, "1.1.1.1")
        self.assertIsInstance(self.connect(admission, "2.2.2.2"), FakeSession)

    def test_configuredAddresses(self) -> None:
        """Strangers use up nothing of what the configured addresses have, nor they of theirs."""
        admission = self.admission(maxAcceptRate=5.0, maxHandshakes=3, maxLinksPerHost=1)
        strangers = [self.connect(admission, f"1.1.1.{n}") for n in range(3)]
        self.assertIs(self.connect(admission, "1.1.1.9"), CloseReason.TOO_MANY_HANDSHAKES)
        members = [self.connect(admission, CONFIGURED) for _ in range(3)]
        self.assertTrue(all(isinstance(link, FakeSession) for link in strangers + members))
        self.assertIs(self.connect(admission, CONFIGURED), CloseReason.TOO_MANY_HANDSHAKES)
        admission.closed(strangers[0])
        self.assertIsInstance(self.connect(admission, "1.1.1.9"), FakeSession)
        for _ in range(100):
            admission.closed(members.pop())
            members.append(self.connect(admission, CONFIGURED))
            self.assertIsInstance(members[-1], FakeSession)

    def test_inboundPeers(self) -> None:
        """So many nodes that are not configured may be linked; a further link of one is none."""
        admission = self.admission(maxInboundPeers=2)

        def opened(host: str, nodeID: str) -> CloseReason | None:
            session = FakeSession(host, nodeID)
            admission.connected(session)
            links.append(session)
            return admission.opened(session)

        links: list[FakeSession] = []
        self.assertIsNone(opened("1.1.1.1", "a"))
        self.assertIsNone(opened("1.1.1.2", "b"))
        self.assertIs(opened("1.1.1.3", "c"), CloseReason.TOO_MANY_PEERS)
        self.assertIsNone(opened("1.1.1.9", "a"))
        self.assertIsNone(opened("1.1.1.4", "member"))
        self.assertIsNone(opened(CONFIGURED, "d"))
        admission.closed(links[0])
        self.assertIs(opened("1.1.1.3", "c"), CloseReason.TOO_MANY_PEERS)
        admission.closed(links[3])
        self.assertIsNone(opened("1.1.1.3", "c"))

    def test_nothingIsLeftBehind(self) -> None:
        """Links that have ended are forgotten."""
        admission = self.admission(maxAcceptRate=1e6)
        for number in range(5000):
            session = FakeSession(f"1.1.{number >> 8}.{number & 255}", str(number))
            self.assertIsNone(admission.refusal(session.address.host))
            admission.connected(session)
            admission.opened(session)
            if number % 2:
                admission.proven(session)
            admission.closed(session)
        held = (admission._links, admission._handshakes, admission._peers)
        self.assertEqual([len(each) for each in held], [0, 0, 0])


class DoorTests(SynchronousTestCase):
    """A node, a member that is linked, and strangers who dial it."""

    def start(self, **limits: Any) -> None:
        self.network = MemoryNetwork(0, tls="ssl", settings=Settings(**limits))
        self.addCleanup(self.network.stop)
        self.node = self.network.addNode([Address(CONFIGURED, PORT)])
        self.lines = logLines(self)
        self.member, self.memberID = self.verified("10.7.7.7")
        self.speak()
        self.assertIn(self.memberID, self.node.registry)

    def verified(self, host: str) -> tuple[Stranger, str]:
        """Dial with a certificate of the CA."""
        issued = self.network.agency.issueNode("member")
        stranger = Stranger(HEARTBEAT)
        folder = temporaryFolder(self)
        dial(self.network, self.node, looseContext(True, issued, folder), stranger, host)
        self.network.advance(0)
        return stranger, issued.nodeID

    def silent(self, host: str) -> Stranger:
        """Dial and say nothing."""
        stranger = Stranger()
        dial(self.network, self.node, None, stranger, host)
        self.network.advance(0)
        return stranger

    def hosts(self, count: int) -> Iterator[str]:
        return (f"10.6.{number >> 8}.{number & 255}" for number in range(count))

    def speak(self) -> None:
        self.member.transport.write(HEARTBEAT)
        self.network.advance(0)

    def test_silentStrangers(self) -> None:
        """Only so many get as far as the handshake; they are cut, and who is linked stays."""
        self.start()
        wrapped = []
        tls = self.node._links.tls
        wrap = tls.wrap
        self.patch(tls, "wrap", lambda *a, **k: wrapped.append(a) or wrap(*a, **k))
        strangers = [self.silent(host) for host in self.hosts(90)]
        self.assertEqual(sum(each.lost is None for each in strangers), 32)
        self.assertEqual(len(wrapped), 32)
        self.assertEqual(self.node.closes[CloseReason.TOO_MANY_HANDSHAKES], 58)
        for _ in range(11):
            self.speak()
            self.network.advance(1)
        self.assertEqual(sum(each.lost is None for each in strangers), 0)
        self.assertEqual(self.node.closes[CloseReason.HANDSHAKE_TIMEOUT], 32)
        self.assertIsNone(self.member.lost)
        self.assertIsNone(self.silent("10.6.9.9").lost)

    def test_configuredAddressComesThrough(self) -> None:
        """While strangers hold all handshakes, a link from a configured address is taken."""
        self.start()
        for host in self.hosts(90):
            self.silent(host)
        _, refused = self.verified("10.7.7.9")
        _, taken = self.verified(CONFIGURED)
        self.assertNotIn(refused, self.node.registry)
        self.assertIn(taken, self.node.registry)

    def test_configuredByName(self) -> None:
        """So is one from where a configured name has led."""
        self.start()
        self.assertFalse(self.node._links._isConfigured(STRANGER, ""))
        (client,) = self.node._links._clients.values()
        client.linkProven(_Met(STRANGER, "f" * 128))
        self.assertTrue(self.node._links._isConfigured(STRANGER, ""))
        self.assertTrue(self.node._links._isConfigured("1.2.3.4", "f" * 128))
        self.assertFalse(self.node._links._isConfigured("1.2.3.4", ""))

    def test_oneAddress(self) -> None:
        """One address cannot take all the links; the log names it once a minute."""
        self.start()
        strangers = [self.silent(STRANGER) for _ in range(30)]
        self.assertEqual(sum(each.lost is None for each in strangers), 8)
        self.assertEqual(self.node.closes[CloseReason.TOO_MANY_LINKS], 22)
        text = f"remote endpoint={STRANGER},code=5,message={CloseReason.TOO_MANY_LINKS.value}"
        self.assertEqual(sum(text in line for line in self.lines), 1)
        self.network.advance(61)
        repeated = [line for line in self.lines if text in line and "repeated=21" in line]
        self.assertEqual(len(repeated), 1)

    def test_wrappedByAnEndpoint(self) -> None:
        """An endpoint that wraps protocols is given one, which closes its connection."""
        self.start()
        links = self.node._links
        for _ in range(8):
            self.silent(STRANGER)
        address = IPv4Address("TCP", STRANGER, 1)
        self.assertIsNone(PeerServerFactory(links).buildProtocol(address))
        links.settings = replace(links.settings, endpoint="haproxy:tcp:30300")
        transport = StringTransportWithDisconnection()
        refused = PeerServerFactory(links).buildProtocol(address)
        transport.protocol = refused
        refused.makeConnection(transport)
        self.assertFalse(transport.connected)
        self.assertEqual(self.node.closes[CloseReason.TOO_MANY_LINKS], 2)

    def test_tooManyPeers(self) -> None:
        """A node that is one too many is refused by name; members may come back meanwhile."""
        self.start(maxInboundPeers=2)
        self.verified("10.7.7.8")
        third, thirdID = self.verified("10.7.7.9")
        self.network.advance(0.1)
        self.assertNotIn(thirdID, self.node.registry)
        self.assertIsNotNone(third.lost)
        self.assertEqual(third.data, b"")
        self.assertTrue(any(CloseReason.TOO_MANY_PEERS.value in line for line in self.lines))
        (record,) = self.node.registry.historyOf(thirdID)
        self.assertIs(record.reason, CloseReason.TOO_MANY_PEERS)
        self.assertEqual(len(self.node.registry), 2)
        self.member.transport.loseConnection()
        self.network.advance(0.1)
        _, fourthID = self.verified("10.7.7.10")
        self.assertIn(fourthID, self.node.registry)


class _Met:
    """A session, as far as its factory looks at it."""

    def __init__(self, host: str, nodeID: str) -> None:
        self.address = Address(host, PORT)
        self.nodeID = nodeID
