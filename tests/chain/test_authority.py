"""
Tests for L{fiscop2p.chain.authority}.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain import authority
from fiscop2p.chain.authority import PRIME256V1, SECP256K1, Authority, IssuedNode
from fiscop2p.errors import ChainError


def certificatePair(node: IssuedNode, directory: Path) -> tuple[Path, Path]:
    """Write a node's certificate and key where L{ssl} can load them."""
    certificate, key = directory / "node.crt", directory / "node.key"
    certificate.write_bytes(node.certificatePEM)
    key.write_bytes(node.keyPEM)
    return certificate, key


def tlsContext(node: IssuedNode, curve: str, server: bool, strict: bool) -> ssl.SSLContext:
    """The TLS settings of a FISCO BCOS 2.x node."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ecdh_curve(curve)
    context.load_verify_locations(cadata=node.caPEM.decode())
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with tempfile.TemporaryDirectory() as directory:
        context.load_cert_chain(*certificatePair(node, Path(directory)))
    return context


def shakeHands(ours: IssuedNode, theirs: IssuedNode, curve: str, strict: bool) -> bytes | None:
    """Run a mutual handshake in memory; return the certificate that the client saw."""
    toServer, toClient = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = tlsContext(ours, curve, True, strict).wrap_bio(toServer, toClient, server_side=True)
    client = tlsContext(theirs, curve, False, strict).wrap_bio(toClient, toServer)
    waiting = [client, server]
    for _ in range(10):
        for end in tuple(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
        if not waiting:
            assert server.getpeercert(True) == theirs.certificate.public_bytes(
                serialization.Encoding.DER
            )
            return client.getpeercert(True)
    raise AssertionError("the handshake did not come to an end")


def extensions(certificate: x509.Certificate) -> dict[str, tuple[bool, object]]:
    """The extensions by name: whether they are critical, and their values."""
    return {one.oid._name: (one.critical, one.value) for one in certificate.extensions}


def usesOf(usage: object) -> set[str]:
    """What a certificate's key may be used for."""
    assert isinstance(usage, x509.KeyUsage)
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return {name for name in names if getattr(usage, name)}


class ProfileTests(SynchronousTestCase):
    """Certificates have the form that FISCO BCOS 2.x nodes expect."""

    def setUp(self) -> None:
        self.root = Authority.makeRoot()
        self.agency = self.root.issueAgency("bank")
        self.node = self.agency.issueNode("node0")
        self.certificates = [
            self.root.certificate,
            self.agency.certificate,
            self.node.certificate,
        ]

    def test_subjects(self) -> None:
        """A subject is the name, the organization and what kind of member it is, in this order."""
        self.assertEqual(
            [one.subject.rfc4514_string() for one in self.certificates],
            [
                "OU=chain,O=fisco-bcos,CN=chain",
                "OU=agency,O=fisco-bcos,CN=bank",
                "OU=node,O=fisco-bcos,CN=node0",
            ],
        )

    def test_issuers(self) -> None:
        """The root signs itself and the agency, the agency signs the node."""
        for certificate, issuer in (
            (self.root.certificate, self.root.certificate),
            (self.agency.certificate, self.root.certificate),
            (self.node.certificate, self.agency.certificate),
        ):
            certificate.verify_directly_issued_by(issuer)

    def test_sha256AndVersion3(self) -> None:
        """All certificates are version 3 and signed over SHA-256."""
        for certificate in self.certificates:
            self.assertEqual(certificate.version, x509.Version.v3)
            self.assertIsInstance(certificate.signature_hash_algorithm, hashes.SHA256)

    def test_curve(self) -> None:
        """All keys are on secp256k1 by default."""
        for certificate in self.certificates:
            key = certificate.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            self.assertIsInstance(key.curve, ec.SECP256K1)

    def test_authoritiesAreCAs(self) -> None:
        """Root and agencies say, as critical, that they are CAs and sign."""
        for certificate in self.certificates[:2]:
            found = extensions(certificate)
            self.assertEqual(
                found["basicConstraints"], (True, x509.BasicConstraints(True, path_length=None))
            )
            critical, usage = found["keyUsage"]
            self.assertTrue(critical)
            self.assertEqual(usesOf(usage), {"key_cert_sign", "crl_sign"})

    def test_nodeIsNoCA(self) -> None:
        """A node says that it is no CA, without which real nodes do not let it in."""
        found = extensions(self.node.certificate)
        self.assertEqual(found["basicConstraints"], (False, x509.BasicConstraints(False, None)))
        self.assertEqual(
            usesOf(found["keyUsage"][1]),
            {"digital_signature", "content_commitment", "key_encipherment"},
        )

    def test_keyIdentifiers(self) -> None:
        """Each certificate names its own key and its issuer's."""
        own = [extensions(one)["subjectKeyIdentifier"][1] for one in self.certificates]
        for number in (1, 2):
            above = extensions(self.certificates[number])["authorityKeyIdentifier"][1]
            issuer = own[number - 1]
            assert isinstance(above, x509.AuthorityKeyIdentifier)
            assert isinstance(issuer, x509.SubjectKeyIdentifier)
            self.assertEqual(above.key_identifier, issuer.digest)

    def test_nodeWithOtherBasicConstraints(self) -> None:
        """Nodes that are to be refused can be made: CAs, and such as say nothing."""
        silent = self.agency.issueNode("node0", basicConstraints=None)
        self.assertNotIn("basicConstraints", extensions(silent.certificate))
        boastful = self.agency.issueNode("node0", basicConstraints=True)
        self.assertEqual(
            extensions(boastful.certificate)["basicConstraints"][1],
            x509.BasicConstraints(True, None),
        )

    def test_pem(self) -> None:
        """A node's files hold its chain, the root, and a PKCS#8 key."""
        self.assertEqual(
            x509.load_pem_x509_certificates(self.node.certificatePEM), self.certificates[::-1]
        )
        self.assertEqual(x509.load_pem_x509_certificates(self.node.caPEM), [self.root.certificate])
        self.assertTrue(self.node.keyPEM.startswith(b"-----BEGIN PRIVATE KEY-----\n"))

    def test_nodeID(self) -> None:
        """The node ID is the public key's two numbers."""
        numbers = self.node.key.public_key().public_numbers()
        self.assertEqual(self.node.nodeID, f"{numbers.x:064x}{numbers.y:064x}")

    def test_nodeBelowTheRoot(self) -> None:
        """A chain may have no agencies."""
        node = self.root.issueNode("node0")
        self.assertEqual(node.chain, (self.root.certificate,))

    def test_shortPrivateNumberIsNotUsed(self) -> None:
        """A key whose private number begins with hex 00 is made anew."""
        curve = ec.SECP256K1()
        keys = [
            ec.derive_private_key((1 << 248) - 1, curve),
            ec.derive_private_key(1 << 248, curve),
        ]
        self.patch(authority.ec, "generate_private_key", lambda curve: keys.pop(0))
        node = self.agency.issueNode("node0")
        self.assertEqual(node.key.private_numbers().private_value, 1 << 248)


class ValidityTests(SynchronousTestCase):
    """From when to when certificates are valid."""

    def setUp(self) -> None:
        self.root = Authority.makeRoot(days=10)

    def test_fromYesterday(self) -> None:
        """Clocks may differ by a day."""
        begin = self.root.certificate.not_valid_before_utc
        self.assertLess(begin, datetime.now(UTC) - timedelta(hours=23))
        end = self.root.certificate.not_valid_after_utc
        self.assertEqual(end - begin, timedelta(days=11))

    def test_notLongerThanTheIssuer(self) -> None:
        """An agency or a node does not outlive the one that issued it."""
        end = self.root.certificate.not_valid_after_utc
        agency = self.root.issueAgency("agency", 20)
        self.assertEqual(agency.certificate.not_valid_after_utc, end)
        self.assertEqual(agency.issueNode("node0").certificate.not_valid_after_utc, end)
        self.assertLess(agency.issueNode("node0", 9).certificate.not_valid_after_utc, end)

    def test_endOfTime(self) -> None:
        """A date that cannot be written becomes the last one that can."""
        root = Authority.makeRoot(days=10**12)
        self.assertEqual(root.certificate.not_valid_after_utc.year, 9999)

    def test_noDays(self) -> None:
        """A certificate is valid for one day at least."""
        for make in (
            lambda: Authority.makeRoot(days=0),
            lambda: self.root.issueAgency("agency", -1),
            lambda: self.root.issueNode("node0", 0),
        ):
            error = self.assertRaises(ChainError, make)
            self.assertIn("give 1 or more", str(error))

    def test_chosenDates(self) -> None:
        """Both dates can be given, even outside the issuer's validity."""
        begin = datetime(2001, 1, 1, tzinfo=UTC)
        end = datetime(2002, 1, 1, tzinfo=UTC)
        certificate = self.root.issueNode("node0", notBefore=begin, notAfter=end).certificate
        self.assertEqual(certificate.not_valid_before_utc, begin)
        self.assertEqual(certificate.not_valid_after_utc, end)

    def test_chosenEndInThePast(self) -> None:
        """A certificate that ended long ago began before it ended."""
        end = datetime(2002, 1, 1, tzinfo=UTC)
        certificate = self.root.issueNode("node0", notAfter=end).certificate
        self.assertLess(certificate.not_valid_before_utc, end)

    def test_expiredAuthority(self) -> None:
        """An expired authority says so instead of issuing what nobody accepts, unless told when."""
        node = self.root.issueNode("old", notAfter=datetime(2002, 1, 1, tzinfo=UTC))
        expired = Authority("old", node.key, node.certificate, node.chain)
        error = self.assertRaises(ChainError, expired.issueNode, "node0")
        self.assertEqual(
            str(error), "the certificate of 'old' expired on 2002-01-01; renew it first"
        )
        end = datetime(2003, 1, 1, tzinfo=UTC)
        self.assertEqual(
            expired.issueNode("node0", notAfter=end).certificate.not_valid_after_utc, end
        )


class HandshakeTests(SynchronousTestCase):
    """Nodes of one chain accept each other in TLS, those of two chains do not."""

    def test_mutual(self) -> None:
        """Nodes of different agencies meet, on both curves, with strict verification or not."""
        for curve in (SECP256K1, PRIME256V1):
            root = Authority.makeRoot(curve=curve)
            server = root.issueAgency("one").issueNode("node0")
            client = root.issueAgency("two").issueNode("node0")
            for strict in (False, True):
                seen = shakeHands(server, client, curve, strict)
                self.assertEqual(seen, server.certificate.public_bytes(serialization.Encoding.DER))

    def test_foreignChain(self) -> None:
        """A chain of the same names is another chain."""
        server, client = (
            Authority.makeRoot().issueAgency("agency").issueNode("node0") for _ in range(2)
        )
        error = self.assertRaises(
            ssl.SSLCertVerificationError, shakeHands, server, client, SECP256K1, False
        )
        self.assertEqual(error.reason, "CERTIFICATE_VERIFY_FAILED")


class LoadingTests(SynchronousTestCase):
    """A CA or an agency that was written down can issue again."""

    def setUp(self) -> None:
        self.root = Authority.makeRoot("chain", PRIME256V1)
        self.agency = self.root.issueAgency("bank")

    def test_root(self) -> None:
        """A CA is its key and its certificate."""
        root = Authority.fromPEM(self.root.keyPEM, self.root.certificatePEM)
        self.assertEqual((root.name, root.chain), ("chain", ()))
        self.assertEqual(root.caPEM, root.certificatePEM)
        self.assertEqual(root.certificate, self.root.certificate)

    def test_agency(self) -> None:
        """An agency has the CA above it, and issues on the chain's curve."""
        agency = Authority.fromPEM(
            self.agency.keyPEM, self.agency.certificatePEM, self.agency.caPEM
        )
        self.assertEqual(agency.chain, (self.root.certificate,))
        node = agency.issueNode("node7")
        self.assertEqual(node.caPEM, self.root.certificatePEM)
        shakeHands(node, self.agency.issueNode("node0"), PRIME256V1, True)

    def test_bundle(self) -> None:
        """The CA may be in the agency's file, too."""
        bundle = self.agency.certificatePEM + self.root.certificatePEM
        for above in (b"", self.agency.caPEM):
            agency = Authority.fromPEM(self.agency.keyPEM, bundle, above)
            self.assertEqual(agency.chain, (self.root.certificate,))

    def test_rootWithoutKeyIdentifier(self) -> None:
        """A root that does not name its key, as the official scripts make it, can issue."""
        key = ec.generate_private_key(ec.SECP256K1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "fisco-bcos")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(key, hashes.SHA256())
        )
        keyPEM = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        root = Authority.fromPEM(keyPEM, certificate.public_bytes(serialization.Encoding.PEM))
        self.assertEqual(root.name, "O=fisco-bcos")
        one, two = (root.issueAgency(name).issueNode("node0") for name in ("one", "two"))
        shakeHands(one, two, SECP256K1, False)

    def assertRefused(self, reason: str, *pems: bytes) -> None:
        """Check that nothing is made of these files, and why."""
        error = self.assertRaises(ChainError, Authority.fromPEM, *pems)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))

    def test_notPEM(self) -> None:
        """A file that is not PEM is named by its kind."""
        self.assertRefused("private key is not an unencrypted PEM", b"", self.root.certificatePEM)
        self.assertRefused("certificate is not PEM", self.root.keyPEM, b"")

    def test_encryptedKey(self) -> None:
        """An encrypted key cannot be used."""
        pem = self.root.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        self.assertRefused("not an unencrypted PEM key", pem, self.root.certificatePEM)

    def test_foreignKind(self) -> None:
        """A key must be on one of the two curves."""
        for key in (
            ec.generate_private_key(ec.SECP384R1()),
            rsa.generate_private_key(65537, 2048),
        ):
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            self.assertRefused("not on secp256k1 or prime256v1", pem, self.root.certificatePEM)

    def test_foreignKey(self) -> None:
        """The key must be that of the certificate."""
        self.assertRefused(
            "not that of the certificate", self.root.keyPEM, self.agency.certificatePEM
        )

    def test_missingRoot(self) -> None:
        """An agency without its CA cannot issue: the nodes' files would be incomplete."""
        self.assertRefused("not issued by", self.agency.keyPEM, self.agency.certificatePEM)

    def test_foreignRoot(self) -> None:
        """An agency with the CA of another chain is refused, though the names are the same."""
        other = Authority.makeRoot()
        self.assertRefused(
            "'bank' is not issued by 'chain'",
            self.agency.keyPEM,
            self.agency.certificatePEM,
            other.certificatePEM,
        )

    def test_unknownCurve(self) -> None:
        """A chain is on one of the two curves."""
        error = self.assertRaises(ChainError, Authority.makeRoot, curve="secp384r1")
        self.assertEqual(str(error), "curve 'secp384r1' is not known; use secp256k1 or prime256v1")
