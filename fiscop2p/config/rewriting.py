"""Changing the peers of a C{config.ini}; the file is as it was, or as it shall be."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkstemp
from typing import Final

from twisted.logger import Logger

from ..errors import ConfigError, RewriteFailed
from ..reading import readWhole
from ..settings import Address
from .inifile import IniFile, Section, decoded, encoded
from .known import NUMBERED

_SECTION: Final = "p2p"
_PREFIX: Final = NUMBERED[_SECTION]
_INDENT: Final = "    "
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")

# What FISCO BCOS nodes answer.
_NOT_OPENED: Final = "fail to open config file"
_NOT_INSERTED: Final = "fail to insert peers' data into config file"
_NOT_CREATED: Final = "fail to create a tmp config file"
_NOT_WRITTEN: Final = "fail to output data to config file as expected"
_NOT_RENAMED: Final = "fail to rename the config file"

_log = Logger()


def rewritePeers(path: Path | str, addresses: Iterable[Address]) -> None:
    """
    Let the C{node.N} lines of C{[p2p]} name these addresses, and no others.

    Lines of addresses that stay are not touched, nor is anything else: comments, order, indents,
    line ends.  New addresses come after the last C{node.N} line, with the next free number.  A
    symbolic link is followed; the file keeps its owner and mode.

    @raise RewriteFailed: with one of FISCO BCOS's messages; the file is as it was.
    """
    wanted = list(dict.fromkeys(addresses))
    file = Path(os.path.realpath(path))
    text = _read(file)
    changed = _withPeers(text, file, wanted)
    if changed != text:
        _replace(file, _checked(changed, file, wanted))


@contextmanager
def _failing(message: str, file: Path) -> Iterator[None]:
    """Make a L{RewriteFailed} of what the system says."""
    try:
        yield
    except OSError as error:
        raise RewriteFailed(message, f"{file}: {error.strerror}") from None


def _read(file: Path) -> str:
    with _failing(_NOT_OPENED, file):
        content = readWhole(file)
    if not os.access(file, os.W_OK):
        raise RewriteFailed(_NOT_OPENED, f"{file}: must not be written to; give write permission")
    try:
        return decoded(content, str(file))
    except ConfigError as error:
        raise RewriteFailed(_NOT_OPENED, str(error)) from None


def _parsed(text: str, file: Path, message: str) -> tuple[IniFile, list[Address]]:
    """Read a text and the peers in it, which must be good."""
    ini = IniFile.parse(text, str(file))
    peers = ini.values(_SECTION, _PREFIX, Address.parse)
    if ini.errors:
        raise RewriteFailed(message, str(ini.errors[0]))
    return ini, peers


def _withPeers(text: str, file: Path, wanted: list[Address]) -> str:
    """Change the peers in a text."""
    ini, peers = _parsed(text, file, _NOT_INSERTED)
    if _SECTION not in ini.sections:
        raise RewriteFailed(_NOT_INSERTED, f"{file}: there is no [{_SECTION}] in it")
    section = ini.sections[_SECTION]
    lines: list[str] = _LINES.findall(text)
    present = {key: entry.line for key, entry in section.entries.items() if _isPeer(key)}
    kept = [key for key, peer in zip(present, peers, strict=True) if peer in wanted]
    removed = {line for key, line in present.items() if key not in kept}
    last = max(present.values(), default=section.line)

    end = "\r\n" if "\r\n" in text else "\n"
    indent = _indent(section, lines)
    new = [address for address in wanted if address not in peers]
    added = [f"{indent}{key}={peer}{end}" for key, peer in zip(_freeKeys(kept), new, strict=False)]
    result = []
    for number, line in enumerate(lines, 1):
        if number not in removed:
            result.append(line)
        if number == last and added:
            if not result[-1].endswith("\n"):
                result[-1] += end
            result += added
    changed = "".join(result)
    return changed if text.endswith("\n") else changed.removesuffix("\n").removesuffix("\r")


def _isPeer(key: str) -> bool:
    return key.startswith(_PREFIX)


def _indent(section: Section, lines: list[str]) -> str:
    """The blanks before the last peer, or else before the last key of the section."""
    entries = section.entries
    keys = [key for key in entries if _isPeer(key)] or list(entries)
    if not keys:
        return _INDENT
    line = lines[entries[keys[-1]].line - 1]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _freeKeys(taken: list[str]) -> Iterator[str]:
    """Give keys that are not taken, with ever greater numbers."""
    numbers = (key.removeprefix(_PREFIX) for key in taken)
    highest = max((int(number) for number in numbers if _NUMBER.fullmatch(number)), default=-1)
    keys = (f"{_PREFIX}{number}" for number in count(highest + 1))
    return (key for key in keys if key not in taken)


def _checked(changed: str, file: Path, wanted: list[Address]) -> bytes:
    """Encode a text, once it says what it shall."""
    _, peers = _parsed(changed, file, _NOT_WRITTEN)
    if set(peers) != set(wanted):
        raise RewriteFailed(_NOT_WRITTEN, f"{file}: one of the new peers is no address")
    try:
        content = encoded(changed)
        decoded(content, str(file))
        return content
    except (UnicodeEncodeError, ConfigError):
        raise RewriteFailed(_NOT_WRITTEN, f"{file}: one of the new peers is no text") from None


def _replace(file: Path, content: bytes) -> None:
    """Put a new file in the place of another."""
    with _failing(_NOT_CREATED, file):
        status = file.stat()
        descriptor, name = mkstemp(".tmp", f"{file.name}.", file.parent)
    temporary = Path(name)
    try:
        with _failing(_NOT_WRITTEN, file), os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            _makeAlike(descriptor, status)
            os.fsync(descriptor)
        with _failing(_NOT_RENAMED, file):
            temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _syncFolder(file.parent)


def _makeAlike(descriptor: int, wanted: os.stat_result) -> None:
    """Give a file the owner and the mode of another."""
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (wanted.st_uid, wanted.st_gid):
        os.fchown(descriptor, wanted.st_uid, wanted.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(wanted.st_mode))


def _syncFolder(folder: Path) -> None:
    """Let the new file outlive a loss of power, where the file system can do that."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        _log.warn("{folder}: may not be on the disk yet: {why}", folder=folder, why=error.strerror)
