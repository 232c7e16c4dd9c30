"""Tests for L{fiscop2p.notices}: what systemd is told."""

from __future__ import annotations

import os
from socket import AF_UNIX, SOCK_DGRAM, socket

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.notices import Notices
from fiscop2p.testing import MemoryNetwork
from tests.temporary import temporaryFolder


class NoticesTests(SynchronousTestCase):
    """A node under systemd, with a clock of ours."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.address = str(temporaryFolder(self) / "notify")
        self.systemd = self.listen(self.address)

    def listen(self, address: str) -> socket:
        systemd = socket(AF_UNIX, SOCK_DGRAM)
        self.addCleanup(systemd.close)
        systemd.bind(address)
        systemd.setblocking(False)
        return systemd

    def start(self, **environment: str) -> Notices:
        environment = {"NOTIFY_SOCKET": self.address, **environment}
        notices = Notices(self.network.nodes[0], self.network.clock, environment)
        notices.startService()
        return notices

    def told(self) -> list[str]:
        """What systemd has been told since this was last asked."""
        found = []
        try:
            while True:
                found.append(self.systemd.recv(4096).decode())
        except BlockingIOError:
            return found

    def test_readyAndStopping(self) -> None:
        """It is told when the node listens, who is linked, and when it stops."""
        notices = self.start()
        none = "STATUS=Listening on 10.0.0.0:30300, 0 nodes linked"
        self.assertEqual(self.told(), ["READY=1", none])
        self.network.advance(3)
        self.assertEqual(self.told(), [none.replace("0 nodes", "1 nodes")])
        self.network.nodes[1].stopService()
        self.network.advance(1)
        self.assertEqual(self.told(), [none])
        notices.stopService()
        self.assertEqual(self.told(), ["STOPPING=1"])
        self.network.nodes[1].startService()
        self.network.advance(60)
        self.assertEqual(self.told(), [])

    def test_watchdog(self) -> None:
        """It gets three signs of life in the time that it allows between two."""
        notices = self.start(WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
        self.network.advance(29)
        self.assertEqual(self.told().count("WATCHDOG=1"), 3)
        self.network.advance(30)
        self.assertEqual(self.told().count("WATCHDOG=1"), 3)
        notices.stopService()
        self.told()
        self.network.advance(60)
        self.assertEqual(self.told(), [])

    def test_noWatchdog(self) -> None:
        """None if it did not ask for any, or asked somebody else."""
        for environment in (
            {},
            {"WATCHDOG_USEC": ""},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "x"},
            {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
        ):
            notices = self.start(**environment)
            self.network.advance(5)
            notices.stopService()
            self.assertNotIn("WATCHDOG=1", self.told())

    def test_withoutSystemd(self) -> None:
        """A node that systemd did not start tells nobody, and is none the worse for it."""
        notices = self.start(NOTIFY_SOCKET="")
        self.network.advance(5)
        notices.stopService()
        gone = self.start(NOTIFY_SOCKET=self.address + "-gone", WATCHDOG_USEC="1000000")
        self.network.advance(5)
        gone.stopService()
        self.assertEqual(self.told(), [])

    def test_abstractSocket(self) -> None:
        """The socket may have a name that is in no file system."""
        self.systemd = self.listen(f"\0fiscop2p-{os.getpid()}@x")
        notices = self.start(NOTIFY_SOCKET=f"@fiscop2p-{os.getpid()}@x")
        self.assertEqual(self.told()[0], "READY=1")
        notices.stopService()

    def test_stoppedBeforeItStarted(self) -> None:
        """A node that never started does not say that it stops."""
        Notices(
            self.network.nodes[0], self.network.clock, {"NOTIFY_SOCKET": self.address}
        ).stopService()
        self.assertEqual(self.told(), [])

    def test_slowSystemd(self) -> None:
        """If it does not read, what is told is lost, and nobody waits."""
        notices = self.start()
        for _ in range(2000):
            notices._tell("WATCHDOG=1")
        self.assertLess(len(self.told()), 2000)
        notices._tell("WATCHDOG=1")
        self.assertEqual(self.told(), ["WATCHDOG=1"])
        notices.stopService()
