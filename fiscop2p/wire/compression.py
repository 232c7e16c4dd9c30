"""Raw snappy blocks, as FISCO BCOS 2.x compresses payloads of more than 1024 bytes."""

from __future__ import annotations

from typing import Final

from cramjam import DecompressionError, snappy

from ..errors import FrameTooLong, UndecodablePayload

THRESHOLD: Final = 1024
"""Payloads up to this many bytes travel as they are."""

_LEAST_SAVED: Final = 8
"""To save less than an eighth of a payload is not worth the time that it takes both sides: a topic
message whose content does not shrink saves five zeros of its header."""

# The shortest snappy element that copies 64 bytes takes 3; nothing expands more than that.
_MOST_EXPANSION: Final = 22


def compress(payload: bytes) -> bytes | None:
    """
    Make a raw snappy block of the payload.

    @return: the block, or L{None} where it would not save enough: a frame without the flag is
        always legal.
    """
    block = snappy.compress_raw(payload)
    saved = len(payload) - len(block)
    return bytes(block) if saved * _LEAST_SAVED >= len(payload) else None


def decompress(block: bytes, limit: int) -> bytes:
    """
    Undo L{compress}; nothing is allocated before the declared size has been judged.

    @param limit: the most bytes that the payload may have.
    @raise FrameTooLong: the block declares more than C{limit}.
    @raise UndecodablePayload: the block is not snappy, or declares more than it can hold.
    """
    try:
        size = snappy.decompress_raw_len(block)
        if size > limit:
            raise FrameTooLong(
                f"a compressed payload declares {size} bytes, the limit is {limit} bytes"
            )
        if size > len(block) * _MOST_EXPANSION:
            raise UndecodablePayload(
                f"a compressed payload of {len(block)} bytes declares {size} bytes: no snappy "
                "block expands so far"
            )
        return bytes(snappy.decompress_raw(block))
    except DecompressionError as error:
        raise UndecodablePayload(
            f"a compressed payload of {len(block)} bytes is not a snappy block: {error}"
        ) from None
