"""Tests for the commands by which a running node sends something."""

from __future__ import annotations

import os
from base64 import b64decode
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from itertools import chain, repeat
from pathlib import Path
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from fiscop2p.admin import bench
from fiscop2p.cli import sendfile
from fiscop2p.interfaces import Message
from fiscop2p.modules import files
from fiscop2p.modules.files import FileReceiver, FilesConfig
from fiscop2p.wire.files import Piece, Progress
from tests.cli.nodes import NodesTestCase, run
from tests.temporary import temporaryFolder


class MessageTests(NodesTestCase):
    """C{send}, C{request}, C{publish} and C{subscribe}."""

    async def test_applicationsGetIt(self) -> None:
        """With --protocol a message goes to an application, as it is."""
        received: list[Message] = []
        self.bob.handle(self.bob.protocolID(1, 1000), received.append)
        output = await self.done("send", "bob", "hello -- wörld", "-p", "1:1000", "--type", "7")
        self.assertEqual(output, f"sent to {self.bob.nodeID[:8]}... (bob of agency)\n")
        while not received:
            await deferLater(reactor, 0.01)
        self.assertEqual(received[0].payload, "hello -- wörld".encode())
        self.assertEqual((received[0].sender, received[0].packetType), (self.node.nodeID, 7))

    async def test_operatorsSeeIt(self) -> None:
        """Without it, the operators of the other node are shown it, and a request is answered."""
        self.assertEqual(await self.told("send", "bob", "hi"), {"to": self.bob.nodeID})
        status, output, words = await self.fiscop2p("request", "bob", "hi")
        self.assertEqual((status, output), (0, "hi"))
        self.assertRegex(words, r"^answered by .* \(bob of agency\) after [\d.]+ ms\n$")

    async def test_standardInput(self) -> None:
        """A dash is what standard input has, which need not be text."""
        rubbish = bytes(range(256))
        with patch("sys.stdin", TextIOWrapper(BytesIO(rubbish))):
            told = await self.told("request", "bob", "-")
        self.assertEqual(b64decode(told["base64"]), rubbish)
        self.assertIsNone(told["text"])

    async def test_notDelivered(self) -> None:
        """What does not arrive has an exit status of its own."""
        arguments = ("request", "carol-gone", "x")
        await self.assertFails(4, "no node is called 'carol-gone'", *arguments)
        nowhere = ("request", self.bob.nodeID, "x", "-p", "1:2", "-t", "0.2")
        await self.assertFails(5, "no answer", *nowhere)
        self.carol.stopService()
        while self.carol.nodeID in self.node.registry:
            await deferLater(reactor, 0.01)
        await self.assertFails(5, "is not connected", "send", self.carol.nodeID, "x")
        await self.assertFails(5, "no node follows topic 'nobody'", "publish", "nobody", "x")

    async def test_notUnderstood(self) -> None:
        """Mistakes of the command line are named, before anything is sent."""
        for words, *arguments in (
            ("give NODE and TEXT, two arguments", "send", "bob"),
            ("give NODE and TEXT, two arguments", "request", "bob", "two", "words"),
            ("--protocol takes GROUP:MODULE", "send", "bob", "x", "-p", "1000"),
            ("--type takes a number from 0 to 65535", "send", "bob", "x", "--type", "65536"),
            ("-t takes seconds, from 0.001 to 300", "request", "bob", "x", "-t", "0"),
            ("-n takes a number from 1", "ping", "bob", "-n", "0"),
            ("-i takes seconds, from 0.1", "watch", "-i", "nan"),
            ("name one TOPIC", "subscribe"),
            ("name one NODE", "ping"),
            ("name one NODE, or none", "peers", "a", "b"),
            ("name one NODE and one PATH", "send-file", "bob"),
            ("option -z not recognized", "topics", "-z"),
        ):
            await self.assertFails(2, words, *arguments)
        await self.assertFails(1, "no protocolID", "send", "bob", "x", "-p", "1:99999")

    async def test_publishAndSubscribe(self) -> None:
        """What is published is printed where it is subscribed to, in one line each."""
        subscribed = deferToThread(run, "subscribe", "news", "-n", "3", "-c", str(self.config))
        while "news" not in self.node.topics:
            await deferLater(reactor, 0.01)
        while not self.bob.registry.sessionsFollowing("news"):
            await deferLater(reactor, 0.01)
        self.bob.multicast("news", "größer\n\x1b[2J".encode())
        self.bob.multicast("news", b"\xff\x00")
        self.node.multicast("news", b"from here")
        status, output, complaints = await subscribed
        self.assertEqual((status, complaints), (0, ""))
        third, first, second = sorted(output.splitlines(), key=lambda line: "(bob)" in line)
        self.assertRegex(first, rf"^\d\d:\d\d:\d\d  {self.bob.nodeID[:8]}\.\.\. \(bob\)  größer\\n")
        self.assertNotIn("\x1b", first)
        self.assertTrue(second.endswith("(2 bytes that are no text: /wA=)"))
        self.assertTrue(third.endswith(f"{self.node.nodeID[:8]}... (alice)  from here"))
        while "news" in self.node.topics:
            await deferLater(reactor, 0.01)

    async def test_publish(self) -> None:
        """It says to how many nodes it went."""
        received: list[Message] = []
        self.bob.subscribe("news", received.append)
        while not self.node.registry.sessionsFollowing("news"):
            await deferLater(reactor, 0.01)
        self.assertEqual(await self.done("publish", "news", "1 apple"), "sent to 1 node\n")
        self.assertEqual(await self.told("publish", "news", ""), {"topic": "news", "nodes": 1})
        while len(received) < 2:
            await deferLater(reactor, 0.01)
        self.assertEqual(received[0].payload, b"1 apple")

    async def test_subscriptionEndsWithTheNode(self) -> None:
        """When the node stops, that is said."""
        subscribed = deferToThread(run, "subscribe", "news", "--json", "-c", str(self.config))
        while "news" not in self.node.topics:
            await deferLater(reactor, 0.01)
        self.service.stopService()
        status, output, complaints = await subscribed
        self.assertEqual((status, output), (3, ""))
        self.assertIn("the node has stopped", complaints)

    async def test_ping(self) -> None:
        """Each round trip has a line, and all together their statistics."""
        lines = (await self.done("ping", "bob", "-n", "3", "-i", "0")).splitlines()
        self.assertEqual(len(lines), 5)
        for line in lines[:3]:
            self.assertRegex(line, r"\(bob of agency\): answered after [\d.]+ ms$")
        self.assertEqual(lines[3], "3 sent, 3 answered, 0 lost")
        self.assertRegex(lines[4], r"^min [\d.]+ ms, median .*, mean .*, max .*, deviation ")
        told = await self.told("ping", "bob", "-n", "3", "-i", "0")
        times = told["times"]
        self.assertEqual(len(times), 3)
        self.assertEqual((told["min"], told["max"]), (min(times), max(times)))
        self.assertEqual(told["median"], sorted(times)[1])

    async def test_pingWithoutAnswer(self) -> None:
        """A node that has left answers nothing, and the exit status says so."""
        self.carol.stopService()
        while self.carol.nodeID in self.node.registry:
            await deferLater(reactor, 0.01)
        status, output, _ = await self.fiscop2p("ping", self.carol.nodeID, "-n", "2", "-i", "0")
        self.assertEqual(status, 5)
        self.assertIn("2 sent, 0 answered, 2 lost", output)
        self.assertIn("is not connected", output)

    async def test_bench(self) -> None:
        """Each size has a row, with what was measured."""
        lines = (await self.done("bench", "bob", "-t", "0.1")).splitlines()
        sizes = [int(line.split()[0]) for line in lines[1:5]]
        self.assertEqual(sizes, [64, 1024, 16384, 262144])
        self.assertEqual(lines[5], f"to {self.bob.nodeID[:8]}... (bob of agency)")
        (row,) = (await self.told("bench", "bob", "-t", "0.1", "-s", "100"))["rows"]
        self.assertEqual(row["size"], 100)
        for part in (row["single"], row["several"]):
            self.assertGreater(part["answered"], 0)
            self.assertLessEqual(part["min"], part["median"])
            self.assertLessEqual(part["p99"], part["max"])
            self.assertGreater(part["seconds"], 0.09)

    async def test_benchOfAStranger(self) -> None:
        """A node that does not answer it is named so."""
        self.patch(bench, "_TIMEOUT", 0.2)
        await self.assertFails(5, "no answer", "bench", self.carol.nodeID, "-t", "0.1")


class SendFileTests(NodesTestCase):
    """C{fiscop2p send-file}."""

    async def setUp(self) -> None:
        await super().setUp()
        self.incoming = temporaryFolder(self) / "incoming"
        FileReceiver(FilesConfig(self.incoming, 8 << 20)).attach(self.bob)
        self.content = os.urandom(3_500_000)
        self.file = self.folder / "plan of 2026.txt"
        self.file.write_bytes(self.content)
        self.home = self.incoming / self.node.nodeID[:16]

    def send(self, file: Path) -> tuple[str, str, str]:
        return "send-file", "bob", str(file)

    async def test_arrives(self) -> None:
        """It is there, and what was told of it is true; sent again it is there already."""
        told = await self.told(*self.send(self.file))
        self.assertEqual((self.home / self.file.name).read_bytes(), self.content)
        self.assertEqual(told["sha256"], sha256(self.content).hexdigest())
        self.assertEqual((told["size"], told["resumedAt"]), (len(self.content), 0))
        self.assertIn("is at ", await self.done(*self.send(self.file)))
        self.assertEqual((await self.told(*self.send(self.file)))["resumedAt"], len(self.content))

    async def test_reports(self) -> None:
        """In the end a line says where it is, how large, and its SHA-256."""
        (line,) = (await self.done(*self.send(self.file))).splitlines()
        self.assertTrue(line.startswith(f"plan of 2026.txt is at {self.bob.nodeID[:8]}..."))
        self.assertIn("3.5 MB at ", line)
        self.assertIn(f"verified (SHA-256 {sha256(self.content).hexdigest()})", line)

    async def test_goesOn(self) -> None:
        """A transfer that was cut short goes on where it was."""
        self.home.mkdir(parents=True)
        part = self.home / f".{sha256(self.content).hexdigest()}.part"
        part.write_bytes(self.content[:2_000_000])
        told = await self.told(*self.send(self.file))
        self.assertEqual(told["resumedAt"], 2_000_000)
        self.assertEqual((self.home / self.file.name).read_bytes(), self.content)

    async def test_linkThatBreaks(self) -> None:
        """When the link breaks on the way, it goes on once there is another."""
        took = FileReceiver._append
        breaks = chain((False, True), repeat(False))

        def append(receiver: FileReceiver, part: Path, data: bytes) -> None:
            took(receiver, part, data)
            if next(breaks):
                self.node.registry.session(self.bob.nodeID).transport.abortConnection()

        self.patch(files.FileReceiver, "_append", append)
        await self.done(*self.send(self.file))
        self.assertEqual((self.home / self.file.name).read_bytes(), self.content)

    async def test_slow(self) -> None:
        """A piece that is on its way for longer than it is waited for is not sent twice."""
        self.patch(sendfile, "_TIMEOUT", 0.3)
        took = FileReceiver._take
        pieces: list[int] = []

        async def take(receiver: FileReceiver, sender: str, piece: Piece) -> Progress:
            if piece.data:
                pieces.append(piece.offset)
                if len(pieces) == 2:
                    await deferLater(reactor, 0.5)
            return await took(receiver, sender, piece)

        self.patch(files.FileReceiver, "_take", take)
        await self.done(*self.send(self.file))
        self.assertEqual((self.home / self.file.name).read_bytes(), self.content)
        self.assertEqual(len(set(pieces)), len(pieces))

    async def test_refused(self) -> None:
        """What the other node does not take is named, and why."""
        (self.folder / "big").write_bytes(bytes((8 << 20) + 1))
        await self.assertFails(1, "at most 8388608 bytes", *self.send(self.folder / "big"))
        await self.done(*self.send(self.file))
        self.file.write_bytes(b"another")
        await self.assertFails(1, "another file 'plan of 2026.txt'", *self.send(self.file))
        self.assertEqual((self.home / self.file.name).read_bytes(), self.content)

    async def test_noFiles(self) -> None:
        """What is no file that can be sent is told before anything is sent."""
        missing = self.folder / "missing"
        words = f"send-file: {missing}: No such file or directory"
        await self.assertFails(1, words, *self.send(missing))
        await self.assertFails(1, "Is a directory", *self.send(self.folder))
        (self.folder / ".hidden").write_bytes(b"")
        await self.assertFails(1, "begins with '.'", *self.send(self.folder / ".hidden"))
        self.assertFalse(self.home.exists())

    async def test_changedOnTheWay(self) -> None:
        """A file that changes while it is sent does not arrive as what it was."""
        took = FileReceiver._append

        def append(receiver: FileReceiver, part: Path, data: bytes) -> None:
            took(receiver, part, data)
            self.file.write_bytes(bytes(len(self.content)))

        self.patch(files.FileReceiver, "_append", append)
        await self.assertFails(1, "not what its SHA-256 says", *self.send(self.file))
        self.assertFalse((self.home / self.file.name).exists())

    async def test_nobodyTakesFiles(self) -> None:
        """A node without [files] does not answer, and what to do about it is said."""
        self.patch(sendfile, "_OFFER_TIMEOUT", 0.2)
        status, _, complaints = await self.fiscop2p("send-file", self.carol.nodeID, str(self.file))
        self.assertEqual(status, 5)
        self.assertIn("if its config.ini has a section [files]", complaints)

    async def test_notAReceiver(self) -> None:
        """One that answers something else is told apart."""
        self.other.handle(self.other.protocolID(0, 102), lambda message: b"what?")
        status, _, complaints = await self.fiscop2p("send-file", self.other.nodeID, str(self.file))
        self.assertEqual(status, 1)
        self.assertIn("takes no files", complaints)
        self.assertNotIn("Traceback", complaints)
