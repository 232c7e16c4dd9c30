"""The page for people, and the files that it consists of."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


def _read() -> dict[str, tuple[bytes, bytes]]:
    found = {}
    for file in files(__package__).iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _TYPES:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found[path] = file.read_bytes(), _TYPES[kind]
    return found


FILES: Final = _read()
"""By path: what is there, and its type."""
