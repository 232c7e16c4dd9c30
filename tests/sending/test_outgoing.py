"""The way out: whatever is sent how, it arrives once, in order, and is counted."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.sending.outbox import LARGE, MOST_LARGER, MOST_UNKNOWN, SMALL, Outbox
from fiscop2p.service import P2PService
from fiscop2p.settings import Overflow, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire import frames
from fiscop2p.wire.dialect import COMPRESSED, RC1, RC2
from tests.noroom import noRoomForFrames
from tests.test_service import NetworkTestCase

LAST_SEQ = (1 << 32) - 1
NOISE = Random(4).randbytes(70_000)

PLAIN, ANSWERED, LATER, ECHOED = range(4)
"""Packet types: what the handler does with a message."""

MANY, TOPIC = 100, 101
"""What messages count as that are taken together, or are of a topic."""

SIZES = st.sampled_from((8, 8, 8, 60, 1023, 1024, 1025, SMALL, SMALL + 1, 40_000))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("send", "send", "many", "many", "request", "broadcast", "module", "multicast", "turn")
        ),
        st.integers(0, 2),  # who
        st.integers(1, 2),  # to whom, from there on
        st.sampled_from((1, 1, 2, 15, 16, 17, 90)),  # how often
        SIZES,
        st.sampled_from((PLAIN, PLAIN, ANSWERED, LATER, ECHOED)),
        st.booleans(),  # to the handler that takes many
    ),
    max_size=25,
)


class Mix:
    """
    Three nodes, and what each has sent to each other one, and heard from it.

    @ivar nodes: they follow the topic C{t}, and take C{protocolID} singly, the next one together.
    """

    def __init__(self, settings: Settings, tls: str | None = None) -> None:
        self.network = MemoryNetwork(3, settings=settings, tls=tls)
        self.nodes = self.network.nodes
        self.protocolID = 5 if settings.dialect is RC1 else self.nodes[0].protocolID(1, 1000)
        self.sent: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self.heard: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self.answers: list[tuple[bytes, Deferred[bytes]]] = []
        self.number = 0
        for node in self.nodes:
            self.listen(node)
            for other in self.nodes:
                self.sent[node.nodeID, other.nodeID] = []
                self.heard[node.nodeID, other.nodeID] = []
        self.network.advance(2)

    def listen(self, node: P2PService) -> None:
        def heard(message: Message) -> Any:
            self.heard[message.sender, node.nodeID].append((message.packetType, message.payload))
            if message.packetType == ECHOED:
                self.send(node, message.sender, len(message.payload), PLAIN)
            elif message.packetType == LATER:
                later: Deferred[bytes] = Deferred()
                self.network.clock.callLater(0.01, later.callback, message.payload[::-1])
                return later
            return message.payload[::-1] if message.packetType == ANSWERED else None

        def heardMany(sender: str, payloads: list[bytes]) -> None:
            self.heard[sender, node.nodeID] += [(MANY, payload) for payload in payloads]

        def followed(message: Message) -> None:
            if message.sender != node.nodeID:
                self.heard[message.sender, node.nodeID].append((TOPIC, message.payload))

        node.handle(self.protocolID, heard)
        node.handleMany(self.protocolID + 1, heardMany)
        node.subscribe("t", followed)

    def payload(self, size: int) -> bytes:
        """A payload that no other is like."""
        self.number += 1
        filling = NOISE if self.number % 3 else bytes(size)
        return self.number.to_bytes(8, "big") + filling[: size - 8]

    def send(self, node: P2PService, to: str, size: int, packetType: int) -> None:
        payload = self.payload(size)
        node.send(to, payload, protocolID=self.protocolID, packetType=packetType)
        self.sent[node.nodeID, to].append((packetType, payload))

    def do(
        self, kind: str, who: int, further: int, times: int, size: int, packetType: int, many: bool
    ) -> None:
        """Take a step."""
        node, to = self.nodes[who], self.nodes[(who + further) % 3].nodeID
        protocolID = self.protocolID + many
        if kind == "turn":
            self.network.advance(0)
        elif kind == "many":
            payloads = [self.payload(size) for _ in range(times)]
            sent = node.sendMany(to, payloads, protocolID=protocolID, packetType=packetType)
            assert sent == times
            what = MANY if many else packetType
            self.sent[node.nodeID, to] += [(what, payload) for payload in payloads]
        elif kind == "request":
            for _ in range(times):
                payload = self.payload(size)
                kindOfAnswer = ANSWERED if packetType == PLAIN else packetType
                self.sent[node.nodeID, to].append((kindOfAnswer, payload))
                done = node.request(
                    to, payload, protocolID=self.protocolID, packetType=kindOfAnswer, timeout=3
                )
                done.addErrback(lambda _: None)  # An echo is no answer.
                self.answers.append((b"" if kindOfAnswer == ECHOED else payload[::-1], done))
        else:
            for _ in range(times):
                if kind == "send":
                    payload = self.payload(size)
                    node.send(to, payload, protocolID=protocolID, packetType=packetType)
                    self.sent[node.nodeID, to].append((MANY if many else packetType, payload))
                    continue
                payload = self.payload(min(size, 5000))
                if kind == "broadcast":
                    what = MANY if many else PLAIN
                    assert node.broadcast(payload, protocolID=protocolID) == 2
                elif kind == "module":
                    what = MANY if many else PLAIN
                    assert node.multicast("t", payload, protocolID=protocolID) == 2
                else:
                    what = TOPIC
                    assert node.multicast("t", payload) == 3
                for other in self.nodes:
                    if other is not node:
                        self.sent[node.nodeID, other.nodeID].append((what, payload))

    def look(self) -> None:
        """See that everything has arrived as it was sent, and was counted at both ends."""
        self.network.advance(4)
        for link, sent in self.sent.items():
            assert self.heard[link] == sent, "not what was sent"
        for answer, done in self.answers:
            assert (done.result or b"") == answer, "not its answer"
        sessions = {
            (node.nodeID, session.nodeID): session
            for node in self.nodes
            for session in node.registry.sessions
        }
        assert len(sessions) == 6
        for (one, other), session in sessions.items():
            ours, theirs = session.counts, sessions[other, one].counts
            assert ours.framesSent == theirs.framesReceived
            assert ours.bytesSent == theirs.bytesReceived
        totals = {name: [0, 0, 0, 0] for node in self.nodes for name in node.traffic.modules}
        for node in self.nodes:
            for name, volume in node.traffic.modules.items():
                total = totals[name]
                total[0] += volume.framesSent
                total[1] += volume.bytesSent
                total[2] += volume.framesReceived
                total[3] += volume.bytesReceived
        for name, total in totals.items():
            assert total[:2] == total[2:], name
        for node in self.nodes:
            volumes = node.traffic.modules.values()
            assert sum(each.bytesSent for each in volumes) == node.links.counts.bytesSent
            assert sum(each.framesSent for each in volumes) == node.links.counts.framesSent


class MixTests(SynchronousTestCase):
    """Messages of all kinds, in any order and of any size."""

    def play(self, steps: list[tuple[Any, ...]], chosen: Settings, tls: str | None = None) -> None:
        mix = Mix(chosen, tls)
        for node in mix.nodes:
            # So the seqs begin again in the midst of it.
            node.links._nextSeq = LAST_SEQ - 40
        try:
            for step in steps:
                mix.do(*step)
            mix.look()
        finally:
            mix.network.stop()

    @settings(max_examples=50, deadline=None, derandomize=True)
    @given(
        STEPS,
        st.sampled_from((RC1, RC2)),
        st.booleans(),
        st.sampled_from(Overflow),
        st.sampled_from((None, 1e12)),
    )
    def test_onceAndInOrder(
        self,
        steps: list[tuple[Any, ...]],
        dialect: Any,
        compress: bool,
        overflow: Overflow,
        bandwidth: float | None,
    ) -> None:
        """Each node hears what each other one has sent to it once, and in order."""
        chosen = Settings(
            dialect=dialect, compress=compress, overflow=overflow, outgoingBandwidth=bandwidth
        )
        self.play(steps, chosen)

    def test_overTLS(self) -> None:
        """The same where messages are decrypted into a buffer that is used again."""
        chance = Random(3)
        steps = [
            (
                chance.choice(("send", "many", "request", "broadcast", "multicast")),
                chance.randrange(3),
                chance.randint(1, 2),
                chance.choice((1, 20, 300)),
                chance.choice((8, 60, 1024, 5000)),
                chance.randrange(4),
                chance.random() < 0.5,
            )
            for _ in range(40)
        ]
        self.play(steps, Settings(), "ssl")


class SeqTests(NetworkTestCase):
    """The seqs of frames."""

    def seqs(self) -> list[int]:
        """Note the seq of each message that C{b} gets."""
        seqs: list[int] = []

        def note(session, run) -> None:
            seqs.extend(run.seqs)

        self.b.links.handlers[self.protocolID] = note
        return seqs

    def test_wrap(self) -> None:
        """After the last one comes 2 again, singly and by the thousand; none comes twice."""
        for before in (0, 1, 2, 700, 1023, 1024, 1025):
            seqs = self.seqs()
            self.a.links._nextSeq = LAST_SEQ - before
            for number in range(1500):
                if number % 3:
                    self.a.send(self.b.nodeID, b"x", protocolID=self.protocolID)
                else:
                    self.a.broadcast(b"x", protocolID=self.protocolID)
            self.a.sendMany(self.b.nodeID, [b"x"] * 3000, protocolID=self.protocolID)
            self.advance(0)
            self.assertEqual(len(seqs), 4500)
            self.assertEqual(len(set(seqs)), 4500)
            self.assertTrue(min(seqs) >= 2 and max(seqs) <= LAST_SEQ)
            self.assertLess(sorted(seqs)[2000], 10_000)

    def test_last(self) -> None:
        """The last one is given, too."""
        self.a.links._nextSeq = LAST_SEQ - 1
        self.assertEqual([self.a.links.nextSeq() for _ in range(3)], [LAST_SEQ - 1, LAST_SEQ, 2])
        self.a.links._nextSeq = LAST_SEQ - 10
        self.assertEqual(self.a.links.takeSeqs(10), range(LAST_SEQ - 10, LAST_SEQ))
        self.assertEqual(self.a.links.takeSeqs(1), range(2, 3))


class PayloadTests(NetworkTestCase):
    """What may be sent."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []
        self.b.handle(self.protocolID, lambda message: self.got.append(message.payload))

    def test_onlyBytes(self) -> None:
        """Bytes may be sent, of any class of them; nothing else, whatever was sent before."""

        class Special(bytes):
            pass

        good = [b"first", Special(b"abc"), b"", b"last"]
        bad: list[Any] = ["abc", bytearray(b"abc"), memoryview(b"abc"), None, 5, [b"abc"]]
        for payload in good:
            self.a.send(self.b.nodeID, payload, protocolID=self.protocolID)
            for other in bad:
                for send in (self.a.send, self.a.request):
                    with self.assertRaises(EncodingError):
                        send(self.b.nodeID, other, protocolID=self.protocolID)
                with self.assertRaises(EncodingError):
                    self.a.sendMany(self.b.nodeID, [other], protocolID=self.protocolID)
                with self.assertRaises(EncodingError):
                    self.a.broadcast(other, protocolID=self.protocolID)
                with self.assertRaises(EncodingError):
                    self.a.multicast("t", other)
                with self.assertRaises(EncodingError):
                    self.a.requestTopic("t", other)
        sent = self.a.sendMany(self.b.nodeID, good, protocolID=self.protocolID)
        self.assertEqual(sent, len(good))
        self.advance()
        self.assertEqual(self.got, good + good)

    def test_badNumbers(self) -> None:
        """A number that does not fit is refused at once, between messages that do."""
        for protocolID, packetType in ((1 << 31, 0), (self.protocolID, 65536)):
            self.a.send(self.b.nodeID, b"before", protocolID=self.protocolID)
            with self.assertRaises(EncodingError):
                self.a.send(self.b.nodeID, b"x", protocolID=protocolID, packetType=packetType)
            self.a.send(self.b.nodeID, b"after", protocolID=self.protocolID)
        self.advance()
        self.assertEqual(self.got, [b"before", b"after"] * 2)

    def test_badNumbersOfLarger(self) -> None:
        """The same with payloads that are looked at, whether they shrink or not."""
        for payload in (NOISE[:5000], bytes(5000), NOISE[:LARGE], b"x"):
            for protocolID, packetType in ((1 << 31, 0), (self.protocolID, 65536)):
                self.a.send(self.b.nodeID, NOISE[:4000], protocolID=self.protocolID)
                with self.assertRaises(EncodingError):
                    self.a.send(
                        self.b.nodeID, payload, protocolID=protocolID, packetType=packetType
                    )
                self.a.send(self.b.nodeID, b"after", protocolID=self.protocolID)
        self.advance()
        self.assertEqual(self.got, [NOISE[:4000], b"after"] * 8)

    def test_tooLong(self) -> None:
        """What no frame may hold is refused, however it is sent; a byte less is sent."""
        for most in (500, 2000, LARGE, LARGE + 500):
            for compress in (True, False):
                self.sendLongest(most, Settings(maxFrameLength=most + 16, compress=compress))

    def sendLongest(self, most: int, chosen: Settings) -> None:
        network = MemoryNetwork(2, settings=chosen)
        self.addCleanup(network.stop)
        node, other = network.nodes
        got: list[bytes] = []
        other.handle(self.protocolID, lambda message: got.append(message.payload))
        network.advance(2)
        longest = NOISE[:most]
        for payload in (b"short", longest, longest):
            node.send(other.nodeID, payload, protocolID=self.protocolID)
            for tooLong in (NOISE[: most + 1], bytes(most + 1)):
                with self.assertRaises(EncodingError):
                    node.send(other.nodeID, tooLong, protocolID=self.protocolID)
                with self.assertRaises(EncodingError):
                    node.broadcast(tooLong, protocolID=self.protocolID)
        node.broadcast(longest, protocolID=self.protocolID)
        network.advance(0)
        self.assertTrue(got == [b"short", *[longest] * 3])

    def test_sendsWhileItIsAsked(self) -> None:
        """What gives the payloads may send others meanwhile; those come before."""

        def payloads():
            yield b"1"
            self.a.send(self.b.nodeID, b"other", protocolID=self.protocolID, packetType=3)
            yield b"2"

        self.a.send(self.b.nodeID, b"0", protocolID=self.protocolID)
        self.a.sendMany(self.b.nodeID, payloads(), protocolID=self.protocolID)
        self.a.send(self.b.nodeID, b"3", protocolID=self.protocolID)
        self.advance()
        self.assertEqual(self.got, [b"0", b"other", b"1", b"2", b"3"])


class NoRoomTests(NetworkTestCase):
    """There is no memory for frames, for once."""

    def test_posted(self) -> None:
        """Who sends next is told, and what was sent before is not lost."""
        got: list[bytes] = []
        for node in (self.b, self.c):
            node.handle(self.protocolID, lambda message: got.append(message.payload))
        sent = [b"%d" % number for number in range(100)]
        for payload in sent:
            self.a.send(self.b.nodeID, payload, protocolID=self.protocolID)
        with noRoomForFrames(self.a), self.assertRaises(MemoryError):
            self.a.request(self.b.nodeID, b"?", protocolID=self.protocolID)
        self.a.send(self.b.nodeID, b"last", protocolID=self.protocolID)
        self.advance()
        self.assertEqual(got, [*sent, b"last"])

    def test_atTheEndOfATurn(self) -> None:
        """The link for which there is none ends, and no other."""
        got: list[bytes] = []
        self.c.handle(self.protocolID, lambda message: got.append(message.payload))
        for to in (self.b, self.c):
            for payload in (b"1", b"2"):
                self.a.send(to.nodeID, payload, protocolID=self.protocolID)
        with noRoomForFrames(self.a):
            self.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        self.assertNotIn(self.b.nodeID, self.a.registry)
        self.assertEqual(got, [b"1", b"2"])


class CompressionTests(NetworkTestCase):
    """What is compressed of messages that go one way."""

    def packetTypes(self, sizes: dict[int, bytes]) -> list[int]:
        """Send such payloads; tell the packet types of those that were compressed."""
        compressed: list[int] = []
        session = self.a.registry.session(self.b.nodeID)
        put = session._outbox.append

        def note(buffer: bytes) -> None:
            position = 0
            while position < len(buffer):
                length, version, _, packetType, _ = RC2.layout.unpack_from(buffer, position)
                if version == COMPRESSED:
                    compressed.append(packetType)
                position += length
            put(buffer)

        session.gather()
        with patch.object(Outbox, "append", lambda outbox, buffer: note(buffer)):
            for packetType, payload in sizes.items():
                self.a.send(
                    self.b.nodeID, payload, protocolID=self.protocolID, packetType=packetType
                )
            session.gather()
        return compressed

    def test_whatShrinks(self) -> None:
        """Of messages of any size those that shrink are compressed, and no others."""
        small, plain = bytes(1024), NOISE[:2000]
        payloads = [small, bytes(1025), plain, bytes(LARGE - 1), bytes(LARGE), small, bytes(3000)]
        self.assertEqual(self.packetTypes(dict(enumerate(payloads))), [1, 3, 4, 6])
        got: list[bytes] = []
        self.b.handle(self.protocolID, lambda message: got.append(message.payload))
        self.advance(0)
        self.assertEqual(got, payloads)

    def test_triedNowAndThen(self) -> None:
        """After 8 that have not shrunk, every 16th is tried; once one shrinks, all are."""
        for number in range(8):
            self.assertEqual(self.packetTypes({number: NOISE[number : number + 5000]}), [])
        for _ in range(2):
            with patch.object(frames, "compress", wraps=frames.compress) as compress:
                self.assertEqual(self.packetTypes(dict.fromkeys(range(32), NOISE[:5000])), [])
            self.assertEqual(compress.call_count, 2)
        shrinking = self.packetTypes({number: bytes(5000) for number in range(32)})
        self.assertEqual(shrinking, [*range(8, 32)])


class QueueTests(SynchronousTestCase):
    """What waits for a peer that does not read."""

    def slowReader(self, chosen: Settings = Settings()) -> tuple[P2PService, str, int, Any]:  # noqa: B008
        """Give a node, the ID of a peer that reads nothing, a protocolID, and the link to it."""
        network = MemoryNetwork(2, settings=chosen)
        self.addCleanup(network.stop)
        network.advance(2)
        node, reader = network.nodes
        session: Any = node.registry.session(reader.nodeID)
        session.pauseProducing()
        return node, reader.nodeID, node.protocolID(1, 1000), session

    def buffers(self, send: Any, overflow: Overflow) -> float:
        """In how many buffers a message waits."""
        node, reader, protocolID, session = self.slowReader(Settings(overflow=overflow))
        for number in range(4000):
            send(node, reader, protocolID, number)
        self.assertEqual(session.queued, 4000 * 116)
        outbox = session._outbox
        return len(getattr(outbox, "_whole", outbox._buffers)) / 4000

    def test_kindsByTurns(self) -> None:
        """Messages of two kinds that alternate are joined as those of one kind are."""

        def packetTypes(node, to, protocolID, number) -> None:
            node.send(to, bytes(100), protocolID=protocolID, packetType=number % 2)

        def protocolIDs(node, to, protocolID, number) -> None:
            node.send(to, bytes(100), protocolID=protocolID + number % 2)

        def andRequests(node, to, protocolID, number) -> None:
            if number % 2:
                node.send(to, bytes(100), protocolID=protocolID)
            else:
                node.ask(to, bytes(100), str, str, protocolID=protocolID)

        def andBroadcasts(node, to, protocolID, number) -> None:
            if number % 2:
                node.send(to, bytes(100), protocolID=protocolID)
            else:
                node.broadcast(bytes(100), protocolID=protocolID)

        for send in (packetTypes, protocolIDs, andRequests, andBroadcasts):
            for overflow in (Overflow.REFUSE, Overflow.DROP_OLDEST):
                self.assertLess(self.buffers(send, overflow), 0.01)

    def test_unseen(self) -> None:
        """No more waits without being looked at than may, whatever kinds alternate."""
        node, reader, protocolID, session = self.slowReader(Settings(compress=False))
        most = 0
        for number in range(3 * MOST_UNKNOWN):
            node.send(reader, bytes(SMALL), protocolID=protocolID + number // 15 % 2)
            waiting = len(session._outgoing) // 2 + len(session.posting.payloads)
            most = max(most, waiting)
        self.assertEqual(session.queued, 3 * MOST_UNKNOWN * (SMALL + 16))
        self.assertLessEqual(most, MOST_UNKNOWN + 16)

    def test_notCopied(self) -> None:
        """A large message that does not shrink waits as it is."""
        node, reader, protocolID, session = self.slowReader()
        for size in (LARGE, LARGE + 1000):
            payload = NOISE[:size]
            for before in range(2):
                for _ in range(before):
                    node.send(reader, b"before", protocolID=protocolID)
                node.send(reader, payload, protocolID=protocolID)
                session.gather()
                self.assertIs(session._outbox._buffers[-1].obj, payload)

    def test_unseenOfAnySize(self) -> None:
        """The same where larger ones are among them that do not shrink."""
        node, reader, protocolID, session = self.slowReader()
        # The last one that fits is a larger one.
        sizes = (10, 10, 10, 1025, 10, 20, 10, 10, 10, 10)
        many = larger = 0
        for number in range(3 * MOST_UNKNOWN):
            node.send(reader, NOISE[: sizes[number % 10]], protocolID=protocolID)
            many = max(many, len(session.posting.payloads))
        session.gather()
        for _ in range(100):
            node.send(reader, NOISE[:20_000], protocolID=protocolID)
            larger = max(larger, sum(map(len, session.posting.payloads)))
        self.assertLessEqual(many, MOST_UNKNOWN + 1)
        self.assertLess(larger, MOST_LARGER)
        self.assertGreater(larger, MOST_LARGER - 30_000)

    def test_unseenOfMany(self) -> None:
        """The same of messages that C{sendMany} is given and has to look at one by one."""
        node, reader, protocolID, session = self.slowReader()
        most = 0

        class Bytes(bytes):
            """Not bytes themselves: they are not taken together."""

        def payloads() -> Iterator[bytes]:
            nonlocal most
            for _ in range(3 * MOST_UNKNOWN):
                most = max(most, len(session.posting.payloads))
                yield Bytes(10)

        # Those of the next thousand are asked for before these are posted.
        for _ in range(3):
            node.sendMany(reader, payloads(), protocolID=protocolID)
        self.assertLess(most, MOST_UNKNOWN)

    def test_posting(self) -> None:
        """More of the kind that was sent last can be appended, until the link ends."""
        node, reader, protocolID, session = self.slowReader()
        posting = session.posting
        node.send(reader, b"first", protocolID=protocolID, packetType=3)
        self.assertEqual((posting.protocolID, posting.packetType), (protocolID, 3))
        self.assertEqual(posting.most, 1024)
        self.assertEqual(posting.payloads, [b"first"])
        session.abort(CloseReason.LOST)
        self.assertEqual(posting.payloads, [])
        self.assertLess(posting.most, 0)
