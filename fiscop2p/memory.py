"""What a node asks of the allocator of C."""

from __future__ import annotations

from typing import Final

_LARGE: Final = 31 * 1024 * 1024
"""From 32 MiB on glibc gives a block back whatever was freed before."""


def keepFreedMemory() -> None:
    """
    Have malloc keep what large messages free, for the next ones.

    glibc gives large blocks back to the system when they are freed, and whoever takes such a block
    again pays for every page of it.  From which size on it does so follows the largest block that
    was ever freed: so free one, which costs nothing, for it was never touched.  Other allocators do
    not care.
    """
    bytearray(_LARGE)
