"""What a node asks of the allocator of C."""

from __future__ import annotations

from functools import cache
from typing import Final

_LARGE: Final = 31 * 1024 * 1024
"""From 32 MiB on glibc gives a block back whatever was freed before."""


@cache
def keepFreedMemory() -> None:
    """
    Have malloc keep what large messages free, for the next ones.

    glibc gives large blocks back to the system when they are freed, and whoever takes such a block
    again pays for every page of it.  From which size on it does so follows the largest block that
    was ever freed: so free one, which costs nothing, for it was never touched.  That is done once
    in a process: the next such block would be kept itself.  Other allocators do not care.

    What is kept is at most twice as much at the end of the heap, and only once it has been used.
    """
    # Not a bytearray: that writes its zeros, and so takes every page.
    bytes(_LARGE)
