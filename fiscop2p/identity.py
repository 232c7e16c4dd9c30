"""
Who a node is: its node ID, its key and its certificates.

A node ID is the EC public key of the node's own (leaf) certificate, uncompressed, without the
leading 04: 128 lower-case hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from .errors import BadCertificate, CredentialsError

CURVES: Final = {"secp256k1": "secp256k1", "secp256r1": "prime256v1"}
"""The curves of FISCO BCOS networks: cryptography's name to OpenSSL's."""

_NODE_ID = re.compile(r"[0-9a-f]{128}")


class Identity(NamedTuple):
    """
    What a certificate says about a node.

    @ivar nodeID: 128 lower-case hexadecimal digits.
    @ivar agency: common name of the certificate's issuer.
    @ivar name: common name of the certificate's subject.
    """

    nodeID: str
    agency: str
    name: str


def abridged(nodeID: str) -> str:
    """Shorten a node ID for people: its first 8 digits, as FISCO BCOS logs do."""
    return nodeID[:8] + "..."


def isNodeID(text: str) -> bool:
    """Tell whether this is a node ID as we write it: 128 lower-case hexadecimal digits."""
    return _NODE_ID.fullmatch(text) is not None


def nodeIDOf(key: ec.EllipticCurvePublicKey) -> str:
    """Write a public key as a node ID."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:].hex()


def identityOf(certificate: x509.Certificate) -> Identity:
    """
    Read a node's own certificate.

    @raise BadCertificate: it is not that of a node: no EC key, or no basicConstraints CA:FALSE,
        without which FISCO BCOS 2.x nodes let nobody in.
    """
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise BadCertificate(f"the certificate's key cannot be used: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadCertificate("the certificate's key is not an EC key")
    if key.curve.name not in CURVES:
        raise BadCertificate(f"the certificate's key is on {key.curve.name}, which no node uses")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        raise BadCertificate(
            "the certificate has no basicConstraints CA:FALSE, so it is not that of a node"
        ) from None
    except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension) as error:
        raise BadCertificate(f"the certificate's extensions cannot be read: {error}") from None
    if constraints.ca:
        raise BadCertificate("the certificate is that of a CA (basicConstraints CA:TRUE)")
    return Identity(
        nodeIDOf(key), _commonName(certificate.issuer), _commonName(certificate.subject)
    )


def _commonName(name: x509.Name) -> str:
    """The common name, or the whole name where there is none, as FISCO BCOS does."""
    for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME):
        return _printable(str(attribute.value))
    return _printable(name.rfc4514_string())


def _printable(text: str) -> str:
    """Whatever a certificate says, in a log it is one line."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


@dataclass(frozen=True)
class Credentials:
    """
    A node's own key and certificates, checked; make them with L{loadCredentials}.

    @ivar identity: our own.
    @ivar curve: OpenSSL's name of the network's curve: secp256k1 or prime256v1.
    @ivar key: the PEM file of the private key.
    @ivar certificate: the PEM file of leaf, agency and (optionally) root.
    @ivar ca: the PEM file of the chain's CA.
    @ivar expiries: when each certificate ends, by what it is.
    """

    identity: Identity
    curve: str
    key: Path
    certificate: Path
    ca: Path
    expiries: tuple[tuple[str, datetime], ...]


def loadCredentials(
    directory: Path | str,
    key: str = "node.key",
    certificate: str = "node.crt",
    ca: str = "ca.crt",
    now: datetime | None = None,
) -> Credentials:
    """
    Load and check what a FISCO BCOS node keeps in its C{conf/}.

    C{node.nodeid}, where it exists beside the key, is compared with the certificate.

    @param directory: where the files are.
    @param now: the time to judge validity at, instead of the present.
    @raise CredentialsError: a file is missing or wrong; names the file and the fault.
    """
    folder = Path(directory)
    keyFile, certificateFile, caFile = folder / key, folder / certificate, folder / ca
    when = datetime.now(UTC) if now is None else now

    chain = _certificates(certificateFile)
    roots = _certificates(caFile)
    for file, found in ((certificateFile, chain), (caFile, roots)):
        for each in found:
            _checkValidity(file, each, when)
    leaf = chain[0]
    try:
        identity = identityOf(leaf)
    except BadCertificate as error:
        raise CredentialsError(
            f"{certificateFile}: {error}; its first certificate must be the node's own"
        ) from None
    path = _pathToRoot(certificateFile, caFile, chain, roots)
    curve = _checkKey(keyFile, certificateFile, leaf)
    _checkNodeIDFile(folder / "node.nodeid", certificateFile, identity.nodeID)
    return Credentials(
        identity,
        curve,
        keyFile,
        certificateFile,
        caFile,
        tuple((_commonName(each.subject), each.not_valid_after_utc) for each in path),
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CredentialsError(f"{file}: no such file") from None
    except OSError as error:
        raise CredentialsError(f"{file}: cannot be read: {error.strerror}") from None


def _certificates(file: Path) -> list[x509.Certificate]:
    pem = _read(file)
    try:
        found = x509.load_pem_x509_certificates(pem)
        if len(found) != pem.count(b"-----BEGIN CERTIFICATE-----"):
            raise ValueError("one of them has no END CERTIFICATE line")
        return found
    except ValueError as error:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            raise CredentialsError(f"{file}: a certificate in it is damaged: {error}") from None
        raise CredentialsError(
            f"{file}: no PEM certificate in it (no BEGIN CERTIFICATE line)"
        ) from None


def _checkValidity(file: Path, certificate: x509.Certificate, when: datetime) -> None:
    name = _commonName(certificate.subject)
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


def _pathToRoot(
    certificateFile: Path,
    caFile: Path,
    chain: list[x509.Certificate],
    roots: list[x509.Certificate],
) -> list[x509.Certificate]:
    """Go from the leaf up to the CA; what peers will do with what we show them."""
    path = [chain[0]]
    while len(path) <= len(chain):
        root = _issuer(path[-1], roots)
        if root is not None:
            return [*path, root]
        above = _issuer(path[-1], chain[1:])
        if above is None:
            break
        path.append(above)
    if path[-1].issuer == path[-1].subject:
        raise CredentialsError(
            f"{certificateFile}: leads to another CA than the one in {caFile}: take the ca.crt of "
            "the chain that issued the node's certificate"
        )
    raise CredentialsError(
        f"{certificateFile}: does not lead to the CA in {caFile}: the issuer of "
        f"{_commonName(path[-1].subject)} is {_commonName(path[-1].issuer)}, which is in neither "
        "file; append the agency's certificate to the node's, or use the CA of this chain"
    )


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


def _checkKey(file: Path, certificateFile: Path, leaf: x509.Certificate) -> str:
    pem = _read(file)
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise CredentialsError(
            f"{file}: the key is encrypted; give the node an unencrypted one"
        ) from None
    except UnsupportedAlgorithm as error:
        raise CredentialsError(
            f"{file}: node keys are secp256k1 or prime256v1, this one is neither: {error}"
        ) from None
    except ValueError as error:
        if b"PRIVATE KEY-----" in pem:
            raise CredentialsError(f"{file}: the private key in it is damaged: {error}") from None
        raise CredentialsError(f"{file}: no PEM private key in it") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CredentialsError(f"{file}: not an EC key; node keys are secp256k1 or prime256v1")
    if key.curve.name not in CURVES:
        raise CredentialsError(
            f"{file}: a key on {key.curve.name}; node keys are secp256k1 or prime256v1"
        )
    if key.public_key() != leaf.public_key():
        raise CredentialsError(f"{file}: does not match the certificate in {certificateFile}")
    return CURVES[key.curve.name]


def _checkNodeIDFile(file: Path, certificateFile: Path, nodeID: str) -> None:
    if file.exists() and _read(file).strip().lower() != nodeID.encode():
        raise CredentialsError(
            f"{file}: is not the node ID of {certificateFile}, which is {nodeID}"
        )
