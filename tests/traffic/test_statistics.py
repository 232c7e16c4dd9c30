"""Bytes by AMOP and by group, in FISCO BCOS's words."""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.traffic.statistics import MAX_GROUPS, Statistics
from fiscop2p.wire.dialect import RC1, RC2

NO_SDK = (
    "SDK_RPCIn=0,SDK_RegitsterEventIn=0,SDK_UnregitsterEventIn=0,SDK_totalIn=0,SDK_RPC_Out=0,"
    "SDK_Txs_Out=0,SDK_EventLog_Out=0,SDK_total_Out=0"
)


class StatisticsTests(SynchronousTestCase):
    """The lines of figures worked out by hand."""

    def setUp(self) -> None:
        self.statistics = Statistics(RC2)

    def groups(self) -> list[str]:
        """The groups that have lines, each of its three lines counting."""
        return [line.split(",")[1] for line in self.statistics.lines()[1:]]

    def test_nothing(self) -> None:
        """AMOP has its line from the start; groups have none."""
        self.assertEqual(self.statistics.lines(), ["AMOP|,AMOPIn=0,AMOPOut=0"])

    def test_lines(self) -> None:
        """Requests and responses are counted where their protocolID belongs."""
        came, left = self.statistics.came, self.statistics.left
        came(1, 1, 100)
        came(-1, 1, 20)
        left(1, 1, 3)
        came(0x00010008, 1, 200)  # PBFT
        came(0x0001000B, 1, 34)  # Raft
        came(0x00010009, 1, 100)  # block sync
        came(-0x00010009, 1, 20)
        left(0x00010008, 1, 230)
        left(-0x0001000B, 1, 4)
        left(0x00010009, 1, 50)
        left(0x00010009, 1, 70)
        left(0x00010000 + 1000, 1, 1000)
        left(0x00030009, 1, 7)
        self.assertEqual(
            self.statistics.lines(),
            [
                "AMOP|,AMOPIn=120,AMOPOut=3",
                "P2P|,g=1,P2P_CONSIn=234,P2P_SYNCIn=120,P2P_totalIn=354,P2P_CONS_Out=234,"
                "P2P_SYNC_Out=120,P2P_total_Out=1354",
                f"SDK|,g=1,{NO_SDK}",
                "Total|,g=1,Total_In=354,Total_Out=1354",
                "P2P|,g=3,P2P_CONSIn=0,P2P_SYNCIn=0,P2P_totalIn=0,P2P_CONS_Out=0,"
                "P2P_SYNC_Out=7,P2P_total_Out=7",
                f"SDK|,g=3,{NO_SDK}",
                "Total|,g=3,Total_In=0,Total_Out=7",
            ],
        )

    def test_RC1(self) -> None:
        """In RC1 a protocolID has its group in other bits."""
        statistics = Statistics(RC1)
        statistics.came(0x0208, 1, 5)
        statistics.left(-0x0209, 1, 6)
        self.assertEqual(
            statistics.lines()[1],
            "P2P|,g=2,P2P_CONSIn=5,P2P_SYNCIn=0,P2P_totalIn=5,P2P_CONS_Out=0,P2P_SYNC_Out=6,"
            "P2P_total_Out=6",
        )

    def test_noGroup(self) -> None:
        """Topic sync, node status, and what else has no group are counted nowhere."""
        for protocolID in (0, 2, -2, 8, 9, 100, -100, 1000):
            self.statistics.came(protocolID, 1, 10)
        self.assertEqual(self.statistics.lines(), ["AMOP|,AMOPIn=0,AMOPOut=0"])

    def test_reset(self) -> None:
        """From a reset on it counts from nothing; reading alone changes nothing."""
        self.statistics.left(1, 1, 5)
        self.statistics.came(0x00010009, 1, 5)
        before = self.statistics.lines()
        self.assertEqual(self.statistics.lines(), before)
        self.statistics.reset()
        self.statistics.left(0x00010009, 1, 1)
        after = self.statistics.lines()
        self.assertEqual(after[0], "AMOP|,AMOPIn=0,AMOPOut=0")
        self.assertEqual(after[3], "Total|,g=1,Total_In=0,Total_Out=1")

    def test_silentGroup(self) -> None:
        """A group that falls silent is shown so once, and then no more."""
        self.statistics.came(0x00010009, 1, 5)
        self.assertEqual(self.groups(), ["g=1"] * 3)
        self.statistics.reset()
        self.assertEqual(self.groups(), ["g=1"] * 3)
        self.assertEqual(self.statistics.lines()[3], "Total|,g=1,Total_In=0,Total_Out=0")
        self.statistics.reset()
        self.assertEqual(self.groups(), [])

    def test_groupsWithoutEnd(self) -> None:
        """The groups that there were keep their place; those beyond the limit are one figure."""
        self.statistics.came(700 << 16 | 9, 1, 5)
        self.statistics.reset()
        for group in range(1, 1001):
            self.statistics.came(group << 16 | 9, 1, 2)
        numbers = [f"g={group}" for group in (*range(1, MAX_GROUPS), 700) for _ in range(3)]
        self.assertEqual(self.groups(), numbers)
        self.assertEqual(self.statistics.uncounted, 2 * (1000 - MAX_GROUPS))
        self.statistics.reset()
        self.assertEqual(self.statistics.uncounted, 0)

    def test_protocolIDsWithoutEnd(self) -> None:
        """However many protocolIDs are used, few are kept, and no byte is lost."""
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for module in range(20_000):
            self.statistics.came(1 << 16 | module, 1, 1)
            self.statistics.left(1 << 16 | module, 1, 2)
        self.assertLess(tracemalloc.get_traced_memory()[1], 500_000)
        self.assertEqual(self.statistics.lines()[3], "Total|,g=1,Total_In=20000,Total_Out=40000")
