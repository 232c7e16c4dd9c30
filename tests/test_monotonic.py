"""A clock that somebody sets while nodes run."""

from __future__ import annotations

from twisted.internet.base import ReactorBase
from twisted.python import runtime
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p import monotonic
from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.config import loadConfig
from fiscop2p.daemon import Daemon
from fiscop2p.monotonic import useMonotonicTime
from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import VirtualClock
from fiscop2p.testing.fabric import Fabric, MemoryReactor
from fiscop2p.testing.identities import AssertedTLS, inventedIdentity
from fiscop2p.testing.network import PORT
from tests.temporary import temporaryFolder

NOON = 1_700_000_000.0
HOUR = 3600.0


class World:
    """
    Time as a machine has it.

    @ivar up: seconds since its start.
    @ivar set: what somebody has added to the wall clock.
    @ivar wall: tells the time of the wall clock.
    """

    def __init__(self) -> None:
        self.up = 500.0
        self.set = 0.0
        self.wall = lambda: NOON + self.up + self.set


class Reactor(ReactorBase):
    """Twisted's own reactor, but for what waits for sockets: waiting only lets time pass."""

    def __init__(self, world: World) -> None:
        self.seconds = world.wall
        self._world = world
        super().__init__()

    def installWaker(self) -> None:
        """Nobody sleeps here."""

    def doIteration(self, delay: float | None) -> None:
        self._world.up += delay

    def runFor(self, seconds: float) -> None:
        end = self._world.up + seconds
        while self._world.up < end:
            self.runUntilCurrent()
            timeout = self.timeout()
            left = end - self._world.up
            self.doIteration(left if timeout is None else max(min(timeout, left), 1e-6))


class MonotonicTests(SynchronousTestCase):
    """A machine whose wall clock is set."""

    def setUp(self) -> None:
        self.world = World()
        self.patch(runtime, "seconds", self.world.wall)
        self.patch(monotonic, "monotonic", lambda: self.world.up)
        self.reactor = Reactor(self.world)

    def test_goesOnFromTheWallClock(self) -> None:
        """What was to happen before the change of clocks happens in its time, and so does all."""
        told: list[tuple[str, float]] = []

        def tell(what: str) -> None:
            told.append((what, round(self.world.up, 3)))

        self.reactor.callLater(10, tell, "before")
        useMonotonicTime(self.reactor)
        self.assertAlmostEqual(self.reactor.seconds(), NOON + 500, 3)
        self.reactor.callLater(5, tell, "after")
        self.world.set = -HOUR
        self.reactor.callLater(20, tell, "set back")
        self.reactor.runFor(30)
        self.assertEqual(told, [("after", 505), ("before", 510), ("set back", 520)])

    def test_twice(self) -> None:
        """Doing it again changes nothing, also if the wall clock was set meanwhile."""
        useMonotonicTime(self.reactor)
        self.world.set = HOUR
        useMonotonicTime(self.reactor)
        self.assertAlmostEqual(self.reactor.seconds(), NOON + 500, 3)

    def test_clockOfItsOwn(self) -> None:
        """A reactor that does not go by the wall clock is left alone."""
        clock = VirtualClock()
        reactor = MemoryReactor(Fabric(clock), "10.0.0.0")
        useMonotonicTime(reactor)
        clock.advance(5)
        self.assertEqual(reactor.seconds(), 5)

    def makeNodes(self) -> list[P2PService]:
        fabric = Fabric(self.reactor)
        addresses = tuple(Address(f"10.0.0.{number}", PORT) for number in range(2))
        nodes = []
        for address in addresses:
            identity = inventedIdentity(address.host)
            nodes.append(
                P2PService(
                    identity,
                    AssertedTLS(identity),
                    Settings(listen=address, peers=addresses),
                    reactor=MemoryReactor(fabric, address.host),
                )
            )
            nodes[-1].startService()
            self.addCleanup(nodes[-1].stopService)
        return nodes

    def test_nodes(self) -> None:
        """Set by an hour either way, nothing ends, heartbeats go on, and deadlines are met."""
        useMonotonicTime(self.reactor)
        one, other = self.makeNodes()
        self.reactor.runFor(10)
        session = other.registry.session(one.nodeID)
        closes = dict(one.closes)
        for change in (HOUR, -2 * HOUR, HOUR):
            self.world.set += change
            heard = set()
            for _ in range(60):
                heard.add(session.lastReceived)
                self.reactor.runFor(1)
            self.assertIn(len(heard), (12, 13))
            self.assertAlmostEqual(self.timeTo(one, other), 3, 1)
        self.assertIs(other.registry.session(one.nodeID), session)
        self.assertEqual(dict(one.closes), closes)

    def timeTo(self, one: P2PService, other: P2PService) -> float:
        """How long a request takes that nobody answers, and that has three seconds."""
        begin = self.world.up
        protocolID = one.protocolID(1, 1000)
        request = one.request(other.nodeID, b"?", protocolID=protocolID, timeout=3)
        ended: list[float] = []
        request.addErrback(lambda failure: ended.append(self.world.up))
        self.reactor.runFor(5)
        return ended[0] - begin

    def test_daemon(self) -> None:
        """What C{twistd} and C{fiscop2p-node} run sees to it."""
        folder = temporaryFolder(self)
        buildChain(ChainPlan.parse("127.0.0.1:1", "30300,20200,8545"), folder / "nodes")
        Daemon(loadConfig(folder / "nodes/127.0.0.1/node0/config.ini"), reactor=self.reactor)
        self.world.set = HOUR
        self.assertAlmostEqual(self.reactor.seconds(), NOON + 500, 3)


class TwistedTests(SynchronousTestCase):
    """What the above assumes of Twisted."""

    def test_wallClock(self) -> None:
        """Its reactors go by this very function."""
        self.assertIs(ReactorBase.seconds, runtime.seconds)
