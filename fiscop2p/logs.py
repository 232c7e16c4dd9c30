"""Where a node's log goes, and how much of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from .errors import SetupError

LEVELS: Final = {
    "fatal": LogLevel.critical,
    "error": LogLevel.error,
    "warning": LogLevel.warn,
    "info": LogLevel.info,
    "debug": LogLevel.debug,
    "trace": LogLevel.debug,
}
"""FISCO BCOS's names of levels, and Twisted's."""

_ROTATE_AT: Final = 200 * 1024 * 1024
_KEEP: Final = 10


def makeObserver(level: str, file: Path | None, out: TextIO | None = None) -> ILogObserver:
    """
    Make the observer that writes a node's log.

    @param level: FISCO BCOS's name of the lowest level that is written.
    @param file: where to; its folder is made; L{None} for C{out}.
    @param out: standard output, if not given.
    @raise SetupError: the file cannot be written.
    """
    target: Any
    if file is None:
        target = sys.stdout if out is None else out
    else:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            target = LogFile(
                file.name, str(file.parent), rotateLength=_ROTATE_AT, maxRotatedFiles=_KEEP
            )
        except OSError as error:
            raise SetupError(f"cannot log to {file}: {error.strerror}") from None
    observer: ILogObserver = FilteringLogObserver(
        textFileLogObserver(target), [LogLevelFilterPredicate(LEVELS[level])]
    )
    return observer
