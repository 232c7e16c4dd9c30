"""What becomes of lines that cannot be written."""

from __future__ import annotations

import sys
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.logs.patience import PatientWriter
from tests.strangers import logLines


class PatienceTests(SynchronousTestCase):
    """A disk that is full for a while."""

    def setUp(self) -> None:
        self.complaints = StringIO()
        self.patch(sys, "stderr", self.complaints)
        self.error: Exception | None = None
        self.time = 0.0
        self.tries = 0
        self.written: list[str] = []
        self.lines = logLines(self)
        self.writer = PatientWriter(self.write, "log", lambda: self.time)

    def write(self, text: str) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.written.append(text)

    def test_toldOnce(self) -> None:
        """It is one line on standard error, however many lines are lost, and however long."""
        self.error = OSError(28, "No space left on device")
        for _ in range(100):
            self.writer("x\n")
            self.time += 1
        (line,) = self.complaints.getvalue().splitlines()
        self.assertTrue(line.startswith("fiscop2p: cannot log to log: No space left on device; "))
        self.assertEqual(self.tries, 10)

    def test_goesOn(self) -> None:
        """Once there is room, lines are written again, and the log says how many it has lost."""
        self.writer("one\n")
        self.error = OSError(28, "No space left on device")
        for _ in range(3):
            self.writer("lost\n")
        self.error = None
        self.time = 9.9
        self.writer("lost\n")
        self.time = 10
        self.writer("two\n")
        self.writer("three\n")
        self.assertEqual(self.written, ["one\n", "two\n", "three\n"])
        self.assertEqual(self.lines, ["warn: 4 lines of the log in log are lost"])

    def test_failsAgain(self) -> None:
        """The next time it fails is told, too."""
        for _ in range(2):
            self.error = ValueError("I/O operation on closed file.")
            self.writer("x\n")
            self.error = None
            self.time += 10
            self.writer("y\n")
        self.assertEqual(self.complaints.getvalue().count("on closed file.; lines are lost"), 2)

    def test_nobodyToTell(self) -> None:
        """Without a standard error the node goes on, too."""
        self.complaints.close()
        self.error = OSError(28, "No space left on device")
        self.writer("x\n")
        self.assertEqual(self.tries, 1)
