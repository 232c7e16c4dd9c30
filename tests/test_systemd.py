"""A node as systemd runs it: with a socket that it hands over, and told how the node is."""

from __future__ import annotations

import signal
import sys
from socket import AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, create_connection, socket
from subprocess import Popen
from typing import ClassVar

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from tests.test_processes import ROOT, TWISTD, ProcessTestCase, freePorts

_EXEC = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="p2p")
os.execv(sys.argv[2], sys.argv[2:])
"""


class SystemdTests(ProcessTestCase):
    """C{twistd fiscop2p --port systemd:domain=INET:index=0}."""

    program: ClassVar[list[str]] = [str(TWISTD), "--nodaemon", "--pidfile=", "fiscop2p"]

    def setUp(self) -> None:
        super().setUp()
        port = freePorts(3)
        (made,) = buildChain(
            ChainPlan.parse("127.0.0.1:1", f"{port},{port + 1},{port + 2}"), self.folder / "nodes"
        )
        self.config = made.directory / "config.ini"
        self.log = self.folder / "log"
        self.handedOver = socket(AF_INET, SOCK_STREAM)
        self.addCleanup(self.handedOver.close)
        self.handedOver.bind(("127.0.0.1", 0))
        self.handedOver.listen()
        self.systemd = socket(AF_UNIX, SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(str(self.folder / "notify"))
        self.systemd.setblocking(False)

    def start(self, endpoint: str) -> Popen[bytes]:
        """Start a node with our socket as its descriptor 3, as systemd does."""
        number = self.handedOver.fileno()
        with self.log.open("ab") as out:
            process = Popen(
                [
                    *(sys.executable, "-c", _EXEC, str(number), *self.program),
                    *("--config", str(self.config), "--port", endpoint),
                ],
                stdout=out,
                stderr=out,
                cwd=self.folder,
                pass_fds=(number,),
                env={
                    "PYTHONPATH": str(ROOT),
                    "PATH": "/usr/bin:/bin",
                    "NOTIFY_SOCKET": str(self.folder / "notify"),
                    "WATCHDOG_USEC": "600000",
                },
            )
        self.running.append(process)
        return process

    def logged(self) -> str:
        files = [self.log, *(self.config.parent / "log").glob("*.log")]
        return "".join(file.read_text() for file in files)

    def told(self) -> list[str]:
        found = []
        try:
            while True:
                found.append(self.systemd.recv(4096).decode())
        except BlockingIOError:
            return found

    async def test_handedOver(self) -> None:
        """It listens on the socket that it was given, says so, and shows that it lives."""
        host, port = self.handedOver.getsockname()
        node = self.start("systemd:domain=INET:index=0")
        told: list[str] = []

        def isTold(words: str) -> bool:
            told.extend(self.told())
            return words in told

        await self.until(lambda: isTold("READY=1"), "systemd is not told that it is ready")
        self.assertIn(f"listening on {host}:{port}", self.logged())
        create_connection((host, port)).close()
        await self.until(lambda: "127.0.0.1" in self.logged(), "the connection is not taken")
        self.assertEqual(told[0], "READY=1")
        del told[:]
        await self.until(lambda: isTold("WATCHDOG=1"), "systemd is not told that it lives")
        node.send_signal(signal.SIGTERM)
        await self.ended(node)
        self.assertTrue(isTold("STOPPING=1"))
        # What comes while it is started anew is kept by systemd.
        create_connection((host, port)).close()
        self.assertNotIn("Traceback", self.logged())

    async def test_byName(self) -> None:
        """The socket may also be found by its name."""
        self.start("systemd:domain=INET:name=p2p")
        await self.until(lambda: "READY=1" in self.told(), "systemd is not told that it is ready")

    async def test_notHandedOver(self) -> None:
        """One that is not there is told in a line."""
        node = self.start("systemd:domain=INET:index=1")
        self.assertNotEqual(await self.ended(node), 0)
        self.assertIn("no such socket was handed to this process", self.logged())
        self.assertNotIn("Traceback", self.logged())
        self.assertEqual(self.told(), [])


class NodeCommandTests(SystemdTests):
    """C{fiscop2p-node --port systemd:domain=INET:index=0}."""

    program: ClassVar[list[str]] = [
        sys.executable,
        "-c",
        "import sys; from fiscop2p.cli.node import main; sys.exit(main())",
    ]
