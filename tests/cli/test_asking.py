"""Tests for the commands that show how a running node is."""

from __future__ import annotations

import json
import re

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater

from fiscop2p.settings import Address
from tests.cli.nodes import NodesTestCase

CLOSED = Address("127.0.0.1", 1)


class ShowTests(NodesTestCase):
    """What the node knows, as tables and as JSON."""

    async def test_peers(self) -> None:
        """Every peer has a line, with whole columns; nothing in it is coloured."""
        lines = (await self.done("peers")).splitlines()
        self.assertTrue(lines[0].startswith("NODE ID       NAME    AGENCY   STATE"))
        self.assertEqual(len(lines), 5)
        for node in self.peers:
            (line,) = (line for line in lines if line.startswith(node.nodeID[:8]))
            cells = re.split(" {3,}", line)
            self.assertIn(node.identity.name, cells)
            self.assertIn(f"to {node.listenAddress}", cells)
            self.assertIn("connected", line)
        self.assertEqual(lines[4], "3 connected")
        self.assertNotIn("\x1b", "".join(lines))

    async def test_peersAsJSON(self) -> None:
        """With --json node IDs are whole."""
        told = await self.told("peers")
        self.assertEqual(
            {peer["nodeID"]: peer["state"] for peer in told["peers"]},
            {node.nodeID: "connected" for node in self.peers},
        )
        self.assertEqual(len(told["addresses"]), 3)

    async def test_addressesWithoutANode(self) -> None:
        """An address where nobody is reached is shown, with the reason."""
        self.node.addPeer(CLOSED)
        await deferLater(reactor, 0.1)
        output = await self.done("peers")
        table = output.partition("\n\n")[2].splitlines()
        self.assertTrue(table[0].startswith("ADDRESS"))
        self.assertRegex(table[1], r"^127\.0\.0\.1:1 +waiting .* in \ds +.*refused")

    async def test_onePeer(self) -> None:
        """Of one peer everything is shown, also why its links ended."""
        self.carol.stopService()
        while self.carol.nodeID in self.node.registry:
            await deferLater(reactor, 0.01)
        output = await self.done("peers", self.carol.nodeID)
        self.assertIn(f"Node ID    {self.carol.nodeID}\n", output)
        self.assertIn("Name       carol of agency\n", output)
        self.assertRegex(output, r"\nState      gone, for \d+s\n")
        self.assertRegex(output, r"\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +127\.0\.0\.1:\d+ +us +\d+s ")
        self.assertEqual((await self.told("peers", self.bob.nodeID))["name"], "bob")

    async def test_names(self) -> None:
        """A node is found by its name, by the beginning of its node ID, and by nothing else."""
        for name in ("bob", self.bob.nodeID, self.bob.nodeID[:4], self.bob.nodeID[:9].upper()):
            self.assertEqual((await self.told("peers", name))["nodeID"], self.bob.nodeID)
        line = await self.assertFails(4, "no node is called 'dave'", "peers", "dave")
        for node in self.peers:
            self.assertIn(f"{node.nodeID[:8]}... ({node.identity.name} of ", line)
        line = await self.assertFails(4, "2 nodes are called 'carol'", "ping", "carol")
        for node in (self.carol, self.other):
            self.assertIn(f"{node.nodeID[:8]}... (carol of {node.identity.agency})", line)
        self.assertNotIn("bob", line)
        for odd in ("../node", "a b?x=1", "%2e", "ü"):
            await self.assertFails(4, "no node is called", "peers", odd)

    async def test_noPeers(self) -> None:
        """Where nobody is linked, that is said."""
        for node in self.peers:
            self.node.removePeer(node.listenAddress)
        await gatherResults([node.stopService() for node in self.peers])
        self.service._acquaintances._nodes.clear()
        await self.assertFails(4, "no node is linked at all", "ping", "bob")

    async def test_topics(self) -> None:
        """Topics are shown with their followers, the most followed first; odd names safely."""
        self.assertEqual(await self.done("topics"), "no node follows any topic\n")
        self.bob.subscribe("news", lambda _: None)
        self.carol.subscribe("news", lambda _: None)
        self.node.subscribe("ev\x1b[31mil", lambda _: None)
        while len(self.node.registry.sessionsFollowing("news")) < 2:
            await deferLater(reactor, 0.01)
        title, news, evil = (await self.done("topics")).splitlines()
        self.assertRegex(title, "^TOPIC +FOLLOWERS +WHICH$")
        self.assertRegex(news, "^news +2 +(bob, carol|carol, bob)$")
        self.assertRegex(evil, r"^ev.*il +1 +this node$")
        self.assertNotIn("\x1b", evil)
        topics = (await self.told("topics"))["topics"]
        self.assertEqual([topic["followerCount"] for topic in topics], [2, 0])

    async def test_status(self) -> None:
        """A node that is ready is described, and the exit status says so."""
        output = await self.done("status")
        self.assertRegex(output, "^State +ready\nNode +alice of agency\n")
        self.assertIn(self.node.nodeID, output)
        self.assertIn("3 connected", output)
        told = await self.told("status")
        self.assertEqual((told["ready"], told["peers"], told["name"]), (True, 3, "alice"))

    async def test_statusOfALonelyNode(self) -> None:
        """A node that is not ready is described as well, with why, and the exit status is 1."""
        await gatherResults([node.stopService() for node in self.peers])
        while len(self.node.registry):
            await deferLater(reactor, 0.01)
        status, output, _ = await self.fiscop2p("status")
        self.assertEqual(status, 1)
        self.assertRegex(output, "^State +NOT READY: no peer is connected")
        status, output, _ = await self.fiscop2p("status", "--json")
        self.assertEqual((status, json.loads(output)["ready"]), (1, False))

    async def test_watch(self) -> None:
        """Table follows table, as often as was asked for."""
        output = await self.done("watch", "-n", "3", "-i", "0.1")
        self.assertEqual(len(re.findall("^NODE ID ", output, re.MULTILINE)), 3)
        self.assertEqual(output.count("3 nodes connected, 0 gone"), 3)
        lines = (await self.done("watch", "-n", "2", "-i", "0.1", "--json")).splitlines()
        self.assertEqual([len(json.loads(line)["peers"]) for line in lines], [3, 3])

    async def test_watchShowsWhatFlows(self) -> None:
        """A table says how much has come and gone since the one before."""
        protocolID = self.node.protocolID(1, 1000)
        self.bob.handle(protocolID, lambda _: None)

        def send() -> None:
            self.node.send(self.bob.nodeID, bytes(500_000), protocolID=protocolID)

        reactor.callLater(0.5, send)
        tables = (await self.done("watch", "-n", "2", "-i", "1.2")).split("\n\n")
        rows = [re.search(r" bob .*", table)[0] for table in tables[:2]]
        rates = [re.split(" {3,}", row)[-3].strip() for row in rows]
        self.assertEqual(rates[0], "0 B/s")
        # Compressed or not, and whatever the time between two looks was, it is far from nothing.
        self.assertRegex(rates[1], "^[0-9.]+ [kM]B/s$")

    async def test_completion(self) -> None:
        """Names that are one node's alone complete, and node IDs where no name does."""
        self.assertEqual(await self.done("completion", "nodes"), "bob\n")
        beginning = self.carol.nodeID[:3]
        self.assertIn(self.carol.nodeID[:16], await self.done("completion", "nodes", beginning))
        self.assertEqual(await self.done("completion", "nodes", "x"), "")
        self.node.subscribe("news", lambda _: None)
        self.assertEqual(await self.told("completion", "topics"), ["news"])
        self.assertEqual(await self.done("completion", "topics", "x"), "")
