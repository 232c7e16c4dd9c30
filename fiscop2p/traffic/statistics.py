"""How many bytes went over the links, by AMOP and by group, as FISCO BCOS counts them."""

from __future__ import annotations

from typing import Final

from ..wire.dialect import (
    AMOP,
    BLOCK_SYNC,
    FILES,
    MESSAGE,
    NODE_STATUS,
    PBFT,
    RAFT,
    TOPIC,
    TX_POOL,
    Dialect,
)
from .volume import Volume

MAX_GROUPS: Final = 256
"""Groups that are counted apart: a peer may name as many as it likes."""

MAX_MODULES: Final = 64
"""Modules that are counted apart, for the same reason; the others are C{other}."""

_MANY: Final = 1024
_NAMES: Final = {
    AMOP: "amop",
    TOPIC: "topic",
    PBFT: "pbft",
    BLOCK_SYNC: "block_sync",
    TX_POOL: "tx_pool",
    RAFT: "raft",
    NODE_STATUS: "status",
    MESSAGE: "message",
    FILES: "files",
}


class Statistics:
    """
    Bytes on the wire, frame headers included, since the last L{reset}.

    AMOP has a pair of counters; every group has its consensus (PBFT, Raft), its block sync, and the
    total, in which everything else under a protocolID of the group is counted too.  What belongs to
    no group and is not AMOP, the sync of topics and status first of all, is not counted.

    """

    def __init__(self, dialect: Dialect) -> None:
        self._unsettled: dict[int, Volume] = {}
        self._modules: dict[str, Volume] = {}
        self._split = dialect.groupAndModule
        self._amop = _Flow()
        self._groups: dict[int, _Group] = {}
        self._uncounted = 0

    @property
    def modules(self) -> dict[str, Volume]:
        """All that has been counted, by the name of the module, or its number; never reset."""
        self._settle()
        return self._modules

    @property
    def uncounted(self) -> int:
        """Bytes of the groups beyond L{MAX_GROUPS}."""
        self._settle()
        return self._uncounted

    def came(self, protocolID: int, frames: int, size: int) -> None:
        """Count frames that have come, and their bytes."""
        volume = self._unsettled.get(protocolID) or self._begin(protocolID)
        volume.framesReceived += frames
        volume.bytesReceived += size

    def left(self, protocolID: int, frames: int, size: int) -> None:
        """Count frames that were sent, and their bytes."""
        volume = self._unsettled.get(protocolID) or self._begin(protocolID)
        volume.framesSent += frames
        volume.bytesSent += size

    def _begin(self, protocolID: int) -> Volume:
        """A peer may use as many protocolIDs as it likes; few are kept."""
        if len(self._unsettled) >= _MANY:
            self._settle()
        volume = self._unsettled[protocolID] = Volume()
        return volume

    def lines(self) -> list[str]:
        """
        What FISCO BCOS writes: a line of AMOP, and three of each group that has carried anything
        in this interval or the one before.

        There is no SDK here; its lines are written all the same, for those who read the file.
        """
        self._settle()
        lines = [f"AMOP|,AMOPIn={self._amop.received},AMOPOut={self._amop.sent}"]
        for number, group in sorted(self._groups.items()):
            lines += group.lines(number)
        return lines

    def reset(self) -> None:
        """Count from nothing again."""
        self._settle()
        self._amop = _Flow()
        self._groups = {
            number: _Group()
            for number, group in self._groups.items()
            if group.total.received or group.total.sent
        }
        self._uncounted = 0

    def _settle(self) -> None:
        """Put the bytes of each protocolID where they belong."""
        for protocolID, volume in self._unsettled.items():
            self._volume(protocolID).add(volume)
            for flow in self._flows(protocolID, volume):
                flow.received += volume.bytesReceived
                flow.sent += volume.bytesSent
        self._unsettled.clear()

    def _volume(self, protocolID: int) -> Volume:
        _, module = self._split(protocolID)
        name = _NAMES.get(module) or str(module)
        if name not in self._modules and len(self._modules) >= MAX_MODULES:
            name = "other"
        return self._modules.setdefault(name, Volume())

    def _flows(self, protocolID: int, volume: Volume) -> tuple[_Flow, ...]:
        number, module = self._split(protocolID)
        if number == 0:
            return (self._amop,) if module == AMOP else ()
        group = self._groups.get(number)
        if group is None:
            if len(self._groups) == MAX_GROUPS:
                self._uncounted += volume.bytesReceived + volume.bytesSent
                return ()
            group = self._groups[number] = _Group()
        if module in (PBFT, RAFT):
            return group.consensus, group.total
        if module == BLOCK_SYNC:
            return group.sync, group.total
        return (group.total,)


class _Flow:
    """Bytes in and out."""

    def __init__(self) -> None:
        self.received = 0
        self.sent = 0


class _Group:
    """What went over the links for one group."""

    def __init__(self) -> None:
        self.consensus = _Flow()
        self.sync = _Flow()
        self.total = _Flow()

    def lines(self, number: int) -> list[str]:
        """As FISCO BCOS spells it."""
        cons, sync, total = self.consensus, self.sync, self.total
        return [
            f"P2P|,g={number},P2P_CONSIn={cons.received},P2P_SYNCIn={sync.received},"
            f"P2P_totalIn={total.received},P2P_CONS_Out={cons.sent},P2P_SYNC_Out={sync.sent},"
            f"P2P_total_Out={total.sent}",
            f"SDK|,g={number},SDK_RPCIn=0,SDK_RegitsterEventIn=0,SDK_UnregitsterEventIn=0,"
            "SDK_totalIn=0,SDK_RPC_Out=0,SDK_Txs_Out=0,SDK_EventLog_Out=0,SDK_total_Out=0",
            f"Total|,g={number},Total_In={total.received},Total_Out={total.sent}",
        ]
