"""Whatever a peer sends, it is a message, or an error that names what is wrong with it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

from cramjam import snappy
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import (
    EncodingError,
    FrameTooLong,
    FrameTooShort,
    MalformedMessage,
    UndecodablePayload,
    WireError,
)
from fiscop2p.reasons import CloseReason
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire import compression
from fiscop2p.wire.amop import ChannelMessage, decodeTopicBody, encodeTopicBody
from fiscop2p.wire.blocksync import STATUS, SyncStatus, packetKind
from fiscop2p.wire.compression import decompress
from fiscop2p.wire.dialect import (
    AMOP,
    BLOCK_SYNC,
    COMPRESSED,
    NODE_STATUS,
    PBFT,
    RC1,
    RC2,
    TOPIC,
    Dialect,
)
from fiscop2p.wire.frames import FrameEncoder
from fiscop2p.wire.rlp import decodeStrings, encodeStrings, measure
from fiscop2p.wire.syncing import decodeState, decodeTopics
from tests.messages import MessageParser, Said
from tests.wire.test_blocksync import KNOWN

PROFILE = settings(max_examples=400, deadline=None, derandomize=True)

FEWER = settings(PROFILE, max_examples=120)

APPLICATION = RC2.protocolID(1, 1000)

FIELDS = {RC1: struct.Struct(">hHI"), RC2: struct.Struct(">iHI")}


def numbers(bits: int, signed: bool = False) -> st.SearchStrategy[int]:
    """All numbers of a field."""
    least = -(1 << bits - 1) if signed else 0
    return st.integers(least, least + (1 << bits) - 1)


dialects = st.sampled_from((RC1, RC2))
payloads = st.binary(max_size=30) | st.binary(max_size=3).map(lambda part: part * 700)
telling = st.lists(
    st.sampled_from(b"\x00\x01\x37\x38\x7f\x80\x81\xb7\xb8\xb9\xc0\xc1\xf8\xff07\t []{}"),
    max_size=5,
).map(bytes)
noises = st.binary(max_size=80) | telling
damages = st.lists(st.tuples(numbers(12), st.integers(0, 3), noises | telling), max_size=3)
cuts = st.lists(st.integers(0, 400), max_size=12)


def damage(data: bytes, where: list[tuple[int, int, bytes]]) -> bytes:
    """Put some bytes in the place of some others."""
    for start, removed, put in where:
        start %= len(data) + 1
        data = data[:start] + put + data[start + removed :]
    return data


def messages(dialect: Dialect) -> st.SearchStrategy[Said]:
    """All messages that a dialect has a frame for."""
    protocolIDs = numbers(FIELDS[dialect].size * 8 - 48, signed=True)
    return st.tuples(protocolIDs, numbers(16), numbers(32), payloads)


def packed(message: Said) -> bytes:
    """A frame that is compressed, however short."""
    *numbers, payload = message
    return RC2.encode(*numbers, bytes(snappy.compress_raw(payload)), COMPRESSED)


def streams(dialect: Dialect) -> st.SearchStrategy[bytes]:
    """Frames, alone and in runs, compressed or claimed to be, and bytes that are no frames."""
    frame = messages(dialect).map(lambda message: b"".join(FrameEncoder(dialect)(*message)))
    if dialect is RC2:
        frame |= messages(RC2).map(packed)
    claimed = st.binary(max_size=20).map(lambda block: RC2.encode(1, 0, 2, block, COMPRESSED))
    piece = st.one_of(
        frame,
        st.tuples(frame, st.integers(2, 9)).map(lambda run: run[0] * run[1]),
        claimed,
        st.binary(max_size=40).map(lambda rest: b"\0\0\0" + rest),
        st.binary(max_size=40),
    )
    return st.lists(piece, max_size=5).map(b"".join)


def readPlainly(
    dialect: Dialect, stream: bytes, limit: int
) -> tuple[list[Said], type[WireError] | None, bytes]:
    """The frames of a stream, its first fault, and what is left: read as the header is defined."""
    said: list[Said] = []
    while len(stream) >= dialect.headerSize:
        length = int.from_bytes(stream[:4], "big")
        if length > limit:
            return said, FrameTooLong, stream
        if length < dialect.headerSize:
            return said, FrameTooShort, stream
        if length > len(stream):
            break
        header, payload = stream[: dialect.headerSize], stream[dialect.headerSize : length]
        stream = stream[length:]
        if dialect is RC2 and header[4] & 0x80:
            try:
                payload = decompress(payload, limit)
            except WireError as error:
                return said, type(error), stream
        fields = FIELDS[dialect]
        said.append((*fields.unpack(header[-fields.size :]), payload))
    return said, None, stream


class FrameTests(SynchronousTestCase):
    """Streams of bytes."""

    @PROFILE
    @given(dialects, st.sampled_from((64, 300, 5000)), damages, cuts, st.data())
    def test_anyStreamInAnyChunks(
        self,
        dialect: Dialect,
        limit: int,
        where: list[tuple[int, int, bytes]],
        ends: list[int],
        data: st.DataObject,
    ) -> None:
        """The parser reads what a plain one reads, finds the same fault, and holds the rest."""
        stream = damage(data.draw(streams(dialect)), where)
        expected, expectedFault, rest = readPlainly(dialect, stream, limit)
        parser = MessageParser(dialect, limit)
        said: list[Said] = []
        fault: type[WireError] | None = None
        try:
            for start, end in pairwise([0, *sorted(ends), max(len(stream), *ends, 0)]):
                for message in parser.feed(stream[start:end]):
                    said.append(message)
                self.assertLessEqual(parser.held, min(end, limit))
        except WireError as error:
            fault = type(error)
            self.assertGreater(len(str(error)), 20)
        self.assertEqual((said, fault), (expected, expectedFault))
        if fault is None:
            self.assertIn(parser.held, (len(rest), len(rest) - dialect.headerSize))

    @PROFILE
    @given(dialects, st.booleans(), st.data())
    def test_everyField(self, dialect: Dialect, compressing: bool, data: st.DataObject) -> None:
        """Any message that has a frame comes back from it."""
        message = data.draw(messages(dialect))
        encoded = b"".join(FrameEncoder(dialect, compressing)(*message))
        self.assertEqual(list(MessageParser(dialect).feed(encoded)), [message])

    @PROFILE
    @given(dialects, numbers(40, signed=True), numbers(20, signed=True), numbers(40, signed=True))
    def test_anyNumbers(self, dialect: Dialect, protocolID: int, packetType: int, seq: int) -> None:
        """Numbers fit the header, or are refused."""
        message = protocolID, packetType, seq, b"x"
        try:
            encoded = b"".join(FrameEncoder(dialect)(*message))
        except EncodingError:
            bits = FIELDS[dialect].size * 8 - 49
            fits = -(1 << bits) <= protocolID < 1 << bits
            self.assertFalse(fits and 0 <= packetType < 1 << 16 and 0 <= seq < 1 << 32)
        else:
            self.assertEqual(list(MessageParser(dialect).feed(encoded)), [message])


class SmallRooms:
    """Snappy that makes no more room than a block can fill."""

    decompress_raw_len = staticmethod(snappy.decompress_raw_len)

    @staticmethod
    def decompress_raw(block: bytes) -> bytes:
        assert snappy.decompress_raw_len(block) <= 22 * len(block)
        return bytes(snappy.decompress_raw(block))


class CompressionTests(SynchronousTestCase):
    """Snappy blocks."""

    @PROFILE
    @given(noises, payloads, damages)
    def test_anyBlock(
        self, noise: bytes, payload: bytes, where: list[tuple[int, int, bytes]]
    ) -> None:
        """A block is no longer than the limit once it is decompressed, or refused."""
        for block in (noise, damage(bytes(snappy.compress_raw(payload)), where)):
            try:
                self.assertLessEqual(len(decompress(block, 1000)), 1000)
            except (FrameTooLong, UndecodablePayload):
                pass

    @PROFILE
    @given(st.integers(0, 3000) | numbers(32), st.binary(max_size=60))
    def test_bombs(self, size: int, elements: bytes) -> None:
        """Whatever size a few bytes declare, room is made for what they can hold at most."""
        self.patch(compression, "snappy", SmallRooms)
        varint = b""
        while size > 0x7F:
            varint, size = varint + bytes((size & 0x7F | 0x80,)), size >> 7
        try:
            decompress(varint + bytes((size,)) + elements, 100 * 1024 * 1024)
        except (FrameTooLong, UndecodablePayload):
            pass


def channelMessage(frame: bytes) -> bytes:
    """Read an AMOP message, and write it again."""
    return ChannelMessage.decode(frame).encode()


def topicBody(data: bytes) -> bytes:
    """Read the topic and the content of an AMOP message, and write them again."""
    topic, content = decodeTopicBody(data)
    name = topic.encode("utf-8", "surrogateescape")
    return bytes((len(name) + 1,)) + name + content


def rlpStrings(content: bytes) -> bytes:
    """Read the content of an RLP list, and write it again."""
    encoded = encodeStrings(decodeStrings(content, 9))
    return encoded[measure(encoded, 0)[1] :]


def syncStatus(payload: bytes) -> bytes:
    """Read a block sync status, and write it again."""
    if packetKind(payload) != STATUS:
        raise MalformedMessage("another kind")
    return SyncStatus.decode(payload).encode()


def topicState(payload: bytes) -> bytes:
    """Read a seq and topics, and write them again; a seq may have zeros before it."""
    seq, state = decodeState(payload)
    names = [name.encode("utf-8", "surrogateescape") for name in decodeTopics(state)]
    return b"\t".join((b"%0*d" % (len(payload.partition(b"\t")[0]), seq), *names))


class PayloadTests(SynchronousTestCase):
    """What modules read from payloads."""

    known: tuple[tuple[Callable[[bytes], bytes], bytes], ...] = (
        (channelMessage, ChannelMessage(0x30, b"0" * 32, 0, b"x").encode()),
        (topicBody, encodeTopicBody("orders", b"1 apple")),
        (topicState, b"7\torders\tweather"),
        (rlpStrings, b"\x83cat\x05\x80\xb8\x38" + bytes(56)),
        (syncStatus, KNOWN),
    )

    @PROFILE
    @given(st.none() | noises, damages)
    def test_anyPayload(self, said: bytes | None, where: list[tuple[int, int, bytes]]) -> None:
        """A payload is malformed, or all of it was understood: it can be written again."""
        for rewrite, good in self.known:
            payload = damage(good, where) if said is None else said
            try:
                self.assertEqual(rewrite(payload), payload)
            except MalformedMessage:
                self.assertNotEqual(payload, good)


texts = noises | st.tuples(
    st.sampled_from(
        (
            b"5",
            b"4294967295",
            b"1\torders",
            b'{"height":12}',
            KNOWN,
            ChannelMessage(0x30, b"0" * 32, 0, encodeTopicBody("orders", b"1 apple")).encode(),
            ChannelMessage(0x35, b"0" * 32, 0, encodeTopicBody("orders", b"1 apple")).encode(),
        )
    ),
    damages,
).map(lambda pair: damage(*pair))
spoken = st.tuples(
    st.sampled_from(
        (AMOP, TOPIC, NODE_STATUS, 1 << 16 | BLOCK_SYNC, 1 << 16 | PBFT, APPLICATION)
    ).flatmap(lambda protocolID: st.sampled_from((protocolID, protocolID, -protocolID)))
    | numbers(32, signed=True),
    st.integers(0, 4) | numbers(16),
    st.integers(0, 9) | numbers(32),
    texts | payloads,
).map(lambda message: b"".join(FrameEncoder(RC2)(*message)))


class LiveTests(SynchronousTestCase):
    """A node whose peer says anything."""

    @FEWER
    @given(st.lists(st.tuples(spoken, st.sampled_from((0, 0.5, 6))), max_size=12), texts, noises)
    def test_anyConversation(
        self, said: list[tuple[bytes, float]], state: bytes, last: bytes
    ) -> None:
        """A bad peer costs itself the link, for a bad frame; all else goes on, for it as well."""
        network = MemoryNetwork(3)
        try:
            self.converse(network, said, state, last)
        finally:
            network.stop()

    def converse(
        self, network: MemoryNetwork, said: list[tuple[bytes, float]], state: bytes, last: bytes
    ) -> None:
        """Let one node say it to another, and look at all three."""
        bad, node, other = network.nodes
        node.handle(APPLICATION, lambda message: message.payload)
        node.subscribe("orders", lambda message: message.payload)
        bad._status.sync.change(lambda: state)
        bad._topics.sync.change(lambda: state)
        network.advance(2)
        link, bystander = (node.registry.session(peer.nodeID) for peer in (bad, other))
        mouth = bad.registry.session(node.nodeID)
        for frame, pause in said:
            mouth.write(0, (frame, b""))
            network.advance(pause)
            self.assertIsNone(link.closeReason)
        mouth.write(0, (last, b""))
        network.advance(1)
        self.assertIn(link.closeReason, (None, CloseReason.BAD_FRAME))
        self.assertIsNone(bystander.closeReason)
        if link.closeReason is None:
            # What it began to say may last for long: so it begins anew.
            mouth.abort(CloseReason.STOPPED)
        network.advance(30)
        for peer in (bad, other):
            answer = peer.request(node.nodeID, b"still there?", protocolID=APPLICATION)
            network.advance(1)
            self.assertEqual(self.successResultOf(answer), b"still there?")
        self.assertEqual(self.flushLoggedErrors(), [])
