"""Status sync: a changed seq is followed by request, answer and update."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, PeerAbsent
from fiscop2p.interfaces import ISession
from fiscop2p.reasons import CloseReason
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC2
from tests.strangers import Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder


class RealNodeTests(SynchronousTestCase):
    """What a FISCO BCOS node says and does, and what it hears from us."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.node.subscribe("orders", lambda _: None)
        self.node.subscribe("weather", lambda _: None)
        self.issued = self.network.agency.issueNode("fisco")
        self.peer = Stranger()
        self.lines = logLines(self)
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.peer)
        self.network.advance(0)
        self.heard = 0

    def say(self, protocolID: int, packetType: int, seq: int, payload: bytes = b"") -> None:
        self.peer.transport.write(RC2.encode(protocolID, packetType, seq, payload))
        self.network.advance(0)

    def news(self) -> list:
        frames = self.peer.frames()
        news, self.heard = frames[self.heard :], len(frames)
        return news

    def test_answersRequestTopics(self) -> None:
        """RequestTopics is answered under its seq with our seq and sorted topics."""
        self.assertEqual(self.news(), [(2, 1, 0, b"2")])
        self.say(2, 2, 2)
        self.assertEqual(self.news(), [(-2, 3, 2, b"2\torders\tweather")])

    def test_asksWhenTheSeqIsAnother(self) -> None:
        """A seq that is another than the one we know makes us ask, once."""
        self.news()
        self.say(2, 1, 0, b"7")
        ((protocolID, packetType, seq, payload),) = self.news()
        self.assertEqual((protocolID, packetType, payload), (2, 2, b""))
        self.assertGreaterEqual(seq, 2)
        self.say(-2, 3, seq, b"7\tnews\tsport")
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"news", "sport"})
        self.say(2, 1, 0, b"7")
        self.assertEqual(self.news(), [])
        self.say(2, 1, 0, b"3")
        self.assertEqual([frame[:2] for frame in self.news()], [(2, 2)])

    def test_seqBeginsAnewAboveZero(self) -> None:
        """Behind the greatest seq comes 1: who hears 0 takes it for a node that follows nothing."""
        self.node._topics.sync.seq = (1 << 32) - 2
        self.news()
        for topic, seq in ("last", b"4294967295"), ("first", b"1"):
            self.node.subscribe(topic, lambda _: None)
            self.network.advance(0.2)
            self.assertEqual(self.news(), [(2, 1, 0, seq)])

    def test_seqZeroIsKnown(self) -> None:
        """A peer that follows nothing yet is not asked."""
        self.news()
        self.say(2, 1, 0, b"0")
        self.assertEqual(self.news(), [])

    def test_badSeqIsIgnored(self) -> None:
        """A seq that is no number is ignored, and the link kept, as FISCO BCOS does."""
        self.news()
        for text in (b"abc", b"", b"-1", b"4294967296", b"1 "):
            self.say(2, 1, 0, text)
        self.assertEqual(self.news(), [])
        self.assertIsNone(self.peer.lost)

    def test_unknownPacketType(self) -> None:
        """An unknown topic packet type is ignored, and named in the log."""
        self.news()
        self.say(2, 9, 0, b"x")
        self.assertEqual(self.news(), [])
        self.assertIsNone(self.peer.lost)
        self.assertTrue(any("unknown packet type 9" in line for line in self.lines))

    def test_noAnswer(self) -> None:
        """A peer that does not answer is asked again with its next heartbeat after five seconds."""
        self.news()
        self.say(2, 1, 0, b"7")
        self.network.advance(1)
        self.say(2, 1, 0, b"7")
        self.assertEqual(len([frame for frame in self.news() if frame[1] == 2]), 1)
        self.network.advance(4.5)
        self.say(2, 1, 0, b"7")
        self.assertEqual(len([frame for frame in self.news() if frame[1] == 2]), 1)
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), frozenset())

    def test_changeWhileAsking(self) -> None:
        """A seq that changes while we ask is asked for right after the answer."""
        self.news()
        self.say(2, 1, 0, b"7")
        ((_, _, seq, _),) = self.news()
        self.say(2, 1, 0, b"8")
        self.say(-2, 3, seq, b"7\tnews")
        ((_, packetType, again, _),) = self.news()
        self.assertEqual(packetType, 2)
        self.say(-2, 3, again, b"8\tsport")
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"sport"})
        self.assertEqual(self.news(), [])

    def asks(self) -> list[int]:
        """The seqs of what the node has asked since."""
        return [frame[2] for frame in self.news() if frame[:2] == (2, 2)]

    def test_changesAllTheTime(self) -> None:
        """A large list that is another each time it is asked for is asked for once in a while."""
        topics = b"\t".join(b"%05d" % number for number in range(16_000))
        asked = 0
        for number in range(200):
            self.say(2, 1, 0, b"%d" % (number + 7))
            for seq in self.asks():
                asked += 1
                self.say(-2, 3, seq, b"%d\t%d\t%s" % (number + 7, number, topics))
            self.network.advance(0.05)
        # Of 94 KiB, in ten seconds.
        self.assertIn(asked, range(6, 10))
        self.network.advance(2)
        (seq,) = self.asks()
        self.say(-2, 3, seq, b"206\tlast")
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"last"})

    def test_smallChanges(self) -> None:
        """A small list may change ten times a second."""
        for number in range(100):
            self.say(2, 1, 0, b"%d" % (number + 7))
            (seq,) = self.asks()
            self.say(-2, 3, seq, b"%d\t%d" % (number + 7, number))
            self.network.advance(0.1)

    def test_askedAllTheTime(self) -> None:
        """Who asks again and again for a large list is not answered each time."""
        for number in range(1000):
            self.node.subscribe(f"{number:0200}", lambda _: None)
        self.news()
        for _ in range(100):
            self.say(2, 2, 9)
        self.assertEqual(len(self.news()), 3)
        self.network.advance(6)
        self.say(2, 2, 10)
        self.assertEqual([frame[2] for frame in self.news() if frame[1] == 3], [10])

    def test_askedForLittle(self) -> None:
        """A small list is told a hundred times at once."""
        for _ in range(100):
            self.say(2, 2, 9)
        self.assertEqual(len(self.news()), 101)
        for _ in range(2000):
            self.say(2, 2, 9)
        self.assertLess(len(self.news()), 800)

    def test_malformedAnswer(self) -> None:
        """An answer that is not one is ignored; what was known stays."""
        self.say(2, 1, 0, b"7")
        self.say(-2, 3, self.news()[-1][2], b"7\tnews")
        self.say(2, 1, 0, b"8")
        self.say(-2, 3, self.news()[-1][2], b"\tsport")
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"news"})
        self.assertIsNone(self.peer.lost)

    def test_privateTopicsAreNotFollowed(self) -> None:
        """Followers of a private topic get nothing before they are verified."""
        self.say(2, 1, 0, b"1")
        self.say(-2, 3, self.news()[-1][2], b"1\t#!$TopicNeedVerify_secret\tnews")
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"news"})
        self.assertEqual(self.node.multicast("#!$TopicNeedVerify_secret", b"x"), 0)

    def test_longTopics(self) -> None:
        """Topics that no message can be published on are left out, and the log says so."""
        self.say(2, 1, 0, b"1")
        self.say(-2, 3, self.news()[-1][2], b"1\tnews\t" + b"x" * 255 + b"\t" + b"y" * 4_000_000)
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {"news"})
        self.assertEqual(len([line for line in self.lines if "2 topics are left out" in line]), 1)

    def test_changeIsToldSoon(self) -> None:
        """A change of ours is announced at once; changes of one moment are told together."""
        self.news()
        self.node.subscribe("sport", lambda _: None)
        self.node.subscribe("news", lambda _: None)
        self.network.advance(0.2)
        self.assertEqual(self.news(), [(2, 1, 0, b"4")])

    def test_statusIsNotToldBeforeThereIsOne(self) -> None:
        """A real node hears nothing of our own protocol before an application uses it."""
        for _ in range(5):
            self.say(2, 1, 0, b"0")
            self.network.advance(5)
        self.assertEqual({frame[0] for frame in self.news()}, {2})
        self.node.setStatus(height=3)
        self.network.advance(0.2)
        self.assertEqual(self.news(), [(100, 1, 0, b"1")])
        self.say(100, 2, 9)
        self.assertEqual(self.news(), [(-100, 3, 9, b'1\t{"height":3}')])


class NodeStatusTests(SynchronousTestCase):
    """The small dict that every node has of every other."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(3)
        self.addCleanup(self.network.stop)
        self.a, self.b, self.c = self.network.nodes
        self.network.advance(2)
        self.told: list = []
        self.b.statusChanged.subscribe(lambda nodeID, status: self.told.append((nodeID, status)))

    def test_everybodyHoldsIt(self) -> None:
        """What a node sets, the others come to hold, and are told."""
        self.assertEqual(self.b.statusOf(self.a.nodeID), {})
        self.a.setStatus(height=12, version="1.0")
        self.network.advance(0.2)
        expected = {"height": 12, "version": "1.0"}
        self.assertEqual(self.b.statusOf(self.a.nodeID), expected)
        self.assertEqual(self.c.statusOf(self.a.nodeID), expected)
        self.assertEqual(self.a.statusOf(self.a.nodeID), expected)
        self.assertEqual(self.told, [(self.a.nodeID, expected)])

    def test_fieldsAreMerged(self) -> None:
        """Fields change one by one, and go with None."""
        self.a.setStatus(height=12, name="x")
        self.a.setStatus(height=13)
        self.a.setStatus(name=None)
        self.network.advance(0.2)
        self.assertEqual(self.b.statusOf(self.a.nodeID), {"height": 13})
        self.assertEqual(len(self.told), 1)

    def test_sameAgain(self) -> None:
        """Setting what is set is no news."""
        self.a.setStatus(height=12)
        self.network.advance(0.2)
        seq = self.a.statusSeq
        self.a.setStatus(height=12)
        self.assertEqual(self.a.statusSeq, seq)

    def test_lateComer(self) -> None:
        """A node that comes later learns it when it is connected."""
        self.a.setStatus(height=12)
        self.network.advance(1)
        late = self.network.addNode([self.a.settings.listen])
        self.network.advance(1)
        self.assertEqual(late.statusOf(self.a.nodeID), {"height": 12})

    def test_bad(self) -> None:
        """What JSON cannot say, or what is too much, is refused, and nothing changes."""
        self.a.setStatus(height=12)
        for bad in (object(), float("nan"), "x" * 70_000):
            self.assertRaises(EncodingError, self.a.setStatus, bad=bad)
        self.assertEqual(self.a.statusOf(self.a.nodeID), {"height": 12})
        self.assertRaises(PeerAbsent, self.a.statusOf, "0" * 128)

    def test_madeWhenAsked(self) -> None:
        """However often a state changes, it is made once, for all who ask for it."""
        made: list[int] = []

        def make(seq: int) -> bytes:
            made.append(seq)
            return b"{}"

        for seq in range(5):
            self.b._status.sync.change(lambda seq=seq: make(seq))
        self.assertEqual(made, [])
        self.network.advance(0.5)
        self.assertEqual(made, [4])

    def test_malformedStatusIsIgnored(self) -> None:
        """A status that is no JSON object is ignored."""
        session = self.a.registry.session(self.b.nodeID)
        for state in (b"[1]", b"{", b"\xff", b"[" * 60_000, b" " * 70_000):
            self.tell(state)
            self.assertEqual(self.a.statusOf(self.b.nodeID), {})
        self.assertIsNone(session.closeReason)

    def test_whatOnlyPythonTakesForJSON(self) -> None:
        """Numbers that JSON does not have are refused."""
        for state in (b'{"a":NaN}', b'{"a":[-Infinity]}', b'{"a":1e999}'):
            self.tell(state)
            self.assertEqual(self.a.statusOf(self.b.nodeID), {})

    def test_nesting(self) -> None:
        """A status is nested 32 times at the most."""
        for inner, outer in (b"[%s]", b'{"b":%s}'), (b'{"c":[1,%s,2]}', b"[%s]"):
            state = b"0"
            for index in range(31):
                state = (outer if index % 2 else inner) % state
            self.tell(b'{"a":%s}' % state)
            told = self.a.statusOf(self.b.nodeID)
            self.tell(b'{"a":%s,"more":[{"d":%s}]}' % (state, state))
            self.assertEqual(list(told), ["a"])
            self.assertEqual(self.a.statusOf(self.b.nodeID), told)

    def test_ownNesting(self) -> None:
        """Nor may ours be nested more."""
        deep: list = []
        for depth in range(2000):
            if depth in (32, 1999):
                error = self.assertRaises(EncodingError, self.b.setStatus, a=deep)
                self.assertIn("status", str(error))
            deep = [deep]
        self.assertEqual(self.b.statusOf(self.b.nodeID), {})

    def test_deepNesting(self) -> None:
        """One that json.loads just takes is no news to anybody, and no failure."""
        news: list[object] = []
        self.a.statusChanged.subscribe(lambda *args: news.append(args))
        for depth in (100, 900, 960, 970, 980, 990):
            self.tell(b'{"a":%s0%s}' % (b"[" * depth, b"]" * depth))
        self.assertEqual(news, [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def tell(self, state: bytes) -> None:
        """Let b tell this in the place of a status."""
        self.b._status.sync.change(lambda: state)
        self.network.advance(0.2)

    def test_ownDicts(self) -> None:
        """Everybody who asks, or is told, gets a dict of his own."""
        told: list = []
        self.b.statusChanged.subscribe(lambda _, status: status.clear())
        self.b.statusChanged.subscribe(lambda _, status: told.append(status))
        self.a.setStatus(height=12, parts=["x"])
        self.network.advance(0.2)
        expected = {"height": 12, "parts": ["x"]}
        self.assertEqual(told, [expected])
        for node in (self.a, self.b):
            told[0]["parts"].append("y")
            node.statusOf(self.a.nodeID)["height"] = 7
            node.statusOf(self.a.nodeID)["parts"].append("y")
            self.assertEqual(node.statusOf(self.a.nodeID), expected)
        self.a.setStatus(more=1)
        self.network.advance(0.2)
        self.assertEqual(self.b.statusOf(self.a.nodeID), {**expected, "more": 1})


class SeveralLinksTests(SynchronousTestCase):
    """The status of a node to which there are two links for a while, or none."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.a, self.b = self.network.nodes
        self.told: list = []
        self.a.statusChanged.subscribe(lambda _, status: self.told.append(status))
        self.b.setStatus(height=1)

    def links(self) -> tuple[ISession, ISession]:
        """The link that serves, and the other one."""
        self.network.advance(0.5)
        serving = self.a.registry.session(self.b.nodeID)
        (spare,) = self.a.links.sessions - {serving}
        return serving, spare

    def learn(self, session: ISession, state: bytes) -> None:
        """Let a learn a status over a link."""
        self.a._status._learnt(session, state)

    def test_toldOnce(self) -> None:
        """Nodes that dial each other learn a status by two links, and tell it once."""
        self.links()
        self.network.advance(10)
        self.assertEqual(self.told, [{"height": 1}])

    def test_whicheverServes(self) -> None:
        """That another link serves is no news if it knows the same, or nothing yet."""
        serving, _ = self.links()
        serving.abort(CloseReason.SILENT)
        self.assertEqual(self.a.statusOf(self.b.nodeID), {"height": 1})
        self.network.advance(10)
        self.assertEqual(self.told, [{"height": 1}])

    def test_learntBySpare(self) -> None:
        """What was learnt by a link that does not serve is told when it comes to serve."""
        serving, spare = self.links()
        self.learn(spare, b'{"height":2}')
        self.assertEqual(self.told, [{"height": 1}])
        self.assertEqual(self.a.statusOf(self.b.nodeID), {"height": 1})
        serving.abort(CloseReason.SILENT)
        self.assertEqual(self.told, [{"height": 1}, {"height": 2}])
        self.assertEqual(self.a.statusOf(self.b.nodeID), {"height": 2})

    def test_takenAway(self) -> None:
        """A status that is taken away is told as an empty one, also by a new link."""
        _, spare = self.links()
        self.a.registry._activate(spare)
        del self.a._status._states[spare]
        self.learn(spare, b"{}")
        self.assertEqual(self.told, [{"height": 1}, {}])

    def test_comesBack(self) -> None:
        """Of a node that left and comes back the status is told anew."""
        self.links()
        self.network.cut(self.a, self.b)
        self.network.advance(1)
        self.network.heal(self.a, self.b)
        self.network.advance(30)
        self.assertEqual(self.told, [{"height": 1}] * 2)


class ManyNodesTests(SynchronousTestCase):
    """A network of a hundred nodes."""

    def test_everybodyKnowsEverybodysTopic(self) -> None:
        """All topics change at once, and all nodes learn them."""
        network = MemoryNetwork(100)
        self.addCleanup(network.stop)
        network.advance(3)
        self.assertEqual({len(node.registry) for node in network.nodes}, {99})
        for index, node in enumerate(network.nodes):
            node.subscribe(f"topic {index}", lambda _: None)
        network.advance(1)
        for index, node in enumerate(network.nodes):
            for other in network.nodes:
                if other is not node:
                    self.assertEqual(other.registry.topicsOf(node.nodeID), {f"topic {index}"})
