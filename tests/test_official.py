"""A directory of the official chain builder, run unchanged by its own scripts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from twisted.trial.unittest import SkipTest

from tests.officialchain import IP, OfficialNode, buildOfficialChain
from tests.test_processes import ROOT, ProcessTestCase, freePorts

INSTALLED = Path(sys.executable).with_name("fiscop2p-node")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def placeBinary(path: Path) -> None:
    """Put the console script where C{fisco-bcos} stands; what pip writes, if it has not yet."""
    if INSTALLED.exists():
        shutil.copy(INSTALLED, path)
        return
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"]
    (place,) = (line.split("=")[1] for line in scripts.splitlines() if "fiscop2p-node" in line)
    module, function = place.strip().split(":")
    path.write_text(
        f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    )
    path.chmod(0o755)


def ask(node: OfficialNode, method: str, *params: object) -> Any:
    """What a node answers by JSON-RPC; L{None} if it does not."""
    body = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
    request = Request(f"http://127.0.0.1:{node.rpcPort}", json.dumps(body).encode())
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310 (our own node)
            return json.load(answer)["result"]
    except OSError:
        return None


class OfficialTestCase(ProcessTestCase):
    """
    Nodes whose directory is that of the official chain builder.

    @ivar count: how many nodes.
    @ivar host: C{nodes/127.0.0.1}.
    @ivar nodes: the nodes, none of which runs yet.
    """

    count = 1

    def setUp(self) -> None:
        for tool in ("bash", "ps", "nohup"):
            if shutil.which(tool) is None:
                raise SkipTest(f"the official scripts need {tool}")
        super().setUp()
        nodes = self.folder / "nodes"
        self.nodes = buildOfficialChain(nodes, self.count, freePorts(3 * self.count))
        self.host = nodes / IP
        placeBinary(self.host / "fisco-bcos")
        self.addCleanup(self.killNodes)

    def processes(self) -> list[int]:
        """The nodes that run, found as the scripts find them."""
        # In an environment of ours: readline puts COLUMNS into that of this process, and ps obeys.
        listed = subprocess.run(
            ["ps", "axo", "pid,args"], env=ENVIRONMENT, capture_output=True, text=True
        )
        return [
            int(line.split()[0])
            for line in listed.stdout.splitlines()
            if str(self.host) in line and "/../fisco-bcos" in line
        ]

    def killNodes(self) -> None:
        for process in self.processes():
            os.kill(process, signal.SIGKILL)

    def script(self, *path: str) -> list[str]:
        """Run a script, which must succeed; the lines that it says, sorted, without colours."""
        done = subprocess.run(
            ["bash", str(self.host.joinpath(*path))],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        text = done.stdout.replace("\033[32m", "").replace("\033[0m", "")
        return sorted(text.splitlines())

    async def startAll(self) -> None:
        """Start them; a slow machine has a node come up after its script has given it up."""
        said = self.script("start_all.sh")
        for index in range(self.count):
            if f" node{index} start successfully" not in said:
                self.assertIn(f"Please try again to start node{index} ", "".join(said))
                await self.until(lambda n=index: "running" in self.said(n)[-1], "it does not run")

    def said(self, index: int = 0) -> list[str]:
        """The lines of a node's standard output and error."""
        return (self.nodes[index].directory / "nohup.out").read_text().splitlines() or [""]

    def change(self, old: str, new: str) -> None:
        """Edit the C{config.ini} of the first node."""
        config = self.nodes[0].directory / "config.ini"
        text = config.read_text()
        self.assertIn(old, text)
        config.write_text(text.replace(old, new))

    def peersOf(self, index: int) -> set[int]:
        """Which nodes a node names when it is asked for its peers."""
        peers = ask(self.nodes[index], "getPeers", 1) or []
        nodeIDs = [node.nodeID for node in self.nodes]
        return {nodeIDs.index(peer["NodeID"]) for peer in peers}


class FourNodesTests(OfficialTestCase):
    """Four nodes."""

    count = 4

    async def test_scripts(self) -> None:
        """They are started, form a full mesh, are found again, and are stopped."""
        await self.startAll()
        self.assertEqual(len(self.processes()), 4)

        def isMesh() -> bool:
            return all(self.peersOf(each) == set(range(4)) - {each} for each in range(4))

        await self.until(isMesh, "no full mesh")
        self.assertRegex(self.script("node2", "start.sh")[0], r"^ node2 is running, pid is \d+\.$")
        self.assertEqual(
            self.script("stop_all.sh"), [f" stop node{index} success." for index in range(4)]
        )
        for index in range(4):
            lines = self.said(index)
            self.assertRegex(lines[0], r"^FISCO-BCOS Version : \d+\.\d+\.\d+$")
            self.assertIn("Initializing...", lines[6])
            self.assertIn("The FISCO-BCOS is running...", lines[7])
            self.assertEqual(lines[8:], ["FISCO-BCOS program exit normally."])
        self.assertEqual(self.script("node2", "stop.sh"), [" node2 isn't running."])


class WhiteListTests(OfficialTestCase):
    """The white list of a node that has a peer."""

    count = 2

    async def test_script(self) -> None:
        """The script that has it read again puts the peer out, and lets it in again."""
        own, other = (f"cal.{index}={node.nodeID}" for index, node in enumerate(self.nodes))
        await self.startAll()
        await self.until(lambda: self.peersOf(0) == {1}, "no link")
        self.change(";cal.0=", own)
        self.script("node0", "scripts", "reload_whitelist.sh")
        await self.until(lambda: self.peersOf(0) == set(), "the peer is still there")
        self.change(own, f"{own}\n    {other}")
        self.script("node0", "scripts", "reload_whitelist.sh")
        await self.until(lambda: self.peersOf(0) == {1}, "the peer does not come back")
        self.script("stop_all.sh")


class OneNodeTests(OfficialTestCase):
    """A node alone."""

    def run_(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the node as its C{start.sh} does."""
        (node,) = self.nodes
        with (node.directory / "nohup.out").open("ab") as out:
            process = subprocess.Popen(
                [str(node.directory / ".." / "fisco-bcos"), "-c", "config.ini", *options],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=node.directory,
                env=ENVIRONMENT,
            )
        self.running.append(process)
        return process

    async def assertRuns(self) -> None:
        await self.until(lambda: "running" in self.said()[-1], "the node does not run")

    async def test_signals(self) -> None:
        """Whichever signal tells it to end, it ends in order, with status 0."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
            process = self.run_()
            await self.assertRuns()
            process.send_signal(number)
            process.send_signal(number)
            self.assertEqual(await self.ended(process), 0)
            self.assertEqual(self.said()[-1], "FISCO-BCOS program exit normally.")

    async def test_takenPort(self) -> None:
        """A second process of the node says what is wrong, and leaves the first alone."""
        self.run_()
        await self.assertRuns()
        self.assertEqual(await self.ended(self.run_()), 255)
        self.assertEqual(
            [line.partition(": ")[0] for line in self.said()[-2:]],
            ["fiscop2p-node", "Init failed!!!"],
        )
        self.assertIn(f"cannot listen on 0.0.0.0:{self.nodes[0].p2pPort}", self.said()[-2])
        self.assertEqual(len(self.processes()), 1)

    def logged(self) -> str:
        """The node's log."""
        files = sorted((self.nodes[0].directory / "log").glob("log_*.log"))
        return "".join(file.read_text() for file in files)

    async def test_logLevel(self) -> None:
        """SIGUSR2 makes it read the log's level again; what is wrong then changes nothing."""
        self.change("level=info", "level=error")
        process = self.run_()
        await self.assertRuns()
        self.assertEqual(self.logged(), "")
        self.change("level=error", "level=info")
        process.send_signal(signal.SIGUSR2)
        await self.until(lambda: "[log] has been read again" in self.logged(), "it is not read")
        self.change("level=info", "level=silence")
        process.send_signal(signal.SIGUSR2)
        await self.until(lambda: "the log goes on as it was: " in self.logged(), "no complaint")
        self.assertIn("[log] level: ", self.logged())
        self.assertEqual(len(self.processes()), 1)

    async def test_jsonLog(self) -> None:
        """With --log-format json every line of the log is an object."""
        self.run_("--log-format", "json")
        await self.assertRuns()
        lines = [json.loads(line) for line in self.logged().splitlines()]
        self.assertIn("info", {line["level"] for line in lines})

    async def test_statistics(self) -> None:
        """With enable_statistic there is a file of statistics where the real node has it."""
        folder = self.nodes[0].directory / "stat"
        process = self.run_()
        await self.assertRuns()
        self.assertFalse(folder.exists())
        process.terminate()
        await self.ended(process)
        self.change("enable_statistic=false", "enable_statistic=true")
        self.run_()
        await self.until(lambda: any(folder.glob("stat_*.log")), "no statistics")
        (file,) = folder.glob("stat_*.log")
        self.assertIn("|AMOP|,AMOPIn=", file.read_text())
