"""
Tests for L{fiscop2p.cli.check}.
"""

from __future__ import annotations

import socket
from pathlib import Path

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
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
        self.assertIn("white list: none", text)
        for name in ("node0", "agency", "chain"):
            self.assertRegex(text, rf"Expires   {name} on 21\d\d-\d\d-\d\d \(in 36\d\d\d days\)")
        self.assertIn(f"Peer      127.0.0.1:{port} answers", text)
        self.assertRegex(text, r"Peer      nowhere.invalid:1 cannot be resolved: \w+")

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
        lines = complaints.splitlines()
        self.assertGreaterEqual(len(lines), 2)
        self.assertTrue(any("[p2p] listen_port" in line for line in lines))
        self.assertTrue(any("sm_crypto" in line for line in lines))

    def test_soonExpiring(self) -> None:
        """A certificate that ends within a month is pointed out."""
        buildChain(ChainPlan.parse("127.0.0.1:1"), Path("short"), days=7)
        lines = self.lines("check", "short/127.0.0.1/node0/config.ini")
        self.assertTrue(any("RENEW IT SOON" in line for line in lines))

    def test_noFile(self) -> None:
        """A file that is not there, or not named, is told in a line."""
        status, _, complaints = self.fiscop2p("check", "missing.ini")
        self.assertEqual(status, 1)
        self.assertIn("missing.ini: no such file", complaints)
        self.assertEqual(self.fiscop2p("check")[0], 2)
