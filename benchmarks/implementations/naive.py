"""What a Twisted programmer writes first: C{Int32StringReceiver} over Twisted's own TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
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

from fiscop2p.chain.authority import SECP256K1
from fiscop2p.identity import Credentials

from ..channel import Channel, TwistedEnds
from ..credentials import credentialsOf
from ..twistedside import linkEnded, runTwistedSide
from ..window import Tally
from ..words import Words, encode

_HOST = "127.0.0.1"
_DEADLINE = 10.0
_NUMBER_SIZE = 8


class NaiveProtocol(Int32StringReceiver):
    """
    Strings, and nothing in them but the payload; a request has its number before it.

    @ivar received: who takes the strings that come now.
    """

    MAX_LENGTH = 100 << 20

    received: Callable[[bytes], object]

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        linkEnded()

    def stringReceived(self, string: bytes) -> None:
        self.received(string)


class NaiveChannel(Channel):
    """A connection as operations use it."""

    def __init__(self, reactor: Any) -> None:
        super().__init__()
        self.protocol = NaiveProtocol()
        self.protocol.received = self.wordsArrived
        self.ask = self._ask
        self._reactor = reactor
        self._numbers = count()
        self._pending: dict[bytes, Deferred[bytes]] = {}

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send = self.protocol.sendString
        for payload in payloads:
            send(payload)

    def tell(self, words: Words) -> None:
        self.protocol.sendString(encode(words))

    def expect(self, tally: Tally) -> None:
        self.protocol.received = tally.payloadArrived
        tally.full.addCallback(lambda _: self._hearWords())

    def _hearWords(self) -> None:
        self.protocol.received = self.wordsArrived

    def _ask(self, payload: bytes) -> Deferred[bytes]:
        number = next(self._numbers).to_bytes(_NUMBER_SIZE)

        def forget(_: Deferred[bytes]) -> None:
            del self._pending[number]

        done: Deferred[bytes] = Deferred(forget)
        self._pending[number] = done
        self.protocol.received = self._answered
        self.protocol.sendString(number + payload)
        return done.addTimeout(_DEADLINE, self._reactor)

    def _answered(self, string: bytes) -> None:
        done = self._pending.pop(string[:_NUMBER_SIZE])
        if not self._pending:
            self._hearWords()
        done.callback(string[_NUMBER_SIZE:])

    def answer(self, count: int) -> None:
        left = count

        def answerOne(string: bytes) -> None:
            nonlocal left
            left -= 1
            if not left:
                self._hearWords()
            self.protocol.sendString(string)

        self.protocol.received = answerOne


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
        if credentials.curve == SECP256K1:
            context.set_tmp_ecdh(ec.SECP256K1())

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
            "one write a message, nothing in it but the payload, TLS 1.2 by pyOpenSSL "
            f"({version}), {credentials.curve}"
        )

    def listen(self, opened: Callable[[Channel], object]) -> Words:
        factory = _Accepting(lambda: NaiveChannel(self._reactor), opened)
        secured = TLSMemoryBIOFactory(self._context, False, factory)
        port = self._reactor.listenTCP(0, secured, interface=_HOST)
        return {"port": port.getHost().port}

    def connect(self, where: Words) -> Deferred[Any]:
        channel = NaiveChannel(self._reactor)
        factory = Factory.forProtocol(lambda: channel.protocol)
        endpoint = TCP4ClientEndpoint(self._reactor, _HOST, where["port"])
        secured = TLSMemoryBIOFactory(self._context, True, factory)
        return endpoint.connect(secured).addCallback(lambda _: channel)


class _Accepting(Factory):
    def __init__(
        self, make: Callable[[], NaiveChannel], opened: Callable[[Channel], object]
    ) -> None:
        self._make = make
        self._opened = opened

    def buildProtocol(self, address: Any) -> NaiveProtocol:
        channel = self._make()
        self._opened(channel)
        return channel.protocol


def runSide(role: str, folder: Path) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, partial(NaiveEnds, role, folder))
