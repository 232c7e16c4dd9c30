"""What a Twisted programmer writes first: C{Int32StringReceiver} over Twisted's own TLS."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
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
_HEADER = struct.Struct(">iI")
_WORDS, _DATA, _REQUESTS = 1001, 1002, 1003


class NaiveProtocol(Int32StringReceiver):
    """
    What a network layer needs at the least: each string says what it is for, and its number.

    @ivar handlers: who takes the payloads of each kind; bytes that it returns are the answer.
    """

    MAX_LENGTH = 100 << 20

    def __init__(self, reactor: Any) -> None:
        self.handlers: dict[int, Callable[[bytes], bytes | None]] = {}
        self.channel = NaiveChannel(self)
        self._reactor = reactor
        self._numbers = count()
        self._pending: dict[int, Deferred[bytes]] = {}

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        linkEnded()

    def send(self, kind: int, payload: bytes) -> None:
        """Send one way."""
        self.sendString(_HEADER.pack(kind, next(self._numbers)) + payload)

    def ask(self, kind: int, payload: bytes) -> Deferred[bytes]:
        """Send a request, and wait for its answer."""
        number = next(self._numbers)

        def forget(_: Deferred[bytes]) -> None:
            del self._pending[number]

        done: Deferred[bytes] = Deferred(forget)
        self._pending[number] = done
        self.sendString(_HEADER.pack(kind, number) + payload)
        return done.addTimeout(_DEADLINE, self._reactor)

    def stringReceived(self, string: bytes) -> None:
        """Give a payload to whom it is for."""
        kind, number = _HEADER.unpack_from(string)
        payload = string[_HEADER.size :]
        if kind < 0:
            self._pending.pop(number).callback(payload)
            return
        answer = self.handlers[kind](payload)
        if answer is not None:
            self.sendString(_HEADER.pack(-kind, number) + answer)


class NaiveChannel(Channel):
    """A connection as operations use it."""

    def __init__(self, protocol: NaiveProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.ask = partial(protocol.ask, _REQUESTS)
        protocol.handlers[_WORDS] = self.wordsArrived
        protocol.handlers[_REQUESTS] = _echo

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send = self._protocol.send
        for payload in payloads:
            send(_DATA, payload)

    def tell(self, words: Words) -> None:
        self._protocol.send(_WORDS, encode(words))

    def expect(self, tally: Tally) -> None:
        self._protocol.handlers[_DATA] = tally.payloadArrived

    def answer(self, count: int) -> None:
        """Requests are always answered."""


def _echo(payload: bytes) -> bytes:
    return payload


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
        self.summary = (
            "one write a message, kind and number before it, TLS 1.2 by pyOpenSSL "
            f"({version}), {credentials.curve}"
        )

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
