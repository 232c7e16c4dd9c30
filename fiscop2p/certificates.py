"""X.509 certificates in PEM files: read, judged by the calendar, and followed to their root."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from .errors import CredentialsError
from .reading import readWhole

_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"


def commonName(name: x509.Name) -> str:
    """The common name, or the whole name where there is none, as FISCO BCOS does."""
    for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME):
        return _printable(str(attribute.value))
    return _printable(name.rfc4514_string())


def _printable(text: str) -> str:
    """Whatever a certificate says, in a log it is one line."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def readFile(file: Path) -> bytes:
    """
    Read a file that must be there.

    @raise CredentialsError: it is not, or cannot be read.
    """
    try:
        return readWhole(file)
    except FileNotFoundError:
        raise CredentialsError(f"{file}: no such file") from None
    except OSError as error:
        raise CredentialsError(f"{file}: cannot be read: {error.strerror}") from None


def readCertificates(file: Path) -> list[x509.Certificate]:
    """
    Read the certificates in a file.

    @raise CredentialsError: there is none, or one that is damaged.
    """
    pem = readFile(file)
    if _BEGIN not in pem:
        raise CredentialsError(f"{file}: no PEM certificate in it (no BEGIN CERTIFICATE line)")
    return parseCertificates(file, pem)


def parseCertificates(file: Path, pem: bytes) -> list[x509.Certificate]:
    """
    Take the certificates out of what was read, perhaps none.

    @param file: its name in the error's message.
    @raise CredentialsError: one is damaged.
    """
    count = pem.count(_BEGIN)
    try:
        found = x509.load_pem_x509_certificates(pem) if count else []
        if len(found) != count:
            raise ValueError("one of them has no END CERTIFICATE line")
    except ValueError as error:
        raise CredentialsError(f"{file}: a certificate in it is damaged: {error}") from None
    return found


def checkValidity(file: Path, certificate: x509.Certificate, when: datetime) -> None:
    """
    See that a certificate is valid at a time.

    @param file: where it is, for the error's message.
    @raise CredentialsError: it is not.
    """
    name = commonName(certificate.subject)
    if when > certificate.not_valid_after_utc:
        raise CredentialsError(
            f"{file}: the certificate of {name} expired on "
            f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; have it renewed"
        )
    if when < certificate.not_valid_before_utc:
        raise CredentialsError(
            f"{file}: the certificate of {name} is not valid before "
            f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC; is this machine's clock right?"
        )


def followUp(
    certificate: x509.Certificate,
    between: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> list[x509.Certificate]:
    """
    Go from a certificate to who issued it, and on.

    @param between: those that may stand between it and a root.
    @return: the way, which ends with one of the roots if it leads there.
    """
    path = [certificate]
    while len(path) <= len(between) + 1:
        root = _issuer(path[-1], roots)
        if root is not None:
            return [*path, root]
        above = _issuer(path[-1], between)
        if above is None:
            break
        path.append(above)
    return path


def _issuer(
    certificate: x509.Certificate, candidates: Iterable[x509.Certificate]
) -> x509.Certificate | None:
    for candidate in candidates:
        try:
            certificate.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return candidate
    return None
