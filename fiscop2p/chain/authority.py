"""
The certificates of a chain: its CA, its agencies and their nodes, as FISCO BCOS 2.x lays them out.

Nothing here reads or writes a file; L{fiscop2p.chain} does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..errors import ChainError
from ..identity import nodeIDOf

SECP256K1 = "secp256k1"
PRIME256V1 = "prime256v1"
DEFAULT_DAYS = 36500

_CURVES: dict[str, type[ec.EllipticCurve]] = {SECP256K1: ec.SECP256K1, PRIME256V1: ec.SECP256R1}
_ORGANIZATION = "fisco-bcos"
_CLOCK_SKEW = timedelta(days=1)
_END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # the last date that X.509 can write


@dataclass(frozen=True)
class IssuedNode:
    """
    The credentials of one node.

    @ivar key: the node's private key.
    @ivar certificate: the node's certificate.
    @ivar chain: the certificates above it, the issuer first and the root last.
    """

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def keyPEM(self) -> bytes:
        """C{node.key}: the private key as unencrypted PKCS#8."""
        return _keyPEM(self.key)

    @property
    def certificatePEM(self) -> bytes:
        """C{node.crt}: the node's certificate followed by all of those above it."""
        return _certificatesPEM(self.certificate, *self.chain)

    @property
    def caPEM(self) -> bytes:
        """C{ca.crt}: the chain's root certificate alone."""
        return _certificatesPEM(self.chain[-1])

    @property
    def nodeID(self) -> str:
        """The node ID: 128 lower-case hex digits."""
        return nodeIDOf(self.key.public_key())


@dataclass(frozen=True)
class Authority:
    """
    One that issues certificates: the CA of a chain, or an agency below it.

    @ivar name: the common name.
    @ivar key: its private key.
    @ivar certificate: its certificate.
    @ivar chain: the certificates above it, the root last; empty for the CA itself.
    """

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def makeRoot(
        cls, name: str = "chain", curve: str = SECP256K1, days: int = DEFAULT_DAYS
    ) -> Authority:
        """
        Make the CA of a new chain.

        @param name: the common name.
        @param curve: L{SECP256K1}, as every real chain has it, or L{PRIME256V1}; all keys below
            the CA are on the same curve.
        @param days: how long the certificate is valid.
        @raise ChainError: the curve is another one, or C{days} is not positive.
        """
        if curve not in _CURVES:
            raise ChainError(f"curve {curve!r} is not known; use {' or '.join(_CURVES)}")
        key = _newKey(_CURVES[curve]())
        subject = _subject(name, "chain")
        builder = _builder(subject, subject, key, _validity(days))
        return cls(name, key, _asCA(builder).sign(key, hashes.SHA256()))

    @classmethod
    def fromPEM(cls, keyPEM: bytes, certificatePEM: bytes, chainPEM: bytes = b"") -> Authority:
        """
        Load a CA or an agency, so that it can issue again.

        @param keyPEM: its unencrypted private key.
        @param certificatePEM: its certificate, which those above it may follow.
        @param chainPEM: the certificates above it, up to the root; nothing for a CA.
        @raise ChainError: something is not PEM, or the parts do not belong together.
        """
        key = _loadKey(keyPEM)
        certificate, *chain = dict.fromkeys(
            _loadCertificates(certificatePEM)
            + (_loadCertificates(chainPEM) if chainPEM.strip() else [])
        )
        if certificate.public_key() != key.public_key():
            raise ChainError("the private key is not that of the certificate")
        _checkChain([certificate, *chain])
        return cls(_commonName(certificate), key, certificate, tuple(chain))

    @property
    def keyPEM(self) -> bytes:
        """C{ca.key} or C{agency.key}: the private key as unencrypted PKCS#8."""
        return _keyPEM(self.key)

    @property
    def certificatePEM(self) -> bytes:
        """C{ca.crt} or C{agency.crt}: its own certificate alone."""
        return _certificatesPEM(self.certificate)

    @property
    def caPEM(self) -> bytes:
        """C{ca.crt}: the chain's root certificate alone."""
        return _certificatesPEM(self._above[-1])

    @property
    def _above(self) -> tuple[x509.Certificate, ...]:
        """The certificates above whatever this authority issues."""
        return (self.certificate, *self.chain)

    def issueAgency(self, name: str, days: int = DEFAULT_DAYS) -> Authority:
        """
        Make an agency below this authority.

        @param name: the common name.
        @param days: how long its certificate is valid, at most as long as this authority's.
        @raise ChainError: C{days} is not positive, or this authority has expired.
        """
        key = _newKey(self.key.curve)
        builder = _asCA(self._issue(_subject(name, "agency"), key, self._within(days)))
        certificate = builder.sign(self.key, hashes.SHA256())
        return Authority(name, key, certificate, self._above)

    def issueNode(
        self,
        name: str,
        days: int = DEFAULT_DAYS,
        *,
        notBefore: datetime | None = None,
        notAfter: datetime | None = None,
        basicConstraints: bool | None = False,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> IssuedNode:
        """
        Make the key and the certificate of a node.

        @param name: the common name, C{node0} and so on.
        @param days: how long the certificate is valid, at most as long as this authority's.
        @param notBefore: when it becomes valid instead of yesterday; with a time zone.
        @param notAfter: when it expires instead of after C{days}; with a time zone.
        @param basicConstraints: what it says about being a CA; L{None} leaves the extension out.
            FISCO BCOS 2.x lets in only nodes whose certificate says C{False}.
        @param key: the key of a node that is to stay itself, instead of a new one.
        @raise ChainError: C{days} is not positive, or this authority has expired.
        """
        key = _newKey(self.key.curve) if key is None else key
        validity = self._within(days, notBefore, notAfter)
        builder = self._issue(_subject(name, "node"), key, validity)
        if basicConstraints is not None:
            constraints = x509.BasicConstraints(ca=basicConstraints, path_length=None)
            builder = builder.add_extension(constraints, critical=False)
        builder = builder.add_extension(_NODE_USAGE, critical=False)
        return IssuedNode(key, builder.sign(self.key, hashes.SHA256()), self._above)

    def issueList(
        self,
        revoked: Iterable[x509.RevokedCertificate],
        days: int = DEFAULT_DAYS,
        *,
        notBefore: datetime | None = None,
        notAfter: datetime | None = None,
    ) -> x509.CertificateRevocationList:
        """
        Make a revocation list, which takes the place of all lists before it.

        @param revoked: its entries; see L{revocation}.
        @param days: how long it is valid, at most as long as this authority's certificate.
        @param notBefore: when it becomes valid instead of yesterday; with a time zone.
        @param notAfter: when the next one is due instead of after C{days}; with a time zone.
        @raise ChainError: C{days} is not positive, or this authority has expired.
        """
        start, end = self._within(days, notBefore, notAfter)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(start)
            .next_update(end)
            .add_extension(x509.CRLNumber(time.time_ns()), critical=False)
            .add_extension(_keyIdentifier(self.certificate), critical=False)
        )
        for entry in revoked:
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.key, hashes.SHA256())

    def _within(
        self, days: int, notBefore: datetime | None = None, notAfter: datetime | None = None
    ) -> tuple[datetime, datetime]:
        """A validity that by default ends no later than this authority's own."""
        end = self.certificate.not_valid_after_utc
        if notAfter is None and end <= datetime.now(UTC):
            raise ChainError(
                f"the certificate of {self.name!r} expired on {end:%Y-%m-%d}; renew it first"
            )
        return _validity(days, notBefore, notAfter, end)

    def _issue(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        validity: tuple[datetime, datetime],
    ) -> x509.CertificateBuilder:
        builder = _builder(subject, self.certificate.subject, key, validity)
        return builder.add_extension(_keyIdentifier(self.certificate), critical=False)


def revocation(
    certificate: x509.Certificate, reason: x509.ReasonFlags | None = None
) -> x509.RevokedCertificate:
    """
    The entry of a revocation list by which a certificate is revoked from now on.

    @param reason: why, if that is to be told.
    """
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(certificate.serial_number)
        .revocation_date(datetime.now(UTC).replace(microsecond=0))
    )
    if reason is not None:
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
    return entry.build()


_USES = (
    "digital_signature",
    "content_commitment",  # nonRepudiation in OpenSSL's words
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{use: use in uses for use in _USES})


_CA_USAGE = _usage("key_cert_sign", "crl_sign")
_NODE_USAGE = _usage("digital_signature", "content_commitment", "key_encipherment")


def _newKey(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """A key whose private number fills its 64 hex digits, as tools of FISCO BCOS expect."""
    while True:
        key = ec.generate_private_key(curve)
        if key.private_numbers().private_value >> 248:
            return key


def _validity(
    days: int,
    notBefore: datetime | None = None,
    notAfter: datetime | None = None,
    latest: datetime = _END_OF_TIME,
) -> tuple[datetime, datetime]:
    if days < 1:
        raise ChainError(f"a certificate cannot be valid for {days} days; give 1 or more")
    now = datetime.now(UTC).replace(microsecond=0)
    if notAfter is None:
        notAfter = now + timedelta(days) if days < (latest - now).days else latest
    if notBefore is None:
        notBefore = min(now, notAfter) - _CLOCK_SKEW
    return notBefore, notAfter


def _subject(name: str, unit: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    validity: tuple[datetime, datetime],
) -> x509.CertificateBuilder:
    notBefore, notAfter = validity
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(notBefore)
        .not_valid_after(notAfter)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _asCA(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    return builder.add_extension(constraints, critical=True).add_extension(_CA_USAGE, critical=True)


def _keyIdentifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """What names the issuer's key; the roots that the official scripts make do not say it."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        own = x509.SubjectKeyIdentifier.from_public_key(issuer.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _keyPEM(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificatesPEM(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def _loadKey(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ChainError(f"the private key is not an unencrypted PEM key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(
        key.curve, tuple(_CURVES.values())
    ):
        raise ChainError(f"the private key is not on {' or '.join(_CURVES)}")
    return key


def _loadCertificates(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ChainError(f"the certificate is not PEM: {error}") from error


def _checkChain(certificates: list[x509.Certificate]) -> None:
    """Each must be issued by the next, and the last by itself."""
    for certificate, issuer in pairwise([*certificates, certificates[-1]]):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise ChainError(
                f"the certificate of {_commonName(certificate)!r} is not issued by "
                f"{_commonName(issuer)!r}; the file of the chain's CA is missing or foreign"
            ) from error


def _commonName(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
