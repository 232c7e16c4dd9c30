"""
Tests for L{fiscop2p.identity}.
"""

from __future__ import annotations

import base64
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1, Authority, IssuedNode
from fiscop2p.errors import BadCertificate, CredentialsError
from fiscop2p.identity import (
    Credentials,
    Identity,
    abridged,
    identityOf,
    isNodeID,
    loadCredentials,
    nodeIDOf,
)

MODEST = settings(max_examples=60, deadline=None, derandomize=True)

ROOT = Authority.makeRoot()
AGENCY = ROOT.issueAgency("bank")
NODE = AGENCY.issueNode("node0")

_SECP256K1 = bytes.fromhex("06052b8104000a")
_UNKNOWN_CURVE = bytes.fromhex("06052b8104007f")


def certificates(*found: x509.Certificate) -> bytes:
    """The PEM of certificates."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in found)


def keyPEM(
    key: PrivateKeyTypes,
    form: PrivateFormat = PrivateFormat.PKCS8,
    password: bytes | None = None,
) -> bytes:
    """The PEM of a private key."""
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, form, encryption)


def pemOf(label: str, der: bytes) -> bytes:
    """Any DER as PEM."""
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def withUnknownCurve(pem: bytes, label: str) -> bytes:
    """The same, with its (first) key on a curve that nobody knows."""
    body = pem.split(b"-----")[2]
    der = base64.b64decode(body)
    assert _SECP256K1 in der
    return pemOf(label, der.replace(_SECP256K1, _UNKNOWN_CURVE))


def makeCertificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    issuer: Authority,
) -> x509.Certificate:
    """A node's certificate of an unusual kind."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(9))
        .add_extension(x509.BasicConstraints(False, None), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def der(tag: int, content: bytes) -> bytes:
    """Tag, length and content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def derParts(encoded: bytes) -> list[bytes]:
    """What a DER sequence is made of."""

    def content(start: int) -> tuple[int, int]:
        size = encoded[start + 1]
        if size < 0x80:
            return start + 2, start + 2 + size
        begin = start + 2 + (size & 0x7F)
        return begin, begin + int.from_bytes(encoded[start + 2 : begin], "big")

    position, end = content(0)
    parts = []
    while position < end:
        parts.append(encoded[position : content(position)[1]])
        position = content(position)[1]
    return parts


def asVersion1(authority: Authority) -> Authority:
    """The same CA with a certificate of X.509 version 1, as FISCO BCOS's own scripts make it."""
    parts = derParts(authority.certificate.tbs_certificate_bytes)
    tbs = der(0x30, b"".join(part for part in parts if part[0] not in (0xA0, 0xA3)))
    signature = authority.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    whole = der(0x30, tbs + parts[2] + der(0x03, b"\0" + signature))
    certificate = x509.load_der_x509_certificate(whole)
    return Authority(authority.name, authority.key, certificate)


class NodeIDTests(SynchronousTestCase):
    """A node ID is a public key in 128 digits."""

    def test_knownKey(self) -> None:
        """The key whose private number is 1 has the curve's generator as its node ID."""
        key = ec.derive_private_key(1, ec.SECP256K1()).public_key()
        self.assertEqual(
            nodeIDOf(key),
            "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
            "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
        )

    def test_leadingZeros(self) -> None:
        """Zeros at the beginning of a coordinate are digits like others."""
        for number in range(1, 2000):
            key = ec.derive_private_key(number, ec.SECP256K1()).public_key()
            if key.public_numbers().x >> 248 == 0:
                self.assertTrue(nodeIDOf(key).startswith("00"))
                self.assertTrue(isNodeID(nodeIDOf(key)))
                return
        self.fail("no such key")

    def test_form(self) -> None:
        """A node ID is 128 lower-case digits and nothing else."""
        self.assertTrue(isNodeID("0123456789abcdef" * 8))
        for text in (
            "",
            "1",
            "a" * 127,
            "a" * 129,
            "a" * 127 + "g",
            "A" * 128,
            "a" * 127 + "\n",
            "a" * 128 + "\n",
            " " + "a" * 127,
            "0x" + "a" * 126,
            "\u0661" * 128,
        ):
            self.assertFalse(isNodeID(text), text)

    def test_abridged(self) -> None:
        """People are shown the first eight digits."""
        self.assertEqual(abridged("0123456789" + "f" * 118), "01234567...")

    @MODEST
    @given(st.integers(1, 2**250))
    def test_everyKeyHasOne(self, number: int) -> None:
        """Each key gives a node ID, which is its two coordinates."""
        key = ec.derive_private_key(number, ec.SECP256K1()).public_key()
        numbers = key.public_numbers()
        self.assertEqual(nodeIDOf(key), f"{numbers.x:064x}{numbers.y:064x}")
        self.assertTrue(isNodeID(nodeIDOf(key)))


class IdentityTests(SynchronousTestCase):
    """What a certificate says about a node."""

    def test_names(self) -> None:
        """Node ID from the key, agency from the issuer, name from the subject."""
        self.assertEqual(identityOf(NODE.certificate), Identity(NODE.nodeID, "bank", "node0"))

    def test_otherCurve(self) -> None:
        """A node on prime256v1 has a node ID of the same form."""
        node = Authority.makeRoot(curve=PRIME256V1).issueNode("node0")
        self.assertEqual(identityOf(node.certificate), Identity(node.nodeID, "chain", "node0"))
        self.assertTrue(isNodeID(node.nodeID))

    def test_noCommonName(self) -> None:
        """Without a common name the whole name stands for it."""
        subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "fisco-bcos")])
        certificate = makeCertificate(subject, NODE.key, AGENCY)
        self.assertEqual(identityOf(certificate).name, "O=fisco-bcos")
        self.assertEqual(identityOf(certificate).agency, "bank")

    def test_severalCommonNames(self) -> None:
        """Of several common names the first one counts."""
        subject = x509.Name(
            x509.NameAttribute(x509.NameOID.COMMON_NAME, name) for name in ("first", "second")
        )
        self.assertEqual(identityOf(makeCertificate(subject, NODE.key, AGENCY)).name, "first")

    def assertBad(self, certificate: x509.Certificate, reason: str) -> None:
        """Check that a certificate is refused, and why."""
        error = self.assertRaises(BadCertificate, identityOf, certificate)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))

    def test_ca(self) -> None:
        """A CA or an agency is not a node."""
        self.assertBad(AGENCY.certificate, "CA:TRUE")
        self.assertBad(AGENCY.issueNode("x", basicConstraints=True).certificate, "CA:TRUE")

    def test_noBasicConstraints(self) -> None:
        """One that does not say CA:FALSE is let in nowhere."""
        self.assertBad(
            AGENCY.issueNode("x", basicConstraints=None).certificate, "no basicConstraints CA:FALSE"
        )

    def test_version1(self) -> None:
        """Nor is one of X.509 version 1, which can say nothing."""
        self.assertBad(asVersion1(ROOT).certificate, "no basicConstraints CA:FALSE")

    def test_rsa(self) -> None:
        """An RSA key is no node ID."""
        certificate = makeCertificate(
            NODE.certificate.subject, rsa.generate_private_key(65537, 2048), AGENCY
        )
        self.assertBad(certificate, "not an EC key")

    def test_unknownCurve(self) -> None:
        """Nor is a key on a curve that is not known here, such as SM2's."""
        pem = withUnknownCurve(certificates(NODE.certificate), "CERTIFICATE")
        self.assertBad(x509.load_pem_x509_certificate(pem), "")

    def test_unreadableExtensions(self) -> None:
        """Extensions that do not decode are a fault of the certificate, not of ours."""
        encoded = NODE.certificate.public_bytes(Encoding.DER)
        # basicConstraints that holds an integer where its sequence should be.
        good = bytes.fromhex("0603551d1304023000")
        self.assertEqual(encoded.count(good), 1)
        bad = encoded.replace(good, bytes.fromhex("0603551d1304020500"))
        self.assertBad(x509.load_der_x509_certificate(bad), "extensions cannot be read")


class CredentialsTestCase(SynchronousTestCase):
    """A test with a node's C{conf/} directory."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.conf = Path(directory.name)
        self.write(NODE)

    def write(self, node: IssuedNode, *chain: x509.Certificate) -> None:
        """Write a node's three files, with these certificates in place of its own chain."""
        (self.conf / "node.key").touch(0o600)
        (self.conf / "node.key").write_bytes(node.keyPEM)
        (self.conf / "node.crt").write_bytes(certificates(*chain) if chain else node.certificatePEM)
        (self.conf / "ca.crt").write_bytes(node.caPEM)

    def load(self, now: datetime | None = None) -> Credentials:
        """Load them."""
        return loadCredentials(self.conf, now=now)

    def assertRefused(self, name: str, *reasons: str, now: datetime | None = None) -> None:
        """Check that loading fails with one line that begins with the file and tells the fault."""
        error = self.assertRaises(CredentialsError, self.load, now)
        text = str(error)
        self.assertTrue(text.startswith(f"{self.conf / name}: "), text)
        self.assertNotIn("\n", text)
        for reason in reasons:
            self.assertIn(reason, text)


class GoodCredentialsTests(CredentialsTestCase):
    """Files that FISCO BCOS nodes have, in all the forms they may have."""

    def test_loaded(self) -> None:
        """Who we are, on which curve, by which files, until when."""
        found = self.load()
        self.assertEqual(found.identity, Identity(NODE.nodeID, "bank", "node0"))
        self.assertEqual(found.curve, "secp256k1")
        self.assertEqual(
            (found.key, found.certificate, found.ca),
            tuple(self.conf / name for name in ("node.key", "node.crt", "ca.crt")),
        )
        self.assertEqual(
            found.expiries,
            (
                ("node0", NODE.certificate.not_valid_after_utc),
                ("bank", AGENCY.certificate.not_valid_after_utc),
                ("chain", ROOT.certificate.not_valid_after_utc),
            ),
        )

    def test_directoryAsText(self) -> None:
        """The directory may be given as text."""
        self.assertEqual(loadCredentials(str(self.conf)), self.load())

    def test_otherNames(self) -> None:
        """The files may have other names."""
        for old, new in (("node.key", "my.key"), ("node.crt", "my.crt"), ("ca.crt", "root.crt")):
            (self.conf / old).rename(self.conf / new)
        found = loadCredentials(self.conf, "my.key", "my.crt", "root.crt")
        self.assertEqual(found.identity.nodeID, NODE.nodeID)
        self.assertEqual(found.key, self.conf / "my.key")

    def test_prime256v1(self) -> None:
        """The other curve is named as OpenSSL names it."""
        self.write(Authority.makeRoot(curve=PRIME256V1).issueAgency("bank").issueNode("node0"))
        self.assertEqual(self.load().curve, "prime256v1")

    def test_withoutTheRoot(self) -> None:
        """Node and agency are enough in the node's file."""
        self.write(NODE, NODE.certificate, AGENCY.certificate)
        self.assertEqual([name for name, _ in self.load().expiries], ["node0", "bank", "chain"])

    def test_anyOrderAboveTheNode(self) -> None:
        """Above the node's own, the order of certificates does not matter."""
        self.write(NODE, NODE.certificate, ROOT.certificate, AGENCY.certificate)
        self.assertEqual([name for name, _ in self.load().expiries], ["node0", "bank", "chain"])

    def test_strangersAmongThem(self) -> None:
        """Certificates of others in the node's file do no harm."""
        other = Authority.makeRoot()
        self.write(
            NODE,
            NODE.certificate,
            other.certificate,
            other.issueAgency("bank").certificate,
            AGENCY.certificate,
        )
        self.assertEqual(len(self.load().expiries), 3)

    def test_noAgency(self) -> None:
        """A node may be directly below the CA, and a chain of agencies below one another."""
        self.write(ROOT.issueNode("node0"))
        self.assertEqual([name for name, _ in self.load().expiries], ["node0", "chain"])
        agency = AGENCY
        for number in range(8):
            agency = agency.issueAgency(f"branch{number}")
        self.write(agency.issueNode("node0"))
        self.assertEqual(
            [name for name, _ in self.load().expiries],
            ["node0", *(f"branch{number}" for number in reversed(range(8))), "bank", "chain"],
        )

    def test_severalCAs(self) -> None:
        """The CA's file may hold others, too."""
        other = Authority.makeRoot().certificate
        (self.conf / "ca.crt").write_bytes(certificates(other, ROOT.certificate))
        self.assertEqual(self.load().expiries[-1][1], ROOT.certificate.not_valid_after_utc)

    def test_rootOfVersion1(self) -> None:
        """The CA may be an X.509 version 1 certificate, as those of real chains are."""
        root = asVersion1(ROOT)
        self.assertIs(root.certificate.version, x509.Version.v1)
        self.write(root.issueAgency("bank").issueNode("node0"))
        self.assertEqual([name for name, _ in self.load().expiries], ["node0", "bank", "chain"])

    def test_traditionalKey(self) -> None:
        """The key may be in OpenSSL's older form, with its parameters before it."""
        old = keyPEM(NODE.key, PrivateFormat.TraditionalOpenSSL)
        for prefix in (b"", pemOf("EC PARAMETERS", _SECP256K1)):
            (self.conf / "node.key").write_bytes(prefix + old)
            self.assertEqual(self.load().identity.nodeID, NODE.nodeID)

    def test_textAroundPEM(self) -> None:
        """What OpenSSL prints before a certificate does not matter."""
        (self.conf / "node.crt").write_bytes(b"Certificate:\n  Data:\n" + NODE.certificatePEM)
        self.assertEqual(self.load().identity.nodeID, NODE.nodeID)

    def test_nodeIDFile(self) -> None:
        """C{node.nodeid} may be there, in capitals and with a line end."""
        for text in (NODE.nodeID, NODE.nodeID + "\n", NODE.nodeID.upper() + "\r\n"):
            (self.conf / "node.nodeid").write_text(text)
            self.assertEqual(self.load().identity.nodeID, NODE.nodeID)

    def test_firstAndLastMoment(self) -> None:
        """A certificate is valid from its first second to its last."""
        self.write(
            AGENCY.issueNode(
                "node0",
                notBefore=datetime(2030, 1, 1, tzinfo=UTC),
                notAfter=datetime(2031, 1, 1, tzinfo=UTC),
            )
        )
        self.load(datetime(2030, 1, 1, tzinfo=UTC))
        self.load(datetime(2031, 1, 1, tzinfo=UTC))


class FurtherCATests(CredentialsTestCase):
    """A directory of further CAs."""

    def setUp(self) -> None:
        super().setUp()
        self.more = self.conf / "more"
        self.more.mkdir()
        self.other = Authority.makeRoot("other")

    def load(self, now: datetime | None = None) -> Credentials:
        """Load them with the directory."""
        return loadCredentials(self.conf, now=now, caPath="more")

    def test_taken(self) -> None:
        """Files are taken by their ending, or by OpenSSL's hash; each CA once."""
        third = Authority.makeRoot("third")
        (self.more / "other.crt").write_bytes(self.other.certificatePEM)
        (self.more / "third.pem").write_bytes(third.certificatePEM)
        (self.more / "0a1b2c3d.0").symlink_to("third.pem")
        (self.more / "README").write_text("hello")
        self.assertEqual(
            self.load().anchors,
            (ROOT.certificate, third.certificate, self.other.certificate),
        )

    def test_ownCA(self) -> None:
        """Our own certificate may lead to one of them."""
        (self.more / "a.crt").write_bytes((self.conf / "ca.crt").read_bytes())
        (self.conf / "ca.crt").write_bytes(self.other.certificatePEM)
        self.assertEqual(self.load().path[-1], ROOT.certificate)

    def test_bad(self) -> None:
        """A directory that is missing or empty, and a bad file in it, are named."""
        self.assertRefused("more", "no CA in it", ".crt or .pem")
        (self.more / "a.pem").write_text("hello")
        self.assertRefused("more/a.pem", "no PEM certificate in it")
        expired = Authority.makeRoot("old", days=1)
        (self.more / "a.pem").write_bytes(expired.certificatePEM)
        tomorrow = datetime.now(UTC) + timedelta(2)
        self.assertRefused("more/a.pem", "of old expired on", now=tomorrow)
        (self.more / "a.pem").unlink()
        self.more.rmdir()
        self.assertRefused("more", "cannot be read as a directory of CAs: No such file")


class FileTests(CredentialsTestCase):
    """Files that are not what they should be."""

    def test_missing(self) -> None:
        """Each of the three files is needed."""
        for name in ("node.key", "node.crt", "ca.crt"):
            content = (self.conf / name).read_bytes()
            (self.conf / name).unlink()
            self.assertRefused(name, "no such file")
            (self.conf / name).write_bytes(content)

    def test_noDirectory(self) -> None:
        """A directory that is not there is told by the file that is missing in it."""
        self.conf = self.conf / "elsewhere"
        self.assertRefused("node.crt", "no such file")

    def test_unreadable(self) -> None:
        """A file that cannot be read says why."""
        for name in ("node.nodeid", "node.key", "ca.crt", "node.crt"):
            (self.conf / name).unlink(missing_ok=True)
            (self.conf / name).mkdir()
            self.assertRefused(name, "cannot be read", "directory")

    def test_noPEM(self) -> None:
        """Files of another kind, or of nothing, have no PEM in them."""
        for content in (b"", b"hello\n", b"\0\xff\x30\x82", NODE.nodeID.encode()):
            for name, reason in (
                ("node.key", "no PEM private key"),
                ("ca.crt", "no PEM certificate"),
                ("node.crt", "no PEM certificate"),
            ):
                self.write(NODE)
                (self.conf / name).write_bytes(content)
                self.assertRefused(name, reason)

    def test_binary(self) -> None:
        """DER is not PEM."""
        (self.conf / "node.crt").write_bytes(NODE.certificate.public_bytes(Encoding.DER))
        self.assertRefused("node.crt", "no PEM certificate")

    def test_swapped(self) -> None:
        """Key and certificate in each other's place are told."""
        (self.conf / "node.key").write_bytes(NODE.certificatePEM)
        self.assertRefused("node.key", "no PEM private key")
        (self.conf / "node.crt").write_bytes(NODE.keyPEM)
        self.assertRefused("node.crt", "no PEM certificate")

    def test_damagedCertificate(self) -> None:
        """A certificate that was cut or changed is told to be damaged, wherever it stands."""
        encoded = NODE.certificate.public_bytes(Encoding.DER)
        for bad in (
            NODE.certificatePEM[:300],
            pemOf("CERTIFICATE", encoded[:100]),
            pemOf("CERTIFICATE", b"\xff" + encoded[1:]),
            NODE.certificatePEM.replace(b"\nMII", b"\n!!!", 1),
            certificates(NODE.certificate) + pemOf("CERTIFICATE", b"no certificate"),
        ):
            for name in ("ca.crt", "node.crt"):
                self.write(NODE)
                (self.conf / name).write_bytes(bad)
                self.assertRefused(name, "damaged")

    def test_damagedKey(self) -> None:
        """So is a key."""
        encoded = NODE.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        for bad in (
            NODE.keyPEM[:100],
            NODE.keyPEM.replace(b"\nMI", b"\n!!", 1),
            pemOf("PRIVATE KEY", encoded[:40]),
            pemOf("PRIVATE KEY", b"no key"),
            pemOf("EC PRIVATE KEY", b"no key"),
        ):
            (self.conf / "node.key").write_bytes(bad)
            self.assertRefused("node.key", "damaged")


class KeyTests(CredentialsTestCase):
    """Keys that are not those of a node of this chain."""

    def test_encrypted(self) -> None:
        """An encrypted key is told to be one, in the new form and in the old one."""
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            (self.conf / "node.key").write_bytes(keyPEM(NODE.key, form, b"secret"))
            self.assertRefused("node.key", "encrypted")

    def test_otherKind(self) -> None:
        """A key of another kind is told to be no EC key."""
        for key in (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()):
            (self.conf / "node.key").write_bytes(keyPEM(key))
            self.assertRefused("node.key", "not an EC key", "secp256k1 or prime256v1")

    def test_otherCurve(self) -> None:
        """A key on another curve is refused by the curve's name, even with its certificate."""
        key = ec.generate_private_key(ec.SECP384R1())
        certificate = makeCertificate(NODE.certificate.subject, key, AGENCY)
        self.write(NODE, certificate, AGENCY.certificate)
        (self.conf / "node.key").write_bytes(keyPEM(key))
        self.assertRefused("node.crt", "secp384r1", "which no node uses")

    def test_unknownCurve(self) -> None:
        """So is a key on a curve that is not known here, such as SM2's."""
        (self.conf / "node.key").write_bytes(withUnknownCurve(NODE.keyPEM, "PRIVATE KEY"))
        self.assertRefused("node.key")

    def test_ofAnother(self) -> None:
        """The key must be that of the certificate; both files are named."""
        for key in (
            AGENCY.issueNode("node1").key,
            AGENCY.key,
            ec.generate_private_key(ec.SECP256R1()),
        ):
            (self.conf / "node.key").write_bytes(keyPEM(key))
            self.assertRefused("node.key", "does not match", str(self.conf / "node.crt"))

    def test_othersMayReadIt(self) -> None:
        """A key that others than its owner may read or change is refused, with what to do."""
        if os.name == "nt":
            raise SkipTest("Windows has no such modes")
        key = self.conf / "node.key"
        for mode in (0o640, 0o620, 0o604, 0o644, 0o666, 0o601):
            key.chmod(mode)
            self.assertRefused("node.key", f"(mode {mode:04o})", f"run: chmod 600 {key}")
        for mode in (0o600, 0o400):
            key.chmod(mode)
            self.assertEqual(self.load().identity.nodeID, NODE.nodeID)

    def test_linkToKey(self) -> None:
        """Where the key is a symbolic link, the file it leads to is what counts."""
        key = self.conf / "node.key"
        (self.conf / "secret").write_bytes(key.read_bytes())
        key.unlink()
        key.symlink_to("secret")
        (self.conf / "secret").chmod(0o644)
        self.assertRefused("node.key", "(mode 0644)")
        (self.conf / "secret").chmod(0o600)
        self.load()

    def test_publicKey(self) -> None:
        """A public key is no private key."""
        public = NODE.key.public_key()
        (self.conf / "node.key").write_bytes(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        self.assertRefused("node.key", "no PEM private key")


class CertificateTests(CredentialsTestCase):
    """Certificates with which no node is let in anywhere."""

    def test_leafIsCA(self) -> None:
        """A node's certificate that says CA:TRUE, or an agency's in its place."""
        self.write(AGENCY.issueNode("node0", basicConstraints=True))
        self.assertRefused("node.crt", "CA:TRUE", "the node's own")
        self.write(NODE, AGENCY.certificate, NODE.certificate)
        self.assertRefused("node.crt", "CA:TRUE", "first certificate must be the node's own")

    def test_leafWithoutBasicConstraints(self) -> None:
        """A node's certificate that does not say CA:FALSE."""
        self.write(AGENCY.issueNode("node0", basicConstraints=None))
        self.assertRefused("node.crt", "no basicConstraints CA:FALSE", "the node's own")

    def test_leafWithRSAKey(self) -> None:
        """A node's certificate that has no EC key."""
        key = rsa.generate_private_key(65537, 2048)
        leaf = makeCertificate(NODE.certificate.subject, key, AGENCY)
        self.write(NODE, leaf, AGENCY.certificate)
        self.assertRefused("node.crt", "not an EC key")

    def test_unknownCurve(self) -> None:
        """A certificate on a curve that is not known here, such as SM2's, in any place."""
        leaf, agency, root = (certificates(one.certificate) for one in (NODE, AGENCY, ROOT))
        for name, content in (
            ("node.crt", withUnknownCurve(leaf, "CERTIFICATE") + agency),
            ("node.crt", leaf + withUnknownCurve(agency, "CERTIFICATE")),
            ("ca.crt", withUnknownCurve(root, "CERTIFICATE")),
        ):
            self.write(NODE, NODE.certificate, AGENCY.certificate)
            (self.conf / name).write_bytes(content)
            error = self.assertRaises(CredentialsError, self.load)
            self.assertIn(str(self.conf / name), str(error))
            self.assertNotIn("\n", str(error))

    def test_nodeIDFile(self) -> None:
        """C{node.nodeid} of another node, or of nobody; the right one is told."""
        for text in (AGENCY.issueNode("node1").nodeID, "", NODE.nodeID[:-1], NODE.nodeID + " 1"):
            (self.conf / "node.nodeid").write_text(text)
            self.assertRefused("node.nodeid", NODE.nodeID, str(self.conf / "node.crt"))
        (self.conf / "node.nodeid").write_bytes(b"\xff\xfe\n")
        self.assertRefused("node.nodeid", NODE.nodeID)


class PathTests(CredentialsTestCase):
    """Certificates that do not lead from the node to the chain's CA."""

    def test_agencyMissing(self) -> None:
        """A node's file without its agency names both, and what to do."""
        self.write(NODE, NODE.certificate)
        self.assertRefused(
            "node.crt",
            "the issuer of node0 is bank",
            "append the agency",
            str(self.conf / "ca.crt"),
        )

    def test_middleMissing(self) -> None:
        """The certificate whose issuer is missing is named, wherever it is."""
        node = AGENCY.issueAgency("branch").issueNode("node0")
        self.write(node, node.certificate, node.chain[0], node.chain[2])
        self.assertRefused("node.crt", "the issuer of branch is bank")

    def test_foreignCA(self) -> None:
        """The CA of another chain, even of the same name, is told to be the wrong one."""
        (self.conf / "ca.crt").write_bytes(Authority.makeRoot().caPEM)
        for chain in ((), (NODE.certificate, AGENCY.certificate), (NODE.certificate,)):
            if chain:
                (self.conf / "node.crt").write_bytes(certificates(*chain))
            words = "does not lead to the CA" if chain else "leads to another CA"
            self.assertRefused("node.crt", words, str(self.conf / "ca.crt"))

    def test_foreignAgency(self) -> None:
        """An agency of the same name that did not issue the node does not count."""
        other = ROOT.issueAgency("bank")
        self.write(NODE, NODE.certificate, other.certificate)
        self.assertRefused("node.crt", "the issuer of node0 is bank")

    def test_changedCertificate(self) -> None:
        """A certificate of which one bit was changed after it was signed leads nowhere."""
        encoded = bytearray(NODE.certificate.public_bytes(Encoding.DER))
        encoded[-1] ^= 1
        changed = x509.load_der_x509_certificate(bytes(encoded))
        self.write(NODE, changed, AGENCY.certificate)
        self.assertRefused("node.crt", "the issuer of node0")

    def test_circle(self) -> None:
        """Two agencies that certified each other, and not the CA, come to an end."""
        one, two = Authority.makeRoot("one"), Authority.makeRoot("two")
        circle = [
            Authority(subject.name, subject.key, self.crossed(subject, issuer))
            for subject, issuer in ((one, two), (two, one))
        ]
        node = circle[0].issueNode("node0")
        self.write(node, node.certificate, circle[0].certificate, circle[1].certificate)
        (self.conf / "ca.crt").write_bytes(ROOT.caPEM)
        self.assertRefused("node.crt", "does not lead to the CA")

    @staticmethod
    def crossed(subject: Authority, issuer: Authority) -> x509.Certificate:
        """The subject's certificate, as the issuer would make it."""
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject.certificate.subject)
            .issuer_name(issuer.certificate.subject)
            .public_key(subject.key.public_key())
            .serial_number(7)
            .not_valid_before(now - timedelta(1))
            .not_valid_after(now + timedelta(9))
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(issuer.key, hashes.SHA256())
        )


class ValidityTests(CredentialsTestCase):
    """Certificates out of their time."""

    def setUp(self) -> None:
        super().setUp()
        self.begin = datetime(2030, 1, 1, tzinfo=UTC)
        self.end = datetime(2031, 1, 1, tzinfo=UTC)
        self.write(AGENCY.issueNode("node0", notBefore=self.begin, notAfter=self.end))

    def test_expired(self) -> None:
        """An expired certificate is told by its name and its last day."""
        self.assertRefused(
            "node.crt",
            "certificate of node0 expired on 2031-01-01 00:00 UTC",
            "renew",
            now=self.end + timedelta(seconds=1),
        )

    def test_notYetValid(self) -> None:
        """One that is not valid yet by its first day; the clock may be wrong."""
        self.assertRefused(
            "node.crt",
            "certificate of node0 is not valid before 2030-01-01 00:00 UTC",
            "clock",
            now=self.begin - timedelta(seconds=1),
        )

    def test_present(self) -> None:
        """Without a time the present counts."""
        now = datetime.now(UTC)
        for begin, end, reason in (
            (now - timedelta(9), now - timedelta(1), "expired on"),
            (now + timedelta(1), now + timedelta(9), "is not valid before"),
        ):
            self.write(AGENCY.issueNode("node0", notBefore=begin, notAfter=end))
            self.assertRefused("node.crt", f"certificate of node0 {reason}")

    def test_agencyExpired(self) -> None:
        """The agency's certificate counts as well."""
        agency = ROOT.issueAgency("brief", 10)
        self.write(agency.issueNode("node0", notAfter=datetime(9000, 1, 1, tzinfo=UTC)))
        self.load()
        self.assertRefused(
            "node.crt", "certificate of brief expired", now=datetime.now(UTC) + timedelta(11)
        )

    def test_caExpired(self) -> None:
        """So does the CA's, in its own file."""
        root = Authority.makeRoot("brief", days=10)
        node = root.issueNode("node0", notAfter=datetime(9000, 1, 1, tzinfo=UTC))
        self.write(node, node.certificate)
        self.load()
        self.assertRefused(
            "ca.crt", "certificate of brief expired", now=datetime.now(UTC) + timedelta(11)
        )
