"""The chains of FISCO BCOS nodes, as a node that has none gets to know them."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, capturedLogs, formatEvent

from fiscop2p.errors import PeerAbsent
from fiscop2p.interfaces import Message
from fiscop2p.modules.blocks import MAX_GROUPS
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.blocksync import SyncStatus
from fiscop2p.wire.dialect import BLOCK_SYNC, RC1
from tests.test_service import NetworkTestCase
from tests.wire.test_blocksync import GENESIS, KNOWN, LATEST

BLOCK = SyncStatus(5, GENESIS, LATEST, 1_700_000_000_000)

SHOWN = {
    "height": 5,
    "latestHash": LATEST,
    "genesisHash": GENESIS,
    "time": 1_700_000_000_000,
}


class PeerBlocksTests(NetworkTestCase):
    """What a node knows of the chains of its peers."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.b.statusChanged.subscribe(lambda *args: self.told.append(args))

    def say(self, payload: bytes, group: int = 1) -> None:
        """Let a say it to b, as a FISCO BCOS node would."""
        protocolID = self.a.protocolID(group, BLOCK_SYNC)
        self.a.send(self.b.nodeID, payload, protocolID=protocolID)
        self.advance()

    def blocks(self) -> dict[int, SyncStatus]:
        """What b knows of a."""
        return self.b.blocksOf(self.a.nodeID)

    @property
    def unclaimed(self) -> int:
        """How many requests b had no use for."""
        return self.b.counters["requests without a handler"]

    def test_status(self) -> None:
        """A peer's height and hashes are part of its status, and whoever watches is told."""
        self.say(KNOWN)
        self.assertEqual(self.blocks(), {1: BLOCK})
        self.assertEqual(self.b.statusOf(self.a.nodeID), {"groups": {"1": SHOWN}})
        self.assertEqual(self.told, [(self.a.nodeID, {"groups": {"1": SHOWN}})])
        self.assertEqual(self.unclaimed, 0)

    def test_olderChains(self) -> None:
        """A chain below 2.6.0 tells no time."""
        self.say(BLOCK._replace(alignedTime=None).encode())
        self.assertEqual(self.b.statusOf(self.a.nodeID), {"groups": {"1": {**SHOWN, "time": None}}})

    def test_groups(self) -> None:
        """Every group has its own chain, whatever its number."""
        for group in (32767, 2):
            self.say(BLOCK._replace(number=group).encode(), group)
        self.assertEqual({g: b.number for g, b in self.blocks().items()}, {2: 2, 32767: 32767})
        self.assertEqual(list(self.b.statusOf(self.a.nodeID)["groups"]), ["2", "32767"])

    def test_rc1(self) -> None:
        """The older header has groups, too."""
        network = MemoryNetwork(2, settings=Settings(dialect=RC1))
        self.addCleanup(network.stop)
        a, b = network.nodes
        network.advance(2)
        a.send(b.nodeID, KNOWN, protocolID=0x0109)
        network.advance(0.2)
        self.assertEqual(b.blocksOf(a.nodeID), {1: BLOCK})

    def test_onlyNewBlocksAreNews(self) -> None:
        """The time goes on with every status; who watches is told of blocks alone."""
        self.say(KNOWN)
        self.say(BLOCK._replace(alignedTime=1_700_000_005_000).encode())
        self.assertEqual(self.blocks()[1].alignedTime, 1_700_000_005_000)
        self.assertEqual(len(self.told), 1)
        for block in (
            BLOCK._replace(number=6),
            BLOCK._replace(number=6, latestHash="33" * 32),
            BLOCK._replace(number=6, latestHash="33" * 32, genesisHash="44" * 32),
        ):
            self.say(block.encode())
        self.assertEqual(len(self.told), 4)
        self.assertEqual(self.told[-1][1]["groups"]["1"]["latestHash"], "33" * 32)

    def test_newBlocksAllTheTime(self) -> None:
        """Of many groups with new blocks all the time whoever watches is told once a second."""
        for number in range(100):
            for group in range(1, MAX_GROUPS + 1):
                protocolID = self.a.protocolID(group, BLOCK_SYNC)
                block = BLOCK._replace(number=number)
                self.a.send(self.b.nodeID, block.encode(), protocolID=protocolID)
            self.advance(0.1)
        self.assertIn(len(self.told), range(10, 30))
        self.advance(1)
        groups = self.told[-1][1]["groups"]
        self.assertEqual({fields["height"] for fields in groups.values()}, {99})

    def test_besideTheApplicationsFields(self) -> None:
        """Fields that a peer sets itself stay; of two called groups the chain's is shown."""
        self.a.setStatus(version="1.0", groups="mine")
        self.advance()
        self.assertEqual(self.b.statusOf(self.a.nodeID), {"version": "1.0", "groups": "mine"})
        self.say(KNOWN)
        expected = {"version": "1.0", "groups": {"1": SHOWN}}
        self.assertEqual(self.b.statusOf(self.a.nodeID), expected)
        self.a.setStatus(version="1.1")
        self.advance()
        self.assertEqual(self.told[-1], (self.a.nodeID, {**expected, "version": "1.1"}))

    def test_otherMessages(self) -> None:
        """Transactions, blocks and requests of blocks are counted and dropped."""
        for kind in (2, 3, 4, 5, 6, 0x7F):
            self.say(bytes((kind, 0xC1, 0x05)))
        self.assertEqual(self.unclaimed, 6)
        self.assertEqual(self.blocks(), {})

    def test_otherModules(self) -> None:
        """The consensus of the same group is not taken for it."""
        self.a.send(self.b.nodeID, KNOWN, protocolID=self.a.protocolID(1, 8))
        self.advance()
        self.assertEqual((self.unclaimed, self.blocks()), (1, {}))

    def test_nothingIsClaimed(self) -> None:
        """Hearing of chains, a node says nothing of its own, to nobody."""
        heard: list[Message] = []
        for node in (self.a, self.c):
            node.handle(node.protocolID(1, BLOCK_SYNC), heard.append)
        self.say(KNOWN)
        self.say(b"\x04\xc2\x01\x20")
        self.advance(20)
        self.assertEqual(heard, [])
        self.assertEqual(self.b.statusOf(self.b.nodeID), {})

    def test_applicationsHandler(self) -> None:
        """An application that handles the block sync of a group has all of it."""
        got: list[bytes] = []
        protocolID = self.b.protocolID(1, BLOCK_SYNC)
        self.b.handle(protocolID, lambda message: got.append(message.payload))
        self.say(KNOWN)
        self.say(KNOWN, group=2)
        self.assertEqual((got, self.blocks()), ([KNOWN], {2: BLOCK}))
        self.b.unhandle(protocolID)
        self.say(KNOWN)
        self.assertEqual(set(self.blocks()), {1, 2})

    def test_malformed(self) -> None:
        """What is malformed changes nothing and costs a line of the log a minute, not the link."""
        self.say(KNOWN)
        with capturedLogs() as events:
            for payload in (b"", b"\x01", b"\x80\xc0", KNOWN[:-1], KNOWN + b"\0", b"\x01\xc1\x05"):
                self.say(payload)
        warnings = [formatEvent(e) for e in events if e["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 1)
        self.assertIn("ignored block sync of group 1 from node ", warnings[0])
        self.assertEqual(self.blocks(), {1: BLOCK})
        self.assertIn(self.a.nodeID, self.b.registry)

    def test_tooManyGroups(self) -> None:
        """Beyond 64 groups a peer's further ones are ignored; those known go on."""
        with capturedLogs() as events:
            for group in range(1, MAX_GROUPS + 3):
                self.say(KNOWN, group)
        warnings = [formatEvent(e) for e in events if e["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 1)
        self.assertIn("it tells of more than 64 groups", warnings[0])
        self.assertEqual(set(self.blocks()), set(range(1, MAX_GROUPS + 1)))
        self.say(BLOCK._replace(number=6).encode(), MAX_GROUPS)
        self.assertEqual(self.blocks()[MAX_GROUPS].number, 6)

    def test_forgotten(self) -> None:
        """When the link has ended nothing is known, also after it is back."""
        self.say(KNOWN)
        self.network.cut(self.a, self.b)
        self.advance(1)
        self.assertRaises(PeerAbsent, self.b.blocksOf, self.a.nodeID)
        self.network.heal(self.a, self.b)
        self.advance(30)
        self.assertEqual((self.blocks(), self.b.statusOf(self.a.nodeID)), ({}, {}))
        self.assertEqual(self.b._blocks._groups, {})
