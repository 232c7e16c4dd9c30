"""
Signatures as FISCO BCOS makes them: ECDSA on secp256k1 over the Keccak-256 of the content.

As text they are 130 hexadecimal digits: 32 bytes r, 32 bytes s, one byte v, which is 1 if the point
that r is taken from has an odd y.  Not tried against an SDK.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from .errors import EncodingError, MalformedMessage, SetupError

_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of the curve's group."""

_NUMBER: Final = 32
_BINARY_SIZES: Final = (2 * _NUMBER, 2 * _NUMBER + 1)
_LONGEST: Final = len("0x") + 2 * _BINARY_SIZES[-1]

# Keccak-256 has the size of SHA-256, which is all that is taken from it here.
_ECDSA: Final = ec.ECDSA(Prehashed(SHA256()))


def keccak256(data: bytes) -> bytes:
    """
    Hash with the original Keccak, whose padding is not that of SHA-3.

    @raise SetupError: the library for it is not installed.
    """
    try:
        # An extra: a node without private topics does not need it.
        from Crypto.Hash import keccak
    except ImportError:
        raise SetupError(
            "private topics need Keccak-256, which comes with pycryptodome: "
            "pip install 'fiscop2p[private-topics]'"
        ) from None
    return keccak.new(digest_bits=256, data=data).digest()


def checkKey(
    key: object, kind: type[ec.EllipticCurvePrivateKey] | type[ec.EllipticCurvePublicKey]
) -> None:
    """
    See whether a key can sign, or verify, and whether the hash is there.

    @param kind: what the key must be.
    @raise EncodingError: it is something else, or not on secp256k1.
    @raise SetupError: as L{keccak256}.
    """
    if not isinstance(key, kind):
        raise EncodingError(
            f"a key must be an {kind.__name__} of cryptography, not {type(key).__name__}"
        )
    if not isinstance(key.curve, ec.SECP256K1):
        raise EncodingError(f"a key must be on secp256k1; this one is on {key.curve.name}")
    keccak256(b"")


def sign(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """
    Sign.

    @return: the signature as text.
    """
    digest = keccak256(content)
    r, s = decode_dss_signature(key.sign(digest, _ECDSA))
    s = min(s, _ORDER - s)
    # The signature's own point: its secret number follows from ours.
    secret = key.private_numbers().private_value
    number = (int.from_bytes(digest) + r * secret) * pow(s, -1, _ORDER) % _ORDER
    point = ec.derive_private_key(number, ec.SECP256K1()).public_key().public_numbers()
    return b"%064x%064x%02x" % (r, s, point.y & 1)


def isSigned(content: bytes, signature: bytes, keys: Iterable[ec.EllipticCurvePublicKey]) -> bool:
    """
    Tell whether the holder of one of these keys has signed.

    @param signature: text, also with a leading 0x, or the bytes themselves; with v or without.
    @raise MalformedMessage: it is not a signature.
    """
    digest, encoded = keccak256(content), encode_dss_signature(*_numbersOf(signature))
    for key in keys:
        try:
            key.verify(encoded, digest, _ECDSA)
        except InvalidSignature:
            continue
        return True
    return False


def _numbersOf(signature: bytes) -> tuple[int, int]:
    binary = signature
    if len(signature) not in _BINARY_SIZES and len(signature) <= _LONGEST:
        try:
            binary = unhexlify(signature.removeprefix(b"0x"))
        except ValueError:
            pass
    if len(binary) not in _BINARY_SIZES:
        raise MalformedMessage(
            f"{len(signature)} bytes that are no signature: r, s and v, as 130 hexadecimal digits"
        )
    return int.from_bytes(binary[:_NUMBER]), int.from_bytes(binary[_NUMBER : 2 * _NUMBER])
