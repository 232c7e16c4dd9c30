"""What is to be seen in the certificates (DER) that a handshake has shown."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import BadCertificate, CredentialsError
from ..identity import Credentials
from ..revocation import Revocations


def judgeChain(revocations: Revocations, chain: Iterable[bytes]) -> None:
    """
    Let pass a peer whose certificates have not been revoked.

    @param chain: its certificates as they were verified, from its own to the root.
    @raise Revoked: one has been revoked, or there are none.
    @raise BadCertificate: one cannot be read.
    """
    try:
        path = [x509.load_der_x509_certificate(der) for der in chain]
    except ValueError as error:
        raise BadCertificate(f"a certificate above its own cannot be read: {error}") from None
    revocations.judge(path)


def checkOwn(credentials: Credentials, shown: bytes | None) -> None:
    """
    See that what we show is what was checked before, and not a file that came since.

    @param shown: our certificate, as a peer gets it.
    @raise CredentialsError: it is another one.
    """
    if shown != credentials.path[0].public_bytes(Encoding.DER):
        raise CredentialsError(
            f"{credentials.certificate}: has changed while it was read; try again when it is whole"
        )
