"""The file of the statistics: when it is written, under what name, and what if it cannot be."""

from __future__ import annotations

from datetime import datetime, timedelta

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.traffic.statfile import StatisticsFile
from fiscop2p.traffic.statistics import Statistics
from fiscop2p.wire.dialect import RC2
from tests.strangers import logLines
from tests.temporary import temporaryFolder

START = datetime(2020, 4, 27, 16, 58, 1, 510372)


class StatisticsFileTests(SynchronousTestCase):
    """A file every hour, lines every minute."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.statistics = Statistics(RC2)
        self.folder = temporaryFolder(self) / "node0" / "stat"
        self.file = StatisticsFile(self.statistics, self.folder, 60, self.clock, self.now)
        self.addCleanup(self.stop)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.seconds())

    def stop(self) -> None:
        if self.file.running:
            self.file.stopService()

    def lines(self, name: str = "stat_2020042716.58.log") -> list[str]:
        return (self.folder / name).read_text().splitlines()

    def test_lines(self) -> None:
        """Lines are written at the start and every interval, with what came in between."""
        self.file.startService()
        start = "info|2020-04-27 16:58:01.510372|AMOP|,AMOPIn=0,AMOPOut=0"
        self.assertEqual(self.lines(), [start])
        self.statistics.came(1, 1, 7)
        self.statistics.left(0x00010009, 1, 9)
        self.clock.advance(59)
        self.assertEqual(self.lines(), [start])
        self.clock.advance(1)
        lines = self.lines()
        self.assertEqual(len(lines), 5)
        self.assertEqual(lines[1], "info|2020-04-27 16:59:01.510372|AMOP|,AMOPIn=7,AMOPOut=0")
        self.assertEqual(
            lines[4], "info|2020-04-27 16:59:01.510372|Total|,g=1,Total_In=0,Total_Out=9"
        )
        self.clock.advance(60)
        self.assertEqual(
            self.lines("stat_2020042717.00.log")[0],
            "info|2020-04-27 17:00:01.510372|AMOP|,AMOPIn=0,AMOPOut=0",
        )

    def test_aFileAnHour(self) -> None:
        """An hour's lines are in one file, called by its first minute."""
        self.file.startService()
        for _ in range(63):
            self.clock.advance(60)
        self.assertEqual(
            {file.name: len(file.read_text().splitlines()) for file in self.folder.iterdir()},
            {
                "stat_2020042716.58.log": 2,
                "stat_2020042717.00.log": 60,
                "stat_2020042718.00.log": 2,
            },
        )

    def test_stop(self) -> None:
        """What came since the last lines is written at the end, and then nothing more."""
        self.file.startService()
        self.statistics.left(1, 1, 5)
        self.clock.advance(1)
        self.file.stopService()
        end = "info|2020-04-27 16:58:02.510372|AMOP|,AMOPIn=0,AMOPOut=5"
        self.assertEqual(self.lines()[1:], [end])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notStarted(self) -> None:
        """It may be stopped, too, if what was to be started before it could not be."""
        self.file.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unwritable(self) -> None:
        """A file that cannot be written is said each time; its figures come when it can."""
        lines = logLines(self)
        self.folder.parent.write_text("no folder")
        self.file.startService()
        self.statistics.left(1, 1, 5)
        self.clock.advance(60)
        self.statistics.left(1, 1, 6)
        complaints = [line for line in lines if "cannot write the statistics to" in line]
        self.assertEqual(len(complaints), 2)
        self.assertIn(str(self.folder / "stat_2020042716.58.log"), complaints[0])
        self.folder.parent.unlink()
        self.clock.advance(30)
        self.assertFalse(self.folder.exists())
        self.clock.advance(30)
        self.assertEqual(
            self.lines("stat_2020042717.00.log"),
            ["info|2020-04-27 17:00:01.510372|AMOP|,AMOPIn=0,AMOPOut=11"],
        )

    def test_tooManyGroups(self) -> None:
        """What is not in the file for want of room is in the log."""
        lines = logLines(self)
        for group in range(1, 301):
            self.statistics.came(group << 16 | 9, 1, 10)
        self.file.startService()
        self.assertEqual(len(self.lines()), 1 + 3 * 256)
        complaint = "the statistics lack 440 bytes: there are more than 256 groups"
        self.assertEqual(sum(complaint in line for line in lines), 1)
        self.clock.advance(60)
        self.assertEqual(sum("the statistics lack" in line for line in lines), 1)
