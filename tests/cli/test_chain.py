"""
Tests for L{fiscop2p.cli} and L{fiscop2p.cli.chain}.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1
from fiscop2p.cli import main
from fiscop2p.identity import loadCredentials


class CommandTestCase(SynchronousTestCase):
    """Commands are run in an empty directory."""

    def setUp(self) -> None:
        self.enterContext(contextlib.chdir(self.enterContext(tempfile.TemporaryDirectory())))

    def fiscop2p(self, *arguments: str) -> tuple[int | str | None, str, str]:
        """Run a command line; return its exit status, its output, and its complaints."""
        output, complaints = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaints):
            try:
                status: int | str | None = main(arguments)
            except SystemExit as stop:
                status = stop.code
        return status, output.getvalue(), complaints.getvalue()

    def lines(self, *arguments: str) -> list[str]:
        """Run a command line that succeeds; return the lines of its output."""
        status, output, complaints = self.fiscop2p(*arguments)
        self.assertEqual((status, complaints), (0, ""))
        return output.splitlines()

    def assertComplaint(self, status: int, complaint: str, *arguments: str) -> None:
        """Check that a command line fails with this status and this single line."""
        self.assertEqual(self.fiscop2p(*arguments), (status, "", complaint + "\n"))

    def nodeID(self, home: str) -> str:
        """The first digits of a node's ID."""
        return Path(home, "conf/node.nodeid").read_text()[:8]


class DispatchTests(CommandTestCase):
    """C{fiscop2p} itself."""

    def test_help(self) -> None:
        """C{--help} shows the commands, and each command shows its own."""
        self.assertIn("    chain           Make a chain", self.fiscop2p("--help")[1])
        for command in (["chain"], ["chain", "add-node"], ["chain", "add-agency"]):
            lines = self.lines(*command, "--help")
            self.assertTrue(lines[0].startswith(" ".join(["Usage: fiscop2p", *command, "-"])))

    def test_version(self) -> None:
        """C{--version} is ours, not Twisted's, for every command."""
        for command in ([], ["chain"], ["chain", "add-node"]):
            (line,) = self.lines(*command, "--version")
            self.assertRegex(line, r"^fiscop2p [0-9(]")

    def test_notUnderstood(self) -> None:
        """What is not understood is answered by one line that leads to the help."""
        self.assertComplaint(2, "fiscop2p: a command is missing; see fiscop2p --help")
        self.assertComplaint(2, "fiscop2p: Unknown command: x; see fiscop2p --help", "x")
        self.assertComplaint(
            2,
            "fiscop2p chain add-node: option --x not recognized; "
            "see fiscop2p chain add-node --help",
            *("chain", "add-node", "--x"),
        )


class ChainTests(CommandTestCase):
    """C{fiscop2p chain}"""

    def test_build(self) -> None:
        """It tells what was made, and what to do next."""
        self.assertEqual(
            self.lines("chain", "-l", "127.0.0.1:2"),
            [
                "Made a chain in nodes:",
                f"  node0  127.0.0.1:30300  node ID {self.nodeID('nodes/127.0.0.1/node0')}...",
                f"  node1  127.0.0.1:30301  node ID {self.nodeID('nodes/127.0.0.1/node1')}...",
                "The keys in nodes/cert make nodes of the chain: keep them private.",
                "Next: bash nodes/127.0.0.1/start_all.sh",
            ],
        )

    def test_options(self) -> None:
        """All options are obeyed; the next command can be pasted."""
        lines = self.lines(
            *("chain", "-l", "[::1]:1,10.0.0.2:1", "-p", "3000,4000,5000", "-o", "my nodes"),
            *("-a", "bank", "-X", "7", "--curve", "prime256v1", "-6"),
        )
        self.assertEqual(
            lines[-3:],
            [
                "Copy the directory of each IP to its machine.",
                "Next: bash 'my nodes/::1/start_all.sh'",
                "Next: bash 'my nodes/10.0.0.2/start_all.sh'",
            ],
        )
        self.assertIn("  node0  [::1]:3000  node ID ", lines[1])
        home = Path("my nodes/10.0.0.2/node0")
        self.assertIn("listen_ip=::\n    listen_port=3000\n", (home / "config.ini").read_text())
        credentials = loadCredentials(home / "conf")
        self.assertEqual(credentials.identity.agency, "bank")
        self.assertEqual(credentials.curve, PRIME256V1)
        leaf = x509.load_pem_x509_certificate((home / "conf/node.crt").read_bytes())
        self.assertEqual((leaf.not_valid_after_utc - leaf.not_valid_before_utc).days, 8)

    def test_failure(self) -> None:
        """What cannot be done is said in one line, with status 1."""
        self.lines("chain", "-l", "127.0.0.1:1")
        self.assertComplaint(
            1,
            "fiscop2p chain: nodes exists and is left alone; choose another directory (-o)",
            *("chain", "-l", "127.0.0.1:1"),
        )
        status, _, complaint = self.fiscop2p("chain", "-l", "127.0.0.1:1", "-p", "80,81,82")
        self.assertEqual(status, 1)
        self.assertIn("fiscop2p chain: the p2p port of node0 on 127.0.0.1 would be 80", complaint)

    def test_systemFailure(self) -> None:
        """Failures that the system reports are told the same way."""
        Path("nodes/cert/agency").mkdir(parents=True)
        os.symlink("loop", "loop")
        status, _, complaint = self.fiscop2p("chain", "-l", "127.0.0.1:1", "-o", "loop/nodes")
        self.assertEqual(status, 1)
        self.assertRegex(complaint, r"^fiscop2p chain: .*loop.*\n$")

    def test_usage(self) -> None:
        """Wrong options are named, with the cure."""
        for complaint, arguments in (
            ("-l is missing; say for instance -l 127.0.0.1:4", []),
            ("'x' is not ip:count; write 127.0.0.1:4 or [::1]:4", ["-l", "x"]),
            (
                "ports '1,2' are not p2p,channel,rpc; write 30300,20200,8545",
                ["-l", "127.0.0.1:1", "-p", "1,2"],
            ),
            ("-X takes a number of days, not 'year'", ["-l", "127.0.0.1:1", "-X", "year"]),
        ):
            self.assertComplaint(
                2, f"fiscop2p chain: {complaint}; see fiscop2p chain --help", "chain", *arguments
            )
        self.assertEqual(os.listdir(), [])


class AddNodeTests(CommandTestCase):
    """C{fiscop2p chain add-node}"""

    def setUp(self) -> None:
        super().setUp()
        self.lines("chain", "-l", "127.0.0.1:1")

    def test_add(self) -> None:
        """It tells what was added, that the others are untouched, and what to do next."""
        self.assertEqual(
            self.lines("chain", "add-node", "-l", "127.0.0.1:1"),
            [
                "Added to the chain in nodes:",
                f"  node1  127.0.0.1:30301  node ID {self.nodeID('nodes/127.0.0.1/node1')}...",
                "The other nodes' files are as they were: the new nodes connect to them.",
                "Next: bash nodes/127.0.0.1/node1/start.sh",
            ],
        )

    def test_options(self) -> None:
        """Ports, agency, validity and IPv6 can be chosen."""
        self.lines("chain", "add-agency", "-a", "bank")
        self.lines(
            *("chain", "add-node", "-l", "127.0.0.1:1", "-p", "3000,4000,5000", "-a", "bank"),
            *("-X", "7", "-6"),
        )
        home = Path("nodes/127.0.0.1/node1")
        self.assertIn("listen_ip=::\n    listen_port=3000\n", (home / "config.ini").read_text())
        self.assertEqual(loadCredentials(home / "conf").identity.agency, "bank")

    def test_usage(self) -> None:
        """Options are for the command that they follow."""
        for command in (["add-node"], ["add-node", "-l", "127.0.0.1"]):
            self.assertEqual(self.fiscop2p("chain", *command)[0], 2)
        self.assertComplaint(
            2,
            "fiscop2p chain add-node: put the options behind add-node; "
            "see fiscop2p chain add-node --help",
            *("chain", "-o", "other", "add-node", "-l", "127.0.0.1:1"),
        )

    def test_failure(self) -> None:
        """What cannot be done is said in one line, with status 1."""
        self.assertComplaint(
            1,
            "fiscop2p chain add-node: nodes/cert/bank is missing; "
            "make the agency with: fiscop2p chain add-agency",
            *("chain", "add-node", "-l", "127.0.0.1:1", "-a", "bank"),
        )


class AddAgencyTests(CommandTestCase):
    """C{fiscop2p chain add-agency}"""

    def test_add(self) -> None:
        """It tells where the agency is, and what it is for."""
        self.lines("chain", "-l", "127.0.0.1:1", "-o", "my nodes")
        self.assertEqual(
            self.lines("chain", "add-agency", "-a", "bank", "-o", "my nodes", "-X", "7"),
            [
                "Added agency bank in my nodes/cert/bank; its key makes nodes of the chain: "
                "keep it private.",
                "Next: fiscop2p chain add-node -a bank -l 127.0.0.1:1 -o 'my nodes'",
            ],
        )

    def test_nameMissing(self) -> None:
        """An agency has a name."""
        self.assertComplaint(
            2,
            "fiscop2p chain add-agency: -a is missing; say how the agency is called; "
            "see fiscop2p chain add-agency --help",
            *("chain", "add-agency"),
        )


class RevokeTests(CommandTestCase):
    """C{fiscop2p chain revoke}"""

    def test_revoke(self) -> None:
        """It tells where the list is, and what to do with it."""
        self.lines("chain", "-l", "127.0.0.1:2")
        self.assertEqual(
            self.lines("chain", "revoke", "-X", "7", "nodes/127.0.0.1/node1"),
            [
                "Revoked node1: it is on the list of agency in nodes/cert/crl.pem.",
                "Next: copy that file into conf/ of each node, set crl_file=crl.pem in "
                "[network_security] of its config.ini, and send it SIGHUP. Then stop what has been "
                "revoked, and take its node.N out of the others: else both go on dialling.",
            ],
        )

    def test_wrong(self) -> None:
        """What is to be revoked must be named, and be there."""
        self.assertComplaint(
            2,
            "fiscop2p chain revoke: name one directory of a node or an agency, or the file of its "
            "certificate; see fiscop2p chain revoke --help",
            *("chain", "revoke"),
        )
        self.lines("chain", "-l", "127.0.0.1:1")
        self.assertComplaint(
            1,
            "fiscop2p chain revoke: node9: there is no certificate; name its file, or the "
            "directory of a node or agency",
            *("chain", "revoke", "node9"),
        )
