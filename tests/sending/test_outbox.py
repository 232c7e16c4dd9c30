"""What waits to be sent on one link."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.sending.outbox import LARGE, MOST_TAKEN, SLICE, Outbox

SIZES = st.sampled_from([0, 1, 100, 32 * 1024 - 1, 32 * 1024, SLICE, SLICE + 1, 2 * SLICE + 7])


class OutboxTests(SynchronousTestCase):
    """In order, in slices, and nothing twice."""

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(st.lists(st.lists(SIZES, min_size=1, max_size=5), min_size=1, max_size=4))
    def test_everythingInOrder(self, turns: list[list[int]]) -> None:
        """Whatever is put in comes out in order, in slices, and the size is always right."""
        outbox, whole, taken = Outbox(), b"", b""
        for number, sizes in enumerate(turns):
            pieces = [
                piece for n in sizes for piece in (b"header%d" % number, bytes([n % 251]) * n)
            ]
            outbox.put(pieces)
            whole += b"".join(pieces)
            self.assertEqual(outbox.size, len(whole) - len(taken))
        while outbox.size:
            piece = outbox.take()
            self.assertTrue(0 < len(piece) <= MOST_TAKEN)
            taken += piece
            self.assertEqual(outbox.size, len(whole) - len(taken))
        self.assertTrue(taken == whole)
        self.assertRaises(IndexError, outbox.take)

    def test_largePayloadIsNotCopied(self) -> None:
        """What leaves of a large payload is the memory that came in."""
        payload = bytes(100_000)
        outbox = Outbox()
        outbox.put([b"header", payload])
        self.assertEqual(outbox.take(), b"header")
        self.assertIs(outbox.take().obj, payload)

    def test_allOrNothing(self) -> None:
        """Where pieces cannot be joined, those before them are not here either."""

        def pieces() -> Iterator[bytes]:
            yield bytes(LARGE)
            raise MemoryError("no room")

        outbox = Outbox()
        self.assertRaises(MemoryError, outbox.put, pieces())
        self.assertEqual(outbox.size, 0)
        self.assertRaises(IndexError, outbox.take)

    def test_crumbs(self) -> None:
        """What was put in little by little leaves in a few pieces, and costs little more."""
        outbox, whole, pieces = Outbox(), b"", []
        for number in range(10_000):
            outbox.putSmall([b"%08d" % number, b"x" * 42])
            whole += b"%08d" % number + b"x" * 42
        while outbox.size:
            pieces.append(bytes(outbox.take()))
        self.assertTrue(b"".join(pieces) == whole)
        self.assertLess(len(pieces), 2 * len(whole) // LARGE)

    def test_clear(self) -> None:
        """Everything can be dropped."""
        outbox = Outbox()
        outbox.put([b"header", b"payload"])
        outbox.clear()
        self.assertEqual(outbox.size, 0)
        self.assertRaises(IndexError, outbox.take)
