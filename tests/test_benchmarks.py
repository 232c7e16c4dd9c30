"""
Tests for L{benchmarks}: that everything runs, and that nothing is compared that cannot be.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.implementations import IMPLEMENTATIONS, PRODUCT, Implementation
from benchmarks.operations import OPERATIONS
from benchmarks.operations.oneway import MessagesLost, checkedValues
from benchmarks.options import parse
from benchmarks.pair import ChildFailed, Pair
from benchmarks.report import asJSON, asTable, sizeText
from benchmarks.rounds import Outcome, Plan
from benchmarks.samples import NotInterleaved, Sample, Spread, ratio, spreads
from benchmarks.window import Tally

ROOT = Path(__file__).resolve().parent.parent


def samplesOf(*runs: tuple[str, int, float], operation: str = "one-way") -> list[Sample]:
    """Runs of 64 bytes, in the order of time: implementation, round, rate."""
    return [
        Sample(operation, name, 64, number, turn, {"rate": rate, "cpu": 1 / rate})
        for turn, (name, number, rate) in enumerate(runs, 1)
    ]


def words(line: str) -> list[str]:
    """A command line as the shell splits it."""
    return line.split()


class SpreadTests(SynchronousTestCase):
    """What several runs say together."""

    def test_isTheMedianWithTheExtremes(self) -> None:
        self.assertEqual(Spread.of([5, 1, 100]), Spread(5, 1, 100))
        self.assertEqual(Spread.of([1, 2, 3, 10]), Spread(2.5, 1, 10))

    def test_ofNothingThereIsNone(self) -> None:
        self.assertRaises(ValueError, Spread.of, [])
        self.assertEqual(spreads([]), {})

    def test_isTakenOfEveryValue(self) -> None:
        samples = samplesOf(("a", 1, 10.0), ("a", 2, 20.0), ("a", 3, 40.0))
        self.assertEqual(spreads(samples)["rate"], Spread(20, 10, 40))
        self.assertEqual(spreads(samples)["cpu"], Spread(0.05, 0.025, 0.1))


class RatioTests(SynchronousTestCase):
    """What is compared, and what is not."""

    def refused(self, samples: list[Sample]) -> None:
        """Nothing is said about these."""
        self.assertRaises(NotInterleaved, ratio, samples, "a", "b", "rate", False)

    def test_isTheMedianOfTheRatiosOfTheRounds(self) -> None:
        # The machine slows down tenfold: medians of each would still be compared, rounds must be.
        samples = samplesOf(
            ("a", 1, 200.0), ("b", 1, 100.0), ("a", 2, 30.0), ("b", 2, 10.0), ("a", 3, 40.0),
            ("b", 3, 10.0),
        )  # fmt: skip
        self.assertEqual(ratio(samples, "a", "b", "rate", False), Spread(3, 2, 4))

    def test_isTurnedAroundWhereLowerIsBetter(self) -> None:
        samples = samplesOf(("a", 1, 200.0), ("b", 1, 100.0))
        self.assertEqual(ratio(samples, "a", "b", "cpu", True), Spread(2, 2, 2))

    def test_takesNoNoticeOfOthersOrOfTheOrderWithinARound(self) -> None:
        samples = samplesOf(
            ("a", 1, 4.0), ("c", 1, 9.0), ("b", 1, 2.0), ("b", 2, 2.0), ("c", 2, 1.0), ("a", 2, 4.0)
        )
        self.assertEqual(ratio(reversed(samples), "a", "b", "rate", False), Spread(2, 2, 2))

    def test_refusesAllRunsOfOneBeforeThoseOfTheOther(self) -> None:
        self.refused(samplesOf(("a", 1, 1.0), ("a", 2, 1.0), ("b", 1, 1.0), ("b", 2, 1.0)))

    def test_refusesARoundThatOneOfThemMissed(self) -> None:
        self.refused(samplesOf(("a", 1, 1.0), ("b", 1, 1.0), ("a", 2, 1.0)))
        self.refused(samplesOf(("a", 1, 1.0), ("b", 2, 1.0)))
        self.refused(samplesOf(("a", 1, 1.0), ("a", 1, 1.0)))

    def test_refusesRoundsOfSeveralBenchmarksPutTogether(self) -> None:
        once = samplesOf(("a", 1, 1.0), ("b", 1, 1.0))
        self.refused(once + once)

    def test_refusesSeveralOperations(self) -> None:
        one = samplesOf(("a", 1, 1.0), ("b", 1, 1.0))
        self.refused(one + samplesOf(("a", 2, 1.0), ("b", 2, 1.0), operation="request"))

    def test_refusesWhatIsNotThere(self) -> None:
        self.refused([])
        self.refused(samplesOf(("a", 1, 1.0)))


class ReportTests(SynchronousTestCase):
    """What people and programs are told."""

    def outcome(self, *names: str) -> tuple[Plan, Outcome]:
        """Two rounds of one-way; the later an implementation comes, the slower it is."""
        keys = ("rate", "megabytes", "senderCPU", "receiverCPU", "busy", "cpu")
        runs = [(number, index, name) for number in (1, 2) for index, name in enumerate(names)]
        samples = [
            Sample("one-way", name, 64, number, turn, dict.fromkeys(keys, 12.0 / (index + 1)))
            for turn, (number, index, name) in enumerate(runs)
        ]
        implementations = [IMPLEMENTATIONS[name] for name in names]
        plan = Plan({OPERATIONS["one-way"]: (64,)}, implementations, 2, 1.0)
        return plan, Outcome(samples, dict.fromkeys(names, "as it is"))

    def test_comparesTheProductWithEveryOther(self) -> None:
        plan, outcome = self.outcome(PRODUCT, "naive", "blocking")
        ratios = {
            (each["to"], each["figure"]): each["median"] for each in asJSON(plan, outcome)["ratios"]
        }
        self.assertEqual(ratios["naive", "rate"], 2)
        self.assertEqual(ratios["naive", "cpu"], 1 / 2)
        self.assertEqual(ratios["blocking", "rate"], 3)
        self.assertIn("2.00 x (2.00..2.00)", asTable(plan, outcome))

    def test_comparesNothingWithoutTheProduct(self) -> None:
        plan, outcome = self.outcome("naive", "blocking")
        self.assertEqual(asJSON(plan, outcome)["ratios"], [])
        self.assertNotIn(" x (", asTable(plan, outcome))

    def test_comparesNothingThatDidNotTakeTurns(self) -> None:
        plan, outcome = self.outcome(PRODUCT, "naive")
        outcome.samples.pop()
        self.assertEqual(asJSON(plan, outcome)["ratios"], [])
        self.assertNotIn(" x (", asTable(plan, outcome))

    def test_writesSizesAsPeopleDo(self) -> None:
        self.assertEqual(
            [sizeText(size) for size in (64, 1024, 1536, 16384, 1 << 20)],
            ["64 B", "1 KiB", "1536 B", "16 KiB", "1 MiB"],
        )


class OptionsTests(SynchronousTestCase):
    """The command line."""

    def test_measuresEverythingByDefault(self) -> None:
        plan, wantsJSON = parse([])
        self.assertEqual(list(plan.operations), list(OPERATIONS.values()))
        self.assertEqual(list(plan.implementations), list(IMPLEMENTATIONS.values()))
        self.assertEqual((plan.rounds, plan.seconds, wantsJSON), (5, 1.0, False))

    def test_selects(self) -> None:
        plan, _ = parse(
            [
                "-o",
                "one-way",
                "-s",
                "64",
                "16KiB",
                "1MiB",
                "-i",
                "naive",
                "fiscop2p",
                "-r",
                "3",
                "-t",
                "2",
                "-n",
                "10",
            ]
        )
        self.assertEqual(plan.operations, {OPERATIONS["one-way"]: (64, 16384, 1 << 20)})
        self.assertEqual([each.name for each in plan.implementations], ["naive", "fiscop2p"])
        self.assertEqual((plan.rounds, plan.seconds, plan.count), (3, 2.0, 10))
        self.assertEqual(plan.runs(), 3 * 3 * 2)

    def test_refusesWhatItCannotMeasure(self) -> None:
        self.patch(sys, "stderr", open("/dev/null", "w"))  # noqa: SIM115
        self.addCleanup(sys.stderr.close)
        for line in ("-s 1GB", "-s 0", "-r 0", "-t 0", "-n x", "-o x", "-o request -i blocking"):
            self.assertRaises(SystemExit, parse, words(line))


class CountingTests(SynchronousTestCase):
    """The receiver counts, and the sender checks it."""

    def test_aTallyGivesCreditForEveryStepAndTellsTheEnd(self) -> None:
        given: list[int] = []
        tally = Tally(5, 2, lambda: given.append(tally.messages))
        for _ in range(4):
            tally.payloadArrived(b"abc")
        self.assertNoResult(tally.full)
        tally.payloadArrived(b"abc")
        self.successResultOf(tally.full)
        self.assertEqual((given, tally.messages, tally.bytes), ([2, 4], 5, 15))

    def test_lostMessagesAreNoResult(self) -> None:
        for words in ({"messages": 9, "bytes": 640}, {"messages": 10, "bytes": 639}):
            self.assertRaises(MessagesLost, checkedValues, words, 64, 10, 1.0, 1.0)


class ProcessTests(SynchronousTestCase):
    """The whole."""

    def test_whatAChildFailsOfIsShown(self) -> None:
        absent = Implementation("absent", "there is none", "absent", ())
        with closing(Pair(absent, Path("absent"))) as pair:
            error = self.assertRaises(ChildFailed, pair.connect)
        self.assertIn("KeyError: 'absent'", str(error))

    def test_everythingRuns(self) -> None:
        """No threshold: only that every operation of every implementation gives its figures."""
        command = [sys.executable, "-m", "benchmarks", "--quick", "--json", "--rounds", "2"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        report: dict[str, Any] = json.loads(done.stdout)
        plan, _ = parse([])
        expected = {
            (operation.name, size, each.name)
            for operation, sizes in plan.operations.items()
            for size in sizes
            for each in plan.able(operation)
        }
        found = {
            (each["operation"], each["size"], each["implementation"]): each["values"]
            for each in report["results"]
        }
        self.assertEqual(set(found), expected)
        for operation in plan.operations:
            for values in (found[key] for key in found if key[0] == operation.name):
                for column in operation.columns:
                    self.assertLessEqual(values[column.key]["least"], values[column.key]["most"])
                self.assertGreater(values["rate"]["least"], 0)
        self.assertEqual(len(report["samples"]), 2 * len(expected))
        compared = {(each["operation"], each["size"], each["to"]) for each in report["ratios"]}
        self.assertEqual(compared, {key for key in expected if key[2] != PRODUCT})
        self.assertEqual(len(done.stderr.splitlines()), len(report["samples"]), done.stderr)
