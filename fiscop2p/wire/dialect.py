"""
The two headers a FISCO BCOS 2.x network may speak, RC1 and RC2, and what their fields mean.

Every node of a network speaks the same dialect; C{[compatibility] supported_version} chooses it.
All integers are big-endian.  Source: FISCO BCOS 2.x P2P protocol.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from typing import Final

from ..errors import EncodingError

AMOP: Final = 1
TOPIC: Final = 2
PBFT: Final = 8
BLOCK_SYNC: Final = 9
TX_POOL: Final = 10
RAFT: Final = 11
NODE_STATUS: Final = 100
"""Module of our own, which FISCO BCOS nodes ignore: the status that an application sets."""

COMPRESSED: Final = 0x8000
"""The bit of the RC2 version word that says: the payload is a raw snappy block."""


class Dialect(ABC):
    """
    One frame header: how it is packed, and how group and module make a protocolID.

    @ivar name: C{"RC1"} or C{"RC2"}.
    @ivar headerSize: in bytes.
    @ivar header: the L{struct.Struct} that unpacks length, version, protocolID, packetType, seq.
    @ivar canCompress: whether the header has a place for the compression flag.
    """

    name: str
    headerSize: int
    header: struct.Struct
    canCompress: bool
    _groupShift: int
    _groupLimit: int

    @abstractmethod
    def encode(
        self, protocolID: int, packetType: int, seq: int, payload: bytes, version: int = 0
    ) -> bytes:
        """
        Put the header before the payload.

        @param protocolID: positive for a request, negative for a response.
        @param packetType: 0..65535, the module defines it.
        @param seq: 0..2**32-1.
        @param payload: as it is to be transmitted.
        @param version: L{COMPRESSED} if the payload is a raw snappy block; RC1 has no such word.
        @raise EncodingError: a number does not fit its field.
        """

    def protocolID(self, group: int, module: int) -> int:
        """
        Join group and module.

        @raise EncodingError: either is out of the dialect's range.
        """
        if not (0 <= group <= self._groupLimit and 0 <= module < 1 << self._groupShift):
            raise EncodingError(
                f"{self.name} has no protocolID for group {group}, module {module}: group must be "
                f"0..{self._groupLimit}, module 0..{(1 << self._groupShift) - 1}"
            )
        return group << self._groupShift | module

    def groupAndModule(self, protocolID: int) -> tuple[int, int]:
        """Split the protocolID of a request or a response."""
        return divmod(abs(protocolID), 1 << self._groupShift)

    def __repr__(self) -> str:
        return f"<Dialect {self.name}>"


def _outOfRange(name: str, protocolID: int, packetType: int, seq: int, size: int) -> EncodingError:
    return EncodingError(
        f"no {name} header holds protocolID {protocolID}, packetType {packetType}, seq {seq} "
        f"and {size} bytes"
    )


class _RC2(Dialect):
    """Length, version, protocolID, packetType, seq: 16 bytes; every chain since 2.0.0-rc2."""

    name = "RC2"
    headerSize = 16
    header = struct.Struct(">IHiHI")
    canCompress = True
    _groupShift = 16
    _groupLimit = 0x7FFF

    def encode(
        self, protocolID: int, packetType: int, seq: int, payload: bytes, version: int = 0
    ) -> bytes:
        try:
            return _packRC2(16 + len(payload), version, protocolID, packetType, seq) + payload
        except struct.error:
            raise _outOfRange("RC2", protocolID, packetType, seq, len(payload)) from None


class _RC1(Dialect):
    """Length, protocolID, packetType, seq: 12 bytes; chains of 2.0.0-rc1."""

    name = "RC1"
    headerSize = 12
    # The field of no bytes stands where RC2 has its version: both headers unpack to five values.
    header = struct.Struct(">I0shHI")
    canCompress = False
    _groupShift = 8
    _groupLimit = 0x7F

    def encode(
        self, protocolID: int, packetType: int, seq: int, payload: bytes, version: int = 0
    ) -> bytes:
        if version:
            raise EncodingError("RC1 frames have no version word: they cannot be compressed")
        try:
            return _packRC1(12 + len(payload), b"", protocolID, packetType, seq) + payload
        except struct.error:
            raise _outOfRange("RC1", protocolID, packetType, seq, len(payload)) from None


_packRC1 = _RC1.header.pack
_packRC2 = _RC2.header.pack

RC1: Final[Dialect] = _RC1()
RC2: Final[Dialect] = _RC2()
