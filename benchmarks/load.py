"""How much a run has to carry, and over how many links."""

from __future__ import annotations

from typing import NamedTuple

KIB, MIB = 1024, 1024 * 1024

_UNITS = ((MIB, "MiB"), (KIB, "KiB"), (1, "B"))
_TINY = 3


class Load(NamedTuple):
    """
    What an operation is measured with.

    @ivar size: of a payload, in bytes; 0 where there is none.
    @ivar links: the links that it is about.
    @ivar spare: further links, which some operations want.
    @ivar topics: how many topics each node follows.
    """

    size: int = 0
    links: int = 1
    spare: int = 0
    topics: int = 0

    def tiny(self) -> Load:
        """The same, with few of everything: it only shows that everything works."""
        links, spare, topics = (min(number, _TINY) for number in self[1:])
        return Load(self.size, links, spare, topics)


def sizeText(size: int) -> str:
    """Write a size as people do: C{16 KiB}."""
    for unit, name in _UNITS:
        if size % unit == 0:
            return f"{size // unit} {name}"
    raise AssertionError("every size is a multiple of a byte")
