"""
Block sync, as far as a node without a chain reads it: how high a peer's chain is.

A payload is one byte that says what it is, and one RLP item.  Source: FISCO BCOS 2.x block sync.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import MalformedMessage
from .rlp import decodeInteger, decodeStrings, encodeInteger, encodeStrings, measure

STATUS: Final = 0x01
"""First byte: the height of a chain, and its first and last block."""

_MOST_KINDS: Final = 0x7F
_HASH_SIZE: Final = 32


def packetKind(payload: bytes) -> int:
    """
    Check the outer form of any block sync payload.

    @return: its first byte.
    @raise MalformedMessage: it is not one byte up to 0x7f and one RLP item.
    """
    if len(payload) < 2 or payload[0] > _MOST_KINDS or measure(payload, 1)[2] != len(payload):
        raise MalformedMessage(
            f"a block sync message of {len(payload)} bytes that is not a type and one RLP item"
        )
    return payload[0]


class SyncStatus(NamedTuple):
    """
    What a node tells of the chain of one group.

    @ivar number: of its latest block.
    @ivar genesisHash: 64 hex digits, lower case.
    @ivar latestHash: the same of the latest block.
    @ivar alignedTime: the node's clock in milliseconds of UTC, corrected by those of its peers;
        L{None} from chains below 2.6.0.
    """

    number: int
    genesisHash: str
    latestHash: str
    alignedTime: int | None = None

    def encode(self) -> bytes:
        """Make the whole payload."""
        strings = [
            encodeInteger(self.number),
            bytes.fromhex(self.genesisHash),
            bytes.fromhex(self.latestHash),
        ]
        if self.alignedTime is not None:
            strings.append(encodeInteger(self.alignedTime))
        return bytes((STATUS,)) + encodeStrings(strings)

    @classmethod
    def decode(cls, payload: bytes) -> SyncStatus:
        """
        Read a payload whose L{packetKind} is L{STATUS}.

        @raise MalformedMessage: it is not a list of number, two hashes, and maybe a time.
        """
        isList, begin, end = measure(payload, 1)
        strings = decodeStrings(payload[begin:end], 4) if isList else []
        if len(strings) < 3 or not len(strings[1]) == len(strings[2]) == _HASH_SIZE:
            raise MalformedMessage(
                "a block sync status that is not a list of a number, two hashes and maybe a time"
            )
        number, genesisHash, latestHash, *rest = strings
        alignedTime = decodeInteger(rest[0]) if rest else None
        return cls(decodeInteger(number), genesisHash.hex(), latestHash.hex(), alignedTime)
