"""Log files by hour and size."""

from __future__ import annotations

import os
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.logs.files import NAME_PATTERN, LogFiles, isNamePattern
from tests.temporary import temporaryFolder

SIX = time.mktime((2019, 6, 26, 18, 37, 1, 0, 0, -1))
"""Shortly after 18:37, by this machine's time zone."""


class LogFilesTests(SynchronousTestCase):
    """A folder of log files, under a clock of its own."""

    def setUp(self) -> None:
        self.folder = temporaryFolder(self) / "log"
        self.time = SIX
        self.files = self.open()

    def open(self, **choices: object) -> LogFiles:
        files = LogFiles(self.folder, now=lambda: self.time, **choices)
        self.addCleanup(files.close)
        return files

    def contents(self) -> dict[str, str]:
        """What is in each file."""
        return {file.name: file.read_text() for file in sorted(self.folder.iterdir())}

    def test_named(self) -> None:
        """A file is called by the time at which it began; its folder is made."""
        self.files.write("one\n")
        self.time += 600
        self.files.write("two\n")
        self.assertEqual(self.contents(), {"log_2019062618.37.log": "one\ntwo\n"})

    def test_newHour(self) -> None:
        """A new hour begins a new file, at the first line that is in it."""
        self.files.write("six\n")
        self.time += 22 * 60 + 58
        self.files.write("still six\n")
        self.time += 1
        self.files.write("seven\n")
        self.time += 3 * 3600 + 15 * 60
        self.files.write("ten\n")
        self.assertEqual(
            self.contents(),
            {
                "log_2019062618.37.log": "six\nstill six\n",
                "log_2019062619.00.log": "seven\n",
                "log_2019062622.15.log": "ten\n",
            },
        )

    def test_sameHourOfAnotherDay(self) -> None:
        """The same hour tomorrow is another hour."""
        self.files.write("one\n")
        self.time += 24 * 3600
        self.files.write("two\n")
        self.assertEqual(list(self.contents()), ["log_2019062618.37.log", "log_2019062718.37.log"])

    def test_notHourly(self) -> None:
        """Where hours do not matter, only the size does."""
        files = self.open(hourly=False, maxSize=8)
        files.write("one\n")
        self.time += 3600
        files.write("two\n")
        self.time += 3600
        files.write("three\n")
        expected = {"log_2019062618.37.log": "one\ntwo\n", "log_2019062620.37.log": "three\n"}
        self.assertEqual(self.contents(), expected)

    def test_size(self) -> None:
        """A full file is followed by the next; in the same minute it has a number."""
        files = self.open(maxSize=8)
        for number in range(7):
            files.write(f"line {number}\n")
        self.time += 60
        files.write("line 7\n")
        self.assertEqual(
            self.contents(),
            {
                "log_2019062618.37.1.log": "line 2\nline 3\n",
                "log_2019062618.37.2.log": "line 4\nline 5\n",
                "log_2019062618.37.3.log": "line 6\nline 7\n",
                "log_2019062618.37.log": "line 0\nline 1\n",
            },
        )

    def test_startedAgain(self) -> None:
        """A node that starts again in the same minute goes on in the same file, if it has room."""
        self.files.write("before\n")
        self.open().write("after\n")
        self.open(maxSize=5).write("full\n")
        expected = {
            "log_2019062618.37.1.log": "full\n",
            "log_2019062618.37.log": "before\nafter\n",
        }
        self.assertEqual(self.contents(), expected)

    def test_lineCutShort(self) -> None:
        """A last line that was cut short, by a full disk or a kill, stays a line of its own."""
        self.folder.mkdir()
        (self.folder / "log_2019062618.37.log").write_text("whole\ncut sho")
        self.files.write("next\n")
        self.assertEqual(self.contents(), {"log_2019062618.37.log": "whole\ncut sho\nnext\n"})

    def test_atOnce(self) -> None:
        """A line can be read as soon as it is written: what C{tail -f} needs."""
        self.files.write("heartBeat,connected count=2\n")
        (name,) = os.listdir(self.folder)
        with (self.folder / name).open() as reader:
            self.assertEqual(reader.readline(), "heartBeat,connected count=2\n")
            self.files.write("heartBeat,connected count=3\n")
            self.assertEqual(reader.readline(), "heartBeat,connected count=3\n")

    def test_movedAway(self) -> None:
        """A file that somebody moves or deletes is followed by a new one, folder and all."""
        self.files.write("one\n")
        (file,) = self.folder.iterdir()
        moved = file.rename(self.folder.parent / "moved")
        self.files.write("two\n")
        self.assertEqual(self.contents(), {file.name: "two\n"})
        self.assertEqual(moved.read_text(), "one\n")
        file.unlink()
        self.folder.rmdir()
        self.files.write("three\n")
        self.assertEqual(self.contents(), {file.name: "three\n"})
        file.unlink()
        file.write_text("another\n")
        self.files.write("four\n")
        self.assertEqual(self.contents(), {file.name: "another\nfour\n"})

    def test_noFolder(self) -> None:
        """Where no folder can be, that is an error each time, and none once it can."""
        self.folder.write_text("a file")
        for _ in range(2):
            self.assertRaises(OSError, self.files.write, "x\n")
        self.folder.unlink()
        self.files.write("y\n")
        self.assertEqual(self.contents(), {"log_2019062618.37.log": "y\n"})

    def test_fullDisk(self) -> None:
        """A full disk is an error."""
        if not Path("/dev/full").exists():
            self.skipTest("there is no /dev/full here")
        files = LogFiles(Path("/dev"), "full")
        self.addCleanup(files.close)
        self.assertRaises(OSError, files.write, "x\n")


class NamePatternTests(SynchronousTestCase):
    """[log] log_name_pattern."""

    def test_known(self) -> None:
        """Plain names, with or without a time."""
        for pattern in (NAME_PATTERN, "node.log", "%Y-%m-%d_%H%M%S"):
            self.assertTrue(isNamePattern(pattern), pattern)

    def test_used(self) -> None:
        """A file is called as the pattern has it, and is one file if that has no time."""
        folder = temporaryFolder(self)
        files = LogFiles(folder, "node.log", 4, now=lambda: SIX)
        self.addCleanup(files.close)
        for number in range(2):
            files.write(f"{number}..\n")
        self.assertEqual(sorted(os.listdir(folder)), ["node.1.log", "node.log"])

    def test_unknown(self) -> None:
        """Counters of Boost.Log, folders and nothing at all are none that we can do."""
        for pattern in ("log_%5N.log", "%N", "old/%Y.log", "../x", "", "100%", "%"):
            self.assertFalse(isNamePattern(pattern), pattern)
