"""
The payloads by which a file goes from node to node, piece by piece.

Every piece says which file it is of, so that the one who receives needs no memory of a transfer: a
line of JSON, C{name}, C{size}, C{sha256} and C{offset}, and behind it the bytes from there on, none
in the first.  The answer is JSON, too: C{have}, how many bytes are there by now, and C{done}, once
the file is there whole and is what its SHA-256 says; C{busy}, to be asked again; or C{error}, a
sentence.  So whatever was lost, or cut short long ago, goes on where the last answer says.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from ..errors import MalformedMessage

MAX_PIECE: Final = 4 * 1024 * 1024
"""Bytes of a file in one message."""

_MAX_SIZE = 1 << 50
_LONGEST_LINE = 4096
_DIGEST = re.compile("[0-9a-f]{64}")


class Piece(NamedTuple):
    """
    A part of a file.

    @ivar name: what the file is called; nothing has judged it.
    @ivar size: of the file, in bytes.
    @ivar sha256: of the file, in 64 lower-case hexadecimal digits.
    @ivar offset: where in the file C{data} begins.
    @ivar data: the bytes, perhaps none.
    """

    name: str
    size: int
    sha256: str
    offset: int
    data: bytes


class Progress(NamedTuple):
    """
    How a transfer stands, as who receives the file tells it.

    @ivar have: how many bytes are there.
    @ivar isDone: whether the file is there, whole and verified.
    @ivar isBusy: whether the same has to be asked again a little later.
    @ivar error: why it does not go on, in words, or empty.
    """

    have: int = 0
    isDone: bool = False
    isBusy: bool = False
    error: str = ""


def encodePiece(piece: Piece) -> bytes:
    """Write a piece."""
    what = {
        "name": piece.name,
        "size": piece.size,
        "sha256": piece.sha256,
        "offset": piece.offset,
    }
    return b"%s\n%s" % (json.dumps(what).encode(), piece.data)


def decodePiece(payload: bytes) -> Piece:
    """
    Undo L{encodePiece}.

    @raise MalformedMessage: it is not one, or the bytes reach beyond the file's end.
    """
    line, newline, data = payload.partition(b"\n")
    what = _object(line) if newline and len(line) <= _LONGEST_LINE else {}
    name, sha256 = what.get("name"), what.get("sha256")
    size, offset = _count(what.get("size")), _count(what.get("offset"))
    if (
        isinstance(name, str)
        and isinstance(sha256, str)
        and _DIGEST.fullmatch(sha256)
        and size is not None
        and offset is not None
        and offset + len(data) <= size
        and len(data) <= MAX_PIECE
    ):
        return Piece(name, size, sha256, offset, data)
    raise MalformedMessage(f"{line[:64]!r} does not tell a piece of a file")


def encodeProgress(progress: Progress) -> bytes:
    """Write the answer to a piece."""
    what = {
        "have": progress.have,
        "done": progress.isDone,
        "busy": progress.isBusy,
        "error": progress.error,
    }
    return json.dumps(what).encode()


def decodeProgress(payload: bytes) -> Progress:
    """
    Undo L{encodeProgress}.

    @raise MalformedMessage: it is not one.
    """
    what = _object(payload) if len(payload) <= _LONGEST_LINE else {}
    have, error = _count(what.get("have")), what.get("error")
    if have is not None and isinstance(error, str):
        return Progress(have, what.get("done") is True, what.get("busy") is True, error)
    raise MalformedMessage(f"{payload[:64]!r} does not tell how a file's transfer stands")


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MAX_SIZE else None
