"""The observers that write a node's log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LoggingFile,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from ..config.logging import LogConfig
from ..errors import SetupError
from .accepting import Accepting
from .files import NAME_PATTERN, LogFiles, isNamePattern
from .lines import LAYOUT, Line, jsonLine, layout
from .patience import PatientWriter, Write

LEVELS: Final = {
    "fatal": LogLevel.critical,
    "error": LogLevel.error,
    "warning": LogLevel.warn,
    "info": LogLevel.info,
    "debug": LogLevel.debug,
    "trace": LogLevel.debug,
}
"""FISCO BCOS's names of levels, and Twisted's."""

LOG_FORMS: Final = ("text", "json")
"""What a line may look like: FISCO BCOS's own way, or one JSON object."""

_ROTATE_AT: Final = 200 * 1024 * 1024
_KEEP: Final = 10

_log = Logger()


def makeObserver(
    level: str, file: Path | None, out: TextIO | None = None, form: str = "text"
) -> ILogObserver:
    """
    Make the observer that writes the log to one file or stream.

    @param level: FISCO BCOS's name of the lowest level that is written.
    @param file: where to; its folder is made, and at 200 MiB it is renamed, of which ten are kept;
        L{None} for C{out}.
    @param out: standard output, if not given.
    @param form: one of L{LOG_FORMS}.
    @raise SetupError: the file cannot be written.
    """
    if file is None:
        return Accepting(_observer(level, _line(form), _stream(out)))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        target = LogFile(
            file.name, str(file.parent), rotateLength=_ROTATE_AT, maxRotatedFiles=_KEEP
        )
    except OSError as error:
        raise SetupError(f"cannot log to {file}: {error.strerror}") from None

    def write(text: str) -> None:
        target.write(text)
        target.flush()

    return Accepting(_observer(level, _line(form), PatientWriter(write, str(file))))


def nodeObserver(
    config: LogConfig, form: str = "text", console: TextIO | None = None
) -> ILogObserver:
    """
    Make the observer that writes what C{[log]} asks for.

    @param form: one of L{LOG_FORMS}.
    @param console: standard output, if not given; it gets the log where C{config} wants that.  Of a
        log that is switched off, standard error still gets what ends the node.
    @raise SetupError: no file can be written there.
    """
    if not config.enabled:
        return makeObserver("fatal", None, sys.stderr, form)
    files = LogFiles(config.path, _namePattern(config), config.maxFileSize, config.hourly)
    try:
        files.open()
    except OSError as error:
        raise SetupError(f"cannot log to {config.path}: {error.strerror}") from None
    line = _line(form, config.format)
    observer = _observer(config.level, line, PatientWriter(files.write, str(config.path)))
    if config.console:
        observer = LogPublisher(observer, _observer(config.level, line, _stream(console)))
    return Accepting(observer)


def _observer(level: str, line: Line, write: Write) -> ILogObserver:
    observer: ILogObserver = FilteringLogObserver(
        _LineObserver(line, write), [LogLevelFilterPredicate(LEVELS[level])]
    )
    return observer


@implementer(ILogObserver)
class _LineObserver:
    def __init__(self, line: Line, write: Write) -> None:
        self._line = line
        self._write = write

    def __call__(self, event: LogEvent) -> None:
        text = self._line(event)
        if text:
            self._write(text)


def _stream(out: TextIO | None) -> Write:
    stream = _standardOutput() if out is None else out

    def write(text: str) -> None:
        stream.write(text)
        stream.flush()

    return PatientWriter(write, getattr(stream, "name", "standard output"))


def _line(form: str, template: str | None = None) -> Line:
    if form == "json":
        return jsonLine
    if template is not None:
        try:
            return layout(template)
        except ValueError as error:
            _log.warn("[log] format: {fault}; lines have the usual form", fault=str(error))
    return layout(LAYOUT)


def _namePattern(config: LogConfig) -> str:
    if config.namePattern is None:
        return NAME_PATTERN
    if isNamePattern(config.namePattern):
        return config.namePattern
    _log.warn(
        "[log] log_name_pattern: {pattern} has more than %Y %m %d %H %M %S; log files are called "
        "{usual}",
        pattern=config.namePattern,
        usual=NAME_PATTERN,
    )
    return NAME_PATTERN


def _standardOutput() -> Any:
    """What twistd may have put a way into the log in place of."""
    return sys.__stdout__ if isinstance(sys.stdout, LoggingFile) else sys.stdout
