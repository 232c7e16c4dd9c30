"""Which links that others dial are taken, so that strangers cannot use a node up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from ..interfaces import ISession
from ..reasons import CloseReason
from ..settings import Settings

_BURST: Final = 2.0
"""Seconds whose links may be taken at a time."""

_MAPPED: Final = "::ffff:"
"""How an IPv4 address begins where IPv6 is listened on."""


class Admission:
    """
    Keeps count of the links that others have dialled, and says when there are enough.

    Strangers can neither use up what configured addresses have to themselves, nor end a link that
    stands.  A link that is refused where it comes in costs no TLS and no protocol.
    """

    def __init__(
        self,
        settings: Settings,
        clock: IReactorTime,
        isConfigured: Callable[[str, str], bool],
    ) -> None:
        """
        @param settings: the limits.
        @param isConfigured: takes an IP address and a node ID, which may be empty, and tells
            whether either is one that we dial ourselves.
        """
        self._settings = settings
        self._clock = clock
        self._isConfigured = isConfigured
        self._links: Counter[str] = Counter()
        self._handshakes: dict[ISession, bool] = {}
        self._peers: dict[ISession, str] = {}
        self._most = _BURST * settings.maxAcceptRate
        self._tokens = self._most
        self._filled = clock.seconds()

    def refusal(self, address: str) -> CloseReason | None:
        """
        Judge a link before it is taken.

        @param address: the IP address it comes from.
        @return: why it is refused, or L{None} if it is taken.
        """
        host = _plain(address)
        isConfigured = self._isConfigured(host, "")
        if not isConfigured and self._links[host] >= self._settings.maxLinksPerHost:
            return CloseReason.TOO_MANY_LINKS
        handshakes = sum(each is isConfigured for each in self._handshakes.values())
        if handshakes >= self._settings.maxHandshakes:
            return CloseReason.TOO_MANY_HANDSHAKES
        if not isConfigured and not self._takeToken():
            return CloseReason.TOO_FAST
        return None

    def _takeToken(self) -> bool:
        now = self._clock.seconds()
        come = max(0.0, now - self._filled) * self._settings.maxAcceptRate
        self._filled = now
        self._tokens = min(self._most, self._tokens + come)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    # What becomes of a link that was taken.

    def connected(self, session: ISession) -> None:
        """TCP stands."""
        host = _plain(session.address.host)
        self._links[host] += 1
        self._handshakes[session] = self._isConfigured(host, "")

    def opened(self, session: ISession) -> CloseReason | None:
        """
        The peer is verified.

        @return: why its link is refused, or L{None} if it is kept.
        """
        nodeID = session.nodeID
        if not self._isConfigured(_plain(session.address.host), nodeID):
            others = set(self._peers.values()) - {nodeID}
            if len(others) >= self._settings.maxInboundPeers:
                return CloseReason.TOO_MANY_PEERS
            self._peers[session] = nodeID
        return None

    def proven(self, session: ISession) -> None:
        """The peer's first frame has come."""
        self._handshakes.pop(session, None)

    def closed(self, session: ISession) -> None:
        """The link has ended."""
        self._handshakes.pop(session, None)
        self._peers.pop(session, None)
        host = _plain(session.address.host)
        self._links[host] -= 1
        if not self._links[host]:
            del self._links[host]


def _plain(address: str) -> str:
    return address.removeprefix(_MAPPED)
