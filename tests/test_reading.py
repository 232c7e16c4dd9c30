"""
Tests for L{fiscop2p.reading}.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.certificates import readFile
from fiscop2p.config.admin import adminFromConfig
from fiscop2p.config.inifile import IniFile
from fiscop2p.config.rewriting import rewritePeers
from fiscop2p.errors import ConfigError, CredentialsError, FiscoP2PError, RewriteFailed
from fiscop2p.reading import MOST, readWhole
from tests.chaos.memory import openFiles
from tests.temporary import temporaryFolder

_Read = Callable[[Path], object]


def _readToken(file: Path) -> None:
    config = file.with_name("config.ini")
    config.write_text(f"[admin]\nlisten=127.0.0.1:1\ntoken_file={file}\n")
    adminFromConfig(config)


READERS: dict[_Read, type[FiscoP2PError]] = {
    readFile: CredentialsError,
    IniFile.read: ConfigError,
    _readToken: ConfigError,
    lambda file: rewritePeers(file, ()): RewriteFailed,
}
"""Whoever reads a file while a node runs."""


class ReadingTests(SynchronousTestCase):
    """What is read, and what is not."""

    def setUp(self) -> None:
        self.file = temporaryFolder(self) / "file"

    def assertRefused(self, why: str) -> None:
        """Check that nobody reads the file, nor keeps it open."""
        before = openFiles()
        error = self.assertRaises(OSError, readWhole, self.file)
        self.assertEqual(error.strerror, why)
        for read, kind in READERS.items():
            fault = self.assertRaises(kind, read, self.file)
            words, place = str(fault), str(self.file)
            if isinstance(fault, RewriteFailed):
                words, place = fault.detail, os.path.realpath(self.file)
            self.assertIn(f"{place}: ", words)
            self.assertIn(why, words)
        self.assertEqual(openFiles(), before)

    def test_whole(self) -> None:
        """A file is read to its end, whatever is in it."""
        for content in (b"", b"\r\n\0\xff", bytes(1 << 20)):
            self.file.write_bytes(content)
            self.assertEqual(readWhole(self.file), content)
            self.assertEqual(readWhole(str(self.file)), content)

    def test_limit(self) -> None:
        """A file may have as many bytes as the limit says, and no more."""
        self.file.write_bytes(bytes(MOST))
        self.assertEqual(len(readWhole(self.file)), MOST)
        self.file.write_bytes(bytes(MOST + 1))
        self.assertRefused(f"larger than {MOST} bytes")

    def test_huge(self) -> None:
        """A file of a gigabyte is not read."""
        with self.file.open("wb") as file:
            file.truncate(1 << 30)
        self.assertRefused(f"larger than {MOST} bytes")

    def test_pipe(self) -> None:
        """Nobody waits until somebody writes into a pipe."""
        os.mkfifo(self.file)
        self.assertRefused("not a regular file")

    def test_device(self) -> None:
        """A device that has no end is not read."""
        self.file.symlink_to("/dev/zero")
        self.assertRefused("not a regular file")

    def test_directory(self) -> None:
        """A directory is no file."""
        self.file.mkdir()
        self.assertRefused("Is a directory")

    def test_link(self) -> None:
        """A link to a file is as good as the file; one to itself leads nowhere."""
        other = self.file.with_name("other")
        other.write_bytes(b"text")
        self.file.symlink_to(other)
        self.assertEqual(readWhole(self.file), b"text")
        self.file.unlink()
        self.file.symlink_to(self.file)
        self.assertRefused("Too many levels of symbolic links")
