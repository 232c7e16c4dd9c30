"""Tests for L{fiscop2p.config.files}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.config.files import readFiles
from fiscop2p.config.known import readConfig, withoutEffect
from fiscop2p.modules.files import FilesConfig
from tests.temporary import temporaryFolder


class FilesTests(SynchronousTestCase):
    """C{[files]}."""

    def read(self, text: str) -> tuple[FilesConfig | None, list[str]]:
        """What the section says, and the mistakes in it."""
        self.file = temporaryFolder(self) / "config.ini"
        self.file.write_text(text)
        ini = readConfig(self.file)
        found = readFiles(ini, Path("/home/node"))
        self.assertEqual(withoutEffect(ini), ((), ()))
        return found, [str(error) for error in ini.errors]

    def test_none(self) -> None:
        """Without the section nobody may leave files here."""
        self.assertEqual(self.read("[p2p]\n"), (None, []))

    def test_folder(self) -> None:
        """A folder is enough; a relative one starts where the file is."""
        self.assertEqual(
            self.read("[files]\nfolder=incoming\n"),
            (FilesConfig(Path("/home/node/incoming")), []),
        )
        found, _ = self.read("[files]\nfolder=/srv/files\n")
        self.assertEqual(found, FilesConfig(Path("/srv/files")))

    def test_limits(self) -> None:
        """Sizes are in MB."""
        found, _ = self.read("[files]\nfolder=a\nmax_file_size=2\nmax_total_size=30\n")
        self.assertEqual(
            found, FilesConfig(Path("/home/node/a"), 2 * 1024 * 1024, 30 * 1024 * 1024)
        )

    def test_mistakes(self) -> None:
        """What is missing or no size is named with its line."""
        _, mistakes = self.read("[files]\nmax_file_size=0\nmax_total_size=1GB\n")
        self.assertEqual(
            mistakes,
            [
                f"{self.file}:1: [files] folder: is missing",
                f"{self.file}:2: [files] max_file_size: expected a whole number from 1 to "
                "999999999, found '0'",
                f"{self.file}:3: [files] max_total_size: expected a whole number from 1 to "
                "999999999, found '1GB'",
            ],
        )
