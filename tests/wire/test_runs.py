"""Frames that are cut out, and made, together."""

from __future__ import annotations

import struct
from itertools import product

from cramjam import snappy
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.wire.amop import (
    MULTICAST_REQUEST,
    REQUEST,
    cutPublished,
    decodeTopicMessage,
    encodeTopicMessage,
)
from fiscop2p.wire.dialect import COMPRESSED, RC1, RC2, Dialect
from fiscop2p.wire.frames import FrameEncoder, FrameParser
from fiscop2p.wire.runs import SEQ_SIZE, AlikeRun, LooseRun, countAlike, cutEach, layAlike

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

COUNTS = st.sampled_from((1, 2, 3, 4, 63, 64, 65, 127, 128, 129, 300))
SIZES = st.sampled_from((0, 1, 2, 6, 100, 1024))
DIALECTS = st.sampled_from((RC1, RC2))
SEQS = st.sampled_from((0, 1, 255, 256, 1 << 31, (1 << 32) - 400))

BLOCK = bytes(snappy.compress_raw(bytes(5000)))

KINDS = st.lists(
    st.tuples(
        st.sampled_from((300, 300, 301, -300)),
        st.sampled_from((7, 7, 8)),
        st.sampled_from((0, 6, 6, len(BLOCK), 1000)),
        st.booleans(),  # compressed
        st.sampled_from((1, 3, 4, 5, 6, 9, 10, 64, 70, 200)),  # how often
    ),
    max_size=8,
)


def numbered(count: int, size: int) -> list[bytes]:
    """Payloads of one length that are not alike."""
    return [
        (number * 7919).to_bytes(4, "big") * (size // 4) + b"x" * (size % 4)
        for number in range(count)
    ]


class CuttingTests(SynchronousTestCase):
    """Parts of frames of one length."""

    @MODEST
    @given(DIALECTS, COUNTS, SIZES, SEQS, st.integers(0, 3), st.integers(0, 9))
    def test_asTheyWereMade(
        self, dialect: Dialect, count: int, size: int, first: int, before: int, behind: int
    ) -> None:
        """What is laid together is what is made one by one, and is cut as it was."""
        payloads, seqs = numbered(count, size), range(first, first + count)
        singly = b"".join(
            dialect.encode(300, 7, seq, payload)
            for seq, payload in zip(seqs, payloads, strict=True)
        )
        header = dialect.header(size, 300, 7, 123456)
        self.assertTrue(layAlike(header, seqs, payloads) == singly)
        together = FrameEncoder(dialect).together(300, 7, seqs, payloads, {size})
        self.assertTrue(together == singly)
        length = dialect.headerSize + size
        self.assertEqual(
            countAlike(singly + b"y" * behind, length, dialect.headerSize, count), count
        )
        block = memoryview(singly)
        run = AlikeRun(300, 7, count, dialect.headerSize, block)
        self.assertEqual((run.count, run.size, run.payloadSize), (count, len(singly), size))
        self.assertTrue(list(run.seqs) == list(seqs))
        self.assertTrue(list(run.payloads) == payloads)
        self.assertEqual(run.firstPayload, payloads[0])
        self.assertEqual({type(payload) for payload in run.payloads}, {bytes})
        numbers = cutEach("I", b"".join(struct.pack(">I", seq) for seq in seqs) + b"abc", count)
        self.assertEqual(numbers, list(seqs))

    @MODEST
    @given(DIALECTS, st.lists(SIZES, min_size=1, max_size=80), SEQS)
    def test_ofAnyLength(self, dialect: Dialect, sizes: list[int], first: int) -> None:
        """The same where lengths differ."""
        payloads, seqs = [b"z" * size for size in sizes], range(first, first + len(sizes))
        together = FrameEncoder(dialect).together(300, 7, seqs, payloads, set(sizes))
        singly = [dialect.encode(300, 7, *each) for each in zip(seqs, payloads, strict=True)]
        self.assertTrue(together == b"".join(singly))

    def test_countsTheFirst(self) -> None:
        """Frames are counted up to the first whose header is another, whatever their seqs."""
        for dialect, payload in product((RC1, RC2), (b"abc", b"abcd", bytes(1000), bytes(1001))):
            length = dialect.headerSize + len(payload)
            usual = [dialect.encode(300, 7, seq * 65_521, payload) for seq in range(200)]
            for where in (1, 2, 63, 64, 65, 127, 128, 199):
                for other in ((301, 7), (300, 8), (-300, 7)):
                    stream = usual[:]
                    stream[where] = dialect.encode(*other, 5, payload)
                    data = b"".join(stream)
                    self.assertEqual(countAlike(data, length, dialect.headerSize, 200), where)

    def test_countsToTheDamaged(self) -> None:
        """Frames are counted up to the first of which any byte of the header is another."""
        for dialect, size in product((RC1, RC2), (3, 4, 1000, 1001)):
            length = dialect.headerSize + size
            stream = b"".join(dialect.encode(300, 7, seq, bytes(size)) for seq in range(100))
            for byte in range(dialect.headerSize - SEQ_SIZE):
                damaged = bytearray(stream)
                damaged[70 * length + byte] ^= 1
                self.assertEqual(countAlike(damaged, length, dialect.headerSize, 100), 70)


class ReusedBufferTests(SynchronousTestCase):
    """Chunks that are views of a buffer that the next ones overwrite."""

    @MODEST
    @given(DIALECTS, KINDS, st.sampled_from((1, 13, 100, 1000, 5000, 100_000)))
    def test_anyFrames(
        self, dialect: Dialect, kinds: list[tuple[int, int, int, bool, int]], chunk: int
    ) -> None:
        """All frames come once and in order, and payloads stay what they were."""
        sent, stream = [], b""
        for protocolID, packetType, size, packed, times in kinds:
            for payload in numbered(times, size):
                seq = len(sent) * 65_521
                version = COMPRESSED if packed and dialect is RC2 else 0
                on = bytes(snappy.compress_raw(payload)) if version else payload
                stream += dialect.encode(protocolID, packetType, seq, on, version)
                sent.append((protocolID, packetType, seq, payload))
        chunk = max(chunk, len(stream) // 500)
        buffer = bytearray(max(chunk, 1))
        parser, received, size = FrameParser(dialect), [], 0
        for start in range(0, len(stream), chunk):
            part = stream[start : start + chunk]
            buffer[: len(part)] = part
            for run in parser.feed(memoryview(buffer)[: len(part)]):
                size += run.size
                received += [
                    (run.protocolID, run.packetType, *each)
                    for each in zip(run.seqs, run.payloads, strict=True)
                ]
            buffer[:] = b"\xee" * len(buffer)
        self.assertTrue(received == sent, f"{len(received)} of {len(sent)}")
        self.assertEqual((parser.held, parser.frames, size), (0, len(sent), len(stream)))
        self.assertTrue(all(type(payload) is bytes for *_, payload in received))

    def test_longFrame(self) -> None:
        """A frame of many reads is put together of what each of them was."""
        payload = b"".join(number.to_bytes(4, "big") for number in range(40_000))
        stream = RC2.encode(300, 7, 2, payload) * 2
        for chunk in (1000, 16 * 1024 - 1, 16 * 1024, 40_000, len(stream) - 1):
            buffer, parser, received = bytearray(chunk), FrameParser(RC2), []
            for start in range(0, len(stream), chunk):
                part = stream[start : start + chunk]
                buffer[: len(part)] = part
                for run in parser.feed(memoryview(buffer)[: len(part)]):
                    received += run.payloads
                buffer[:] = bytes(chunk)
            self.assertTrue(received == [payload] * 2)

    def test_takenTogether(self) -> None:
        """A flood is cut where it was decrypted, as far as frames are whole."""
        stream = b"".join(RC2.encode(300, 7, seq, b"123456") for seq in range(2000))
        parser = FrameParser(RC2)
        kinds = [type(run) for run in parser.feed(stream)]
        self.assertEqual(kinds[0], LooseRun)
        again = list(parser.feed(memoryview(bytearray(stream))))
        self.assertEqual({type(run) for run in again}, {AlikeRun})
        self.assertLess(len(again), 8)
        self.assertEqual(sum(run.count for run in again), 2000)


class PublishedTests(SynchronousTestCase):
    """Messages of one topic, read together."""

    def runOf(self, messages: list[bytes]) -> AlikeRun:
        stream = b"".join(RC2.encode(1, 1, seq, each) for seq, each in enumerate(messages))
        return AlikeRun(1, 1, len(messages), 16, memoryview(stream))

    @MODEST
    @given(st.text("abé", max_size=80), SIZES, COUNTS)
    def test_asSingly(self, topic: str, size: int, count: int) -> None:
        """Topic and contents are those that each message has."""
        messages = [
            encodeTopicMessage(MULTICAST_REQUEST, b"%032d" % number, topic, content)
            for number, content in enumerate(numbered(count, size))
        ]
        published = cutPublished(self.runOf(messages))
        assert published is not None
        name, run = published
        singly = [decodeTopicMessage(message) for message in messages]
        self.assertEqual([(MULTICAST_REQUEST, name, each) for each in run.payloads], singly)
        self.assertEqual((run.count, run.protocolID, run.packetType), (count, 1, 1))

    @MODEST
    @given(st.data())
    def test_damaged(self, data: st.DataObject) -> None:
        """Whatever is damaged in one of them: either it is noticed, or it is read as it is."""
        kind = data.draw(st.sampled_from((MULTICAST_REQUEST, REQUEST)))
        topic = data.draw(st.sampled_from(("", "t", "orders")))
        content = data.draw(st.sampled_from((b"", b"content", b"long" * 200)))
        count = data.draw(st.sampled_from((5, 64, 70)))
        messages = [
            bytearray(encodeTopicMessage(kind, b"%032d" % number, topic, content))
            for number in range(count)
        ]
        for _ in range(data.draw(st.integers(0, 2))):
            message = messages[data.draw(st.sampled_from((0, 0, 2, count - 1)))]
            where = data.draw(st.sampled_from((*range(6), *range(38, 48))))
            message[where % len(message)] = data.draw(st.sampled_from((0, 1, 2, 7, 8, 15, 255)))
        published = cutPublished(self.runOf([bytes(message) for message in messages]))
        if published is not None:
            name, run = published
            singly = [decodeTopicMessage(bytes(message)) for message in messages]
            expected = [(MULTICAST_REQUEST, name, each) for each in run.payloads]
            self.assertEqual(singly, expected)

    def test_tooShort(self) -> None:
        """What cannot be such a message is left to who reads them singly."""
        for size in (0, 6, 42, 43):
            self.assertIsNone(cutPublished(self.runOf([bytes(size)] * 5)))

    def test_onePublishedOnAnother(self) -> None:
        """One message among many on another topic of that length, or of another type."""
        others = ((MULTICAST_REQUEST, "tor"), (MULTICAST_REQUEST, "cop"), (REQUEST, "top"))
        for count, size, (kind, topic) in product((5, 64, 300), (0, 1, 2, 3, 600), others):
            messages = [
                encodeTopicMessage(MULTICAST_REQUEST, b"%032d" % number, "top", bytes(size))
                for number in range(count)
            ]
            self.assertIsNotNone(cutPublished(self.runOf(messages)))
            messages[count - 2] = encodeTopicMessage(kind, bytes(32), topic, bytes(size))
            self.assertIsNone(cutPublished(self.runOf(messages)))
