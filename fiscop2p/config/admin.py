"""What C{[admin]} says of how a running node can be asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from ..errors import SetupError
from ..reading import readWhole
from ..settings import Address
from .inifile import IniFile, unexpected
from .known import readConfig

SOCKET: Final = "admin.sock"
"""The UNIX socket beside C{config.ini}, unless the file names another."""

_SECTION: Final = "admin"
_OFF: Final = "off"
_UNIX: Final = "unix:"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,256}")
_NO_NAMES: Final[frozenset[str]] = frozenset()
_NAME: Final = re.compile(r"[0-9a-z_-]+(\.[0-9a-z_-]+)*")


@dataclass(frozen=True)
class AdminConfig:
    """
    Where a node is asked, and who may act.

    @ivar socket: the UNIX socket.
    @ivar isNamed: whether the file names it; one that it does not is done without where it cannot
        be made.
    @ivar address: where HTTP is served over TCP, too, or L{None} if nowhere.
    @ivar token: what those must know who act over TCP, or L{None} if nobody may.
    @ivar names: host names that it is asked by over TCP, in lower case, beside those that no
        stranger can have.
    """

    socket: Path
    isNamed: bool = False
    address: Address | None = None
    token: str | None = field(default=None, repr=False)
    names: frozenset[str] = frozenset()


def adminFromConfig(path: Path | str) -> AdminConfig | None:
    """
    Read what a C{config.ini} says of it, and nothing else.

    @return: L{None} if it is off.
    @raise ConfigError: there is no such file, or it cannot be read, or there is a mistake in it.
    """
    ini = readConfig(path)
    found = readAdmin(ini, Path(path).absolute().parent)
    ini.check()
    return found


def readAdmin(ini: IniFile, folder: Path) -> AdminConfig | None:
    """
    Take it out of a file.

    @param folder: where relative paths start.
    @return: L{None} if it is off.
    """
    token = ini.value(_SECTION, "token_file", partial(_tokenIn, folder), None)
    token = ini.value(_SECTION, "token", _token, token)
    names = ini.value(_SECTION, "names", _names, _NO_NAMES)
    at = ini.value(_SECTION, "listen", _place, None)
    if at == _OFF:
        return None
    if isinstance(at, Address):
        return AdminConfig(folder / SOCKET, False, at, token, names)
    return AdminConfig(folder / (at or SOCKET), at is not None, None, token, names)


def _place(text: str) -> Address | str | None:
    """Where to listen: an address, the path of a socket, or C{off}."""
    if text == _OFF:
        return text
    if text.startswith(_UNIX) and text != _UNIX:
        return text.removeprefix(_UNIX)
    try:
        address = Address.parse(text)
    except SetupError:
        address = None
    if address is None or not (address.isIPv4 or address.isIPv6):
        raise unexpected("ip:port, [ipv6]:port, unix:PATH or off", text)
    return address


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        # What is wrong with a secret is not for a log.
        raise ValueError(
            "expected 16 to 256 letters, digits and signs without blanks; "
            "make one with: openssl rand -hex 16"
        )
    return text


def _tokenIn(folder: Path, text: str) -> str:
    file = folder / text
    try:
        return _token(readWhole(file).decode().strip())
    except OSError as error:
        raise ValueError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def _names(text: str) -> frozenset[str]:
    found = frozenset(each.strip().lower().rstrip(".") for each in text.split(","))
    if not all(map(_NAME.fullmatch, found)):
        raise unexpected("host names with commas between them", text)
    return found
