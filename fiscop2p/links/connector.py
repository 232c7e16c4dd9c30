"""Dialling an address, whatever kind it is, as often as a L{ReconnectingClientFactory} wants."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import NotConnectingError
from twisted.internet.interfaces import IAddress, IConnector, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..settings import Address


def clientEndpoint(reactor: Any, address: Address, timeout: float) -> IStreamClientEndpoint:
    """
    Choose how to reach an address: a name is resolved at each attempt, to IPv4 and IPv6.

    @param timeout: seconds that TCP may take.
    """
    if address.isIPv6:
        return TCP6ClientEndpoint(reactor, address.host, address.port, timeout)
    if address.isIPv4:
        return TCP4ClientEndpoint(reactor, address.host, address.port, timeout)
    return HostnameEndpoint(reactor, address.host, address.port, timeout)


@implementer(IConnector)
class EndpointConnector:
    """
    What C{reactor.connectTCP} would give its factory, over an endpoint.

    The endpoint knows DNS names with IPv6, which C{connectTCP} does not.  An endpoint does not tell
    the factory that a connection was lost; the protocol has to.
    """

    __slots__ = ("_attempt", "_endpoint", "_factory")

    def __init__(self, endpoint: IStreamClientEndpoint, factory: ReconnectingClientFactory) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._attempt: Deferred[IProtocol] | None = None

    def connect(self) -> None:
        """Try once, unless the factory stops trying when it is told."""
        self._factory.startedConnecting(self)
        if self._factory.continueTrying:
            self._attempt = attempt = self._endpoint.connect(self._factory)
            attempt.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: IProtocol) -> None:
        self._attempt = None

    def _failed(self, reason: Failure) -> None:
        self._attempt = None
        self._factory.clientConnectionFailed(self, reason)

    def stopConnecting(self) -> None:
        """
        Give up the attempt that is under way.

        @raise NotConnectingError: there is none.
        """
        if self._attempt is None:
            raise NotConnectingError()
        self._attempt.cancel()

    def disconnect(self) -> None:
        """Give up the attempt; a connection that stands is its protocol's to close."""
        if self._attempt is not None:
            self._attempt.cancel()

    def getDestination(self) -> IAddress:
        """Endpoints do not tell where they lead."""
        raise NotImplementedError("the endpoint knows")
