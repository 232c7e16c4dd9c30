"""TLS by Python's C{ssl}: an C{SSLObject} over memory BIOs under a Twisted transport."""

from __future__ import annotations

import ssl
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import BadCertificate, CredentialsError, TLSUnavailable
from ..identity import Credentials, Identity, identityOf
from ..interfaces import ILinkProtocol, IPeerTLS
from .chains import checkOwn, judgeChain
from .engine import verifiedChain
from .transport import MemoryTLSTransport
from .words import meaning, verifyFault

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


@implementer(IPeerTLS)
class StandardTLS:
    """
    What L{IPeerTLS} asks for, by the standard library alone.

    secp256k1 has no signature scheme in TLS 1.3, so such a network speaks TLS 1.2, with that curve
    as its only group; FISCO BCOS nodes take no other.
    """

    name = "ssl"

    def __init__(self, credentials: Credentials, clock: IReactorTime) -> None:
        """
        @raise TLSUnavailable: this OpenSSL does not know the curve.
        """
        self._credentials = credentials
        self._server = _makeContext(credentials, isClient=False)
        self._client = _makeContext(credentials, isClient=True)

    def wrap(self, protocol: ILinkProtocol, isClient: bool) -> IProtocol:
        context = self._client if isClient else self._server
        return MemoryTLSTransport(context, isClient, protocol)

    def peerIdentity(self, transport: Any) -> Identity:
        der = transport.getPeerCertificate()
        if der is None:
            raise BadCertificate("it showed no certificate")
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError as error:
            raise BadCertificate(f"its certificate cannot be read: {error}") from None
        return identityOf(certificate)

    def judge(self, transport: Any) -> None:
        if self._credentials.revocations:
            judgeChain(self._credentials.revocations, transport.getVerifiedChain())

    def explain(self, transport: Any, error: BaseException) -> str | None:
        return _explain(error) if isinstance(error, ssl.SSLError) else None

    def failureOf(self, transport: Any) -> Failure | None:
        failure: Failure | None = transport.failure
        return failure

    def rehearse(self) -> None:
        toServer, toClient = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self._client.wrap_bio(toClient, toServer, server_side=False)
        server = self._server.wrap_bio(toServer, toClient, server_side=True)
        waiting = [client, server]
        try:
            for _ in range(_MOST_FLIGHTS):
                waiting = [side for side in waiting if not _stepped(side)]
        except ssl.SSLCertVerificationError as error:
            raise CredentialsError(
                f"{self._credentials.certificate}: peers will not accept it: {_explain(error)}"
            ) from None
        except ssl.SSLError as error:
            raise TLSUnavailable(f"{ssl.OPENSSL_VERSION}: {_explain(error)}") from None
        if waiting:
            raise TLSUnavailable(f"{ssl.OPENSSL_VERSION}: the handshake does not come to an end")
        checkOwn(self._credentials, client.getpeercert(True))
        if self._credentials.revocations and not verifiedChain(client):
            raise TLSUnavailable(
                "this Python does not show whose certificate stands above a peer's, which the "
                "revocation lists are about"
            )


_MOST_FLIGHTS: Final = 10


def _stepped(side: ssl.SSLObject) -> bool:
    """Go on with a handshake; tells whether it is complete."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _explain(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return verifyFault(error.verify_code, error.verify_message)
    return meaning(error.reason or str(error))


def _makeContext(credentials: Credentials, isClient: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if isClient else ssl.PROTOCOL_TLS_SERVER)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # The root of a chain by FISCO BCOS's own scripts is an X.509 v1 certificate.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if credentials.curve == "secp256k1":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if not isClient:
        context.num_tickets = 0
    context.set_ciphers(_CIPHERS)
    try:
        context.set_ecdh_curve(credentials.curve)
    except (ValueError, ssl.SSLError):
        raise TLSUnavailable(f"{ssl.OPENSSL_VERSION} does not know {credentials.curve}") from None
    try:
        context.load_cert_chain(credentials.certificate, credentials.key)
        anchors = b"".join(each.public_bytes(Encoding.DER) for each in credentials.anchors)
        context.load_verify_locations(cadata=anchors)
    except ssl.SSLError as error:
        raise CredentialsError(
            f"{credentials.certificate}: OpenSSL cannot use it with its key and CA: {error.reason}"
        ) from None
    return context
