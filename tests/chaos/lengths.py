"""Frames whose declared size is a lie, or a promise that is never kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from cramjam import snappy

from fiscop2p.reasons import CloseReason
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import COMPRESSED, RC2
from fiscop2p.wire.frames import MAX_FRAME_LENGTH

from .bystanders import ECHO, talk
from .memory import statusOf, tracedPeak
from .stranger import Stranger
from .trial import Figure, Trial, atMost, exactly

_HELD = 64
"""KiB."""

_FIRST = RC2.encode(ECHO, 0, 2, b"")
_MINUTES = 10 * 60


class _Attack:
    """A node, a member that attacks it, and one that looks on."""

    def __init__(self) -> None:
        self.network = MemoryNetwork(2)
        self.node, self.bystander = self.network.nodes
        self.node.handle(ECHO, lambda message: message.payload)
        self.network.advance(2)
        self.reasons: list[CloseReason] = []
        self.node._links.sessionClosed.subscribe(
            lambda session: self.reasons.append(session.closeReason)
        )

    def member(self) -> Stranger:
        """A member whose link stands, and has taken what the node has to say at first."""
        stranger = Stranger(self.network, self.node)
        stranger.say(_FIRST)
        self.network.advance(1)
        return stranger

    def held(self, act: Callable[[Stranger], None]) -> tuple[float, bool]:
        """
        Let a member do something.

        @return: how much more memory that took at any time, in KiB, and whether it was cut.
        """
        stranger = self.member()
        peak = tracedPeak(lambda: act(stranger))
        cut = stranger.isCut
        stranger.leave()
        self.network.advance(1)
        return peak, cut

    def end(self) -> Iterator[Figure]:
        """What was the same for all of them."""
        yield exactly(
            "requests of a bystander without answer",
            talk(self.network, self.bystander, self.node),
            0,
        )
        self.network.stop()


def badLengths(seed: int, count: int) -> Iterator[Figure]:
    """Declare every length that no frame can have."""
    chance = random.Random(seed)
    attack = _Attack()
    most = 0.0
    open_ = tried = 0
    lengths = [*range(RC2.headerSize), MAX_FRAME_LENGTH + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
    for length in lengths * count:
        # Nothing but the header, or something behind it, which may look like another one.
        rest = chance.choice((bytes(12), chance.randbytes(chance.randrange(12, 4000))))
        frame = length.to_bytes(4, "big") + rest

        def lie(stranger: Stranger, frame: bytes = frame) -> None:
            stranger.say(frame)
            attack.network.advance(0.1)

        peak, cut = attack.held(lie)
        tried, open_, most = tried + 1, open_ + (not cut), max(most, peak)
    yield exactly("lengths tried", tried, len(lengths) * count)
    yield exactly("links left open", open_, 0)
    yield exactly("closed as bad frames", attack.reasons.count(CloseReason.BAD_FRAME), tried)
    yield atMost("memory held", most, _HELD, "KiB")
    yield from attack.end()


def trickle(seed: int, count: int) -> Iterator[Figure]:
    """Declare the longest frame, and send a byte a second of it, for ten minutes."""
    attack = _Attack()
    cutAfter = float(_MINUTES)

    def drip(stranger: Stranger) -> None:
        nonlocal cutAfter
        stranger.say(MAX_FRAME_LENGTH.to_bytes(4, "big"))
        for second in range(_MINUTES):
            stranger.say(b"x")
            attack.network.advance(1)
            if stranger.isCut:
                cutAfter = second + 1
                return

    peaks, cuts = zip(*[attack.held(drip) for _ in range(count)], strict=True)
    yield exactly("links left open after ten minutes", cuts.count(False), 0)
    # It is looked at once a heartbeat.
    settings = attack.node.settings
    yield atMost("cut after", cutAfter, settings.frameTimeout + 2 * settings.heartbeat, "s")
    yield atMost("memory held", max(peaks), _HELD, "KiB")
    yield from attack.end()


def bombs(seed: int, count: int) -> Iterator[Figure]:
    """Send a few bytes that declare to be a hundred MiB of snappy."""
    chance = random.Random(seed)
    attack = _Attack()
    most = 0.0
    open_ = 0
    space = statusOf("VmPeak")
    real = bytes(snappy.compress_raw(bytes(1 << 20)))
    for number in range(count):
        size = _varint(chance.choice((MAX_FRAME_LENGTH, MAX_FRAME_LENGTH + 1, (1 << 32) - 1)))
        # What follows is truly snappy, or is not.
        block = real[3:99] if number % 2 else chance.randbytes(chance.randrange(60))
        frame = RC2.encode(ECHO, 0, 2, size + block, COMPRESSED)

        def explode(stranger: Stranger, frame: bytes = frame) -> None:
            stranger.say(frame)
            attack.network.advance(0.1)

        peak, cut = attack.held(explode)
        open_, most = open_ + (not cut), max(most, peak)
    yield exactly("bombs that did not end their link", open_, 0)
    yield exactly("closed as bad frames", attack.reasons.count(CloseReason.BAD_FRAME), count)
    yield atMost("memory held", most, _HELD, "KiB")
    # What C and Rust ask for is not Python's to count, but it has to be somewhere.
    yield atMost("growth of address space", statusOf("VmPeak") - space, 4, "MiB")
    yield from attack.end()


def _varint(size: int) -> bytes:
    varint = b""
    while size > 0x7F:
        varint, size = varint + bytes((size & 0x7F | 0x80,)), size >> 7
    return varint + bytes((size,))


TRIALS = (
    Trial(
        "bad-lengths",
        "A length that no frame can have ends the link at once.",
        badLengths,
        count=20,
        fewer=2,
    ),
    Trial(
        "trickle",
        "A frame that trickles is cut at Settings.frameTimeout, and holds no memory before.",
        trickle,
        count=3,
        fewer=1,
    ),
    Trial(
        "snappy-bomb",
        "A payload that declares to grow beyond all measure is refused before room is made for it.",
        bombs,
        count=200,
        fewer=20,
    ),
)
