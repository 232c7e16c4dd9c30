"""Reading a file of the operator's whole, whatever has been put in its place."""

from __future__ import annotations

import os
import stat
from errno import EFBIG, EINVAL
from pathlib import Path
from typing import Final

MOST: Final = 4 * 1024 * 1024
"""Bytes that such a file may have."""

_AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0)


def readWhole(file: Path | str) -> bytes:
    """
    Read a file.  A node that runs does not wait for somebody to write into a pipe, and what was put
    there by mistake takes it neither time nor memory.

    @raise OSError: it cannot be read, is not a regular file, or has more than L{MOST} bytes.
    """
    with open(file, "rb", opener=_open) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(EINVAL, "not a regular file")
        content = stream.read(MOST + 1)
    if len(content) > MOST:
        raise OSError(EFBIG, f"larger than {MOST} bytes")
    return content


def _open(file: str, flags: int) -> int:
    return os.open(file, flags | _AT_ONCE)
