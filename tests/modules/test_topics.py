"""Topics: who gets what is published, and who answers."""

from __future__ import annotations

import contextlib
import gc
import weakref
from functools import partial
from random import randbytes
from typing import Any

from twisted.internet.defer import Deferred, succeed

from fiscop2p.errors import (
    BandwidthExceeded,
    DeliveryError,
    EncodingError,
    NoFollower,
    RequestTimeout,
    TopicRequestFailed,
)
from fiscop2p.interfaces import ISession, Message
from fiscop2p.links.delivery import eachFrame
from fiscop2p.reasons import CloseReason
from fiscop2p.service import P2PService
from fiscop2p.traffic.limiter import RateLimiter
from fiscop2p.wire.amop import ChannelMessage, encodeTopicBody, encodeTopicMessage
from fiscop2p.wire.dialect import AMOP
from tests.strangers import logLines
from tests.test_service import NetworkTestCase


class MulticastTests(NetworkTestCase):
    """To all who follow."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[tuple[str, Message]] = []

    def follow(self, *names: str, topic: str = "orders") -> None:
        for name in names:
            node = getattr(self, name)
            node.subscribe(topic, lambda message, name=name: self.got.append((name, message)))
        self.advance()

    def test_onlyFollowers(self) -> None:
        """Who follows gets the message, who does not, not."""
        self.follow("b")
        self.assertEqual(self.a.multicast("orders", b"1 apple"), 1)
        self.advance()
        self.assertEqual(self.got, [("b", Message(self.a.nodeID, b"1 apple", 1, 1, "orders"))])

    def test_all(self) -> None:
        """All followers get it, the sender too if it follows."""
        self.follow("a", "b", "c")
        self.assertEqual(self.a.multicast("orders", b"x"), 3)
        self.assertEqual(self.got, [])
        self.advance()
        self.assertEqual(sorted(name for name, _ in self.got), ["a", "b", "c"])

    def test_nobody(self) -> None:
        """Publishing what nobody follows is no error, as with FISCO BCOS."""
        self.assertEqual(self.a.multicast("nothing", b"x"), 0)

    def test_severalHandlers(self) -> None:
        """Several handlers of a node may follow the same topic; each gets every message."""
        self.follow("b", "b")
        self.a.multicast("orders", b"x")
        self.advance()
        self.assertEqual(len(self.got), 2)

    def test_unsubscribe(self) -> None:
        """Who stops following gets nothing any more, once that is known."""
        handler = self.got.append
        self.b.subscribe("orders", handler)
        self.advance()
        self.b.unsubscribe("orders", handler)
        self.advance()
        self.assertEqual(self.a.multicast("orders", b"x"), 0)
        self.assertRaises(ValueError, self.b.unsubscribe, "orders", handler)

    def test_failingSubscriber(self) -> None:
        """A subscriber that fails is logged; the others still get the message."""
        self.b.subscribe("orders", lambda _: 1 // 0)
        self.follow("b", "c")
        self.a.multicast("orders", b"x")
        self.advance()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(sorted(name for name, _ in self.got), ["b", "c"])

    def test_failingSubscribers(self) -> None:
        """The first failure of each topic has its traceback, and a line that names the topic."""

        def fail(message: Message) -> None:
            raise ValueError(message.topic)

        lines = logLines(self)
        for topic in ("orders", "prices", "prices"):
            self.b.subscribe(topic, fail)
        self.advance()
        for _ in range(3):
            for topic in ("orders", "prices"):
                self.a.multicast(topic, b"x")
                answer = self.a.requestTopic(topic, b"x")
                self.advance()
                self.failureResultOf(answer, TopicRequestFailed)
        errors = self.flushLoggedErrors(ValueError)
        self.assertEqual([str(error.value) for error in errors], ["orders", "prices"])
        self.assertEqual(
            [line for line in lines if "a subscriber failed" in line],
            [f"critical: a subscriber failed,topic={topic}" for topic in ("orders", "prices")],
        )

    def test_badTopics(self) -> None:
        """A topic that does not fit the wire is refused."""
        for topic in ("", "a\tb", "é" * 128):
            self.assertRaises(EncodingError, self.a.subscribe, topic, print)
        for topic in ("a\tb", "x" * 255):
            self.assertRaises(EncodingError, self.a.multicast, topic, b"x")
            self.assertRaises(EncodingError, self.a.requestTopic, topic, b"x")
        self.assertEqual(self.a.topics, frozenset())

    def test_noTopic(self) -> None:
        """What is not text is no topic."""
        multicast, request = (
            partial(call, payload=b"x") for call in (self.a.multicast, self.a.requestTopic)
        )
        calls = (
            partial(self.a.subscribe, handler=print),
            partial(self.a.restrictTopic, allowedKeys=()),
            multicast,
            partial(multicast, protocolID=self.protocolID),
            request,
        )
        for call in calls:
            for wrong in (b"orders", None, 5):
                error = self.assertRaises(TypeError, call, wrong)
                self.assertIn("a topic is a str, not ", str(error))

    def test_longestTopic(self) -> None:
        """254 bytes are a topic."""
        topic = "x" * 254
        self.follow("b", topic=topic)
        self.a.multicast(topic, b"x")
        self.advance()
        self.assertEqual(self.got[0][1].topic, topic)

    def test_largeContent(self) -> None:
        """Content of any bytes and size comes whole."""
        self.follow("b")
        content = bytes(range(256)) * 10_000
        self.a.multicast("orders", content)
        self.advance()
        self.assertEqual(self.got[0][1].payload, content)


class ModuleTests(NetworkTestCase):
    """A module's messages to those that follow its topic."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[tuple[str, Message]] = []
        for name in "abc":
            node = getattr(self, name)
            node.handle(
                self.protocolID, lambda message, name=name: self.got.append((name, message))
            )

    def multicast(self, payload: Any = b"x", **how: Any) -> int:
        """Send to those that follow C{orders}."""
        return self.a.multicast("orders", payload, **{"protocolID": self.protocolID, **how})

    def follow(self, *names: str) -> None:
        for name in names:
            getattr(self, name).subscribe("orders", lambda message: self.fail("not a topic's"))
        self.advance()

    def test_onlyFollowers(self) -> None:
        """Handlers of the protocolID get it, where the topic is followed; subscribers do not."""
        self.follow("a", "b")
        self.assertEqual(self.multicast(packetType=7), 1)
        self.advance()
        self.assertEqual(self.got, [("b", Message(self.a.nodeID, b"x", self.protocolID, 7))])

    def test_nobody(self) -> None:
        """Nobody follows, or nobody any more."""
        self.assertEqual(self.multicast(), 0)
        self.follow("b", "c")
        self.network.cut(self.a, self.b)
        self.advance()
        self.assertEqual(self.multicast(), 1)
        self.advance()
        self.assertEqual([name for name, _ in self.got], ["c"])

    def test_slowReader(self) -> None:
        """A follower that reads too slowly is left out, and not counted."""
        self.follow("b")
        self.follow("c")
        self.a.registry.session(self.b.nodeID).pauseProducing()
        self.a.broadcast(randbytes(self.a.settings.maxQueue + 1), protocolID=self.protocolID)
        self.advance()
        self.got.clear()
        self.assertEqual(self.multicast(), 1)
        self.advance()
        self.assertEqual([name for name, _ in self.got], ["c"])

    def test_bad(self) -> None:
        """What cannot be sent is refused, whether anybody follows or not."""
        for follower in ("", "b"):
            self.follow(*follower)
            for bad in (
                {"payload": "text"},
                {"protocolID": 0},
                {"protocolID": -5},
                {"protocolID": 1 << 31},
                {"packetType": 1 << 16},
                {"packetType": 1, "protocolID": None},
            ):
                with self.assertRaises(EncodingError):
                    self.multicast(**bad)
        for topic in ("a\tb", "x" * 255):
            with self.assertRaises(EncodingError):
                self.a.multicast(topic, b"x", protocolID=self.protocolID)

    def test_bandwidth(self) -> None:
        """It is not refused for the bandwidth, but charged to it, as all that is not topic sync."""
        self.a.links.limiter = RateLimiter(10_000.0, self.network.clock)
        self.follow("b")
        self.advance(1)
        self.assertEqual([self.multicast(randbytes(10_000)) for _ in range(3)], [1, 1, 1])
        self.advance()
        with self.assertRaises(BandwidthExceeded):
            self.a.multicast("orders", b"x")


class FloodTests(NetworkTestCase):
    """Messages of a topic that come together."""

    COUNT = 300

    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []
        self.others: list[bytes] = []

    def takeOthers(self, message: Message) -> None:
        self.others.append(message.payload)

    def follow(self, act=lambda: None, topic: str = "orders") -> None:
        """Have C{b} follow a topic, and do something at the 200th message."""

        def take(message: Message) -> None:
            self.got.append(message.payload)
            if len(self.got) == 200:
                act()

        self.take = take
        self.b.subscribe(topic, take)
        self.advance()

    def flood(self, *topics: str) -> list[bytes]:
        """Publish numbered messages in one turn."""
        payloads = [b"%04d" % number for number in range(self.COUNT)]
        for payload in payloads:
            for topic in topics or ("orders",):
                self.a.multicast(topic, payload)
        self.advance()
        return payloads

    def test_inOrder(self) -> None:
        """All of them come once, in order, whatever else is published between them."""
        self.b.subscribe("others", self.takeOthers)
        self.follow()
        for topics in (("orders",), ("orders", "others"), ("orders", "nobody", "others", "order")):
            self.got, self.others = [], []
            payloads = self.flood(*topics)
            self.assertEqual(self.got, payloads)
            self.assertEqual(self.others, payloads if "others" in topics else [])

    def test_message(self) -> None:
        """Each says whose it is, and what it was published on."""
        messages: list[Message] = []
        self.b.subscribe("orders", messages.append)
        self.advance()
        payloads = self.flood()
        expected = [Message(self.a.nodeID, payload, 1, 1, "orders") for payload in payloads]
        self.assertEqual(messages, expected)

    def test_unsubscribes(self) -> None:
        """Who stops following in the middle gets no more."""
        self.follow(lambda: self.b.unsubscribe("orders", self.take))
        payloads = self.flood()
        self.assertEqual(self.got, payloads[:200])

    def test_makesWay(self) -> None:
        """Who follows in another's place gets what that one has not got."""

        def act() -> None:
            self.b.unsubscribe("orders", self.take)
            self.b.subscribe("orders", self.takeOthers)

        self.follow(act)
        payloads = self.flood()
        self.assertEqual(self.got, payloads[:200])
        self.assertEqual(self.others, payloads[200:])

    def test_newSubscriberForEach(self) -> None:
        """A subscriber may make way for another with every message."""

        def take(message: Message) -> None:
            self.got.append(message.payload)
            self.b.unsubscribe("orders", self.take)
            self.take = lambda message: take(message)
            self.b.subscribe("orders", self.take)

        self.take = take
        self.b.subscribe("orders", take)
        self.advance()
        payloads = self.flood()
        for _ in range(4):
            self.flood()
        self.assertEqual(self.got, payloads * 5)

    def test_joins(self) -> None:
        """Who follows, too, from the middle on gets what comes then."""
        self.follow(lambda: self.b.subscribe("orders", self.takeOthers))
        payloads = self.flood()
        self.assertEqual(self.got, payloads)
        self.assertEqual(self.others, payloads[200:])

    def test_anotherUnsubscribes(self) -> None:
        """Who is made to stop has got all that came before."""
        self.follow(lambda: self.b.unsubscribe("orders", self.takeOthers))
        self.b.subscribe("orders", self.takeOthers)
        payloads = self.flood()
        self.assertEqual(self.got, payloads)
        self.assertEqual(self.others, payloads[:200])

    def test_linkEnds(self) -> None:
        """When a subscriber ends the link all get what had come, and nothing behind it."""

        def end() -> None:
            self.b.registry.session(self.a.nodeID).abort(CloseReason.STOPPED)

        self.follow(end)
        self.b.subscribe("orders", self.takeOthers)
        payloads = self.flood()
        self.assertEqual(self.got, payloads[:200])
        self.assertEqual(self.others, payloads[:200])

    def test_fails(self) -> None:
        """One that fails in the middle gets the rest all the same, and so do others."""
        for others in (0, 1):
            self.got = []
            self.follow(lambda: 1 // 0)
            for _ in range(others):
                self.b.subscribe("orders", self.takeOthers)
            payloads = self.flood()
            self.assertEqual(self.got, payloads)
            self.assertEqual(self.others, payloads * others)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1 - others)
            self.b.unsubscribe("orders", self.take)

    def test_malformedBetween(self) -> None:
        """What is no AMOP message costs only itself, of the same length and packet type, too."""
        self.follow()
        good = encodeTopicMessage(0x35, b"7" * 32, "orders", b"1234")
        bad = [
            good[:6] + b"8" * 32 + good[38:42] + b"\0" + good[43:],  # no topic
            good[:6] + b"8" * 32 + good[38:42] + b"\xff" + good[43:],  # beyond its end
            b"\0\0\0\1" + good[4:],  # another length
            good[:4] + b"\0\x99" + good[6:],  # another type
            good[:43] + b"ordert1234",  # another topic
            good[:42] + b"\x01" + good[43:],  # the topic of no name
        ]
        session = self.a.registry.session(self.b.nodeID)
        for each in bad:
            self.assertEqual(len(each), len(good))
            for frames in ([good] * 20 + [each] + [good] * 20, [each] * 40 + [good] * 20 + [each]):
                self.got = []
                for frame in frames:
                    session.post(1, 1, frame)
                self.advance()
                self.assertEqual(self.got, [b"1234"] * frames.count(good))
        self.assertIsNone(session.closeReason)

    def test_requestsBetween(self) -> None:
        """Requests that come together are answered, each under its seq."""
        self.b.subscribe("orders", lambda message: message.payload[::-1])
        self.advance()
        numbers = [b"%04d" % number for number in range(self.COUNT)]
        asked = [self.a.requestTopic("orders", number) for number in numbers]
        self.advance()
        answers = [self.successResultOf(request) for request in asked]
        self.assertEqual(answers, [number[::-1] for number in numbers])

    def test_busy(self) -> None:
        """Subscribers that are busy with what has come make the link wait, alone or not."""
        for others in (0, 1):
            tasks: list[Deferred[None]] = []

            def take(message: Message, tasks=tasks) -> Deferred[None]:
                tasks.append(Deferred())
                return tasks[-1]

            self.b.subscribe("orders", take)
            for _ in range(others):
                self.b.subscribe("orders", self.takeOthers)
            self.advance()
            while len(tasks) <= self.b.settings.maxUnanswered:
                self.flood()
            session = self.b.registry.session(self.a.nodeID)
            self.assertTrue(session.isPaused)
            while tasks:
                tasks.pop().callback(None)
            self.advance()
            while tasks:
                tasks.pop().callback(None)
            self.assertFalse(session.isPaused)
            self.b.unsubscribe("orders", take)


class RequestTopicTests(NetworkTestCase):
    """Of one who follows."""

    def ask(self, timeout: float = 3) -> Deferred[bytes]:
        return self.a.requestTopic("prices", b"apple", timeout=timeout)

    def test_answer(self) -> None:
        """A follower's answer comes back."""
        self.b.subscribe("prices", lambda message: message.payload + b": 3")
        self.advance()
        answer = self.ask()
        self.advance()
        self.assertEqual(self.successResultOf(answer), b"apple: 3")

    def test_oneOfMany(self) -> None:
        """Each request goes to one follower, and in the long run to each of them."""
        asked: list[str] = []
        for name in "abc":
            getattr(self, name).subscribe("prices", lambda _, name=name: asked.append(name))
        self.advance()
        answers = [self.ask() for _ in range(60)]
        self.advance()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b""] * 60)
        self.assertEqual(len(asked), 60)
        self.assertEqual(set(asked), {"a", "b", "c"})

    def test_noFollower(self) -> None:
        """Without a follower the request fails at once."""
        error = self.failureResultOf(self.ask(), NoFollower).value
        self.assertIn("'prices'", str(error))

    def test_onlyOurselves(self) -> None:
        """We may be the only follower."""
        self.a.subscribe("prices", lambda _: b"3")
        self.assertEqual(self.successResultOf(self.ask()), b"3")

    def test_nextWhenOneFails(self) -> None:
        """When a follower fails, the next one is asked."""
        self.b.subscribe("prices", lambda _: 1 // 0)
        self.c.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask() for _ in range(20)]
        self.advance()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"3"] * 20)
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_nextWhenOneIsSilent(self) -> None:
        """When a follower does not answer in time, the next one is asked."""
        self.b.subscribe("prices", lambda _: Deferred())
        self.c.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask(timeout=1) for _ in range(20)]
        self.advance(1.2)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"3"] * 20)

    def test_nextWhenOneLeaves(self) -> None:
        """When a follower leaves, the next one is asked."""
        self.b.subscribe("prices", lambda _: Deferred())
        self.c.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask(timeout=30) for _ in range(20)]
        self.advance()
        self.network.cut(self.a, self.b)
        self.advance()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"3"] * 20)

    def test_allFail(self) -> None:
        """When all fail, the error says who and why, with the AMOP code."""
        self.a.subscribe("prices", lambda _: 1 // 0)
        self.b.subscribe("prices", lambda _: 1 // 0)
        self.advance()
        answer = self.ask()
        self.advance()
        error = self.failureResultOf(answer, TopicRequestFailed).value
        self.assertEqual(error.code, 104)
        self.assertIn("our own subscribers failed", str(error))
        self.assertIn("code 104", str(error))
        self.flushLoggedErrors(ZeroDivisionError)

    def test_eachThatFails(self) -> None:
        """A follower that fails is logged, though the next one answers."""
        lines = logLines(self)
        self.b.subscribe("prices", lambda _: Deferred())
        self.c.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask(timeout=1) for _ in range(20)]
        self.network.advance(1.2)
        for answer in answers:
            self.assertEqual(self.successResultOf(answer), b"3")
        (line,) = (line for line in lines if "Send topics message failed" in line)
        self.assertIn(f"warn: Send topics message failed,to={self.b.nodeID},what=no answer", line)

    def test_slowSubscriber(self) -> None:
        """A subscriber that takes too long is not waited for; the next one of its node is asked."""
        cancelled: list[Deferred[bytes]] = []
        self.b.subscribe("prices", lambda _: Deferred(cancelled.append))
        self.b.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask(timeout=30) for _ in range(20)]
        self.network.advance(4.9)
        waiting = [answer for answer in answers if not answer.called]
        self.assertTrue(waiting)
        self.assertEqual(cancelled, [])
        self.network.advance(0.2)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"3"] * 20)
        self.assertEqual(len(cancelled), len(waiting))

    def test_stubbornSubscriber(self) -> None:
        """Nor one that does not take it for an answer that it is cancelled."""
        works: list[Deferred[None]] = []

        async def stubborn(message: Message) -> bytes:
            while len(works) < 1000:
                works.append(Deferred())
                with contextlib.suppress(Exception):
                    await works[-1]
            return b""

        self.b.subscribe("prices", stubborn)
        self.b.subscribe("prices", lambda _: b"3")
        self.advance()
        answers = [self.ask(timeout=30) for _ in range(20)]
        self.network.advance(5.1)
        self.assertTrue(works)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [b"3"] * 20)
        self.ask(timeout=30).addErrback(lambda _: None)
        self.advance()

    def test_allSubscribersAreSlow(self) -> None:
        """A follower none of whose subscribers answers says so, and is read from again."""

        async def never(message: Message) -> bytes:
            return await Deferred()

        for _ in range(2):
            self.b.subscribe("prices", never)
        self.advance()
        answers = [self.ask(timeout=30) for _ in range(1200)]
        self.advance()
        session = self.b.registry.session(self.a.nodeID)
        self.assertTrue(session.isPaused)
        self.network.advance(21)
        self.assertFalse(session.isPaused)
        for answer in answers:
            self.assertEqual(self.failureResultOf(answer, TopicRequestFailed).value.code, 104)

    def test_ownSubscriberIsSlow(self) -> None:
        """Our own subscribers have no more time than others'."""
        self.a.subscribe("prices", lambda _: Deferred())
        self.advance()
        answer = self.ask(timeout=30)
        self.network.advance(5.1)
        error = self.failureResultOf(answer, TopicRequestFailed).value
        self.assertEqual(error.code, 104)

    def test_lateAnswer(self) -> None:
        """An answer that comes when nobody waits for it any more is not taken for another's."""
        late: Deferred[bytes] = Deferred(lambda _: late.callback(b"late"))
        self.b.subscribe("prices", lambda _: late)
        self.advance()
        answer = self.ask(timeout=30)
        self.network.advance(5.1)
        error = self.failureResultOf(answer, TopicRequestFailed).value
        self.assertEqual(error.code, 104)

    def test_subscriberThatWaitsForAnother(self) -> None:
        """Who fails because a third did not answer in time has failed like any other."""

        def ask(message: Message) -> Deferred[bytes]:
            return self.b.request(self.c.nodeID, b"", protocolID=self.b.protocolID(1, 9), timeout=1)

        self.c.handle(self.c.protocolID(1, 9), lambda _: Deferred())
        self.b.subscribe("prices", ask)
        self.advance()
        answer = self.ask(timeout=30)
        self.network.advance(1.1)
        error = self.failureResultOf(answer, TopicRequestFailed).value
        self.assertEqual(error.code, 104)
        self.assertEqual(len(self.flushLoggedErrors(RequestTimeout)), 1)

    def test_allSilent(self) -> None:
        """When nobody answers, the code is 100."""
        self.b.subscribe("prices", lambda _: Deferred())
        self.advance()
        answer = self.ask(timeout=1)
        self.advance(1.2)
        self.assertEqual(self.failureResultOf(answer, TopicRequestFailed).value.code, 100)

    def test_cancelled(self) -> None:
        """A request that is given up asks nobody any more."""
        asked: list[str] = []
        for name in "bc":
            node = getattr(self, name)
            node.subscribe("prices", lambda _, name=name: asked.append(name) or Deferred())
        self.advance()
        answer = self.ask(timeout=1)
        answer.addErrback(lambda _: None)
        self.advance()
        answer.cancel()
        self.advance(5)
        self.assertEqual(len(asked), 1)

    def test_answeredWithoutATopic(self) -> None:
        """Who answers with code 0 has done what was asked, whatever the body: nobody else is."""
        asked: list[str] = []

        def answer(session: ISession, packetType: int, seq: int, payload: bytes) -> None:
            asked.append(session.nodeID)
            question = ChannelMessage.decode(payload)
            answer = ChannelMessage(0x31, question.seq, 0, b"done").encode()
            session.respond(AMOP, packetType, seq, answer)

        for node in (self.b, self.c):
            node.subscribe("prices", lambda _: self.fail("no subscriber is asked"))
            node._links.receivers[AMOP] = eachFrame(answer)
        self.advance()
        asking = self.ask()
        self.advance()
        self.assertEqual(self.successResultOf(asking), b"done")
        self.assertEqual(len(asked), 1)

    def test_thousandsHaveLeft(self) -> None:
        """However many followers have left, the request comes to its end."""
        session = self.a.registry.session(self.b.nodeID)
        self.patch(self.a.registry, "sessionsFollowing", lambda _: 2000 * [session])
        session.abort(CloseReason.LOST)
        self.failureResultOf(self.ask(), TopicRequestFailed)


class StopTests(NetworkTestCase):
    """A node that stops while somebody waits for an answer."""

    def setUp(self) -> None:
        super().setUp()
        self.cancelled: list[Deferred[bytes]] = []
        self.asked = 0

    def ask(self, message: Message) -> Deferred[bytes]:
        self.asked += 1
        return Deferred(self.cancelled.append)

    def follow(self, *nodes: P2PService) -> None:
        for node in nodes:
            node.subscribe("prices", self.ask)
        self.advance()

    def requestTopic(self) -> Deferred[bytes]:
        return self.a.requestTopic("prices", b"apple")

    def test_ownSubscribers(self) -> None:
        """A request that our own subscribers have not answered fails at once; no timer is left."""
        self.follow(self.a)
        self.a.subscribe("prices", self.ask)
        answer = self.requestTopic()
        self.a.stopService()
        self.failureResultOf(answer, TopicRequestFailed)
        self.assertEqual((self.asked, len(self.cancelled)), (1, 1))
        self.network.stop()

    def test_askedAgain(self) -> None:
        """Who asks again when that fails is told so at once."""
        self.follow(self.a, self.b)
        answers = [self.requestTopic().addErrback(lambda _: self.requestTopic()) for _ in range(9)]
        self.network.stop()
        for answer in answers:
            self.failureResultOf(answer, DeliveryError)

    def test_subscribersOfOthers(self) -> None:
        """What peers have asked ends, too, also if their links have ended before."""
        self.follow(self.b)
        answers = [self.requestTopic() for _ in range(3)]
        self.advance()
        self.network.cut(self.a, self.b)
        self.advance()
        self.assertEqual(self.cancelled, [])
        self.b.stopService()
        self.assertEqual(len(self.cancelled), 3)
        for answer in answers:
            self.failureResultOf(answer, TopicRequestFailed)

    def test_startedAgain(self) -> None:
        """A node that is started again answers again."""
        stopped = self.b.stopService()
        self.advance()
        self.successResultOf(stopped)
        self.b.startService()
        self.b.subscribe("prices", lambda _: b"3")
        self.advance(30)
        answer = self.requestTopic()
        self.advance()
        self.assertEqual(self.successResultOf(answer), b"3")


class WireTests(NetworkTestCase):
    """AMOP as FISCO BCOS nodes and SDKs speak it."""

    def ask(self, frame: bytes) -> ChannelMessage:
        session = self.a.registry.session(self.b.nodeID)
        answers: list = []
        session.request(1, 0, frame, answers.append, 1)
        self.advance(1.2)
        if isinstance(answers[0], Exception):
            raise answers[0]
        return ChannelMessage.decode(answers[0])

    def test_answerCarriesSeqAndTopic(self) -> None:
        """A request 0x30 is answered by 0x31 with its seq, result 0, and the topic."""
        self.b.subscribe("t", lambda message: message.payload.upper())
        body = encodeTopicBody("t", b"abc")
        answer = self.ask(ChannelMessage(0x30, b"7" * 32, 0, body).encode())
        self.assertEqual(answer, (0x31, b"7" * 32, 0, b"\x02tABC"))

    def test_noSubscriber(self) -> None:
        """Without a subscriber the answer is 104, and the request's data comes back."""
        body = encodeTopicBody("t", b"abc")
        answer = self.ask(ChannelMessage(0x30, b"7" * 32, 0, body).encode())
        self.assertEqual(answer, (0x31, b"7" * 32, 104, body))

    def test_noSubscriberOfMuch(self) -> None:
        """But nobody has us send back what is large."""
        body = encodeTopicBody("t", bytes(65 * 1024))
        answer = self.ask(ChannelMessage(0x30, b"7" * 32, 0, body).encode())
        self.assertEqual(answer, (0x31, b"7" * 32, 104, b""))

    def test_nothingIsKept(self) -> None:
        """Once a request is answered nothing holds it, and the answer, until memory is sorted."""

        class Asker:
            def answered(self, answer: bytes) -> None:
                pass

        gc.disable()
        self.addCleanup(gc.enable)
        for handler in (lambda _: b"", lambda _: succeed(b"")):
            self.b.subscribe("t", handler)
            asker = Asker()
            gone = weakref.ref(asker)
            message = Message(self.a.nodeID, b"", AMOP, 0, "t")
            self.b._topics.subscribers.ask(message, asker.answered, lambda: None)
            del asker
            self.assertIsNone(gone())
            self.b.unsubscribe("t", handler)

    def test_innerTypeDecides(self) -> None:
        """The packet type of the P2P header is not looked at, as in FISCO BCOS."""
        got: list[bytes] = []
        self.b.subscribe("t", lambda message: got.append(message.payload))
        frame = ChannelMessage(0x35, b"7" * 32, 0, encodeTopicBody("t", b"abc")).encode()
        self.a.registry.session(self.b.nodeID).request(1, 0, frame, lambda _: None, 1)
        self.advance(1.2)
        self.assertEqual(got, [b"abc"])

    def test_malformed(self) -> None:
        """What is no AMOP message is ignored, and the link kept."""
        session = self.a.registry.session(self.b.nodeID)
        good = ChannelMessage(0x30, b"7" * 32, 0, b"\x02tx").encode()
        zero = ChannelMessage(0x30, b"7" * 32, 0, b"\0").encode()
        beyond = ChannelMessage(0x30, b"7" * 32, 0, b"\xfft").encode()
        odd = ChannelMessage(0x99, b"7" * 32, 0, b"\x02t").encode()
        for frame in (b"", good[:-1], good + b"x", zero, beyond, odd):
            session.request(1, 0, frame, lambda _: None, 1)
        self.advance(1.2)
        self.assertIsNone(session.closeReason)
        self.assertIn(self.a.nodeID, self.b.registry)
