"""Tests for L{fiscop2p.wire.files}."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import MalformedMessage
from fiscop2p.wire.files import (
    MAX_PIECE,
    Piece,
    Progress,
    decodePiece,
    decodeProgress,
    encodePiece,
    encodeProgress,
)

DIGEST = "0123456789abcdef" * 4
MODEST = settings(max_examples=100, deadline=None, derandomize=True)


class FilesTests(SynchronousTestCase):
    """Pieces of files, and how far they are."""

    @MODEST
    @given(st.text(max_size=100), st.integers(0, 1 << 40), st.binary(max_size=200))
    def test_pieces(self, name: str, offset: int, data: bytes) -> None:
        """What is written is read."""
        piece = Piece(name, offset + len(data) + 7, DIGEST, offset, data)
        self.assertEqual(decodePiece(encodePiece(piece)), piece)

    @MODEST
    @given(st.integers(0, 1 << 40), st.booleans(), st.booleans(), st.text(max_size=100))
    def test_progress(self, have: int, isDone: bool, isBusy: bool, error: str) -> None:
        """The same of answers."""
        progress = Progress(have, isDone, isBusy, error)
        self.assertEqual(decodeProgress(encodeProgress(progress)), progress)

    @MODEST
    @given(st.binary(max_size=300))
    def test_rubbish(self, payload: bytes) -> None:
        """Nothing else than a clear error comes of anything else."""
        for decode in (decodePiece, decodeProgress):
            error = self.assertRaises(MalformedMessage, decode, payload)
            self.assertNotIn("\n", str(error))

    def test_piecesThatAreNone(self) -> None:
        """Each field is judged."""
        good = {"name": "a", "size": 3, "sha256": DIGEST, "offset": 1}
        self.assertEqual(decodePiece(json.dumps(good).encode() + b"\nxy").data, b"xy")
        for bad in (
            {"name": 1},
            {"size": -1},
            {"size": 2},
            {"size": True},
            {"size": 1e9},
            {"size": 1 << 60},
            {"sha256": DIGEST.upper()},
            {"sha256": DIGEST[1:]},
            {"offset": "1"},
            {"offset": 2},
            {"name": "a" * 5000},
        ):
            payload = json.dumps({**good, **bad}).encode() + b"\nxy"
            self.assertRaises(MalformedMessage, decodePiece, payload)
        self.assertRaises(MalformedMessage, decodePiece, b"[" * 4000 + b"\n")
        self.assertRaises(MalformedMessage, decodePiece, json.dumps(good).encode())
        long = json.dumps({**good, "size": 1 << 40}).encode() + b"\n" + bytes(MAX_PIECE + 1)
        self.assertRaises(MalformedMessage, decodePiece, long)
