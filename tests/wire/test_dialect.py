"""
Tests for L{fiscop2p.wire.dialect}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError
from fiscop2p.wire.dialect import (
    AMOP,
    BLOCK_SYNC,
    COMPRESSED,
    NODE_STATUS,
    PBFT,
    RAFT,
    RC1,
    RC2,
    TOPIC,
    TX_POOL,
)

from .vectors import SESSIONS, VECTORS

MODEST = settings(max_examples=60, deadline=None, derandomize=True)


class Endless(bytes):
    """A payload that says it is as long as a length word can count."""

    def __len__(self) -> int:
        return 0xFFFFFFFF


class EncodingTests(SynchronousTestCase):
    """From the fields of a header to its bytes."""

    def test_smallestFrames(self) -> None:
        """A seq, a request for topics, and the topics, as the protocol gives them."""
        for dialect, frames in (
            (
                RC2,
                (
                    "0000001100000000000200010000000030",
                    "00000010000000000002000200000002",
                    "000000170000fffffffe000300000002310968656c6c6f",
                ),
            ),
            (
                RC1,
                (
                    "0000000d000200010000000030",
                    "0000000c0002000200000002",
                    "00000013fffe000300000002310968656c6c6f",
                ),
            ),
        ):
            self.assertEqual(
                (
                    dialect.encode(TOPIC, 1, 0, b"0").hex(),
                    dialect.encode(TOPIC, 2, 2, b"").hex(),
                    dialect.encode(-TOPIC, 3, 2, b"1\thello").hex(),
                ),
                frames,
            )

    def test_framesOfTheRealEncoder(self) -> None:
        """The real encoder's header comes out, whatever its version word holds."""
        for vector in VECTORS:
            payload = vector.encoded[vector.dialect.headerSize :]
            encoded = vector.dialect.encode(
                vector.protocolID, vector.packetType, vector.seq, payload, vector.sentVersion
            )
            self.assertEqual(encoded, vector.encoded)

    def test_framesOfRealSessions(self) -> None:
        """What was said in two real sessions comes out, uncompressed frames as they were."""
        for dialect, session in SESSIONS:
            for line in session:
                payload = line.encoded[dialect.headerSize :]
                if payload == line.frame[3]:
                    self.assertEqual(dialect.encode(*line.frame), line.encoded)

    def test_versionWord(self) -> None:
        """The version stands behind the length; the compression flag is its highest bit."""
        self.assertEqual(
            RC2.encode(1, 2, 3, b"4", COMPRESSED).hex(), "0000001180000000000100020000000334"
        )
        self.assertEqual(RC2.encode(1, 2, 3, b"4", 0xFFFF)[4:6], b"\xff\xff")

    def test_rc1HasNoVersionWord(self) -> None:
        """What must carry the flag cannot travel in RC1."""
        error = self.assertRaises(EncodingError, RC1.encode, 1, 0, 1, b"", COMPRESSED)
        self.assertIn("RC1", str(error))

    def test_edgesOfTheFields(self) -> None:
        """The least and the greatest number of each field."""
        self.assertEqual(
            RC2.encode(-(2**31), 0xFFFF, 2**32 - 1, b"").hex(), "00000010000080000000ffffffffffff"
        )
        self.assertEqual(RC2.encode(2**31 - 1, 0, 0, b"").hex(), "0000001000007fffffff000000000000")
        self.assertEqual(
            RC1.encode(-(2**15), 0xFFFF, 2**32 - 1, b"").hex(), "0000000c8000ffffffffffff"
        )
        self.assertEqual(RC1.encode(2**15 - 1, 0, 0, b"").hex(), "0000000c7fff000000000000")

    def test_outOfRange(self) -> None:
        """A number that does not fit is our caller's mistake, and is named with its dialect."""
        for dialect, limit in ((RC1, 2**15), (RC2, 2**31)):
            for protocolID, packetType, seq in (
                (limit, 0, 1),
                (-limit - 1, 0, 1),
                (1, 0x10000, 1),
                (1, -1, 1),
                (1, 0, 2**32),
                (1, 0, -1),
            ):
                error = self.assertRaises(
                    EncodingError, dialect.encode, protocolID, packetType, seq, b""
                )
                self.assertIn(dialect.name, str(error))
                self.assertIn(
                    f"protocolID {protocolID}, packetType {packetType}, seq {seq}", str(error)
                )

    def test_versionOutOfRange(self) -> None:
        """The version word has 16 bits."""
        self.assertRaises(EncodingError, RC2.encode, 1, 0, 1, b"", 0x10000)

    def test_longerThanTheLengthCanSay(self) -> None:
        """The length word counts the header, too: 2**32 - 1 bytes of payload are too many."""
        for dialect in (RC1, RC2):
            error = self.assertRaises(EncodingError, dialect.encode, 1, 0, 1, Endless())
            self.assertIn("4294967295 bytes", str(error))

    @MODEST
    @given(
        st.sampled_from((RC1, RC2)),
        st.integers(-(2**15), 2**15 - 1),
        st.integers(0, 0xFFFF),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=40),
    )
    def test_headerSaysWhatWasEncoded(
        self, dialect: object, protocolID: int, packetType: int, seq: int, payload: bytes
    ) -> None:
        """Unpacking a header gives back what went in, and the length of the whole."""
        assert dialect in (RC1, RC2)
        frame = dialect.encode(protocolID, packetType, seq, payload)
        length, version, *fields = dialect.layout.unpack_from(frame)
        self.assertEqual(fields, [protocolID, packetType, seq])
        self.assertEqual(length, len(frame))
        self.assertFalse(version)
        self.assertEqual(frame[dialect.headerSize :], payload)


class ProtocolIDTests(SynchronousTestCase):
    """Group and module, joined and split."""

    def test_modules(self) -> None:
        """The module numbers of FISCO BCOS; ours is none of them."""
        known = (AMOP, TOPIC, PBFT, BLOCK_SYNC, TX_POOL, RAFT)
        self.assertEqual(known, (1, 2, 8, 9, 10, 11))
        self.assertEqual(NODE_STATUS, 100)

    def test_joined(self) -> None:
        """The group stands above the module: 16 bits up in RC2, 8 in RC1."""
        for dialect, group, module, joined in (
            (RC2, 0, AMOP, 1),
            (RC2, 0, TOPIC, 2),
            (RC2, 1, PBFT, 0x00010008),
            (RC2, 1, BLOCK_SYNC, 0x00010009),
            (RC2, 1, RAFT, 0x0001000B),
            (RC2, 1, 1000, 66536),
            (RC2, 0x7FFF, 0xFFFF, 0x7FFFFFFF),
            (RC1, 0, AMOP, 1),
            (RC1, 1, BLOCK_SYNC, 0x0109),
            (RC1, 0x7F, 0xFF, 0x7FFF),
        ):
            self.assertEqual(dialect.protocolID(group, module), joined)
            self.assertEqual(dialect.groupAndModule(joined), (group, module))
            self.assertEqual(dialect.groupAndModule(-joined), (group, module))

    def test_responseOfBlockSync(self) -> None:
        """A response's protocolID is the two's complement of its request's."""
        frame = RC2.encode(-RC2.protocolID(1, BLOCK_SYNC), 0, 1, b"")
        self.assertEqual(frame[6:10].hex(), "fffefff7")

    def test_outOfRange(self) -> None:
        """A group that would look like a response, and a module that would change the group."""
        for dialect, group, module, allowed in (
            (RC2, 0x8000, 1, "0..32767"),
            (RC2, -1, 1, "0..32767"),
            (RC2, 1, 0x10000, "0..65535"),
            (RC2, 1, -1, "0..65535"),
            (RC1, 0x80, 1, "0..127"),
            (RC1, -1, 1, "0..127"),
            (RC1, 1, 0x100, "0..255"),
            (RC1, 1, -1, "0..255"),
        ):
            error = self.assertRaises(EncodingError, dialect.protocolID, group, module)
            self.assertIn(f"group {group}, module {module}", str(error))
            self.assertIn(allowed, str(error))

    @MODEST
    @given(st.integers(0, 0x7FFF), st.integers(0, 0xFFFF))
    def test_everyPairSurvives(self, group: int, module: int) -> None:
        """What is joined can be split, and fits the header."""
        for dialect, groups, modules in ((RC1, 0x80, 0x100), (RC2, 0x8000, 0x10000)):
            pair = group % groups, module % modules
            protocolID = dialect.protocolID(*pair)
            self.assertEqual(dialect.groupAndModule(protocolID), pair)
            self.assertEqual(dialect.groupAndModule(-protocolID), pair)
            self.assertEqual(
                dialect.layout.unpack_from(dialect.encode(protocolID, 0, 1, b""))[2], protocolID
            )


class NameTests(SynchronousTestCase):
    """What people see of a dialect."""

    def test_repr(self) -> None:
        """Logs and tracebacks show which one it is."""
        self.assertEqual((repr(RC1), repr(RC2)), ("<Dialect RC1>", "<Dialect RC2>"))

    def test_facts(self) -> None:
        """How long the headers are, and which can be compressed."""
        self.assertEqual((RC1.name, RC1.headerSize, RC1.canCompress), ("RC1", 12, False))
        self.assertEqual((RC2.name, RC2.headerSize, RC2.canCompress), ("RC2", 16, True))
        self.assertEqual((RC1.layout.size, RC2.layout.size), (12, 16))
