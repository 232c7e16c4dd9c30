"""What a process may no more, once it has given up root."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from twisted.application.service import Service
from twisted.logger import Logger


class LostAccess(Service):
    """
    Says at its start what the user of this process must be given.

    Started as root, C{twistd --uid} opens all files and ports before it becomes somebody else; that
    this one cannot follow would be seen hours later, with the next log file or the next SIGHUP.
    """

    _log = Logger()

    def __init__(self, read: Iterable[Path], write: Iterable[Path]) -> None:
        """
        @param read: files that will be read again.
        @param write: directories in which files will be made.
        """
        self._read = tuple(read)
        self._write = tuple(write)

    def startService(self) -> None:
        """Look, and say it in one line."""
        super().startService()
        unreadable = [path for path in self._read if not _may(path, os.R_OK)]
        unwritable = [path for path in self._write if not _may(path, os.W_OK | os.X_OK)]
        if not unreadable and not unwritable:
            return
        cannot = " and ".join(
            [f"read {path} when it is renewed" for path in unreadable]
            + [f"make new files in {path}" for path in unwritable]
        )
        paths = [shlex.quote(str(path)) for path in (*unreadable, *unwritable)]
        self._log.warn(
            "this process, as user {uid}, cannot {cannot}; run: chown -R {uid} {paths}",
            uid=os.geteuid(),
            cannot=cannot,
            paths=" ".join(paths),
        )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
