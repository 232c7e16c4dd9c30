"""Certificates that are renewed, and revoked, while links stand."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1, SECP256K1, Authority, IssuedNode, revocation
from fiscop2p.errors import CredentialsError, TLSUnavailable
from fiscop2p.identity import loadCredentials
from fiscop2p.interfaces import Message
from fiscop2p.reload import Reload
from fiscop2p.service import P2PService
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT, writeCredentials
from tests.strangers import STRANGER, Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder

NOW = datetime.now(UTC)
MODULE = (1 << 16) | 1000
ROUNDS = 200
BURST = 20


class RenewalTestCase(SynchronousTestCase):
    """
    A node that dials one peer and is dialled by another, and its files.

    @ivar node: the node.
    @ivar conf: where its key and certificates are.
    """

    tls = "ssl"
    curve = PRIME256V1

    def setUp(self) -> None:
        try:
            self.network = MemoryNetwork(0, tls=self.tls, curve=self.curve)
            self.node = self.network.addNode([Address("10.0.0.1", PORT)])
        except TLSUnavailable as error:
            raise SkipTest(str(error)) from None
        self.agency = self.network.agency
        self.dialled = self.network.addNode()
        self.accepted = self.network.addNode([Address("10.0.0.0", PORT)])
        self.addCleanup(self.network.stop)
        self.network.advance(5)
        self.own = self.network.issued[0]
        self.file = temporaryFolder(self) / "config.ini"
        self.conf = self.file.parent / "conf"
        self.file.write_text("[network_security]\n")
        writeCredentials(self.own, self.conf)
        self.reload = Reload(self.file, self.node, self.network.clock)
        self.lines = logLines(self)

    def renewed(self, name: str) -> IssuedNode:
        """Another certificate for our own key."""
        return self.agency.issueNode(name, key=self.own.key)

    def hangUp(self) -> list[str]:
        """Do what SIGHUP does; what is said of the certificates."""
        self.lines.clear()
        self.reload.reload()
        return [line for line in self.lines if "certificate" in line and "whitelist" not in line]

    def names(self) -> list[str]:
        """What each peer takes from our certificate, by which its link was made."""
        return [
            peer.registry.session(self.node.nodeID).identity.name
            for peer in (self.dialled, self.accepted)
        ]

    def linkAnew(self) -> None:
        """Break all links, and let them be made again."""
        for peer in (self.dialled, self.accepted):
            self.network.cut(self.node, peer)
            self.network.heal(self.node, peer)
        self.network.advance(15)


class RenewalTests(RenewalTestCase):
    """Files that are whole."""

    def test_newLinks(self) -> None:
        """New links show the new certificate, in both directions; those that stand stay."""
        sessions = set(self.node.registry.sessions)
        self.assertEqual(len(sessions), 2)
        renewed = self.renewed("renewed")
        writeCredentials(renewed, self.conf)
        (line,) = self.hangUp()
        end = f"{renewed.certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
        self.assertEqual(
            line,
            "info: certificates taken up for new links: OU=node,O=fisco-bcos,CN=renewed, issued by "
            f"agency, valid until {end} UTC; no revocation list; no link is closed",
        )
        self.network.advance(30)
        self.assertEqual(set(self.node.registry.sessions), sessions)
        self.assertEqual(self.names(), ["node0", "node0"])
        self.linkAnew()
        self.assertEqual(self.names(), ["renewed", "renewed"])
        self.assertEqual(self.node.identity.name, "renewed")

    def stranger(self, issued: IssuedNode) -> Stranger:
        """Let somebody with this certificate dial us."""
        stranger = Stranger()
        context = looseContext(True, issued, temporaryFolder(self), self.curve)
        dial(self.network, self.node, context, stranger)
        return stranger

    def test_inHandshake(self) -> None:
        """A handshake that is under way goes on."""
        self.network.fabric.path("10.0.0.0", STRANGER).latency = 0.2
        stranger = self.stranger(self.agency.issueNode("node9"))
        self.network.advance(0.5)
        self.assertFalse(stranger.handshaken)
        writeCredentials(self.renewed("renewed"), self.conf)
        self.hangUp()
        self.network.advance(2)
        self.assertEqual(stranger.frames()[0], (2, 1, 0, b"0"))
        shown = x509.load_der_x509_certificate(stranger.transport.getPeerCertificate())
        self.assertEqual(shown, self.own.certificate)

    def test_unchanged(self) -> None:
        """Where nothing has changed that is said."""
        self.hangUp()
        self.assertEqual(self.hangUp(), ["info: the certificates are as they were"])

    def test_otherCA(self) -> None:
        """With a further CA in C{ca.crt}, nodes of its chain are let in."""
        other = Authority.makeRoot("other", self.curve).issueAgency("bank").issueNode("node9")
        before = self.stranger(other)
        self.network.advance(1)
        self.assertEqual(before.data, b"")
        (self.conf / "ca.crt").write_bytes(self.own.caPEM + other.caPEM)
        self.hangUp()
        afterwards = self.stranger(other)
        self.network.advance(1)
        self.assertEqual(afterwards.frames()[0], (2, 1, 0, b"0"))


class WrongFilesTests(RenewalTestCase):
    """Files that are wrong, or not whole yet."""

    def assertKept(self, *words: str) -> None:
        """Check that a reload changes nothing, and says so."""
        before = self.node.credentials
        (line,) = self.hangUp()
        self.assertTrue(line.startswith("error: "), line)
        self.assertTrue(
            line.endswith("; key, certificates and revocation lists stay as they were"), line
        )
        for each in words:
            self.assertIn(each, line)
        self.assertIs(self.node.credentials, before)
        self.linkAnew()
        self.assertEqual(self.names(), ["node0", "node0"])

    def test_otherKey(self) -> None:
        """With another key we should be another node; that takes a restart."""
        other = self.agency.issueNode("renewed")
        writeCredentials(other, self.conf)
        self.assertKept(
            f"node.key: is another node's key: this node is {self.own.nodeID[:8]}..., that one "
            f"{other.nodeID[:8]}...; a node that shall become another must be restarted"
        )

    def test_oneAfterTheOther(self) -> None:
        """A key without its certificate changes nothing, nor does a certificate without its key."""
        other = self.agency.issueNode("renewed")
        (self.conf / "node.crt").write_bytes(other.certificatePEM)
        self.assertKept("node.key: does not match the certificate")
        writeCredentials(self.own, self.conf)
        (self.conf / "node.key").write_bytes(other.keyPEM)
        self.assertKept("node.key: does not match the certificate")

    def test_halfWritten(self) -> None:
        """A file of which only a part is there changes nothing."""
        whole = self.renewed("renewed").certificatePEM
        for content, words in (
            (b"", "no PEM certificate in it"),
            (whole[:300], "damaged"),
            (whole[: whole.index(b"-----BEGIN", 10)], "does not lead to the CA"),
        ):
            (self.conf / "node.crt").write_bytes(content)
            self.assertKept("node.crt", words)

    def test_config(self) -> None:
        """A C{config.ini} that cannot be read changes nothing."""
        self.file.write_text("[network_security]\ncert=\n")
        self.assertKept("config.ini:2: [network_security] cert: expected the name of a file")

    def test_changesWhileRead(self) -> None:
        """What OpenSSL reads must be what was checked."""
        credentials = loadCredentials(self.conf)
        writeCredentials(self.renewed("renewed"), self.conf)
        error = self.assertRaises(CredentialsError, self.node.setCredentials, credentials)
        self.assertIn("node.crt: has changed while it was read", str(error))

    def test_readableKey(self) -> None:
        """A key that others may read is refused then, too."""
        (self.conf / "node.key").chmod(0o640)
        self.assertKept("run: chmod 600")


class RevocationTests(RenewalTestCase):
    """Revocation lists that come while links stand."""

    def write(self, *revoked: IssuedNode, **validity: datetime) -> None:
        """Write the agency's list."""
        entries = [revocation(each.certificate) for each in revoked]
        crl = self.agency.issueList(entries, **validity)
        (self.conf / "crl.pem").write_bytes(crl.public_bytes(Encoding.PEM))
        self.file.write_text("[network_security]\ncrl_file=crl.pem\n")

    def peers(self) -> set[P2PService]:
        """Who is connected."""
        return {node for node in self.network.nodes if node.nodeID in self.node.registry}

    def test_revoked(self) -> None:
        """Links to a peer that has been revoked are closed at once, and none is made again."""
        _, dialled, accepted = self.network.issued
        for revoked, peer, left in (
            (dialled, self.dialled, {self.accepted}),
            (accepted, self.accepted, {self.dialled}),
        ):
            self.write(revoked)
            (line,) = (each for each in self.hangUp() if each.startswith("info: certificates"))
            self.assertIn("1 certificate revoked, by the list of agency until ", line)
            self.assertIn(f"links are closed to {peer.nodeID[:8]}...", line)
            self.network.advance(60)
            self.assertEqual(self.peers(), left)
            self.assertNotIn(self.node.nodeID, peer.registry)
            self.write()
            self.hangUp()
            self.network.advance(15)
            self.assertEqual(self.peers(), {self.dialled, self.accepted})

    def test_wrongList(self) -> None:
        """A list that is wrong lets nobody back in who is on the one before."""
        _, _, accepted = self.network.issued
        self.write(accepted)
        self.hangUp()
        self.write(notBefore=NOW - timedelta(2), notAfter=NOW - timedelta(1))
        (line,) = self.hangUp()
        self.assertIn("error: ", line)
        self.assertIn("the revocation list of agency expired on", line)
        self.network.advance(60)
        self.assertEqual(self.peers(), {self.dialled})

    def test_ourselves(self) -> None:
        """Our own certificate among the revoked is an error."""
        self.write(self.own)
        (line,) = self.hangUp()
        self.assertIn("node.crt: the certificate of node0 was revoked by agency", line)


class LoadMixin:
    """All nodes renew their certificates again and again while all talk to all."""

    def test_nothingLostNothingTwice(self) -> None:
        """Of messages and requests under renewal none is lost, repeated, late or unanswered."""
        nodes = self.network.nodes
        self.node.addPeer(Address("10.0.0.2", PORT))
        self.dialled.addPeer(Address("10.0.0.2", PORT))
        self.network.advance(15)
        sessions = [set(node.registry.sessions) for node in nodes]
        self.assertEqual([len(each) for each in sessions], [2, 2, 2])
        received: dict[tuple[str, str], list[int]] = defaultdict(list)
        answers: dict[tuple[str, str], list[int]] = defaultdict(list)

        def take(receiver: str, message: Message) -> bytes:
            received[message.sender, receiver].append(int.from_bytes(message.payload[:8]))
            return message.payload[:8]

        pairs = [(one, other) for one in nodes for other in nodes if one is not other]
        for node in nodes:
            node.handle(MODULE, partial(take, node.nodeID))
        conf = temporaryFolder(self)
        number = 0
        for turn in range(ROUNDS):
            for _ in range(BURST):
                for one, other in pairs:
                    payload = number.to_bytes(8) + bytes(200)
                    if number % BURST:
                        one.send(other.nodeID, payload, protocolID=MODULE)
                    else:
                        answered = answers[one.nodeID, other.nodeID]
                        asked = one.request(other.nodeID, payload, protocolID=MODULE)
                        asked.addCallback(int.from_bytes).addCallback(answered.append)
                number += 1
            self.network.advance(0.01)
            if turn % 10 == 5:
                index = turn // 10 % len(nodes)
                key = self.network.issued[index].key
                writeCredentials(self.agency.issueNode(f"renewed{turn}", key=key), conf)
                nodes[index].setCredentials(loadCredentials(conf))
        self.network.advance(1)
        sent = list(range(ROUNDS * BURST))
        for one, other in pairs:
            self.assertEqual(received[one.nodeID, other.nodeID], sent)
            self.assertEqual(answers[one.nodeID, other.nodeID], sent[::BURST])
        self.assertEqual([set(node.registry.sessions) for node in nodes], sessions)
        self.assertEqual({node.identity.name[:7] for node in nodes}, {"renewed"})


class StandardSecp256k1Load(LoadMixin, RenewalTestCase):
    """By the standard library, on the curve of real chains."""

    curve = SECP256K1


class StandardPrime256v1Load(LoadMixin, RenewalTestCase):
    """By the standard library, in TLS 1.3."""


class PyOpenSSLSecp256k1Load(LoadMixin, RenewalTestCase):
    """By pyOpenSSL, on the curve of real chains, where its OpenSSL can do it."""

    tls = "pyopenssl"
    curve = SECP256K1


class PyOpenSSLPrime256v1Load(LoadMixin, RenewalTestCase):
    """By pyOpenSSL, in TLS 1.3."""

    tls = "pyopenssl"
