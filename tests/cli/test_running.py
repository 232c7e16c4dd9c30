"""Tests for L{fiscop2p.cli.running}: how commands find a node, and what they say without one."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from threading import Thread
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from fiscop2p.cli import running
from fiscop2p.cli.failures import STATUSES
from fiscop2p.cli.running import CONFIG_VARIABLE
from fiscop2p.cli.words import durationWords, latencyWords, safe, sizeWords
from fiscop2p.config import adminFromConfig
from tests.cli.nodes import NodesTestCase, run
from tests.cli.test_chain import CommandTestCase

TOKEN = "0123456789abcdef"


class NotRunningTests(CommandTestCase):
    """There is no node to ask."""

    def setUp(self) -> None:
        super().setUp()
        self.enterContext(patch.dict(os.environ))
        os.environ.pop(CONFIG_VARIABLE, None)

    def listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind("admin.sock")
        listening.listen()
        return listening

    def answer(self, text: bytes) -> None:
        """Be a node that answers one request with this, whatever it is."""
        listening = self.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(text)

        thread = Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)

    def test_noConfig(self) -> None:
        """Where nothing says which node is meant, that is asked."""
        self.assertComplaint(
            3,
            "fiscop2p peers: which node? There is no config.ini in this folder: name that of the "
            "node with -c, or set FISCOP2P_CONFIG",
            "peers",
        )

    def test_whichConfig(self) -> None:
        """An option goes before the file of this folder, and that before the variable."""
        os.environ[CONFIG_VARIABLE] = "variable.ini"
        self.assertIn("variable.ini: no such file", self.fiscop2p("peers")[2])
        Path("config.ini").write_text("")
        self.assertIn("the node of config.ini is not running", self.fiscop2p("peers")[2])
        self.assertIn("option.ini: no such file", self.fiscop2p("peers", "-c", "option.ini")[2])

    def test_notRunning(self) -> None:
        """One line says so, and what to do, for every command."""
        Path("config.ini").write_text("")
        self.assertComplaint(
            3,
            "fiscop2p status: the node of config.ini is not running, or is part of an application, "
            "which nobody can ask; start it, with its start.sh or with: "
            "twistd -n --pidfile= fiscop2p --config config.ini",
            "status",
        )
        Path("file").write_text("x")
        for command in (
            ["peers"],
            ["topics"],
            ["watch"],
            ["send", "a", "b"],
            ["request", "a", "b"],
            ["publish", "a", "b"],
            ["subscribe", "a"],
            ["ping", "a"],
            ["bench", "a"],
            ["send-file", "a", "file"],
            ["completion", "nodes"],
        ):
            status, output, complaints = self.fiscop2p(*command)
            self.assertEqual((status, output), (3, ""))
            self.assertIn("is not running", complaints)
            self.assertEqual(complaints.count("\n"), 1)

    def test_socketOfADeadNode(self) -> None:
        """A socket that a node has left behind is no node."""
        Path("config.ini").write_text("")
        self.listen().close()
        status, _, complaints = self.fiscop2p("status")
        self.assertEqual(status, 3)
        self.assertIn("is not running", complaints)

    def test_longPath(self) -> None:
        """A socket that cannot be is named, and what to do: the node may well run without it."""
        folder = Path("x" * 120)
        folder.mkdir()
        (folder / "config.ini").write_text("")
        status, _, complaints = self.fiscop2p("status", "-c", str(folder / "config.ini"))
        self.assertEqual(status, 3)
        self.assertIn("admin.sock: AF_UNIX path too long; name a shorter one", complaints)
        self.assertIn("[admin] listen=unix:PATH", complaints)

    def test_notOurs(self) -> None:
        """A socket that another user may use alone is named so."""
        Path("config.ini").write_text("")
        with patch.object(running, "_dial", side_effect=PermissionError(13, "Permission denied")):
            status, _, complaints = self.fiscop2p("status")
        self.assertEqual(status, 3)
        self.assertIn("admin.sock may be used by the user of the node alone", complaints)

    def test_off(self) -> None:
        """A node that is not to be asked is named so."""
        Path("config.ini").write_text("[admin]\nlisten=off\n")
        self.assertComplaint(
            3,
            "fiscop2p peers: the node of config.ini cannot be asked: [admin] listen is off in "
            "that file",
            "peers",
        )

    def test_mistakes(self) -> None:
        """A mistake of the file is told with its line."""
        Path("config.ini").write_text("[admin]\nlisten=nowhere\n")
        status, _, complaints = self.fiscop2p("peers")
        self.assertEqual(status, 1)
        self.assertIn("config.ini:2: [admin] listen: expected ip:port", complaints)

    def test_strangeAnswers(self) -> None:
        """What does not answer as a node does is told in a line, too."""
        Path("config.ini").write_text("")
        for status, words, answer in (
            (3, "does not answer", b""),
            (3, "does not answer", b"what?\r\n\r\n"),
            (3, "does not answer", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
            (1, "status 200", b"HTTP/1.1 200 OK\r\n\r\nno JSON"),
            (1, "status 500", b"HTTP/1.1 500 Oh\r\n\r\n[]"),
            (1, "taken", b'HTTP/1.1 409 No\r\n\r\n{"error":"the topic is taken"}'),
            (1, "be gone\\x1b[2J", b'HTTP/1.1 403 No\r\n\r\n{"error":"be gone\\u001b[2J"}'),
        ):
            self.answer(answer)
            found, output, complaints = self.fiscop2p("topics")
            self.assertEqual((found, output), (status, ""), complaints)
            self.assertIn(words, complaints)
            self.assertEqual(complaints.count("\n"), 1, complaints)
            Path("admin.sock").unlink()

    def test_statusesAreDocumented(self) -> None:
        """Each help names all exit statuses; so do the operators' pages."""
        texts = [self.fiscop2p("--help")[1], self.fiscop2p("ping", "--help")[1]]
        for text in texts:
            flowing = " ".join(text.split())
            for status, words in STATUSES.items():
                self.assertIn(f"{status}, {words}", flowing)


class PlacesTests(NodesTestCase):
    """Where the node may be asked."""

    admin = f"listen=127.0.0.1:0\ntoken={TOKEN}"

    async def setUp(self) -> None:
        self.admin = f"listen=127.0.0.1:{_freePort()}\ntoken={TOKEN}"
        await super().setUp()

    async def test_socketFirst(self) -> None:
        """The socket is there beside the port, and needs no token."""
        self.assertTrue((self.folder / "admin.sock").is_socket())
        without = self.config.read_text().replace(f"token={TOKEN}", "")
        self.config.write_text(without)
        self.assertEqual(await self.told("send", "bob", "x"), {"to": self.bob.nodeID})

    async def test_port(self) -> None:
        """Without the socket the port is asked, with the token of the file."""
        (self.folder / "admin.sock").rename(self.folder / "elsewhere.sock")
        self.addCleanup((self.folder / "elsewhere.sock").rename, self.folder / "admin.sock")
        self.assertEqual((await self.told("status"))["name"], "alice")
        self.assertEqual(await self.told("send", "bob", "x"), {"to": self.bob.nodeID})
        self.config.write_text(self.config.read_text().replace(TOKEN, TOKEN[::-1]))
        await self.assertFails(1, "token is missing, or is another", "send", "bob", "x")


class ThreadTests(NodesTestCase):
    """A node that is slow to answer."""

    async def test_timeout(self) -> None:
        """A node that does not answer in time is named so."""
        self.patch(running, "_PATIENCE", 0.2)
        admin = adminFromConfig(self.config)
        assert admin is not None
        await self.service.stopService()
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        admin.socket.unlink(missing_ok=True)
        listening.bind(str(admin.socket))
        listening.listen()
        await deferLater(reactor, 0)
        status, _, complaints = await deferToThread(run, "peers", "-c", str(self.config))
        self.assertEqual(status, 3)
        self.assertIn("does not answer in time", complaints)


class WordsTests(CommandTestCase):
    """L{fiscop2p.cli.words}."""

    def test_sizes(self) -> None:
        """Three digits and a unit."""
        for count, words in (
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1234, "1.23 kB"),
            (999_499, "999 kB"),
            (999_600, "1 MB"),
            (340e6, "340 MB"),
            (1.5e15, "1.5 PB"),
            (2e20, "200000 PB"),
        ):
            self.assertEqual(sizeWords(count), words)

    def test_durations(self) -> None:
        """The two greatest units, without what is nothing."""
        for seconds, words in (
            (-1, "0s"),
            (0.9, "0s"),
            (59, "59s"),
            (60, "1m"),
            (200, "3m 20s"),
            (3600, "1h"),
            (3725, "1h 2m"),
            (90000, "1d 1h"),
            (86400 * 400 + 59, "400d"),
        ):
            self.assertEqual(durationWords(seconds), words)

    def test_latencies(self) -> None:
        """Milliseconds, or a dash."""
        self.assertEqual(
            [latencyWords(each) for each in (None, 0.0012345, 2.0)][:2], ["-", "1.23 ms"]
        )

    def test_safe(self) -> None:
        """What a terminal would obey is written out."""
        self.assertEqual(safe("größer 计划 \\ '"), "größer 计划 \\ '")
        self.assertEqual(safe("a\x1b[2J\n\t\u202e\ud800"), "a\\x1b[2J\\n\\t\\u202e\\ud800")


def _freePort() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
