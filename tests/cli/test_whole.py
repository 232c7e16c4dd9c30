"""The whole, as people run it: nodes of twistd, and commands in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from tests.cli.nodes import environment
from tests.test_processes import ProcessTestCase, freePorts

_RUN = "import sys; from fiscop2p.cli import main; sys.exit(main())"


class WholeTests(ProcessTestCase):
    """Two nodes, of which the second takes files."""

    def setUp(self) -> None:
        super().setUp()
        port = freePorts(6)
        plan = ChainPlan.parse("127.0.0.1:2", f"{port},{port + 2},{port + 4}")
        self.nodes = buildChain(plan, self.folder / "nodes")
        self.configs = [node.directory / "config.ini" for node in self.nodes]
        with self.configs[1].open("a") as config:
            config.write("[files]\n    folder=incoming\n")
        self.processes = [self.start(index) for index in range(2)]
        self.incoming = self.nodes[1].directory / "incoming" / self.nodes[0].nodeID[:16]

    def start(self, index: int) -> subprocess.Popen[bytes]:
        log = self.folder / f"node{index}.log"
        return self.twistd("fiscop2p", "--config", str(self.configs[index]), log=log)

    async def fiscop2p(self, *arguments: str, at: int = 0) -> tuple[int, str, str]:
        """Run a command that asks a node; its exit status, output and complaints."""
        done = await deferToThread(
            subprocess.run,
            [sys.executable, "-c", _RUN, *arguments],
            env=environment(FISCOP2P_CONFIG=str(self.configs[at])),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
        )
        self.assertNotIn("Traceback", done.stderr)
        return done.returncode, done.stdout, done.stderr

    async def linked(self) -> None:
        for _ in range(100):
            status, output, complaints = await self.fiscop2p("status", "--json")
            if status == 0 and json.loads(output)["peers"]:
                return
        logs = "".join(log.read_text() for log in sorted(self.folder.glob("node*.log")))
        self.fail(f"the nodes are not linked: {output}{complaints}{logs}")

    async def test_asked(self) -> None:
        """What the nodes say of each other is so; a node that has ended says nothing."""
        await self.linked()
        _, output, _ = await self.fiscop2p("peers", "--json", at=1)
        self.assertEqual(
            [peer["nodeID"] for peer in json.loads(output)["peers"]], [self.nodes[0].nodeID]
        )
        self.assertEqual((await self.fiscop2p("request", "node1", "hello"))[:2], (0, "hello"))
        self.processes[0].send_signal(signal.SIGTERM)
        await self.ended(self.processes[0])
        status, output, complaints = await self.fiscop2p("status")
        self.assertEqual((status, output), (3, ""))
        self.assertIn("is not running, or is part of an application", complaints)

    async def test_fileOverADeath(self) -> None:
        """A file arrives although the node that takes it is killed on the way."""
        await self.linked()
        content = os.urandom(40_000_000)
        (self.folder / "film").write_bytes(content)
        done: list[tuple[int, str, str]] = []
        ensureDeferred(self.fiscop2p("send-file", "node1", "film")).addCallback(done.append)
        await self.until(lambda: self.arrived() > 2_000_000, "nothing comes")
        self.processes[1].send_signal(signal.SIGKILL)
        await self.ended(self.processes[1])
        self.assertLess(self.arrived(), len(content))
        self.assertFalse((self.incoming / "film").exists())
        self.processes[1] = self.start(1)

        def isDone() -> bool:
            self.assertIsNone(self.processes[1].poll(), "the node does not start again")
            return bool(done)

        await self.until(isDone, "the command does not end", 60)
        ((status, output, complaints),) = done
        self.assertEqual((status, complaints), (0, ""))
        self.assertIn("verified (SHA-256 ", output)
        self.assertEqual((self.incoming / "film").read_bytes(), content)
        self.assertEqual([file.name for file in self.incoming.iterdir()], ["film"])

    def arrived(self) -> int:
        """How much of a file is there that is not whole yet."""
        parts: list[Path] = list(self.incoming.glob(".*.part"))
        return parts[0].stat().st_size if parts else 0
