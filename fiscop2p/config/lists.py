"""
The black list and the white list of a C{config.ini}.

An entry that is wrong is no reason not to run, but the door is never wider than what is written: a
white list lets in its legal entries alone, even if there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..access import AccessLists
from ..errors import ConfigError
from . import values
from .inifile import IniFile
from .known import NUMBERED, readConfig

_BLACK: Final = "certificate_blacklist"
_WHITE: Final = "certificate_whitelist"


@dataclass(frozen=True)
class WrittenLists:
    """
    What a file says of who is let in.

    @ivar access: its lists.
    @ivar blackFaults: what is wrong with entries of the black list, and what comes of it.
    @ivar whiteFaults: the same of the white list.
    """

    access: AccessLists
    blackFaults: tuple[ConfigError, ...] = ()
    whiteFaults: tuple[ConfigError, ...] = ()


def loadLists(path: Path | str, sections: Iterable[str] = ()) -> WrittenLists:
    """
    Read the lists of a C{config.ini}, and nothing else in it.

    @param sections: those that were in it before.
    @raise ConfigError: there is no such file, or it cannot be read, or a line in it is none of an
        INI file, or it lacks a section.
    """
    ini = readConfig(path, sections)
    ini.check()
    return readLists(ini)


def readLists(ini: IniFile) -> WrittenLists:
    """Take both lists out of a file."""
    black: list[str] = []
    white: list[str] | None = None
    blackFaults: list[ConfigError] = []
    whiteFaults: list[ConfigError] = []
    for key, nodeID, fault in _entries(ini, _BLACK):
        if nodeID is not None:
            black.append(nodeID)
        if fault:
            effect = "it keeps nobody out" if nodeID is None else "its node is kept out even so"
            blackFaults.append(ini.fault(_BLACK, key, f"{fault}; {effect}"))
    for key, nodeID, fault in _entries(ini, _WHITE):
        white = white or []
        if fault:
            whiteFaults.append(ini.fault(_WHITE, key, f"{fault}; it lets nobody in"))
        elif nodeID is not None:
            white.append(nodeID)
    return WrittenLists(
        AccessLists(frozenset(black), None if white is None else frozenset(white)),
        tuple(blackFaults),
        tuple(whiteFaults),
    )


def _entries(ini: IniFile, name: str) -> Iterator[tuple[str, str | None, str]]:
    """
    Go through a list.

    @return: of each entry its key, its node ID if it is one, and what is wrong with it, if
        anything is.
    """
    prefix = NUMBERED[name]
    entries = ini.sections[name].entries if name in ini.sections else {}
    for key, entry in entries.items():
        fault = "" if key.startswith(prefix) else f"expected {prefix}0, {prefix}1 and so on as key"
        try:
            yield key, values.nodeID(entry.value), fault
        except ValueError as error:
            yield key, None, fault or str(error)
