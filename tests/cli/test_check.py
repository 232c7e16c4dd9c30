"""
Tests for L{fiscop2p.cli.check}.
"""

from __future__ import annotations

import socket
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from fiscop2p.chain import buildChain, revoke
from fiscop2p.chain.authority import Authority, revocation
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.cli import check
from fiscop2p.config import node
from fiscop2p.errors import TLSUnavailable
from tests.cli.test_chain import CommandTestCase


class CheckTests(CommandTestCase):
    """C{fiscop2p check}."""

    def setUp(self) -> None:
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        buildChain(ChainPlan.parse("127.0.0.1:1"), Path("nodes"))
        self.home = Path("nodes/127.0.0.1/node0")
        self.config = self.home / "config.ini"

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text()
        self.assertIn(old, text)
        self.config.write_text(text.replace(old, new))

    def test_whatWouldRun(self) -> None:
        """A good file: who the node is, and how it is connected."""
        port = self.listener.getsockname()[1]
        self.change(
            "node.0=127.0.0.1:30300", f"node.0=127.0.0.1:{port}\n    node.1=nowhere.invalid:1"
        )
        text = "\n".join(self.lines("check", str(self.config)))
        self.assertIn("Node      node0 of agency", text)
        self.assertIn((self.home / "conf/node.nodeid").read_text().strip(), text)
        self.assertIn("TLS       ssl, secp256k1", text)
        self.assertIn("Frames    RC2, compressed", text)
        self.assertIn("Chain     1, version 2.11.1", text)
        self.assertIn("Lists     black list: 0 nodes, white list: none", text)
        self.assertIn("JSON-RPC  127.0.0.1:8545\n", text)
        self.assertIn(
            f"Logs      level info, in {self.home.absolute()}/log, a new file every hour or after "
            "200 MB\n",
            text,
        )
        self.assertIn(
            "Limits    10 peers in a request, 100 in all; outgoing bandwidth: no limit", text
        )
        self.assertNotIn("Counts", text)
        for name in ("node0", "agency", "chain"):
            self.assertRegex(text, rf"Expires   {name} on 21\d\d-\d\d-\d\d \(in 36\d\d\d days\)")
        self.assertIn(f"Peer      127.0.0.1:{port} answers", text)
        self.assertRegex(text, r"Peer      nowhere.invalid:1 cannot be resolved: \w+")

    def test_foldersThatCannotBe(self) -> None:
        """A folder in which nothing can be written is doubted."""
        self.change("log_path=./log", "log_path=config.ini/log")
        text = "\n".join(self.lines("check", str(self.config)))
        place = self.config.absolute()
        self.assertRegex(text, f"Logs .*; CANNOT BE WRITTEN: {place} is no directory\n")

    def test_whatElseWouldRun(self) -> None:
        """What is not as usual is told, too."""
        self.change("[certificate_whitelist]", f"[certificate_whitelist]\ncal.0={'a1' * 64}")
        self.change("jsonrpc_listen_ip=127.0.0.1", "jsonrpc_listen_ip=0.0.0.0")
        self.change("enable_statistic=false", "enable_statistic=true")
        self.change(";outgoing_bandwidth_limit=2", "outgoing_bandwidth_limit=2")
        self.change("[log]\n    enable=true", "[log]\n    enable=false")
        text = "\n".join(self.lines("check", str(self.config)))
        self.assertIn("white list: 1 node\n", text)
        self.assertIn("JSON-RPC  0.0.0.0:8545; OPEN: whoever reaches it may change the peers", text)
        self.assertIn("Counts    traffic, every 60 s", text)
        self.assertIn("outgoing bandwidth: 262144 bytes/s", text)
        self.assertIn("Logs      none", text)
        self.assertIn("Admin     ", text)
        self.assertIn("admin.sock, no page\n", text)
        self.assertIn("Files     none are taken, for there is no section [files]", text)
        more = "[admin]\n listen=0.0.0.0:5080\n[files]\n folder=incoming\n max_file_size=5\n"
        self.change("[certificate_whitelist]", f"{more}[certificate_whitelist]")
        text = "\n".join(self.lines("check", str(self.config)))
        self.assertIn(
            "page at http://0.0.0.0:5080/, which may only look; OPEN: whoever reaches it may see "
            "this network\n",
            text,
        )
        self.assertIn(
            f"Files     taken into {self.config.parent.absolute()}/incoming, of 5 MB at most", text
        )
        self.change("jsonrpc_listen_port", "jsonrpc_listen_prot")
        text = "\n".join(self.lines("check", str(self.config)))
        self.assertIn("JSON-RPC  none", text)
        self.assertIn("Unknown   rpc.jsonrpc_listen_prot", text)

    def test_ourselves(self) -> None:
        """The node's own address, which is among its peers, is pointed out."""
        port = self.listener.getsockname()[1]
        self.change("listen_port=30300", f"listen_port={port}")
        self.change(
            "node.0=127.0.0.1:30300", f"node.0=127.0.0.1:{port}\n    node.1=192.0.2.1:{port}"
        )
        self.patch(check, "_CONNECT_TIMEOUT", 0.01)
        lines = self.lines("check", str(self.config))
        self.assertIn(f"Peer      127.0.0.1:{port} (this node itself) answers", lines)
        (other,) = (line for line in lines if "192.0.2.1" in line)
        self.assertNotIn("itself", other)

    def test_peerThatDoesNotAnswer(self) -> None:
        """A peer that is down is told, and is no mistake of the file."""
        port = self.listener.getsockname()[1]
        self.listener.close()
        self.change("node.0=127.0.0.1:30300", f"node.0=127.0.0.1:{port}")
        self.assertIn(
            f"Peer      127.0.0.1:{port} does not answer: Connection refused",
            self.lines("check", str(self.config)),
        )

    def test_everythingThatIsWrong(self) -> None:
        """All mistakes are told at once, each in a line, with exit status 1."""
        self.change("listen_port=30300", "listen_port=x")
        self.change("sm_crypto=false", "sm_crypto=true")
        (self.home / "conf/node.key").write_text("rubbish")
        status, output, complaints = self.fiscop2p("check", str(self.config))
        self.assertEqual((status, output), (1, ""))
        port, chain, key = complaints.splitlines()
        self.assertIn("[p2p] listen_port: expected a number from 1 to 65535, found 'x'", port)
        self.assertIn("[chain] sm_crypto: true, but networks of the Chinese SM algorithms", chain)
        self.assertIn("node.key: no PEM private key in it", key)

    def test_illegalNodeIDs(self) -> None:
        """An illegal node ID in a list is a mistake, with file and line."""
        self.change("[certificate_whitelist]", "[certificate_whitelist]\n    cal.0=a1a1")
        line = self.config.read_text().splitlines().index("    cal.0=a1a1") + 1
        self.assertComplaint(
            1,
            f"{self.config}:{line}: [certificate_whitelist] cal.0: expected a node ID, 128 "
            "hexadecimal digits and not all 0, found 'a1a1' (4 characters); it lets nobody in",
            *("check", str(self.config)),
        )

    def test_noTLS(self) -> None:
        """A machine whose TLS cannot do the curve is told besides what is wrong with the file."""

        def fail(*arguments: object) -> None:
            raise TLSUnavailable("no TLS here")

        self.patch(node, "chooseTLS", fail)
        self.change("listen_port=30300", "listen_port=x")
        status, _, complaints = self.fiscop2p("check", str(self.config))
        self.assertEqual(status, 1)
        first, second = complaints.splitlines()
        self.assertIn("[p2p] listen_port", first)
        self.assertEqual(second, "no TLS here")

    def test_soonExpiring(self) -> None:
        """A certificate that ends within a month is pointed out."""
        buildChain(ChainPlan.parse("127.0.0.1:1"), Path("short"), days=7)
        lines = self.lines("check", "short/127.0.0.1/node0/config.ini")
        self.assertTrue(any("RENEW IT SOON" in line for line in lines))

    def test_revocationLists(self) -> None:
        """Revocation lists are counted, and pointed out if they end soon; a wrong one is named."""
        buildChain(ChainPlan.parse("127.0.0.1:1"), Path("other"))
        revoke(Path("nodes"), self.home, days=2)
        self.change("ca_cert=ca.crt", "ca_cert=ca.crt\n    crl_file=../../../cert/crl.pem")
        status, _, complaints = self.fiscop2p("check", str(self.config))
        self.assertEqual(status, 1)
        self.assertIn("node.crt: the certificate of node0 was revoked by agency on ", complaints)
        (crl,) = Path("nodes/cert").glob("crl.pem")
        node = Authority.makeRoot().issueAgency("agency").issueNode("node7")
        agency = Path("nodes/cert/agency")
        issuer = Authority.fromPEM(
            (agency / "agency.key").read_bytes(),
            (agency / "agency.crt").read_bytes(),
            (agency / "ca.crt").read_bytes(),
        )
        made = issuer.issueList([revocation(node.certificate)], days=2)
        crl.write_bytes(made.public_bytes(Encoding.PEM))
        lines = self.lines("check", str(self.config))
        self.assertTrue(any("1 certificate revoked, by the list of agency" in e for e in lines))
        (ends,) = (line for line in lines if "revocation list of agency on" in line)
        self.assertTrue(ends.endswith("(in 1 days); RENEW IT SOON"), ends)
        crl.write_text("rubbish")
        status, _, complaints = self.fiscop2p("check", str(self.config))
        self.assertEqual(status, 1)
        self.assertIn("crl.pem: no revocation list: neither PEM", complaints)

    def test_readableKey(self) -> None:
        """A key that others may read is a mistake, with what to do."""
        key = self.home / "conf" / "node.key"
        key.chmod(0o644)
        status, _, complaints = self.fiscop2p("check", str(self.config))
        self.assertEqual(status, 1)
        self.assertIn(f"run: chmod 600 {key.absolute()}", complaints)

    def test_noFile(self) -> None:
        """A file that is not there, or not named, is told in a line."""
        status, _, complaints = self.fiscop2p("check", "missing.ini")
        self.assertEqual(status, 1)
        self.assertIn("missing.ini: no such file", complaints)
        self.assertEqual(self.fiscop2p("check")[0], 2)
