"""
Tests for L{fiscop2p.events}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.events import Event
from fiscop2p.links.noise import Noise
from tests.strangers import logLines


class EventTests(SynchronousTestCase):
    """Those who subscribed are told."""

    def setUp(self) -> None:
        self.event: Event[...] = Event()
        self.told: list[object] = []

    def test_nobody(self) -> None:
        """It may happen unheard."""
        self.event.fire()

    def test_everybodyInOrder(self) -> None:
        """All are told, in the order in which they subscribed, each time."""
        self.event.subscribe(lambda: self.told.append("first"))
        self.event.subscribe(lambda: self.told.append("second"))
        self.event.fire()
        self.event.fire()
        self.assertEqual(self.told, ["first", "second"] * 2)

    def test_arguments(self) -> None:
        """What happened is told as it was given."""
        self.event.subscribe(lambda *args, **kwargs: self.told.append((args, kwargs)))
        self.event.fire(1, "two", three=3)
        self.assertEqual(self.told, [((1, "two"), {"three": 3})])

    def test_unsubscribed(self) -> None:
        """One that has unsubscribed is not told any more."""
        self.event.subscribe(self.told.append)
        self.event.unsubscribe(self.told.append)
        self.event.fire(1)
        self.assertEqual(self.told, [])

    def test_notSubscribed(self) -> None:
        """Who is not subscribed cannot unsubscribe, nor can anybody twice."""
        self.assertRaises(ValueError, self.event.unsubscribe, self.told.append)
        self.event.subscribe(self.told.append)
        self.event.unsubscribe(self.told.append)
        self.assertRaises(ValueError, self.event.unsubscribe, self.told.append)

    def test_subscribedTwice(self) -> None:
        """A subscription is undone one at a time."""
        self.event.subscribe(self.told.append)
        self.event.subscribe(self.told.append)
        self.event.fire(1)
        self.event.unsubscribe(self.told.append)
        self.event.fire(2)
        self.assertEqual(self.told, [1, 1, 2])

    def test_oneFails(self) -> None:
        """One that fails is logged by name and keeps nobody from being told."""

        def breaks(what: object) -> None:
            raise RuntimeError(f"no {what}")

        self.event.subscribe(breaks)
        self.event.subscribe(self.told.append)
        self.event.fire("luck")
        self.assertEqual(self.told, ["luck"])
        (failure,) = self.flushLoggedErrors(RuntimeError)
        self.assertEqual(failure.getErrorMessage(), "no luck")

    def test_oneFailsLater(self) -> None:
        """So is one that fails later, as a Deferred or a coroutine; nobody waits for it."""
        waiting: Deferred[None] = Deferred()

        async def waits(what: object) -> None:
            await waiting
            self.told.append("never")

        self.event.subscribe(waits)
        self.event.subscribe(lambda what: fail(LookupError(what)))
        self.event.subscribe(self.told.append)
        self.event.fire("luck")
        self.assertEqual(self.told, ["luck"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        waiting.errback(RuntimeError("too late"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.told, ["luck"])

    def test_oneFailsAgainAndAgain(self) -> None:
        """What fails each time is one traceback, and then one line a minute."""
        clock = Clock()
        noise = Noise(clock)
        noise.start()
        event: Event[int] = Event(noise)
        lines = logLines(self)

        class Breaks:
            def first(self, number: int) -> None:
                raise RuntimeError(f"no {number}")

            def second(self, number: int) -> None:
                raise LookupError(f"no {number}")

        event.subscribe(Breaks().first)
        event.subscribe(Breaks().second)
        for number in range(100):
            event.fire(number)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
        self.assertEqual(len(lines), 2)
        clock.advance(60)
        self.assertEqual(len(lines), 4)
        self.assertIn("failed: no 99,repeated=99", lines[-1])
        self.assertEqual(self.flushLoggedErrors(), [])
        noise.stop()

    def test_coroutine(self) -> None:
        """A coroutine is told like a function, and runs to its end."""
        waiting: Deferred[str] = Deferred()

        async def waits(what: object) -> None:
            self.told.append((what, await waiting))

        self.event.subscribe(waits)
        self.event.fire(1)
        self.assertEqual(self.told, [])
        waiting.callback("done")
        self.assertEqual(self.told, [(1, "done")])

    def test_unsubscribingWhileItHappens(self) -> None:
        """One may unsubscribe when told; the others are told all the same."""

        def once(what: object) -> None:
            self.told.append(("once", what))
            self.event.unsubscribe(once)

        self.event.subscribe(once)
        self.event.subscribe(self.told.append)
        self.event.fire(1)
        self.event.fire(2)
        self.assertEqual(self.told, [("once", 1), 1, 2])

    def test_subscribingWhileItHappens(self) -> None:
        """One that subscribes while it happens is told the next time, so that there is an end."""

        def again(what: object) -> None:
            self.told.append(what)
            if len(self.told) < 5:
                self.event.subscribe(again)

        self.event.subscribe(again)
        self.event.fire(1)
        self.assertEqual(self.told, [1])
        self.event.fire(2)
        self.assertEqual(self.told, [1, 2, 2])

    def test_eventsAreSeparate(self) -> None:
        """One event is not another."""
        other: Event[...] = Event()
        other.subscribe(self.told.append)
        self.event.fire(1)
        self.assertEqual(self.told, [])
