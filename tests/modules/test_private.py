"""Private topics: who proves to have a key gets what is published, and nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from unittest.mock import Mock, patch

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import (
    EncodingError,
    NoFollower,
    PeerBusy,
    SetupError,
    TopicRequestFailed,
    TopicTaken,
)
from fiscop2p.interfaces import Answer, Message
from fiscop2p.modules.private import PAUSE
from fiscop2p.modules.verification import MAX_CHALLENGES
from fiscop2p.service import P2PService
from fiscop2p.signatures import isSigned, sign
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.amop import ChannelMessage, decodeTopicBody, encodeTopicBody
from fiscop2p.wire.dialect import RC2
from fiscop2p.wire.private import VERIFY_CHANNEL
from tests.strangers import Stranger, dial, logLines, looseContext
from tests.temporary import temporaryFolder
from tests.test_service import NetworkTestCase

KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256K1())
FOREIGN = ec.derive_private_key(0xBEEF, ec.SECP256K1())

NAME = "#!$TopicNeedVerify_T"
CHANNEL = "#!$VerifyChannel_" + NAME + "_" + "0123456789abcdef" * 2
PUSH = "#!$PushChannel_" + NAME


def honest(message: Message) -> bytes:
    return sign(message.payload, KEY)


def ignore(message: Message) -> None:
    pass


class PrivateTestCase(NetworkTestCase):
    """Node a publishes on T, which b and c may follow."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[tuple[str, Message]] = []
        self.challenges: list[bytes] = []

    def follow(self, name: str, key: ec.EllipticCurvePrivateKey | None = KEY) -> Callable:
        def handler(message: Message) -> bytes:
            self.got.append((name, message))
            return name.encode()

        getattr(self, name).subscribe("T", handler, key=key)
        return handler

    def pretend(
        self, node: P2PService, answer: Callable[[Message], Answer], channel: str = CHANNEL
    ) -> None:
        """Let a node follow T, and answer challenges in its own way."""

        def challenged(message: Message) -> Answer:
            self.challenges.append(message.payload)
            return answer(message)

        node._topics.subscribe(NAME, lambda message: self.got.append(("b", message)))
        node._topics.subscribe(channel, challenged)

    def restrict(self, *keys: ec.EllipticCurvePrivateKey) -> None:
        self.a.restrictTopic("T", [key.public_key() for key in keys])

    def publish(self) -> list[str]:
        """Publish on T; tell who got it."""
        self.got.clear()
        reached = self.a.multicast("T", b"x")
        self.advance()
        self.assertEqual(len(self.got), reached)
        return sorted(name for name, _ in self.got)


class FollowerTests(PrivateTestCase):
    """Who gets what is published."""

    def test_verified(self) -> None:
        """A follower with an allowed key gets messages, under the topic's plain name."""
        self.follow("b")
        self.restrict(KEY)
        self.advance()
        self.assertEqual(self.publish(), ["b"])
        self.assertEqual(self.got, [("b", Message(self.a.nodeID, b"x", 1, 1, "T"))])

    def test_module(self) -> None:
        """A module's messages go to no others, either."""
        heard: list[str] = []
        for name in "bc":
            node = getattr(self, name)
            node.handle(node.protocolID(1, 1000), lambda _, name=name: heard.append(name))
        self.follow("b")
        self.follow("c", FOREIGN)
        self.restrict(KEY)
        for _ in range(2):
            self.a.multicast("T", b"x", protocolID=self.a.protocolID(1, 1000))
            self.advance()
        self.assertEqual(heard, ["b"])

    def test_request(self) -> None:
        """Only a follower with an allowed key is asked."""
        self.follow("b")
        self.follow("c", FOREIGN)
        self.restrict(KEY)
        self.advance()
        answers = [self.a.requestTopic("T", b"x") for _ in range(20)]
        self.advance()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"b"] * 20)
        self.assertEqual(self.got[0], ("b", Message(self.a.nodeID, b"x", 1, 0, "T")))

    def test_severalKeys(self) -> None:
        """Each of the allowed keys will do."""
        self.follow("b")
        self.follow("c", FOREIGN)
        self.restrict(KEY, FOREIGN)
        self.advance()
        self.assertEqual(self.publish(), ["b", "c"])

    def test_severalHandlers(self) -> None:
        """Several handlers may follow with the same key."""
        first, second = self.follow("b"), self.follow("b")
        self.restrict(KEY)
        self.advance()
        self.a.multicast("T", b"x")
        self.advance()
        self.assertEqual(len(self.got), 2)
        self.b.unsubscribe("T", first)
        self.advance()
        self.assertEqual(self.publish(), ["b"])
        self.b.unsubscribe("T", second)
        self.advance()
        self.assertEqual(self.publish(), [])
        self.assertEqual(self.b.topics, frozenset())
        self.assertRaises(ValueError, self.b.unsubscribe, "T", second)

    def test_foreignKey(self) -> None:
        """A follower with another key gets nothing."""
        self.follow("b", FOREIGN)
        self.restrict(KEY)
        self.advance(30)
        self.assertEqual(self.publish(), [])
        self.failureResultOf(self.a.requestTopic("T", b"x"), NoFollower)

    def test_noKeys(self) -> None:
        """A topic that is restricted to nobody goes to nobody."""
        self.follow("b")
        self.restrict()
        self.advance(10)
        self.assertEqual(self.publish(), [])

    def test_noVerifyChannel(self) -> None:
        """A follower that cannot be asked gets nothing."""
        self.b._topics.subscribe(NAME, ignore)
        self.restrict(KEY)
        self.advance(30)
        self.assertEqual(self.publish(), [])

    def test_garbage(self) -> None:
        """A follower that answers with anything else than a signature gets nothing."""
        self.restrict(KEY)
        for number, garbage in enumerate((b"", b"yes", b"\0" * 65, b"1" * 130, b"x" * 1_000_000)):
            with self.subTest(garbage=garbage[:9]):
                topics = self.b._topics
                handlers = {NAME: ignore, f"{CHANNEL[:-1]}{number}": lambda _, g=garbage: g}
                for topic, handler in handlers.items():
                    topics.subscribe(topic, handler)
                self.advance(12)
                self.assertEqual(self.a.multicast("T", b"x"), 0)
                for topic, handler in handlers.items():
                    topics.unsubscribe(topic, handler)
                self.advance(12)

    def test_replayed(self) -> None:
        """A signature of an earlier challenge proves nothing."""
        old: list[bytes] = []

        def replay(message: Message) -> bytes:
            old.append(honest(message))
            return old[0]

        self.pretend(self.b, replay)
        self.restrict(KEY)
        self.advance()
        self.assertEqual(self.publish(), ["b"])
        self.restrict(KEY)
        self.advance()
        self.assertEqual(len(old), 2)
        self.assertEqual(self.publish(), [])

    def test_late(self) -> None:
        """An answer after five seconds does not count; the next one in time does."""
        answers: list[Deferred[bytes]] = []

        def wait(message: Message) -> Deferred[bytes]:
            answers.append(Deferred())
            return answers[-1]

        self.pretend(self.b, wait)
        self.restrict(KEY)
        self.advance(5.5)
        answers[0].callback(sign(self.challenges[0], KEY))
        self.advance()
        self.assertEqual(self.publish(), [])
        self.advance(7)
        answers[-1].callback(sign(self.challenges[-1], KEY))
        self.advance()
        self.assertEqual(self.publish(), ["b"])

    def test_codeIsNoAnswer(self) -> None:
        """A follower that cannot answer now is asked again with its heartbeats."""
        ready: list[bool] = []
        self.pretend(self.b, lambda message: honest(message) if ready else {}[0])
        self.restrict(KEY)
        self.advance(20)
        self.assertIn(len(self.challenges), range(3, 6))
        self.assertEqual(self.publish(), [])
        ready.append(True)
        self.advance(6)
        self.assertEqual(self.publish(), ["b"])
        self.assertTrue(self.flushLoggedErrors(KeyError))

    def test_channelOfAnother(self) -> None:
        """Who lists another's verify channel is challenged himself, and cannot answer."""
        self.pretend(self.b, honest)
        self.c._topics.subscribe(NAME, lambda message: self.got.append(("c", message)))
        self.c._topics.subscribe(CHANNEL, lambda _: {}[0])
        self.restrict(KEY)
        self.advance(12)
        self.assertEqual(self.publish(), ["b"])
        self.assertEqual(len(self.challenges), 1)
        self.assertTrue(self.flushLoggedErrors(KeyError))

    def test_publicTopicIsAnother(self) -> None:
        """The public topic of the same name has other followers and other publishers."""
        self.follow("b")
        self.follow("c", None)
        self.restrict(KEY)
        self.advance()
        self.assertEqual(self.publish(), ["b"])
        self.assertEqual(self.b.multicast("T", b"x"), 1)  # Itself: it verifies nobody.
        self.advance()
        self.got.clear()
        stranger = self.network.addNode([self.a.settings.listen, self.c.settings.listen])
        self.advance(7)
        self.assertEqual(stranger.multicast("T", b"x"), 1)
        self.advance()
        self.assertEqual([name for name, _ in self.got], ["c"])

    def test_onlyVerifiedIsShown(self) -> None:
        """The registry shows a private topic once it is verified; and its own node shows all."""
        self.follow("b")
        self.follow("c", FOREIGN)
        self.advance()
        self.assertNotIn(NAME, self.a.registry.topicsOf(self.b.nodeID))
        changed: list[str] = []
        self.a.registry.topicsChanged.subscribe(changed.append)
        self.restrict(KEY)
        self.advance()
        self.assertIn(NAME, self.a.registry.topicsOf(self.b.nodeID))
        self.assertNotIn(NAME, self.a.registry.topicsOf(self.c.nodeID))
        self.assertEqual(changed, [self.b.nodeID])
        self.assertIn(NAME, self.c.topics)
        self.assertEqual(self.a.topics, {PUSH})
        self.assertEqual(self.b.registry.topicsOf(self.a.nodeID), {PUSH})

    def test_ourselves(self) -> None:
        """Our own subscribers are not asked for a proof."""
        self.restrict(KEY)
        self.follow("a", FOREIGN)
        self.assertEqual(self.publish(), ["a"])
        self.assertEqual(self.got[0][1].topic, "T")
        self.assertEqual(self.successResultOf(self.a.requestTopic("T", b"x")), b"a")

    def test_told(self) -> None:
        """The log tells who was verified, and who was not and why."""
        lines = logLines(self)
        self.follow("b")
        self.follow("c", FOREIGN)
        self.restrict(KEY)
        self.advance()
        b, c = self.b.nodeID[:8], self.c.nodeID[:8]
        for what in (
            f"private topic verified,nodeID={b}...,topic=T,message=it has an allowed key",
            f"private topic refused,nodeID={c}...,topic=T,message=it signs with a key that is not "
            "allowed",
        ):
            self.assertEqual(len([line for line in lines if what in line]), 1, what)


class ChangeTests(PrivateTestCase):
    """Keys, topics and links come and go."""

    def test_restrictedLater(self) -> None:
        """Followers that were known before the topic was restricted are challenged at once."""
        self.follow("b")
        self.advance(3)
        self.restrict(KEY)
        self.advance(0.01)
        self.assertEqual(self.publish(), ["b"])

    def test_followedLater(self) -> None:
        """So are followers that come later."""
        self.restrict(KEY)
        self.advance(3)
        self.follow("b")
        self.advance()
        self.assertEqual(self.publish(), ["b"])

    def test_publisherRotatesKeys(self) -> None:
        """Other keys count from the moment they are given; everybody proves himself again."""
        self.follow("b")
        self.follow("c", FOREIGN)
        self.restrict(KEY)
        self.advance()
        self.restrict(FOREIGN)
        self.assertEqual(self.a.multicast("T", b"x"), 0)
        self.advance(6)
        self.assertEqual(self.publish(), ["c"])

    def test_followerRotatesItsKey(self) -> None:
        """A follower that takes another key is verified anew, without a break between the two."""
        self.restrict(FOREIGN)
        handler = self.follow("b")
        self.advance(6)
        self.assertEqual(self.publish(), [])
        self.b.unsubscribe("T", handler)
        self.follow("b", FOREIGN)
        self.advance(6)
        self.assertEqual(self.publish(), ["b"])
        self.restrict(KEY, FOREIGN)
        self.advance(6)
        self.assertEqual(self.publish(), ["b"])

    def test_failedIsFinal(self) -> None:
        """Who has failed is not asked again before the topic has gone from its list."""
        self.pretend(self.b, lambda message: sign(message.payload, FOREIGN))
        self.restrict(KEY)
        self.advance(30)
        self.assertEqual(len(self.challenges), 1)
        self.b._topics.subscribe("news", ignore)
        self.advance(10)
        self.assertEqual(len(self.challenges), 1)

    def test_droppedAndFollowedAgain(self) -> None:
        """A topic that went and came back is verified again, in either case."""
        for key in (KEY, FOREIGN):
            self.restrict(KEY)
            handler = self.follow("b", key)
            self.advance()
            self.b.unsubscribe("T", handler)
            self.advance()
            self.assertEqual(self.publish(), [])
            handler = self.follow("b")
            self.advance(6)
            self.assertEqual(self.publish(), ["b"])
            self.b.unsubscribe("T", handler)
            self.advance(6)

    def test_challengedChannelGoes(self) -> None:
        """Verified was who answers on the verify channel: when it goes, the next one is asked."""
        self.pretend(self.b, honest)
        other = CHANNEL[:-1] + "a"
        foreign: list[bytes] = []

        def answer(message: Message) -> bytes:
            foreign.append(message.payload)
            return sign(message.payload, FOREIGN)

        self.restrict(KEY)
        self.advance()
        self.b._topics.subscribe(other, answer)
        self.advance(6)
        self.assertEqual(foreign, [])
        self.assertEqual(self.publish(), ["b"])
        (handler,) = self.b._topics.subscribers.handlersOf(CHANNEL)
        self.b._topics.unsubscribe(CHANNEL, handler)
        self.advance()
        self.assertEqual(len(foreign), 1)
        self.assertEqual(self.publish(), [])

    def test_linkComesBack(self) -> None:
        """A new link is verified anew."""
        self.pretend(self.b, honest)
        self.restrict(KEY)
        self.advance()
        self.network.cut(self.a, self.b)
        self.advance(1)
        self.assertEqual(self.publish(), [])
        self.network.heal(self.a, self.b)
        self.advance(60)
        self.assertEqual(self.publish(), ["b"])
        self.assertGreaterEqual(len(self.challenges), 2)
        self.assertEqual(len(set(self.challenges)), len(self.challenges))

    def test_linkGoesMeanwhile(self) -> None:
        """A link that goes while its node is challenged is verified when it is back."""
        silent = [True]
        self.pretend(self.b, lambda message: Deferred() if silent else honest(message))
        self.c.subscribe("news", ignore)
        self.restrict(KEY)
        self.advance(1)
        lines = logLines(self)
        self.network.cut(self.a, self.b)
        self.advance(1)
        self.assertEqual([line for line in lines if "private topic" in line], [])
        self.assertEqual(list(self.a.registry), [self.c.nodeID])
        self.assertEqual(len(self.a._topics.verification._followers), 1)
        silent.clear()
        self.restrict(KEY)
        self.network.heal(self.a, self.b)
        self.advance(60)
        self.assertEqual(self.publish(), ["b"])

    def test_takeTurns(self) -> None:
        """A peer that asks for many signatures keeps no other waiting."""
        self.follow("b")
        self.advance()
        (channel,) = (topic for topic in self.b.topics if topic.startswith(VERIFY_CHANNEL))
        for _ in range(100):
            body = encodeTopicBody(channel, b"x" * 32)
            message = ChannelMessage(0x30, b"5" * 32, 0, body).encode()
            self.c.registry.session(self.b.nodeID).request(1, 0, message, lambda _: None, 5)
        self.network.advance(0)
        self.restrict(KEY)
        self.advance(0.1)
        self.assertEqual(self.publish(), ["b"])

    def test_revokedMeanwhile(self) -> None:
        """A request on its way from one follower to the next does not come to a revoked one."""
        asked: list[str] = []
        for name, key in (("b", KEY), ("c", FOREIGN)):
            getattr(self, name).subscribe(
                "T", lambda _, name=name: asked.append(name) or Deferred(), key=key
            )
        self.restrict(KEY, FOREIGN)
        self.advance()
        answer = self.a.requestTopic("T", b"x", timeout=1)
        self.advance()
        self.restrict()
        self.advance(2)
        self.assertEqual(len(asked), 1)
        self.failureResultOf(answer, TopicRequestFailed)


class RefusalTests(PrivateTestCase):
    """What an application cannot do."""

    def test_names(self) -> None:
        """Names that do not fit, and those of the wire, are refused."""
        for bad in ("", "a\tb", "x" * 186, NAME, CHANNEL, PUSH):
            self.assertRaises(EncodingError, self.a.subscribe, bad, ignore, key=KEY)
            self.assertRaises(EncodingError, self.a.restrictTopic, bad, [KEY.public_key()])
        for bad in (NAME, CHANNEL, PUSH):
            self.assertRaises(EncodingError, self.a.subscribe, bad, ignore)
        self.assertEqual(self.a.topics, frozenset())

    def test_keys(self) -> None:
        """Keys that are none are refused, and nothing changes."""
        for bad in (KEY.public_key(), "key", ec.generate_private_key(ec.SECP256R1())):
            self.assertRaises(EncodingError, self.a.subscribe, "T", ignore, key=bad)
        for bad in (KEY, b"key", ec.generate_private_key(ec.SECP256R1()).public_key()):
            self.assertRaises(EncodingError, self.a.restrictTopic, "T", [KEY.public_key(), bad])
        self.assertEqual(self.a.topics, frozenset())

    def test_publicAndPrivate(self) -> None:
        """In one node a name is public or private."""
        self.b.subscribe("T", ignore)
        self.assertRaises(TopicTaken, self.b.subscribe, "T", ignore, key=KEY)
        self.assertRaises(TopicTaken, self.b.restrictTopic, "T", [])
        self.assertEqual(self.b.topics, {"T"})
        self.b.unsubscribe("T", ignore)
        self.b.subscribe("T", ignore, key=KEY)
        self.assertRaises(TopicTaken, self.b.subscribe, "T", ignore)
        self.assertRaises(TopicTaken, self.b.subscribe, "T", ignore, key=FOREIGN)
        self.b.unsubscribe("T", ignore)
        self.b.subscribe("T", ignore)
        self.restrict(KEY)
        self.assertRaises(TopicTaken, self.a.subscribe, "T", ignore)
        self.a.subscribe("T", ignore, key=KEY)
        self.a.unsubscribe("T", ignore)
        self.assertRaises(TopicTaken, self.a.subscribe, "T", ignore)

    def test_tooManyTopics(self) -> None:
        """A private topic takes two names; if there is room for one only, it takes none."""
        with patch("fiscop2p.modules.subscribers.MAX_TOPICS", 1):
            self.assertRaises(EncodingError, self.a.subscribe, "T", ignore, key=KEY)
        self.assertEqual(self.a.topics, frozenset())
        self.a.subscribe("T", ignore)

    def test_withoutPycryptodome(self) -> None:
        """Without Keccak nothing changes, and the error says what to install."""
        with patch.dict(sys.modules, {"Crypto.Hash": None}):
            for attempt in (
                lambda: self.a.subscribe("T", ignore, key=KEY),
                lambda: self.a.restrictTopic("T", [KEY.public_key()]),
            ):
                self.assertIn("pip install", str(self.assertRaises(SetupError, attempt)))
        self.assertEqual(self.a.topics, frozenset())


class WireTests(SynchronousTestCase):
    """Frames as FISCO BCOS nodes and SDKs see them."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl")
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.issued = self.network.agency.issueNode("fisco")
        self.peer = Stranger()
        context = looseContext(True, self.issued, temporaryFolder(self))
        dial(self.network, self.node, context, self.peer)
        self.network.advance(0)
        self.heard = 0
        self.seq = 0

    def say(self, protocolID: int, packetType: int, seq: int, payload: bytes = b"") -> None:
        self.peer.transport.write(RC2.encode(protocolID, packetType, seq, payload))
        self.network.advance(0)

    def news(self) -> list:
        frames = self.peer.frames()
        news, self.heard = frames[self.heard :], len(frames)
        return news

    def list(self, topics: Iterable[str]) -> list[tuple[int, ChannelMessage]]:
        """Let the peer follow these topics; return what it is asked then: seq and message."""
        self.seq += 1
        state = b"%d" % self.seq
        self.say(2, 1, 0, state)
        asked = [seq for protocolID, kind, seq, _ in self.news() if (protocolID, kind) == (2, 2)]
        self.say(-2, 3, asked[0], "\t".join([state.decode(), *topics]).encode())
        return self.amop()

    def heartbeat(self) -> list[tuple[int, ChannelMessage]]:
        self.say(2, 1, 0, b"%d" % self.seq)
        return self.amop()

    def amop(self) -> list[tuple[int, ChannelMessage]]:
        return [
            (seq, ChannelMessage.decode(payload))
            for protocolID, _, seq, payload in self.news()
            if protocolID == 1
        ]

    def answer(self, seq: int, challenge: ChannelMessage, signature: bytes) -> None:
        topic, _ = decodeTopicBody(challenge.data)
        body = encodeTopicBody(topic, signature)
        self.say(-1, 0, seq, ChannelMessage(0x31, challenge.seq, 0, body).encode())

    def prove(self, seq: int, challenge: ChannelMessage) -> None:
        self.answer(seq, challenge, sign(decodeTopicBody(challenge.data)[1], KEY))

    def test_publisher(self) -> None:
        """The push channel is listed; a challenge is a 0x30 on the verify channel."""
        self.node.restrictTopic("T", [KEY.public_key()])
        self.say(2, 2, 7)
        self.assertEqual(self.news()[-1], (-2, 3, 7, b"1\t" + PUSH.encode()))
        ((seq, challenge),) = self.list([NAME, CHANNEL])
        self.assertEqual((challenge.type, challenge.result), (0x30, 0))
        self.assertRegex(challenge.seq, rb"\A[0-9a-f]{32}\Z")
        topic, content = decodeTopicBody(challenge.data)
        self.assertEqual((topic, len(content)), (CHANNEL, 32))
        self.assertEqual(self.node.multicast("T", b"x"), 0)
        self.prove(seq, challenge)
        self.assertEqual(self.node.registry.topicsOf(self.issued.nodeID), {NAME, CHANNEL})
        self.assertEqual(self.node.multicast("T", b"x"), 1)
        self.network.advance(0)
        ((_, message),) = self.amop()
        self.assertEqual((message.type, decodeTopicBody(message.data)), (0x35, (NAME, b"x")))
        answer = self.node.requestTopic("T", b"y")
        self.network.advance(0)
        ((seq, message),) = self.amop()
        self.assertEqual((message.type, decodeTopicBody(message.data)), (0x30, (NAME, b"y")))
        self.answer(seq, message, b"z")
        self.assertEqual(self.successResultOf(answer), b"z")

    def test_follower(self) -> None:
        """Topic and verify channel are listed; a challenge is answered by the signature."""
        self.news()
        got: list[Message] = []
        self.node.subscribe("T", got.append, key=KEY)
        self.say(2, 2, 7)
        (frame,) = self.news()
        pattern = (
            r"\d+\t#!\$TopicNeedVerify_T\t(#!\$VerifyChannel_#!\$TopicNeedVerify_T_[0-9a-f]{32})"
        )
        self.assertEqual(frame[:3], (-2, 3, 7))
        self.assertRegex(frame[3].decode(), rf"\A{pattern}\Z")
        channel = frame[3].decode().split("\t")[2]
        for content in (b"\x01" * 32, b"of any length", b""):
            body = encodeTopicBody(channel, content)
            self.say(1, 0, 8, ChannelMessage(0x30, b"5" * 32, 0, body).encode())
            self.network.advance(PAUSE)
            ((protocolID, packetType, seq, payload),) = self.news()
            self.assertEqual((protocolID, packetType, seq), (-1, 0, 8))
            answer = ChannelMessage.decode(payload)
            self.assertEqual(answer[:3], (0x31, b"5" * 32, 0))
            topic, signature = decodeTopicBody(answer.data)
            self.assertEqual(topic, channel)
            self.assertRegex(signature, rb"\A[0-9a-f]{128}0[01]\Z")
            self.assertTrue(isSigned(content, signature, [KEY.public_key()]))
        body = encodeTopicBody(NAME, b"x")
        self.say(1, 1, 9, ChannelMessage(0x35, b"6" * 32, 0, body).encode())
        self.assertEqual(got, [Message(self.issued.nodeID, b"x", 1, 1, "T")])
        body = encodeTopicBody("T", b"x")
        self.say(1, 1, 10, ChannelMessage(0x35, b"6" * 32, 0, body).encode())
        self.assertEqual(len(got), 1)

    def challenge(self, content: bytes, seq: int = 8) -> None:
        """Let the peer send this to the node's verify channel."""
        (channel,) = (topic for topic in self.node.topics if topic.startswith(VERIFY_CHANNEL))
        body = encodeTopicBody(channel, content)
        self.say(1, 0, seq, ChannelMessage(0x30, b"5" * 32, 0, body).encode())

    def test_manyChallenges(self) -> None:
        """However many come at a time, there is a pause after each signature."""
        self.node.subscribe("T", ignore, key=KEY)
        with patch("fiscop2p.modules.private.sign", Mock(wraps=sign)) as signing:
            for seq in range(20):
                self.challenge(b"%032d" % seq, seq)
            self.assertEqual(signing.call_count, 1)
            self.network.advance(5 * PAUSE + 0.001)
            self.assertEqual(signing.call_count, 6)
            self.network.advance(1)
            self.assertEqual(signing.call_count, 20)
        answers = [frame for frame in self.news() if frame[0] == -1]
        self.assertEqual([seq for _, _, seq, _ in answers], list(range(20)))
        for seq, (_, _, _, payload) in enumerate(answers):
            signature = decodeTopicBody(ChannelMessage.decode(payload).data)[1]
            self.assertTrue(isSigned(b"%032d" % seq, signature, [KEY.public_key()]))

    def test_stopsSigning(self) -> None:
        """Once the node has stopped nothing is to come, not even for a moment."""
        self.node.subscribe("T", ignore, key=KEY)
        for seq in range(20):
            self.challenge(b"%032d" % seq, seq)
        self.node.stopService()
        signing = [
            call for call in self.network.clock.getDelayedCalls() if "_signNext" in str(call)
        ]
        self.assertEqual(signing, [])
        self.network.advance(10)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_challengesThatNobodyWaitsFor(self) -> None:
        """What is not signed in time is not signed at all."""
        self.node.subscribe("T", ignore, key=KEY)
        with patch("fiscop2p.modules.private.sign", Mock(wraps=sign)) as signing:
            for seq in range(600):
                self.challenge(b"%032d" % seq, seq)
            self.network.advance(30)
        self.assertLessEqual(signing.call_count, 5 / PAUSE + 2)

    def test_noChallenge(self) -> None:
        """What is too long to be one is not signed."""
        lines = logLines(self)
        self.node.subscribe("T", ignore, key=KEY)
        self.news()
        for _ in range(3):
            self.challenge(b"x" * 513)
        self.network.advance(1)
        for _, message in self.answers():
            self.assertEqual(decodeTopicBody(message.data)[1], b"")
        self.assertEqual(len([line for line in lines if "are no challenge" in line]), 1)
        self.challenge(b"x" * 512)
        ((_, message),) = self.answers()
        self.assertEqual(len(decodeTopicBody(message.data)[1]), 130)

    def answers(self) -> list[tuple[int, ChannelMessage]]:
        """What the node has answered to AMOP requests since."""
        return [
            (seq, ChannelMessage.decode(payload))
            for protocolID, _, seq, payload in self.news()
            if protocolID == -1
        ]

    def test_everyFollowerHasItsOwnChannel(self) -> None:
        """Each time it is followed, a topic gets another verify channel."""
        channels = set()
        for _ in range(3):
            self.node.subscribe("T", ignore, key=KEY)
            channels |= self.node.topics - {NAME}
            self.node.unsubscribe("T", ignore)
        self.assertEqual(len(channels), 3)

    def test_onlyWhatWePublish(self) -> None:
        """Nobody is challenged for a topic that we do not publish on."""
        self.node.restrictTopic("other", [KEY.public_key()])
        self.assertEqual(self.list([NAME, CHANNEL]), [])
        self.assertEqual(self.heartbeat(), [])

    def test_brokenAnswer(self) -> None:
        """An answer that is no AMOP message, or has no topic, is a failure."""
        for broken in (b"", b"x" * 50, ChannelMessage(0x31, b"5" * 32, 0, b"").encode()):
            self.node.restrictTopic("T", [KEY.public_key()])
            ((seq, _),) = self.list([NAME, CHANNEL])
            self.say(-1, 0, seq, broken)
            self.network.advance(4)
            self.assertEqual(self.heartbeat(), [])
            self.assertEqual(self.list([]), [])
        self.assertIsNone(self.peer.lost)

    def test_fewAtOnce(self) -> None:
        """Of thousands of private topics few are challenged at once, the others after them."""
        numbers = range(100)
        for number in numbers:
            self.node.restrictTopic(f"T{number}", [KEY.public_key()])
        listed = [
            text
            for number in range(5000)
            for text in (
                f"#!$TopicNeedVerify_T{number}",
                f"#!$VerifyChannel_#!$TopicNeedVerify_T{number}_{'a' * 32}",
            )
        ]
        challenges = self.list(listed)
        self.assertEqual(len(challenges), MAX_CHALLENGES)
        verified = 0
        while challenges:
            for seq, challenge in challenges:
                self.prove(seq, challenge)
                verified += 1
            challenges = self.amop()
            self.assertLessEqual(len(challenges), MAX_CHALLENGES)
        self.assertEqual(verified, len(numbers))
        self.assertEqual([self.node.multicast(f"T{number}", b"x") for number in numbers], [1] * 100)

    def test_silentOnesKeepNobodyWaiting(self) -> None:
        """Topics whose challenges are not answered come after those that were not tried yet."""
        for number in range(MAX_CHALLENGES + 1):
            self.node.restrictTopic(f"T{number}", [KEY.public_key()])
        names = [f"#!$TopicNeedVerify_T{number}" for number in range(MAX_CHALLENGES + 1)]
        challenges = self.list(
            [text for name in names for text in (name, f"#!$VerifyChannel_{name}_{'a' * 32}")]
        )
        self.assertEqual(len(challenges), MAX_CHALLENGES)
        self.assertEqual(self.heartbeat(), [])
        self.network.advance(9)
        challenges = self.heartbeat()
        self.assertEqual(len(challenges), MAX_CHALLENGES)
        self.assertIn(names[-1], decodeTopicBody(challenges[0][1].data)[0])
        self.assertEqual(self.list([]), [])
        self.network.advance(9)
        self.assertEqual(self.heartbeat(), [])

    def test_failureRests(self) -> None:
        """A peer that fails, drops the topic and follows it again, is not challenged each time."""
        self.node.restrictTopic("T", [KEY.public_key()])
        count = 0
        for _ in range(40):
            for seq, challenge in self.list([NAME, CHANNEL]):
                self.answer(seq, challenge, sign(b"something else", KEY))
                count += 1
            self.list([])
        self.assertEqual(count, 1)
        self.network.advance(3.1)
        self.assertEqual(len(self.list([NAME, CHANNEL])), 1)

    def test_busy(self) -> None:
        """A peer that reads too slowly to be challenged is challenged later."""
        self.node.restrictTopic("T", [KEY.public_key()])
        self.node.restrictTopic("U", [KEY.public_key()])
        self.list([])
        session = self.node.registry.session(self.issued.nodeID)
        request = session.request

        def busy(protocolID: int, *args: object) -> int:
            if protocolID == 1:
                raise PeerBusy("it reads too slowly")
            return request(protocolID, *args)

        listed = [NAME, CHANNEL, *(name.replace("_T", "_U") for name in (NAME, CHANNEL))]
        with patch.object(session, "request", busy):
            self.assertEqual(self.list(listed), [])
        self.assertEqual(self.heartbeat(), [])
        self.network.advance(4)
        self.assertEqual(len(self.heartbeat()), 2)

    def test_notAnsweredRests(self) -> None:
        """A peer that answers with a code is asked again with a later heartbeat, not at once."""
        self.node.restrictTopic("T", [KEY.public_key()])
        ((seq, challenge),) = self.list([NAME, CHANNEL])
        refusal = ChannelMessage(0x31, challenge.seq, 104, challenge.data).encode()
        self.say(-1, 0, seq, refusal)
        self.assertEqual([self.heartbeat() for _ in range(9)], [[]] * 9)
        self.network.advance(5)
        ((seq, challenge),) = self.heartbeat()
        self.prove(seq, challenge)
        self.assertEqual(self.node.multicast("T", b"x"), 1)

    def test_answerOfBefore(self) -> None:
        """An answer to a challenge of other keys, or of a topic that went, does not count."""
        self.node.restrictTopic("T", [FOREIGN.public_key()])
        ((seq, challenge),) = self.list([NAME, CHANNEL])
        self.node.restrictTopic("T", [KEY.public_key()])
        self.network.advance(0)
        ((again, second),) = self.amop()
        self.prove(seq, challenge)
        self.assertEqual(self.node.multicast("T", b"x"), 0)
        self.assertEqual(self.list([]), [])
        self.prove(again, second)
        self.assertEqual(self.node.multicast("T", b"x"), 0)
        self.assertIsNone(self.peer.lost)
