"""TLS by pyOpenSSL, through Twisted's own C{TLSMemoryBIOFactory}."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import BadCertificate, CredentialsError, TLSUnavailable
from ..identity import Credentials, Identity, identityOf
from ..interfaces import ILinkProtocol, IPeerTLS
from .chains import checkOwn, judgeChain
from .words import meaning, verifyFault

_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20"
_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "secp256k1": ec.SECP256K1(),
    "prime256v1": ec.SECP256R1(),
}
_BIO_SIZE: Final = 1 << 16
_MOST_FLIGHTS: Final = 10


@implementer(IPeerTLS, IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class PyOpenSSLTLS:
    """
    What L{IPeerTLS} asks for, on the OpenSSL that C{cryptography} carries.

    One context serves both roles; TLS 1.2 alone where the curve is secp256k1.
    """

    name = "pyopenssl"

    # Of all, for a handshake may fail after another has taken the place of the one that began it.
    _verifyFaults: ClassVar[WeakKeyDictionary[SSL.Connection, str]] = WeakKeyDictionary()

    def __init__(self, credentials: Credentials, clock: IReactorTime) -> None:
        """
        @raise TLSUnavailable: this OpenSSL does not know the curve, or the system forbids what
            pyOpenSSL needs.
        """
        self._clock = clock
        self._credentials = credentials
        try:
            self._context = self._makeContext(credentials)
        except MemoryError:
            raise TLSUnavailable(
                "pyOpenSSL needs memory that it may write and execute, which this system forbids; "
                "for a service of systemd set MemoryDenyWriteExecute=no"
            ) from None

    def _makeContext(self, credentials: Credentials) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        if credentials.curve == "secp256k1":
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        context.set_cipher_list(_CIPHERS)
        try:
            context.use_certificate_chain_file(str(credentials.certificate))
            context.use_privatekey_file(str(credentials.key))
            store: Any = context.get_cert_store()
            for anchor in credentials.anchors:
                store.add_cert(crypto.X509.from_cryptography(anchor))
        except SSL.Error as error:
            raise CredentialsError(
                f"{credentials.certificate}: OpenSSL cannot use it with its key and CA: "
                f"{_explain(error)}"
            ) from None
        try:
            # Last, because loading a certificate sets the groups anew.
            context.set_tmp_ecdh(_CURVES[credentials.curve])
        except (SSL.Error, ValueError):
            raise TLSUnavailable(f"{_version()} does not know {credentials.curve}") from None
        return context

    def _verify(
        self, connection: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int
    ) -> bool:
        """Keep OpenSSL's verdict, and the words for it."""
        if not ok:
            self._verifyFaults.setdefault(connection, verifyFault(code))
        return bool(ok)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._context, None)

    serverConnectionForTLS = clientConnectionForTLS

    def wrap(self, protocol: ILinkProtocol, isClient: bool) -> IProtocol:
        factory = TLSMemoryBIOFactory(self, isClient, _Only(protocol), clock=self._clock)
        wrapped: IProtocol = factory.buildProtocol(None)
        return wrapped

    def peerIdentity(self, transport: Any) -> Identity:
        certificate = transport.getPeerCertificate()
        if certificate is None:
            raise BadCertificate("it showed no certificate")
        return identityOf(certificate.to_cryptography())

    def judge(self, transport: Any) -> None:
        if self._credentials.revocations:
            judgeChain(self._credentials.revocations, _verifiedChain(transport.getHandle()))

    def explain(self, transport: Any, error: BaseException) -> str | None:
        if not isinstance(error, SSL.Error):
            return None
        fault = self._verifyFaults.get(transport.getHandle())
        return fault or _explain(error)

    def failureOf(self, transport: Any) -> Failure | None:
        # Twisted's TLS does not wait for the peer: its connectionLost tells at once.
        return None

    def rehearse(self) -> None:
        client, server = (SSL.Connection(self._context, None) for _ in range(2))
        client.set_connect_state()
        server.set_accept_state()
        waiting = [(client, server), (server, client)]
        try:
            for _ in range(_MOST_FLIGHTS):
                waiting = [pair for pair in waiting if not _stepped(*pair)]
        except SSL.Error as error:
            fault = self._verifyFaults.get(client) or self._verifyFaults.get(server)
            if fault is not None:
                raise CredentialsError(
                    f"{self._credentials.certificate}: peers will not accept it: {fault}"
                ) from None
            raise TLSUnavailable(f"{_version()}: {_explain(error)}") from None
        if waiting:
            raise TLSUnavailable(f"{_version()}: the handshake does not come to an end")
        checkOwn(self._credentials, _verifiedChain(client)[0])


def _verifiedChain(connection: SSL.Connection) -> list[bytes]:
    """The certificates by which the peer's was verified, from its own to the root."""
    chain = connection.get_verified_chain() or []
    return [crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in chain]


class _Only(Factory):
    """The factory of one protocol, which is there already."""

    noisy = False

    def __init__(self, protocol: ILinkProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, address: IAddress | None) -> Any:
        return self._protocol


def _stepped(side: SSL.Connection, other: SSL.Connection) -> bool:
    """Go on with a handshake and pass its bytes to the other side; tells whether it is complete."""
    try:
        side.do_handshake()
        complete = True
    except SSL.WantReadError:
        complete = False
    try:
        other.bio_write(side.bio_read(_BIO_SIZE))
    except SSL.WantReadError:
        pass
    return complete


def _explain(error: SSL.Error) -> str:
    errors = error.args[0] if error.args else None
    if isinstance(errors, list) and errors:
        return meaning(errors[-1][-1])
    return meaning("unexpected eof")


def _version() -> str:
    return SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()
