"""What a node tells of itself and its peers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.rpc.jsonrpc import JSONRPC
from fiscop2p.rpc.methods import nodeMethods
from fiscop2p.testing import MemoryNetwork
from fiscop2p.version import PROTOCOL_VERSION


class QueryTests(SynchronousTestCase):
    """Three nodes; the first is asked."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(3)
        self.addCleanup(self.network.stop)
        self.node, *self.peers = self.network.nodes
        self.network.advance(3)
        self.engine = JSONRPC(nodeMethods(self.node, Path("config.ini"), 10, 100, "2.9.1", "7"))

    def ask(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        answer = json.loads(self.engine.answer(json.dumps(request).encode()))
        return answer["error"]["code"] if "error" in answer else answer["result"]

    def test_getPeers(self) -> None:
        """Each peer, with the end of its link and its topics."""
        self.peers[0].subscribe("Topic1", lambda message: None)
        self.peers[0].subscribe("Another", lambda message: None)
        self.network.advance(6)
        answer = {peer["NodeID"]: peer for peer in self.ask("getPeers", 1)}
        self.assertEqual(set(answer), {peer.nodeID for peer in self.peers})
        session = self.node.registry.session(self.peers[0].nodeID)
        self.assertEqual(
            answer[self.peers[0].nodeID],
            {
                "Agency": self.peers[0].identity.agency,
                "IPAndPort": str(session.address),
                "Node": "node1",
                "NodeID": self.peers[0].nodeID,
                "Topic": ["Another", "Topic1"],
            },
        )
        self.assertEqual(answer[self.peers[1].nodeID]["Topic"], [])

    def test_getPeersOfAnyGroup(self) -> None:
        """The group must be a number, and that is all: links belong to the node."""
        self.assertEqual(self.ask("getPeers", 1), self.ask("getPeers", 99999))
        self.assertEqual(self.ask("getPeers"), -32602)
        self.assertEqual(self.ask("getPeers", "1"), -32602)

    def test_nobodyThere(self) -> None:
        """A node that is alone has no peers, and knows its own ID."""
        for peer in self.peers:
            self.network.cut(self.node, peer)
        self.network.advance(1)
        self.assertEqual(self.ask("getPeers", 1), [])
        self.assertEqual(self.ask("getNodeIDList", 1), [self.node.nodeID])

    def test_getNodeIDList(self) -> None:
        """Our own ID is the first, those of the peers follow."""
        first, *others = self.ask("getNodeIDList", 1)
        self.assertEqual(first, self.node.nodeID)
        self.assertEqual(sorted(others), sorted(peer.nodeID for peer in self.peers))
        self.assertEqual(self.ask("getNodeIDList"), -32602)

    def test_getNodeInfo(self) -> None:
        """The node itself, where it listens, and its own topics."""
        self.node.subscribe("orders", lambda message: None)
        expected = {
            "Agency": self.node.identity.agency,
            "IPAndPort": "10.0.0.0:30300",
            "Node": "node0",
            "NodeID": self.node.nodeID,
            "Topic": ["orders"],
        }
        self.assertEqual(self.ask("getNodeInfo"), expected)
        self.assertEqual(self.ask("getNodeInfo", "anything"), expected)

    def test_getGroupList(self) -> None:
        """This node is in no group."""
        self.assertEqual(self.ask("getGroupList"), [])

    def test_getClientVersion(self) -> None:
        """The version is the protocol's, and the build says what this is in truth."""
        answer = self.ask("getClientVersion")
        self.assertEqual(
            sorted(answer),
            [
                "Build Time",
                "Build Type",
                "Chain Id",
                "FISCO-BCOS Version",
                "Git Branch",
                "Git Commit Hash",
                "Supported Version",
            ],
        )
        self.assertEqual(answer["Chain Id"], "7")
        self.assertEqual(answer["Supported Version"], "2.9.1")
        self.assertEqual(answer["FISCO-BCOS Version"], PROTOCOL_VERSION)
        self.assertIn("fiscop2p", answer["Build Type"])

    def test_noChainHere(self) -> None:
        """Methods of the chain are not there."""
        for method in ("getBlockNumber", "sendRawTransaction", "getSyncStatus", "getGroupPeers"):
            self.assertEqual(self.ask(method, 1), -32601)
