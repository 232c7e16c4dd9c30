"""Tests for L{fiscop2p.wire.rlp}."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import MalformedMessage
from fiscop2p.wire.rlp import (
    decodeInteger,
    decodeStrings,
    encodeInteger,
    encodeStrings,
    measure,
)

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

strings = st.binary(max_size=70) | st.integers(0, 400).map(bytes)

LOREM = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit"


def decodeList(data: bytes) -> list[bytes]:
    """The strings of one whole list."""
    isList, begin, end = measure(data, 0)
    assert isList and end == len(data)
    return decodeStrings(data[begin:end], 10)


class StringsTests(SynchronousTestCase):
    """One list of strings."""

    def test_knownAnswers(self) -> None:
        """The examples that Ethereum publishes."""
        for items, encoded in (
            ([], b"\xc0"),
            ([b"cat", b"dog"], b"\xc8\x83cat\x83dog"),
            ([b"", b"\0", b"\x0f", b"\x7f", b"\x80"], b"\xc6\x80\0\x0f\x7f\x81\x80"),
            ([b"\x04\0"], b"\xc3\x82\x04\0"),
            ([LOREM], b"\xf8\x3a\xb8\x38" + LOREM),
        ):
            self.assertEqual(encodeStrings(items), encoded)
            self.assertEqual(decodeList(encoded), items)

    @MODEST
    @given(st.lists(strings, max_size=10))
    def test_roundTrip(self, items: list[bytes]) -> None:
        """Any strings come back, and no prefix of their list is one."""
        encoded = encodeStrings(items)
        self.assertEqual(decodeList(encoded), items)
        for end in range(1, len(encoded)):
            self.assertRaises(MalformedMessage, measure, encoded[:end], 0)

    def test_sizesAroundTheLongForm(self) -> None:
        """55 bytes have the short form, 56 the long one, 256 a size of two bytes."""
        for size, header in ((55, "b7"), (56, "b838"), (255, "b8ff"), (256, "b90100")):
            encoded = encodeStrings([bytes(size)])
            self.assertEqual(decodeList(encoded), [bytes(size)])
            self.assertEqual(encoded[-size - len(header) // 2 : -size].hex(), header)

    def test_onlyTheShortestForm(self) -> None:
        """What could be written shorter is refused, or two encodings would mean the same."""
        for item in (
            b"\x81\x00",
            b"\x81\x7f",
            b"\xb8\x37" + bytes(55),
            b"\xb9\x00\x38" + bytes(56),
            b"\xf8\x37" + bytes(55),
            b"\xf9\x00\x38" + bytes(56),
        ):
            self.assertRaises(MalformedMessage, measure, item, 0)
            self.assertRaises(MalformedMessage, decodeStrings, item, 1)

    def test_hugeSizes(self) -> None:
        """A size of eight bytes is compared with what is there, and nothing else is done."""
        for first in (0xBF, 0xFF):
            self.assertRaises(MalformedMessage, measure, bytes((first,)) + b"\xff" * 8, 0)
            self.assertRaises(MalformedMessage, measure, bytes((first,)), 0)

    def test_flat(self) -> None:
        """A list among the strings is refused: none is nested, however deep."""
        self.assertRaises(MalformedMessage, decodeStrings, b"\x01\xc0", 10)
        self.assertRaises(MalformedMessage, decodeStrings, b"\xc1" * 5000 + b"\xc0", 10)

    def test_mostStrings(self) -> None:
        """No more strings are read than are asked for."""
        self.assertEqual(decodeStrings(b"\1\2\3", 3), [b"\1", b"\2", b"\3"])
        self.assertRaises(MalformedMessage, decodeStrings, b"\1\2\3\4", 3)


class IntegerTests(SynchronousTestCase):
    """Numbers are big-endian strings without leading zeros."""

    def test_knownAnswers(self) -> None:
        """Zero has no bytes at all."""
        for number, string in (
            (0, b""),
            (15, b"\x0f"),
            (1024, b"\x04\0"),
            (2**64 - 1, b"\xff" * 8),
        ):
            self.assertEqual(encodeInteger(number), string)
            self.assertEqual(decodeInteger(string), number)

    def test_refused(self) -> None:
        """Leading zeros, and more than 64 bits."""
        for string in (b"\0", b"\0\1", b"\1" + bytes(8)):
            self.assertRaises(MalformedMessage, decodeInteger, string)
