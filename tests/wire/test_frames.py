"""
Tests for L{fiscop2p.wire.frames}.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from itertools import pairwise

from cramjam import snappy
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

import fiscop2p.wire.frames
from fiscop2p.errors import (
    EncodingError,
    FrameTooLong,
    FrameTooShort,
    UndecodablePayload,
    WireError,
)
from fiscop2p.wire.dialect import COMPRESSED, RC1, RC2, Dialect
from fiscop2p.wire.frames import MAX_FRAME_LENGTH, FrameEncoder, FrameParser
from fiscop2p.wire.runs import countAlike
from tests.messages import MessageParser, Said

from .vectors import FOX, NOISE, OVER_THE_LIMIT, SESSIONS, VECTORS

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

MEBIBYTE = 1024 * 1024

COUNTED = b"".join(number.to_bytes(4, "big") for number in range(60_000))
"""A payload of many reads, of which no two parts are equal."""

dialects = st.sampled_from((RC1, RC2))
frames = st.tuples(
    st.integers(-(2**15), 2**15 - 1),
    st.integers(0, 0xFFFF),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=40)
    | st.binary(min_size=1, max_size=3).map(lambda part: part * 700)
    | st.integers(0, 1100).map(lambda size: NOISE[:size]),
)


def encodeMessage(
    dialect: Dialect,
    protocolID: int,
    packetType: int,
    seq: int,
    payload: bytes,
    compressing: bool = True,
) -> bytes:
    """The frame of one message."""
    return b"".join(FrameEncoder(dialect, compressing)(protocolID, packetType, seq, payload))


def parse(parser: MessageParser, chunks: Iterable[bytes]) -> list[Said]:
    """Feed chunk after chunk."""
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


def pieces(stream: bytes, size: int) -> Iterable[bytes]:
    """Cut a stream into chunks of one size."""
    return (stream[start : start + size] for start in range(0, len(stream), size))


def versionOf(frame: bytes) -> int:
    """The version word of an RC2 frame."""
    return int.from_bytes(frame[4:6], "big")


class RealFramesTests(SynchronousTestCase):
    """What real nodes send is read, and what we send is what they would send."""

    def test_vectorsAreRead(self) -> None:
        """Each frame of the real encoder gives the message that it was made of."""
        for vector in VECTORS:
            parser = MessageParser(vector.dialect)
            self.assertEqual(list(parser.feed(vector.encoded)), [vector.frame])
            self.assertEqual(parser.held, 0)

    def test_vectorsAreWritten(self) -> None:
        """Each message becomes the real encoder's frame; only the snappy block may differ."""
        written = 0
        for vector in VECTORS:
            if vector.version:
                continue  # No message of ours has one; L{test_dialect} encodes it.
            written += 1
            encoded = encodeMessage(vector.dialect, *vector.frame, vector.compressing)
            if vector.isCompressed:
                self.assertEqual(encoded[4:16], vector.encoded[4:16])
                self.assertEqual(int.from_bytes(encoded[:4], "big"), len(encoded))
                self.assertEqual(bytes(snappy.decompress_raw(encoded[16:])), vector.payload)
            else:
                self.assertEqual(encoded, vector.encoded)
        self.assertEqual(written, 11)

    def test_sessionsAreRead(self) -> None:
        """All that was said in two real sessions is understood."""
        for dialect, session in SESSIONS:
            parser = MessageParser(dialect)
            for line in session:
                self.assertEqual(list(parser.feed(line.encoded)), [line.frame])

    def test_sessionsAreWritten(self) -> None:
        """The same frames come out, compressed where they were."""
        for dialect, session in SESSIONS:
            for line in session:
                encoded = encodeMessage(dialect, *line.frame)
                if len(line.frame[3]) > 1024:
                    self.assertEqual(encoded[4:16], line.encoded[4:16])
                    self.assertEqual(list(MessageParser(dialect).feed(encoded)), [line.frame])
                else:
                    self.assertEqual(encoded, line.encoded)

    def test_sessionsEnd(self) -> None:
        """The frame for which the real node closed is refused by us, too."""
        for dialect, frame in OVER_THE_LIMIT:
            error = self.assertRaises(FrameTooLong, list, MessageParser(dialect).feed(frame))
            self.assertIn("length=104857601,maxLen=104857600", str(error))


class ChunkingTests(SynchronousTestCase):
    """How a stream is cut into chunks makes no difference."""

    def assertSame(self, received: list[Said], expected: list[Said]) -> None:
        """Compare long frames without writing out where they differ, which takes minutes."""
        if received != expected:
            self.fail(f"{len(received)} frames, not the {len(expected)} that were sent")

    def test_everyCut(self) -> None:
        """A stream of all kinds of frames may be cut at any byte."""
        for dialect in (RC1, RC2):
            vectors = [vector for vector in VECTORS if vector.dialect is dialect]
            stream = b"".join(vector.encoded for vector in vectors)
            expected = [vector.frame for vector in vectors]
            for cut in range(len(stream) + 1):
                parser = MessageParser(dialect)
                self.assertSame(parse(parser, (stream[:cut], stream[cut:])), expected)
                self.assertEqual(parser.held, 0)

    def test_everyChunkSize(self) -> None:
        """A session may arrive in chunks of any one size, single bytes to all at once."""
        for dialect, session in SESSIONS:
            stream = b"".join(line.encoded for line in session)
            expected = [line.frame for line in session]
            for size in range(1, len(stream) + 1):
                self.assertSame(parse(MessageParser(dialect), pieces(stream, size)), expected)

    def test_largeFrame(self) -> None:
        """A frame of many reads is put together in order, whatever the reads' sizes."""
        sent = [(1, 0, 5, COUNTED), (2, 1, 0, b"1")]
        stream = b"".join(encodeMessage(RC2, *message, False) for message in sent)
        for size in (1, 7, 4096, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 65536, len(stream)):
            self.assertSame(parse(MessageParser(RC2), pieces(stream, size)), sent)

    def test_largeAndSmallReads(self) -> None:
        """Small reads between large ones keep their place."""
        stream = encodeMessage(RC2, 1, 0, 5, COUNTED, False)
        chunks, position = [], 0
        for size in (10, 3, 20_000, 5, 6, 16 * 1024, 40_000, 1, 17_000, 9_000, 9_000, len(stream)):
            chunks.append(stream[position : position + size])
            position += size
        self.assertSame(parse(MessageParser(RC2), chunks), [(1, 0, 5, COUNTED)])

    def test_emptyChunks(self) -> None:
        """A chunk of nothing changes nothing, in the header, in the payload or between frames."""
        message = 1, 0, 2, b"abcdef"
        frame = RC2.encode(*message)
        for cut in range(len(frame) + 1):
            parser = MessageParser(RC2)
            before = parse(parser, (b"", frame[:cut]))
            held = parser.held
            self.assertEqual(parse(parser, (b"", b"")), [])
            self.assertEqual(parser.held, held)
            self.assertEqual(before + parse(parser, (frame[cut:], b"")), [message])
            self.assertEqual(parser.held, 0)

    def test_framesWithoutPayload(self) -> None:
        """Headers alone are frames."""
        for dialect in (RC1, RC2):
            stream = dialect.encode(2, 2, 7, b"") * 3
            for size in (1, dialect.headerSize, len(stream)):
                self.assertEqual(
                    parse(MessageParser(dialect), pieces(stream, size)), [(2, 2, 7, b"")] * 3
                )

    def test_payloadsAreBytes(self) -> None:
        """Payloads are bytes, however they came."""
        stream = RC2.encode(1, 0, 2, b"abc") + encodeMessage(RC2, 1, 0, 3, FOX)
        for size in (1, 20, len(stream)):
            for frame in parse(MessageParser(RC2), pieces(stream, size)):
                self.assertIs(type(frame[3]), bytes)

    @MODEST
    @given(dialects, st.lists(frames, max_size=6), st.booleans(), st.data())
    def test_anyFramesAnyChunks(
        self, dialect: Dialect, sent: list[Said], compressing: bool, data: st.DataObject
    ) -> None:
        """Any messages, cut anyhow, arrive as they were sent."""
        stream = b"".join(encodeMessage(dialect, *frame, compressing) for frame in sent)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
        chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
        parser = MessageParser(dialect)
        received, arrived = [], 0
        for chunk in chunks:
            received += parser.feed(chunk)
            arrived += len(chunk)
            self.assertLessEqual(parser.held, arrived)
        self.assertSame(received, sent)
        self.assertEqual(parser.held, 0)

    @MODEST
    @given(dialects, st.lists(frames, min_size=1, max_size=4), st.data())
    def test_damagedStreamAnyChunks(
        self, dialect: Dialect, sent: list[Said], data: st.DataObject
    ) -> None:
        """Even of a damaged stream the same frames are read, and the same fault is found."""
        stream = bytearray(b"".join(encodeMessage(dialect, *frame) for frame in sent))
        for position in data.draw(st.lists(st.integers(0, len(stream) - 1), max_size=3)):
            stream[position] = data.draw(st.integers(0, 255))
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
        chunks = [bytes(stream[a:b]) for a, b in pairwise([0, *sorted(cuts), len(stream)])]
        received, fault = self.outcome(dialect, chunks)
        expected, sameFault = self.outcome(dialect, [bytes(stream)])
        self.assertSame(received, expected)
        self.assertEqual(fault, sameFault)

    @staticmethod
    def outcome(dialect: Dialect, chunks: list[bytes]) -> tuple[list[Said], str | None]:
        """The frames of a stream, and what ended it."""
        parser, received = MessageParser(dialect), []
        try:
            for chunk in chunks:
                for frame in parser.feed(chunk):
                    received.append(frame)
        except WireError as error:
            return received, repr(error)
        return received, None


class RunTests(SynchronousTestCase):
    """Frames of one kind come in runs, which are unpacked together where they are of one length."""

    def runs(self, dialect: Dialect, sent: list[Said], chunks: Iterable[bytes]) -> list[int]:
        """How many frames there are in each run; all of them must be those that were sent."""
        parser, counts, received = FrameParser(dialect), [], []
        for chunk in chunks:
            for run in parser.feed(chunk):
                listed = list(zip(run.seqs, run.payloads, strict=True))
                self.assertEqual(len(listed), run.count)
                lengths = sum(dialect.headerSize + len(payload) for _, payload in listed)
                self.assertEqual(run.size, lengths)
                received += [(run.protocolID, run.packetType, *each) for each in listed]
                counts.append(run.count)
        self.assertTrue(received == sent)
        self.assertEqual(parser.frames, len(sent))
        return counts

    def test_alike(self) -> None:
        """Thousands of frames of one kind and length make a few runs, whatever their seqs."""
        for dialect in (RC1, RC2):
            sent = [(300, 7, seq * 65_521, b"%06d" % seq) for seq in range(10_000)]
            stream = b"".join(dialect.encode(*message) for message in sent)
            self.assertLess(len(self.runs(dialect, sent, [stream])), 10_000 // 200)
            self.assertLess(len(self.runs(dialect, sent, pieces(stream, 1000))), 2000)

    def test_ofAnyLength(self) -> None:
        """Frames of one kind but of many lengths make one run."""
        sent = [(300, 7, seq, bytes(seq % 100)) for seq in range(500)]
        stream = b"".join(RC2.encode(*message) for message in sent)
        self.assertEqual(self.runs(RC2, sent, [stream]), [500])

    def test_anythingBetween(self) -> None:
        """A run ends where any field of the header but seq is another."""
        usual = 300, 7, 9, b"123456"
        others = [
            (301, 7, 9, b"123456"),
            (300 + (1 << 24), 7, 9, b"123456"),
            (-300, 7, 9, b"123456"),
            (300, 8, 9, b"123456"),
            (300, 7 + 256, 9, b"123456"),
            (300, 7, 9, b"1234567"),
            (300, 7, 9, b""),
        ]
        for other in others:
            for before in range(12):
                sent = [*[usual] * before, other, *[usual] * 12, other, other, *[usual] * 3]
                stream = b"".join(RC2.encode(*message) for message in sent)
                for size in (len(stream), 100, 31):
                    self.runs(RC2, sent, pieces(stream, size))

    def test_compressedBetween(self) -> None:
        """A compressed frame among others of its length is decompressed, they are not."""
        block = bytes(snappy.compress_raw(FOX))
        plain = RC2.encode(300, 7, 9, bytes(len(block)))
        packed = RC2.encode(300, 7, 9, block, COMPRESSED)
        for before in range(12):
            stream = plain * before + packed * 7 + plain * 12
            payloads = [payload for *_, payload in MessageParser(RC2).feed(stream)]
            usual = bytes(len(block))
            self.assertTrue(payloads == [usual] * before + [FOX] * 7 + [usual] * 12)

    @MODEST
    @given(
        dialects,
        st.lists(
            st.tuples(st.sampled_from(((300, 7), (300, 8), (5, 7))), st.sampled_from((0, 6, 60))),
            max_size=12,
        ),
        st.integers(1, 20),
        st.integers(1, 4000),
    )
    def test_anyRunsAnyChunks(
        self, dialect: Dialect, kinds: list[tuple[tuple[int, int], int]], times: int, size: int
    ) -> None:
        """Whatever runs there are, and however they are cut, all frames come, in order."""
        sent = [
            (*kind, number, bytes(length))
            for number, (kind, length) in enumerate(kind for kind in kinds for _ in range(times))
        ]
        stream = b"".join(dialect.encode(*message) for message in sent)
        self.runs(dialect, sent, pieces(stream, size))

    def test_shiftingKinds(self) -> None:
        """Who changes the kind whenever a run begins makes nothing grow with what is behind it."""
        frames = [RC2.encode(300 + number // 5 % 2, 7, 9, b"123456") for number in range(20_000)]

        looked = 0

        def count(data: bytes, length: int, headerSize: int, most: int) -> int:
            nonlocal looked
            looked += most
            return countAlike(data, length, headerSize, most)

        self.patch(fiscop2p.wire.frames, "countAlike", count)
        stream = b"".join(frames)
        for run in FrameParser(RC2).feed(stream):
            self.assertLess(run.count, 6)
        self.assertGreater(looked, 0)
        self.assertLess(looked, 64 * len(frames) // 5)

    def test_shiftingAfterARun(self) -> None:
        """Who sends a run, and then changes the kind with every frame, is not looked at again."""
        looked = 0

        def count(data: bytes, length: int, headerSize: int, most: int) -> int:
            nonlocal looked
            looked += most
            return countAlike(data, length, headerSize, most)

        self.patch(fiscop2p.wire.frames, "countAlike", count)
        frames = [RC2.encode(300, 7, 9, b"123456")] * 6
        frames += [RC2.encode(300 + number % 2, 7, 9, b"123456") for number in range(2000)]
        parser = FrameParser(RC2)
        for chunk in pieces(b"".join(frames), 22 * 500):
            self.assertTrue(list(parser.feed(chunk)))
        self.assertTrue(0 < looked <= 128, looked)


class LengthTests(SynchronousTestCase):
    """Declared lengths that cannot be."""

    def test_limit(self) -> None:
        """Real nodes take 100 MiB, header included."""
        self.assertEqual(MAX_FRAME_LENGTH, 104857600)

    def test_belowTheHeader(self) -> None:
        """A frame cannot be shorter than its header."""
        for dialect in (RC1, RC2):
            for length in range(dialect.headerSize):
                frame = length.to_bytes(4, "big") + dialect.encode(1, 0, 2, b"")[4:]
                error = self.assertRaises(FrameTooShort, list, MessageParser(dialect).feed(frame))
                self.assertIn(f"{length} bytes", str(error))
                self.assertIn(f"{dialect.headerSize} bytes", str(error))
                self.assertIn(dialect.name, str(error))

    def test_header(self) -> None:
        """A frame may be its header."""
        for dialect in (RC1, RC2):
            frame = dialect.headerSize.to_bytes(4, "big") + dialect.encode(1, 0, 2, b"")[4:]
            self.assertEqual(list(MessageParser(dialect).feed(frame)), [(1, 0, 2, b"")])

    def test_atTheLimit(self) -> None:
        """A frame may be as long as the limit."""
        for dialect in (RC1, RC2):
            frame = dialect.encode(1, 0, 2, bytes(100 - dialect.headerSize))
            self.assertEqual(len(list(MessageParser(dialect, 100).feed(frame))), 1)

    def test_aboveTheLimit(self) -> None:
        """One byte more is too long, and found before it comes."""
        for dialect in (RC1, RC2):
            for limit, length in ((100, 101), (MAX_FRAME_LENGTH, MAX_FRAME_LENGTH + 1)):
                header = length.to_bytes(4, "big") + dialect.encode(1, 0, 2, b"")[4:]
                error = self.assertRaises(
                    FrameTooLong, list, MessageParser(dialect, limit).feed(header)
                )
                self.assertIn(f"length={length},maxLen={limit}", str(error))

    def test_longestThatCanBeSaid(self) -> None:
        """2**32 - 1 is no negative number."""
        for dialect in (RC1, RC2):
            header = b"\xff\xff\xff\xff" + dialect.encode(1, 0, 2, b"")[4:]
            self.assertRaises(FrameTooLong, list, MessageParser(dialect).feed(header))

    def test_atTheDefaultLimit(self) -> None:
        """Exactly 100 MiB is waited for."""
        parser = MessageParser(RC2)
        header = MAX_FRAME_LENGTH.to_bytes(4, "big") + RC2.encode(1, 0, 2, b"")[4:]
        self.assertEqual(list(parser.feed(header + b"abc")), [])
        self.assertEqual(parser.held, 3)

    def test_amongOthers(self) -> None:
        """A faulty frame among whole ones of its kind, and of their length, is found."""
        for dialect in (RC1, RC2):
            good = dialect.encode(300, 7, 2, b"123456")
            faulty = [
                (FrameTooLong, dialect.encode(300, 7, 2, bytes(101 - dialect.headerSize))),
                (FrameTooShort, (dialect.headerSize - 1).to_bytes(4, "big") + good[4:]),
                (FrameTooShort, bytes(4) + good[4:]),
            ]
            for before in (0, 1, 3, 4, 5, 6, 9, 10, 80):
                for fault, bad in faulty:
                    parser, received = MessageParser(dialect, 100), []
                    with self.assertRaises(fault):
                        for frame in parser.feed(good * before + bad + good * 10):
                            received.append(frame)
                    self.assertEqual(received, [(300, 7, 2, b"123456")] * before)

    def test_framesBeforeTheFault(self) -> None:
        """What came before a faulty frame, even in the same chunk, is delivered."""
        good = [(1, 0, 2, b"first"), (2, 1, 0, b"9"), (1, 0, 3, FOX)]
        stream = b"".join(encodeMessage(RC2, *frame) for frame in good)
        short = b"\0\0\0\x0f" + RC2.encode(1, 0, 4, b"")[4:]
        long = b"\x7f\0\0\0" + RC2.encode(1, 0, 4, b"")[4:]
        garbage = RC2.encode(1, 0, 4, b"\xff" * 9, COMPRESSED)
        for bad, fault in (
            (short, FrameTooShort),
            (long, FrameTooLong),
            (garbage, UndecodablePayload),
        ):
            whole = stream + bad + encodeMessage(RC2, 1, 0, 5, b"never read")
            for size in (1, 17, len(stream), len(whole)):
                parser, received = MessageParser(RC2), []
                with self.assertRaises(fault):
                    for chunk in pieces(whole, size):
                        for frame in parser.feed(chunk):
                            received.append(frame)
                self.assertEqual(received, good)


class HoldingTests(SynchronousTestCase):
    """The parser keeps what has arrived, and nothing for what was only announced."""

    def peak(self, parser: MessageParser, header: bytes, chunk: bytes, times: int) -> int:
        """The most memory that is used while a frame trickles in."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        try:
            self.assertEqual(list(parser.feed(header)), [])
            for count in range(1, times + 1):
                # A chunk of its own each time, as they come from a socket.
                self.assertEqual(list(parser.feed(bytes(bytearray(chunk)))), [])
                self.assertLessEqual(parser.held, len(header) + count * len(chunk))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_announced(self) -> None:
        """A frame of 100 MiB of which 1000 bytes have come, one by one, costs little."""
        for dialect in (RC1, RC2):
            header = MAX_FRAME_LENGTH.to_bytes(4, "big") + dialect.encode(1, 0, 2, b"")[4:]
            parser = MessageParser(dialect)
            self.assertLess(self.peak(parser, header, b"x", 1000), 100 * 1024)
            self.assertEqual(parser.held, 1000)

    def test_announcedAtOnce(self) -> None:
        """The same where they come in one chunk."""
        header = MAX_FRAME_LENGTH.to_bytes(4, "big") + RC2.encode(1, 0, 2, b"")[4:]
        parser = MessageParser(RC2)
        self.assertLess(self.peak(parser, header + bytes(999), b"x", 1), 100 * 1024)
        self.assertEqual(parser.held, 1000)

    def test_trickle(self) -> None:
        """Small chunks are kept as their bytes, not as objects of fifty times the size."""
        header = MEBIBYTE.to_bytes(4, "big") + RC2.encode(1, 0, 2, b"")[4:]
        parser = MessageParser(RC2)
        self.assertLess(self.peak(parser, header, b"xyz", 50_000), 3 * 150_000)
        self.assertEqual(parser.held, 150_000)

    def test_unfinishedHeader(self) -> None:
        """The beginning of a header is held as well."""
        for dialect in (RC1, RC2):
            frame = dialect.encode(1, 0, 2, b"abc")
            parser = MessageParser(dialect)
            held = []
            for byte in pieces(frame, 1):
                list(parser.feed(byte))
                held.append(parser.held)
            self.assertEqual(held, [*range(1, dialect.headerSize), 0, 1, 2, 0])

    def test_nothingIsHeldBetweenFrames(self) -> None:
        """A finished frame is given away."""
        parser = MessageParser(RC2)
        self.assertEqual(parser.held, 0)
        stream = encodeMessage(RC2, 1, 0, 2, NOISE)
        for size in (1, 100, len(stream)):
            parse(parser, pieces(stream, size))
            self.assertEqual(parser.held, 0)


class CompressedFramesTests(SynchronousTestCase):
    """Payloads that were compressed on their way."""

    def test_flag(self) -> None:
        """With the flag, the payload is decompressed; it may be short."""
        for payload in (b"", b"short", FOX, NOISE):
            block = bytes(snappy.compress_raw(payload))
            frame = RC2.encode(1, 0, 2, block, COMPRESSED)
            self.assertEqual(list(MessageParser(RC2).feed(frame)), [(1, 0, 2, payload)])

    def test_withoutFlag(self) -> None:
        """Without it, a payload that looks compressed stays as it is."""
        block = bytes(snappy.compress_raw(FOX))
        self.assertEqual(
            list(MessageParser(RC2).feed(RC2.encode(1, 0, 2, block))), [(1, 0, 2, block)]
        )

    def test_otherBits(self) -> None:
        """The other bits of the version word mean nothing, with the flag or without."""
        block = bytes(snappy.compress_raw(FOX))
        for bit in range(15):
            version = 1 << bit
            plain = RC2.encode(1, 0, 2, block, version)
            packed = RC2.encode(1, 0, 3, block, version | COMPRESSED)
            for size in (1, len(plain) + len(packed)):
                self.assertEqual(
                    parse(MessageParser(RC2), pieces(plain + packed, size)),
                    [(1, 0, 2, block), (1, 0, 3, FOX)],
                )
        self.assertEqual(
            list(MessageParser(RC2).feed(RC2.encode(1, 0, 2, block, 0x7FFF))), [(1, 0, 2, block)]
        )

    def test_rc1(self) -> None:
        """No RC1 frame is taken for a compressed one, whatever stands where RC2 has its flag."""
        block = bytes(snappy.compress_raw(FOX))
        frame = RC1.encode(-2, 3, 2, block)
        self.assertEqual(frame[4:6], b"\xff\xfe")
        self.assertEqual(list(MessageParser(RC1).feed(frame)), [(-2, 3, 2, block)])

    def test_declaredSizeAboveTheLimit(self) -> None:
        """The limit of a frame is that of its payload, too."""
        frame = encodeMessage(RC2, 1, 0, 2, FOX)
        self.assertLess(len(frame), len(FOX))
        self.assertEqual(len(list(MessageParser(RC2, len(FOX)).feed(frame))), 1)
        error = self.assertRaises(FrameTooLong, list, MessageParser(RC2, len(FOX) - 1).feed(frame))
        self.assertIn(f"{len(FOX)} bytes", str(error))

    def test_absurdSize(self) -> None:
        """A few bytes that announce 100 MiB are refused without making room for them."""
        frame = RC2.encode(1, 0, 2, b"\x80\x80\x80\x32" + bytes(30), COMPRESSED)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertRaises(UndecodablePayload, list, MessageParser(RC2).feed(frame))
        self.assertLess(tracemalloc.get_traced_memory()[1], 100 * 1024)
        frame = RC2.encode(1, 0, 2, b"\x81\x80\x80\x32" + bytes(30), COMPRESSED)
        self.assertRaises(FrameTooLong, list, MessageParser(RC2).feed(frame))

    def test_garbage(self) -> None:
        """A payload that does not decode is the peer's fault, however it arrives."""
        frame = RC2.encode(1, 0, 2, b"\xff" * 40, COMPRESSED)
        for size in (1, len(frame)):
            self.assertRaises(UndecodablePayload, parse, MessageParser(RC2), pieces(frame, size))

    def test_noPayload(self) -> None:
        """The flag over no payload at all does not decode either."""
        frame = RC2.encode(1, 0, 2, b"", COMPRESSED)
        self.assertRaises(UndecodablePayload, list, MessageParser(RC2).feed(frame))


class EncodeMessageTests(SynchronousTestCase):
    """What is compressed, and what is not."""

    def test_threshold(self) -> None:
        """1024 bytes travel as they are, 1025 are compressed."""
        frame = encodeMessage(RC2, 1, 0, 2, bytes(1024))
        self.assertEqual((versionOf(frame), len(frame)), (0, 16 + 1024))
        frame = encodeMessage(RC2, 1, 0, 2, bytes(1025))
        self.assertEqual(versionOf(frame), COMPRESSED)
        self.assertLess(len(frame), 200)

    def test_switchedOff(self) -> None:
        """Where the network does not compress, nothing is."""
        frame = encodeMessage(RC2, 1, 0, 2, FOX, False)
        self.assertEqual(frame, RC2.encode(1, 0, 2, FOX))

    def test_incompressible(self) -> None:
        """What would not get smaller goes out as it is, without the flag."""
        self.assertGreater(len(NOISE), 1024)
        frame = encodeMessage(RC2, 1, 0, 2, NOISE)
        self.assertEqual(frame, RC2.encode(1, 0, 2, NOISE))

    def test_streamsThatDoNotShrink(self) -> None:
        """Such a stream is only tried now and then, and compressed again once it shrinks."""
        encode = FrameEncoder(RC2)

        def isCompressed(protocolID: int, payload: bytes) -> bool:
            return versionOf(b"".join(encode(protocolID, 0, 2, payload))) == COMPRESSED

        self.assertFalse(any(isCompressed(1, NOISE) for _ in range(7)))
        self.assertTrue(isCompressed(1, FOX), "a few do not count")
        self.assertFalse(any(isCompressed(1, NOISE) for _ in range(8)))
        self.assertTrue(isCompressed(2, FOX), "another stream does not count")
        tried = [isCompressed(1, FOX) for _ in range(9)]
        self.assertEqual(tried, [False] * 8 + [True])
        self.assertTrue(isCompressed(1, FOX))

    def test_rc1NeverCompresses(self) -> None:
        """RC1 has no flag to say so."""
        frame = encodeMessage(RC1, 1, 0, 2, FOX, True)
        self.assertEqual(frame, RC1.encode(1, 0, 2, FOX))

    def test_outOfRange(self) -> None:
        """A number that does not fit is found for short and for compressed payloads."""
        for payload in (b"", FOX):
            self.assertRaises(EncodingError, encodeMessage, RC2, 2**31, 0, 2, payload)
            self.assertRaises(EncodingError, encodeMessage, RC1, 2**15, 0, 2, payload)

    @MODEST
    @given(dialects, frames, st.booleans())
    def test_neverLonger(self, dialect: Dialect, frame: Said, compressing: bool) -> None:
        """A frame is never longer than its header and its payload, and reads as the message."""
        encoded = encodeMessage(dialect, *frame, compressing)
        self.assertLessEqual(len(encoded), dialect.headerSize + len(frame[3]))
        self.assertEqual(list(MessageParser(dialect).feed(encoded)), [frame])
