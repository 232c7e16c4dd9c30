"""Who accepts a link, who dials one, and when it is tried again."""

from __future__ import annotations

from enum import Enum
from random import uniform
from typing import Any, Final, NamedTuple

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
from twisted.internet.protocol import (
    Protocol,
    ReconnectingClientFactory,
    ServerFactory,
    connectionDone,
)
from twisted.python.failure import Failure

from ..interfaces import ILinks, ISession
from ..reasons import CloseReason
from ..settings import Address
from .connector import EndpointConnector, clientEndpoint

_REST: Final = 900.0
"""Seconds, at the most, after which it is seen again who lives at an address."""


class AddressState(Enum):
    """What an address is doing; the value says it to people."""

    CONNECTING = "connecting"
    HANDSHAKE = "in the TLS handshake"
    CONNECTED = "connected"
    ELSEWHERE = "its node is connected by another link"
    WAITING = "waiting for the next attempt"
    OURSELVES = "this node itself"
    STOPPED = "stopped"


class AddressStatus(NamedTuple):
    """
    What a configured address is doing.

    @ivar nodeID: the node that was last met there, or empty.
    @ivar attempts: how often it was dialled since it last stood.
    @ivar lastError: why the last attempt or link ended, in words, or empty.
    @ivar nextAttempt: seconds until the next attempt where one is waited for, or L{None}.
    """

    address: Address
    state: AddressState
    nodeID: str
    attempts: int
    lastError: str
    nextAttempt: float | None


class PeerServerFactory(ServerFactory):
    """Accepts links."""

    noisy = False

    def __init__(self, links: ILinks) -> None:
        self._links = links

    def buildProtocol(self, address: IAddress | None) -> Any:
        """Put TLS under a new link, if it is taken; otherwise it is closed at once."""
        peer: Any = address
        if not self._links.admits(peer.host):
            # Endpoints may wrap what they are given, even if it is nothing.
            return None if self._links.settings.endpoint is None else _Refused()
        session = self._links.newSession(outbound=False)
        session.factory = self
        return self._links.tls.wrap(session, isClient=False)


class _Refused(Protocol):
    """Closes its connection."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class PeerClientFactory(ReconnectingClientFactory):
    """
    Keeps a link to one address.

    The wait between attempts grows from one second to ten; it starts anew only once a link has
    proved itself, so that a peer that refuses us is not hammered.  An address whose node is
    connected otherwise, or is ourselves, is left alone for a quarter of an hour: by then another
    may live there.

    @ivar address: the address.
    @ivar state: what it is doing.
    @ivar nodeID: the node that was last met there, or empty.
    @ivar host: the IP address where it was, or empty.
    @ivar lastError: why the last attempt or link ended, in words, or empty.
    """

    noisy = False
    initialDelay = delay = 1.0
    maxDelay = 10
    # Whether Twisted's own growth comes before a wait, or after it, depends on its release.
    factor = 1.0
    jitter = 0.0
    connector: EndpointConnector
    _growth = 2.0
    _leastOfDelay = 0.75

    def __init__(self, links: ILinks, address: Address) -> None:
        self.address = address
        self.state = AddressState.STOPPED
        self.nodeID = self.host = ""
        self.lastError = ""
        self.clock = links.clock
        self._links = links
        self._nextAttempt: float | None = None
        self._resting: IDelayedCall | None = None
        endpoint = clientEndpoint(links.reactor, address, links.settings.connectTimeout)
        self.connector = EndpointConnector(endpoint, self)

    def status(self) -> AddressStatus:
        """What this address is doing."""
        due = self._nextAttempt
        left = None if due is None else max(0.0, due - self._links.clock.seconds())
        return AddressStatus(
            self.address, self.state, self.nodeID, self.retries, self.lastError, left
        )

    def start(self) -> None:
        """Dial, and from now on keep the link."""
        self.resetDelay()
        self.connector.connect()

    def stop(self) -> None:
        """Do not dial any more; a link that stands is not touched."""
        self._rest(AddressState.STOPPED)

    # How an attempt goes.

    def startedConnecting(self, connector: IConnector) -> None:
        """An attempt begins."""
        self.state, self._nextAttempt = AddressState.CONNECTING, None
        self._links.tally.dials += 1
        self._links.linkLog.dialling(self.address)

    def buildProtocol(self, address: IAddress | None) -> Any:
        """TCP stands; put TLS under the link."""
        self.state = AddressState.HANDSHAKE
        session = self._links.newSession(outbound=True)
        session.factory = self
        return self._links.tls.wrap(session, isClient=True)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """TCP did not come to stand; try again later."""
        if not reason.check(CancelledError, ConnectingCancelledError):
            self.lastError = reason.getErrorMessage()
            self._links.tally.dialFailures += 1
            self._links.linkLog.unreachable(self.address, reason)
        super().clientConnectionFailed(connector, reason)

    def linkProven(self, session: ISession) -> None:
        """The link stands: the next wait is a short one again."""
        if self.state is AddressState.STOPPED:
            return
        self.state, self.nodeID, self.lastError = AddressState.CONNECTED, session.nodeID, ""
        self.host = session.address.host
        self.resetDelay()

    def linkClosed(self, session: ISession) -> None:
        """The link has ended, in whatever stage."""
        if self.state is AddressState.STOPPED:
            return
        self.nodeID = session.nodeID or self.nodeID
        if session.closeReason is CloseReason.OURSELVES:
            self._rest(AddressState.OURSELVES)
            return
        if session.proven or self.nodeID not in self._links.registry:
            self.lastError = session.closeReason.words(session.closeDetail)
        self.clientConnectionLost(self.connector, connectionDone)

    # When to try again.

    def retry(self, connector: IConnector | None = None) -> None:
        """Try again after a wait, unless the node is connected by another link."""
        if self.nodeID in self._links.registry:
            self._rest(AddressState.ELSEWHERE)
            return
        longest = self.delay
        self.delay = uniform(self._leastOfDelay * longest, longest)  # noqa: S311 (no secret)
        self.state = AddressState.WAITING
        self._nextAttempt = self._links.clock.seconds() + self.delay
        super().retry(connector)
        self.delay = min(longest * self._growth, self.maxDelay)

    def nodeJoined(self) -> None:
        """The node of this address is connected."""
        if self.state in (AddressState.WAITING, AddressState.CONNECTING):
            self._rest(AddressState.ELSEWHERE)

    def nodeLeft(self) -> None:
        """The node of this address is not connected any more."""
        if self.state is AddressState.ELSEWHERE:
            self._stopResting()
            self.resetDelay()
            self.retry()

    def _rest(self, state: AddressState) -> None:
        """Do not dial; unless we have stopped, see after a while who is there by then."""
        self.stopTrying()
        self._stopResting()
        self.state, self._nextAttempt = state, None
        if state is not AddressState.STOPPED:
            wait = uniform(self._leastOfDelay * _REST, _REST)  # noqa: S311 (no secret)
            self._resting = self._links.clock.callLater(wait, self.start)

    def _stopResting(self) -> None:
        if self._resting is not None and self._resting.active():
            self._resting.cancel()
        self._resting = None
