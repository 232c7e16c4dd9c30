"""Tests for L{fiscop2p.modules.files} and L{fiscop2p.modules.space}."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import SetupError
from fiscop2p.modules.files import FileReceiver, FilesConfig, nameFault
from fiscop2p.modules.space import COUNT_AGAIN_AFTER, LEAST
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import FILES
from fiscop2p.wire.files import Piece, Progress, decodeProgress, encodePiece
from tests.strangers import logLines
from tests.temporary import temporaryFolder

TEXT = b"to be or not to be " * 100
DIGEST = sha256(TEXT).hexdigest()


class ReceiverTestCase(SynchronousTestCase):
    """A node that takes files, and two that send some."""

    maxFileSize = 1 << 20
    maxTotalSize = 1 << 30

    def setUp(self) -> None:
        self.network = MemoryNetwork(3)
        self.addCleanup(self.network.stop)
        self.receiver, self.sender, self.other = self.network.nodes
        self.folder = temporaryFolder(self) / "files"
        self.config = FilesConfig(self.folder, self.maxFileSize, self.maxTotalSize)
        FileReceiver(self.config, self.inThread).attach(self.receiver)
        self.network.advance(3)

    def inThread(self, function: Callable[..., None], *arguments: Any) -> Deferred[None]:
        """What takes long is done at once here."""
        return maybeDeferred(function, *arguments)

    def restart(self) -> None:
        """Have the files taken by one who remembers nothing."""
        self.receiver.unhandle(FILES)
        FileReceiver(self.config, self.inThread).attach(self.receiver)

    def ask(self, piece: Piece, sender=None) -> Progress:
        sender = sender or self.sender
        answer = sender.request(self.receiver.nodeID, encodePiece(piece), protocolID=FILES)
        self.network.advance(0.1)
        return decodeProgress(self.successResultOf(answer))

    def offer(self, name: str = "plan.txt", text: bytes = TEXT, sender=None) -> Progress:
        return self.ask(Piece(name, len(text), sha256(text).hexdigest(), 0, b""), sender)

    def send(self, *pieces: tuple[int, int], name: str = "plan.txt") -> Progress:
        """Send ranges of the text; what the last one is answered."""
        for start, end in pieces:
            last = self.ask(Piece(name, len(TEXT), DIGEST, start, TEXT[start:end]))
        return last

    def assertRefused(self, words: str, progress: Progress) -> None:
        self.assertIn(words, progress.error)
        self.assertFalse(progress.isDone)

    def home(self, node=None) -> Path:
        return self.folder / (node or self.sender).nodeID[:16]

    def files(self) -> set[str]:
        return {each.name for each in self.home().iterdir()} if self.home().exists() else set()


class FileReceiverTests(ReceiverTestCase):
    """Files come whole, or not at all."""

    def test_piecesMakeAFile(self) -> None:
        """It grows out of sight, and is there once it is whole."""
        self.assertEqual(self.offer(), Progress(0))
        self.assertEqual(self.send((0, 700)), Progress(700))
        self.assertEqual(self.files(), {f".{DIGEST}.part"})
        self.assertEqual(self.send((700, len(TEXT))), Progress(len(TEXT), isDone=True))
        self.assertEqual(self.files(), {"plan.txt"})
        self.assertEqual((self.home() / "plan.txt").read_bytes(), TEXT)

    def test_outlastsAPowerCut(self) -> None:
        """Its content and its name are on the disc before it is said to be there."""
        written = []

        def fsync(descriptor: int) -> None:
            place = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            written.append((place, self.files()))

        self.patch(os, "fsync", fsync)
        self.send((0, 0), (0, 700))
        self.assertEqual(written, [])
        self.assertTrue(self.send((700, len(TEXT))).isDone)
        part = self.home() / f".{DIGEST}.part"
        self.assertEqual(
            written,
            [(part, {part.name}), (self.home(), {"plan.txt"}), (self.folder, {"plan.txt"})],
        )

    def test_folderElsewhere(self) -> None:
        """The folder may be a symbolic link to where there is room."""
        elsewhere = self.folder.with_name("large disc")
        self.folder.rename(elsewhere)
        self.folder.symlink_to(elsewhere)
        self.assertTrue(self.send((0, 0), (0, len(TEXT))).isDone)

    def test_slowDisc(self) -> None:
        """While the disc is busy the sender is told so, and the node does not wait."""
        waiting: list[Callable[[], None]] = []

        def inThread(function: Callable[..., None], *arguments: Any) -> Deferred[None]:
            done: Deferred[None] = Deferred()
            waiting.append(lambda: done.callback(function(*arguments)))
            return done

        self.inThread = inThread
        self.restart()
        self.send((0, 0), (0, 700))
        last = Piece("plan.txt", len(TEXT), DIGEST, 700, TEXT[700:])
        answer = self.sender.request(
            self.receiver.nodeID, encodePiece(last), protocolID=FILES, timeout=60
        )
        self.network.advance(10)
        self.assertNoResult(answer)
        self.assertTrue(self.ask(last).isBusy)
        (finish,) = waiting
        finish()
        self.network.advance(0.1)
        self.assertTrue(decodeProgress(self.successResultOf(answer)).isDone)
        self.assertEqual(self.offer(), Progress(len(TEXT), isDone=True))

    def test_emptyFile(self) -> None:
        """One of no bytes is there at once."""
        self.assertEqual(self.offer("empty", b""), Progress(0, isDone=True))
        self.assertEqual((self.home() / "empty").read_bytes(), b"")

    def test_repeatedAndMissedPieces(self) -> None:
        """A piece that comes twice, or too early, changes nothing; the answer says what is next."""
        self.offer()
        self.assertEqual(self.send((0, 700), (0, 700), (900, 1000)), Progress(700))
        self.assertTrue(self.send((700, len(TEXT))).isDone)
        self.assertEqual((self.home() / "plan.txt").read_bytes(), TEXT)

    def test_resumedAfterARestart(self) -> None:
        """Who remembers nothing goes on with what is in the folder."""
        self.send((0, 0), (0, 1000))
        self.restart()
        self.assertEqual(self.offer(), Progress(1000))
        self.assertTrue(self.send((1000, len(TEXT))).isDone)

    def test_partThatChanged(self) -> None:
        """What a part holds is what counts: cut short, or gone, or longer than the file."""
        part = self.home() / f".{DIGEST}.part"
        self.send((0, 0), (0, 1000))
        os.truncate(part, 400)
        self.assertEqual(self.offer(), Progress(400))
        self.assertEqual(self.send((400, 900)), Progress(900))
        part.unlink()
        self.assertEqual(self.offer(), Progress(0))
        part.write_bytes(TEXT * 2)
        self.assertEqual(self.offer(), Progress(0))
        self.assertTrue(self.send((0, len(TEXT))).isDone)

    def test_notWhatItsDigestSays(self) -> None:
        """A file that is another than was told is thrown away, and may be sent again."""
        wrong = Piece("plan.txt", len(TEXT), DIGEST, 0, b"x" * len(TEXT))
        self.assertRefused("not what its SHA-256 says", self.ask(wrong))
        self.assertEqual(self.files(), set())
        self.assertTrue(self.send((0, len(TEXT))).isDone)

    def test_sameFileAgain(self) -> None:
        """Who was not told that the file has come may ask again, also after a restart."""
        self.send((0, len(TEXT)))
        self.assertEqual(self.offer(), Progress(len(TEXT), isDone=True))
        self.restart()
        self.assertEqual(self.offer(), Progress(len(TEXT), isDone=True))

    def test_neverOverwritten(self) -> None:
        """A file that is there stays as it is, whatever it is."""
        self.send((0, len(TEXT)))
        self.assertRefused("another file 'plan.txt' is there", self.offer(text=b"new"))
        self.assertRefused("another file", self.offer(text=bytes(len(TEXT))))
        self.assertEqual((self.home() / "plan.txt").read_bytes(), TEXT)
        (self.home() / "link").symlink_to("nowhere")
        (self.home() / "folder").mkdir()
        os.mkfifo(self.home() / "pipe")
        for name in ("link", "folder", "pipe"):
            self.assertRefused("another file", self.offer(name, bytes(len(os.fsencode("nowhere")))))
        self.assertRefused("another file", self.offer("pipe", b""))
        self.assertFalse((self.home() / "nowhere").exists())

    def test_eachSenderHasAFolder(self) -> None:
        """Nobody gets in the way of another, with the same name nor the same file."""
        self.send((0, 0), (0, 1000))
        self.assertEqual(self.offer(sender=self.other), Progress(0))
        wrong = Piece("plan.txt", len(TEXT), DIGEST, 0, b"x" * len(TEXT))
        self.assertRefused("SHA-256", self.ask(wrong, self.other))
        self.assertEqual(self.offer("plan.txt", b"mine", self.other), Progress(0))
        self.assertTrue(self.send((1000, len(TEXT))).isDone)
        self.assertEqual(
            os.listdir(self.home(self.other)), [f".{sha256(b'mine').hexdigest()}.part"]
        )

    def test_names(self) -> None:
        """A name is that of a file in the folder, and can be shown to people."""
        for name in ("a", "plan (2).txt", "Bericht Größe.pdf", "计划.txt", "a..b", "x" * 255):
            self.assertEqual(nameFault(name), "", name)
        for words, name in (
            ("1 to 255 bytes", ""),
            ("1 to 255 bytes", "计" * 86),
            ("that of a place", "../a"),
            ("that of a place", "/etc/passwd"),
            ("that of a place", "a\\b"),
            ("begins with '.'", ".."),
            ("begins with '.'", ".bashrc"),
            ("begins with '-'", "-rf"),
            ("cannot be shown", "a\0b"),
            ("cannot be shown", "a\nb"),
            ("cannot be shown", "a\x1b[2J"),
            ("cannot be shown", "a\u202etxt.exe"),
            ("cannot be shown", "a\ud800"),
        ):
            self.assertRefused(words, self.offer(name))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_tooLong(self) -> None:
        """A file above the limit is refused before a byte of it comes."""
        piece = Piece("big", self.maxFileSize + 1, DIGEST, 0, b"")
        self.assertRefused("at most 1048576 bytes", self.ask(piece))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_rubbish(self) -> None:
        """What is no piece is answered so."""
        answer = self.sender.request(self.receiver.nodeID, b"?", protocolID=FILES)
        self.network.advance(0.1)
        self.assertRefused("does not tell a piece", decodeProgress(self.successResultOf(answer)))

    def test_refusalsAreLogged(self) -> None:
        """Whoever receives learns of what was refused, too: whose it was, its name, and why."""
        lines = logLines(self)
        self.ask(Piece("z\n", 1, DIGEST, 0, b"x"))
        self.ask(Piece("z", 1, DIGEST, 0, b"x"))
        self.ask(Piece("big", self.maxFileSize + 1, DIGEST, 0, b""), self.other)
        self.network.advance(60)
        told = [line for line in lines if "was refused" in line]
        self.assertEqual(len(told), 3)
        self.assertTrue(all(line.startswith("warn: ") for line in told))
        self.assertIn(f"file 'z\\n' of node {self.sender.nodeID[:8]}", told[0])
        self.assertIn("file 'big'", told[1])
        self.assertIn("at most 1048576 bytes", told[1])
        self.assertIn("not what its SHA-256 says", told[2])

    def test_busy(self) -> None:
        """While a long file is read again its sender is asked to wait, and others are served."""
        long = os.urandom(5 << 20)
        self.config = FilesConfig(self.folder, len(long), self.maxTotalSize)
        self.restart()
        digest = sha256(long).hexdigest()
        half = len(long) // 2
        offer = Piece("long", len(long), digest, 0, b"")
        self.ask(offer._replace(data=long[:half]))
        self.restart()
        first, second = (
            self.sender.request(self.receiver.nodeID, encodePiece(offer), protocolID=FILES)
            for _ in range(2)
        )
        self.assertEqual(self.offer(sender=self.other), Progress(0))
        self.assertEqual(decodeProgress(self.successResultOf(second)), Progress(isBusy=True))
        self.assertEqual(decodeProgress(self.successResultOf(first)), Progress(half))

    def test_folderThatCannotBe(self) -> None:
        """A folder that cannot be used keeps the node from starting."""
        file = temporaryFolder(self) / "file"
        file.write_bytes(b"")
        receiver = FileReceiver(FilesConfig(file / "files"))
        error = self.assertRaises(SetupError, receiver.attach, self.sender)
        self.assertIn("[files] folder", str(error))
        self.assertIn("cannot be used: Not a directory", str(error))

    def test_folderThatIsGone(self) -> None:
        """A fault of the disk is told to the sender, and costs nothing else."""
        self.folder.rmdir()
        self.folder.write_bytes(b"")
        self.assertRefused("cannot be kept there: Not a directory", self.offer())
        self.folder.unlink()
        self.folder.mkdir()
        self.assertEqual(self.offer(), Progress(0))


class SpaceTests(ReceiverTestCase):
    """The folder does not grow without end."""

    maxTotalSize = 3 * LEAST

    def test_full(self) -> None:
        """Beyond the limit nothing more is taken, until somebody has made room."""
        for name in ("1", "2", "3"):
            self.assertTrue(self.send((0, len(TEXT)), name=name).isDone)
        self.assertRefused("its folder is full", self.offer("4", b"new"))
        self.assertRefused("its folder is full", self.offer("4", b"new", self.other))
        (self.home() / "2").unlink()
        self.assertRefused("its folder is full", self.offer("4", b"new"))
        self.network.advance(COUNT_AGAIN_AFTER)
        self.assertEqual(self.offer("4", b"new"), Progress(0))
        self.assertRefused("its folder is full", self.offer("5", b"newer"))

    def test_thrownAway(self) -> None:
        """Files that are not what their SHA-256 says take no room from others."""
        for number in range(10):
            self.assertRefused(
                "not what its SHA-256 says",
                self.ask(Piece("z", 1, f"{number:064x}", 0, b"x")),
            )
        self.assertTrue(self.send((0, len(TEXT))).isDone)

    def test_thrownAwayForAnother(self) -> None:
        """Nor does what there is of a file that has come by another way, or is another now."""
        for _ in range(3):
            self.send((0, 700))
            self.assertEqual(self.ask(Piece("short", 5, DIGEST, 0, b"")), Progress(0))
        self.home().joinpath("plan.txt").write_bytes(TEXT)
        self.assertTrue(self.offer().isDone)
        for name in ("1", "2", "3"):
            self.assertTrue(self.send((0, len(TEXT)), name=name).isDone, name)

    def test_fullMidway(self) -> None:
        """A file that grows beyond the limit is stopped, and goes on once there is room."""
        long = os.urandom(LEAST)
        piece = Piece("long", 2 * LEAST, sha256(long * 2).hexdigest(), 0, long)
        self.config = FilesConfig(self.folder, 2 * LEAST, 2 * LEAST)
        self.restart()
        self.assertTrue(self.send((0, len(TEXT))).isDone)
        self.assertEqual(self.ask(piece), Progress(LEAST))
        rest = piece._replace(offset=LEAST)
        self.assertRefused("its folder is full", self.ask(rest))
        (self.home() / "plan.txt").unlink()
        self.network.advance(COUNT_AGAIN_AFTER)
        self.assertTrue(self.ask(rest).isDone)

    def test_countedAtStart(self) -> None:
        """What is there from before counts."""
        self.home().mkdir()
        (self.home() / "old").write_bytes(bytes(3 * LEAST))
        self.restart()
        self.assertRefused("its folder is full", self.offer())
