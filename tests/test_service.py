"""What an application can do with a node."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from math import inf, nan

from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, generate_private_key
from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import fiscop2p
from fiscop2p.access import AccessLists
from fiscop2p.errors import (
    EncodingError,
    HandlerTaken,
    PeerAbsent,
    PeerLeft,
    RequestTimeout,
    SetupError,
    TopicRequestFailed,
)
from fiscop2p.events import Event
from fiscop2p.interfaces import INode, Message
from fiscop2p.reasons import CloseReason
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from tests.strangers import logLines


class NetworkTestCase(SynchronousTestCase):
    """Three nodes that are connected."""

    tls: str | None = None

    def setUp(self) -> None:
        self.network = MemoryNetwork(3, tls=self.tls)
        self.addCleanup(self.network.stop)
        self.a, self.b, self.c = self.network.nodes
        self.protocolID = self.a.protocolID(1, 1000)
        self.network.advance(2)

    def advance(self, seconds: float = 0.2) -> None:
        self.network.advance(seconds)


class CallbackTests(NetworkTestCase):
    """Callbacks of an application that fail again and again."""

    def breaks(self, *_: object) -> None:
        raise RuntimeError("a mistake")

    def watch(self, *events: Event) -> None:
        for event in events:
            event.subscribe(self.breaks)
            self.addCleanup(event.unsubscribe, self.breaks)

    def test_events(self) -> None:
        """Whatever a peer does a hundred times: one traceback, and a line a minute."""
        self.watch(self.b.statusChanged, self.b.registry.topicsChanged)
        for number in range(100):
            self.a.setStatus(number=number)
            self.a.subscribe(f"topic {number}", lambda _: None)
            self.advance()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_links(self) -> None:
        """The same for links that come and go."""
        links, registry = self.b.links, self.b.registry
        self.watch(links.sessionOpened, links.sessionClosed, registry.joined, registry.left)
        self.network.cut(self.a, self.b)
        self.advance(1)
        self.network.heal(self.a, self.b)
        self.advance(20)
        self.assertIn(self.a.nodeID, self.b.registry)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_answers(self) -> None:
        """And for who waits for answers."""
        self.a.handle(7, lambda message: message.payload)
        for _ in range(100):
            self.b.ask(self.a.nodeID, b"x", self.breaks, self.breaks, protocolID=7)
            self.b.ask(self.a.nodeID, b"x", self.breaks, self.breaks, protocolID=8, timeout=0.1)
        self.advance()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class SendTests(NetworkTestCase):
    """One way, to one node or all."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[Message] = []
        self.b.handle(self.protocolID, self.got.append)

    def test_message(self) -> None:
        """The handler is told who sent what, under what."""
        self.a.send(self.b.nodeID, b"hello", protocolID=self.protocolID, packetType=7)
        self.advance()
        self.assertEqual(self.got, [Message(self.a.nodeID, b"hello", self.protocolID, 7)])

    def test_inOrder(self) -> None:
        """Messages arrive in the order in which they were sent, small and large."""
        sent = [b"%d" % number * (number % 7 * 20_000 + 1) for number in range(200)]
        for payload in sent:
            self.a.send(self.b.nodeID, payload, protocolID=self.protocolID)
        self.advance()
        self.assertEqual([message.payload for message in self.got], sent)

    def test_absent(self) -> None:
        """Sending to a node that is not connected is an error at once."""
        error = self.assertRaises(
            PeerAbsent, self.a.send, "0" * 128, b"x", protocolID=self.protocolID
        )
        self.assertIn("00000000... is not connected", str(error))
        self.assertRaises(PeerAbsent, self.a.send, self.a.nodeID, b"x", protocolID=self.protocolID)

    def test_noNodeID(self) -> None:
        """What is no node ID is told so, not that it is absent."""
        send = partial(self.a.send, payload=b"x", protocolID=self.protocolID)
        request = partial(self.a.request, payload=b"x", protocolID=self.protocolID)
        for call in (send, request, self.a.statusOf, self.a.registry.whenConnected):
            for wrong in (self.b.nodeID.encode(), None, 5):
                error = self.assertRaises(TypeError, call, wrong)
                self.assertIn("a node ID is a str, not ", str(error))

    def test_badNumbers(self) -> None:
        """What does not fit the header is refused before anything is sent."""
        for protocolID, packetType in ((0, 0), (-5, 0), (1 << 31, 0), (9, 65536), (9, -1)):
            self.assertRaises(
                EncodingError,
                self.a.send,
                self.b.nodeID,
                b"x",
                protocolID=protocolID,
                packetType=packetType,
            )
        self.advance()
        self.assertEqual(self.got, [])
        self.assertIn(self.b.nodeID, self.a.registry)

    def test_broadcast(self) -> None:
        """Everybody gets a broadcast but the one who sends it."""
        heard: list[str] = []
        for name, node in (("a", self.a), ("c", self.c)):
            node.handle(self.protocolID, lambda _, name=name: heard.append(name))
        self.assertEqual(self.a.broadcast(b"all", protocolID=self.protocolID, packetType=7), 2)
        self.advance()
        self.assertEqual(heard, ["c"])
        self.assertEqual(self.got, [Message(self.a.nodeID, b"all", self.protocolID, 7)])

    def test_broadcastToNobody(self) -> None:
        """A node without peers broadcasts to nobody."""
        alone = MemoryNetwork(1)
        self.addCleanup(alone.stop)
        self.assertEqual(alone.nodes[0].broadcast(b"x", protocolID=self.protocolID), 0)

    def test_providesINode(self) -> None:
        """Modules find what the interface promises."""
        self.assertTrue(verifyObject(INode, self.a))


class NamesTests(SynchronousTestCase):
    """What applications import."""

    def test_annotations(self) -> None:
        """The package has the types that an application's functions take and return."""
        for name in ("Answer", "Event", "Handler", "ListenError", "ManyHandler", "Message"):
            self.assertIn(name, fiscop2p.__all__)
        self.assertEqual([each for each in fiscop2p.__all__ if not hasattr(fiscop2p, each)], [])


class AskTests(NetworkTestCase):
    """A request with two callbacks."""

    def setUp(self) -> None:
        super().setUp()
        self.ends: list[bytes | Exception] = []

    def ask(self, answered=None, failed=None) -> None:
        self.a.ask(
            self.b.nodeID,
            b"question",
            answered or self.ends.append,
            failed or self.ends.append,
            protocolID=self.protocolID,
            timeout=3,
        )

    def test_answered(self) -> None:
        """The first is told the answer."""
        self.b.handle(self.protocolID, lambda message: message.payload[::-1])
        self.ask(failed=self.fail)
        self.advance()
        self.assertEqual(self.ends, [b"noitseuq"])

    def test_failed(self) -> None:
        """The second is told that no answer came in time, or that the peer has left."""
        self.ask(answered=self.fail)
        self.advance(3.1)
        self.ask(answered=self.fail)
        self.b.stopService()
        self.advance()
        self.assertEqual([type(end) for end in self.ends], [RequestTimeout, PeerLeft])

    def test_refused(self) -> None:
        """What cannot be sent is an error at once, and nobody is told twice."""
        with self.assertRaises(PeerAbsent):
            self.a.ask("0" * 128, b"", self.fail, self.fail, protocolID=self.protocolID)
        with self.assertRaises(EncodingError):
            self.a.ask(self.b.nodeID, b"", self.fail, self.fail, protocolID=0)
        with self.assertRaises(TypeError):
            self.a.ask(self.b.nodeID, b"", self.fail, None, protocolID=self.protocolID)

    def test_linkEndsBetweenAnswers(self) -> None:
        """Of answers that have come together, none is taken once the link is ended."""

        def end(_: object) -> None:
            self.a.registry.session(self.b.nodeID).abort(CloseReason.REFUSED)

        self.b.handle(self.protocolID, lambda message: message.payload)
        self.ask()
        self.ask(answered=end)
        self.ask()
        answer = self.a.request(self.b.nodeID, b"?", protocolID=self.protocolID)
        self.advance()
        self.assertEqual([type(end) for end in self.ends], [bytes, PeerLeft])
        self.failureResultOf(answer, PeerLeft)

    def test_callbackFails(self) -> None:
        """A callback that raises is logged; the link and the other requests live on."""

        def fail(_: object) -> None:
            raise ZeroDivisionError

        self.b.handle(self.protocolID, lambda message: message.payload)
        self.ask(answered=fail)
        self.ask()
        self.advance()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.b.unhandle(self.protocolID)
        self.advance(60)
        self.ask(failed=fail)
        self.ask()
        self.advance(3.1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(self.ends), 2)
        self.assertIn(self.b.nodeID, self.a.registry)


class RequestTests(NetworkTestCase):
    """A request, and its answer."""

    def request(self, **options) -> Deferred[bytes]:
        return self.a.request(self.b.nodeID, b"question", protocolID=self.protocolID, **options)

    def answerOf(self, handler) -> bytes:
        self.b.handle(self.protocolID, handler)
        answer = self.request()
        self.advance()
        return self.successResultOf(answer)

    def test_bytes(self) -> None:
        """A handler may answer at once."""
        self.assertEqual(self.answerOf(lambda message: message.payload[::-1]), b"noitseuq")

    def test_emptyAnswer(self) -> None:
        """An answer may be empty."""
        self.assertEqual(self.answerOf(lambda _: b""), b"")

    def test_noAnswer(self) -> None:
        """None is no answer to a request, and an empty one to that of a topic."""
        self.b.handle(self.protocolID, lambda _: None)
        self.b.subscribe("orders", lambda _: None)
        self.advance()
        answer, answerOfTopic = self.request(timeout=3), self.a.requestTopic("orders", b"?")
        self.advance(3.1)
        self.failureResultOf(answer, RequestTimeout)
        self.assertEqual(self.successResultOf(answerOfTopic), b"")

    def test_deferred(self) -> None:
        """A handler may answer later, by a Deferred."""
        later: Deferred[bytes] = Deferred()
        self.b.handle(self.protocolID, lambda _: later)
        answer = self.request()
        self.advance()
        self.assertNoResult(answer)
        later.callback(b"at last")
        self.advance()
        self.assertEqual(self.successResultOf(answer), b"at last")

    def test_coroutine(self) -> None:
        """A handler may be a coroutine, and ask others meanwhile."""

        async def ask(message: Message) -> bytes:
            return await self.b.request(self.c.nodeID, message.payload, protocolID=self.protocolID)

        self.c.handle(self.protocolID, lambda message: b"c says " + message.payload)
        self.assertEqual(self.answerOf(ask), b"c says question")

    def test_largeAnswer(self) -> None:
        """Answers of any size come whole."""
        self.assertEqual(self.answerOf(lambda _: bytes(5_000_000)), bytes(5_000_000))

    def test_timeout(self) -> None:
        """Without an answer the request fails after its time, and a late answer is nobody's."""
        later: Deferred[bytes] = Deferred()
        self.b.handle(self.protocolID, lambda _: later)
        answer = self.request(timeout=3)
        self.advance(2.99)
        self.assertNoResult(answer)
        self.advance(0.02)
        error = self.failureResultOf(answer, RequestTimeout).value
        who = f"node {self.b.nodeID[:8]}... to protocolID {self.protocolID}"
        self.assertEqual(str(error), f"no answer within 3 s from {who}")
        later.callback(b"late")
        self.advance()
        self.assertEqual(self.a.counters["responses nobody waited for"], 1)

    def test_noTimeout(self) -> None:
        """What is no time to wait is refused before anything is sent."""
        got: list[Message] = []
        self.b.handle(self.protocolID, got.append)
        self.b.subscribe("orders", got.append)
        self.advance()
        ask = partial(
            self.a.ask, self.b.nodeID, b"?", got.append, got.append, protocolID=self.protocolID
        )
        for wrong, kind in (
            *((wrong, TypeError) for wrong in ("5", b"5", [5], 5j, Decimal(5))),
            *((wrong, ValueError) for wrong in (0, -1, nan, inf)),
        ):
            for call in (self.request, ask, partial(self.a.requestTopic, "orders", b"?")):
                error = self.assertRaises(kind, call, timeout=wrong)
                self.assertIn(f"timeout {wrong!r} is not a number of seconds", str(error))
        self.advance()
        self.assertEqual(got, [])
        self.assertEqual(self.a.registry.session(self.b.nodeID).pending, 0)

    def test_absent(self) -> None:
        """A request to a node that is not there fails at once."""
        request = self.a.request("0" * 128, b"?", protocolID=self.protocolID)
        self.failureResultOf(request, PeerAbsent)

    def test_peerLeaves(self) -> None:
        """A request fails as soon as the peer leaves."""
        self.b.handle(self.protocolID, lambda _: Deferred())
        answer = self.request()
        self.advance()
        self.network.cut(self.a, self.b)
        self.advance()
        self.failureResultOf(answer, PeerLeft)

    def test_cancelled(self) -> None:
        """A request that is given up is not waited for any more."""
        later: Deferred[bytes] = Deferred()
        self.b.handle(self.protocolID, lambda _: later)
        answer = self.request()
        answer.addErrback(lambda _: None)
        self.advance()
        answer.cancel()
        later.callback(b"late")
        self.advance()
        self.assertEqual(self.a.counters["responses nobody waited for"], 1)

    def test_cancelledAlone(self) -> None:
        """A request that is given up is the only one; an application's attributes do no harm."""
        later: Deferred[bytes] = Deferred()
        self.b.handle(self.protocolID, lambda message: later if message.payload == b"1" else b"x")
        first, second, third = (
            self.a.request(self.b.nodeID, payload, protocolID=self.protocolID)
            for payload in (b"1", b"2", b"3")
        )
        first.request = second.fiscop2pRequest  # type: ignore[attr-defined]
        first.cancel()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.advance()
        self.assertEqual([self.successResultOf(each) for each in (second, third)], [b"x", b"x"])

    def test_failingHandler(self) -> None:
        """A handler that fails is logged, and costs nobody else anything."""
        broken: Deferred[bytes] = Deferred()
        answers = iter([ZeroDivisionError("now"), broken, b"fine"])

        def handler(message: Message):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.b.handle(self.protocolID, handler)
        requests = [self.request(timeout=1) for _ in range(3)]
        self.advance()
        broken.errback(ZeroDivisionError("later"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.successResultOf(requests[2]), b"fine")
        self.advance(2)
        for request in requests[:2]:
            self.failureResultOf(request, RequestTimeout)

    def test_notBytes(self) -> None:
        """An answer that is not bytes is the handler's error, named in the log."""
        self.b.handle(self.protocolID, lambda _: "text")
        request = self.request(timeout=1)
        self.advance(2)
        self.failureResultOf(request, RequestTimeout)
        errors = self.flushLoggedErrors(TypeError)
        self.assertIn("not str", str(errors[0].value))

    def test_manyAtOnce(self) -> None:
        """Answers find their requests, in whatever order they come."""
        waiting: list[tuple[bytes, Deferred[bytes]]] = []

        def handler(message: Message) -> Deferred[bytes]:
            waiting.append((message.payload, Deferred()))
            return waiting[-1][1]

        self.b.handle(self.protocolID, handler)
        requests = [
            self.a.request(self.b.nodeID, b"%d" % number, protocolID=self.protocolID)
            for number in range(100)
        ]
        self.advance()
        for payload, later in reversed(waiting):
            later.callback(b"=" + payload)
        self.advance()
        answers = [self.successResultOf(request) for request in requests]
        self.assertEqual(answers, [b"=%d" % number for number in range(100)])


class TooLongAnswerTests(SynchronousTestCase):
    """An answer that does not fit a frame."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2, settings=Settings(maxFrameLength=2000))
        self.addCleanup(self.network.stop)
        self.a, self.b = self.network.nodes
        self.protocolID = self.a.protocolID(1, 1000)
        self.network.advance(2)
        self.session = self.a.registry.session(self.b.nodeID)

    def test_ofAHandler(self) -> None:
        """It is the handler's error: logged, and no harm to the link or to other requests."""
        self.b.handle(self.protocolID, lambda message: bytes(int(message.payload)))
        requests = [
            self.a.request(self.b.nodeID, size, protocolID=self.protocolID, timeout=1)
            for size in (b"5000", b"5")
        ]
        self.network.advance(2)
        self.failureResultOf(requests[0], RequestTimeout)
        self.assertEqual(self.successResultOf(requests[1]), bytes(5))
        self.assertEqual(len(self.flushLoggedErrors(EncodingError)), 1)
        self.assertIs(self.a.registry.session(self.b.nodeID), self.session)

    def test_ofASubscriber(self) -> None:
        """A topic's request is told that the subscriber failed."""
        self.b.subscribe("t", lambda _: bytes(5000))
        self.network.advance(1)
        request = self.a.requestTopic("t", b"?", timeout=1)
        self.network.advance(2)
        self.assertEqual(self.failureResultOf(request, TopicRequestFailed).value.code, 104)
        self.assertEqual(len(self.flushLoggedErrors(EncodingError)), 1)
        self.assertIs(self.a.registry.session(self.b.nodeID), self.session)


class HandlerTests(NetworkTestCase):
    """Who takes which protocolID."""

    def test_oneEach(self) -> None:
        """A protocolID has one handler, and the network's own are not to be had."""
        self.a.handle(self.protocolID, lambda _: None)
        for protocolID in (self.protocolID, 1, 2, 100):
            self.assertRaises(HandlerTaken, self.a.handle, protocolID, lambda _: None)

    def test_unhandle(self) -> None:
        """A protocolID can be given up, and taken anew."""
        self.a.handle(self.protocolID, lambda _: None)
        self.a.unhandle(self.protocolID)
        self.a.handle(self.protocolID, lambda _: None)
        self.assertRaises(KeyError, self.a.unhandle, 1)

    def test_impossible(self) -> None:
        """What cannot be a request's protocolID is refused."""
        for protocolID in (0, -1, 1 << 40):
            self.assertRaises(EncodingError, self.a.handle, protocolID, lambda _: None)

    def test_notCallable(self) -> None:
        """What cannot be called is no handler, of a protocolID or a topic."""
        key = generate_private_key(SECP256K1())
        for handler in (None, 5, "f"):
            for take in (
                partial(self.a.handle, self.protocolID, handler),
                partial(self.a.handleMany, self.protocolID, handler),
                partial(self.a.subscribe, "orders", handler),
                partial(self.a.subscribe, "orders", handler, key=key),
            ):
                error = self.assertRaises(TypeError, take)
                self.assertIn(f"{handler!r} is no handler", str(error))
        self.assertEqual(self.a.topics, frozenset())
        self.a.handle(self.protocolID, print)


class ServiceTests(SynchronousTestCase):
    """Starting and stopping."""

    def test_runningLine(self) -> None:
        """The log says who runs where."""
        lines = logLines(self)
        network = MemoryNetwork(1)
        node = network.nodes[0]
        running = [line for line in lines if "is running" in line]
        self.assertEqual(len(running), 1)
        self.assertIn(node.nodeID, running[0])
        self.assertIn("10.0.0.0:30300", running[0])
        network.stop()

    def test_startedTwice(self) -> None:
        """A node that runs is left alone by who starts it, and stops as ever."""
        lines = logLines(self)
        network = MemoryNetwork(2)
        node, other = network.nodes
        network.advance(1)
        for start in (node.privilegedStartService, node.startService) * 2:
            start()
        self.assertEqual(len([line for line in lines if "is running" in line]), 2)
        self.assertIn(other.nodeID, node.registry)
        network.stop()
        node.privilegedStartService()
        node.privilegedStartService()
        node.startService()
        network.stop()

    def test_childThatRuns(self) -> None:
        """An application that starts and stops its node does so with one that runs already."""
        network = MemoryNetwork(2)
        node, other = network.nodes
        network.advance(1)
        early, late = MultiService(), MultiService()
        late.startService()
        node.setServiceParent(early)
        early.privilegedStartService()
        early.startService()
        other.setServiceParent(late)
        self.assertIn(other.nodeID, node.registry)
        stops = [early.stopService(), late.stopService()]
        network.advance(5)
        for stop in stops:
            self.successResultOf(stop)
        self.assertEqual([node.running, node.links.listening, len(node.registry)], [0, False, 0])
        early.startService()
        late.startService()
        network.advance(5)
        self.assertIn(other.nodeID, node.registry)
        network.stop()

    def test_addPeer(self) -> None:
        """An address can be added while the node runs; it is dialled at once."""
        network = MemoryNetwork(0)
        self.addCleanup(network.stop)
        one, other = network.addNode(), network.addNode()
        network.advance(1)
        self.assertEqual(len(one.registry), 0)
        one.addPeer(other.settings.listen)
        network.advance(0.1)
        self.assertIn(other.nodeID, one.registry)
        self.assertIn(one.nodeID, other.registry)

    def test_addNoPeer(self) -> None:
        """What cannot be dialled is refused, and not kept."""
        network = MemoryNetwork(1)
        self.addCleanup(network.stop)
        (node,) = network.nodes
        before = node.addresses()
        for bad in (
            "10.0.0.9:30300",
            ("10.0.0.9", 30300),
            Address("10.0.0.9", 0),
            Address("10.0.0.9", "30300"),  # type: ignore[arg-type]
            Address(None, 30300),  # type: ignore[arg-type]
        ):
            error = self.assertRaises(SetupError, node.addPeer, bad)
            self.assertIn(f"{bad!r} is not an Address", str(error))
        self.assertEqual(node.addresses(), before)

    def test_noLists(self) -> None:
        """What is no list is refused, and peers are judged as before."""
        network = MemoryNetwork(2)
        self.addCleanup(network.stop)
        node, other = network.nodes
        lists = AccessLists(black=frozenset({other.nodeID}))
        node.setAccess(lists)
        error = self.assertRaises(TypeError, node.setAccess, None)
        self.assertIn("None is no AccessLists", str(error))
        self.assertIs(node.access, lists)

    def test_stopWhileSomebodyWaits(self) -> None:
        """Who waits for a node to connect is told when our own stops."""
        network = MemoryNetwork(1)
        waiting = network.nodes[0].registry.whenConnected("0" * 128)
        network.stop()
        error = self.failureResultOf(waiting, PeerAbsent).value
        self.assertIn("00000000... is not connected, and this node stops", str(error))


class TLSRequestTests(RequestTests):
    """The same over real TLS, by the standard library."""

    tls = "ssl"
