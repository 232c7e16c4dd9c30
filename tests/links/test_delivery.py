"""From the runs of a link to handlers: each message once, in order, to who takes it then."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import PeerLeft, RequestTimeout
from fiscop2p.interfaces import Answer, Message
from fiscop2p.links.delivery import eachFrame
from fiscop2p.reasons import CloseReason
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.runs import LooseRun
from tests.test_service import NetworkTestCase

COUNT = 2000
"""Messages of a flood: more than come in one run."""


class FloodTestCase(NetworkTestCase):
    """C{a} sends C{b} many messages of one length in one turn."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []
        self.rest: list[bytes] = []

    @property
    def sent(self) -> list[bytes]:
        return [b"%06d" % number for number in range(COUNT)]

    def flood(self) -> None:
        for payload in self.sent:
            self.a.send(self.b.nodeID, payload, protocolID=self.protocolID)
        self.advance()

    def assertShared(self, first: int) -> None:
        """The first messages went to one, the rest to another."""
        self.assertTrue(self.got == self.sent[:first], len(self.got))
        self.assertTrue(self.rest == self.sent[first:], len(self.rest))


class EachMessageTests(FloodTestCase):
    """What a handler may do in the middle of a run."""

    def test_newHandlerForEach(self) -> None:
        """A handler may make way for another with every message."""

        def take(message: Message) -> None:
            self.got.append(message.payload)
            self.b.unhandle(self.protocolID)
            self.b.handle(self.protocolID, lambda message: take(message))

        self.b.handle(self.protocolID, take)
        self.flood()
        self.assertShared(COUNT)

    def test_makesWay(self) -> None:
        """The rest of the run goes to who takes the protocolID now, singly or together."""
        for first in (1, 7, 700):
            for handle, take in (
                (self.b.handle, lambda message: self.rest.append(message.payload)),
                (self.b.handleMany, lambda sender, payloads: self.rest.extend(payloads)),
            ):
                self.got, self.rest = [], []

                def makeWay(message: Message, first=first, handle=handle, take=take) -> None:
                    self.got.append(message.payload)
                    if len(self.got) == first:
                        self.b.unhandle(self.protocolID)
                        handle(self.protocolID, take)

                self.b.handle(self.protocolID, makeWay)
                self.flood()
                self.assertShared(first)
                self.b.unhandle(self.protocolID)

    def test_unhandled(self) -> None:
        """What comes after it is counted like anything else that nobody takes."""

        def take(message: Message) -> None:
            self.got.append(message.payload)
            if len(self.got) == 700:
                self.b.unhandle(self.protocolID)

        self.b.handle(self.protocolID, take)
        self.flood()
        self.assertEqual(len(self.got), 700)
        self.assertEqual(self.b.counters["requests without a handler"], COUNT - 700)
        self.assertEqual(self.b.traffic.modules["1000"].framesReceived, COUNT)

    def test_closed(self) -> None:
        """When the handler ends the link, it gets no more of it."""
        for end in ("abort", "close"):
            self.got = []

            def take(message: Message, end: str = end) -> None:
                self.got.append(message.payload)
                if len(self.got) == 700:
                    getattr(self.b.registry.session(self.a.nodeID), end)(CloseReason.STOPPED)

            self.b.handle(self.protocolID, take)
            self.flood()
            self.assertTrue(self.got == self.sent[:700])
            self.b.unhandle(self.protocolID)
            self.network.advance(30)

    def test_failures(self) -> None:
        """A message that the handler fails with costs the others nothing."""

        def take(message: Message) -> None:
            self.got.append(message.payload)
            if not len(self.got) % 500:
                raise KeyError

        self.b.handle(self.protocolID, take)
        self.flood()
        self.assertTrue(self.flushLoggedErrors(KeyError))
        self.assertShared(COUNT)

    def test_sends(self) -> None:
        """A handler may send as it receives, to the sender and to others."""
        heard: list[tuple[str, bytes]] = []

        def take(message: Message) -> None:
            for node in (self.a, self.c):
                self.b.send(node.nodeID, message.payload, protocolID=self.protocolID)

        for name in "ac":
            node = getattr(self, name)
            node.handle(
                self.protocolID, lambda message, name=name: heard.append((name, message.payload))
            )
        self.b.handle(self.protocolID, take)
        self.flood()
        for name in "ac":
            self.assertTrue([payload for who, payload in heard if who == name] == self.sent)


class AfterManyTests(FloodTestCase):
    """What follows messages that were sent together."""

    def assertCome(self, *payloads: bytes) -> None:
        self.advance()
        self.assertEqual(self.got, list(payloads))

    def setUp(self) -> None:
        super().setUp()
        self.b.handle(self.protocolID, lambda message: self.got.append(message.payload))
        self.a.sendMany(self.b.nodeID, [b"1", b"2"], protocolID=self.protocolID)

    def test_later(self) -> None:
        """A message of a later turn leaves in that turn, and a request behind it, too."""
        self.assertCome(b"1", b"2")
        self.a.send(self.b.nodeID, b"3", protocolID=self.protocolID)
        self.assertCome(b"1", b"2", b"3")
        self.b.handle(self.protocolID + 1, lambda message: message.payload)
        self.a.send(self.b.nodeID, b"4", protocolID=self.protocolID)
        answer = self.a.request(self.b.nodeID, b"5", protocolID=self.protocolID + 1)
        self.a.send(self.b.nodeID, b"6", protocolID=self.protocolID)
        self.assertCome(b"1", b"2", b"3", b"4", b"6")
        self.assertEqual(self.successResultOf(answer), b"5")

    def test_order(self) -> None:
        """Broadcasts in between keep their places."""
        self.a.broadcast(b"3", protocolID=self.protocolID)
        self.a.send(self.b.nodeID, b"4", protocolID=self.protocolID)
        self.a.broadcast(b"5", protocolID=self.protocolID)
        self.assertCome(b"1", b"2", b"3", b"4", b"5")

    def test_closed(self) -> None:
        """Whatever was queued, nothing can be appended to it once the turn has ended."""
        session = self.a.registry.session(self.b.nodeID)
        send, many = self.a.send, self.a.sendMany
        peer, protocolID = self.b.nodeID, self.protocolID
        for queue in (
            lambda: many(peer, [], protocolID=protocolID),
            lambda: many(peer, [b"x"], protocolID=protocolID),
            lambda: send(peer, b"x", protocolID=protocolID),
            lambda: (send(peer, b"x", protocolID=5), self.a.broadcast(b"x", protocolID=5)),
            lambda: (
                send(peer, b"x", protocolID=5),
                self.a.ask(peer, b"x", str, str, protocolID=6),
            ),
            lambda: (send(peer, b"x", protocolID=5), many(peer, [b"y"], protocolID=6)),
        ):
            queue()
            self.advance()
            self.assertLess(session.posting.most, 0)
            self.assertEqual(session.posting.payloads, [])


class AnswerTests(FloodTestCase):
    """Requests that come in one run."""

    def ask(self) -> list[Deferred[bytes]]:
        asked = [
            self.a.request(self.b.nodeID, payload, protocolID=self.protocolID, timeout=5)
            for payload in self.sent
        ]
        self.advance()
        return asked

    def test_eachItsOwn(self) -> None:
        """At once, later, by a coroutine, in any order: each request gets its own answer."""
        later: list[tuple[Deferred[bytes], bytes]] = []

        async def soon(payload: bytes) -> bytes:
            return b"soon " + payload

        def answer(message: Message):
            kind = int(message.payload) % 4
            if kind == 0:
                return b"now " + message.payload
            if kind == 1:
                return soon(message.payload)
            if kind == 2:
                return None
            later.append((Deferred(), b"later " + message.payload))
            return later[-1][0]

        self.b.handle(self.protocolID, answer)
        asked = self.ask()
        while later:
            waiting, later[:] = later[:], []
            for deferred, words in reversed(waiting):
                deferred.callback(words)
            self.advance()
        self.network.advance(6)
        for number, (payload, request) in enumerate(zip(self.sent, asked, strict=True)):
            kind = number % 4
            if kind == 2:
                self.failureResultOf(request, RequestTimeout)
            else:
                words = (b"now ", b"soon ", b"", b"later ")[kind]
                self.assertEqual(self.successResultOf(request), words + payload)

    def test_twoHandlers(self) -> None:
        """What the second handler of a run answers are the requests that it was given."""

        def first(message: Message) -> bytes:
            self.got.append(message.payload)
            if len(self.got) == 700:
                self.b.unhandle(self.protocolID)
                self.b.handle(self.protocolID, lambda message: b"second " + message.payload)
            return b"first " + message.payload

        self.b.handle(self.protocolID, first)
        answers = [self.successResultOf(request) for request in self.ask()]
        expected = [b"first " + payload for payload in self.sent[:700]]
        expected += [b"second " + payload for payload in self.sent[700:]]
        self.assertTrue(answers == expected)

    def test_answersInARun(self) -> None:
        """Who ends the link with an answer gets none of those behind it."""
        heard: list[object] = []
        self.b.handle(self.protocolID, lambda message: message.payload)

        def answered(payload: bytes) -> None:
            heard.append(payload)
            if len(heard) == 700:
                self.a.registry.session(self.b.nodeID).abort(CloseReason.STOPPED)

        for payload in self.sent:
            self.a.ask(self.b.nodeID, payload, answered, heard.append, protocolID=self.protocolID)
        self.advance()
        self.assertTrue(heard[:700] == self.sent[:700])
        self.assertEqual(len(heard), COUNT)
        self.assertTrue(all(isinstance(each, PeerLeft) for each in heard[700:]))


class ManyMessagesTests(FloodTestCase):
    """A handler that takes many."""

    def test_makesWay(self) -> None:
        """After its call another gets what comes."""

        def take(sender: str, payloads: list[bytes]) -> None:
            self.got += payloads
            self.b.unhandle(self.protocolID)
            self.b.handle(self.protocolID, lambda message: self.rest.append(message.payload))

        self.b.handleMany(self.protocolID, take)
        self.flood()
        self.assertShared(len(self.got))
        self.assertTrue(self.rest)

    def test_listIsItsOwn(self) -> None:
        """It may change the list, of however many messages."""

        def take(sender: str, payloads: list[bytes]) -> None:
            self.got += payloads
            payloads.clear()

        self.b.handleMany(self.protocolID, take)
        self.a.send(self.b.nodeID, bytes(2000), protocolID=self.protocolID)
        self.advance()
        self.assertEqual(self.got, [bytes(2000)])
        self.got.clear()
        self.flood()
        self.assertShared(COUNT)

    def test_linkIsRefused(self) -> None:
        """Of a link that is ended because of its first frame nothing is handed over."""
        network = MemoryNetwork(2)
        self.addCleanup(network.stop)
        a, b = network.nodes

        def refuse(nodeID: str) -> None:
            b.registry.session(nodeID).abort(CloseReason.STOPPED)

        def sendFirst(session) -> None:
            session.drop()
            session.post(self.protocolID, 0, b"x")

        b.registry.joined.subscribe(refuse)
        b.handleMany(self.protocolID, lambda sender, payloads: self.got.extend(payloads))
        a.links.sessionOpened.subscribe(sendFirst)
        network.advance(0.1)
        self.assertEqual(b.closes[CloseReason.STOPPED], 2)
        self.assertEqual(self.got, [])


class EachFrameTests(SynchronousTestCase):
    """The network's own modules."""

    def test_closed(self) -> None:
        """Once the link has ended its frames are not looked at any more."""
        session: Any = SimpleNamespace(closeReason=None)
        got: list[tuple[int, int, bytes]] = []

        def receive(session: Any, packetType: int, seq: int, payload: bytes) -> None:
            got.append((packetType, seq, payload))
            if len(got) == 2:
                session.closeReason = CloseReason.STOPPED

        receiver = eachFrame(receive)
        run = LooseRun(2, 7, 48, (11, 12, 13), (b"1", b"2", b"3"))
        for _ in range(2):
            self.assertIsNone(receiver(session, run))
        self.assertEqual(got, [(7, 11, b"1"), (7, 12, b"2")])


class KeptMessageTests(FloodTestCase):
    """What a handler keeps of its messages stays as it was: only what nobody has serves again."""

    def assertKept(self, kept: list[Message], first: int = 0, step: int = 1) -> None:
        self.assertEqual(
            {(each.sender, each.protocolID, each.packetType, each.topic) for each in kept},
            {(self.a.nodeID, self.protocolID, 0, "")},
        )
        self.assertTrue([each.payload for each in kept] == self.sent[first::step], len(kept))

    def test_all(self) -> None:
        """All may be kept."""
        kept: list[Message] = []
        self.b.handle(self.protocolID, kept.append)
        self.flood()
        self.assertKept(kept)

    def test_some(self) -> None:
        """So may some: in a list, by a closure, by a coroutine that waits, by an exception."""
        kept: list[list[Message]] = [[], [], [], []]
        closures: list[Callable[[], Message]] = []
        released: Deferred[None] = Deferred()
        self.patch(self.b.links, "handlerFailed", lambda _, failure: failures.append(failure))
        failures: list[Failure] = []

        async def keepByWaiting(message: Message) -> None:
            await released
            kept[2].append(message)

        def keep(message: Message) -> Answer:
            way = int(message.payload) % 5
            if way == 0:
                kept[0].append(message)
            elif way == 1:
                closures.append(lambda: message)
            elif way == 2:
                return keepByWaiting(message)
            elif way == 3:
                raise ValueError(message)
            return None

        self.b.handle(self.protocolID, keep)
        self.flood()
        released.callback(None)
        self.advance()
        kept[1] = [closure() for closure in closures]
        kept[3] = [failure.value.args[0] for failure in failures]
        for way in range(4):
            self.assertKept(kept[way], way, 5)

    def test_changed(self) -> None:
        """What a handler does to a message is not seen by the next."""
        got = []

        def spoil(message: Message) -> None:
            got.append((message.sender, message.protocolID, message.packetType, message.topic))
            message.sender = message.topic = "x"
            message.protocolID = message.packetType = -1
            del message.payload

        self.b.handle(self.protocolID, spoil)
        self.flood()
        self.assertEqual(set(got), {(self.a.nodeID, self.protocolID, 0, "")})
        self.assertEqual(len(got), COUNT)


class ReusedBufferTests(FloodTestCase):
    """What applications keep stays as it was, though TLS decrypts into one buffer."""

    tls = "ssl"

    def test_kept(self) -> None:
        """Payloads of handlers, subscribers and answers are bytes of their own."""
        kept: list[list[bytes]] = [[], [], [], []]
        self.b.handle(self.protocolID, lambda message: kept[0].append(message.payload))
        self.b.handleMany(self.protocolID + 1, lambda sender, payloads: kept[1].extend(payloads))
        self.b.subscribe("t", lambda message: kept[2].append(message.payload))
        self.b.handle(self.protocolID + 2, lambda message: message.payload)
        self.advance()
        sent: list[list[bytes]] = [[], [], [], []]
        number = 0
        for size in (6, 1000, 3000):
            for index in range(4):
                for _ in range(200):
                    number += 1
                    payload = b"%06d" % number * (size // 6)
                    sent[index].append(payload)
                    if index == 2:
                        self.a.multicast("t", payload)
                    elif index == 3:
                        self.a.ask(
                            self.b.nodeID,
                            payload,
                            kept[3].append,
                            str,
                            protocolID=self.protocolID + 2,
                        )
                    else:
                        self.a.send(self.b.nodeID, payload, protocolID=self.protocolID + index)
                self.advance()
        self.advance()
        self.assertTrue(kept == sent, [len(each) for each in kept])
        self.assertEqual({type(payload) for each in kept for payload in each}, {bytes})
