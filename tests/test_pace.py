"""
Tests for L{fiscop2p.pace}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.pace import Pace


class PaceTests(SynchronousTestCase):
    """One link costs a second each time, three of which are lent; another one costs nothing."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.pace = Pace(self.clock, 3.0)
        self.busy: Any = object()
        self.quiet: Any = object()
        self.done: list[float] = []

    def do(self, session: Any) -> None:
        self.pace.charge(session, 1.0)
        self.done.append(self.clock.seconds() - 1000)

    def ask(self) -> None:
        self.pace.whenDue(self.busy, self.do)

    def test_someAtOnce(self) -> None:
        """What is lent is there at once, and again after a while."""
        for _ in range(10):
            self.ask()
        self.assertEqual(self.done, [0.0] * 4)
        self.clock.pump([0.25] * 40)
        self.assertEqual(self.done, [0.0] * 4 + [1.0])
        self.assertEqual(self.pace.wait(self.busy), 0.0)

    def test_thenAsTimePasses(self) -> None:
        """What is asked for all the time is done once a second."""
        for _ in range(80):
            self.ask()
            self.clock.advance(0.125)
        self.assertEqual(self.done, [0.0, 0.125, 0.25, 0.375, *map(float, range(1, 11))])

    def test_wait(self) -> None:
        """How long it takes is known; nobody waits for another."""
        self.pace.charge(self.busy, 5.5)
        self.assertEqual(self.pace.wait(self.busy), 2.5)
        self.assertEqual(self.pace.wait(self.quiet), 0.0)
        self.clock.advance(1.5)
        self.assertEqual(self.pace.wait(self.busy), 1.0)

    def test_forgotten(self) -> None:
        """For a link that has ended nothing is done any more, and nothing kept."""
        self.pace.charge(self.busy, 5.0)
        self.ask()
        self.pace.forget(self.busy)
        self.pace.forget(self.quiet)
        self.clock.advance(10)
        self.assertEqual((self.done, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual((self.pace._owedUntil, self.pace._calls), ({}, {}))
