"""
The two headers a FISCO BCOS 2.x network may speak, RC1 and RC2, and what their fields mean.

Every node of a network speaks the same dialect; C{[compatibility] supported_version} chooses it.
All integers are big-endian.  Source: FISCO BCOS 2.x P2P protocol.
"""

from __future__ import annotations

import struct
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

MESSAGE: Final = 101
"""The same: messages of operators."""

FILES: Final = 102
"""The same: files that go from node to node."""

COMPRESSED: Final = 0x8000
"""The bit of the RC2 version word that says: the payload is a raw snappy block."""


class Dialect:
    """
    One frame header: how it is packed, and how group and module make a protocolID.

    @ivar name: C{"RC1"} or C{"RC2"}.
    @ivar layout: the L{struct.Struct} of length, version, protocolID, packetType, seq.
    @ivar headerSize: in bytes.
    @ivar plain: the version of a payload that is not compressed.
    @ivar canCompress: whether the header has a place for the compression flag.
    """

    def __init__(
        self, name: str, layout: str, plain: object, canCompress: bool, groupBits: int, shift: int
    ) -> None:
        """
        @param layout: the format of the header, as of L{struct}.
        @param groupBits: how many bits a group number has.
        @param shift: how many bits a module number has.
        """
        self.name = name
        self.layout = struct.Struct(layout)
        self.headerSize = self.layout.size
        self.plain = plain
        self.canCompress = canCompress
        self._groups = 1 << groupBits
        self._modules = 1 << shift

    def header(
        self, size: int, protocolID: int, packetType: int, seq: int, version: int = 0
    ) -> bytes:
        """
        Make the header of a frame.

        @param size: how many bytes the payload has as it is transmitted.
        @param protocolID: positive for a request, negative for a response.
        @param packetType: 0..65535, the module defines it.
        @param seq: 0..2**32-1.
        @param version: L{COMPRESSED} if the payload is a raw snappy block; RC1 has no such word.
        @raise EncodingError: a number does not fit its field.
        """
        if version and not self.canCompress:
            raise EncodingError(f"{self.name} frames have no version: they cannot be compressed")
        try:
            return self.layout.pack(
                self.headerSize + size, version or self.plain, protocolID, packetType, seq
            )
        except struct.error:
            raise EncodingError(
                f"no {self.name} header holds protocolID {protocolID}, packetType {packetType}, "
                f"seq {seq} and {size} bytes"
            ) from None

    def encode(
        self, protocolID: int, packetType: int, seq: int, payload: bytes, version: int = 0
    ) -> bytes:
        """Make a whole frame; see L{header}."""
        return self.header(len(payload), protocolID, packetType, seq, version) + payload

    def protocolID(self, group: int, module: int) -> int:
        """
        Join group and module.

        @raise EncodingError: either is out of the dialect's range.
        """
        if not (0 <= group < self._groups and 0 <= module < self._modules):
            raise EncodingError(
                f"{self.name} has no protocolID for group {group}, module {module}: group must be "
                f"0..{self._groups - 1}, module 0..{self._modules - 1}"
            )
        return group * self._modules + module

    def groupAndModule(self, protocolID: int) -> tuple[int, int]:
        """Split the protocolID of a request or a response."""
        return divmod(abs(protocolID), self._modules)

    def __repr__(self) -> str:
        return f"<Dialect {self.name}>"


# The field of no bytes stands where RC2 has its version: so both headers have five values.
RC1: Final = Dialect("RC1", ">I0shHI", b"", canCompress=False, groupBits=7, shift=8)
"""12 bytes; chains of 2.0.0-rc1."""

RC2: Final = Dialect("RC2", ">IHiHI", 0, canCompress=True, groupBits=15, shift=16)
"""16 bytes; every chain since 2.0.0-rc2."""
