"""Bytes by AMOP and by group, in FISCO BCOS's words."""

from __future__ import annotations

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
        received, sent = self.statistics.received, self.statistics.sent
        received[1] += 100
        received[-1] += 20
        sent[1] += 3
        received[0x00010008] += 200  # PBFT
        received[0x0001000B] += 34  # Raft
        received[0x00010009] += 100  # block sync
        received[-0x00010009] += 20
        sent[0x00010008] += 230
        sent[-0x0001000B] += 4
        sent[0x00010009] += 50
        sent[0x00010009] += 70
        sent[0x00010000 + 1000] += 1000
        sent[0x00030009] += 7
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
        statistics.received[0x0208] += 5
        statistics.sent[-0x0209] += 6
        self.assertEqual(
            statistics.lines()[1],
            "P2P|,g=2,P2P_CONSIn=5,P2P_SYNCIn=0,P2P_totalIn=5,P2P_CONS_Out=0,P2P_SYNC_Out=6,"
            "P2P_total_Out=6",
        )

    def test_noGroup(self) -> None:
        """Topic sync, node status, and what else has no group are counted nowhere."""
        for protocolID in (0, 2, -2, 8, 9, 100, -100, 1000):
            self.statistics.received[protocolID] += 10
        self.assertEqual(self.statistics.lines(), ["AMOP|,AMOPIn=0,AMOPOut=0"])

    def test_reset(self) -> None:
        """From a reset on it counts from nothing; reading alone changes nothing."""
        self.statistics.sent[1] += 5
        self.statistics.received[0x00010009] += 5
        before = self.statistics.lines()
        self.assertEqual(self.statistics.lines(), before)
        self.statistics.reset()
        self.statistics.sent[0x00010009] += 1
        after = self.statistics.lines()
        self.assertEqual(after[0], "AMOP|,AMOPIn=0,AMOPOut=0")
        self.assertEqual(after[3], "Total|,g=1,Total_In=0,Total_Out=1")

    def test_silentGroup(self) -> None:
        """A group that falls silent is shown so once, and then no more."""
        self.statistics.received[0x00010009] += 5
        self.assertEqual(self.groups(), ["g=1"] * 3)
        self.statistics.reset()
        self.assertEqual(self.groups(), ["g=1"] * 3)
        self.assertEqual(self.statistics.lines()[3], "Total|,g=1,Total_In=0,Total_Out=0")
        self.statistics.reset()
        self.assertEqual(self.groups(), [])

    def test_groupsWithoutEnd(self) -> None:
        """The groups that there were keep their place; those beyond the limit are one figure."""
        self.statistics.received[700 << 16 | 9] += 5
        self.statistics.reset()
        for group in range(1, 1001):
            self.statistics.received[group << 16 | 9] += 2
        numbers = [f"g={group}" for group in (*range(1, MAX_GROUPS), 700) for _ in range(3)]
        self.assertEqual(self.groups(), numbers)
        self.assertEqual(self.statistics.uncounted, 2 * (1000 - MAX_GROUPS))
        self.statistics.reset()
        self.assertEqual(self.statistics.uncounted, 0)

    def test_protocolIDsWithoutEnd(self) -> None:
        """However many protocolIDs are used, few are kept, and no byte is lost."""
        for module in range(20_000):
            self.statistics.tidy()
            self.statistics.received[1 << 16 | module] += 1
            self.statistics.sent[1 << 16 | module] += 2
            self.assertLess(len(self.statistics.received), 2000)
            self.assertLess(len(self.statistics.sent), 2000)
        self.assertEqual(self.statistics.lines()[3], "Total|,g=1,Total_In=20000,Total_Out=40000")
