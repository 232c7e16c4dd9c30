"""
Who a node is: its node ID, its key and its certificates.

A node ID is the EC public key of the node's own (leaf) certificate, uncompressed, without the
leading 04: 128 lower-case hexadecimal digits.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from .certificates import checkValidity, commonName, followUp, readCertificates, readFile
from .errors import BadCertificate, CredentialsError, Revoked
from .revocation import NOTHING_REVOKED, Revocations, readRevocations

CURVES: Final = {"secp256k1": "secp256k1", "secp256r1": "prime256v1"}
"""The curves of FISCO BCOS networks: cryptography's name to OpenSSL's."""

_NODE_ID = re.compile(r"[0-9a-f]{128}")
_CA_FILE = re.compile(r".+\.(crt|pem)|[0-9a-f]{8}\.[0-9]+")


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
    # Most nodes have their agency in common.
    agency = sys.intern(commonName(certificate.issuer))
    return Identity(nodeIDOf(key), agency, commonName(certificate.subject))


@dataclass(frozen=True)
class Credentials:
    """
    A node's own key and certificates, checked; make them with L{loadCredentials}.

    @ivar identity: our own.
    @ivar curve: OpenSSL's name of the network's curve: secp256k1 or prime256v1.
    @ivar key: the PEM file of the private key.
    @ivar certificate: the PEM file of leaf, agency and (optionally) root.
    @ivar ca: the PEM file of the chain's CA.
    @ivar path: our certificates, from our own to the CA's.
    @ivar anchors: the certificates that peers' must lead to.
    @ivar revocations: the certificates that have been revoked.
    @ivar sources: the files and directories that all of this was read from.
    """

    identity: Identity
    curve: str
    key: Path
    certificate: Path
    ca: Path
    path: tuple[x509.Certificate, ...]
    anchors: tuple[x509.Certificate, ...]
    revocations: Revocations = NOTHING_REVOKED
    sources: tuple[Path, ...] = ()

    @property
    def expiries(self) -> tuple[tuple[str, datetime], ...]:
        """When each of our certificates ends, by whose it is."""
        return tuple((commonName(each.subject), each.not_valid_after_utc) for each in self.path)


def loadCredentials(
    directory: Path | str,
    key: str = "node.key",
    certificate: str = "node.crt",
    ca: str = "ca.crt",
    now: datetime | None = None,
    *,
    caPath: str | None = None,
    crl: str | None = None,
) -> Credentials:
    """
    Load and check what a FISCO BCOS node keeps in its C{conf/}.

    C{node.nodeid}, where it exists beside the key, is compared with the certificate.

    @param directory: where the files are.
    @param now: the time to judge validity at, instead of the present.
    @param caPath: a directory of further CAs: files that end in C{.crt} or C{.pem}, or are called
        by the hash of their subject, as OpenSSL has them.
    @param crl: the file of the revocation lists, see L{readRevocations}.
    @raise CredentialsError: a file is missing or wrong, or others may read the key, or one of our
        certificates has been revoked; names the file and the fault.
    """
    folder = Path(directory)
    keyFile, certificateFile, caFile = folder / key, folder / certificate, folder / ca
    when = datetime.now(UTC) if now is None else now

    chain = _validCertificates(certificateFile, when)
    roots = _validCertificates(caFile, when)
    for file in _filesOfCAs(folder / caPath) if caPath else ():
        roots += _validCertificates(file, when)
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
    revocations = NOTHING_REVOKED
    if crl is not None:
        revocations = readRevocations(folder / crl, roots, chain[1:], when)
        try:
            revocations.judge(path)
        except Revoked as error:
            raise CredentialsError(f"{certificateFile}: {error}; have it issued anew") from None
    return Credentials(
        identity,
        curve,
        keyFile,
        certificateFile,
        caFile,
        tuple(path),
        tuple(dict.fromkeys(roots)),
        revocations,
        (keyFile, certificateFile, caFile, *(folder / each for each in (caPath, crl) if each)),
    )


def _validCertificates(file: Path, when: datetime) -> list[x509.Certificate]:
    found = readCertificates(file)
    for each in found:
        checkValidity(file, each, when)
    return found


def _filesOfCAs(folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if _CA_FILE.fullmatch(file.name))
    except OSError as error:
        raise CredentialsError(
            f"{folder}: cannot be read as a directory of CAs: {error.strerror}"
        ) from None
    if not files:
        raise CredentialsError(f"{folder}: no CA in it: no file that ends in .crt or .pem")
    return files


def _pathToRoot(
    certificateFile: Path,
    caFile: Path,
    chain: list[x509.Certificate],
    roots: list[x509.Certificate],
) -> list[x509.Certificate]:
    """Go from the leaf up to the CA; what peers will do with what we show them."""
    path = followUp(chain[0], chain[1:], roots)
    last = path[-1]
    if last in roots:
        return path
    if last.issuer == last.subject:
        raise CredentialsError(
            f"{certificateFile}: leads to another CA than the one in {caFile}: take the ca.crt of "
            "the chain that issued the node's certificate"
        )
    raise CredentialsError(
        f"{certificateFile}: does not lead to the CA in {caFile}: the issuer of "
        f"{commonName(last.subject)} is {commonName(last.issuer)}, which is in neither "
        "file; append the agency's certificate to the node's, or use the CA of this chain"
    )


def _checkKey(file: Path, certificateFile: Path, leaf: x509.Certificate) -> str:
    pem = readFile(file)
    _checkSecrecy(file)
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
    if file.exists() and readFile(file).strip().lower() != nodeID.encode():
        raise CredentialsError(
            f"{file}: is not the node ID of {certificateFile}, which is {nodeID}"
        )


def _checkSecrecy(file: Path) -> None:
    """Nobody but its owner may read or change the key; Windows has other means for that."""
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            f"{file}: others than its owner may use the private key (mode {mode:04o}); "
            f"run: chmod 600 {shlex.quote(str(file))}"
        )
