"""
Tests for L{fiscop2p.cli.node}; how it runs a node is shown by L{tests.test_official}.
"""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from fiscop2p import version as versionModule
from fiscop2p.cli.node import main
from fiscop2p.version import PROTOCOL_VERSION, ownVersion
from tests.cli.test_chain import CommandTestCase


class NodeTests(CommandTestCase):
    """C{fiscop2p-node}, as far as it does not run a node."""

    def node(self, *arguments: str) -> tuple[int | str | None, str, str]:
        """Run a command line; return its exit status, its output, and its complaints."""
        output, complaints = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaints):
            try:
                status: int | str | None = main(arguments)
            except SystemExit as stop:
                status = stop.code
        return status, output.getvalue(), complaints.getvalue()

    def assertFails(self, complaint: str) -> None:
        """The node of C{config.ini} does not start, and this line says why."""
        status, output, complaints = self.node("-c", "config.ini")
        self.assertEqual((status, complaints), (255, f"fiscop2p-node: {complaint}\n"))
        self.assertEqual(output.splitlines()[0], f"FISCO-BCOS Version : {PROTOCOL_VERSION}")
        self.assertRegex(output, r"\n\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] Initializing\.\.\.\n")
        self.assertEqual(output.splitlines()[-1], "Init failed!!!")
        self.assertNotIn("running", output)

    def test_version(self) -> None:
        """The line that the chain builder looks for comes first; another says who we are."""
        for option in ("-v", "--version"):
            status, output, complaints = self.node(option)
            self.assertEqual((status, complaints), (0, ""))
            lines = output.splitlines()
            self.assertRegex(lines[0], r"^FISCO-BCOS Version : \d+\.\d+\.\d+$")
            self.assertIn(f"This is fiscop2p {ownVersion()}: ", lines[-1])

    def test_versionSaysNothingOfSM(self) -> None:
        """Scripts take a version block with C{gm} in it for that of an SM node."""
        self.assertNotIn("gm", self.node("-v")[1].lower())

    def test_notInstalled(self) -> None:
        """Without an installation there is no version of our own, and that is no failure."""

        def missing(name: str) -> str:
            raise PackageNotFoundError(name)

        self.patch(versionModule, "version", missing)
        self.assertIn("This is fiscop2p (not installed): ", self.node("-v")[1])

    def test_help(self) -> None:
        """It can be asked for its options."""
        for option in ("-h", "--help"):
            status, output, _ = self.node(option)
            self.assertEqual(status, 0)
            self.assertIn("-c, --config=", output)

    def test_notUnderstood(self) -> None:
        """What is not understood is told in a line, and nothing is started."""
        for words, arguments in {
            "option --x not recognized": ["--x"],
            "Wrong number of arguments.": ["config.ini"],
            "--tls is one of auto, ssl, pyopenssl": ["--tls", "x"],
            "--log-format is one of text, json": ["--log-format", "x"],
        }.items():
            self.assertEqual(
                self.node(*arguments),
                (2, "", f"fiscop2p-node: {words}; see fiscop2p-node --help\n"),
            )

    def test_noFile(self) -> None:
        """Without a configuration it fails as the real binary does, but says why."""
        self.assertFails("config.ini: no such file")

    def test_mistake(self) -> None:
        """A mistake of the file is told with its line."""
        Path("config.ini").write_text("[p2p]\n    listen_port=x\n")
        self.assertFails(
            "config.ini:2: [p2p] listen_port: expected a number from 1 to 65535, found 'x'"
        )
