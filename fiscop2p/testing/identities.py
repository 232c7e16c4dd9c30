"""Identities that are taken as given: for networks of many nodes, without the cost of TLS."""

from __future__ import annotations

import json
from hashlib import sha512
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import ServerFactory
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..identity import Identity
from ..interfaces import ILinkProtocol, IPeerTLS


def inventedIdentity(name: str, agency: str = "agency") -> Identity:
    """Make an identity without a key; the same name gives the same node ID."""
    return Identity(sha512(name.encode()).hexdigest(), agency, name)


@implementer(IPeerTLS)
class AssertedTLS:
    """
    No TLS: each side says who it is, and is believed.

    The order of events is that of TLS: connected, handshake completed, data.
    """

    name = "asserted"

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def wrap(self, protocol: ILinkProtocol, isClient: bool) -> IProtocol:
        """Put the assertion under a protocol."""
        factory: Any = WrappingFactory(ServerFactory())
        asserted: IProtocol = _AssertedProtocol(factory, protocol, self._identity)
        return asserted

    def peerIdentity(self, transport: Any) -> Identity:
        """What the peer has said."""
        identity: Identity = transport.peerIdentity
        return identity

    def judge(self, transport: Any) -> None:
        """There is nothing to revoke."""

    def explain(self, transport: Any, error: BaseException) -> str | None:
        """Nothing can fail here."""
        return None

    def failureOf(self, transport: Any) -> Failure | None:
        """Nor has anything."""
        return None

    def rehearse(self) -> None:
        """Nothing can fail here."""


class _AssertedProtocol(ProtocolWrapper):
    wrappedProtocol: Any

    def __init__(self, factory: Any, protocol: ILinkProtocol, own: Identity) -> None:
        super().__init__(factory, protocol)
        self._own = own
        self._received = b""
        self.peerIdentity: Identity | None = None

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(transport)
        transport.write(json.dumps(self._own).encode() + b"\n")

    def dataReceived(self, data: bytes) -> None:
        if self.peerIdentity is not None:
            self.wrappedProtocol.dataReceived(data)
            return
        line, newline, rest = (self._received + data).partition(b"\n")
        if not newline:
            self._received = line
            return
        self.peerIdentity = Identity(*json.loads(line))
        self.wrappedProtocol.handshakeCompleted()
        if rest:
            self.wrappedProtocol.dataReceived(rest)
