"""TCP in memory: hosts that listen and dial, and paths between them that can fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IConnector,
    IConsumer,
    IListeningPort,
    IProducer,
    IReactorTCP,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from .clock import VirtualClock

_BUFFER_HIGH = 64 * 1024
_CHUNK = 64 * 1024
_FIRST_EPHEMERAL = 49152


class Path:
    """
    What lies between two hosts.

    @ivar latency: seconds from one to the other.
    @ivar isCut: connections break, and attempts are refused.
    @ivar isSilent: nothing arrives, and nobody is told; what was sent arrives once it heals, as TCP
        would send it again.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self.isCut = False
        self.isSilent = False
        self.transports: set[MemoryTransport] = set()

    def cut(self) -> None:
        """Break it."""
        self.isCut = True
        for transport in list(self.transports):
            transport.break_()

    def heal(self) -> None:
        """Undo C{cut}, silence and latency."""
        self.isCut = self.isSilent = False
        self.latency = 0.0
        for transport in list(self.transports):
            transport.healed()


class Fabric:
    """All hosts, and the paths between them."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.listening: dict[tuple[str, int], Factory] = {}
        self._paths: dict[frozenset[str], Path] = {}
        self._nextPort = _FIRST_EPHEMERAL

    def path(self, one: str, other: str) -> Path:
        """The path between two hosts, the same in both directions."""
        return self._paths.setdefault(frozenset((one, other)), Path())

    def ephemeralPort(self) -> int:
        """A port for the dialling end of a connection."""
        self._nextPort += 1
        return self._nextPort


@implementer(IReactorTCP, IReactorTime)
class MemoryReactor:
    """What a node on one host takes for its reactor."""

    def __init__(self, fabric: Fabric, host: str) -> None:
        self.fabric = fabric
        self.host = host
        self.seconds = fabric.clock.seconds
        self.callLater = fabric.clock.callLater
        self.getDelayedCalls = fabric.clock.getDelayedCalls

    def listenTCP(
        self, port: int, factory: Factory, backlog: int = 50, interface: str = ""
    ) -> MemoryPort:
        """
        Listen on all addresses of this host.

        @raise CannotListenError: the port is taken.
        """
        if port == 0:
            port = self.fabric.ephemeralPort()
        if (self.host, port) in self.fabric.listening:
            raise error.CannotListenError(interface, port, OSError("in use"))
        self.fabric.listening[self.host, port] = factory
        factory.doStart()
        return MemoryPort(self, port, factory)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> MemoryConnector:
        """Dial."""
        connector = MemoryConnector(self, host, port, factory, timeout)
        connector.connect()
        return connector


@implementer(IListeningPort)
class MemoryPort:
    """A port that is listened on."""

    def __init__(self, reactor: MemoryReactor, port: int, factory: Factory) -> None:
        self._reactor = reactor
        self._port = port
        self._factory = factory

    def startListening(self) -> None:
        """It listens already."""

    def stopListening(self) -> None:
        """Take no more connections."""
        if self._reactor.fabric.listening.pop((self._reactor.host, self._port), None) is not None:
            self._factory.doStop()

    def getHost(self) -> IPv4Address:
        """Where it listens."""
        return IPv4Address("TCP", self._reactor.host, self._port)


@implementer(IConnector)
class MemoryConnector:
    """An attempt to connect, and the connection that it leads to."""

    def __init__(
        self,
        reactor: MemoryReactor,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float,
    ) -> None:
        self._reactor = reactor
        self._destination = IPv4Address("TCP", host, port)
        self._factory = factory
        self._timeout = timeout
        self._attempt: Any = None

    def getDestination(self) -> IPv4Address:
        """Where it leads."""
        return self._destination

    def connect(self) -> None:
        """Try."""
        fabric, target = self._reactor.fabric, self._destination
        path = fabric.path(self._reactor.host, target.host)
        self._factory.doStart()
        self._factory.startedConnecting(self)
        wait = self._timeout if path.isSilent else min(2 * path.latency, self._timeout)
        self._attempt = fabric.clock.callLater(wait, self._arrive, path)

    def _arrive(self, path: Path) -> None:
        self._attempt = None
        fabric, target = self._reactor.fabric, self._destination
        accepting = fabric.listening.get((target.host, target.port))
        if path.isSilent or 2 * path.latency > self._timeout:
            self._fail(error.TimeoutError())
        elif path.isCut or accepting is None:
            self._fail(error.ConnectionRefusedError())
        else:
            here = IPv4Address("TCP", self._reactor.host, fabric.ephemeralPort())
            dialled = self._factory.buildProtocol(target)
            accepted = accepting.buildProtocol(here) or _Refusing()
            ends = (
                MemoryTransport(fabric.clock, path, here, target),
                MemoryTransport(fabric.clock, path, target, here),
            )
            ends[0].attach(ends[1], dialled)
            ends[1].attach(ends[0], accepted)
            ends[1].start()
            ends[0].start()

    def _fail(self, reason: Exception) -> None:
        self._factory.clientConnectionFailed(self, Failure(reason))
        self._factory.doStop()

    def stopConnecting(self) -> None:
        """Give up."""
        if self._attempt is not None:
            self._attempt.cancel()
            self._attempt = None
            self._fail(error.UserError())

    def disconnect(self) -> None:
        """Give up."""
        self.stopConnecting()


class _Refusing(Protocol):
    """Closes a connection that its factory does not take, as a port of a socket does."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()


@implementer(ITransport, IConsumer)
class MemoryTransport:
    """One end of a connection."""

    disconnecting = False

    def __init__(
        self, clock: VirtualClock, path: Path, here: IPv4Address, there: IPv4Address
    ) -> None:
        self._clock = clock
        self._path = path
        self._here = here
        self._there = there
        self._sent: deque[tuple[float, bytes]] = deque()
        self._sentSize = 0
        self._delivery: Any = None
        self._reading = True
        self._connected = True
        self._producer: Any = None
        self._streaming = False
        self._producerPaused = False

    def attach(self, other: MemoryTransport, protocol: Any) -> None:
        """Say what the other end is, and the protocol of this one."""
        self._other = other
        self._protocol = protocol
        self._path.transports.add(self)

    def start(self) -> None:
        """Tell the protocol that the connection stands."""
        self._protocol.makeConnection(self)

    # What the protocol asks for.

    def write(self, data: bytes) -> None:
        """Send."""
        if not self._connected or (self.disconnecting and self._producer is None):
            return
        self._sent.append((self._clock.seconds() + self._path.latency, data))
        self._sentSize += len(data)
        if self._streaming and not self._producerPaused and self._sentSize > _BUFFER_HIGH:
            self._producerPaused = True
            self._producer.pauseProducing()
        self.scheduleDelivery()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything has arrived."""
        self.disconnecting = True
        self._reading = False
        self.scheduleDelivery()

    def loseWriteConnection(self) -> None:
        """Say, once everything has arrived, that it was all; the other end then closes."""
        self.disconnecting = True
        self.scheduleDelivery()

    def abortConnection(self) -> None:
        """Close now."""
        self.disconnecting = True
        self._reading = False
        self._clock.callLater(0, self._lost, error.ConnectionAborted())
        self._clock.callLater(self._path.latency, self._other.reset)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Serve a push or a pull producer."""
        if self._producer is not None:
            raise RuntimeError("there is a producer already")
        self._producer, self._streaming, self._producerPaused = producer, streaming, False
        if not streaming:
            self._producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer, self._streaming = None, False
        if self.disconnecting:
            self.scheduleDelivery()

    def pauseProducing(self) -> None:
        """Read nothing."""
        self._reading = False

    def resumeProducing(self) -> None:
        """Read again."""
        self._reading = not self.disconnecting
        self._other.scheduleDelivery()

    def stopProducing(self) -> None:
        """Close."""
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing waits here anyway."""

    def getPeer(self) -> IPv4Address:
        """The other end."""
        return self._there

    def getHost(self) -> IPv4Address:
        """This end."""
        return self._here

    # What happens on the way.

    def healed(self) -> None:
        """The path carries again: what waits goes on, and what is lost comes to light."""
        if self._other.isConnected:
            self.scheduleDelivery()
        else:
            self.reset()

    def scheduleDelivery(self) -> None:
        """What was sent arrives when its time has come."""
        if self._delivery is None and self._connected:
            now = self._clock.seconds()
            due = self._sent[0][0] if self._sent else now + self._path.latency
            self._delivery = self._clock.callLater(max(0.0, due - now), self._deliver)

    def _deliver(self) -> None:
        self._delivery = None
        if self._path.isSilent or not self._connected:
            return
        for chunk in self._arrived():
            self._other.receive(chunk)
        if not self._sent:
            self._drained()
        elif self._other.isReading:
            self.scheduleDelivery()

    def _arrived(self) -> Iterator[bytes]:
        """Give what has arrived, in chunks of a socket's size, as long as the other end reads."""
        now = self._clock.seconds()
        while self._other.isReading and self._sent and self._sent[0][0] <= now:
            chunk = bytearray()
            while self._sent and self._sent[0][0] <= now and len(chunk) < _CHUNK:
                due, data = self._sent.popleft()
                room = _CHUNK - len(chunk)
                chunk += data[:room]
                if len(data) > room:
                    self._sent.appendleft((due, data[room:]))
            self._sentSize -= len(chunk)
            yield bytes(chunk)

    def _drained(self) -> None:
        if self._producer is not None and (not self._streaming or self._producerPaused):
            self._producerPaused = False
            self._producer.resumeProducing()
        elif self.disconnecting and self._producer is None:
            self._lost(error.ConnectionDone())
            self._other.end(error.ConnectionDone())

    @property
    def isConnected(self) -> bool:
        """Whether this end stands."""
        return self._connected

    @property
    def isReading(self) -> bool:
        """Whether this end takes bytes now."""
        return self._connected and self._reading

    def receive(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._protocol.dataReceived(data)

    def end(self, reason: Exception) -> None:
        """The other end has closed."""
        self._lost(reason)

    def reset(self) -> None:
        """The other end is gone, which is not heard of while the path is silent."""
        if not self._path.isSilent:
            self._lost(error.ConnectionLost())

    def break_(self) -> None:
        """The path is cut."""
        self._clock.callLater(0, self._lost, error.ConnectionLost())

    def _lost(self, reason: Exception) -> None:
        if not self._connected:
            return
        self._connected = False
        self._path.transports.discard(self)
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer.stopProducing()
        self._protocol.connectionLost(Failure(reason))
