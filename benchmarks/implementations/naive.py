"""What a Twisted programmer writes first: C{Int32StringReceiver} over Twisted's own TLS."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from fiscop2p.identity import Credentials

from ..channel import Channel, TwistedEnds
from ..credentials import credentialsOf
from ..twistedside import linkEnded, runTwistedSide
from ..window import Tally
from ..words import Words, encode

_HOST = "127.0.0.1"
_DEADLINE = 10.0
_ID = struct.Struct(">I")


class NaiveProtocol(Int32StringReceiver):
    """
    Payloads as they are; requests and their answers behind a number.

    @ivar channel: how operations use it.
    """

    MAX_LENGTH = 100 << 20
    stringReceived: Callable[[bytes], object]

    def __init__(self, reactor: Any) -> None:
        self.channel = NaiveChannel(self)
        self._reactor = reactor
        self._numbers = count()
        self._pending: dict[int, Deferred[bytes]] = {}
        self._toAnswer = 0
        self.stringReceived = self._received

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        linkEnded()

    def ask(self, payload: bytes) -> Deferred[bytes]:
        """Send a request, and wait for its answer."""
        number = next(self._numbers)

        def forget(_: Deferred[bytes]) -> None:
            del self._pending[number]

        done: Deferred[bytes] = Deferred(forget)
        self._pending[number] = done
        self.sendString(_ID.pack(number) + payload)
        return done.addTimeout(_DEADLINE, self._reactor)

    def _received(self, data: bytes) -> None:
        if self._pending:
            self._pending.pop(_ID.unpack_from(data)[0]).callback(data[_ID.size :])
        else:
            self.channel.wordsArrived(data)

    def answer(self, count: int) -> None:
        """Answer the next requests."""
        self._toAnswer = count
        self.stringReceived = self._requestReceived

    def _requestReceived(self, data: bytes) -> None:
        number, payload = _ID.unpack_from(data)[0], data[_ID.size :]
        self.sendString(_ID.pack(number) + payload)
        self._toAnswer -= 1
        if not self._toAnswer:
            self.stringReceived = self._received

    def expect(self, tally: Tally) -> None:
        """Give all payloads to a tally until it is full."""
        self.stringReceived = tally.payloadArrived
        tally.full.addCallback(lambda _: setattr(self, "stringReceived", self._received))


class NaiveChannel(Channel):
    """A connection as operations use it."""

    def __init__(self, protocol: NaiveProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.send = protocol.sendString
        self.ask = protocol.ask

    def tell(self, words: Words) -> None:
        self._protocol.sendString(encode(words))

    def expect(self, tally: Tally) -> None:
        self._protocol.expect(tally)

    def answer(self, count: int) -> None:
        self._protocol.answer(count)


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class PlainContext:
    """TLS 1.2 with certificates on both sides."""

    def __init__(self, credentials: Credentials) -> None:
        self._context = context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        context.set_cipher_list(b"ECDHE+AESGCM")
        context.use_certificate_chain_file(str(credentials.certificate))
        context.use_privatekey_file(str(credentials.key))
        context.load_verify_locations(str(credentials.ca))

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    serverConnectionForTLS = clientConnectionForTLS


class NaiveEnds(TwistedEnds):
    """A connection, from either side."""

    def __init__(self, role: str, folder: Path, reactor: Any) -> None:
        credentials = credentialsOf(folder, role, "pyopenssl")
        self._context = PlainContext(credentials)
        self._reactor = reactor
        version = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
        self.summary = f"one write a message, TLS 1.2 by pyOpenSSL ({version}), {credentials.curve}"

    def listen(self, opened: Callable[[Channel], object]) -> Words:
        factory = _Accepting(lambda: NaiveProtocol(self._reactor), opened)
        secured = TLSMemoryBIOFactory(self._context, False, factory)
        port = self._reactor.listenTCP(0, secured, interface=_HOST)
        return {"port": port.getHost().port}

    def connect(self, where: Words) -> Deferred[Any]:
        factory = Factory.forProtocol(lambda: NaiveProtocol(self._reactor))
        endpoint = TCP4ClientEndpoint(self._reactor, _HOST, where["port"])
        secured = TLSMemoryBIOFactory(self._context, True, factory)
        return Deferred.fromCoroutine(_channelOf(endpoint.connect(secured)))


async def _channelOf(connecting: Deferred[Any]) -> Channel:
    secured = await connecting
    channel: Channel = secured.wrappedProtocol.channel
    return channel


class _Accepting(Factory):
    def __init__(
        self, make: Callable[[], NaiveProtocol], opened: Callable[[Channel], object]
    ) -> None:
        self._make = make
        self._opened = opened

    def buildProtocol(self, address: Any) -> NaiveProtocol:
        protocol = self._make()
        self._opened(protocol.channel)
        return protocol


def runSide(role: str, folder: Path) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, partial(NaiveEnds, role, folder))
