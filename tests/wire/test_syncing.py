"""
Tests for L{fiscop2p.wire.syncing}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, MalformedMessage
from fiscop2p.wire.syncing import (
    MAX_TOPIC_LENGTH,
    REQUEST_STATE,
    SEND_SEQ,
    SEND_STATE,
    decodeSeq,
    decodeState,
    decodeTopics,
    encodeSeq,
    encodeState,
    encodeTopics,
    topicBytes,
    topicText,
)

from .vectors import SESSIONS

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

names = st.binary(max_size=20).filter(lambda name: b"\t" not in name)


class SeqTests(SynchronousTestCase):
    """A seq is a decimal number of 32 bits."""

    def test_packetTypes(self) -> None:
        """The three packet types of topic sync."""
        self.assertEqual((SEND_SEQ, REQUEST_STATE, SEND_STATE), (1, 2, 3))

    def test_text(self) -> None:
        """It is written without sign, zeros or terminator."""
        for seq, text in ((0, b"0"), (7, b"7"), (2**32 - 1, b"4294967295")):
            self.assertEqual(encodeSeq(seq), text)
            self.assertEqual(decodeSeq(text), seq)

    def test_noSeq(self) -> None:
        """Anything but digits is refused, what C{int} would take included."""
        for text in (
            b"",
            b"abc",
            b"-1",
            b"+1",
            b" 1",
            b"1 ",
            b"1\n",
            b"1\0",
            b"1_0",
            b"0x1",
            b"1.0",
            b"1e3",
            b"\xb2",
            "\u0663".encode(),
            b"7\t",
        ):
            error = self.assertRaises(MalformedMessage, decodeSeq, text)
            self.assertIn(repr(text), str(error))

    def test_moreThan32Bits(self) -> None:
        """A number of 33 bits is no seq, nor is one of many digits."""
        for text in (b"4294967296", b"9999999999", b"10000000000", b"0" * 5000):
            self.assertRaises(MalformedMessage, decodeSeq, text)

    def test_longGarbageIsNotRepeated(self) -> None:
        """What we say about a bad seq is short, however long it is."""
        error = self.assertRaises(MalformedMessage, decodeSeq, b"x" * 100_000)
        self.assertLess(len(str(error)), 200)

    @MODEST
    @given(st.integers(0, 2**32 - 1))
    def test_everySeqSurvives(self, seq: int) -> None:
        """What is written is read."""
        self.assertEqual(decodeSeq(encodeSeq(seq)), seq)

    @MODEST
    @given(st.binary(max_size=12))
    def test_onlyDigitsAreRead(self, text: bytes) -> None:
        """Whatever is read is a number that would be written so, but for zeros before it."""
        try:
            seq = decodeSeq(text)
        except MalformedMessage:
            return
        self.assertEqual(encodeSeq(seq).rjust(len(text), b"0"), text)


class StateTests(SynchronousTestCase):
    """A seq together with what it stands for."""

    def test_nothing(self) -> None:
        """Without a state there is no TAB either."""
        self.assertEqual(encodeState(5, None), b"5")
        self.assertEqual(decodeState(b"5"), (5, None))

    def test_empty(self) -> None:
        """A state of no bytes is another thing than no state."""
        self.assertEqual(encodeState(5, b""), b"5\t")
        self.assertEqual(decodeState(b"5\t"), (5, b""))

    def test_firstTabSeparates(self) -> None:
        """Further TABs are part of the state."""
        self.assertEqual(encodeState(5, b"a\tb"), b"5\ta\tb")
        self.assertEqual(decodeState(b"5\ta\tb"), (5, b"a\tb"))
        self.assertEqual(decodeState(b"5\t\t"), (5, b"\t"))

    def test_noSeq(self) -> None:
        """A state without a seq before it is refused."""
        for payload in (b"", b"\ta", b"a\tb", b"a", b"-1\ta", b"5 \ta", b"4294967296\ta"):
            self.assertRaises(MalformedMessage, decodeState, payload)

    def test_realSessions(self) -> None:
        """What real nodes said of their topics is read, and written the same."""
        told = []
        for _, session in SESSIONS:
            for line in session:
                protocolID, packetType, _, payload = line.frame
                if (protocolID, packetType) == (-2, SEND_STATE):
                    seq, state = decodeState(payload)
                    topics = decodeTopics(state)
                    self.assertEqual(encodeState(seq, encodeTopics(topics)), payload)
                    told.append((seq, topics))
        self.assertEqual(told, [(1, ("news", "sport")), (7, ("orders", "weather"))] * 2)


class TopicsTests(SynchronousTestCase):
    """The topics of a node as one state."""

    def test_byteOrder(self) -> None:
        """Topics are sorted by their bytes, whatever order they come in."""
        self.assertEqual(
            encodeTopics(["\U0001f600", "b", "\uff5e", "a", "Z", "\u00e9", "ab"]),
            b"Z\ta\tab\tb\t\xc3\xa9\t\xef\xbd\x9e\t\xf0\x9f\x98\x80",
        )

    def test_bytesNotCodePoints(self) -> None:
        """A byte that is not UTF-8 is sorted as that byte, not as the character it stands for."""
        self.assertEqual(encodeTopics(["\udc80", "\u00e9"]), b"\x80\t\xc3\xa9")
        self.assertEqual(encodeTopics(["\udcff", "\U0001f600"]), b"\xf0\x9f\x98\x80\t\xff")

    def test_none(self) -> None:
        """No topics are no state, an empty topic is one."""
        self.assertIsNone(encodeTopics([]))
        self.assertEqual(encodeTopics([""]), b"")
        self.assertEqual(decodeTopics(None), ())
        self.assertEqual(decodeTopics(b""), ("",))

    def test_emptyNamesAreKept(self) -> None:
        """Each TAB separates two names, empty ones too."""
        self.assertEqual(decodeTopics(b"\ta\t\tb\t"), ("", "a", "", "b", ""))

    def test_tooLong(self) -> None:
        """Names that no AMOP message can bear are left out; bytes count, not characters."""
        longest = b"x" * 254
        state = b"\t".join((b"a", longest, longest + b"x", "é".encode() * 128, b"b"))
        self.assertEqual(decodeTopics(state), ("a", longest.decode(), "b"))

    def test_anyIterable(self) -> None:
        """A set or a generator does as well as a list."""
        self.assertEqual(encodeTopics({"b", "a"}), b"a\tb")
        self.assertEqual(encodeTopics(name for name in "ba"), b"a\tb")

    def test_badTopic(self) -> None:
        """One topic that cannot be sent is an error, not left out."""
        self.assertRaises(EncodingError, encodeTopics, ["good", "b\tad"])

    @MODEST
    @given(st.lists(names, max_size=6))
    def test_everyListSurvives(self, sent: list[bytes]) -> None:
        """What a node sends, UTF-8 or not, arrives, in byte order."""
        topics = [topicText(name) for name in sent]
        received = decodeTopics(encodeTopics(topics))
        self.assertEqual([topicBytes(topic) for topic in received], sorted(sent))

    @MODEST
    @given(st.integers(0, 2**32 - 1), st.none() | st.binary(max_size=40))
    def test_everyStateSurvives(self, seq: int, state: bytes | None) -> None:
        """What a state is made of can be read from it."""
        self.assertEqual(decodeState(encodeState(seq, state)), (seq, state))


class TopicNameTests(SynchronousTestCase):
    """One topic's name."""

    def test_utf8(self) -> None:
        """Names are UTF-8."""
        self.assertEqual(topicBytes("caf\u00e9"), b"caf\xc3\xa9")
        self.assertEqual(topicText(b"caf\xc3\xa9"), "caf\u00e9")

    def test_notUTF8(self) -> None:
        """Names that are not UTF-8 survive."""
        for name in (b"\xff\xfe", b"a\x80b", b"\xc3", b"\xed\xa0\x80", bytes(range(10, 256))[:254]):
            self.assertEqual(topicBytes(topicText(name)), name)

    def test_longest(self) -> None:
        """A name has 254 bytes at the most, counted in UTF-8."""
        self.assertEqual(MAX_TOPIC_LENGTH, 254)
        self.assertEqual(topicBytes("x" * 254), b"x" * 254)
        self.assertEqual(len(topicBytes("\u00e9" * 127)), 254)
        for topic, size in (("x" * 255, 255), ("\u00e9" * 128, 256), ("x" * 100_000, 100_000)):
            error = self.assertRaises(EncodingError, topicBytes, topic)
            self.assertIn(f"{size} bytes", str(error))
            self.assertIn("254", str(error))
            self.assertLess(len(str(error)), 200)

    def test_tab(self) -> None:
        """A name cannot hold the TAB that separates names."""
        error = self.assertRaises(EncodingError, topicBytes, "a\tb")
        self.assertIn(r"'a\tb'", str(error))

    def test_otherControlCharacters(self) -> None:
        """Any other character is part of the name."""
        self.assertEqual(topicBytes("a\n\0 b"), b"a\n\0 b")

    def test_noCharacter(self) -> None:
        """A surrogate that stands for no byte cannot be sent, and is refused like the rest."""
        self.assertRaises(EncodingError, topicBytes, "\ud800")

    @MODEST
    @given(st.binary(max_size=254).filter(lambda name: b"\t" not in name))
    def test_everyNameSurvives(self, name: bytes) -> None:
        """Any bytes are a name."""
        self.assertEqual(topicBytes(topicText(name)), name)
