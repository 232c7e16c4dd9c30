"""The outgoing bandwidth limit: AMOP requests are refused, all else is sent and makes them wait."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import (
    BandwidthExceeded,
    DeliveryError,
    EncodingError,
    NoFollower,
    TopicRequestFailed,
)
from fiscop2p.interfaces import Message
from fiscop2p.service import P2PService
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork

RATE = 1000
PBFT = 1 << 16 | 8
WRAPPED = 42 + 1 + len("orders")
"""What a channel message has besides its content."""


class BandwidthTestCase(SynchronousTestCase):
    """Three nodes that may send 1000 bytes a second; nothing is compressed."""

    def setUp(self) -> None:
        settings = Settings(outgoingBandwidth=RATE, compress=False)
        self.network = MemoryNetwork(3, settings=settings)
        self.addCleanup(self.network.stop)
        self.a, self.b, self.c = self.network.nodes
        self.got: list[tuple[str, bytes]] = []
        self.network.advance(2)

    def follow(self, *names: str) -> None:
        def follower(name: str, message: Message) -> bytes:
            self.got.append((name, message.payload))
            return b"done"

        for name in names:
            getattr(self, name).subscribe("orders", lambda m, name=name: follower(name, m))
        self.network.advance(1)

    def spend(self, size: int, node: P2PService | None = None) -> None:
        """Have a node, C{a} if not given, send as much of a group's traffic."""
        payload = bytes(size - 16)
        (node or self.a).send(self.c.nodeID, payload, protocolID=PBFT)

    def exhaust(self, seconds: float, node: P2PService | None = None) -> None:
        """Spend what a node has stored in so many seconds."""
        self.spend(round(seconds * RATE), node)
        self.network.advance(0)

    def ask(self, size: int = 1000) -> Deferred[bytes]:
        """Send a topic request whose channel message has this size."""
        done = self.a.requestTopic("orders", bytes(size - WRAPPED))
        self.network.advance(0)
        return done

    def assertRefused(self, done: Deferred[bytes]) -> None:
        error = self.failureResultOf(done, BandwidthExceeded).value
        self.assertEqual(error.code, 103)
        self.assertIsInstance(error, DeliveryError)
        self.assertIn("bandwidth of 1000 bytes a second", str(error))

    def multicast(self, size: int) -> int:
        """Send a message whose channel message has this size to all followers."""
        return self.a.multicast("orders", bytes(size - WRAPPED))


class RequestTests(BandwidthTestCase):
    """A request to one follower costs a quarter of its length."""

    def setUp(self) -> None:
        super().setUp()
        self.follow("b")
        self.exhaust(3)

    def test_aQuarter(self) -> None:
        """A quarter of the length is what must be there, less than a second's may be borrowed."""
        self.assertRefused(self.ask(4000))
        self.assertEqual(self.got, [])
        self.assertEqual(self.successResultOf(self.ask(3999)), b"done")
        self.assertRefused(self.ask(100))
        self.network.advance(0.998)
        self.assertRefused(self.ask(100))
        self.network.advance(0.001)
        self.assertEqual(self.successResultOf(self.ask(100)), b"done")

    def test_otherTrafficFirst(self) -> None:
        """Other traffic is sent whatever it costs; requests wait until it is paid for."""
        got: list[Message] = []
        self.c.handle(PBFT, got.append)
        for _ in range(5):
            self.spend(1000)
        self.network.advance(0)
        self.assertEqual(len(got), 5)
        self.assertRefused(self.ask())
        self.network.advance(4.9)
        self.assertRefused(self.ask())
        self.network.advance(0.1)
        self.assertEqual(self.successResultOf(self.ask()), b"done")

    def test_responses(self) -> None:
        """An answer is sent whatever it costs; who gave it pays for it."""
        self.b.subscribe("large", lambda _: bytes(5000))
        self.c.subscribe("fruit", lambda _: b"done")
        self.network.advance(1)
        self.exhaust(4, self.b)
        answer = self.a.requestTopic("large", b"?")
        self.network.advance(0)
        self.assertEqual(self.successResultOf(answer), bytes(5000))
        self.assertRefused(self.b.requestTopic("fruit", b"?"))
        self.network.advance(5.1)
        allowed = self.b.requestTopic("fruit", b"?")
        self.network.advance(0)
        self.assertEqual(self.successResultOf(allowed), b"done")

    def test_syncIsFree(self) -> None:
        """Heartbeats and topics cost nothing."""
        self.network.advance(100)
        for number in range(100):
            self.a.subscribe(f"{number:0200}", print)
        self.network.advance(1)
        self.assertEqual(len(self.b.registry.topicsOf(self.a.nodeID)), 100)
        self.assertEqual(self.successResultOf(self.ask(404_000)), b"done")

    def test_once(self) -> None:
        """A request costs the same however many followers are asked."""
        for node in (self.b, self.c):
            node.subscribe("fruit", lambda _: 1 // 0)
        self.network.advance(1)
        self.exhaust(1)
        done = self.a.requestTopic("fruit", bytes(3900))
        self.network.advance(0)
        self.assertEqual(self.failureResultOf(done, TopicRequestFailed).value.code, 104)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertRefused(self.ask())

    def test_ourselvesInstead(self) -> None:
        """What may not leave is still answered at home, where that can be."""
        self.follow("a")
        self.spend(10_000)
        for _ in range(20):
            self.assertEqual(self.successResultOf(self.ask()), b"done")
        self.assertEqual({name for name, _ in self.got}, {"a"})

    def test_ourselvesFail(self) -> None:
        """When nobody at home can answer, it is the limit that is to blame."""
        self.a.subscribe("orders", lambda _: 1 // 0)
        self.spend(10_000)
        for _ in range(20):
            self.assertRefused(self.ask())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_noFollower(self) -> None:
        """Where nobody follows, that is the error."""
        self.spend(10_000)
        self.failureResultOf(self.a.requestTopic("nothing", b"x"), NoFollower)


class MulticastTests(BandwidthTestCase):
    """Every copy costs a quarter of its length, and all go or none."""

    def test_allOrNone(self) -> None:
        """What is refused for two followers is sent to neither, nor to ourselves."""
        self.follow("a", "b", "c")
        self.exhaust(3)
        with self.assertRaises(BandwidthExceeded) as caught:
            self.multicast(2000)
        self.assertEqual(caught.exception.code, 103)
        self.network.advance(0)
        self.assertEqual(self.got, [])
        self.assertEqual(self.multicast(1998), 3)
        self.network.advance(0)
        self.assertEqual(sorted(name for name, _ in self.got), ["a", "b", "c"])

    def test_oneFollower(self) -> None:
        """For one follower twice as much may go."""
        self.follow("b")
        self.exhaust(3)
        self.assertEqual(self.multicast(3998), 1)
        with self.assertRaises(BandwidthExceeded):
            self.multicast(100)

    def test_tooLong(self) -> None:
        """What no frame holds is refused for that, and costs nothing."""
        self.follow("a", "b", "c")
        self.exhaust(3)
        self.a.links.encode.most = 1998
        for size in (2000, 1999):
            with self.assertRaises(EncodingError):
                self.multicast(size)
        self.network.advance(0)
        self.assertEqual(self.got, [])
        self.assertEqual(self.multicast(1998), 3)

    def test_nobody(self) -> None:
        """What goes to nobody, or to ourselves alone, costs nothing."""
        self.exhaust(10)
        self.assertEqual(self.multicast(100_000), 0)
        self.a.subscribe("orders", self.got.append)
        self.assertEqual(self.multicast(100_000), 1)
