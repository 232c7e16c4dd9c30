"""What C{[files]} says of the files that other nodes may leave here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import values
from .inifile import IniFile

_SECTION: Final = "files"
_MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class FilesConfig:
    """
    Where files of other nodes go, and how many of them.

    @ivar folder: they are in a folder of each sender in it.
    @ivar maxFileSize: in bytes, of one file.
    @ivar maxTotalSize: in bytes, of all files that are there.
    """

    folder: Path
    maxFileSize: int = 1024 * _MEBIBYTE
    maxTotalSize: int = 10 * 1024 * _MEBIBYTE


def readFiles(ini: IniFile, folder: Path) -> FilesConfig | None:
    """
    Read C{[files]}; mistakes are noted in C{ini}.

    @param folder: where relative paths start.
    @return: L{None} if there is no such section: then nobody may leave files.
    """
    if _SECTION not in ini.sections:
        return None
    ini.expect(_SECTION, "folder")
    return FilesConfig(
        folder / ini.value(_SECTION, "folder", values.place, "files"),
        ini.value(_SECTION, "max_file_size", values.mebibytes, FilesConfig.maxFileSize),
        ini.value(_SECTION, "max_total_size", values.mebibytes, FilesConfig.maxTotalSize),
    )
