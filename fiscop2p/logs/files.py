"""Log files: one for every hour, and the next where one has become too long."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from io import FileIO
from itertools import count
from pathlib import Path
from threading import RLock
from typing import Final

NAME_PATTERN: Final = "log_%Y%m%d%H.%M.log"
"""How FISCO BCOS calls its log files: by the local time at which they began."""

_PATTERN: Final = re.compile("([^%/]|%[YmdHMS])+")


def isNamePattern(text: str) -> bool:
    """Tell whether files can be called so: a plain name, and in it no more than a time."""
    return _PATTERN.fullmatch(text) is not None


class LogFiles:
    """
    The log files in a folder.

    Every line is in its file at once.  None is ever deleted, which FISCO BCOS does not do either:
    who tidies up may do so at any time, for a file that was moved or deleted is followed by a new
    one.
    """

    def __init__(
        self,
        folder: Path,
        pattern: str = NAME_PATTERN,
        maxSize: int = 200 * 1024 * 1024,
        hourly: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param pattern: how files are called, see L{isNamePattern}; a number is put before the
            ending where a name is taken by a file that is full.
        @param maxSize: in bytes: a file that has so many is full.
        @param hourly: whether a new hour begins a new file.
        @param now: the time, in seconds since the epoch.
        """
        self._folder = folder
        self._pattern = pattern
        self._maxSize = maxSize
        self._hourly = hourly
        self._now = now
        self._lock = RLock()  # Threads log, too.
        self._file: FileIO | None = None
        self._hour = ""

    def open(self) -> FileIO:
        """
        Open the file that the next line belongs to; if there is one already, its end.

        @raise OSError: there can be none.
        """
        with self._lock:
            moment = time.localtime(self._now())
            hour = time.strftime("%Y%m%d%H", moment)
            if self._file is not None and not self._isOver(self._file, hour):
                return self._file
            self.close()
            self._folder.mkdir(parents=True, exist_ok=True)
            path = first = self._folder / time.strftime(self._pattern, moment)
            for number in count(1):
                file = path.open("a+b", buffering=0)
                if file.tell() < self._maxSize:
                    break
                file.close()
                path = first.with_name(f"{first.stem}.{number}{first.suffix}")
            self._file, self._hour = file, hour
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # Its last line was cut short.
                    file.write(b"\n")
            return file

    def _isOver(self, file: FileIO, hour: str) -> bool:
        """Whether something is to be written to another file than this."""
        if self._hourly and hour != self._hour:
            return True
        try:
            found = os.stat(file.name)
        except OSError:
            return True
        ours = os.fstat(file.fileno())
        return not os.path.samestat(ours, found) or ours.st_size >= self._maxSize

    def write(self, text: str) -> None:
        """
        Append lines.

        @raise OSError: not all of it was written.
        """
        with self._lock:
            file = self.open()
            rest = memoryview(text.encode())
            while rest:
                rest = rest[file.write(rest) :]

    def close(self) -> None:
        """Have no file open; the next line opens one."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()
