"""Tests for L{fiscop2p.cli.terminal}, and for commands as processes of their own."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.cli.terminal import Table, Terminal
from tests.cli.nodes import NodesTestCase, environment

_RUN = "import sys; from fiscop2p.cli import main; sys.exit(main())"
_WITHOUT_RICH = f"import sys; sys.modules['rich'] = None; {_RUN[12:]}"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class TerminalTests(NodesTestCase):
    """What differs between a terminal and a pipe."""

    def start(self, program: str, *arguments: str, **more: object) -> subprocess.Popen[bytes]:
        variables = {"TERM": "xterm", "COLUMNS": "150", "NO_COLOR": "", **more.pop("variables", {})}
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments, "-c", str(self.config)],
            env=environment(**variables),
            **more,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    async def atTerminal(self, program: str, *arguments: str, **variables: str) -> str:
        """Run a command with a terminal for its output; what it wrote there."""
        ours, theirs = pty.openpty()
        process = self.start(program, *arguments, stdout=theirs, variables=variables)
        os.close(theirs)
        written = await deferToThread(_read, ours)
        self.assertEqual(await deferToThread(process.wait), 0)
        return written

    async def test_terminal(self) -> None:
        """On a terminal a table has colours, if C{rich} is there."""
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed; it comes with fiscop2p[cli]")
        written = await self.atTerminal(_RUN, "peers")
        self.assertRegex(written, r"\x1b\[32mconnected")
        self.assertIn("─", written)
        self.assertIn("3 connected", written)
        self.assertNotRegex(await self.atTerminal(_RUN, "peers", NO_COLOR="1"), r"\x1b\[32m")
        dumb = await self.atTerminal(_RUN, "peers", TERM="dumb")
        self.assertTrue(dumb.startswith("NODE ID "))
        self.assertEqual(_COLOUR.findall(dumb), [])

    async def test_narrowTerminal(self) -> None:
        """On a narrow terminal what is there can be read; what has no room is named."""
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed; it comes with fiscop2p[cli]")
        for command, named, missing in (
            (("peers",), self.node.registry.session(self.bob.nodeID).address, "topics, agency"),
            (("watch", "-n", "1"), "connected", "pending"),
        ):
            written = _COLOUR.sub("", await self.atTerminal(_RUN, *command, COLUMNS="80"))
            self.assertIn(str(named), written)
            self.assertIn(self.bob.nodeID[:8], written)
            self.assertNotIn("…", written)
            self.assertIn(f"no room for {missing}", written)

    async def test_withoutRich(self) -> None:
        """Without it the same is there in plain columns, and nothing fails."""
        written = await self.atTerminal(_WITHOUT_RICH, "peers")
        self.assertEqual(_COLOUR.findall(written), [])
        self.assertTrue(written.startswith("NODE ID "))
        watched = await self.atTerminal(_WITHOUT_RICH, "watch", "-n", "2", "-i", "0.1")
        self.assertEqual(watched.count("NODE ID "), 2)

    async def test_live(self) -> None:
        """On a terminal C{watch} has one table, which is drawn anew in its place."""
        if find_spec("rich") is None:
            raise SkipTest("rich is not installed; it comes with fiscop2p[cli]")
        written = await self.atTerminal(_RUN, "watch", "-n", "3", "-i", "0.1")
        self.assertGreaterEqual(written.count("node ID"), 3)
        self.assertIn("\x1b[1A", written)

    async def test_pipe(self) -> None:
        """In a pipe it is plain, whatever the terminal of the user is."""
        process = self.start(_RUN, "peers", stdout=subprocess.PIPE)
        output, _ = await deferToThread(process.communicate)
        self.assertNotIn(b"\x1b", output)
        self.assertIn(b"3 connected", output)

    async def test_readerThatHasEnough(self) -> None:
        """When nobody reads on, it ends, and complains of nothing."""
        process = self.start(
            _RUN, "watch", "-i", "0.1", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        await deferToThread(process.stdout.read, 10)
        process.stdout.close()
        self.assertEqual(await deferToThread(process.wait, 20), 1)
        assert process.stderr is not None
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    async def test_interrupted(self) -> None:
        """Ctrl-C ends it without a word, and with the status that shells have for it."""
        process = self.start(_RUN, "subscribe", "news", stderr=subprocess.PIPE)
        while "news" not in self.node.topics:
            await deferLater(reactor, 0.01)
        process.send_signal(signal.SIGINT)
        _, complaints = await deferToThread(process.communicate)
        self.assertEqual((process.returncode, complaints), (130, b""))


class TableTests(SynchronousTestCase):
    """Tables in plain columns."""

    def test_wideCharacters(self) -> None:
        """Columns stand below each other, Chinese names, too."""
        table = Table(("name", "for"), [("银行", "1s"), ("bank", "10s")], frozenset({"for"}))
        out = StringIO()
        with redirect_stdout(out):
            Terminal().table(table)
        self.assertEqual(out.getvalue().splitlines(), ["NAME   FOR", "银行    1s", "bank   10s"])


def _read(terminal: int) -> str:
    """All that is written to a terminal until nobody has it open any more."""
    written = b""
    try:
        while chunk := os.read(terminal, 65536):
            written += chunk
    except OSError:
        pass  # Linux tells the end of a terminal so.
    finally:
        os.close(terminal)
    return written.decode()
