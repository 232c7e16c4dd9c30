"""What C{[log]} says of a node's log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOG_LEVELS: Final = ("fatal", "error", "warning", "info", "debug", "trace")
"""The levels of C{[log] level}, from the fewest lines to the most."""


@dataclass(frozen=True)
class LogConfig:
    """
    What a node logs, and where.

    @ivar path: the directory of the log files.
    @ivar enabled: whether there is to be a log.
    @ivar level: one of L{LOG_LEVELS}.
    @ivar console: whether standard output gets the log, too.
    @ivar maxFileSize: in bytes: a file that is longer is followed by the next.
    @ivar hourly: whether every hour has a file of its own.
    @ivar flush: whether every line is in the file at once.
    @ivar format: the layout of a line, that of Boost.Log, or L{None} for FISCO BCOS's own.
    @ivar namePattern: how log files are called, or L{None} for FISCO BCOS's own way.
    """

    path: Path
    enabled: bool = True
    level: str = "info"
    console: bool = False
    maxFileSize: int = 1024 * 1024 * 1024
    hourly: bool = True
    flush: bool = True
    format: str | None = None
    namePattern: str | None = None
