"""Tests for L{fiscop2p.wire.blocksync}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import MalformedMessage
from fiscop2p.wire.blocksync import STATUS, SyncStatus, packetKind
from fiscop2p.wire.rlp import decodeInteger, decodeStrings, encodeInteger, encodeStrings, measure

GENESIS, LATEST = "11" * 32, "22" * 32

KNOWN = bytes.fromhex("01f84a05a0" + GENESIS + "a0" + LATEST + "86018bcfe56800")
"""What a FISCO BCOS node says at block 5, with a time."""


class PacketTests(SynchronousTestCase):
    """What any block sync payload looks like."""

    def test_firstByte(self) -> None:
        """0x80 is invalid, 0x7f and less is valid, known or not."""
        for kind in (0x00, STATUS, 0x04, 0x7F):
            self.assertEqual(packetKind(bytes((kind, 0xC0))), kind)
        for kind in (0x80, 0xFF):
            self.assertRaises(MalformedMessage, packetKind, bytes((kind, 0xC0)))

    def test_size(self) -> None:
        """One item fills the rest to the byte; a string or a nested list will do."""
        for item in (b"\x05", b"\x83cat", b"\xc3\x01\xc1\x02", KNOWN[1:]):
            self.assertEqual(packetKind(b"\x02" + item), 2)
            self.assertRaises(MalformedMessage, packetKind, b"\x02" + item + b"\0")
            self.assertRaises(MalformedMessage, packetKind, b"\x02" + item[:-1])

    def test_nothing(self) -> None:
        """Less than two bytes are no message."""
        self.assertRaises(MalformedMessage, packetKind, b"")
        self.assertRaises(MalformedMessage, packetKind, b"\x01")

    def test_blockRequest(self) -> None:
        """A request of 32 blocks from block 7 on, 0x04, is read as it was written."""
        payload = b"\x04" + encodeStrings(map(encodeInteger, (7, 32)))
        self.assertEqual(packetKind(payload), 4)
        _, begin, end = measure(payload, 1)
        numbers = decodeStrings(payload[begin:end], 2)
        self.assertEqual(list(map(decodeInteger, numbers)), [7, 32])


class SyncStatusTests(SynchronousTestCase):
    """The height of a chain, and its first and last block."""

    def test_knownAnswer(self) -> None:
        """A status with a time, as chains of 2.6.0 and newer send it."""
        status = SyncStatus(5, GENESIS, LATEST, 1_700_000_000_000)
        self.assertEqual(packetKind(KNOWN), STATUS)
        self.assertEqual(SyncStatus.decode(KNOWN), status)
        self.assertEqual(status.encode(), KNOWN)

    def test_withoutTime(self) -> None:
        """A status of three items, as older chains send it."""
        status = SyncStatus(0, GENESIS, LATEST)
        payload = status.encode()
        self.assertEqual(payload.hex(), "01f84380a0" + GENESIS + "a0" + LATEST)
        self.assertEqual(SyncStatus.decode(payload), status)

    def test_longNumbers(self) -> None:
        """A height of 64 bits is read whole."""
        status = SyncStatus(2**64 - 1, GENESIS, LATEST, 0)
        self.assertEqual(SyncStatus.decode(status.encode()), status)

    def test_refused(self) -> None:
        """Another number of items, hashes of another size, numbers of more bits, no list."""
        number, one, other = b"\5", bytes(32), bytes(32)
        for strings in (
            [],
            [number, one],
            [number, one, other, b"\1", b"\1"],
            [number, one, other[1:]],
            [number, one + b"\0", other],
            [one, number, other],
            [b"\0\5", one, other],
            [b"\1" * 9, one, other],
            [number, one, other, b"\0"],
        ):
            payload = bytes((STATUS,)) + encodeStrings(strings)
            self.assertEqual(packetKind(payload), STATUS)
            self.assertRaises(MalformedMessage, SyncStatus.decode, payload)
        for item in (b"\x05", b"\x83cat", b"\xc1\xc0", b"\xb8\x4a" + KNOWN[3:]):
            self.assertRaises(MalformedMessage, SyncStatus.decode, bytes((STATUS,)) + item)
