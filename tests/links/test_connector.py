"""Dialling an address, whatever kind it is."""

from __future__ import annotations

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import NotConnectingError
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Protocol, ReconnectingClientFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from fiscop2p.links.connector import EndpointConnector, clientEndpoint
from fiscop2p.settings import Address


@implementer(IHostnameResolver)
class CountingResolver:
    """Finds nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(self, receiver, hostName, portNumber=0, **options):
        self.asked.append(hostName)
        receiver.resolutionBegan(None)
        receiver.resolutionComplete()


class Attempts(ReconnectingClientFactory):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def startedConnecting(self, connector) -> None:
        self.told.append("started")

    def clientConnectionFailed(self, connector, reason) -> None:
        self.told.append(reason.type.__name__)

    def buildProtocol(self, address) -> Protocol:
        self.told.append("built")
        return Protocol()


class EndpointTests(SynchronousTestCase):
    """Which endpoint reaches what."""

    def endpoint(self, host: str):
        return clientEndpoint(MemoryReactorClock(), Address(host, 30300), 10)

    def test_kinds(self) -> None:
        """Addresses are dialled as they are, names are looked up."""
        self.assertIsInstance(self.endpoint("10.0.0.1"), TCP4ClientEndpoint)
        self.assertIsInstance(self.endpoint("2001:db8::1"), TCP6ClientEndpoint)
        self.assertIsInstance(self.endpoint("node0.example"), HostnameEndpoint)

    def test_nameIsResolvedAtEachAttempt(self) -> None:
        """A name may lead elsewhere the next time."""
        reactor = MemoryReactorClock()
        reactor.nameResolver = resolver = CountingResolver()
        factory = Attempts()
        address = Address("node0.example", 30300)
        connector = EndpointConnector(clientEndpoint(reactor, address, 10), factory)
        for _ in range(3):
            connector.connect()
        self.assertEqual(resolver.asked, ["node0.example"] * 3)
        self.assertEqual(factory.told, ["started", "DNSLookupError"] * 3)


class ConnectorTests(SynchronousTestCase):
    """One attempt."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.factory = Attempts()
        endpoint = clientEndpoint(self.reactor, Address("10.0.0.1", 30300), 10)
        self.connector = EndpointConnector(endpoint, self.factory)

    def test_stopConnecting(self) -> None:
        """An attempt can be given up once."""
        self.connector.connect()
        self.connector.stopConnecting()
        self.assertEqual(self.factory.told, ["started", "ConnectingCancelledError"])
        self.assertRaises(NotConnectingError, self.connector.stopConnecting)

    def test_connected(self) -> None:
        """Once connected there is no attempt to give up."""
        self.connector.connect()
        wrapped = self.reactor.tcpClients[0][2]
        protocol = wrapped.buildProtocol(None)
        protocol.makeConnection(object())
        self.assertEqual(self.factory.told, ["started", "built"])
        self.assertRaises(NotConnectingError, self.connector.stopConnecting)
