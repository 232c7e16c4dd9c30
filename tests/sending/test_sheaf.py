"""
Tests for L{fiscop2p.sending.sheaf}, and for what L{fiscop2p.sending.turn} does with it.
"""

from __future__ import annotations

from random import Random
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, PeerBusy
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.sending import sheaf
from fiscop2p.sending.outbox import LARGE, MOST_LARGER, MOST_UNKNOWN
from fiscop2p.service import P2PService
from fiscop2p.settings import Overflow, Settings
from fiscop2p.testing import MemoryNetwork
from tests.noroom import noRoomForFrames

NOISE = Random(6).randbytes(64 * 1024)
MOST = 1 << 20

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("broadcast", "broadcast", "broadcast", "multicast"),
                *("send", "sendMany", "ask", "queued", "flush", "pause", "resume", "turn", "end"),
            )
        ),
        st.integers(0, 2),  # whose link, of what is done to one
        st.sampled_from((1, 1, 2, 9, 20)),  # how often
        st.sampled_from((4, 4, 2000, LARGE)),  # bytes
        st.integers(0, 1),  # the protocolID
    ),
    max_size=25,
)


class Spare:
    """Another link to a node, which takes what it is to share."""

    outbound = isHeard = True

    def __init__(self, nodeID: str) -> None:
        self.nodeID = nodeID
        self.shared: list[sheaf.Sheaf] = []

    def ping(self, callback: object) -> None:
        """Nobody answers."""

    def keep(self) -> None:
        """It is kept."""

    def share(self, shared: sheaf.Sheaf) -> bool:
        self.shared.append(shared)
        return True


class SheafTestCase(SynchronousTestCase):
    """A node with three peers, which note what they get."""

    overflow = Overflow.REFUSE
    most = MOST

    def setUp(self) -> None:
        settings = Settings(maxQueue=self.most, overflow=self.overflow)
        self.network = MemoryNetwork(4, settings=settings)
        self.addCleanup(self.network.stop)
        self.node, *self.peers = self.network.nodes
        self.protocolID = self.node.protocolID(1, 1000)
        self.got: dict[str, list[bytes]] = {}
        for peer in self.peers:
            self.listen(peer.nodeID, self.protocolID)
            self.listen(peer.nodeID, self.protocolID + 1)
        self.network.advance(2)
        self.sessions = [self.node.registry.session(peer.nodeID) for peer in self.peers]
        self.made: list[sheaf.Sheaf] = []
        made, begin = self.made, sheaf.Sheaf.__init__

        def note(self, *arguments) -> None:
            begin(self, *arguments)
            made.append(self)

        patcher = patch.object(sheaf.Sheaf, "__init__", note)
        patcher.start()
        self.addCleanup(patcher.stop)

    def listen(self, nodeID: str, protocolID: int) -> None:
        got = self.got.setdefault(nodeID, [])
        peer = next(peer for peer in self.peers if peer.nodeID == nodeID)

        def heard(message: Message) -> None:
            got.append(message.payload)

        peer.handle(protocolID, heard)

    def broadcast(self, *payloads: bytes, more: int = 0) -> int:
        """Broadcast, each to the same protocolID; tell how many the last one has reached."""
        reached = -1
        for payload in payloads:
            reached = self.node.broadcast(payload, protocolID=self.protocolID + more)
        return reached

    def sizes(self) -> list[int]:
        """How many messages there are in each sheaf that was made."""
        return [each.count or len(each.payloads) for each in self.made]

    def assertGot(self, *expected: bytes, by: int = 3) -> None:
        """See what the first peers have got, and that the others have got nothing."""
        self.network.advance(0)
        for index, peer in enumerate(self.peers):
            self.assertEqual(self.got[peer.nodeID], [*expected] if index < by else [])


class SharingTests(SheafTestCase):
    """What goes to the same links is queued once."""

    def test_oneForAll(self) -> None:
        """All broadcasts of a turn make one sheaf; every peer gets them in order."""
        payloads = [b"%d" % number for number in range(100)]
        self.assertEqual(self.broadcast(*payloads), 3)
        self.assertEqual(self.sizes(), [100])
        self.assertGot(*payloads)
        self.assertEqual(self.broadcast(b"x"), 3)
        self.assertEqual(self.sizes(), [100, 1])
        self.assertGot(*payloads, b"x")

    def test_oneBuffer(self) -> None:
        """The bytes that wait for slow peers are the same object; what is large is not copied."""
        for session in self.sessions:
            session.pauseProducing()
        large = bytes([1]) + NOISE[:LARGE]
        for payload in (b"small", large):
            self.broadcast(payload)
            self.network.advance(0)
            last = {id(session._outbox._buffers[-1].obj) for session in self.sessions}
            self.assertEqual(len(last), 1)
        self.assertEqual(last, {id(large)})
        for session in self.sessions:
            session.resumeProducing()
        self.assertGot(b"small", large)

    def test_whatShrinks(self) -> None:
        """What shrinks is compressed, and comes in its order."""
        payloads = [b"1", bytes(20_000), NOISE[:20_000], bytes(LARGE), b"5"]
        before = [session.counts.bytesSent for session in self.sessions]
        self.assertEqual(self.broadcast(*payloads), 3)
        self.assertGot(*payloads)
        for index, session in enumerate(self.sessions):
            self.assertLess(session.counts.bytesSent - before[index], 25_000)

    def test_packetTypes(self) -> None:
        """Each message has its own packet type, however many there are of one."""
        heard: list[int] = []
        peer = self.peers[0]
        peer.unhandle(self.protocolID)
        peer.handle(self.protocolID, lambda message: heard.append(message.packetType))
        expected = [1] * 10 + [2] * 10 + [3, 4, 3, 4]
        for packetType in expected:
            self.node.broadcast(b"x", protocolID=self.protocolID, packetType=packetType)
        self.network.advance(0)
        self.assertEqual(heard, expected)

    def test_badNumbers(self) -> None:
        """A number that does not fit is refused at once, with and without peers."""
        self.broadcast(b"1")
        for node in (self.node, MemoryNetwork(1).nodes[0]):
            for protocolID, packetType in ((1 << 31, 0), (self.protocolID, 65536), (0, 0)):
                with self.assertRaises(EncodingError):
                    node.broadcast(b"x", protocolID=protocolID, packetType=packetType)
        self.broadcast(b"2")
        self.assertGot(b"1", b"2")

    def test_counted(self) -> None:
        """It counts on every link, and in the traffic of its module."""
        before = [session.counts.framesSent for session in self.sessions]
        sizes = [session.counts.bytesSent for session in self.sessions]
        self.broadcast(*[b"12345678"] * 10)
        self.network.advance(0)
        for index, session in enumerate(self.sessions):
            self.assertEqual(session.counts.framesSent - before[index], 10)
            self.assertEqual(session.counts.bytesSent - sizes[index], 240)

    def test_enough(self) -> None:
        """So many, or so large, and another is begun; each is what the links look at."""
        self.broadcast(*[b"x"] * (MOST_UNKNOWN + 1))
        self.assertEqual(self.sizes(), [MOST_UNKNOWN, 1])
        self.network.advance(0)
        self.made.clear()
        size = 8 * 1024
        self.broadcast(*[NOISE[:size]] * (MOST_LARGER // size + 1))
        self.assertEqual(self.sizes(), [MOST_LARGER // size, 1])

    def test_queuedAndFlushed(self) -> None:
        """A link that tells how much is queued, or flushes, has all; what follows comes after."""
        self.broadcast(b"1")
        self.assertEqual(self.sessions[0].queued, 17)
        self.broadcast(b"2")
        self.sessions[1].flush()
        self.broadcast(b"3")
        self.assertGot(b"1", b"2", b"3")

    def test_counts(self) -> None:
        """Every frame is charged to the module it is of, whatever was sent before."""
        other = self.node.protocolID(1, 1001)
        before = {name: each.framesSent for name, each in self.node.traffic.modules.items()}
        self.node.send(self.peers[0].nodeID, b"x", protocolID=other)
        self.broadcast(*[b"x"] * 10)
        self.network.advance(0)
        sent = {
            name: each.framesSent - before.get(name, 0)
            for name, each in self.node.traffic.modules.items()
        }
        self.assertEqual(sorted(count for count in sent.values() if count), [1, 30])

    def test_joinedOnce(self) -> None:
        """What is in a sheaf is joined for the first link that needs it, and not again."""
        encode = self.node.links.encode
        with patch.object(encode, "together", wraps=encode.together) as together:
            self.broadcast(*[b"x"] * 10)
            self.network.advance(0)
        self.assertEqual(together.call_count, 1)
        self.assertEqual(self.made[0].payloads, [])

    def test_oneFails(self) -> None:
        """Where a link cannot take a broadcast for an error of ours, those before it have it."""

        def gather() -> None:
            raise MemoryError("no room")

        class Broken:
            share = staticmethod(lambda _: gather())

        sheaves = self.node.links.sheaves
        sessions = [*self.sessions[:2], Broken(), self.sessions[2]]
        with self.assertRaises(MemoryError):
            sheaves.send(dict(enumerate(sessions)), self.protocolID, 0, b"x")
        self.broadcast(b"y")
        self.network.advance(0)
        got = [self.got[peer.nodeID] for peer in self.peers]
        self.assertEqual(got, [[b"x", b"y"], [b"x", b"y"], [b"y"]])

    def test_bindFailsOnce(self) -> None:
        """Where there is no room for the frames, one link ends; the others get everything."""
        with noRoomForFrames(self.node):
            self.broadcast(*[b"x"] * 10)
            self.network.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        self.assertEqual([len(self.got[peer.nodeID]) for peer in self.peers], [0, 10, 10])

    def test_bindFailsWhileSending(self) -> None:
        """Where that happens to who sends something else, he is told, and nothing is lost."""
        to = self.peers[0].nodeID
        with noRoomForFrames(self.node):
            self.broadcast(*[b"x"] * 10)
            with self.assertRaises(MemoryError):
                self.node.send(to, b"y", protocolID=self.protocolID)
            self.node.send(to, b"z", protocolID=self.protocolID)
            self.network.advance(0)
        got = [self.got[peer.nodeID] for peer in self.peers]
        self.assertEqual(got, [[*[b"x"] * 10, b"z"], [b"x"] * 10, [b"x"] * 10])

    def test_shrinksAmongSmall(self) -> None:
        """What shrinks is compressed among what is small, too."""
        before = self.sessions[0].counts.bytesSent
        self.broadcast(b"1", bytes(2000), b"3")
        self.assertGot(b"1", bytes(2000), b"3")
        self.assertLess(self.sessions[0].counts.bytesSent - before, 300)

    def test_tooLong(self) -> None:
        """What fits no frame is refused among what does."""
        self.broadcast(b"1")
        node = self.another(Settings(maxFrameLength=1000))
        node.broadcast(b"1", protocolID=self.protocolID)
        with self.assertRaises(EncodingError):
            node.broadcast(NOISE[:1500], protocolID=self.protocolID)

    def test_notCompressing(self) -> None:
        """Where nothing is compressed, what is not small has the same bound."""
        node = self.another(Settings(compress=False))
        most = MOST_LARGER // (LARGE // 2)
        for size in [1] + [LARGE // 2] * (2 * most):
            node.broadcast(NOISE[:size], protocolID=self.protocolID)
        self.assertEqual(self.sizes(), [1 + most, most])

    def another(self, settings: Settings) -> P2PService:
        """A node with other settings, and one peer."""
        network = MemoryNetwork(2, settings=settings)
        self.addCleanup(network.stop)
        network.advance(2)
        return network.nodes[0]

    def test_enoughWithALarger(self) -> None:
        """One that is larger counts among those of which there may be so many."""
        self.broadcast(*[b"x"] * (MOST_UNKNOWN - 1), NOISE[:5000], b"x")
        self.assertEqual(self.sizes(), [MOST_UNKNOWN, 1])

    def test_notBytes(self) -> None:
        """What is not bytes is refused by the second broadcast as by the first."""
        self.broadcast(b"1")
        for payload in (bytearray(b"2"), "2", memoryview(b"2"), [1]):
            with self.assertRaises(EncodingError):
                self.broadcast(payload)
        self.assertGot(b"1")

    def test_memory(self) -> None:
        """When it has left, nothing of it is kept."""
        self.broadcast(b"x")
        self.network.advance(0)
        self.assertIsNone(self.node.links.turn.sheaf)
        for session in self.sessions:
            self.assertIsNone(session._sheaf)


class OthersBetweenTests(SheafTestCase):
    """What goes to one link alone, or under another protocolID, comes in its order."""

    def test_oneAlone(self) -> None:
        """Messages before, between and after broadcasts arrive where they belong."""
        to = self.peers[0].nodeID
        ended: list[object] = []

        def ask(payload: bytes) -> None:
            self.node.ask(to, payload, ended.append, ended.append, protocolID=self.protocolID)

        def send(payload: bytes) -> None:
            self.node.send(to, payload, protocolID=self.protocolID)

        def sendMany(payload: bytes) -> None:
            self.node.sendMany(to, [payload], protocolID=self.protocolID)

        expected = []
        for alone in (send, sendMany, ask, send):
            for times in (1, 10, 1, 1):
                payloads = [b"%d" % (len(expected) + number) for number in range(times + 1)]
                self.broadcast(*payloads[:-1])
                alone(payloads[-1])
                expected += payloads
        self.network.advance(0)
        self.assertEqual(self.got[to], expected)
        self.assertEqual(len(self.got[self.peers[1].nodeID]), len(expected) - 16)

    def test_answers(self) -> None:
        """An answer that is sent after a broadcast comes after it."""
        asker, heard = self.peers[0], []

        def answer(message: Message) -> bytes:
            self.broadcast(b"first")
            return b"second"

        self.node.handle(self.protocolID + 5, answer)
        asker.unhandle(self.protocolID)
        asker.handle(self.protocolID, lambda message: heard.append(message.payload))
        asker.ask(self.node.nodeID, b"?", heard.append, self.fail, protocolID=self.protocolID + 5)
        self.network.advance(0)
        self.assertEqual(heard, [b"first", b"second"])

    def test_emptyAfterClosing(self) -> None:
        """Nothing is appended to what is closed, not even a payload without bytes."""
        self.broadcast(*[b"1"] * 10)
        self.node.send(self.peers[0].nodeID, b"2", protocolID=self.protocolID)
        self.broadcast(b"")
        self.network.advance(0)
        self.assertEqual([self.got[peer.nodeID][-1] for peer in self.peers], [b""] * 3)

    def test_byTurns(self) -> None:
        """Where others come in between all the time, nothing is begun anew each time."""
        expected = []
        for number in range(50):
            self.broadcast(b"a%d" % number)
            self.broadcast(b"b%d" % number, more=1)
            expected += [b"a%d" % number, b"b%d" % number]
        self.assertEqual(len(self.made), 1)
        self.assertGot(*expected)

    def test_inRows(self) -> None:
        """Where each comes often enough, it pays again and again."""
        for _ in range(5):
            self.broadcast(*[b"a"] * 10)
            self.broadcast(*[b"b"] * 10, more=1)
        self.assertEqual(self.sizes(), [10] * 10)
        self.assertGot(*([b"a"] * 10 + [b"b"] * 10) * 5)

    def test_nextTurn(self) -> None:
        """A turn knows nothing of how it was in the one before."""
        self.broadcast(b"1")
        self.broadcast(b"2", more=1)
        self.network.advance(0)
        self.broadcast(*[b"3"] * 20)
        self.assertEqual(self.sizes(), [1, 20])

    def test_multicast(self) -> None:
        """What goes to followers alone does not go to the others, nor out of order."""
        for peer in self.peers[:2]:
            peer.subscribe("t", lambda message: None)
        self.network.advance(2)
        self.made.clear()
        self.broadcast(*[b"1"] * 10)
        for _ in range(10):
            self.assertEqual(self.node.multicast("t", b"2", protocolID=self.protocolID), 2)
        self.broadcast(b"3")
        self.assertEqual([each.reached for each in self.made], [3, 2, 3])
        self.network.advance(0)
        two, one = [b"1"] * 10 + [b"2"] * 10 + [b"3"], [b"1"] * 10 + [b"3"]
        self.assertEqual([self.got[peer.nodeID] for peer in self.peers], [two, two, one])

    def test_asMany(self) -> None:
        """What goes to others goes to them, though they be as many."""
        for topic, peers in (("t", self.peers[:2]), ("u", self.peers[1:])):
            for peer in peers:
                peer.subscribe(topic, lambda message: None)
        self.network.advance(2)
        for topic in ("t", "u"):
            for _ in range(10):
                payload = topic.encode()
                self.assertEqual(self.node.multicast(topic, payload, protocolID=self.protocolID), 2)
        self.network.advance(0)
        got = [self.got[peer.nodeID] for peer in self.peers]
        self.assertEqual(got, [[b"t"] * 10, [b"t"] * 10 + [b"u"] * 10, [b"u"] * 10])

    def test_few(self) -> None:
        """Seven do not pay, eight do."""
        self.broadcast(*[b"1"] * 7)
        self.broadcast(b"2", more=1)
        self.broadcast(*[b"3"] * 9)
        self.assertEqual(self.sizes(), [7])
        self.assertGot(*[b"1"] * 7, b"2", *[b"3"] * 9)
        self.broadcast(*[b"4"] * 8)
        self.broadcast(b"5", more=1)
        self.assertEqual(self.sizes(), [7, 8, 1])

    def test_topic(self) -> None:
        """Topic messages are shared, too."""
        heard: list[bytes] = []
        for peer in self.peers:
            peer.subscribe("t", lambda message: heard.append(message.payload))
        self.network.advance(2)
        self.made.clear()
        for number in range(10):
            self.assertEqual(self.node.multicast("t", b"%d" % number), 3)
        self.assertEqual(self.sizes(), [10])
        self.network.advance(0)
        self.assertEqual(sorted(heard), sorted([b"%d" % number for number in range(10)] * 3))


class ChangingLinksTests(SheafTestCase):
    """Links come, end, and have too much to do."""

    def test_oneFollows(self) -> None:
        """Who follows within the turn gets what is published from then on, who leaves nothing."""
        for peer in self.peers[:2]:
            peer.subscribe("t", lambda message: None)
        self.network.advance(2)
        self.made.clear()
        registry, reached = self.node.registry, []

        def multicast() -> None:
            for _ in range(10):
                reached.append(self.node.multicast("t", b"x", protocolID=self.protocolID))

        multicast()
        registry.setTopics(self.sessions[2], ["t"])
        multicast()
        for session in self.sessions[:2]:
            registry.setTopics(session, [])
        multicast()
        registry.setTopics(self.sessions[2], ["t", "u"])
        multicast()
        self.assertEqual(reached, [2] * 10 + [3] * 10 + [1] * 20)
        self.assertEqual(self.sizes(), [10, 10, 20])
        self.network.advance(0)
        got = [len(self.got[peer.nodeID]) for peer in self.peers]
        self.assertEqual(got, [20, 20, 30])

    def test_twoTopicsOfTheSame(self) -> None:
        """Topics that the same peers follow share; who then follows one of them gets that one."""
        follow, (first, second, third) = self.node.registry.setTopics, self.sessions

        def multicast(topic: str) -> int:
            return self.node.multicast(topic, topic.encode(), protocolID=self.protocolID)

        follow(first, ["t", "u"])
        follow(second, ["t", "u"])
        self.assertEqual((multicast("t"), multicast("u")), (2, 2))
        self.assertEqual(self.sizes(), [2])
        follow(third, ["t"])
        self.assertEqual((multicast("u"), multicast("t")), (2, 3))
        self.network.advance(0)
        self.assertEqual(self.got[self.peers[2].nodeID], [b"t"])

    def test_anotherLink(self) -> None:
        """Where a newer link takes the place of one, what follows goes over that."""
        registry, old = self.node.registry, self.sessions[0]
        self.broadcast(*[b"1"] * 10)
        newer = Spare(old.nodeID)
        registry.add(newer)
        registry.remove(old)
        self.assertEqual(self.broadcast(*[b"2"] * 10), 3)
        self.assertEqual(self.sizes(), [10, 10])
        self.assertEqual(newer.shared, [self.made[1]])
        registry.remove(newer)

    def test_oneEnds(self) -> None:
        """A link that ends in the turn is not counted any more, and the others get everything."""
        self.assertEqual(self.broadcast(b"1"), 3)
        self.sessions[2].abort(CloseReason.REFUSED)
        self.assertEqual(self.broadcast(b"2"), 2)
        self.assertGot(b"1", b"2", by=2)

    def test_ended(self) -> None:
        """A link that has ended keeps nothing of what it shared, counts nothing, takes nothing."""
        ended = self.sessions[2]
        before = ended.counts.framesSent
        self.broadcast(b"1")
        ended.abort(CloseReason.REFUSED)
        self.assertEqual(ended.queued, 0)
        self.assertEqual(ended.counts.framesSent, before)
        frame = self.node.links.encode(self.protocolID, 0, 1, b"2")
        self.network.advance(0)
        audience = dict(enumerate(self.sessions))
        for _ in range(2):
            reached = self.node.links.sheaves.send(audience, self.protocolID, 0, b"2")
            self.assertEqual(reached, 2)
        self.assertFalse(ended.offer(self.protocolID, frame))
        self.assertEqual(ended.queued, 0)
        self.assertGot(b"1", b"2", b"2", by=2)

    def test_allEnd(self) -> None:
        """When all have ended nothing is kept for them; who comes later gets what comes later."""
        self.broadcast(b"1")
        for session in self.sessions:
            session.abort(CloseReason.SILENT)
        self.assertEqual(self.broadcast(b"2"), 0)
        self.network.advance(0)
        self.assertIsNone(self.node.links.turn.sheaf)
        self.network.advance(20)
        self.assertEqual(self.broadcast(b"3"), 3)
        self.assertGot(b"3")

    def test_endsWhileOthersAreSent(self) -> None:
        """Who hears at a turn's end that a link has ended may broadcast: the others get it."""

        def fail(pieces: object) -> None:
            raise MemoryError("no room")

        self.patch(self.sessions[0].transport, "writeSequence", fail)
        self.node.registry.left.subscribe(lambda _: self.broadcast(b"left"))
        self.broadcast(b"1", b"2")
        self.network.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        for peer in self.peers[1:]:
            self.assertEqual(self.got[peer.nodeID], [b"1", b"2", b"left"])
        self.assertEqual([each.reached for each in self.made], [3, 2])

    def test_slowOne(self) -> None:
        """A peer that reads too slowly is left out, until it has read."""
        slow = self.sessions[0]
        slow.pauseProducing()
        payload = NOISE[: 16 * 1024]
        while self.broadcast(payload) == 3:
            self.assertLess(len(self.made), 100)
        self.assertLess(slow.queued, MOST + MOST_LARGER + len(payload))
        slow.resumeProducing()
        self.network.advance(0)
        self.assertEqual(self.broadcast(payload), 3)

    def test_sharedCounts(self) -> None:
        """What is shared in the turn counts as waiting when something else is to follow it."""
        slow = self.sessions[0]
        slow.pauseProducing()
        for _ in range(3):
            self.node.send(slow.nodeID, NOISE, protocolID=self.protocolID)
        self.broadcast(*[NOISE[: 16 * 1024]] * 55)
        self.assertTrue(self.made[-1].isOpen)
        with self.assertRaises(PeerBusy):
            self.node.send(slow.nodeID, b"x", protocolID=self.protocolID)

    def test_slowBetween(self) -> None:
        """Slow peers are not counted either where others come in between, nor among followers."""
        for peer in self.peers:
            peer.subscribe("t", lambda message: None)
        self.network.advance(2)
        slow = self.sessions[0]
        slow.pauseProducing()
        while slow.queued <= MOST:
            self.node.send(slow.nodeID, NOISE, protocolID=self.protocolID)
        for _ in range(3):
            self.assertEqual(self.broadcast(b"1"), 2)
            self.assertEqual(self.broadcast(b"2", more=1), 2)
            self.assertEqual(self.node.multicast("t", b"3"), 2)

    def test_allSlow(self) -> None:
        """Who reaches nobody reaches them in a later turn: nothing stays of what was refused."""
        for session in self.sessions:
            session.pauseProducing()
        payload = NOISE[: 16 * 1024]
        while self.broadcast(payload):
            self.network.advance(0)
        self.assertEqual(self.broadcast(payload), 0)
        for session in self.sessions:
            session.resumeProducing()
        self.network.advance(0)
        before = len(self.got[self.peers[0].nodeID])
        self.assertEqual(self.broadcast(b"x"), 3)
        self.network.advance(0)
        self.assertEqual(len(self.got[self.peers[0].nodeID]), before + 1)


class AnyOrderTests(SynchronousTestCase):
    """Whatever is done in between, each link carries what it is given, once and in order."""

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(STEPS, st.sampled_from(Overflow))
    def test_onceAndInOrder(
        self, steps: list[tuple[str, int, int, int, int]], overflow: Overflow
    ) -> None:
        """Peers get what was sent to them; of a link that ends only what is last is missing."""
        network = MemoryNetwork(4, settings=Settings(overflow=overflow))
        try:
            self.play(network, steps)
        finally:
            network.stop()

    def play(self, network: MemoryNetwork, steps: list[tuple[str, int, int, int, int]]) -> None:
        node, *peers = network.nodes
        base = node.protocolID(1, 1000)
        expected: list[list[bytes]] = [[] for _ in peers]
        got: list[list[bytes]] = [[] for _ in peers]
        for peer, heard in zip(peers, got, strict=True):
            for more in range(2):
                peer.handle(base + more, lambda message, heard=heard: heard.append(message.payload))
        for peer in peers[:2]:
            peer.subscribe("t", lambda message: None)
        network.advance(2)
        sessions = [node.registry.session(peer.nodeID) for peer in peers]
        sent = [session.counts.framesSent for session in sessions]
        alive, count = {0, 1, 2}, 0

        def send(what: str, which: int, payload: bytes, protocolID: int) -> None:
            to, reached = peers[which].nodeID, {which}
            if what == "broadcast":
                reached = set(alive)
                self.assertEqual(node.broadcast(payload, protocolID=protocolID), len(reached))
            elif what == "multicast":
                reached = alive & {0, 1}
                self.assertEqual(node.multicast("t", payload, protocolID=protocolID), len(reached))
            elif which not in alive:
                return
            elif what == "ask":
                node.ask(to, payload, str, str, protocolID=protocolID)
            elif what == "send":
                node.send(to, payload, protocolID=protocolID)
            else:
                self.assertEqual(node.sendMany(to, [payload], protocolID=protocolID), 1)
            for each in reached:
                expected[each].append(payload)

        for what, which, times, size, more in steps:
            session = sessions[which]
            if what == "queued":
                self.assertGreaterEqual(session.queued, 0)
            elif what == "flush":
                session.flush()
            elif what == "pause" and which in alive:
                session.pauseProducing()
            elif what == "resume" and which in alive:
                session.resumeProducing()
            elif what == "turn":
                network.advance(0)
            elif what == "end":
                session.abort(CloseReason.REFUSED)
                alive.discard(which)
            elif what not in ("pause", "resume"):
                for _ in range(times):
                    count += 1
                    payload = count.to_bytes(4, "big") + NOISE[: size - 4]
                    send(what, which, payload, base + more)
        for which in alive:
            sessions[which].resumeProducing()
        network.advance(0)
        for which in range(3):
            heard = got[which]
            if which in alive:
                self.assertTrue(heard == expected[which])
                frames = sessions[which].counts.framesSent - sent[which]
                self.assertEqual(frames, len(heard))
            else:
                self.assertTrue(heard == expected[which][: len(heard)])


class DroppingTests(SheafTestCase):
    """The same where the oldest messages go instead."""

    overflow = Overflow.DROP_OLDEST

    def test_slowOne(self) -> None:
        """Of what all share, the slow one's oldest are dropped; the others get everything."""
        slow = self.sessions[0]
        slow.pauseProducing()
        payloads = [b"%04d" % number + NOISE[: 8 * 1024] for number in range(600)]
        for payload in payloads:
            self.assertEqual(self.broadcast(payload), 3)
            self.network.advance(0)
        self.assertGreater(self.node.counters["messages dropped for slow readers"], 100)
        slow.resumeProducing()
        self.network.advance(0)
        for peer in self.peers[1:]:
            self.assertTrue(self.got[peer.nodeID] == payloads)
        got = self.got[self.peers[0].nodeID]
        self.assertGreater(len(got), 100)
        self.assertTrue(set(got) < set(payloads) and got == sorted(got))
        self.assertEqual(got[-1], payloads[-1])
