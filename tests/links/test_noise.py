"""Complaints that repeat themselves."""

from __future__ import annotations

from twisted.logger import LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.links.noise import MOST, PERIOD, Noise
from fiscop2p.testing.clock import VirtualClock
from tests.strangers import logLines


class NoiseTests(SynchronousTestCase):
    """Complaints about peers, under a virtual clock."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.lines = logLines(self)
        self.log = Logger()
        self.noise = Noise(self.clock)
        self.noise.start()

    def complain(self, peer: str, port: int = 0, level: object = LogLevel.warn) -> None:
        self.noise.complain(
            self.log, level, (peer, "fault"), "refused {peer}:{port}", peer=peer, port=port
        )

    def news(self) -> list[str]:
        """What was logged since the last time."""
        lines = self.lines[:]
        self.lines.clear()
        return lines

    def test_firstAtOnce(self) -> None:
        """The first complaint is logged when it comes, and once."""
        self.complain("a", 1)
        self.assertEqual(self.news(), ["warn: refused a:1"])
        self.clock.advance(1000)
        self.assertEqual(self.news(), [])

    def test_oneLineAMinute(self) -> None:
        """The same ones are counted; after a minute the last of them is logged with the count."""
        for port in range(1000):
            self.complain("a", port)
            self.clock.advance(0.05)
        self.assertEqual(self.news(), ["warn: refused a:0"])
        self.clock.advance(11)
        self.assertEqual(self.news(), ["warn: refused a:999,repeated=999"])

    def test_everyMinute(self) -> None:
        """One that goes on is one line in every minute, and nothing is counted twice or lost."""
        for port in range(600):
            self.complain("a", port)
            self.clock.advance(1)
        self.clock.advance(1000)
        first, *others = self.news()
        self.assertEqual(first, "warn: refused a:0")
        self.assertEqual(len(others), 10)
        self.assertEqual(sum(int(line.rpartition("=")[2]) for line in others), 599)

    def test_quietAgain(self) -> None:
        """After a minute without any, the next one is told at once again."""
        self.complain("a", 1)
        self.complain("a", 2)
        self.clock.advance(130)
        self.news()
        self.complain("a", 3)
        self.assertEqual(self.news(), ["warn: refused a:3"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_otherPeriods(self) -> None:
        """Each kind has a period of its own, whichever came first; all have one timer."""
        for kind, period in (("slow", 60), ("fast", 5), ("slow", 60), ("fast", 5)):
            self.noise.complain(self.log, LogLevel.info, kind, kind, period)
            self.clock.advance(1)
        self.assertEqual(self.news(), ["info: slow", "info: fast"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(2)
        self.assertEqual(self.news(), ["info: fast,repeated=1"])
        self.clock.advance(53)
        self.assertEqual(self.news(), [])
        self.clock.advance(1)
        self.assertEqual(self.news(), ["info: slow,repeated=1"])

    def test_otherKinds(self) -> None:
        """Other peers and other faults are told apart."""
        self.complain("a")
        self.complain("b")
        self.noise.complain(self.log, LogLevel.info, ("a", "other"), "other")
        self.assertEqual(self.news(), ["warn: refused a:0", "warn: refused b:0", "info: other"])

    def test_tenThousandScanners(self) -> None:
        """More than can be told apart are one line at once, and one a minute that counts them."""
        for number in range(10_000):
            self.complain(f"10.0.{number // 250}.{number % 250}")
        lines = self.news()
        self.assertEqual(len(lines), MOST + 1)
        self.assertIn("more peers are at fault than are told apart, one of them: ", lines[-1])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(60)
        (line,) = self.news()
        self.assertIn("one of them: refused 10.0.39.249:0,repeated=", line)
        self.assertEqual(int(line.rpartition("=")[2]), 10_000 - MOST - 1)
        self.clock.advance(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.complain("a")
        self.assertEqual(self.news(), ["warn: refused a:0"])

    def test_overflowKeepsLevels(self) -> None:
        """What cannot be told apart is still counted by its level."""
        for number in range(MOST):
            self.complain(str(number), level=LogLevel.debug)
        self.news()
        self.complain("a", level=LogLevel.debug)
        self.complain("b", level=LogLevel.warn)
        levels = [line.partition(":")[0] for line in self.news()]
        self.assertEqual(levels, ["debug", "warn"])

    def fail(self, error: Exception) -> None:
        """Have a handler fail."""
        failure = Failure(error)
        self.noise.failed(self.log, "handler 7", "the handler of {who} failed", failure, who=7)

    def test_failures(self) -> None:
        """The first failure of a kind has its traceback; the others are one line a minute."""
        for number in range(1000):
            self.fail(ValueError(number))
            self.clock.advance(0.01)
        self.fail(KeyError("other"))
        (first,) = self.flushLoggedErrors(ValueError)
        self.assertEqual(first.value.args, (0,))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.news(), ["critical: the handler of 7 failed"] * 2)
        self.clock.advance(100)
        self.assertEqual(self.news(), ["critical: the handler of 7 failed: 999,repeated=999"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failuresWhileStopped(self) -> None:
        """Before the node starts, and after it has stopped, each failure has its traceback."""
        self.noise.stop()
        for number in range(3):
            self.fail(ValueError(number))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)

    def test_stop(self) -> None:
        """When the node stops, what is counted is told, and nothing goes on."""
        for peer in "ab":
            self.complain(peer, 1)
        self.complain("b", 2)
        self.noise.stop()
        self.assertEqual(self.news()[2:], ["warn: refused b:2,repeated=1"])
        self.complain("b", 3)
        self.assertEqual(self.news(), ["warn: refused b:3"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stoppedByWhoReads(self) -> None:
        """Who reads a line may stop the node: each of the others is told once."""

        def stop(event: LogEvent) -> None:
            if "repeated" in event:
                self.noise.stop()

        for peer in "aabb":
            self.complain(peer)
        globalLogPublisher.addObserver(stop)
        self.addCleanup(globalLogPublisher.removeObserver, stop)
        self.clock.advance(PERIOD)
        self.assertEqual(len(self.news()), 4)
        self.assertEqual(self.clock.getDelayedCalls(), [])
