"""
Tests for L{fiscop2p.links.pending}.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerLeft, RequestTimeout
from fiscop2p.interfaces import Outcome
from fiscop2p.links.noise import Noise
from fiscop2p.links.pending import PendingRequests
from fiscop2p.testing import VirtualClock
from fiscop2p.wire.runs import LooseRun

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

TOLERANCE = 0.01 + 1e-9
"""Deadlines are met within a hundredth of a second; the rest is rounding."""


class Requests:
    """Pending requests under a virtual clock, and how they ended."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.pending = PendingRequests(self.clock, Noise(self.clock), "ab" * 64)
        self.session = SimpleNamespace(closeReason=None)
        self.ends: list[tuple[int, float, Outcome]] = []

    def add(self, seq: int, timeout: float, then: Callable[[], object] | None = None) -> None:
        """Add a request whose end is noted: seq, time, outcome."""

        def ended(outcome: Outcome) -> None:
            self.ends.append((seq, self.clock.seconds(), outcome))
            if then is not None:
                then()

        self.pending.add(seq, ended, ended, timeout, 66536)

    def answer(self, seq: int, payload: bytes) -> bool:
        """Have a response come; tells whether somebody waited for it."""
        return not self.pending.answers(self.session, LooseRun(-1, 0, 0, [seq], [payload]))

    @property
    def ended(self) -> list[int]:
        """The seqs of those that have ended, in this order."""
        return [seq for seq, _, _ in self.ends]

    @property
    def timers(self) -> int:
        """How many timers run."""
        return len(self.clock.getDelayedCalls())


class RequestsTestCase(SynchronousTestCase):
    """A test of requests under a virtual clock."""

    def setUp(self) -> None:
        self.requests = Requests()
        self.clock = self.requests.clock
        self.pending = self.requests.pending

    def assertEnded(self, *expected: tuple[int, float]) -> None:
        """Check which requests have timed out, in which order, each at its deadline."""
        self.assertEqual(self.requests.ended, [seq for seq, _ in expected])
        for (seq, time, outcome), (_, deadline) in zip(self.requests.ends, expected, strict=True):
            self.assertIsInstance(outcome, RequestTimeout)
            self.assertTrue(
                deadline - 1e-9 <= time <= deadline + TOLERANCE,
                f"request {seq} ended at {time}, its deadline is {deadline}",
            )


class PendingTests(RequestsTestCase):
    """A request ends once: with its answer, its deadline, or its link."""

    def test_answer(self) -> None:
        """The answer goes to the one who asked under its seq, and no time-out comes after it."""
        self.requests.add(2, 5)
        self.requests.add(3, 5)
        self.assertEqual(len(self.pending.requests), 2)
        self.clock.advance(1)
        self.assertTrue(self.requests.answer(3, b"three"))
        self.assertEqual(self.requests.ends, [(3, 1, b"three")])
        self.assertEqual(len(self.pending.requests), 1)
        self.assertTrue(self.requests.answer(2, b""))
        self.clock.advance(100)
        self.assertEqual(self.requests.ends, [(3, 1, b"three"), (2, 1, b"")])
        self.assertEqual(len(self.pending.requests), 0)

    def test_answerToNobody(self) -> None:
        """An answer that nobody waits for, or waits for any more, is said to be so."""
        self.assertFalse(self.requests.answer(2, b""))
        self.requests.add(2, 5)
        self.requests.answer(2, b"first")
        self.assertFalse(self.requests.answer(2, b"second"))
        self.requests.add(3, 5)
        self.clock.advance(6)
        self.assertFalse(self.requests.answer(3, b"late"))
        self.assertEqual(self.requests.ended, [2, 3])

    def test_timeout(self) -> None:
        """Without an answer the deadline ends it; the error says how long, of whom and for what."""
        self.requests.add(2, 2.5)
        self.clock.advance(2.49)
        self.assertEqual(self.requests.ends, [])
        self.clock.advance(0.03)
        self.assertEnded((2, 2.5))
        self.assertEqual(
            str(self.requests.ends[0][2]),
            "no answer within 2.5 s from node abababab... to protocolID 66536",
        )
        self.assertEqual(len(self.pending.requests), 0)

    def test_deadlinesInAnyOrder(self) -> None:
        """Each has its own deadline, in whatever order they were added."""
        for seq, timeout in ((2, 3), (3, 1), (4, 2), (5, 30), (6, 0.5)):
            self.requests.add(seq, timeout)
        self.clock.advance(60)
        self.assertEnded((6, 0.5), (3, 1), (4, 2), (2, 3), (5, 30))

    def test_laterRequests(self) -> None:
        """A deadline counts from when its request was added."""
        self.requests.add(2, 3)
        self.clock.advance(2)
        self.requests.add(3, 0.5)
        self.requests.add(4, 3)
        self.clock.advance(60)
        self.assertEnded((3, 2.5), (2, 3), (4, 5))

    def test_sameDeadline(self) -> None:
        """Those of one deadline end together, in the order in which they were added."""
        for seq in (4, 2, 3):
            self.requests.add(seq, 1)
        self.clock.advance(2)
        self.assertEnded((4, 1), (2, 1), (3, 1))
        self.assertEqual(len({time for _, time, _ in self.requests.ends}), 1)

    def test_noTimeAtAll(self) -> None:
        """A request with no time left ends soon, but not before C{add} has returned."""
        self.requests.add(2, 0)
        self.assertEqual(self.requests.ends, [])
        self.clock.advance(TOLERANCE)
        self.assertEnded((2, 0))

    def test_oneTimer(self) -> None:
        """However many wait, one timer runs; none when nobody waits."""
        self.assertEqual(self.requests.timers, 0)
        for seq in range(2, 102):
            self.requests.add(seq, 1 + seq * 37 % 50)
            self.assertEqual(self.requests.timers, 1)
        while len(self.pending.requests):
            self.assertEqual(self.requests.timers, 1)
            self.clock.advance(0.7)
        self.assertEqual(self.requests.timers, 0)
        self.assertEqual(len(self.requests.ends), 100)

    def test_timerEndsWithTheLast(self) -> None:
        """Once all are answered the timer runs out and is not set again."""
        self.requests.add(2, 5)
        self.requests.answer(2, b"")
        self.clock.advance(5.1)
        self.assertEqual(self.requests.timers, 0)
        self.requests.add(3, 5)
        self.assertEqual(self.requests.timers, 1)
        self.clock.advance(6)
        self.assertEqual(self.requests.ended, [2, 3])

    def test_closeDeadlines(self) -> None:
        """Deadlines that are closer than the resolution cost one turn of the timer together."""
        for seq in range(2, 12):
            self.requests.add(seq, 1 + seq / 10_000)
        turns = 0
        while self.requests.timers:
            turns += 1
            self.clock.advance(self.clock.getDelayedCalls()[0].getTime() - self.clock.seconds())
        self.assertEnded(*((seq, 1 + seq / 10_000) for seq in range(2, 12)))
        self.assertLessEqual(turns, 3)

    def test_forget(self) -> None:
        """A request that was forgotten is neither answered nor timed out; the others are."""
        self.requests.add(2, 1)
        self.requests.add(3, 2)
        self.pending.forget(2)
        self.assertEqual(len(self.pending.requests), 1)
        self.assertFalse(self.requests.answer(2, b""))
        self.clock.advance(10)
        self.assertEnded((3, 2))

    def test_forgetNobody(self) -> None:
        """Forgetting what is not there, or no longer, is no error."""
        self.pending.forget(2)
        self.requests.add(2, 1)
        self.pending.forget(2)
        self.pending.forget(2)
        self.clock.advance(10)
        self.assertEqual(self.requests.ends, [])

    def test_seqUsedAgain(self) -> None:
        """Once a request has ended, its seq may be used again with a deadline of its own."""
        self.requests.add(2, 1)
        self.requests.answer(2, b"")
        self.requests.add(2, 5)
        self.clock.advance(4)
        self.assertEqual(self.requests.ends, [(2, 0, b"")])
        self.clock.advance(2)
        self.assertEqual(self.requests.ended, [2, 2])

    def test_manyEarlyOnes(self) -> None:
        """Answered requests are forgotten, also those that were to expire before earlier ones."""
        self.requests.add(1, 3600)
        for seq in range(2, 10_002):
            self.requests.add(seq, 10)
            self.requests.answer(seq, b"")
        self.assertLess(len(self.pending._early), 100)
        self.requests.add(10_002, 10)
        self.clock.advance(11)
        self.assertEqual(self.requests.ended[-1], 10_002)
        self.assertEqual((len(self.pending.requests), self.requests.timers), (1, 1))

    def test_failAll(self) -> None:
        """When the link ends, all are told why, in order, and nothing is left behind."""
        for seq, timeout in ((3, 5), (2, 1), (4, 9)):
            self.requests.add(seq, timeout)
        error = PeerLeft("gone")
        self.pending.failAll(error)
        self.assertEqual(self.requests.ends, [(3, 0, error), (2, 0, error), (4, 0, error)])
        self.assertEqual((len(self.pending.requests), self.requests.timers), (0, 0))
        self.clock.advance(100)
        self.assertEqual(len(self.requests.ends), 3)

    def test_failNobody(self) -> None:
        """A link without requests ends as well, before the first one and after the last."""
        self.pending.failAll(PeerLeft("gone"))
        self.requests.add(2, 1)
        self.clock.advance(2)
        self.pending.failAll(PeerLeft("gone"))
        self.assertEqual(self.requests.ended, [2])

    def test_addingWhileAllFail(self) -> None:
        """A request that is added because another failed is not failed with it."""
        error = PeerLeft("gone")
        self.requests.add(2, 1, then=lambda: self.requests.add(4, 2))
        self.requests.add(3, 1)
        self.pending.failAll(error)
        self.assertEqual(self.requests.ends, [(2, 0, error), (3, 0, error)])
        self.assertEqual((len(self.pending.requests), self.requests.timers), (1, 1))
        self.clock.advance(3)
        self.assertEqual(self.requests.ended, [2, 3, 4])

    def test_answersWhileAllFail(self) -> None:
        """A callback that answers or forgets others while all fail ends none of them twice."""
        self.requests.add(2, 1, then=lambda: self.requests.answer(3, b"no"))
        self.requests.add(3, 1, then=lambda: self.pending.forget(2))
        self.pending.failAll(PeerLeft("gone"))
        self.assertEqual(self.requests.ended, [2, 3])


class ExpiringTests(RequestsTestCase):
    """What callbacks may do while deadlines pass."""

    def test_addingALaterOne(self) -> None:
        """A request added by a callback does not hold up those that were there before it."""
        self.requests.add(2, 1, then=lambda: self.requests.add(4, 10))
        self.requests.add(3, 2)
        self.clock.advance(60)
        self.assertEnded((2, 1), (3, 2), (4, 11))

    def test_addingAnEarlierOne(self) -> None:
        """Nor is it held up by them."""
        self.requests.add(2, 1, then=lambda: self.requests.add(4, 0.5))
        self.requests.add(3, 2)
        self.clock.advance(60)
        self.assertEnded((2, 1), (4, 1.5), (3, 2))

    def test_addingTheOnlyOne(self) -> None:
        """A request that repeats itself goes on, with one timer."""

        def again() -> None:
            self.assertLessEqual(self.requests.timers, 1)
            self.requests.add(2, 1, then=again)

        again()
        for second in range(1, 6):
            self.clock.advance(1.1)
            self.assertEqual(len(self.requests.ends), second)
            self.assertEqual(self.requests.timers, 1)

    def test_addingUnderTheSameSeq(self) -> None:
        """A request added under the seq of one that expires now keeps its own deadline."""
        self.requests.add(2, 1)
        self.requests.add(3, 1, then=lambda: self.requests.add(2, 5))
        self.clock.advance(2)
        self.assertEqual(self.requests.ended, [2, 3])
        self.clock.advance(5)
        self.assertEqual(self.requests.ended, [2, 3, 2])

    def test_forgettingAnother(self) -> None:
        """A callback may forget one whose deadline has come as well."""
        self.requests.add(2, 1, then=lambda: self.pending.forget(3))
        self.requests.add(3, 1)
        self.requests.add(4, 1)
        self.clock.advance(2)
        self.assertEnded((2, 1), (4, 1))

    def test_answeringAnother(self) -> None:
        """Or have it answered, which then does not time out."""
        self.requests.add(2, 1, then=lambda: self.requests.answer(3, b"just in time"))
        self.requests.add(3, 1)
        self.clock.advance(2)
        self.assertEqual(self.requests.ended, [2, 3])
        self.assertEqual(self.requests.ends[1][2], b"just in time")

    def test_failingAll(self) -> None:
        """A callback may end the link: the rest are told of that, each once, and no timer runs."""
        error = PeerLeft("gone")
        self.requests.add(2, 1, then=lambda: self.pending.failAll(error))
        self.requests.add(3, 1)
        self.requests.add(4, 5)
        self.clock.advance(60)
        self.assertEqual(self.requests.ended, [2, 3, 4])
        self.assertEqual([outcome for _, _, outcome in self.requests.ends[1:]], [error, error])
        self.assertEqual(self.requests.timers, 0)


class AnyRequestsTests(SynchronousTestCase):
    """Whatever is added, answered and forgotten in whatever order."""

    @MODEST
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(("add", "add", "again", "answer", "forget")),
                st.integers(0, 9),
                st.integers(0, 3000).map(lambda milliseconds: milliseconds / 1000),
            ),
            max_size=25,
        )
    )
    def test_everyRequestEndsOnceAndInTime(self, steps: list[tuple[str, int, float]]) -> None:
        """Each ends once, by its answer or within a hundredth of a second of its deadline."""
        requests = Requests()
        deadlines: dict[int, float] = {}
        gone: set[int] = set()

        def add(timeout: float, then: Callable[[], object] | None = None) -> None:
            seq = len(deadlines)
            deadlines[seq] = requests.clock.seconds() + timeout
            requests.add(seq, timeout, then)

        for what, which, seconds in steps:
            if what == "add":
                add(seconds)
            elif what == "again":
                add(seconds, lambda which=which: add(which / 3))
            elif what == "answer" and requests.answer(which, b"answer"):
                gone.add(which)
            elif what == "forget" and which in deadlines and which not in requests.ended:
                requests.pending.forget(which)
                gone.add(which)
            self.assertLessEqual(requests.timers, 1)
            requests.clock.advance(seconds / 10)
        requests.clock.advance(100)

        expired = [seq for seq, _, outcome in requests.ends if outcome != b"answer"]
        self.assertEqual(sorted(expired), sorted(deadlines.keys() - gone))
        for seq, time, outcome in requests.ends:
            if outcome != b"answer":
                self.assertGreaterEqual(time, deadlines[seq] - 1e-9)
                self.assertLessEqual(time, deadlines[seq] + TOLERANCE)
        self.assertEqual((len(requests.pending.requests), requests.timers), (0, 0))
