"""What a Twisted programmer writes first: C{Int32StringReceiver} over Twisted's own TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import (
    IHandshakeListener,
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
from ..credentials import RECEIVER, SENDER, credentialsOf
from ..load import Load
from ..twistedside import linkEnded, runTwistedSide
from ..window import Tally
from ..words import Words, encode

_HOST = "127.0.0.1"
_DEADLINE = 10.0
_NUMBER_SIZE = 8


@implementer(IHandshakeListener)
class NaiveProtocol(Int32StringReceiver):
    """
    Strings, and nothing in them but the payload; a request has its number before it.

    @ivar received: who takes the strings that come now.
    @ivar secured: fires with this protocol once TLS stands.
    """

    MAX_LENGTH = 100 << 20

    received: Callable[[bytes], object]

    def __init__(self) -> None:
        self.secured: Deferred[NaiveProtocol] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def handshakeCompleted(self) -> None:
        self.secured.callback(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        linkEnded()

    def stringReceived(self, string: bytes) -> None:
        self.received(string)


class NaiveChannel(Channel):
    """Connections as operations use them."""

    def __init__(
        self,
        protocols: Sequence[NaiveProtocol],
        reactor: Any,
        makeSpare: Callable[[], Deferred[list[NaiveProtocol]]],
    ) -> None:
        """
        @param protocols: all connections but the spare ones.
        @param makeSpare: makes those.
        """
        super().__init__()
        self.ask = self._ask
        self.call = self._call
        self._protocols = protocols
        self._protocol = protocols[0]
        self._reactor = reactor
        self._makeSpare = makeSpare
        self._spare: list[NaiveProtocol] | None = None
        self._numbers = count()
        self._pending: dict[bytes, Deferred[bytes]] = {}
        self._hearWords()

    def _hearWords(self) -> None:
        for protocol in self._protocols:
            protocol.received = self.wordsArrived

    def tell(self, words: Words) -> None:
        self._protocol.sendString(encode(words))

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send = self._protocol.sendString
        for payload in payloads:
            send(payload)

    def broadcastAll(self, payloads: Iterable[bytes]) -> None:
        protocols = self._protocols
        for payload in payloads:
            for protocol in protocols:
                protocol.sendString(payload)

    def multicastAll(self, payloads: Iterable[bytes]) -> None:
        """The spare ones follow nothing."""
        self.broadcastAll(payloads)

    async def makeSpareLinks(self) -> None:
        if self._spare is None:
            self._spare = await self._makeSpare()

    def expect(self, tally: Tally) -> None:
        for protocol in self._protocols:
            protocol.received = tally.payloadArrived
        tally.full.addCallback(lambda _: self._hearWords())

    def _ask(self, payload: bytes) -> Deferred[bytes]:
        number = next(self._numbers).to_bytes(_NUMBER_SIZE)

        def forget(_: Deferred[bytes]) -> None:
            del self._pending[number]

        done: Deferred[bytes] = Deferred(forget)
        self._pending[number] = done
        self._protocol.received = self._answered
        self._protocol.sendString(number + payload)
        return done.addTimeout(_DEADLINE, self._reactor)

    def _call(
        self, payload: bytes, answered: Callable[[bytes], object], failed: Callable[[Any], object]
    ) -> object:
        return self._ask(payload).addCallbacks(answered, failed)

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
            self._protocol.sendString(string)

        self._protocol.received = answerOne


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
    """Connections, from either side; all to the same port."""

    def __init__(self, role: str, folder: Path, reactor: Any) -> None:
        number = SENDER if role == "sender" else RECEIVER
        credentials = credentialsOf(folder, number, "pyopenssl")
        self._context = PlainContext(credentials)
        self._reactor = reactor
        version = SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
        self.summary = (
            "one write a message, nothing in it but the payload, TLS 1.2 by pyOpenSSL "
            f"({version}), {credentials.curve}"
        )

    def listen(self, load: Load, opened: Callable[[Channel], object]) -> Words:
        protocols: list[NaiveProtocol] = []

        def secured(protocol: NaiveProtocol) -> None:
            protocols.append(protocol)
            if len(protocols) == load.links:
                opened(NaiveChannel(protocols[:], self._reactor, _noneToMake))

        factory = _Accepting(secured)
        below = TLSMemoryBIOFactory(self._context, False, factory)
        port = self._reactor.listenTCP(0, below, interface=_HOST)
        return {"port": port.getHost().port}

    def connect(self, load: Load, where: Words) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._connect(load, where["port"]))

    async def _connect(self, load: Load, port: int) -> Channel:
        def makeSpare() -> Deferred[list[NaiveProtocol]]:
            return Deferred.fromCoroutine(self._dial(port, load.spare))

        return NaiveChannel(await self._dial(port, load.links), self._reactor, makeSpare)

    async def _dial(self, port: int, links: int) -> list[NaiveProtocol]:
        """One after the other, so that the other side knows which is the first."""
        endpoint = TCP4ClientEndpoint(self._reactor, _HOST, port)
        factory = TLSMemoryBIOFactory(self._context, True, Factory.forProtocol(NaiveProtocol))
        protocols = []
        for _ in range(links):
            below: Any = await endpoint.connect(factory)
            protocols.append(await below.wrappedProtocol.secured)
        return protocols


def _noneToMake() -> Deferred[list[NaiveProtocol]]:
    raise AssertionError("the receiver dials nobody")


class _Accepting(Factory):
    def __init__(self, secured: Callable[[NaiveProtocol], object]) -> None:
        self._secured = secured

    def buildProtocol(self, address: Any) -> NaiveProtocol:
        protocol = NaiveProtocol()
        protocol.secured.addCallback(self._secured)
        return protocol


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, load, partial(NaiveEnds, role, folder))
