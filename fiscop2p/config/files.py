"""What C{[files]} says of the files that other nodes may leave here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..modules.files import FilesConfig
from . import values
from .inifile import IniFile

_SECTION: Final = "files"


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
