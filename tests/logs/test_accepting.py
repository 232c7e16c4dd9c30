"""Connections that cannot be taken."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from socket import create_connection

from twisted.logger import LogEvent, Logger
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.logs.accepting import Accepting
from tests.strangers import logLines

SERVER = """
import resource, sys
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogBeginner
from fiscop2p.logs import makeObserver
globalLogBeginner.beginLoggingTo([makeObserver("info", None)], redirectStandardIO=False)
port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
print(port.getHost().port, flush=True)
reactor.run()
"""


class AcceptingTests(SynchronousTestCase):
    """What Twisted says of it, and what becomes of that."""

    def setUp(self) -> None:
        self.time = 0.0
        self.passed: list[LogEvent] = []
        self.lines = logLines(self)
        self.observer = Accepting(self.passed.append, lambda: self.time)

    def emit(self, text: str, namespace: str = "twisted.internet.tcp.Port", **more: object) -> None:
        Logger(namespace=namespace, observer=self.observer).info(text, **more)

    def test_onceAMinute(self) -> None:
        """However many there are, it is one line a minute that says how many, and what to do."""
        for _ in range(1300):
            self.emit("EMFILE encountered; releasing reserved file descriptor.")
            self.emit("EMFILE recovery: Closed socket from {address}", address="10.0.0.1")
            self.emit("Re-reserving EMFILE recovery file descriptor.")
            self.time += 0.125
        self.emit("Could not accept new connection ({acceptError})", acceptError="ENFILE")
        self.assertEqual(self.passed, [])
        self.assertEqual(len(self.lines), 3)
        said = "warn: connections cannot be taken,count={},message=EMFILE"
        words = [said.format(count) for count in (1, 480, 480)]
        self.assertEqual([line.partition(";")[0] for line in self.lines], words)
        self.assertIn("ulimit -n", self.lines[0])

    def test_others(self) -> None:
        """Whatever else is said, by whomever, is passed on."""
        self.emit("EMFILE recovery: Closed socket from {address}", "fiscop2p.links.host")
        self.emit("something else")
        self.assertEqual(len(self.passed), 2)
        self.assertEqual(self.lines, [])

    def test_whole(self) -> None:
        """A process that may open no more files says so in a line, and goes on."""
        command = [sys.executable, "-c", SERVER]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            while not (line := server.stdout.readline().strip()).isdigit():
                self.assertNotEqual(line, "")
            port = int(line)
            for _ in range(2):
                with ExitStack() as stack:
                    for _ in range(100):
                        stack.enter_context(create_connection(("127.0.0.1", port), 10))
        finally:
            server.terminate()
            said, _ = server.communicate()
        lines = [line for line in said.splitlines() if "EMFILE" in line]
        self.assertEqual(len(lines), 1, said)
        self.assertRegex(lines[0], r"\[NETWORK\]\[Host\] connections cannot be taken,count=1")
