"""
Tests for L{fiscop2p.revocation}.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1, Authority, IssuedNode, revocation
from fiscop2p.errors import CredentialsError, Revoked
from fiscop2p.identity import Credentials, loadCredentials
from fiscop2p.revocation import Revocations
from fiscop2p.testing.network import writeCredentials
from tests.officialchain import buildOfficialChain
from tests.temporary import temporaryFolder

NOW = datetime.now(UTC)
DAY = timedelta(1)

ROOT = Authority.makeRoot()
AGENCY = ROOT.issueAgency("bank")
NODE = AGENCY.issueNode("node0")
OTHER = AGENCY.issueNode("node1")


def pem(*parts: x509.CertificateRevocationList | x509.Certificate) -> bytes:
    """Write lists and certificates one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in parts)


def pathOf(node: IssuedNode) -> list[x509.Certificate]:
    """A node's certificates up to the root."""
    return [node.certificate, *node.chain]


class ListsTestCase(SynchronousTestCase):
    """A node's C{conf/} directory with a file of revocation lists."""

    def setUp(self) -> None:
        self.conf = temporaryFolder(self)
        self.file = self.conf / "crl.pem"
        writeCredentials(NODE, self.conf)

    def load(self, content: bytes | None) -> Credentials:
        """Load all with this file of lists."""
        if content is not None:
            self.file.write_bytes(content)
        return loadCredentials(self.conf, crl="crl.pem")

    def lists(self, content: bytes) -> Revocations:
        """What this file says."""
        return self.load(content).revocations

    def assertRefused(self, content: bytes | None, *words: str, file: str = "crl.pem") -> None:
        """Check that the file is refused in one line."""
        text = str(self.assertRaises(CredentialsError, self.load, content))
        self.assertTrue(text.startswith(f"{self.conf / file}: "), text)
        self.assertNotIn("\n", text)
        for each in words:
            self.assertIn(each, text)


class GoodListsTests(ListsTestCase):
    """Lists as operators have them."""

    def test_revoked(self) -> None:
        """Who is on the list is named with day and reason; everybody else passes."""
        entry = revocation(OTHER.certificate, x509.ReasonFlags.cessation_of_operation)
        found = self.lists(pem(AGENCY.issueList([entry])))
        error = self.assertRaises(Revoked, found.judge, pathOf(OTHER))
        self.assertEqual(
            str(error),
            f"the certificate of node1 was revoked by bank on {NOW:%Y-%m-%d}: "
            "cessation of operation",
        )
        found.judge(pathOf(NODE))
        self.assertEqual(
            str(found),
            f"1 certificate revoked, by the list of bank until {found.expiries[0][1]:%Y-%m-%d}",
        )

    def test_forms(self) -> None:
        """A list may be PEM, with text around it, or DER."""
        crl = AGENCY.issueList([revocation(OTHER.certificate)])
        for content in (
            pem(crl),
            b"Certificate Revocation List (CRL):\n  ...\n" + pem(crl) + b"\n\n",
            crl.public_bytes(Encoding.DER),
        ):
            self.assertRaises(Revoked, self.lists(content).judge, pathOf(OTHER))

    def test_several(self) -> None:
        """The CA's list and that of an agency may be in one file."""
        branch = ROOT.issueAgency("branch")
        found = self.lists(
            pem(
                ROOT.issueList([revocation(branch.certificate)]),
                AGENCY.issueList([revocation(OTHER.certificate)]),
            )
        )
        for node in (OTHER, branch.issueNode("node2")):
            self.assertRaises(Revoked, found.judge, pathOf(node))
        found.judge(pathOf(NODE))
        self.assertEqual([name for name, _ in found.expiries], ["chain", "bank"])

    def test_otherAgency(self) -> None:
        """The list of an agency that we do not know comes with its certificate, before or after."""
        branch = ROOT.issueAgency("branch")
        node = branch.issueNode("node2")
        crl = branch.issueList([revocation(node.certificate)])
        for content in (pem(crl, branch.certificate), pem(branch.certificate, crl)):
            self.assertRaises(Revoked, self.lists(content).judge, pathOf(node))
        self.assertRefused(pem(crl), "branch is not signed by a CA or an agency of this chain")

    def test_numbersOfOthers(self) -> None:
        """A list says nothing about the same number of another agency, whatever its name."""
        namesake = ROOT.issueAgency("bank")
        found = self.lists(pem(AGENCY.issueList([revocation(OTHER.certificate)])))
        found.judge([OTHER.certificate, namesake.certificate, ROOT.certificate])

    def test_empty(self) -> None:
        """A list with nobody on it is a list; only none at all is none."""
        self.assertTrue(self.lists(pem(AGENCY.issueList([]))))
        self.assertFalse(loadCredentials(self.conf).revocations)

    def test_unseenPath(self) -> None:
        """Where the certificates of a peer cannot be seen it is not let in."""
        self.assertRaises(Revoked, self.lists(pem(AGENCY.issueList([]))).judge, [])

    def test_otherCurve(self) -> None:
        """It is the same on the other curve."""
        agency = Authority.makeRoot(curve=PRIME256V1).issueAgency("bank")
        node, other = (agency.issueNode(name) for name in ("node0", "node1"))
        writeCredentials(node, self.conf)
        found = self.lists(pem(agency.issueList([revocation(other.certificate)])))
        self.assertRaises(Revoked, found.judge, pathOf(other))

    def test_officialChain(self) -> None:
        """The root of the official scripts, of X.509 version 1, and its agency sign lists, too."""
        folder = self.conf / "nodes"
        nodes = buildOfficialChain(folder, 2, 30300)
        cert = folder / "cert"
        ca = (cert / "ca.crt").read_bytes()
        root = Authority.fromPEM((cert / "ca.key").read_bytes(), ca)
        agency = cert / "agency"
        key, own = (agency / "agency.key").read_bytes(), (agency / "agency.crt").read_bytes()
        other, *_ = path = x509.load_pem_x509_certificates(
            (nodes[1].directory / "conf/node.crt").read_bytes()
        )
        self.conf = nodes[0].directory / "conf"
        self.file = self.conf / "crl.pem"
        crl = Authority.fromPEM(key, own, ca).issueList([revocation(other)])
        found = self.lists(pem(root.issueList([]), crl))
        self.assertRaises(Revoked, found.judge, path)


class BadListsTests(ListsTestCase):
    """Files that are refused, and why."""

    def test_none(self) -> None:
        """A file that is missing, or has no list in it."""
        self.assertRefused(None, "no such file")
        for content in (b"", b"hello", pem(AGENCY.certificate), b"\x30\x82\x01"):
            self.assertRefused(content, "no revocation list: neither PEM", "nor DER")

    def test_damaged(self) -> None:
        """A list of which a part is missing, as while it is being copied."""
        whole = pem(AGENCY.issueList([revocation(OTHER.certificate)]))
        for content in (
            whole[:-5],
            whole[:200],
            whole + whole[:200],
            whole.replace(b"MI", b"!!", 1),
        ):
            self.assertRefused(content, "a revocation list in it is damaged")
        self.assertRefused(whole + pem(AGENCY.certificate)[:-5], "a certificate in it is damaged")

    def test_outOfTime(self) -> None:
        """A list that has expired, or is one of the future."""
        old = AGENCY.issueList([], notBefore=NOW - 2 * DAY, notAfter=NOW - DAY)
        self.assertRefused(pem(old), "bank expired on", "have its next one made")
        early = AGENCY.issueList([], notBefore=NOW + DAY, notAfter=NOW + 2 * DAY)
        self.assertRefused(pem(early), "bank is not valid before", "is this machine's clock right?")

    def test_strangers(self) -> None:
        """The word of others does not count: another chain, a node, an agency of nobody."""
        words = "is not signed by a CA or an agency of this chain"
        stranger = Authority.makeRoot("chain").issueAgency("bank")
        crl = stranger.issueList([revocation(OTHER.certificate)])
        self.assertRefused(pem(crl), words)
        self.assertRefused(pem(crl, stranger.certificate, *stranger.chain), words)

    def test_forged(self) -> None:
        """A list that was changed after it was signed."""
        der = AGENCY.issueList([revocation(OTHER.certificate)]).public_bytes(Encoding.DER)
        number = OTHER.certificate.serial_number.to_bytes(20).lstrip(b"\0")
        self.assertIn(number, der)
        other = number[:-1] + bytes([number[-1] ^ 1])
        self.assertRefused(der.replace(number, other), "is not signed by")

    def test_incomplete(self) -> None:
        """A list of changes alone says so by a critical extension."""
        base = AGENCY.issueList([])
        delta = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(base.issuer)
            .last_update(base.last_update_utc)
            .next_update(base.next_update_utc)
            .add_extension(x509.DeltaCRLIndicator(1), critical=True)
            .sign(AGENCY.key, hashes.SHA256())
        )
        self.assertRefused(pem(delta), "not the complete list", "deltaCRLIndicator")

    def test_ourselves(self) -> None:
        """A node whose own certificate, or agency, has been revoked does not start."""
        own = AGENCY.issueList([revocation(NODE.certificate)])
        agency = ROOT.issueList([revocation(AGENCY.certificate)])
        words = "have it issued anew"
        self.assertRefused(pem(own), "node0 was revoked by bank", words, file="node.crt")
        self.assertRefused(pem(agency), "bank was revoked by chain", words, file="node.crt")
