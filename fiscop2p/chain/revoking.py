"""Revoking certificates of a chain: those of its nodes, and of its agencies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from ..certificates import commonName, readCertificates, readFile
from ..errors import ChainError, CredentialsError
from ..revocation import parseLists
from .authority import DEFAULT_DAYS, Authority, revocation
from .directory import readAuthority, staged

_LISTS: Final = "crl.pem"
_CERTIFICATES: Final = ("conf/node.crt", "agency.crt")


@dataclass(frozen=True)
class MadeList:
    """
    A revocation list that now exists on disk.

    @ivar name: of whom the certificate is that was put on it.
    @ivar issuer: whose list it is.
    @ivar file: all lists of the chain, PEM, with the certificates of who made them.
    """

    name: str
    issuer: str
    file: Path


def revoke(directory: Path, what: Path, *, days: int = DEFAULT_DAYS) -> MadeList:
    """
    Revoke a certificate: put it on the list of its issuer, in C{cert/crl.pem} of the chain.

    @param directory: the directory of the chain.
    @param what: the file of the certificate, or the directory of the node or agency it is of.
    @param days: how long the list is valid.
    @raise ChainError: there is no such certificate or chain, or none of its keys issued it, or the
        lists that are there cannot be read; nothing is changed.
    """
    cert = directory / "cert"
    authorities = _authorities(cert)
    certificate = _readCertificate(what)
    issuer = _issuer(certificate, authorities)
    if issuer is None:
        raise ChainError(f"{what}: neither the CA nor an agency of {directory} has issued it")
    file = cert / _LISTS
    lists = _readLists(file)
    former = [crl for crl in lists if _isOf(crl, issuer)]
    entries = {entry.serial_number: entry for crl in former for entry in crl}
    entries.setdefault(certificate.serial_number, revocation(certificate))
    kept = [crl for crl in lists if crl not in former]
    lists = [*kept, issuer.issueList(entries.values(), days)]
    signers = [each for each in authorities if any(_isOf(crl, each) for crl in lists)]
    parts: list[x509.CertificateRevocationList | x509.Certificate] = [*lists]
    parts += [each.certificate for each in signers]
    with staged(cert) as stage:
        (stage / _LISTS).write_bytes(b"".join(part.public_bytes(Encoding.PEM) for part in parts))
        os.replace(stage / _LISTS, file)
    return MadeList(commonName(certificate.subject), issuer.name, file)


def _authorities(cert: Path) -> list[Authority]:
    """All that can issue."""
    agencies = [file.parent for file in sorted(cert.glob("*/agency.key"))]
    return [
        readAuthority(cert / "ca.key", cert / "ca.crt"),
        *(readAuthority(a / "agency.key", a / "agency.crt", a / "ca.crt") for a in agencies),
    ]


def _readCertificate(what: Path) -> x509.Certificate:
    files = [what / name for name in _CERTIFICATES] if what.is_dir() else [what]
    for file in files:
        if file.exists():
            break
    else:
        raise ChainError(
            f"{what}: there is no certificate; name its file, or the directory of a node or agency"
        )
    try:
        return readCertificates(file)[0]
    except CredentialsError as error:
        raise ChainError(str(error)) from None


def _issuer(certificate: x509.Certificate, authorities: list[Authority]) -> Authority | None:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority.certificate)
        except (ValueError, TypeError, InvalidSignature):
            continue
        # That the CA itself has been revoked it cannot say.
        return None if certificate == authority.certificate else authority
    return None


def _readLists(file: Path) -> list[x509.CertificateRevocationList]:
    """The lists so far."""
    try:
        return parseLists(file, readFile(file)) if file.exists() else []
    except CredentialsError as error:
        raise ChainError(f"{error}; it is left alone") from None


def _isOf(crl: x509.CertificateRevocationList, authority: Authority) -> bool:
    return crl.is_signature_valid(authority.key.public_key())
