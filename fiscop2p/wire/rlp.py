"""RLP as block sync needs it: strings in a list, each item in its one canonical form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..errors import MalformedMessage

_STRING: Final = 0x80
_LIST: Final = 0xC0
_SHORT: Final = 55


def measure(data: bytes, start: int) -> tuple[bool, int, int]:
    """
    Find the content of the item that begins at a byte of the data.

    @return: whether the item is a list, where its content begins, and where it ends.
    @raise MalformedMessage: it goes beyond the data, or is not canonical.
    """
    first = data[start]
    if first < _STRING:
        return False, start, start + 1
    isList = first >= _LIST
    begin, size = start + 1, first - (_LIST if isList else _STRING)
    if size > _SHORT:
        digits = data[begin : begin + size - _SHORT]
        begin, size = begin + size - _SHORT, int.from_bytes(digits, "big")
        canonical = size > _SHORT and digits[0] != 0
    else:
        canonical = isList or size != 1 or data[begin : begin + 1] >= b"\x80"
    if not canonical or begin + size > len(data):
        raise MalformedMessage(f"the RLP item at byte {start} is cut short or not canonical")
    return isList, begin, begin + size


def decodeStrings(content: bytes, most: int) -> list[bytes]:
    """
    Read the content of a list of strings.

    @raise MalformedMessage: there are more, or a list is among them, or one is malformed.
    """
    strings: list[bytes] = []
    end = 0
    while end < len(content):
        isList, begin, end = measure(content, end)
        if isList or len(strings) == most:
            raise MalformedMessage(f"an RLP list of something else than {most} strings or fewer")
        strings.append(content[begin:end])
    return strings


def encodeStrings(strings: Iterable[bytes]) -> bytes:
    """Make a list of strings."""
    return _encode(_LIST, b"".join(map(_encodeString, strings)))


def _encodeString(string: bytes) -> bytes:
    return string if len(string) == 1 and string < b"\x80" else _encode(_STRING, string)


def _encode(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size <= _SHORT:
        return bytes((kind + size,)) + content
    digits = encodeInteger(size)
    return bytes((kind + _SHORT + len(digits),)) + digits + content


def decodeInteger(string: bytes) -> int:
    """
    Read a number from 0 to 2**64-1.

    @raise MalformedMessage: it has more bytes, or begins with a zero.
    """
    if len(string) > 8 or string[:1] == b"\0":
        raise MalformedMessage(f"{string[:9].hex()} is not an RLP number of 64 bits")
    return int.from_bytes(string, "big")


def encodeInteger(number: int) -> bytes:
    """Undo L{decodeInteger}."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
