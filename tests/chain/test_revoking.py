"""
Tests for L{fiscop2p.chain.revoking}.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain import addAgency, addNodes, buildChain, revoke
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.errors import ChainError, Revoked
from fiscop2p.identity import Credentials, loadCredentials
from tests.temporary import temporaryFolder


class RevokingTests(SynchronousTestCase):
    """
    A chain of two nodes, and a third one of another agency.
    """

    def setUp(self) -> None:
        self.directory = temporaryFolder(self) / "nodes"
        buildChain(ChainPlan.parse("127.0.0.1:2"), self.directory)
        addAgency(self.directory, "second")
        addNodes(self.directory, {"127.0.0.1": 1}, agency="second")
        self.home = self.directory / "127.0.0.1"
        self.file = self.directory / "cert" / "crl.pem"

    def load(self, index: int) -> Credentials:
        """Load a node's certificates, with a copy of the lists."""
        conf = self.home / f"node{index}" / "conf"
        (conf / "crl.pem").write_bytes(self.file.read_bytes())
        return loadCredentials(conf, crl="crl.pem")

    def path(self, index: int) -> tuple[x509.Certificate, ...]:
        """The certificates of a node."""
        return loadCredentials(self.home / f"node{index}" / "conf").path

    def test_nodes(self) -> None:
        """Nodes of whatever agency are revoked one after the other; one file says it to all."""
        made = revoke(self.directory, self.home / "node1")
        self.assertEqual((made.name, made.issuer, made.file), ("node1", "agency", self.file))
        made = revoke(self.directory, self.home / "node2" / "conf" / "node.crt")
        self.assertEqual((made.name, made.issuer), ("node2", "second"))
        found = self.load(0).revocations
        for index in (1, 2):
            self.assertRaises(Revoked, found.judge, self.path(index))
        found.judge(self.path(0))
        self.assertEqual([name for name, _ in found.expiries], ["agency", "second"])

    def test_again(self) -> None:
        """A list grows; who is on it stays on it since the same day, and is there once."""
        revoke(self.directory, self.home / "node1")
        first = self.load(0).revocations
        addNodes(self.directory, {"127.0.0.1": 1})
        revoke(self.directory, self.home / "node3")
        revoke(self.directory, self.home / "node1")
        found = self.load(0).revocations
        self.assertEqual(len(found.revoked), 2)
        self.assertEqual(found.revoked | first.revoked, found.revoked)

    def test_agency(self) -> None:
        """An agency is revoked by the CA, and its nodes with it."""
        made = revoke(self.directory, self.directory / "cert" / "second")
        self.assertEqual((made.name, made.issuer), ("second", "chain"))
        found = self.load(0).revocations
        self.assertRaises(Revoked, found.judge, self.path(2))
        found.judge(self.path(1))

    def assertRefused(self, what: Path, *words: str) -> None:
        text = str(self.assertRaises(ChainError, revoke, self.directory, what))
        for each in words:
            self.assertIn(each, text)

    def test_refused(self) -> None:
        """What is no certificate of this chain, or its CA itself."""
        self.assertRefused(self.home / "node9", "node9: there is no certificate; name its file")
        self.assertRefused(self.home / "node0" / "config.ini", "no PEM certificate in it")
        self.assertRefused(self.directory / "cert" / "ca.crt", "neither the CA nor an agency")
        other = temporaryFolder(self) / "nodes"
        buildChain(ChainPlan.parse("127.0.0.1:1"), other)
        self.assertRefused(other / "127.0.0.1" / "node0", "neither the CA nor an agency")
        self.assertFalse(self.file.exists())

    def test_damagedLists(self) -> None:
        """Lists that cannot be read are left alone."""
        revoke(self.directory, self.home / "node1")
        damaged = self.file.read_bytes()[:100]
        self.file.write_bytes(damaged)
        self.assertRefused(self.home / "node0", f"{self.file}: ", "damaged", "it is left alone")
        self.assertEqual(self.file.read_bytes(), damaged)
