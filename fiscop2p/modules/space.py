"""How much room there is in a folder that others fill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from twisted.internet.interfaces import IReactorTime

LEAST: Final = 1024 * 1024
"""Bytes that every file counts at least, so that small ones cannot be without number."""

COUNT_AGAIN_AFTER: Final = 10.0
"""Seconds in which files are counted once at the most."""


class Space:
    """
    A folder with a limit.

    Files are counted at first; what is taken is added.  Once the limit is reached they are counted
    again, for somebody may have made room.
    """

    def __init__(self, folder: Path, limit: int, clock: IReactorTime) -> None:
        """
        @param limit: in bytes, of all files in the folder, however deep.
        """
        self._folder = folder
        self._limit = limit
        self._clock = clock
        self._count()

    def take(self, before: int | None, after: int) -> bool:
        """
        Have a file grow, if there is room.

        @param before: its size so far, in bytes; L{None} if it is not there yet.
        """
        more = _counted(after) - (0 if before is None else _counted(before))
        if self._used + more > self._limit:
            if self._clock.seconds() - self._counted < COUNT_AGAIN_AFTER:
                return False
            self._count()
            if self._used + more > self._limit:
                return False
        self._used += more
        return True

    def giveBack(self, size: int) -> None:
        """
        A file has been thrown away.

        @param size: in bytes.
        """
        self._used -= _counted(size)

    def _count(self) -> None:
        self._counted = self._clock.seconds()
        self._used = sum(
            _counted(os.lstat(os.path.join(place, name)).st_size)
            for place, _, names in os.walk(self._folder)
            for name in names
        )


def _counted(size: int) -> int:
    return max(size, LEAST)
