"""Certificates that have been revoked, by the lists (CRLs) of the chain's CA and its agencies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .certificates import checkValidity, commonName, followUp, parseCertificates, readFile
from .errors import CredentialsError, Revoked

_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_PEM: Final = re.compile(_BEGIN + rb".+?-----END X509 CRL-----", re.DOTALL)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Number(NamedTuple):
    """
    What tells a certificate from all others.

    @ivar issuer: the public key (DER) that signed it; names of agencies are not unique.
    @ivar serial: the number that it has there.
    """

    issuer: bytes
    serial: int


@dataclass(frozen=True)
class Revocations:
    """
    What revocation lists say; made by L{readRevocations}.

    @ivar revoked: when and why, in words, for each certificate that is on a list.
    @ivar expiries: when each list must be followed by its next one, by whose it is.
    """

    revoked: Mapping[Number, str] = field(default_factory=dict)
    expiries: tuple[tuple[str, datetime], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.expiries)

    def __str__(self) -> str:
        if not self:
            return "no revocation list"
        count = len(self.revoked)
        lists = " and ".join(f"{name} until {end:%Y-%m-%d}" for name, end in self.expiries)
        return f"{count} certificate{'s' * (count != 1)} revoked, by the list of {lists}"

    def judge(self, path: Sequence[x509.Certificate]) -> None:
        """
        Let pass who comes with certificates none of which has been revoked.

        @param path: from the node's own certificate to the root's.
        @raise Revoked: one is on a list; says which, when and why.  Or the path is not known.
        """
        if not path:
            raise Revoked("nobody can tell whether its certificate has been revoked")
        for certificate, issuer in pairwise(path):
            words = self.revoked.get(Number(_keyOf(issuer), certificate.serial_number))
            if words is not None:
                raise Revoked(
                    f"the certificate of {commonName(certificate.subject)} was revoked by "
                    f"{commonName(issuer.subject)} {words}"
                )


NOTHING_REVOKED: Final = Revocations()


def readRevocations(
    file: Path,
    roots: Sequence[x509.Certificate],
    agencies: Sequence[x509.Certificate],
    when: datetime,
) -> Revocations:
    """
    Read a file of revocation lists: one as DER, or any number as PEM, among which certificates of
    agencies that have made them may stand.

    Nobody else's word counts: each list is signed by a CA of the chain, or by an agency of one.

    @param roots: the CAs.
    @param agencies: certificates of agencies that are known already.
    @param when: the time to judge validity at.
    @raise CredentialsError: it holds no list, or one that is damaged, has expired, is incomplete,
        or is signed by a stranger; names the file and the fault.
    """
    content = readFile(file)
    more = parseCertificates(file, content)
    for each in more:
        checkValidity(file, each, when)
    authorities = [*roots, *agencies, *more]
    authorities = [each for each in authorities if followUp(each, authorities, roots)[-1] in roots]
    revoked: dict[Number, str] = {}
    expiries = []
    for crl in parseLists(file, content):
        name = commonName(crl.issuer)
        _checkValidity(file, name, crl, when)
        issuer = _keyOf(_signer(file, name, crl, authorities))
        try:
            _checkUnderstood(crl)
            for entry in crl:
                revoked[Number(issuer, entry.serial_number)] = _words(entry)
        except ValueError as error:
            raise CredentialsError(
                f"{file}: the revocation list of {name} cannot be used: {error}"
            ) from None
        expiries.append((name, crl.next_update_utc or _NEVER))
    return Revocations(revoked, tuple(expiries))


def _keyOf(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def parseLists(file: Path, content: bytes) -> list[x509.CertificateRevocationList]:
    """
    Take the revocation lists out of what was read; nobody has judged them yet.

    @param file: its name in the error's message.
    @raise CredentialsError: there is none, or one that is damaged.
    """
    isPEM = _BEGIN in content
    texts = _PEM.findall(content)
    try:
        if len(texts) != content.count(_BEGIN):
            raise ValueError("one of them has no END X509 CRL line")
        if isPEM:
            return [x509.load_pem_x509_crl(text) for text in texts]
        return [x509.load_der_x509_crl(content)]
    except ValueError as error:
        if isPEM:
            raise CredentialsError(f"{file}: a revocation list in it is damaged: {error}") from None
        raise CredentialsError(
            f"{file}: no revocation list: neither PEM (no BEGIN X509 CRL line) nor DER"
        ) from None


def _checkValidity(
    file: Path, name: str, crl: x509.CertificateRevocationList, when: datetime
) -> None:
    if when > (crl.next_update_utc or _NEVER):
        raise CredentialsError(
            f"{file}: the revocation list of {name} expired on "
            f"{crl.next_update_utc:%Y-%m-%d %H:%M} UTC; have its next one made"
        )
    if when < crl.last_update_utc:
        raise CredentialsError(
            f"{file}: the revocation list of {name} is not valid before "
            f"{crl.last_update_utc:%Y-%m-%d %H:%M} UTC; is this machine's clock right?"
        )


def _signer(
    file: Path,
    name: str,
    crl: x509.CertificateRevocationList,
    authorities: Iterable[x509.Certificate],
) -> x509.Certificate:
    for each in authorities:
        try:
            # Agencies of different keys may have the same name.
            if crl.issuer == each.subject and crl.is_signature_valid(each.public_key()):  # type: ignore[arg-type]
                return each
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise CredentialsError(
        f"{file}: the revocation list of {name} is not signed by a CA or an agency of this chain "
        f"that is known here; if {name} is another agency than this node's, put its certificate "
        "into the file, too (PEM)"
    )


def _checkUnderstood(crl: x509.CertificateRevocationList) -> None:
    """A list that is not the whole one of its issuer says so by a critical extension."""
    for each in chain(crl.extensions, *(entry.extensions for entry in crl)):
        if each.critical:
            raise ValueError(
                f"it is not the complete list of its issuer (critical extension {each.oid._name})"
            )


def _words(entry: x509.RevokedCertificate) -> str:
    when = f"on {entry.revocation_date_utc:%Y-%m-%d}"
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return when
    return f"{when}: {reason.name.replace('_', ' ')}"
