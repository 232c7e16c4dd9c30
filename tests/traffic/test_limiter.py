"""The token bucket, by the figures of FISCO BCOS's own tests."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.traffic.limiter import RateLimiter, bandwidthLimiter

START = 1_700_000_000_000_000


class LimiterTestCase(SynchronousTestCase):
    """Time in whole microseconds."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.setTime(START)

    def setTime(self, microseconds: float) -> None:
        self.clock.rightNow = microseconds / 1e6


class RateTests(LimiterTestCase):
    """Permits at a steady rate."""

    def test_fresh(self) -> None:
        """A new limiter keeps a second's permits, each takes its time, and none is there."""
        limiter = RateLimiter(2000, self.clock)
        self.assertEqual((limiter.maxPermits, limiter.interval), (2000, 500))
        self.assertEqual((limiter.stored, limiter.last), (0, START))

    def test_exactRate(self) -> None:
        """Who asks at the exact rate is never refused, and runs into no debt."""
        limiter = RateLimiter(2000, self.clock)
        for number in range(1, 5001):
            self.setTime(START + number * 500)
            self.assertTrue(limiter.tryAcquire(1))
        self.assertEqual((limiter.stored, limiter.last), (0, START + 5000 * 500))

    def test_twiceTheRate(self) -> None:
        """Who asks twice as often gets every second one, and one on credit."""
        limiter = RateLimiter(2000, self.clock)
        granted = 0
        for number in range(1, 5001):
            self.setTime(START + number * 250)
            granted += limiter.tryAcquire(1)
        self.assertEqual(granted, 2501)

    def test_debt(self) -> None:
        """Ten microseconds before a debt ends nothing is granted, but what is forced is taken."""
        limiter = RateLimiter(50_000, self.clock)
        self.assertTrue(limiter.tryAcquire(1))
        last = limiter.last
        self.assertEqual(last, START + 20)
        self.setTime(last - 10)
        self.assertFalse(limiter.tryAcquire(1))
        self.assertEqual(limiter.last, last)
        self.assertEqual(limiter.acquireWithoutWait(1), 10)
        self.assertEqual(limiter.last, last + limiter.interval)

    def test_afterADebt(self) -> None:
        """Ten microseconds after it one permit is granted, half of it borrowed, and no second."""
        limiter = RateLimiter(50_000, self.clock)
        self.setTime(START + 10)
        self.assertTrue(limiter.tryAcquire(1))
        self.assertEqual((limiter.stored, limiter.last), (0, START + 10 + 10))
        self.assertFalse(limiter.tryAcquire(1))

    def test_saved(self) -> None:
        """What was not used is kept: of 2000 permits 1000 leave 1000."""
        limiter = RateLimiter(2000, self.clock)
        now = START + 2000 * 500
        self.setTime(now)
        self.assertTrue(limiter.tryAcquire(1000))
        self.assertEqual((limiter.stored, limiter.last), (1000, now))

    def test_cap(self) -> None:
        """More than the cap is not kept, however long nothing was used."""
        limiter = RateLimiter(2000, self.clock)
        now = START + 3_600_000_250
        self.setTime(now)
        self.assertTrue(limiter.tryAcquire(1))
        self.assertEqual((limiter.stored, limiter.last), (1999, now))

    def test_capOfBandwidth(self) -> None:
        """A quarter of 20 MiB is kept of a bandwidth, whatever it is."""
        for rate in (131_072.0, 1_310_720_000.0):
            limiter = bandwidthLimiter(rate, self.clock)
            self.setTime(START + 3_600_000_000)
            self.assertTrue(limiter.tryAcquire(5_242_879))
            self.assertEqual(limiter.stored, 1)
            self.setTime(START)

    def test_borrowing(self) -> None:
        """One grant may borrow less than a second's permits; then time must catch up."""
        limiter = RateLimiter(2000, self.clock)
        self.assertFalse(limiter.tryAcquire(2000))
        self.assertTrue(limiter.tryAcquire(1999))
        end = START + 1999 * 500
        self.setTime(end - 1)
        self.assertFalse(limiter.tryAcquire(1))
        self.setTime(end)
        self.assertTrue(limiter.tryAcquire(1))

    def test_savedAndBorrowed(self) -> None:
        """What is stored is used first, and counts towards what may be borrowed."""
        limiter = RateLimiter(2000, self.clock)
        self.setTime(START + 100 * 500)
        self.assertFalse(limiter.tryAcquire(2100))
        self.assertTrue(limiter.tryAcquire(2099))
        self.assertEqual((limiter.stored, limiter.last), (0, START + (100 + 1999) * 500))

    def test_forced(self) -> None:
        """What is forced uses up what is stored, and then makes a debt without bounds."""
        limiter = RateLimiter(2000, self.clock)
        self.setTime(START + 1_000_000)
        self.assertEqual(limiter.acquireWithoutWait(500), 0)
        self.assertEqual(limiter.acquireWithoutWait(500), 0)
        self.assertEqual(limiter.acquireWithoutWait(11_000), 0)
        self.assertEqual(limiter.acquireWithoutWait(2000), 5_000_000)
        self.setTime(START + 1_000_000 + 6_000_000 - 1)
        self.assertFalse(limiter.tryAcquire(1))
        self.setTime(START + 1_000_000 + 6_000_000)
        self.assertTrue(limiter.tryAcquire(1))

    def test_clockSetBack(self) -> None:
        """A clock that is set back makes no debt, and forgives none."""
        limiter = RateLimiter(2000, self.clock)
        self.setTime(START + 500)
        self.assertTrue(limiter.tryAcquire(3))
        self.setTime(START - 3_600_000_000)
        self.assertFalse(limiter.tryAcquire(1))
        self.setTime(START - 3_600_000_000 + 1000)
        self.assertTrue(limiter.tryAcquire(1))


class BurstTests(LimiterTestCase):
    """A fifth more in a second."""

    def setUp(self) -> None:
        super().setUp()
        self.limiter = RateLimiter(2000, self.clock)
        self.limiter.acquireWithoutWait(20_000)
        self.debtEnds = self.limiter.last

    def test_remainder(self) -> None:
        """Beyond the fifth nothing is granted, but all of it is."""
        self.assertTrue(self.limiter.tryAcquireWithBurst(300))
        self.assertFalse(self.limiter.tryAcquireWithBurst(101))
        self.assertTrue(self.limiter.tryAcquireWithBurst(100))
        self.assertFalse(self.limiter.tryAcquireWithBurst(1))
        self.assertEqual(self.limiter.last, self.debtEnds)

    def test_window(self) -> None:
        """There is a new fifth when the second has ended, not before."""
        self.assertTrue(self.limiter.tryAcquireWithBurst(400))
        self.setTime(START + 999_999)
        self.assertFalse(self.limiter.tryAcquireWithBurst(1))
        self.setTime(START + 1_000_000)
        self.assertTrue(self.limiter.tryAcquireWithBurst(400))
        self.assertFalse(self.limiter.tryAcquireWithBurst(1))

    def test_ordinaryPermitsFirst(self) -> None:
        """The fifth is kept while there is no debt."""
        self.setTime(self.debtEnds)
        self.assertTrue(self.limiter.tryAcquireWithBurst(1))
        self.assertTrue(self.limiter.tryAcquireWithBurst(400))
        self.assertFalse(self.limiter.tryAcquireWithBurst(1))
