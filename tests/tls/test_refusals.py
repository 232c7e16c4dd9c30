"""Whoever the chain's CA does not vouch for gets no byte, and is named in the log."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from warnings import catch_warnings, simplefilter

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ReasonFlags
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.chain.authority import Authority, IssuedNode, revocation
from fiscop2p.errors import TLSUnavailable
from fiscop2p.identity import loadCredentials
from fiscop2p.links.factories import AddressState
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT, writeCredentials
from tests.strangers import STRANGER, Stranger, dial, listen, logLines, looseContext

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


class RefusalsMixin:
    """
    What holds for every implementation and curve.
    """

    tls = "ssl"
    curve = "secp256k1"

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        try:
            self.network = MemoryNetwork(0, tls=self.tls, curve=self.curve)
            self.node = self.network.addNode([Address(STRANGER, PORT)])
        except TLSUnavailable as error:
            raise SkipTest(str(error)) from None
        self.addCleanup(self.network.stop)
        self.agency = self.network.agency
        self.lines = logLines(self)

    def inbound(self, issued: IssuedNode | None, greeting: bytes = b"\0" * 64) -> Stranger:
        """What a stranger with this certificate gets who dials the node."""
        stranger = Stranger(greeting)
        dial(self.network, self.node, looseContext(True, issued, self.folder, self.curve), stranger)
        self.network.advance(2)
        return stranger

    def outbound(self, issued: IssuedNode) -> Stranger:
        """What a stranger with this certificate gets whom the node dials."""
        stranger = Stranger(greeting=b"\0" * 64)
        listen(self.network, looseContext(False, issued, self.folder, self.curve), stranger)
        self.network.advance(1.5)
        return stranger

    def assertRefused(self, stranger: Stranger, *words: str) -> None:
        self.assertEqual(stranger.data, b"")
        self.assertIsNotNone(stranger.lost)
        self.assertEqual(len(self.node.registry), 0)
        named = [line for line in self.lines if STRANGER in line]
        self.assertTrue(
            any(all(word in line for word in words) for line in named),
            f"{words} not in {named}",
        )

    def assertRefusedBothWays(self, issued: IssuedNode, *words: str) -> None:
        self.assertRefused(self.inbound(issued), "warn: ", "handshakeServer", *words)
        self.lines.clear()
        self.assertRefused(self.outbound(issued), "warn: ", "handshakeClient", *words)

    def assertKeptOut(self, issued: IssuedNode, *words: str) -> None:
        """It is kept out by a list, whoever dials."""
        known = f",nodeID={issued.nodeID[:8]}...,endpoint={STRANGER}:"
        self.assertRefused(self.inbound(issued), "warn: ", known, *words)
        self.lines.clear()
        self.assertRefused(self.outbound(issued), "warn: ", known, *words)

    def test_foreignCA(self) -> None:
        """A node of another chain is told apart by its CA."""
        other = Authority.makeRoot(curve=self.curve).issueAgency("agency").issueNode("node9")
        self.assertRefusedBothWays(other, "certificate is refused", "another chain")

    def test_refusedIsTold(self) -> None:
        """Who is refused in the handshake is told why, by an alert."""
        other = Authority.makeRoot(curve=self.curve).issueAgency("agency").issueNode("node9")
        stranger = self.inbound(other, greeting=b"")
        self.assertIn("UNKNOWN_CA", str(stranger.lost.value).upper().replace(" ", "_"))

    def test_expired(self) -> None:
        """A certificate that has expired is refused."""
        expired = self.agency.issueNode("old", notBefore=NOW - 2 * YEAR, notAfter=NOW - YEAR)
        self.assertRefusedBothWays(expired, "it has expired")

    def test_notYetValid(self) -> None:
        """A certificate of the future is refused."""
        early = self.agency.issueNode("early", notBefore=NOW + YEAR, notAfter=NOW + 2 * YEAR)
        self.assertRefusedBothWays(early, "not yet valid")

    def test_selfSigned(self) -> None:
        """A certificate that vouches for itself is refused."""
        root = Authority.makeRoot(curve=self.curve)
        alone = IssuedNode(root.key, root.certificate, (root.certificate,))
        self.assertRefused(self.inbound(alone), "handshakeServer", "certificate is refused")

    def test_caAsLeaf(self) -> None:
        """An agency is not a node."""
        leaf = self.agency.issueNode("agency2", basicConstraints=True)
        self.assertRefusedBothWays(leaf, " get nodeID failed,", "that of a CA")

    def test_leafWithoutConstraints(self) -> None:
        """FISCO BCOS nodes need basicConstraints CA:FALSE, and so do we."""
        leaf = self.agency.issueNode("plain", basicConstraints=None)
        self.assertRefusedBothWays(leaf, "no basicConstraints CA:FALSE")

    def test_noCertificate(self) -> None:
        """Who dials without a certificate is refused."""
        self.assertRefused(self.inbound(None), "handshakeServer", "showed no certificate")

    def test_ourOwnCertificate(self) -> None:
        """Who shows our own node ID is ourselves, or a thief; neither gets a byte."""
        twin = self.network.issued[0]
        stranger = self.inbound(twin)
        self.assertEqual(stranger.data, b"")
        self.assertIsNotNone(stranger.lost)
        self.assertEqual(self.outbound(twin).data, b"")
        self.assertEqual(self.node.addresses()[0].state, AddressState.OURSELVES)

    def revoke(self, *lists: x509.CertificateRevocationList) -> None:
        """Give the node these revocation lists."""
        own = self.folder / "own"
        writeCredentials(self.network.issued[0], own)
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in lists)
        (own / "crl.pem").write_bytes(pem)
        self.node.setCredentials(loadCredentials(own, crl="crl.pem"))

    def test_revoked(self) -> None:
        """A certificate that its agency has revoked is refused; nobody else's is."""
        issued = self.agency.issueNode("node9")
        reason = ReasonFlags.key_compromise
        self.revoke(self.agency.issueList([revocation(issued.certificate, reason)]))
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        words = f"the certificate of node9 was revoked by agency on {today}: key compromise"
        self.assertRefusedBothWays(issued, "the peer's certificate is revoked", words)
        other = self.inbound(self.agency.issueNode("node9"), greeting=b"")
        self.assertEqual(other.frames()[0], (2, 1, 0, b"0"))

    def test_revokedAgency(self) -> None:
        """Nodes of an agency that has been revoked are refused, and those of its namesake not."""
        branch, namesake = (self.agency.issueAgency("branch") for _ in range(2))
        self.revoke(self.agency.issueList([revocation(branch.certificate)]))
        words = "the certificate of branch was revoked by agency on "
        self.assertRefusedBothWays(branch.issueNode("node9"), words)
        other = self.inbound(namesake.issueNode("node9"), greeting=b"")
        self.assertEqual(other.frames()[0], (2, 1, 0, b"0"))

    def test_revokedMeanwhile(self) -> None:
        """The link to a peer that is revoked ends at once; others stay."""
        one, other = (self.agency.issueNode(name) for name in ("node8", "node9"))
        revoked, stays = (self.inbound(each, greeting=b"") for each in (one, other))
        self.assertIsNone(revoked.lost)
        self.lines.clear()
        self.revoke(self.agency.issueList([revocation(one.certificate)]))
        self.network.advance(0)
        self.assertIsNotNone(revoked.lost)
        self.assertIsNone(stays.lost)
        self.assertTrue(any("node8 was revoked by agency" in line for line in self.lines))

    def test_blackListed(self) -> None:
        """The black list keeps out whom the CA vouches for."""
        issued = self.agency.issueNode("node9")
        self.node.setAccess(AccessLists(black=frozenset([issued.nodeID])))
        self.assertKeptOut(issued, "NodeID in certificate blacklist", "is on the black list")

    def test_notWhiteListed(self) -> None:
        """A white list keeps out everybody else."""
        issued = self.agency.issueNode("node9")
        self.node.setAccess(AccessLists(white=frozenset()))
        words = "NodeID is not in certificate whitelist", "is not on the white list"
        self.assertKeptOut(issued, *words)

    def test_vouchedFor(self) -> None:
        """The very same stranger is let in with a certificate of the chain."""
        stranger = self.inbound(self.agency.issueNode("node9"), greeting=b"")
        self.assertTrue(stranger.handshaken)
        self.assertEqual(stranger.frames()[0], (2, 1, 0, b"0"))

    def test_silent(self) -> None:
        """Who says nothing is cut after the handshake's time."""
        stranger = Stranger()
        dial(self.network, self.node, None, stranger)
        self.network.advance(9.9)
        self.assertIsNone(stranger.lost)
        self.network.advance(0.2)
        self.assertIsNotNone(stranger.lost)
        self.assertIn("handshake took too long", self.lines[-1])

    def test_noTLS(self) -> None:
        """Who does not speak TLS is told apart."""
        stranger = Stranger()
        dial(self.network, self.node, None, stranger)
        self.network.advance(0)
        stranger.transport.write(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
        self.network.advance(1)
        self.assertIsNotNone(stranger.lost)
        self.assertTrue(any("it speaks HTTP, not TLS" in line for line in self.lines))

    def test_leavesInHandshake(self) -> None:
        """A port scanner that connects and leaves is named, too."""
        stranger = Stranger()
        dial(self.network, self.node, None, stranger)
        self.network.advance(0)
        stranger.transport.loseConnection()
        self.network.advance(1)
        named = [line for line in self.lines if "handshakeServer failed," in line]
        self.assertTrue(any(STRANGER in line for line in named), self.lines)

    def test_oldTLS(self) -> None:
        """TLS before 1.2 is not spoken."""
        context = looseContext(True, self.agency.issueNode("n"), self.folder, None)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with catch_warnings():
            simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        stranger = Stranger()
        dial(self.network, self.node, context, stranger)
        self.network.advance(1)
        self.assertFalse(stranger.handshaken)
        self.assertIsNotNone(stranger.lost)

    def test_otherCurve(self) -> None:
        """Two networks on different curves do not meet, and the log says why."""
        other = "prime256v1" if self.curve == "secp256k1" else "secp384r1"
        context = looseContext(True, self.agency.issueNode("n"), self.folder, other)
        stranger = Stranger()
        dial(self.network, self.node, context, stranger)
        self.network.advance(1)
        self.assertFalse(stranger.handshaken)
        self.assertTrue(any("curve in common" in line for line in self.lines), self.lines)


class StandardSecp256k1(RefusalsMixin, SynchronousTestCase):
    """The curve of real chains, by the standard library."""

    def test_refusedInTheHandshake(self) -> None:
        """Who dials and is kept out sees the handshake fail, as with a FISCO BCOS node."""
        black, revoked, member = (self.agency.issueNode(f"node{number}") for number in range(3))
        self.node.setAccess(AccessLists(black=frozenset([black.nodeID])))
        self.revoke(self.agency.issueList([revocation(revoked.certificate)]))
        found = [self.inbound(issued).handshaken for issued in (black, revoked, member)]
        self.assertEqual(found, [False, False, True])


class StandardPrime256v1(RefusalsMixin, SynchronousTestCase):
    """TLS 1.3, by the standard library."""

    curve = "prime256v1"


class PyOpenSSLSecp256k1(RefusalsMixin, SynchronousTestCase):
    """The curve of real chains, by pyOpenSSL, where its OpenSSL can do it."""

    tls = "pyopenssl"


class PyOpenSSLPrime256v1(RefusalsMixin, SynchronousTestCase):
    """TLS 1.3, by pyOpenSSL."""

    tls = "pyopenssl"
    curve = "prime256v1"
