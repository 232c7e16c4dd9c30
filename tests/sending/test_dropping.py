"""What waits to be sent on one link whose oldest messages may be dropped."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.sending.dropping import DroppingOutbox
from fiscop2p.sending.outbox import LARGE, SLICE
from fiscop2p.wire.dialect import RC1, RC2, Dialect
from fiscop2p.wire.frames import Header
from tests.messages import MessageParser, Said

SIZES = st.sampled_from([0, 1, 100, 5000, LARGE - 1, LARGE, SLICE, 2 * SLICE + 7])
TURN = st.lists(st.tuples(SIZES, st.booleans()), min_size=1, max_size=5)
PUT, TAKE, DROP = "put", "take", "drop"
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(PUT), TURN),
        st.tuples(st.just(TAKE), st.just(0)),
        st.tuples(st.just(DROP), st.integers(1, 2 * SLICE)),
    ),
    max_size=25,
)
MAY_GO, STAYS = 7, 8


def mayDrop(header: Header) -> bool:
    return header[2] == MAY_GO


class Link:
    """Puts numbered frames into an outbox, and remembers what came out of it."""

    def __init__(self, dialect: Dialect = RC2) -> None:
        self.outbox = DroppingOutbox(dialect, mayDrop)
        self.sent: list[int] = []
        self.droppable: list[int] = []
        self.dropped = 0
        self.got = b""
        self._dialect = dialect

    def put(self, frames: list[tuple[int, bool]]) -> None:
        """Queue a turn's frames: the size of each, and whether it may be dropped."""
        pieces = []
        for size, goes in frames:
            number = len(self.sent)
            self.sent.append(size)
            if goes:
                self.droppable.append(number)
            pieces += [self._dialect.header(size, MAY_GO if goes else STAYS, 0, number)]
            pieces += [bytes([number % 251]) * size]
        self.outbox.put(pieces)

    def take(self) -> None:
        if self.outbox.size:
            taken = self.outbox.take()
            assert taken, "nothing was taken"
            self.got += taken

    def drop(self, excess: int) -> int:
        before = self.outbox.size
        count = self.outbox.drop(excess)
        self.dropped += count
        assert (count == 0) == (before == self.outbox.size)
        return count

    def takeAll(self) -> list[Said]:
        while self.outbox.size:
            self.take()
        return list(MessageParser(self._dialect).feed(self.got))


class DroppingOutboxTests(SynchronousTestCase):
    """The oldest go, whole, and only those that may."""

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(STEPS, st.sampled_from((RC1, RC2)))
    def test_everythingElseInOrder(self, steps: list[tuple[str, object]], dialect: Dialect) -> None:
        """However taking and dropping alternate, whole frames come out, in order, but the gone."""
        link = Link(dialect)
        for step, argument in steps:
            getattr(link, step)(*() if step == TAKE else (argument,))
        frames = link.takeAll()
        self.assertEqual(link.outbox.size, 0)
        arrived = [seq for _, _, seq, _ in frames]
        gone = [number for number in range(len(link.sent)) if number not in set(arrived)]
        self.assertEqual(arrived, sorted(arrived))
        self.assertEqual(len(gone), link.dropped)
        self.assertTrue(set(gone) <= set(link.droppable))
        for _, _, seq, payload in frames:
            self.assertTrue(payload == bytes([seq % 251]) * link.sent[seq])

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(TURN, min_size=1, max_size=5), st.integers(1, 4 * SLICE))
    def test_oldestFirstAndNoMoreThanNecessary(
        self, turns: list[list[tuple[int, bool]]], excess: int
    ) -> None:
        """The oldest go, until there is room, and not one more."""
        link = Link()
        for turn in turns:
            link.put(turn)
        expected, missing = [], excess
        for number in link.droppable:
            if missing > 0:
                expected.append(number)
                missing -= link.sent[number] + RC2.headerSize
        before = link.outbox.size
        self.assertEqual(link.drop(excess), len(expected))
        self.assertEqual(before - link.outbox.size, excess - missing)
        arrived = {seq for _, _, seq, _ in link.takeAll()}
        self.assertEqual([n for n in range(len(link.sent)) if n not in arrived], expected)

    def test_whatHasBegunToLeaveStays(self) -> None:
        """A frame of which a part is on its way is not dropped; the next one is."""
        link = Link()
        link.put([(4 * SLICE, True), (4 * SLICE, True)])
        link.take()
        link.take()
        self.assertEqual(link.drop(8 * SLICE), 1)
        self.assertEqual([seq for _, _, seq, _ in link.takeAll()], [0])

    def test_smallFramesLeaveTogether(self) -> None:
        """What leaves are slices, not single frames."""
        link = Link()
        link.put([(100, False)] * 10_000)
        link.take()
        self.assertGreaterEqual(len(link.got), SLICE)

    def test_whatWasPassedOverIsNotLookedAtAgain(self) -> None:
        """Frames that must stay cost nothing when room is made again and again."""
        looks: list[int] = []

        def look(header: Header) -> bool:
            looks.append(header[4])
            return mayDrop(header)

        outbox = DroppingOutbox(RC2, look)
        outbox.put([RC2.encode(STAYS, 0, number, b"x") for number in range(1000)])
        for number in range(1000, 1100):
            outbox.put([RC2.encode(MAY_GO, 0, number, b"x")])
            self.assertEqual(outbox.drop(1), 1)
        self.assertEqual(looks, list(range(1100)))

    def test_whatIsGoneLeavesNothing(self) -> None:
        """However often room is made, nothing is kept of what is gone."""
        link = Link()
        for _ in range(100):
            link.put([(100, True)])
            self.assertEqual(link.drop(1), 1)
        self.assertEqual(len(link.outbox._buffers) + len(link.outbox._whole), 0)

    def test_passedOverAreNotCopiedIfLarge(self) -> None:
        """A large payload that stays is the memory that came in."""
        payload = bytes(LARGE)
        outbox = DroppingOutbox(RC2, mayDrop)
        outbox.put([RC2.header(LARGE, STAYS, 0, 1), payload])
        self.assertEqual(outbox.drop(1), 0)
        outbox.take()
        self.assertIs(outbox.take().obj, payload)

    def test_clear(self) -> None:
        """Everything can be dropped."""
        link = Link()
        link.put([(SLICE, True), (SLICE, False)])
        link.take()
        link.outbox.clear()
        self.assertEqual(link.outbox.size, 0)
        self.assertRaises(IndexError, link.outbox.take)
