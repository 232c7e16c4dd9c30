"""
Tests for L{fiscop2p.wire.amop}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, MalformedMessage
from fiscop2p.wire import dialect
from fiscop2p.wire.amop import (
    MULTICAST,
    MULTICAST_REQUEST,
    NO_SUBSCRIBER,
    NODE_UNREACHABLE,
    REQUEST,
    RESPONSE,
    SUCCESS,
    UNICAST,
    ChannelMessage,
    decodeAnswer,
    decodeTopicBody,
    encodeTopicBody,
)
from fiscop2p.wire.dialect import RC2
from fiscop2p.wire.syncing import topicText

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

SEQ = b"0" * 31 + b"1"
GOLDEN = bytes.fromhex(
    "000000320030" + "30" * 31 + "31" + "00000000" + "06" + "68656c6c6f" + "6869"
)
"""Unicast of C{hi} on the topic C{hello}, as an SDK sends it."""

messages = st.builds(
    ChannelMessage,
    st.integers(0, 0xFFFF),
    st.binary(min_size=32, max_size=32),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=60),
)


class ChannelMessageTests(SynchronousTestCase):
    """The frame that SDKs and nodes exchange."""

    def test_golden(self) -> None:
        """The example of the protocol comes out and is read."""
        message = ChannelMessage(REQUEST, SEQ, SUCCESS, encodeTopicBody("hello", b"hi"))
        self.assertEqual(message.encode(), GOLDEN)
        self.assertEqual(ChannelMessage.decode(GOLDEN), message)
        self.assertEqual(decodeTopicBody(message.data), ("hello", b"hi"))

    def test_goldenInAFrame(self) -> None:
        """It travels whole in a P2P frame."""
        self.assertEqual(
            RC2.encode(dialect.AMOP, UNICAST, 3, GOLDEN),
            bytes.fromhex("00000042000000000001000000000003") + GOLDEN,
        )

    def test_numbers(self) -> None:
        """Packet types, message types and result codes are those of the channel protocol."""
        self.assertEqual((UNICAST, MULTICAST), (0, 1))
        self.assertEqual((REQUEST, RESPONSE, MULTICAST_REQUEST), (0x30, 0x31, 0x35))
        self.assertEqual((SUCCESS, NODE_UNREACHABLE, NO_SUBSCRIBER), (0, 100, 104))

    def test_header(self) -> None:
        """Length, type, seq and result stand in this order; the result has a sign."""
        frame = ChannelMessage(RESPONSE, bytes(range(32)), -2, b"").encode()
        self.assertEqual(frame.hex(), "0000002a0031" + bytes(range(32)).hex() + "fffffffe")
        self.assertEqual(ChannelMessage.decode(frame).result, -2)

    def test_shorterThanItsHeader(self) -> None:
        """What has not even a header is refused with both lengths."""
        for size in (0, 1, 4, 41):
            error = self.assertRaises(MalformedMessage, ChannelMessage.decode, GOLDEN[:size])
            self.assertIn(f"{size} bytes", str(error))
            self.assertIn("42", str(error))

    def test_headerAlone(self) -> None:
        """42 bytes are a message without data."""
        frame = b"\0\0\0\x2a" + GOLDEN[4:42]
        self.assertEqual(ChannelMessage.decode(frame).data, b"")

    def test_declaresAnotherLength(self) -> None:
        """A message must be as long as it says."""
        for length in (0, 42, 49, 51, 2**32 - 1):
            frame = length.to_bytes(4, "big") + GOLDEN[4:]
            error = self.assertRaises(MalformedMessage, ChannelMessage.decode, frame)
            self.assertIn(f"declares {length} bytes", str(error))
            self.assertIn("50", str(error))

    @MODEST
    @given(messages)
    def test_everyMessageSurvives(self, message: ChannelMessage) -> None:
        """What is encoded is decoded."""
        self.assertEqual(ChannelMessage.decode(message.encode()), message)

    @MODEST
    @given(messages, st.binary(min_size=1, max_size=5))
    def test_noOtherLengthIsTaken(self, message: ChannelMessage, more: bytes) -> None:
        """Neither a part of a message nor more than it is a message."""
        frame = message.encode()
        self.assertRaises(MalformedMessage, ChannelMessage.decode, frame + more)
        self.assertRaises(MalformedMessage, ChannelMessage.decode, frame[: -len(more)])


class TopicBodyTests(SynchronousTestCase):
    """Topic and content."""

    def test_lengthCountsItself(self) -> None:
        """The first byte counts the topic and itself."""
        self.assertEqual(encodeTopicBody("hello", b"hi"), b"\x06hellohi")
        self.assertEqual(decodeTopicBody(b"\x06hellohi"), ("hello", b"hi"))

    def test_emptyTopicAndContent(self) -> None:
        """Either may be empty."""
        self.assertEqual(encodeTopicBody("", b""), b"\x01")
        self.assertEqual(decodeTopicBody(b"\x01"), ("", b""))
        self.assertEqual(decodeTopicBody(b"\x01hi"), ("", b"hi"))
        self.assertEqual(decodeTopicBody(b"\x03hi"), ("hi", b""))

    def test_longestTopic(self) -> None:
        """254 bytes of topic make the length byte 255; one more is refused."""
        body = encodeTopicBody("x" * 254, b"hi")
        self.assertEqual(body, b"\xff" + b"x" * 254 + b"hi")
        self.assertEqual(decodeTopicBody(body), ("x" * 254, b"hi"))
        self.assertRaises(EncodingError, encodeTopicBody, "x" * 255, b"hi")

    def test_topicWithTab(self) -> None:
        """A topic that nobody could follow is not written."""
        self.assertRaises(EncodingError, encodeTopicBody, "a\tb", b"")

    def test_noTopic(self) -> None:
        """A missing length byte, one of zero, and one that points behind the end are refused."""
        for body in (b"", b"\0", b"\0hello", b"\x02", b"\x07hello", b"\xff" + bytes(253)):
            error = self.assertRaises(MalformedMessage, decodeTopicBody, body)
            self.assertIn(f"{len(body)} bytes", str(error))
            self.assertEqual(decodeAnswer(body), body)

    def test_contentOfAnAnswer(self) -> None:
        """It is what is behind the topic, if there is one."""
        self.assertEqual(decodeAnswer(b"\x06hellohi"), b"hi")
        self.assertEqual(decodeAnswer(b"ok"), b"ok")

    @MODEST
    @given(st.binary(max_size=254).filter(lambda name: b"\t" not in name), st.binary(max_size=40))
    def test_everyBodySurvives(self, name: bytes, content: bytes) -> None:
        """Any topic and any content come out as they went in."""
        topic = topicText(name)
        self.assertEqual(decodeTopicBody(encodeTopicBody(topic, content)), (topic, content))

    @MODEST
    @given(st.binary(max_size=300))
    def test_anyBytes(self, data: bytes) -> None:
        """Whatever comes is a body of just these bytes, or refused."""
        try:
            topic, content = decodeTopicBody(data)
        except MalformedMessage:
            return
        name = topic.encode("utf-8", "surrogateescape")
        self.assertEqual(bytes((len(name) + 1,)) + name + content, data)
