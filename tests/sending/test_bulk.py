"""Bulk senders: Twisted's producers, at the pace of the node that reads."""

from __future__ import annotations

from gc import collect
from io import BytesIO
from random import Random
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Clock
from twisted.protocols.basic import FileSender
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from fiscop2p.errors import EncodingError, PeerAbsent
from fiscop2p.events import Event
from fiscop2p.interfaces import Message
from fiscop2p.reasons import CloseReason
from fiscop2p.sending.bulk import BulkSender
from fiscop2p.sending.room import HIGH_WATER, Room
from fiscop2p.settings import Overflow, Settings
from fiscop2p.testing import MemoryNetwork

MIB = 1 << 20
CONTENT = Random(2).randbytes(8 * MIB)
PASSED_ON = MIB
"""Bytes that the transport and the path may hold beside the queue, and one message."""


class BulkTestCase(SynchronousTestCase):
    """One node sends much to another, which reads nothing for a while."""

    maxQueue = Settings.maxQueue
    overflow = Settings.overflow

    def setUp(self) -> None:
        settings = Settings(maxQueue=self.maxQueue, overflow=self.overflow)
        self.network = MemoryNetwork(2, settings=settings)
        self.addCleanup(self.network.stop)
        self.node, self.reader = self.network.nodes
        self.protocolID = self.node.protocolID(1, 1000)
        self.got: list[bytes] = []
        self.network.advance(2)
        self.reader.handle(self.protocolID, self.take)
        self.sender = self.bulkSender()
        self.session = self.reader.registry.session(self.node.nodeID)

    def take(self, message: Message) -> None:
        self.got.append(message.payload)

    def bulkSender(self) -> IConsumer:
        return self.node.bulkSender(self.reader.nodeID, protocolID=self.protocolID)

    def pause(self) -> None:
        self.session.transport.pauseProducing()

    def resume(self) -> None:
        self.session.transport.resumeProducing()
        self.network.advance(0.1)

    def leave(self) -> None:
        self.network.cut(self.node, self.reader)
        self.network.advance(0)


class Producer:
    """
    Makes messages, up to a hundred; writes down what it is told.

    @ivar count: how many it makes each time it is asked.
    """

    def __init__(self, consumer: IConsumer, size: int = 64 * 1024, count: int = 1) -> None:
        self.told: list[str] = []
        self.count = count
        self.made = 0
        self.consumer = consumer
        self._size = size

    def make(self) -> None:
        for _ in range(self.count):
            if self.made == 100:
                self.consumer.unregisterProducer()
                return
            self.made += 1
            self.consumer.write(CONTENT[: self._size])

    def resumeProducing(self) -> None:
        self.told.append("resume")
        self.make()

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def stopProducing(self) -> None:
        self.told.append("stop")


class FileTests(BulkTestCase):
    """Twisted's own sender of files."""

    def transfer(self) -> Deferred[bytes]:
        self.file = BytesIO(CONTENT)
        return FileSender().beginFileTransfer(self.file, self.sender)

    def test_wholeFile(self) -> None:
        """A file arrives whole and in order."""
        done = self.transfer()
        self.network.advance(0.1)
        self.assertEqual(self.successResultOf(done), CONTENT[-1:])
        self.assertTrue(b"".join(self.got) == CONTENT)

    def test_slowReader(self) -> None:
        """Of a long file little is read before the other node reads, and then the rest follows."""
        self.pause()
        done = self.transfer()
        self.network.advance(1)
        self.assertNoResult(done)
        self.assertLess(self.file.tell(), HIGH_WATER + PASSED_ON)
        self.resume()
        self.successResultOf(done)
        self.assertTrue(b"".join(self.got) == CONTENT)

    def test_nodeLeaves(self) -> None:
        """If the node leaves the transfer fails."""
        self.pause()
        done = self.transfer()
        self.network.advance(1)
        self.leave()
        self.failureResultOf(done)

    def test_hasLeft(self) -> None:
        """To a node that is not there any more it fails at once."""
        self.leave()
        self.failureResultOf(self.transfer())
        self.assertRaises(PeerAbsent, self.sender.write, b"x")


class SmallQueueFileTests(FileTests):
    """The same where little may wait: nothing is refused."""

    maxQueue = 100_000

    def test_slowReader(self) -> None:
        super().test_slowReader()
        self.assertGreater(len(self.got), 100)

    def test_others(self) -> None:
        """There is always room for other messages."""
        self.pause()
        self.transfer()
        self.network.advance(1)
        self.node.send(self.reader.nodeID, b"other", protocolID=self.protocolID)
        self.resume()
        self.assertIn(b"other", self.got)


class DroppingFileTests(BulkTestCase):
    """A file beside other traffic, where the oldest messages are dropped."""

    maxQueue = 4 * MIB
    overflow = Overflow.DROP_OLDEST

    def test_notWithHoles(self) -> None:
        """If messages of its link are dropped, the transfer does not succeed."""
        self.pause()
        done = FileSender().beginFileTransfer(BytesIO(CONTENT), self.sender)
        self.network.advance(1)
        for _ in range(100):
            self.node.send(self.reader.nodeID, CONTENT[:100_000], protocolID=self.protocolID)
            self.network.advance(0)
        self.failureResultOf(done)
        self.resume()
        self.assertLess(len(b"".join(self.got)), len(CONTENT))


class PushTests(BulkTestCase):
    """Producers that write until they are told to pause."""

    def test_paused(self) -> None:
        """It is paused above one mark, resumed below another, and stopped when the node leaves."""
        producer = Producer(self.sender)
        self.pause()
        self.sender.registerProducer(producer, True)
        while not producer.told:
            producer.make()
            self.network.advance(0)
        self.assertLess(producer.made * 64 * 1024, HIGH_WATER + PASSED_ON)
        self.network.advance(1)
        self.assertEqual(producer.told, ["pause"])
        self.resume()
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(len(self.got), producer.made)
        self.leave()
        self.assertEqual(producer.told, ["pause", "resume", "stop"])

    def test_pausedInTheTurn(self) -> None:
        """It is paused while it writes, not a turn later."""
        producer = Producer(self.sender)
        self.sender.registerProducer(producer, True)
        while not producer.told:
            producer.make()
        self.assertLess(producer.made * 64 * 1024, HIGH_WATER + PASSED_ON)

    def test_fullAlready(self) -> None:
        """It is paused at once if others have filled the queue."""
        self.pause()
        for _ in range(3):
            self.node.send(self.reader.nodeID, CONTENT[:MIB], protocolID=self.protocolID)
        producer = Producer(self.sender)
        self.sender.registerProducer(producer, True)
        self.assertEqual(producer.told, ["pause"])
        self.resume()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_unregistered(self) -> None:
        """One that is done is told nothing any more, and another may follow."""
        first, second = Producer(self.sender), Producer(self.sender)
        self.pause()
        self.sender.registerProducer(first, True)
        self.assertRaises(RuntimeError, self.sender.registerProducer, second, True)
        while not first.told:
            first.make()
        self.sender.unregisterProducer()
        self.sender.registerProducer(second, True)
        self.resume()
        self.leave()
        self.assertEqual(first.told, ["pause"])
        self.assertEqual(second.told, ["pause", "resume", "stop"])

    def test_forgotten(self) -> None:
        """Nothing is left of a bulk sender whose producer is done."""
        self.sender.registerProducer(Producer(self.sender), True)
        self.sender.write(b"x")
        self.sender.unregisterProducer()
        sender = ref(self.sender)
        self.sender = None
        collect()
        self.assertIsNone(sender())


class PullTests(BulkTestCase):
    """Producers that write when they are asked."""

    def test_later(self) -> None:
        """One that writes later is asked again once that has left."""
        producer = Producer(self.sender, count=0)
        self.sender.registerProducer(producer, False)
        self.network.advance(1)
        self.assertEqual(producer.told, ["resume"])
        self.sender.write(b"later")
        self.assertEqual(producer.told, ["resume"])
        self.network.advance(0)
        self.assertEqual(producer.told, ["resume", "resume"])
        self.assertEqual(self.got, [b"later"])

    def test_turnAbout(self) -> None:
        """Several that send to the same node all get on."""
        spreads: list[int] = []

        class Watched(Producer):
            def make(self) -> None:
                super().make()
                made = [producer.made for producer in producers]
                spreads.append(max(made) - min(made))

        producers = [Watched(self.bulkSender()) for _ in range(3)]
        self.pause()
        for producer in producers:
            producer.consumer.registerProducer(producer, False)
        self.resume()
        self.assertEqual([producer.made for producer in producers], [100] * 3)
        self.assertLess(max(spreads), 50)

    def test_failing(self) -> None:
        """One that fails is stopped; the failure is logged and concerns nobody else."""
        other = Producer(self.bulkSender())
        producer = Producer(self.sender)
        self.pause()
        for each in (producer, other):
            each.consumer.registerProducer(each, False)
        self.assertLess(producer.made, 100)
        producer.make = lambda: 1 / 0
        self.resume()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(producer.told[-2:], ["resume", "stop"])
        self.assertEqual(other.made, 100)


class FakeSession:
    """A link with a queue; nothing leaves before it is told so."""

    closeReason: CloseReason | None = None

    def __init__(self, clock: Clock) -> None:
        self.queued = 0
        self.room = Room(clock, Settings.maxQueue, lambda: self.queued)

    def leave(self) -> None:
        self.queued = 0
        self.room.look()


class FakeLinks:
    """Links to one node; which of them serves can be changed."""

    def __init__(self, session: FakeSession) -> None:
        self.registry = self
        self.left: Event[str] = Event()
        self.sessionClosed: Event[FakeSession] = Event()
        self.messagesDropped: Event[FakeSession] = Event()
        self.serving = session

    def find(self, nodeID: str) -> FakeSession:
        return self.serving

    session = find

    def close(self, session: FakeSession, reason: CloseReason) -> None:
        session.closeReason = reason
        self.sessionClosed.fire(session)


class LinkTests(SynchronousTestCase):
    """What becomes of a producer when another link to its node takes the place of the first."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.first, self.second = FakeSession(self.clock), FakeSession(self.clock)
        self.links = FakeLinks(self.first)
        self.sender = BulkSender(self.links, "0" * 128, self.send)
        self.producer = Producer(self.sender)
        self.sender.registerProducer(self.producer, True)

    def send(self, data: bytes) -> None:
        self.links.serving.queued += len(data)

    def makeUntilPaused(self) -> None:
        self.producer.told.clear()
        while not self.producer.told:
            self.producer.make()

    def test_retired(self) -> None:
        """A link that is not needed any more carries all it has; the producer goes on."""
        for reason in (CloseReason.DUPLICATE, CloseReason.PEER_CLOSED):
            self.links.serving = self.first
            self.makeUntilPaused()
            self.links.serving = self.second
            self.links.close(self.first, reason)
            self.assertEqual(self.producer.told, ["pause", "resume"])

    def test_lost(self) -> None:
        """With a link that breaks messages may be lost: the producer is stopped."""
        self.producer.make()
        self.links.serving = self.second
        self.producer.make()
        self.links.close(self.first, CloseReason.SILENT)
        self.assertEqual(self.producer.told, ["stop"])
        self.links.left.fire("0" * 128)
        self.assertEqual(self.producer.told, ["stop"])

    def test_otherLinks(self) -> None:
        """A link that has carried nothing of it may end as it likes."""
        self.producer.make()
        self.links.close(self.second, CloseReason.LOST)
        self.links.messagesDropped.fire(self.second)
        self.links.left.fire("1" * 128)
        self.assertEqual(self.producer.told, [])

    def test_waitsForTheRightLink(self) -> None:
        """It is the link that is full that must have room again."""
        self.makeUntilPaused()
        self.second.leave()
        self.clock.advance(1)
        self.assertEqual(self.producer.told, ["pause"])
        self.first.leave()
        self.clock.advance(1)
        self.assertEqual(self.producer.told, ["pause", "resume"])


class InterfaceTests(BulkTestCase):
    """What a bulk sender is."""

    def test_consumer(self) -> None:
        """It is a consumer."""
        self.assertTrue(verifyObject(IConsumer, self.sender))

    def test_notARequest(self) -> None:
        """Numbers that no message can have are refused at once."""
        for protocolID, packetType in ((-1, 0), (1 << 40, 0), (self.protocolID, 70_000)):
            with self.assertRaises(EncodingError):
                self.node.bulkSender(
                    self.reader.nodeID, protocolID=protocolID, packetType=packetType
                )

    def test_absent(self) -> None:
        """A node that is not connected is an error at once, that of every message."""
        self.leave()
        error = self.assertRaises(PeerAbsent, self.bulkSender)
        self.assertIn("is not connected", str(error))

    def test_plainMessages(self) -> None:
        """Without a producer it sends messages."""
        self.sender.write(b"one")
        self.sender.write(b"two")
        self.network.advance(0)
        self.assertEqual(self.got, [b"one", b"two"])
