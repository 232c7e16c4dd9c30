"""Peers that are added, erased and shown while the node runs."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.rpc.jsonrpc import JSONRPC
from fiscop2p.rpc.methods import nodeMethods
from fiscop2p.testing import MemoryNetwork
from tests.temporary import temporaryFolder

ADDED = {"code": "0x0", "message": "add peers :update config file successfully"}
ADDED_NOTHING = {"code": "0x0", "message": "add peers :all the inserted peers already exist"}
ERASED = {"code": "0x0", "message": "erase peers :update config file successfully"}
ERASED_NOTHING = {"code": "0x0", "message": "erase peers :none of the erased peers exist"}
NOT_AN_ARRAY = {"code": "0x7", "message": "invalid params field, not array format json"}
EMPTY = {"code": "0x7", "message": "failed for empty host list, expect at least one peer"}

CONFIG = """\
; the peers of this node
[p2p]
    listen_ip=0.0.0.0
    listen_port=30300
    node.0=10.0.0.0:30300
    node.1=10.0.0.1:30300
[log]
    level=info
"""


class PeersTestCase(SynchronousTestCase):
    """Two nodes that have each other's addresses, and a third that nobody dials yet."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.node, self.peer = self.network.nodes
        self.stranger = self.network.addNode()
        self.network.advance(3)
        self.config = temporaryFolder(self) / "config.ini"
        self.config.write_text(CONFIG)
        self.engine = JSONRPC(nodeMethods(self.node, self.config, 10, 20, "2.9.1", "1"))

    def ask(self, method: str, params: Any) -> Any:
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        return json.loads(self.engine.answer(json.dumps(request).encode()))["result"]

    def add(self, *peers: Any) -> Any:
        return self.ask("addPeers", [peers])

    def erase(self, *peers: Any) -> Any:
        return self.ask("erasePeers", [peers])

    def query(self) -> list[str]:
        peers: list[str] = self.ask("queryPeers", [])
        return peers

    def pause(self) -> None:
        """Stop the node, so that it does not look up the names that it is given."""
        self.node.stopService()
        self.network.advance(1)

    def written(self) -> list[str]:
        """The addresses that the file names."""
        lines = map(str.strip, self.config.read_text().splitlines())
        return [line.partition("=")[2] for line in lines if line.startswith("node.")]


class AddTests(PeersTestCase):
    """addPeers."""

    def test_dialledAtOnce(self) -> None:
        """A new peer is dialled at once, and becomes one of the mesh."""
        self.assertNotIn(self.stranger.nodeID, self.node.registry)
        self.assertEqual(self.add(str(self.stranger.settings.listen)), ADDED)
        self.network.advance(0.1)
        self.assertIn(self.stranger.nodeID, self.node.registry)
        self.assertIn(self.node.nodeID, self.stranger.registry)

    def test_writtenToTheFile(self) -> None:
        """The file has the new peers besides the old ones, and whatever else was in it."""
        self.pause()
        self.assertEqual(self.add("[::1]:30305", "node.example.com:30306"), ADDED)
        self.assertEqual(
            sorted(self.written()),
            ["10.0.0.0:30300", "10.0.0.1:30300", "[::1]:30305", "node.example.com:30306"],
        )
        text = self.config.read_text()
        self.assertTrue(text.startswith("; the peers of this node\n[p2p]\n"), text)
        self.assertIn("[log]\n    level=info\n", text)

    def test_knownAlready(self) -> None:
        """Peers that are there already change nothing, not even the file's time."""
        os.utime(self.config, (1, 1))
        self.assertEqual(self.add("10.0.0.1:30300", "10.0.0.0:30300"), ADDED_NOTHING)
        self.assertEqual(self.config.stat().st_mtime, 1)

    def test_oneOfThemKnown(self) -> None:
        """Of several peers, those that are new are added, each once."""
        self.assertEqual(self.add("10.0.0.1:30300", "10.0.0.9:30300", "10.0.0.9:30300"), ADDED)
        self.assertEqual(self.query(), ["10.0.0.0:30300", "10.0.0.1:30300", "10.0.0.9:30300"])

    def test_sameAddressInOtherWords(self) -> None:
        """An IPv6 address, and a name, are the same however they are written."""
        self.pause()
        self.assertEqual(self.add("[::1]:30305", "Example.com:30300"), ADDED)
        self.assertEqual(self.add("[0:0:0:0:0:0:0:1]:30305", "example.COM:30300"), ADDED_NOTHING)
        self.assertEqual(self.erase("[0::1]:30305", "EXAMPLE.com:30300"), ERASED)
        self.assertEqual(self.query(), ["10.0.0.0:30300", "10.0.0.1:30300"])

    def test_told(self) -> None:
        """Who reads the log sees which peers came, and where they are written."""
        with capturedLogs() as events:
            self.add("10.0.0.9:30300", "10.0.0.8:30300")
        line = f"added by JSON-RPC, and in {self.config}: 10.0.0.9:30300, 10.0.0.8:30300"
        self.assertIn(line, [formatEvent(event) for event in events])


class EraseTests(PeersTestCase):
    """erasePeers."""

    def test_linkStays(self) -> None:
        """A link that stands is left alone, but not dialled again."""
        self.assertEqual(self.erase(str(self.peer.settings.listen)), ERASED)
        self.assertEqual(self.written(), ["10.0.0.0:30300"])
        self.network.advance(20)
        self.assertIn(self.peer.nodeID, self.node.registry)
        self.peer.removePeer(self.node.settings.listen)
        self.network.cut(self.node, self.peer)
        self.network.advance(1)
        self.network.heal(self.node, self.peer)
        self.network.advance(30)
        self.assertNotIn(self.peer.nodeID, self.node.registry)

    def test_addedAgain(self) -> None:
        """A peer that was erased may be added again."""
        address = str(self.stranger.settings.listen)
        for _ in range(2):
            self.assertEqual(self.add(address), ADDED)
            self.network.advance(1)
            self.assertIn(self.stranger.nodeID, self.node.registry)
            self.assertEqual(self.erase(address), ERASED)
            self.network.cut(self.node, self.stranger)
            self.network.heal(self.node, self.stranger)
            self.network.advance(20)
            self.assertNotIn(self.stranger.nodeID, self.node.registry)

    def test_notThere(self) -> None:
        """Peers that are not there change nothing."""
        self.assertEqual(self.erase("10.0.0.9:30300"), ERASED_NOTHING)
        self.assertEqual(self.config.read_text(), CONFIG)

    def test_all(self) -> None:
        """A node may be left without peers."""
        self.assertEqual(self.erase("10.0.0.0:30300", "10.0.0.1:30300"), ERASED)
        self.assertEqual((self.query(), self.written()), ([], []))


class QueryTests(PeersTestCase):
    """queryPeers."""

    def test_order(self) -> None:
        """IPv4 by number, then IPv6, then names; our own address is one of them."""
        self.pause()
        self.add("9.0.0.1:30303", "127.0.0.1:30303", "127.0.0.1:9999", "0.0.0.0:1", "b.org:1")
        self.add("[::1]:1", "a.org:2", "[fe80::1%eth0]:5")
        self.assertEqual(
            self.query(),
            [
                "0.0.0.0:1",
                "9.0.0.1:30303",
                "10.0.0.0:30300",
                "10.0.0.1:30300",
                "127.0.0.1:9999",
                "127.0.0.1:30303",
                "[::1]:1",
                "[fe80::1%eth0]:5",
                "a.org:2",
                "b.org:1",
            ],
        )


class RefusalTests(PeersTestCase):
    """Calls that are refused, and change neither the file nor memory."""

    def setUp(self) -> None:
        super().setUp()
        self.before = self.query()

    def refused(self, answer: dict[str, str], code: str, message: str) -> None:
        self.assertEqual(answer, {"code": code, "message": message})
        self.assertEqual(self.query(), self.before)
        if self.config.is_file():
            self.assertEqual(self.config.read_text(), CONFIG)

    def test_notAnArray(self) -> None:
        """The peers are an array, which is the first parameter."""
        for params in ([], None, {}, {"peers": []}, ["10.0.0.9:30300"], [None], [{}], [7]):
            for method in ("addPeers", "erasePeers"):
                self.refused(self.ask(method, params), *NOT_AN_ARRAY.values())

    def test_empty(self) -> None:
        """The array has something in it."""
        self.refused(self.add(), *EMPTY.values())
        self.refused(self.erase(), *EMPTY.values())

    def test_notAnAddress(self) -> None:
        """One wrong address refuses all; the message says which."""
        for wrong in (
            "",
            "10.0.0.9",
            "10.0.0.9:",
            ":30300",
            "10.0.0.9:0",
            "10.0.0.9:65536",
            "10.0.0.9:-1",
            "10.0.0.9:99999999999999999999",
            "10.0.0.9:port",
            "10.0.0.9:30300:30300",
            " 10.0.0.9:30300",
            "10.0.0.9:30300\n[p2p]",
            "10.0.0.9:٣٠٣٠٠",
            "10.0.0.256:30300",
            "10.0.9:30300",
            "::1:30300",
            "[::1]",
            "[::1:30300",
            "[10.0.0.9]:30300",
            "[::g]:30300",
            "a;b:30300",
            "a=b:30300",
            "a..b:30300",
            "-a:30300",
            "a" * 64 + ":30300",
            "a." * 127 + "aa:30300",
            "\ud800:30300",
            "粤:30300",
            30300,
            None,
            ["10.0.0.9:30300"],
            {"host": "10.0.0.9"},
        ):
            for method in (self.add, self.erase):
                self.refused(method("10.0.0.8:30300", wrong), "0x7", "invalid peer at position 2")

    def test_tooManyInACall(self) -> None:
        """A call names ten peers at most."""
        peers = [f"10.1.0.{n}:30300" for n in range(11)]
        message = "refused for too many param peers. peers_param_limit: 10"
        self.refused(self.add(*peers), "0x1", message)
        self.refused(self.erase(*peers), "0x1", message)
        self.assertEqual(self.add(*peers[:10]), ADDED)

    def test_tooManyAtAll(self) -> None:
        """A node has so many peers and no more; those that it has already do not count twice."""
        self.add(*[f"10.1.0.{n}:30300" for n in range(10)])
        self.add(*[f"10.2.0.{n}:30300" for n in range(7)])
        self.assertEqual(len(self.query()), 19)
        self.before, text = self.query(), self.config.read_text()
        answer = self.add("10.3.0.1:30300", "10.3.0.2:30300")
        message = "refused for too many peers. max_nodes_limit: 20"
        self.assertEqual(answer, {"code": "0x1", "message": message})
        self.assertEqual((self.query(), self.config.read_text()), (self.before, text))
        self.assertEqual(self.add("10.3.0.1:30300", "10.0.0.1:30300"), ADDED)
        self.assertEqual(self.add("10.3.0.1:30300"), ADDED_NOTHING)

    def test_noFile(self) -> None:
        """Without a file nothing can be written; the log says which file is missing."""
        self.config.unlink()
        with capturedLogs() as events:
            self.refused(self.add("10.0.0.9:30300"), "0x1", "fail to open config file")
        self.assertIn(str(self.config), formatEvent(events[-1]))
        self.refused(self.erase("10.0.0.1:30300"), "0x1", "fail to open config file")

    def test_noSection(self) -> None:
        """A file without [p2p] has no place for peers."""
        self.config.write_text("[log]\n")
        answer = self.add("10.0.0.9:30300")
        message = "fail to insert peers' data into config file"
        self.assertEqual(answer, {"code": "0x1", "message": message})
        self.assertEqual(self.query(), self.before)
        self.assertEqual(self.config.read_text(), "[log]\n")

    def test_diskFails(self) -> None:
        """What fails at the last moment leaves everything as it was."""

        def fail(*arguments: Any, **keywords: Any) -> None:
            raise OSError(5, "Input/output error")

        for name, message in (
            ("replace", "fail to rename the config file"),
            ("fsync", "fail to output data to config file as expected"),
        ):
            whole = getattr(os, name)
            self.patch(os, name, fail)
            self.refused(self.add("10.0.0.9:30300"), "0x1", message)
            self.refused(self.erase("10.0.0.1:30300"), "0x1", message)
            self.patch(os, name, whole)
            self.assertEqual(os.listdir(self.config.parent), ["config.ini"])
        self.network.advance(20)
        self.assertIn(self.peer.nodeID, self.node.registry)


GOOD = st.from_regex(r"(10\.0\.0\.[0-3]|\[::[0-9]\]|[a-z]):3030[0-3]", fullmatch=True)
NEARLY_GOOD = st.from_regex(r"[0-9.:\[\]a-f%;=\n]{1,12}:[0-9]{1,6}", fullmatch=True)
PEERS = st.lists(GOOD, max_size=12) | st.lists(
    GOOD | NEARLY_GOOD | st.text(max_size=8) | st.none(), max_size=3
)


class AnyCallTests(PeersTestCase):
    """Whatever is asked for, the file and memory agree, and change only by success."""

    def setUp(self) -> None:
        super().setUp()
        self.pause()

    @settings(deadline=None)
    @given(st.sampled_from(["addPeers", "erasePeers"]), PEERS)
    def test_fileAndMemoryAgree(self, method: str, peers: list[Any]) -> None:
        """After any call the file has the peers of memory; a call that is refused changes none."""
        before = self.query()
        answer = self.ask(method, [peers])
        self.assertEqual(sorted(self.written()), sorted(self.query()))
        if answer not in (ADDED, ERASED):
            self.assertEqual(self.query(), before)
        self.assertLessEqual(len(before), 20)

    @given(st.binary())
    def test_anyBytes(self, body: bytes) -> None:
        """Bytes without sense change nothing."""
        before = self.query()
        self.assertTrue(self.engine.answer(body).endswith(b"\n"))
        self.assertEqual((self.query(), self.config.read_text()), (before, CONFIG))
