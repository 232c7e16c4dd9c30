"""
Tests for L{benchmarks}: that everything runs, and that nothing is compared that cannot be.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from mmap import mmap
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import report, rounds
from benchmarks.channel import Channel
from benchmarks.curves.command import drawAll, linesOf
from benchmarks.curves.curve import CURVES
from benchmarks.curves.growth import steepest
from benchmarks.curves.plot import drawing
from benchmarks.implementations import IMPLEMENTATIONS, PRODUCT, Implementation
from benchmarks.implementations.modular import ModularChannel
from benchmarks.implementations.product import NodeChannel, NotSentToAll, Peer, openWhenLinked
from benchmarks.implementations.untilfollowing import untilFollowing
from benchmarks.load import Load, sizeText
from benchmarks.operations import OPERATIONS
from benchmarks.operations.asking import WrongAnswer, askAll
from benchmarks.operations.flow import SENDER_CPU_EACH, MessagesLost, checkedValues
from benchmarks.operations.memory import residentBytes
from benchmarks.operations.operation import orderOf
from benchmarks.options import parse
from benchmarks.pair import ChildFailed, Pair
from benchmarks.report import asJSON, asTable, comparisons
from benchmarks.rounds import Outcome, Plan, runAll
from benchmarks.samples import NotInterleaved, Sample, Spread, ratio, spreads
from benchmarks.window import Tally, Window
from benchmarks.words import Words
from fiscop2p.testing import MemoryNetwork
from tests.temporary import temporaryFolder

ROOT = Path(__file__).resolve().parent.parent
SMALL = Load(64)


def samplesOf(*runs: tuple[str, int, float], operation: str = "one-way") -> list[Sample]:
    """Runs of 64 bytes, in the order of time: implementation, round, rate."""
    return [
        Sample(operation, name, SMALL, number, turn, {"rate": rate, "cpu": 1 / rate})
        for turn, (name, number, rate) in enumerate(runs, 1)
    ]


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

    def test_refusesSeveralOperationsOrLoads(self) -> None:
        one = samplesOf(("a", 1, 1.0), ("b", 1, 1.0))
        two = samplesOf(("a", 2, 1.0), ("b", 2, 1.0), operation="request")
        self.refused(one + two)
        larger = [Sample("one-way", name, Load(1024), 2, 3, {"rate": 1}) for name in "ab"]
        self.refused(one + larger)

    def test_refusesWhatIsNotThere(self) -> None:
        self.refused([])
        self.refused(samplesOf(("a", 1, 1.0)))


class ReportTests(SynchronousTestCase):
    """What people and programs are told."""

    def outcome(self, *names: str) -> tuple[Plan, Outcome]:
        """Two rounds of one-way; the later an implementation comes, the slower it is."""
        operation = OPERATIONS["one-way"]
        keys = {column.key for column in operation.columns} | {"cpu"}
        runs = [(number, index, name) for number in (1, 2) for index, name in enumerate(names)]
        samples = [
            Sample("one-way", name, SMALL, number, turn, dict.fromkeys(keys, 12.0 / (index + 1)))
            for turn, (number, index, name) in enumerate(runs)
        ]
        implementations = [IMPLEMENTATIONS[name] for name in names]
        plan = Plan({operation: (SMALL,)}, implementations, 2, 1.0)
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

    def test_comparesVariantsOfTheProductWithItAndWithTheOthers(self) -> None:
        names = (PRODUCT, "fiscop2p-pyopenssl", "naive", "blocking")
        found = comparisons([IMPLEMENTATIONS[name] for name in names])
        self.assertEqual(
            [(one.name, other.name) for one, other in found],
            [
                (PRODUCT, "naive"),
                (PRODUCT, "blocking"),
                ("fiscop2p-pyopenssl", PRODUCT),
                ("fiscop2p-pyopenssl", "naive"),
                ("fiscop2p-pyopenssl", "blocking"),
            ],
        )

    def test_comparesNothingWithoutTheProduct(self) -> None:
        plan, outcome = self.outcome("naive", "blocking")
        self.assertEqual(asJSON(plan, outcome)["ratios"], [])
        self.assertNotIn(" x (", asTable(plan, outcome))

    def test_comparesNothingThatDidNotTakeTurns(self) -> None:
        plan, outcome = self.outcome(PRODUCT, "naive")
        outcome.samples.pop()
        self.assertEqual(asJSON(plan, outcome)["ratios"], [])
        self.assertNotIn(" x (", asTable(plan, outcome))

    def test_saysWhereItWasMeasured(self) -> None:
        plan, outcome = self.outcome(PRODUCT, "naive")
        environment = asJSON(plan, outcome)["environment"]
        self.assertEqual(environment["python"], sys.version.split()[0])
        self.assertIn("twisted", environment["versions"])
        self.assertIn(environment["processor"], asTable(plan, outcome))
        for control, line in (("cubic", "is cubic\n"), ("bbr", "is bbr, which paces")):
            self.patch(report, "_congestionControl", lambda control=control: control)
            self.assertIn(f"congestion control {line}", asTable(plan, outcome))

    def test_congestionControl(self) -> None:
        """Nothing is said of it where the system does not tell."""
        plan, outcome = self.outcome(PRODUCT, "naive")
        self.patch(report, "Path", lambda path: Path("/nowhere", path.lstrip("/")))
        self.assertNotIn("congestion", asTable(plan, outcome))

    def test_writesSizesAsPeopleDo(self) -> None:
        self.assertEqual(
            [sizeText(size) for size in (64, 1024, 1536, 16384, 1 << 20)],
            ["64 B", "1 KiB", "1536 B", "16 KiB", "1 MiB"],
        )
        label = OPERATIONS["multicast"].labelOf(Load(1024, 8, 24))
        self.assertEqual(label, "1 KiB to 8 of 8+24")


class OptionsTests(SynchronousTestCase):
    """The command line."""

    def parsed(self, line: str) -> Plan:
        """What a command line asks for."""
        return parse(line.split()).plan

    def refused(self, line: str) -> None:
        """A command line that cannot be done."""
        self.assertRaises(SystemExit, parse, line.split())

    def setUp(self) -> None:
        self.patch(sys, "stderr", open("/dev/null", "w"))  # noqa: SIM115
        self.addCleanup(sys.stderr.close)

    def test_measuresEverythingThatIsInstalledByDefault(self) -> None:
        options = parse([])
        plan = options.plan
        self.assertEqual(list(plan.operations), list(OPERATIONS.values()))
        all_ = list(IMPLEMENTATIONS.values())
        self.assertEqual([*plan.implementations, *options.leftOut], all_)
        self.assertTrue(all(each.isInstalled() for each in plan.implementations))
        self.assertEqual((plan.rounds, plan.seconds, options.wantsJSON), (5, 1.0, False))

    def test_selects(self) -> None:
        plan = self.parsed("-o one-way -s 64 16KiB 1MiB -i naive fiscop2p -r 3 -t 2 -n 10")
        loads = (Load(64), Load(16384), Load(1 << 20))
        self.assertEqual(plan.operations, {OPERATIONS["one-way"]: loads})
        self.assertEqual([each.name for each in plan.implementations], ["naive", "fiscop2p"])
        self.assertEqual((plan.rounds, plan.seconds, plan.count), (3, 2.0, 10))
        self.assertEqual(plan.runs(), 3 * 3 * 2)

    def test_sizesAndLinksAreOnlyForThoseThatHaveThem(self) -> None:
        plan = self.parsed("-o request broadcast memory -s 1KiB -l 2 4")
        self.assertEqual(
            list(plan.operations.values()),
            [
                (Load(1024),),
                (Load(1024, 2), Load(1024, 4)),
                (Load(links=2, spare=200), Load(links=4, spare=200)),
            ],
        )

    def test_quickIsAFewOfEverything(self) -> None:
        plan = self.parsed("--quick -o broadcast multicast sync")
        loads = [load for loads in plan.operations.values() for load in loads]
        self.assertTrue(all(max(load[1:]) <= 3 for load in loads), loads)
        self.assertEqual(plan.rounds, 1)

    def test_refusesWhatItCannotMeasure(self) -> None:
        for line in ("-s 1GB", "-s 0", "-r 0", "-t 0", "-n x", "-l 0", "-o x", "-o sync -i naive"):
            self.refused(line)

    def test_leavesOutWhatIsNotInstalledUnlessAskedForIt(self) -> None:
        absent = Implementation("absent", "there is none", "absent", ("one-way",), needs="no_such")
        IMPLEMENTATIONS["absent"] = absent
        self.addCleanup(IMPLEMENTATIONS.pop, "absent")
        options = parse(["-o", "one-way"])
        self.assertNotIn(absent, options.plan.implementations)
        self.assertIn(absent, options.leftOut)
        self.refused("-i absent fiscop2p")


class FakePair:
    """Two processes that are none; each message takes a millisecond."""

    running: list[tuple[str, Load]] = []
    counts: list[tuple[str, int]] = []
    summary = "nothing"

    def __init__(self, implementation: Implementation, folder: Path, load: Load) -> None:
        self.name = implementation.name
        self.running.append((self.name, load))

    def connect(self) -> None:
        """Nothing is there."""

    def run(self, operation: Any, load: Load, count: int, seconds: float) -> Words:
        """Pretend."""
        self.counts.append((operation.name, count))
        return {"seconds": count / 1000}

    def close(self) -> None:
        """Nothing is there."""


class RoundTests(SynchronousTestCase):
    """In which order what runs, and for how long."""

    def runAll(self, line: str) -> list[Sample]:
        """Run a command line with processes that are none."""
        FakePair.running, FakePair.counts = [], []
        self.patch(rounds, "Pair", FakePair)
        self.patch(rounds, "makeChains", lambda folder, peers: None)
        told: list[Sample] = []
        outcome = runAll(parse(line.split()).plan, told.append)
        self.assertEqual(told, outcome.samples)
        return told

    def test_implementationsTakeTurnsInEveryRoundAndTurnAround(self) -> None:
        samples = self.runAll("-o one-way -s 64 1KiB -i fiscop2p naive blocking -r 2")
        one = ["fiscop2p", "naive", "blocking"]
        self.assertEqual(
            [(each.round, each.load.size, each.implementation) for each in samples],
            [
                *((1, size, name) for size in (64, 1024) for name in one),
                *((2, size, name) for size in (64, 1024) for name in reversed(one)),
            ],
        )
        self.assertEqual([each.turn for each in samples], list(range(1, 13)))

    def test_aRunTakesItsTime(self) -> None:
        self.runAll("-o one-way -s 64 -i naive -r 1 -t 2")
        self.assertEqual(FakePair.counts[-1], ("one-way", 2000))

    def test_aRunHasTheMessagesThatWereAskedFor(self) -> None:
        self.runAll("-o one-way -s 64 -i naive -r 1 -n 7")
        self.assertEqual(FakePair.counts[-1], ("one-way", 7))

    def test_whatIsNotMessagesRunsOnce(self) -> None:
        self.runAll("-o memory -i naive -r 1")
        self.assertEqual(FakePair.counts, [("memory", 1)])

    def test_processesAreNewInEachRoundAndSharedByWhatHasAsManyLinks(self) -> None:
        self.runAll("-o one-way request broadcast -i naive -r 2")
        self.assertEqual(FakePair.running, [("naive", Load()), ("naive", Load(links=32))] * 2)

    def test_noOtherRunMeetsTheLinksOfMemoryAndSync(self) -> None:
        self.runAll("-o one-way memory sync -l 1 -i fiscop2p -r 1")
        loads = [Load(), Load(links=1, spare=200), Load(links=1, topics=10)]
        self.assertEqual([load for _, load in FakePair.running], loads)


class WindowTests(SynchronousTestCase):
    """How far ahead a sender may be."""

    def test_neverMoreThanAPeerMayHaveWaiting(self) -> None:
        for size in (1, 64, 1024, 1 << 20, 5 << 20, 8 << 20):
            window = Window.toOne(size)
            self.assertLessEqual(window.steps * window.step * size, 16 << 20)
            self.assertLessEqual(window.turn, window.step)
        self.assertEqual(Window.toOne(16 << 20), Window(1, 1, 1))

    def test_toManyEachHasAsMuchUnderWayInWholeTurns(self) -> None:
        self.assertEqual(Window.toMany(64), Window(4096, 2, 128))
        self.assertEqual(Window.toMany(16 << 10), Window(16, 2, 1))
        self.assertEqual(Window.toMany(1 << 20), Window(1, 2, 1))
        for size in (1, 64, 1024, 16 << 10, 1 << 20):
            window = Window.toMany(size)
            self.assertEqual(window.step % window.turn, 0)
            self.assertLessEqual(window.steps * window.step * size, 16 << 20)

    def test_aTallyGivesCreditForEveryStepAndTellsTheEnd(self) -> None:
        given: list[int] = []
        tally = Tally(5, 2, lambda: given.append(tally.messages))
        for _ in range(4):
            tally.payloadArrived(b"abc")
        self.assertNoResult(tally.full)
        tally.payloadArrived(b"abc")
        self.successResultOf(tally.full)
        self.assertEqual((given, tally.messages, tally.bytes), ([2, 4], 5, 15))

    def test_tallyCountsManyAtATime(self) -> None:
        given: list[int] = []
        tally = Tally(9, 2, lambda: given.append(tally.messages))
        for count in (1, 5, 3):
            self.assertNoResult(tally.full)
            tally.manyArrived("", [b"abc"] * count)
        self.successResultOf(tally.full)
        self.assertEqual((given, tally.messages, tally.bytes), ([6, 6, 6], 9, 27))

    def test_whatAMessageCostsItsSenderIsForAllItsCopies(self) -> None:
        words = {"messages": 6, "bytes": 384, "cpu": 7.0}
        values = checkedValues(words, 64, 2, 1.0, 3.0, copies=3)
        self.assertEqual(values[SENDER_CPU_EACH], 1.5e6)

    def test_lostMessagesAreNoResult(self) -> None:
        for words in ({"messages": 19, "bytes": 1280}, {"messages": 20, "bytes": 1279}):
            self.assertRaises(MessagesLost, checkedValues, words, 64, 10, 1.0, 1.0, copies=2)


class MemoryNetworkTests(SynchronousTestCase):
    """What the operations do with fiscop2p, on a network in memory."""

    makeChannel = NodeChannel

    def ends(self, load: Load) -> tuple[NodeChannel, NodeChannel]:
        """The sender's node, and the receiver's, all connected to it."""
        self.network = MemoryNetwork(nodes=1 + load.links)
        self.addCleanup(self.network.stop)
        self.network.advance(5)
        node, *others = self.network.nodes
        there = self.makeChannel(others, [Peer(node.nodeID)], load)
        return self.makeChannel([node], [Peer(each.nodeID) for each in others], load), there

    def run_(self, name: str, load: Load, count: int = 1, times: int = 1) -> Words:
        """Do it so many times on the same links; gives the last values."""
        operation = OPERATIONS[name]
        here, there = self.ends(load)

        async def serve() -> None:
            while True:
                await operation.receive(there, self.network.clock, await there.hear())

        serving = Deferred.fromCoroutine(serve())
        order = orderOf(operation, load, count, 0.01)
        values: Words = {}
        for _ in range(times):
            done = Deferred.fromCoroutine(operation.send(here, self.network.clock, order))
            for _ in range(100):
                self.network.advance(0.1)
            self.assertNoResult(serving)
            values = self.successResultOf(done)
        return values

    def test_aMessageOneWayIsCountedOnce(self) -> None:
        self.assertEqual(self.run_("one-way", Load(64), 10_000)["messages"], 10_000)

    def test_aBroadcastIsCountedAtEveryPeer(self) -> None:
        self.assertEqual(self.run_("broadcast", Load(64, 3), 500)["messages"], 1500)

    def test_aMulticastIsCountedAtEveryFollower(self) -> None:
        self.assertEqual(self.run_("multicast", Load(64, 2), 300)["messages"], 600)

    def test_aModulesMulticastIsCountedAtEveryFollower(self) -> None:
        self.makeChannel = ModularChannel
        self.assertEqual(self.run_("multicast", Load(64, 2), 300, times=2)["messages"], 600)

    def test_requestsAreAnswered(self) -> None:
        for name in ("request", "pipelined", "pipelined-callbacks"):
            values = self.run_(name, Load(64), 200)
            self.assertEqual(values["messages"], 200)
            self.assertLessEqual(values["p50"], values["p99"])

    def test_syncEndsWhenAllKnowTheNewTopics(self) -> None:
        values = self.run_("sync", Load(links=3, topics=4))
        self.assertGreater(values["seconds"], 0)
        nodes = self.network.nodes
        followed = {node.topics for node in nodes}
        self.assertEqual(len(followed), 1)
        (topics,) = followed
        self.assertEqual(len(topics), 4)
        for peer in nodes[1:]:
            self.assertEqual(nodes[0].registry.topicsOf(peer.nodeID), topics)

    def test_leavingAPeerOutIsAnError(self) -> None:
        here, _ = self.ends(Load(64, 2))
        self.network.cut(*self.network.nodes[:2])
        self.network.advance(0.1)
        self.assertRaises(NotSentToAll, here.broadcastAll, [b"payload"])
        self.assertRaises(NotSentToAll, here.multicastAll, [b"payload"])

    def test_wordsThatComeBeforeTheLastLinkAreHeard(self) -> None:
        here, _ = self.ends(Load(links=2))
        node, *others = self.network.nodes
        for module in (1001, 1003):
            others[0].unhandle(node.protocolID(1, module))
        opened: list[Channel] = []

        def makeChannel(nodeID: str) -> Channel:
            return self.makeChannel(others, [Peer(nodeID)], Load(links=2))

        openWhenLinked(others, makeChannel, opened.append)
        others[0].registry.joined.fire(node.nodeID)
        here.tell({"said": "early"})
        self.network.advance(1)
        self.assertEqual(opened, [])
        others[1].registry.joined.fire(node.nodeID)
        here.tell({"said": "late"})
        self.network.advance(1)
        (channel,) = opened
        heard = [self.successResultOf(channel.hear())["said"] for _ in range(2)]
        self.assertEqual(heard, ["early", "late"])

    def test_waitingForTopicsEndsWhenTheyAreThese(self) -> None:
        self.ends(Load(links=1))
        one, other = self.network.nodes
        waiting = untilFollowing(one.registry, [other.nodeID], ["a", "b"])
        for topic in ("a", "b"):
            self.assertNoResult(waiting)
            other.subscribe(topic, print)
            self.network.advance(1)
        self.successResultOf(waiting)
        self.successResultOf(untilFollowing(one.registry, [other.nodeID], ["b", "a"]))
        self.assertNoResult(untilFollowing(one.registry, [other.nodeID], ["a"]))

    def test_waitingForTopicsGoesOnWhileSomebodyFollowsOthersAgain(self) -> None:
        self.ends(Load(links=2))
        one, second, third = self.network.nodes
        waiting = untilFollowing(one.registry, [second.nodeID, third.nodeID], ["a"])
        for change in (second.subscribe, second.unsubscribe, third.subscribe):
            change("a", print)
            self.network.advance(1)
            self.assertNoResult(waiting)
        second.subscribe("a", print)
        self.network.advance(1)
        self.successResultOf(waiting)


class WrongAnswers(Channel):
    """A channel that answers everything with too little."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = lambda payload: succeed(payload[1:])
        self.call = lambda payload, answered, failed: answered(payload[1:])

    def tell(self, words: Words) -> None:
        self.wordsArrived(b"{}")


class AskingTests(SynchronousTestCase):
    """Requests."""

    def test_aWrongAnswerIsNoResult(self) -> None:
        order = orderOf(OPERATIONS["pipelined"], Load(64), 3, 1.0)
        for callbacks in (False, True):
            asked = Deferred.fromCoroutine(askAll(WrongAnswers(), order, 2, callbacks))
            self.failureResultOf(asked, WrongAnswer)


class MemoryTests(SynchronousTestCase):
    """Resident memory."""

    def test_growsWithWhatIsHeld(self) -> None:
        before = residentBytes()
        # Of the kernel: what others have freed is resident already.
        with mmap(-1, 32 << 20) as held:
            held.write(bytes(len(held)))
            self.assertGreater(residentBytes() - before, len(held) // 2)


class CurveTests(SynchronousTestCase):
    """What becomes of it as the work grows."""

    def test_steepestIsThePowerThatItGrowsWith(self) -> None:
        linear = [(x, 3.0 * x) for x in (1, 10, 100)]
        self.assertAlmostEqual(steepest(linear) or 0, 1)
        self.assertAlmostEqual(steepest([*linear, (1000, 30_000)]) or 0, 2)
        self.assertEqual(steepest([(1, 5), (10, 5), (100, 5)]), 0)

    def test_pointsThatAreCloseSayNothing(self) -> None:
        self.assertIs(steepest([(1, 1), (2, 100)]), None)
        self.assertIs(steepest([(1, 1)]), None)

    def test_allLoadsAreInOrderAndAllNamesAreKnown(self) -> None:
        for curve in CURVES.values():
            places = [curve.xOf(load) for load in curve.loads]
            self.assertEqual(places, sorted(set(places)))
            suffixes = [drawing.suffix for drawing in curve.drawings]
            self.assertEqual(len(suffixes), len(set(suffixes)))
            self.assertTrue(list(curve.costs()))
            self.assertLessEqual(set(curve.implementations), set(IMPLEMENTATIONS))

    def test_aLineHasTheSpreadOfEveryLoad(self) -> None:
        curve = CURVES["broadcast"]
        loads = (Load(64, 1), Load(64, 2))
        plan = Plan({curve.operation: loads}, [IMPLEMENTATIONS["naive"]], 2, 1.0)
        samples = [
            Sample("broadcast", "naive", load, number, turn, {"each": 10.0 * load.links + number})
            for turn, (number, load) in enumerate((n, load) for n in (1, 2) for load in loads)
        ]
        lines = linesOf(curve, curve.drawings[0], plan, Outcome(samples, {}))
        self.assertEqual(lines, {"naive": {1: Spread(11.5, 11, 12), 2: Spread(21.5, 21, 22)}})

    def test_everyDrawingHasAFileAndCostsAGuide(self) -> None:
        curve, folder = CURVES["broadcast"], temporaryFolder(self)
        loads = (Load(64, 1), Load(64, 10))
        plan = Plan({curve.operation: loads}, [IMPLEMENTATIONS["naive"]], 1, 1.0)
        values = {each.key: 10.0 for each in curve.drawings}
        samples = [Sample("broadcast", "naive", load, 1, n, values) for n, load in enumerate(loads)]
        drawn = {path.name: path for path in drawAll(curve, plan, Outcome(samples, {}), folder)}
        guided = {name for name, path in drawn.items() if "linear" in path.read_text()}
        self.assertEqual(guided, {"broadcast.svg", "broadcast-sender.svg"})
        self.assertEqual(drawn.keys() - guided, {"broadcast-rate.svg"})
        self.assertEqual([each.suffix for each in curve.costs()], ["", "-sender"])

    def test_aDrawingHasEveryPointAndItsNames(self) -> None:
        lines = {"one": [(64, 1.0), (1024, 20.0)], "a < b": [(64, 2.0), (1024, 3.0)]}
        text = drawing("Title", "size", "us", lines, sizeText, guided=True)
        picture = ElementTree.fromstring(text)  # noqa: S314 (our own)
        space = "{http://www.w3.org/2000/svg}"
        self.assertEqual(len(picture.findall(f".//{space}circle")), 4)
        texts = {each.text for each in picture.iter(f"{space}text")}
        wanted = {"Title", "size", "us", "one", "a < b", "64 B", "1 KiB", "1", "100", "linear"}
        self.assertLessEqual(wanted, texts)
        places = [each.attrib["points"] for each in picture.iter(f"{space}polyline")]
        starts = {float(place.split(",")[0]) for place in places}
        self.assertEqual(starts, {80}, "both lines begin at the axis")

    def test_onePointCanBeDrawnToo(self) -> None:
        text = drawing("Title", "size", "us", {"one": [(64, 1.0)]}, sizeText, guided=False)
        self.assertNotIn("linear", text)
        ElementTree.fromstring(text)  # noqa: S314 (our own)


class ProcessTests(SynchronousTestCase):
    """The whole."""

    def run_(self, *arguments: str) -> tuple[dict[str, Any], list[str]]:
        """Run the command quickly; gives its JSON, and the lines of its progress."""
        command = [sys.executable, "-m", "benchmarks", *arguments, "--quick", "--json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        progress = [line for line in done.stderr.splitlines() if line.startswith("[")]
        report: dict[str, Any] = json.loads(done.stdout)
        return report, progress

    def test_whatAChildFailsOfIsShown(self) -> None:
        absent = Implementation("absent", "there is none", "absent", ())
        with closing(Pair(absent, Path("absent"), Load())) as pair:
            error = self.assertRaises(ChildFailed, pair.connect)
        self.assertIn("KeyError: 'absent'", str(error))

    def test_everythingRuns(self) -> None:
        """No threshold: only that every operation of every implementation gives its figures."""
        report, progress = self.run_()
        plan = parse(["--quick"]).plan
        expected = {
            (operation.name, load, each.name)
            for operation, loads in plan.operations.items()
            for load in loads
            for each in plan.able(operation)
        }
        found = {
            (each["operation"], Load(**each["load"]), each["implementation"]): each["values"]
            for each in report["results"]
        }
        self.assertEqual(set(found), expected)
        for operation in plan.operations:
            for values in (found[key] for key in found if key[0] == operation.name):
                for column in operation.columns:
                    self.assertLessEqual(values[column.key]["least"], values[column.key]["most"])
        for curve in CURVES.values():
            drawn = {each.key for each in curve.drawings}
            for sample in report["samples"]:
                if sample["operation"] == curve.operation.name:
                    self.assertLessEqual(drawn, set(sample["values"]))
        self.assertEqual(len(report["samples"]), len(expected))
        compared = {
            (each["operation"], Load(**each["load"]), each["to"])
            for each in report["ratios"]
            if each["implementation"] == PRODUCT
        }
        self.assertEqual(compared, {key for key in expected if not IMPLEMENTATIONS[key[2]].isOurs})
        self.assertEqual(len(progress), len(expected))

    def test_aCurveIsMeasuredAndDrawn(self) -> None:
        folder = temporaryFolder(self) / "new" / "folder"
        report, progress = self.run_("curves", "-c", "sync-topics", "-d", str(folder))
        (curve,) = report["curves"]
        self.assertEqual(curve["files"], [str(folder / "sync-topics.svg")])
        places = [point["x"] for point in curve["costs"][0]["lines"][PRODUCT]["points"]]
        self.assertEqual(places, [1, 3])
        self.assertEqual(len(progress), 2)
        ElementTree.parse(folder / "sync-topics.svg")  # noqa: S314 (our own)
