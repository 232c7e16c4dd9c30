"""
What the values of a C{config.ini} may be.

Each function reads one, and raises L{ValueError} with what was expected and what was found.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from ..identity import isNodeID
from ..version import PROTOCOL_VERSION
from ..wire.dialect import RC1, RC2, Dialect
from .inifile import boolean, unexpected
from .logging import LOG_LEVELS

_VERSION: Final = re.compile(r"2\.([0-9]{1,3})\.([0-9]{1,3})")
_NEWEST: Final = int(PROTOCOL_VERSION.split(".")[1])
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?|\.[0-9]{1,9}")


_MEBIBYTE: Final = 1024 * 1024
_LEAST_LOG_SIZE: Final = 100


def place(text: str) -> str:
    """The name of a file or directory."""
    if not text:
        raise unexpected("the name of a file or directory", text)
    return text


def ip(text: str) -> str:
    """An IP address to listen on."""
    try:
        ip_address(text)
    except ValueError:
        raise unexpected("an IP address, 0.0.0.0 or :: for all", text) from None
    return text


def countingNumber(text: str) -> int:
    """A whole number from 1."""
    if _NUMBER.fullmatch(text) and int(text):
        return int(text)
    raise unexpected("a whole number from 1 to 999999999", text)


def bandwidth(text: str) -> float:
    """Megabits a second, C{2} or C{0.5}; given back in bytes."""
    if _DECIMAL.fullmatch(text) and float(text):
        return float(text) * _MEBIBYTE / 8
    raise unexpected("a number of Mb above 0, 2 or 0.5", text)


def version(text: str) -> str:
    """The version of a chain."""
    release = _VERSION.fullmatch(text)
    if text in ("2.0.0-rc1", "2.0.0-rc2", "2.0.0-rc3") or (
        release and int(release[1]) <= _NEWEST and int(release[2]) <= 255
    ):
        return text
    raise unexpected(
        f"2.0.0-rc1, 2.0.0-rc2, 2.0.0-rc3 or a release, 2.0.0 to 2.{_NEWEST}.255", text
    )


def dialectOf(chainVersion: str) -> Dialect:
    """The dialect of a chain's version."""
    return RC1 if chainVersion == "2.0.0-rc1" else RC2


def nodeID(text: str) -> str:
    """A node ID, in letters of any case, perhaps with 0x before it."""
    found = text.lower().removeprefix("0x")
    if not isNodeID(found) or not found.strip("0"):
        error = unexpected("a node ID, 128 hexadecimal digits and not all 0", text)
        raise ValueError(f"{error} ({len(text)} characters)")
    return found


def mebibytes(text: str) -> int:
    """A size in MB; given back in bytes."""
    return countingNumber(text) * _MEBIBYTE


def logSize(text: str) -> int:
    """The size of a log file in MB, which is never less than 100; given back in bytes."""
    return max(countingNumber(text), _LEAST_LOG_SIZE) * _MEBIBYTE


def logLevel(text: str) -> str:
    """One of L{LOG_LEVELS}."""
    if text not in LOG_LEVELS:
        raise unexpected(f"one of {', '.join(LOG_LEVELS)}", text)
    return text


def noSM(text: str) -> None:
    """Only false."""
    if boolean(text):
        raise ValueError(
            "true, but networks of the Chinese SM algorithms use another TLS, which is not "
            "supported here"
        )


def noStorageSecurity(text: str) -> None:
    """Only false."""
    if boolean(text):
        raise ValueError(
            "true, but a node key that a key manager has encrypted is not supported here; "
            "give the node an unencrypted one, and false"
        )
