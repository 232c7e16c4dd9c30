"""Bytes as they come: frames in pieces, and frames that are none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

from cramjam import snappy
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from fiscop2p.errors import WireError
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import AMOP, COMPRESSED, NODE_STATUS, RC1, RC2, TOPIC, Dialect
from fiscop2p.wire.frames import FrameEncoder
from tests.messages import MessageParser, Said

from .bystanders import ECHO, talk
from .memory import statusOf
from .stranger import Stranger
from .trial import Figure, Trial, atLeast, atMost, exactly

_LIMIT = 4096
"""The longest frame here: else one that declares much would swallow all that come after it."""

_EVERY = 1000


# Frames in pieces.


def splitAnywhere(seed: int, count: int) -> Iterator[Figure]:
    """Split streams of a few frames at every byte, at every two bytes, and into single bytes."""
    chance = random.Random(seed)
    splits = wrong = 0
    for dialect in (RC1, RC2):
        for _ in range(count):
            stream = _stream(chance, dialect)
            whole = list(MessageParser(dialect).feed(stream))
            for cuts in _cuts(chance, len(stream)):
                splits += 1
                wrong += _parsed(dialect, stream, cuts) != whole
    yield atLeast("ways to split", splits, 1000 * count)
    yield exactly("that gave other frames", wrong, 0)


def _cuts(chance: random.Random, size: int) -> Iterator[list[int]]:
    for first in range(1, size):
        yield [first]
        yield sorted((first, chance.randrange(size)))
    yield list(range(1, size))


def _parsed(dialect: Dialect, stream: bytes, cuts: list[int]) -> list[Said]:
    parser = MessageParser(dialect)
    ends = [0, *cuts, len(stream)]
    return [frame for start, end in pairwise(ends) for frame in parser.feed(stream[start:end])]


def _stream(chance: random.Random, dialect: Dialect) -> bytes:
    """Frames of all kinds: empty, alike in length, compressed, of more than one chunk."""
    encode = FrameEncoder(dialect)
    sizes = [0, 1, *[chance.randrange(40)] * 7, 0, chance.randrange(200)]
    said = [chance.randbytes(size) for size in sizes] + [bytes(chance.randrange(1500, 3000))]
    chance.shuffle(said)
    return b"".join(
        b"".join(encode(chance.choice((1, 9, ECHO % 256)), number, number, payload))
        for number, payload in enumerate(said)
    )


# Frames that are none.


def mutated(chance: random.Random) -> bytes:
    """A frame with a few bytes changed, cut out or put in; or what was never a frame."""
    if not chance.randrange(20):
        return chance.randbytes(chance.randrange(1, 60))
    frame = bytearray(_frame(chance))
    for _ in range(chance.randrange(4)):
        # The length is spared mostly: else hardly any frame would get beyond it.
        where = chance.randrange(0 if chance.random() < 0.05 else 4, len(frame) + 1)
        kind = chance.randrange(10)
        if kind < 8:
            frame[where : where + 1] = chance.randbytes(1)
        elif kind == 8:
            del frame[where : where + chance.randrange(4)]
        else:
            frame[where:where] = chance.randbytes(chance.randrange(4))
    if chance.random() < 0.95:
        frame[:4] = len(frame).to_bytes(4, "big")
    return bytes(frame)


def _frame(chance: random.Random) -> bytes:
    payload = chance.choice(_PAYLOADS)
    flags = 0
    if not chance.randrange(8):
        payload, flags = bytes(snappy.compress_raw(payload)), COMPRESSED
    protocolID = chance.choice(_PROTOCOLS) * chance.choice((1, 1, 1, -1))
    return RC2.encode(protocolID, chance.randrange(5), chance.randrange(20), payload, flags)


_PROTOCOLS = (AMOP, TOPIC, NODE_STATUS, 1 << 16 | 9, ECHO)
_PAYLOADS = (b"", b"7", b"1\torders", b'{"height":12}', b"x" * 60, bytes(2000), b"\xc8\x80" * 9)


def mutatedFrames(seed: int, count: int) -> Iterator[Figure]:
    """Feed mutated frames to parsers; each fault ends one, and the next begins anew."""
    chance = random.Random(seed)
    parser = MessageParser(RC2, _LIMIT)
    frames = faults = 0
    before = most = 0.0
    for number in range(count):
        try:
            for _ in parser.feed(mutated(chance)):
                frames += 1
        except WireError:
            faults += 1
            parser = MessageParser(RC2, _LIMIT)
        if number == count // 50:
            before = statusOf("VmRSS")
        elif not number % _EVERY:
            most = max(most, statusOf("VmRSS"))
    yield exactly("mutated frames", count, count)
    # Any other error has ended the trial.
    yield atLeast("refused with a typed error", faults, count // 1000)
    yield atLeast("taken as messages", frames, count // 10)
    yield atMost("growth of memory", max(0.0, most - before), 20, "MiB")


def mutatedSession(seed: int, count: int) -> Iterator[Figure]:
    """Say mutated frames to a node as a verified peer, which comes again whenever it is cut."""
    chance = random.Random(seed)
    network = MemoryNetwork(2, settings=Settings(maxFrameLength=_LIMIT))
    node, bystander = network.nodes
    taken: list[int] = [0]

    def take(message: Message) -> bytes:
        taken[0] += 1
        return message.payload

    node.handle(ECHO, take)
    errors: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        # What the peer does wrong is an error, as with FISCO BCOS; what we do wrong is worse.
        if event["log_level"] >= LogLevel.critical:
            errors.append(event)

    globalLogPublisher.addObserver(observe)
    network.advance(2)
    stranger = Stranger(network, node)
    links = 1
    before = most = 0.0
    reasons: set[CloseReason] = set()
    node._links.sessionClosed.subscribe(lambda session: reasons.add(session.closeReason))
    for number in range(count):
        stranger.say(mutated(chance))
        if not chance.randrange(4):
            network.advance(chance.choice((0, 0, 0, 0.01)))
            if stranger.isCut:
                # As often as it is let in.
                network.advance(1 / node.settings.maxAcceptRate)
                stranger = Stranger(network, node)
                links += 1
        if number == count // 50:
            before = statusOf("VmRSS")
        elif not number % _EVERY:
            most = max(most, statusOf("VmRSS"))
    network.advance(1)
    stranger.leave()
    network.advance(30)
    yield exactly("mutated frames", count, count)
    yield atLeast("links that they cost", links, count // 1000)
    yield atLeast("taken as an application's requests", taken[0], count // 100)
    # Now and then a node sees who lives at the addresses that it leaves alone.
    looks = {CloseReason.OURSELVES, CloseReason.DUPLICATE}
    others = reasons - looks - {CloseReason.BAD_FRAME, CloseReason.LOST, CloseReason.PEER_CLOSED}
    yield exactly("links closed for another reason than a bad frame", len(others), 0)
    yield exactly("errors in the log", len(errors), 0)
    yield atMost("growth of memory", max(0.0, most - before), 20, "MiB")
    yield exactly("requests of a bystander without answer", talk(network, bystander, node), 0)
    network.stop()


TRIALS = (
    Trial(
        "split-frames",
        "Frames are the same in whatever pieces they arrive.",
        splitAnywhere,
        count=10,
        fewer=1,
    ),
    Trial(
        "mutated-parser",
        "Whatever bytes come, the parser yields messages or typed errors, and keeps nothing.",
        mutatedFrames,
        count=1_000_000,
        fewer=60_000,
    ),
    Trial(
        "mutated-session",
        "A peer that sends rubbish loses its own link, and nobody else theirs, or an answer.",
        mutatedSession,
        count=1_000_000,
        fewer=20_000,
    ),
)
