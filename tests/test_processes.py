"""The whole, as people run it: twistd, processes, sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from tests.temporary import temporaryFolder

ROOT = Path(__file__).parent.parent
TWISTD = Path(sys.executable).with_name("twistd")
PATIENCE = 15.0
"""Seconds in which a mesh forms, or forms again."""


def freePorts(count: int) -> int:
    """The first of so many ports in a row that nobody has, nor is given for a connection."""
    for start in range(12000 + os.getpid() % 997 * 16, 32000, 16):
        try:
            for port in range(start, start + count):
                with socket(AF_INET, SOCK_STREAM) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start
    raise SkipTest("no free ports on this machine")


class ProcessTestCase(TestCase):
    """Runs twistd in processes of its own, and ends them all."""

    timeout = 120

    def setUp(self) -> None:
        if not TWISTD.exists():
            raise SkipTest(f"there is no {TWISTD}")
        self.folder = temporaryFolder(self)
        self.running: list[subprocess.Popen[bytes]] = []
        self.addCleanup(self.killAll)

    def killAll(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()

    def twistd(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start twistd in the foreground; what it says goes to a file."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("ab") as out:
            process = subprocess.Popen(
                [str(TWISTD), "--nodaemon", "--pidfile=", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment,
            )
        self.running.append(process)
        return process

    async def until(self, condition, what: str, seconds: float = PATIENCE) -> None:
        """Wait until something is so; ask often."""
        end = reactor.seconds() + seconds
        while not condition():
            if reactor.seconds() > end:
                self.fail(f"{what} within {seconds} s")
            await deferLater(reactor, 0.05)

    async def ended(self, process: subprocess.Popen[bytes]) -> int:
        """Wait until a process has ended; its exit status."""
        await self.until(lambda: process.poll() is not None, "the process has not ended")
        return process.returncode


class FourNodesTests(ProcessTestCase):
    """Four nodes from a chain that `fiscop2p chain` has made."""

    def setUp(self) -> None:
        super().setUp()
        port = freePorts(4)
        plan = ChainPlan.parse("127.0.0.1:4", f"{port},{port + 10000 % 20000},{port + 4000}")
        made = buildChain(plan, self.folder / "nodes")
        self.nodeIDs = [node.nodeID for node in made]
        self.logs = [self.folder / f"node{index}.log" for index in range(4)]
        self.nodes = [self.start(index) for index in range(4)]

    def start(self, index: int) -> subprocess.Popen[bytes]:
        config = self.folder / "nodes" / "127.0.0.1" / f"node{index}" / "config.ini"
        return self.twistd(
            "fiscop2p", "--config", str(config), "--module", "echo", log=self.logs[index]
        )

    def peersOf(self, index: int) -> set[int]:
        """To which nodes a node's log says that links stand."""
        peers: dict[int, int] = {}
        text = self.logs[index].read_text()
        for line in text[text.rfind("starting up") :].splitlines():
            link = re.search(r"(established|onDisconnect),.*nodeID=([0-9a-f]{8})\.\.\.", line)
            if link is None:
                continue
            (peer,) = (i for i, n in enumerate(self.nodeIDs) if n.startswith(link[2]))
            peers[peer] = peers.get(peer, 0) + (1 if link[1] == "established" else -1)
        return {peer for peer, links in peers.items() if links > 0}

    def isMesh(self) -> bool:
        return all(self.peersOf(index) == set(range(4)) - {index} for index in range(4))

    async def test_meshAndMeshAgain(self) -> None:
        """They form a full mesh; one that is killed and started again is back in it."""
        await self.until(self.isMesh, "no full mesh")
        self.nodes[2].send_signal(signal.SIGKILL)
        await self.ended(self.nodes[2])
        await self.until(
            lambda: all(2 not in self.peersOf(index) for index in (0, 1, 3)),
            "the others do not notice that node 2 is gone",
        )
        self.nodes[2] = self.start(2)
        await self.until(self.isMesh, "no full mesh again")
        for index, node in enumerate(self.nodes):
            node.send_signal(signal.SIGTERM)
            # twistd shuts down, and then ends by the signal that it got.
            self.assertEqual(await self.ended(node), -signal.SIGTERM)
            text = self.logs[index].read_text()
            self.assertIn("Server Shut Down.", text)
            self.assertNotIn("Traceback", text)

    async def test_logLevel(self) -> None:
        """SIGUSR2 makes a node read the log's level again, and does not end it."""
        log = self.logs[0]
        config = self.folder / "nodes" / "127.0.0.1" / "node0" / "config.ini"
        await self.until(lambda: "is running" in log.read_text(), "node 0 does not run")
        for level, words in ("debug", "[log] has been read again"), ("x", "goes on as it was"):
            config.write_text(re.sub(r"level=\w+", f"level={level}", config.read_text()))
            self.nodes[0].send_signal(signal.SIGUSR2)
            await self.until(lambda words=words: words in log.read_text(), "it is not read")
        self.nodes[0].send_signal(signal.SIGTERM)
        self.assertEqual(await self.ended(self.nodes[0]), -signal.SIGTERM)
        self.assertNotIn("Traceback", log.read_text())

    async def test_errorsAreOneLine(self) -> None:
        """A node that cannot start says so in one line, and ends with status 1."""
        await self.until(lambda: "is running" in self.logs[0].read_text(), "node 0 does not run")
        log = self.folder / "twin.log"
        config = self.folder / "nodes" / "127.0.0.1" / "node0" / "config.ini"
        twin = self.twistd("fiscop2p", "--config", str(config), log=log)
        self.assertEqual(await self.ended(twin), 1)
        self.assertIn("cannot listen on 0.0.0.0:", log.read_text())
        self.assertNotIn("Traceback", log.read_text())
        log.unlink()
        hidden = self.folder / "hidden.log"
        arguments = f"--logfile={hidden}", f"--pidfile={self.folder / 'twin.pid'}"
        inBackground = subprocess.run(
            [str(TWISTD), *arguments, "fiscop2p", "--config", str(config)],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.assertEqual(inBackground.returncode, 1)
        self.assertIn(b"cannot listen on 0.0.0.0:", inBackground.stdout + inBackground.stderr)
        await self.until(lambda: "ListenError" in hidden.read_text(), "the log does not say it")
        self.assertNotIn("  File ", hidden.read_text())
        (config.parent / "conf" / "node.key").write_text("rubbish")
        broken = self.twistd("fiscop2p", "--config", str(config), log=log)
        self.assertEqual(await self.ended(broken), 1)
        (line,) = log.read_text().splitlines()
        self.assertIn("node.key: no PEM private key in it", line)


class ProgramTests(ProcessTestCase):
    """The program of the README that needs no twistd."""

    async def test_asks(self) -> None:
        """It starts its node, is answered, and stops it."""
        port = freePorts(2)
        plan = ChainPlan.parse("127.0.0.1:2", f"{port},{port + 10000 % 20000},{port + 4000}")
        made = buildChain(plan, self.folder / "nodes")
        log = self.folder / "node0.log"
        config = str(made[0].directory / "config.ini")
        self.twistd("fiscop2p", "--config", config, "--module", "echo", log=log)
        await self.until(lambda: "is running" in log.read_text(), "node 0 does not run")
        program = subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "ask.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.running.append(program)
        self.assertEqual(await self.ended(program), 0, log.read_text())
        self.assertEqual(program.communicate()[0], b"hello\n")


class DemoTests(ProcessTestCase):
    """The demonstration of the README."""

    async def test_storyHappens(self) -> None:
        """With --once it tells the story, and ends with status 0."""
        log = self.folder / "demo.log"
        demo = self.twistd("fiscop2p", "--demo", "--once", log=log)
        self.assertEqual(await self.ended(demo), 0, log.read_text())
        text = log.read_text()
        for step in ("Chain", "Mesh", "Unicast", "Multicast", "Broadcast", "Status", "Done"):
            self.assertIn(step, text)
        self.assertNotIn("Traceback", text)

    async def test_endsWhenStopped(self) -> None:
        """Without --once it goes on until it is stopped, and ends cleanly."""
        log = self.folder / "demo.log"
        demo = self.twistd("fiscop2p", "--demo", log=log)
        await self.until(lambda: "Running" in log.read_text(), "the story does not end")
        demo.send_signal(signal.SIGINT)
        self.assertEqual(await self.ended(demo), -signal.SIGINT)
        self.assertIn("Stopped", log.read_text())
        self.assertNotIn("Traceback", log.read_text())


class OptionsTests(ProcessTestCase):
    """What twistd says of options that make no sense."""

    async def assertSays(self, words: str, *arguments: str) -> None:
        log = self.folder / f"{len(self.running)}.log"
        process = self.twistd("fiscop2p", *arguments, log=log)
        # Not every Twisted has a status for options that it does not understand.
        await self.ended(process)
        self.assertIn(words, log.read_text())
        self.assertNotIn("Traceback", log.read_text())

    async def test_words(self) -> None:
        """Each mistake is named."""
        await self.assertSays("give either --config FILE or --demo")
        await self.assertSays("--once goes with --demo", "--once", "--config", "x")
        await self.assertSays("--tls is one of auto, ssl, pyopenssl", "--demo", "--tls", "x")
        await self.assertSays("--port goes with --config", "--demo", "--port", "tcp:1")
        await self.assertSays("--log-format is one of text, json", "--demo", "--log-format", "x")
        await self.assertSays("config.ini: no such file", "--config", "missing/config.ini")
