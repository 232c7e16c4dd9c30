"""
Tests for L{fiscop2p.reload}.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from fiscop2p.access import AccessLists
from fiscop2p.chain.authority import Authority
from fiscop2p.identity import loadCredentials
from fiscop2p.reload import Reload
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT, writeCredentials
from tests.temporary import temporaryFolder

ALICE = "a1" * 64


def listsText(black: list[str], white: list[str]) -> str:
    """The lists as a C{config.ini} has them."""
    return "\n".join(
        [
            "[certificate_blacklist]",
            *(f"    crl.{number}={nodeID}" for number, nodeID in enumerate(black)),
            "[certificate_whitelist]",
            *(f"    cal.{number}={nodeID}" for number, nodeID in enumerate(white)),
        ]
    )


class ReloadTestCase(SynchronousTestCase):
    """
    A node with two links, one that it dialled and one that it accepted, and its C{config.ini}.

    @ivar node: the node.
    @ivar accepted: who dials it.
    @ivar dialled: whom it dials.
    @ivar file: its C{config.ini}.
    @ivar touched: what a script touches to have the white list read.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(nodes=0)
        self.node = self.network.addNode([Address("10.0.0.2", PORT)])
        self.accepted = self.network.addNode([Address("10.0.0.0", PORT)])
        self.dialled = self.network.addNode()
        self.file = temporaryFolder(self) / "config.ini"
        self.file.write_text("")
        self.touched = Path(f"{self.file}.reset_certificate_whitelist")
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.reload = Reload(self.file, self.node, self.network.clock)
        self.reload.startService()
        self.network.advance(5)
        self.assertConnected(self.accepted, self.dialled)
        self.events.clear()

    def tearDown(self) -> None:
        if self.reload.running:
            self.reload.stopService()
        self.network.stop()

    def assertConnected(self, *nodes: P2PService) -> None:
        """Check that the node is connected with these and no others, and they with it."""
        self.assertEqual(
            {session.nodeID for session in self.node.registry.sessions},
            {node.nodeID for node in nodes},
        )
        for node in (self.accepted, self.dialled):
            self.assertEqual(self.node.nodeID in node.registry, node in nodes)

    def write(self, black: list[P2PService], white: list[P2PService], *more: str) -> None:
        """Write lists of these nodes."""
        text = listsText([node.nodeID for node in black], [node.nodeID for node in white])
        self.file.write_text("\n".join([text, *more]))

    def touch(self) -> None:
        """Do what the script does, and let a moment pass."""
        self.touched.touch()
        self.network.advance(0.5)

    def lines(self, level: LogLevel) -> list[str]:
        """What was logged here at a level."""
        return [
            formatEvent(event)
            for event in self.events
            if event.get("log_source") is self.reload and event["log_level"] is level
        ]


class ListsTests(ReloadTestCase):
    """What becomes of links when lists are read again."""

    def test_whiteList(self) -> None:
        """Who is no more on the white list is gone at once, stays out, and returns with it."""
        for forbidden, left in (
            (self.accepted, self.dialled),
            (self.dialled, self.accepted),
        ):
            self.write([], [left])
            self.touch()
            self.assertConnected(left)
            self.network.advance(120)
            self.assertConnected(left)
            self.write([], [left, forbidden])
            self.touch()
            self.network.advance(11)
            self.assertConnected(self.accepted, self.dialled)

    def test_blackList(self) -> None:
        """So it is with the black list, which goes before the white one."""
        self.write([self.accepted], [self.accepted, self.dialled])
        self.touch()
        self.assertConnected(self.dialled)
        self.write([self.accepted, self.dialled], [])
        self.touch()
        self.assertConnected()
        self.network.advance(120)
        self.assertConnected()
        self.write([], [])
        self.touch()
        self.network.advance(11)
        self.assertConnected(self.accepted, self.dialled)

    def test_told(self) -> None:
        """What has changed is told, and that a list is gone is a warning."""
        self.write([self.accepted], [self.dialled])
        self.touch()
        self.write([], [])
        self.touch()
        nodeID = self.accepted.nodeID[:8]
        self.assertEqual(
            self.lines(LogLevel.info),
            [
                "Reset certificate whitelist(CAL): black list: 1 node, white list: 1 node; "
                f"links are closed to {nodeID}...",
                "Reset certificate whitelist(CAL): black list: 0 nodes, white list: none; "
                "no link is closed",
            ],
        )
        self.assertEqual(
            self.lines(LogLevel.warn),
            ["the white list is gone: every node of the chain is let in"],
        )

    def test_illegalWhiteEntries(self) -> None:
        """A white list of illegal entries lets nobody in, and says so."""
        self.file.write_text(f"[cal]\ncal.0={self.accepted.nodeID}\ncal.1={ALICE}1\n")
        self.touch()
        self.assertConnected(self.accepted)
        self.file.write_text("[cal]\ncal.0=\n")
        self.touch()
        self.assertConnected()
        self.assertEqual(self.node.access, AccessLists(white=frozenset()))
        first, second = self.lines(LogLevel.error)
        self.assertTrue(first.startswith(f"illegal nodeID: {self.file}:3: [cal] cal.1: expected"))
        self.assertTrue(second.endswith("found nothing (0 characters); it lets nobody in"))

    def test_illegalBlackEntries(self) -> None:
        """A slip in the black list lets nobody off it, until it is mended."""
        self.write([self.accepted], [])
        self.touch()
        typo = self.accepted.nodeID[:-1]
        self.file.write_text(f"[crl]\ncrl.0={typo}\ncrl.1={ALICE}\n")
        self.touch()
        self.network.advance(120)
        self.assertConnected(self.dialled)
        self.assertEqual(self.node.access.black, frozenset([self.accepted.nodeID, ALICE]))
        (line,) = self.lines(LogLevel.error)
        self.assertTrue(line.startswith(f"illegal nodeID: {self.file}:2: [crl] crl.0: expected"))
        self.assertIn("whoever was on the black list stays on it until this is mended", line)
        self.file.write_text(f"[crl]\ncrl.1={ALICE}\n")
        self.touch()
        self.assertEqual(self.node.access.black, frozenset([ALICE]))
        self.network.advance(11)
        self.assertConnected(self.accepted, self.dialled)

    def test_unreadable(self) -> None:
        """A file that cannot be taken apart changes nothing, loudly."""
        self.write([], [self.accepted])
        self.touch()
        former = self.node.access
        for text in ("[cal\n", f"[cal]\ncal.0={ALICE}\ncal.0={ALICE}\n", None):
            if text is None:
                self.file.unlink()
            else:
                self.file.write_text(text)
            self.touch()
            self.assertIs(self.node.access, former)
        self.assertConnected(self.accepted)
        lines = self.lines(LogLevel.error)
        self.assertEqual(len(lines), 3)
        for line in lines:
            self.assertTrue(line.startswith(str(self.file)), line)
            self.assertTrue(line.endswith("; the lists stay as they were"), line)

    def test_inPart(self) -> None:
        """A file that lacks sections which it had is not whole: it opens no door."""
        self.reload.stopService()
        whole = "[rpc]\n[p2p]\n[crl]\n[cal]\ncal.0={}\n[secure]\n[chain]\n"
        self.file.write_text(whole.format(self.accepted.nodeID))
        self.reload.startService()
        self.touch()
        former = self.node.access
        self.assertConnected(self.accepted)
        text = self.file.read_text()
        for size in range(text.index("[chain]") + len("[chain")):
            self.file.write_text(text[:size])
            self.touch()
            self.assertIs(self.node.access, former, text[:size])
        self.reload.reload()
        for line in self.lines(LogLevel.error)[-2:]:
            self.assertIn("stay as they were", line)
        # Sections of lists may go, and others may be called by their new names.
        self.file.write_text(text.replace("secure", "network_security").partition("[crl]")[0])
        self.touch()
        self.assertIn("is missing, which was in it", self.lines(LogLevel.error)[-1])
        self.file.write_text("[rpc]\n[p2p]\n[network_security]\n[chain]\n")
        self.touch()
        self.assertEqual(self.node.access, AccessLists())


class FilesTests(ReloadTestCase):
    """The files that say it."""

    def test_deleted(self) -> None:
        """The file is deleted, and acted upon once."""
        self.touch()
        self.assertFalse(self.touched.exists())
        self.network.advance(10)
        self.assertEqual(len(self.lines(LogLevel.info)), 1)
        self.touch()
        self.assertEqual(len(self.lines(LogLevel.info)), 2)

    def test_alone(self) -> None:
        """Without it nothing is read, whatever becomes of the lists."""
        self.write([self.accepted, self.dialled], [])
        self.network.advance(60)
        self.assertConnected(self.accepted, self.dialled)

    def test_undeletable(self) -> None:
        """One that cannot be deleted is obeyed and complained of once, until it is gone."""
        self.touched.mkdir()
        self.network.advance(10)
        (line,) = self.lines(LogLevel.error)
        self.assertIn(f"{self.touched} cannot be deleted: ", line)
        self.assertEqual(len(self.lines(LogLevel.info)), 1)
        self.touched.rmdir()
        self.network.advance(1)
        self.touch()
        self.assertEqual(len(self.lines(LogLevel.info)), 2)
        self.assertEqual(len(self.lines(LogLevel.error)), 1)

    def test_meaningless(self) -> None:
        """Files that say what only a whole FISCO BCOS node can do are taken away, with a word."""
        for name in ("append_group", "reset_allowlist"):
            self.file.with_name(f"config.ini.{name}").touch()
        self.network.advance(1)
        self.assertEqual(os.listdir(self.file.parent), ["config.ini"])
        self.assertEqual(
            self.lines(LogLevel.info),
            [
                "append_group means nothing: there are no groups here",
                "reset_allowlist means nothing: there is no list of SDKs here",
            ],
        )

    def test_stopped(self) -> None:
        """A node that is stopped looks for no file."""
        self.reload.stopService()
        self.touched.touch()
        self.network.advance(1)
        self.assertTrue(self.touched.exists())
        self.reload.stopService()

    def test_failure(self) -> None:
        """A failure of one step is logged; the others, and the next time, are not lost."""
        done: list[str] = []
        self.reload.onHangup[:] = [lambda: 1 // 0, lambda: done.append("done")]
        self.reload.reload()
        self.assertEqual(done, ["done"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Interrupted:
    """A reactor that does later what a signal asks for."""

    def __init__(self, clock: Any) -> None:
        self.calls: list[Any] = []
        self.callLater, self.seconds = clock.callLater, clock.seconds

    def callFromThread(self, call: Any) -> None:
        """Keep it for later."""
        self.calls.append(call)


class SignalTests(ReloadTestCase):
    """SIGHUP."""

    def setUp(self) -> None:
        super().setUp()
        self.reload.stopService()
        former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, former)
        self.reactor = Interrupted(self.network.clock)
        self.reload = Reload(self.file, self.node, self.reactor)

    def test_signal(self) -> None:
        """The signal leaves all to the reactor, which then does it."""
        self.reload.startService()
        self.write([], [self.accepted])
        os.kill(os.getpid(), signal.SIGHUP)
        self.network.advance(0)
        self.assertConnected(self.accepted, self.dialled)
        (call,) = self.reactor.calls
        call()
        self.network.advance(0.5)
        self.assertConnected(self.accepted)

    def test_storm(self) -> None:
        """However often the signal comes, files are read five times a second at the most."""
        self.reload.startService()
        done: list[float] = []
        self.reload.onHangup[:] = [lambda: done.append(self.network.clock.seconds())]
        start = self.network.clock.seconds()
        for _ in range(45):
            for _ in range(10):
                os.kill(os.getpid(), signal.SIGHUP)
            for call in self.reactor.calls:
                call()
            self.assertLessEqual(len(self.reactor.calls), 1)
            self.reactor.calls.clear()
            self.network.advance(0.01)
        self.network.advance(5)
        self.assertEqual([round(time - start, 2) for time in done], [0, 0.2, 0.4, 0.6])

    def test_storedSignal(self) -> None:
        """What a signal has asked for is not done by a node that stops."""
        self.reload.startService()
        os.kill(os.getpid(), signal.SIGHUP)
        (call,) = self.reactor.calls
        call()
        self.reload.onHangup[:] = [lambda: self.fail("it has stopped")]
        self.reload.stopService()
        self.network.advance(5)

    def test_handler(self) -> None:
        """Whoever had the signal before has it again afterwards."""
        self.reload.startService()
        self.assertNotEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
        self.reload.stopService()
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)

    def test_takenOver(self) -> None:
        """Whoever has taken the signal meanwhile keeps it."""

        def handler(number: int, frame: Any) -> None:
            """Do nothing."""

        self.reload.startService()
        signal.signal(signal.SIGHUP, handler)
        self.reload.stopService()
        self.assertIs(signal.getsignal(signal.SIGHUP), handler)


class SocketTests(TestCase):
    """The whole, over real sockets, with TLS and a real signal."""

    timeout = 60

    async def until(self, condition: Any) -> None:
        """Wait until something is so."""
        while not condition():
            await deferLater(reactor, 0.02)

    async def test_whole(self) -> None:
        """A peer is put off the white list and back on it, by file and by signal."""
        agency = Authority.makeRoot().issueAgency("agency")
        nodes = []
        for name in ("one", "other"):
            folder = temporaryFolder(self)
            writeCredentials(agency.issueNode(name), folder)
            settings = Settings(listen=Address("127.0.0.1", 0))
            nodes.append(makeNode(loadCredentials(folder), settings, reactor=reactor))
        one, other = nodes
        for node in nodes:
            node.startService()
            self.addCleanup(node.stopService)
        file = temporaryFolder(self) / "config.ini"
        reload = Reload(file, one, reactor)
        reload.startService()
        self.addCleanup(reload.stopService)
        one.addPeer(other.listenAddress)
        await one.registry.whenConnected(other.nodeID)
        await other.registry.whenConnected(one.nodeID)

        file.write_text(listsText([], [ALICE]))
        Path(f"{file}.reset_certificate_whitelist").touch()
        await self.until(lambda: one.nodeID not in other.registry)
        self.assertNotIn(other.nodeID, one.registry)
        file.write_text(listsText([], [other.nodeID]))
        os.kill(os.getpid(), signal.SIGHUP)
        await other.registry.whenConnected(one.nodeID)
