"""
Tests for L{fiscop2p.wire.compression}.
"""

from __future__ import annotations

from cramjam import snappy
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import FrameTooLong, UndecodablePayload, WireError
from fiscop2p.wire import compression
from fiscop2p.wire.amop import MULTICAST_REQUEST, encodeTopicMessage
from fiscop2p.wire.compression import THRESHOLD, compress, decompress

from .vectors import FOX, NOISE, VECTORS

MODEST = settings(max_examples=60, deadline=None, derandomize=True)
MEBIBYTE = 1024 * 1024


def declaring(size: int, elements: bytes = b"") -> bytes:
    """A block that declares C{size} bytes."""
    varint = bytearray()
    while size > 0x7F:
        varint.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*varint, size)) + elements


class JudgeOnly:
    """Snappy that can tell a block's size, and must not be asked for its content."""

    decompress_raw_len = staticmethod(snappy.decompress_raw_len)

    @staticmethod
    def decompress_raw(block: bytes) -> bytes:
        raise AssertionError("memory would have been allocated")


class CompressTests(SynchronousTestCase):
    """Blocks that we make."""

    def test_smaller(self) -> None:
        """Text that repeats itself becomes a block that decodes to the text."""
        block = compress(FOX)
        assert block is not None
        self.assertIsInstance(block, bytes)
        self.assertLess(len(block), len(FOX) // 10)
        self.assertEqual(decompress(block, len(FOX)), FOX)

    def test_rawBlocks(self) -> None:
        """A block begins with the size that it holds, not with a stream identifier."""
        block = compress(FOX[:1025])
        assert block is not None
        self.assertTrue(block.startswith(declaring(1025)))

    def test_notWorthIt(self) -> None:
        """There is no block of what it would make longer, or shorter by less than an eighth."""
        self.assertIsNone(compress(NOISE))
        self.assertIsNone(compress(b""))
        for size, least in ((1600, 1400), (1601, 1400), (1607, 1406), (1608, 1407)):
            for missing, isWorthIt in ((0, True), (1, False)):
                block = bytes(least + missing)
                self.patch(snappy, "compress_raw", lambda payload, block=block: block)
                self.assertEqual(compress(bytes(size)), block if isWorthIt else None)

    def test_topicMessage(self) -> None:
        """A topic message whose content does not shrink travels as it is."""
        content = NOISE[:2000]
        message = encodeTopicMessage(MULTICAST_REQUEST, bytes(32), "orders", content)
        self.assertLess(len(snappy.compress_raw(message)), len(message))
        self.assertIsNone(compress(message))

    def test_threshold(self) -> None:
        """Real nodes compress payloads of more than 1024 bytes."""
        self.assertEqual(THRESHOLD, 1024)

    @MODEST
    @given(st.binary(max_size=300), st.integers(1, 40))
    def test_everyBlockDecodes(self, part: bytes, times: int) -> None:
        """What is compressed decodes to the same, under a limit of its very size."""
        payload = part * times
        block = compress(payload)
        if block is not None:
            self.assertLess(len(block), len(payload) * 7 / 8 + 1)
            self.assertEqual(decompress(block, len(payload)), payload)


class DecompressTests(SynchronousTestCase):
    """Blocks that come from others."""

    def test_blocksOfTheRealEncoder(self) -> None:
        """What the real node compresses decodes."""
        blocks = [vector for vector in VECTORS if vector.isCompressed]
        self.assertEqual(len(blocks), 2)
        for vector in blocks:
            payload = decompress(vector.encoded[16:], len(vector.payload))
            self.assertEqual(payload, vector.payload)
            self.assertIsInstance(payload, bytes)

    def test_longerThanItsPayload(self) -> None:
        """A block that does not pay, as real nodes send it, is read as well."""
        block = bytes(snappy.compress_raw(NOISE))
        self.assertGreater(len(block), len(NOISE))
        self.assertEqual(decompress(block, len(NOISE)), NOISE)

    def test_emptyPayload(self) -> None:
        """A block may say that it holds nothing."""
        self.assertEqual(decompress(b"\0", 0), b"")

    def test_strongestCompression(self) -> None:
        """The densest block there can be, 64 bytes for 3, is not taken for an absurd one."""
        size = 64 * 1024
        # One literal byte, then copies of 64 bytes from one byte back.
        block = declaring(size + 1, b"\x00x" + b"\xfe\x01\x00" * (size // 64))
        self.assertEqual(decompress(block, 100 * MEBIBYTE), b"x" * (size + 1))
        for length in (1500, 100 * 1024, MEBIBYTE + 1):
            block = bytes(snappy.compress_raw(bytes(length)))
            self.assertEqual(decompress(block, length), bytes(length))

    def test_aboveTheLimit(self) -> None:
        """A payload may have as many bytes as the limit says, and not one more."""
        block = compress(FOX)
        assert block is not None
        self.assertEqual(decompress(block, len(FOX)), FOX)
        error = self.assertRaises(FrameTooLong, decompress, block, len(FOX) - 1)
        self.assertIn(f"{len(FOX)} bytes", str(error))
        self.assertIn(f"{len(FOX) - 1} bytes", str(error))

    def test_judgedBeforeItIsDecoded(self) -> None:
        """Nothing is decoded for the sake of a size that cannot be or must not be."""
        self.patch(compression, "snappy", JudgeOnly)
        self.assertRaises(
            FrameTooLong, decompress, declaring(100 * MEBIBYTE + 1, bytes(9)), 100 * MEBIBYTE
        )
        for size, elements in ((100 * MEBIBYTE, bytes(9)), (5000, bytes(200)), (23, b"")):
            error = self.assertRaises(
                UndecodablePayload, decompress, declaring(size, elements), 100 * MEBIBYTE
            )
            self.assertIn(f"declares {size} bytes", str(error))

    def test_garbage(self) -> None:
        """What is no block is the peer's fault, told in one line."""
        for block in (
            b"",
            b"\xff" * 20,
            b"\x80",
            declaring(5, b"\x08ab"),  # fewer bytes than declared
            declaring(1, b"\x08abc"),  # more than declared
            declaring(8, b"\x00x\xfe\x09\x00"),  # a copy from before the beginning
            b"\xff\x06\x00\x00sNaPpY" + bytes(40),  # the framed format
            declaring(2**32),
            declaring(2**63),
        ):
            error = self.assertRaises(UndecodablePayload, decompress, block, 100 * MEBIBYTE)
            self.assertIn(f"{len(block)} bytes", str(error))
            self.assertNotIn("\n", str(error))

    def test_truncated(self) -> None:
        """No beginning of a block passes for a block."""
        block = compress(FOX[:1200])
        assert block is not None
        for end in range(len(block)):
            self.assertRaises(UndecodablePayload, decompress, block[:end], 4096)

    @MODEST
    @given(st.binary(max_size=80))
    def test_anythingElse(self, block: bytes) -> None:
        """Whatever comes either decodes within the limit or is the peer's fault."""
        try:
            payload = decompress(block, 500)
        except WireError:
            return
        self.assertLessEqual(len(payload), 500)
