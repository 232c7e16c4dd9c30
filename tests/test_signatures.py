"""Keccak-256, and signatures as FISCO BCOS makes them."""

from __future__ import annotations

import sys
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError, MalformedMessage, SetupError
from fiscop2p.signatures import checkKey, isSigned, keccak256, sign

KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256K1())
OTHER = ec.derive_private_key(0xBEEF, ec.SECP256K1())

FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

Point = tuple[int, int] | None


def add(a: Point, b: Point) -> Point:
    """Points of secp256k1, by the textbook."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % FIELD == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, FIELD)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, FIELD)
    x = (slope * slope - a[0] - b[0]) % FIELD
    return x, (slope * (a[0] - x) - a[1]) % FIELD


def multiply(number: int, point: Point) -> Point:
    result: Point = None
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def recover(content: bytes, signature: bytes) -> Point:
    """The public key that a signature leads to: what v is for."""
    binary = bytes.fromhex(signature.decode())
    r, s, v = int.from_bytes(binary[:32]), int.from_bytes(binary[32:64]), binary[64]
    y = pow(r**3 + 7, (FIELD + 1) // 4, FIELD)
    if y & 1 != v:
        y = FIELD - y
    inverse, digest = pow(r, -1, ORDER), int.from_bytes(keccak256(content))
    return add(multiply(s * inverse % ORDER, (r, y)), multiply(-digest * inverse % ORDER, BASE))


class KeccakTests(SynchronousTestCase):
    """The hash."""

    def test_knownAnswers(self) -> None:
        """It is the original Keccak, not SHA-3."""
        for data, digest in (
            (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
            (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
            (b"hello", "1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8"),
        ):
            self.assertEqual(keccak256(data).hex(), digest)

    def test_notInstalled(self) -> None:
        """Without the library the error says what to install."""
        with patch.dict(sys.modules, {"Crypto.Hash": None}):
            error = self.assertRaises(SetupError, keccak256, b"")
        self.assertIn("pip install 'fiscop2p[private-topics]'", str(error))


class SignatureTests(SynchronousTestCase):
    """Made by one, seen by another."""

    def test_text(self) -> None:
        """A signature is 130 hexadecimal digits: r, an s of the lower half, and v."""
        for number in range(20):
            text = sign(b"%d" % number, KEY)
            self.assertRegex(text, rb"\A[0-9a-f]{128}0[01]\Z")
            self.assertLessEqual(int(text[64:128], 16), ORDER // 2)

    def test_vLeadsToTheKey(self) -> None:
        """Who has only content and signature finds the signer's public key."""
        numbers = KEY.public_key().public_numbers()
        for number in range(8):
            content = b"%d" % number
            self.assertEqual(recover(content, sign(content, KEY)), (numbers.x, numbers.y))

    def test_whoseItIs(self) -> None:
        """It is that of one of the keys, for this content."""
        text = sign(b"content", KEY)
        ours, theirs = KEY.public_key(), OTHER.public_key()
        self.assertTrue(isSigned(b"content", text, [ours]))
        self.assertTrue(isSigned(b"content", text, [theirs, ours]))
        self.assertFalse(isSigned(b"content", text, [theirs]))
        self.assertFalse(isSigned(b"content", text, []))
        self.assertFalse(isSigned(b"other content", text, [ours]))

    def test_allForms(self) -> None:
        """Text or bytes, with v or without, with 0x or without, are taken."""
        text = sign(b"content", KEY)
        binary = bytes.fromhex(text.decode())
        keys = [KEY.public_key()]
        for form in (text, text.upper(), b"0x" + text, text[:128], b"0x" + text[:128]):
            self.assertTrue(isSigned(b"content", form, keys), form)
        for form in (binary, binary[:64]):
            self.assertTrue(isSigned(b"content", form, keys), form)

    def test_noSignature(self) -> None:
        """What is none is refused, whatever its length."""
        text = sign(b"content", KEY)
        for bad in (b"", b"0x", text[:-1], text + b"0", b"g" * 130, b" " * 130, b"1" * 1_000_000):
            self.assertRaises(MalformedMessage, isSigned, b"content", bad, [KEY.public_key()])

    def test_numbersThatFitNobody(self) -> None:
        """Zero, and what is beyond the curve's order, is a signature of nobody."""
        keys = [KEY.public_key()]
        for r, s in ((0, 0), (0, 1), (1, 0), (ORDER, 1), (2**256 - 1, 2**256 - 1)):
            self.assertFalse(isSigned(b"content", b"%064x%064x" % (r, s), keys))

    @given(st.binary(max_size=140))
    def test_anything(self, signature: bytes) -> None:
        """No bytes make it fail in another way, and none are a signature by chance."""
        try:
            signed = isSigned(b"content", signature, [KEY.public_key()])
        except MalformedMessage:
            return
        self.assertFalse(signed)


class CheckKeyTests(SynchronousTestCase):
    """Which keys can be used."""

    def test_good(self) -> None:
        """EC keys on secp256k1."""
        checkKey(KEY, ec.EllipticCurvePrivateKey)
        checkKey(KEY.public_key(), ec.EllipticCurvePublicKey)

    def test_bad(self) -> None:
        """Others are refused, in words that do not show them."""
        foreign = ec.generate_private_key(ec.SECP256R1())
        for key, words in (
            ("-----BEGIN PRIVATE KEY-----", "EllipticCurvePrivateKey of cryptography, not str"),
            (KEY.public_key(), "EllipticCurvePrivateKey"),
            (foreign, "must be on secp256k1; this one is on secp256r1"),
        ):
            error = self.assertRaises(EncodingError, checkKey, key, ec.EllipticCurvePrivateKey)
            self.assertIn(words, str(error))
            self.assertNotIn("BEGIN", str(error))

    def test_withoutTheHash(self) -> None:
        """A key is of no use without the hash."""
        with patch.dict(sys.modules, {"Crypto.Hash": None}):
            self.assertRaises(SetupError, checkKey, KEY, ec.EllipticCurvePrivateKey)
