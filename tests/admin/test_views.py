"""What the API tells of a node."""

from __future__ import annotations

import json
from unittest.mock import Mock, call, patch

from fiscop2p.access import AccessLists
from fiscop2p.admin import acquaintances
from fiscop2p.settings import Address, Settings
from tests.admin.asking import EPOCH, AdminTestCase


class NodeTests(AdminTestCase):
    """/api, /api/node and /healthz."""

    def test_index(self) -> None:
        """/api says what there is, and whether one may act."""
        found = self.get("/api")
        self.assertFalse(found["mayAct"])
        self.assertIn("GET /api/peers/NODE", found["paths"])
        for each in found["paths"]:
            method, path = each.split(" ")
            if method == "GET" and path not in ("/events", "/api/subscribe", "/api/peers/NODE"):
                self.assertEqual(self.ask(path).code, 200, path)

    def test_node(self) -> None:
        """Who it is, since when, and what it has of itself."""
        self.node.subscribe("orders", lambda _: None)
        self.node.setStatus(height=4)
        found = self.get("/api/node")
        self.assertEqual(found["nodeID"], self.node.nodeID)
        self.assertEqual((found["name"], found["agency"]), ("node0", "agency"))
        self.assertEqual((found["listen"], found["dialect"]), ("10.0.0.0:30300", "RC2"))
        self.assertEqual((found["topics"], found["topicCount"]), (["orders"], 1))
        self.assertEqual((found["status"], found["statusSeq"]), ({"height": 4}, 1))
        self.assertEqual((found["peers"], found["ready"], found["reason"]), (2, True, ""))
        self.assertEqual((found["started"], found["uptime"]), (EPOCH, 3.0))
        self.assertEqual((found["certificates"], found["mayAct"]), ([], False))

    def test_notJSON(self) -> None:
        """What cannot be written as JSON is answered, and a failure in the log."""
        self.patch(self.node, "statusOf", lambda nodeID: {"load": float("nan")})
        self.assertIn("this failed", self.get("/api/node", 500)["error"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_manyTopics(self) -> None:
        """Of many or long topics the first are listed, and all counted."""
        for number in range(101):
            self.node.subscribe(f"{number:03}", lambda _: None)
        found = self.get("/api/node")
        self.assertEqual(found["topics"], [f"{number:03}" for number in range(100)])
        for number in range(100):
            self.node.subscribe(f"0{number:03}".ljust(254, "x"), lambda _: None)
        found = self.get("/api/node")
        self.assertEqual(found["topicCount"], 201)
        self.assertLessEqual(sum(map(len, found["topics"])), 4096)
        self.assertGreater(len(found["topics"]), 10)

    def test_ready(self) -> None:
        """It listens and is connected."""
        self.assertEqual(self.get("/healthz"), {"ready": True, "peers": 2})

    def test_notReady(self) -> None:
        """It is to dial peers, and none is connected: 503, with what is wrong where."""
        for peer in self.peers:
            self.network.cut(self.node, peer)
        self.network.advance(1)
        found = self.get("/healthz", 503)
        self.assertEqual((found["ready"], found["peers"]), (False, 0))
        self.assertTrue(found["error"].startswith("no peer is connected (10.0.0.1:30300: "), found)
        self.assertNotIn("10.0.0.0:30300", found["error"])
        self.network.heal(self.node, self.peers[0])
        self.network.advance(20)
        self.assertEqual(self.get("/healthz"), {"ready": True, "peers": 1})

    def test_notListening(self) -> None:
        """A node that does not listen is not ready, whoever is connected."""
        self.node.links._port, port = None, self.node.links._port
        self.assertEqual(self.get("/healthz", 503)["error"], "this node does not listen")
        self.node.links._port = port


class AloneTests(AdminTestCase):
    """A node that dials itself alone."""

    nodes = 1

    def test_ready(self) -> None:
        """One that has no peers to dial need not be connected."""
        self.assertEqual(self.get("/healthz"), {"ready": True, "peers": 0})
        self.assertEqual(self.get("/api/addresses")["addresses"][0]["state"], "ourselves")


class PeersTests(AdminTestCase):
    """/api/peers."""

    def peer(self, name: str = "node1"):
        (found,) = (peer for peer in self.get("/api/peers")["peers"] if peer["name"] == name)
        return found

    def test_connected(self) -> None:
        """Who it is, where, since when, and what has gone over its link."""
        self.peers[0].subscribe("orders", lambda _: None)
        self.network.advance(1)
        self.node.send(self.peers[0].nodeID, b"x" * 1000, protocolID=self.node.protocolID(1, 1000))
        self.network.advance(1)
        found = self.peer()
        self.assertEqual(found["nodeID"], self.peers[0].nodeID)
        self.assertEqual((found["state"], found["reason"]), ("connected", ""))
        self.assertEqual((found["topics"], found["topicCount"]), (["orders"], 1))
        session = self.node.registry.session(self.peers[0].nodeID)
        self.assertEqual(found["address"], str(session.address))
        self.assertEqual(found["outbound"], session.outbound)
        self.assertEqual(found["since"], EPOCH)
        self.assertGreater(found["sent"]["bytes"], 1016)
        self.assertGreater(found["sent"]["frames"], 1)
        self.assertGreater(found["received"]["frames"], 0)
        self.assertEqual((found["queue"], found["pending"]), (0, 0))
        self.assertFalse(found["isPaused"] or found["isBlocked"])

    def test_silent(self) -> None:
        """One of which nothing is heard is seen within ten seconds, before its link ends."""
        self.network.lose(self.node, self.peers[0])
        self.network.advance(9)
        found = self.peer()
        self.assertEqual(found["state"], "silent")
        self.assertGreater(found["silence"], 7.5)
        self.assertEqual(self.peer("node2")["state"], "connected")

    def test_gone(self) -> None:
        """One that has left is still shown, with the reason."""
        since = self.now()
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        found = self.peer()
        self.assertEqual((found["state"], found["since"]), ("gone", since))
        self.assertEqual(found["reason"][:23], "the connection was lost")
        self.assertIsNone(found["received"])
        self.network.heal(self.node, self.peers[0])
        self.network.advance(20)
        self.assertEqual((self.peer()["state"], self.peer()["reason"]), ("connected", ""))

    def test_goneForLong(self) -> None:
        """After an hour it is shown only if it is one that this node dials."""
        guest = self.network.addNode([self.node.listenAddress])
        self.network.advance(3)
        self.network.cut(self.node, self.peers[0])
        self.network.cut(self.node, guest)
        self.network.advance(3500)
        self.assertEqual(self.peer("node3")["state"], "gone")
        self.network.advance(200)
        names = {peer["name"]: peer["state"] for peer in self.get("/api/peers")["peers"]}
        self.assertEqual(names, {"node1": "gone", "node2": "connected"})

    def test_one(self) -> None:
        """One of them, by node ID, the beginning of it or name, with its last links and status."""
        nodeID = self.peers[0].nodeID
        self.peers[0].setStatus(height=7)
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        self.network.heal(self.node, self.peers[0])
        self.network.advance(20)
        for text in (nodeID, nodeID[:4], nodeID[:30].upper(), "node1"):
            self.assertEqual(self.get(f"/api/peers/{text}")["nodeID"], nodeID)
        found = self.get("/api/peers/node1")
        self.assertEqual((found["status"], found["blocks"]), ({"height": 7}, {}))
        ended = [link for link in found["links"] if link["reason"] == "lost"]
        self.assertGreater(ended[0]["duration"], 0)
        self.assertEqual(ended[0]["words"][:23], "the connection was lost")
        stands = [link for link in found["links"] if link["reason"] is None]
        self.assertEqual([link["words"] for link in stands], [None])

    def test_none(self) -> None:
        """A name that is none, or too short a beginning, is 404; this node itself has no link."""
        self.assertIn("no node is called 'node9'", self.get("/api/peers/node9", 404)["error"])
        self.get(f"/api/peers/{self.peers[0].nodeID[:3]}", 404)
        self.assertIn("/api/node", self.get("/api/peers/node0", 404)["error"])

    def test_several(self) -> None:
        """A name that several have is 409, with their node IDs."""
        twin = self.network.addNode([self.node.listenAddress])
        twin.identity = twin.identity._replace(name="node1")
        twin.links.tls._identity = twin.identity
        self.network.advance(3)
        found = self.get("/api/peers/node1", 409)
        self.assertEqual(found["candidates"], sorted([twin.nodeID, self.peers[0].nodeID]))

    def test_refused(self) -> None:
        """One that the lists keep out leaves, with the reason."""
        self.node.setAccess(AccessLists(black=frozenset({self.peers[0].nodeID})))
        self.network.advance(1)
        self.assertEqual(self.peer()["state"], "gone")
        self.assertTrue(self.peer()["reason"].startswith("the peer is not let in"))


class AroundTests(AdminTestCase):
    """/api/addresses, /api/topics, /api/statuses and /api/counters."""

    def test_addresses(self) -> None:
        """State, last error and next attempt of each."""
        self.network.cut(self.node, self.peers[0])
        self.network.advance(0.5)
        found = {each["address"]: each for each in self.get("/api/addresses")["addresses"]}
        self.assertEqual(found["10.0.0.0:30300"]["state"], "ourselves")
        self.assertIn(found["10.0.0.2:30300"]["state"], ("connected", "elsewhere"))
        lost = found["10.0.0.1:30300"]
        self.assertEqual((lost["state"], lost["nodeID"]), ("waiting", self.peers[0].nodeID))
        self.assertEqual(lost["name"], "node1")
        self.assertTrue(0 < lost["nextAttempt"] <= 1, lost)
        self.assertIn("lost", lost["lastError"])

    def test_statusesThatChangeOften(self) -> None:
        """What nobody looks at is not written, and what has not changed not again."""
        with patch("fiscop2p.admin.views.json.dumps", Mock(wraps=json.dumps)) as dumps:
            for number in range(10):
                self.peers[0].setStatus(number=number)
                self.network.advance(1)
            told = [each for each in dumps.call_args_list if each == call({"number": 5})]
            self.assertEqual(told, [])
            for _ in range(3):
                found = self.get("/api/statuses")["statuses"]
                self.assertEqual(found[self.peers[0].nodeID], {"number": 9})
            told = [each for each in dumps.call_args_list if each == call({"number": 9})]
            self.assertEqual(len(told), 1)

    def test_topics(self) -> None:
        """Who follows what, the most followed first."""
        for node in self.peers:
            node.subscribe("orders", lambda _: None)
        self.peers[1].subscribe("news", lambda _: None)
        self.node.subscribe("alone", lambda _: None)
        self.network.advance(1)
        found = self.get("/api/topics")
        self.assertEqual([each["topic"] for each in found["topics"]], ["orders", "news", "alone"])
        self.assertEqual(found["total"], 3)
        orders, _, alone = found["topics"]
        self.assertEqual(orders["followers"], sorted(peer.nodeID for peer in self.peers))
        self.assertEqual((orders["own"], orders["followerCount"]), (False, 2))
        self.assertEqual((alone["own"], alone["followers"]), (True, []))

    def test_manyTopics(self) -> None:
        """A peer may follow thousands: what is shown of them is bounded."""
        for number in range(3000):
            self.peers[0].subscribe(f"topic {number:04}", lambda _: None)
        self.network.advance(1)
        found = self.get("/api/topics")
        self.assertEqual((len(found["topics"]), found["total"]), (1000, 3000))
        peer = self.get("/api/peers/node1")
        self.assertEqual((len(peer["topics"]), peer["topicCount"]), (100, 3000))
        self.assertEqual(peer["topics"][0], "topic 0000")

    def test_statuses(self) -> None:
        """What each says of itself; one that says much is named only."""
        self.node.setStatus(height=1)
        self.peers[0].setStatus(height=2)
        self.peers[1].setStatus(text="x" * 10_000)
        self.network.advance(1)
        found = self.get("/api/statuses")
        self.assertEqual(found["statuses"][self.node.nodeID], {"height": 1})
        self.assertEqual(found["statuses"][self.peers[0].nodeID], {"height": 2})
        self.assertEqual(found["omitted"], [self.peers[1].nodeID])
        self.assertEqual(len(self.get("/api/peers/node2")["status"]["text"]), 10_000)
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        self.assertNotIn(self.peers[0].nodeID, self.get("/api/statuses")["statuses"])

    def test_counters(self) -> None:
        """What is counted of all links, those included that have ended."""
        before = self.get("/api/counters")
        self.assertGreater(before["received"]["frames"], 0)
        self.assertEqual(before["requests"], {"pending": 0, "timeouts": 0})
        self.assertEqual(set(before["modules"]), {"topic"})
        self.network.cut(self.node, self.peers[0])
        self.network.advance(5)
        found = self.get("/api/counters")
        self.assertGreaterEqual(found["received"]["bytes"], before["received"]["bytes"])
        self.assertEqual(found["links"]["closed"]["lost"], 1)
        self.assertGreaterEqual(found["handshakes"]["accepted"], 2)
        self.assertGreater(found["dials"]["failures"], 0)
        self.assertGreater(found["dials"]["attempts"], found["dials"]["failures"])

    def test_timeouts(self) -> None:
        """Requests that wait, and those that were not answered."""
        done = self.node.request(
            self.peers[0].nodeID, b"?", protocolID=self.node.protocolID(1, 1), timeout=2
        )
        self.assertEqual(self.get("/api/counters")["requests"], {"pending": 1, "timeouts": 0})
        self.network.advance(3)
        self.failureResultOf(done)
        self.assertEqual(self.get("/api/counters")["requests"], {"pending": 0, "timeouts": 1})

    def test_sync(self) -> None:
        """How often peers were asked for their state, and told it."""
        self.peers[0].setStatus(height=2)
        self.network.advance(1)
        found = self.get("/api/counters")["sync"]
        self.assertEqual(found["status"], {"asked": 1, "learnt": 1, "failed": 0})


class ModulesTests(AdminTestCase):
    """The traffic of each module."""

    def test_modules(self) -> None:
        """All that goes over links is counted by module."""
        late = self.network.addNode([self.node.listenAddress])
        self.network.advance(1)
        self.node.handle(self.node.protocolID(3, 4000), lambda _: b"ok")
        late.send(self.node.nodeID, b"x" * 84, protocolID=late.protocolID(3, 4000))
        self.network.advance(1)
        found = self.get("/api/counters")["modules"]
        self.assertEqual(found["4000"]["received"], {"bytes": 100, "frames": 1})
        self.assertEqual(found["4000"]["sent"], {"bytes": 18, "frames": 1})
        self.assertGreater(found["topic"]["received"]["frames"], 0)


class EventsTests(AdminTestCase):
    """/api/events."""

    def kinds(self, after: int = 0) -> list[tuple[str, str]]:
        events = self.get(f"/api/events?after={after}")["events"]
        return [(event["kind"], event["name"]) for event in events]

    def test_comeAndGo(self) -> None:
        """Who comes, who goes and why, and what is new of whom; each has a seq to go on with."""
        self.assertIn(("joined", "node1"), self.kinds())
        last = self.get("/api/events")["last"]
        self.peers[0].subscribe("orders", lambda _: None)
        self.peers[0].setStatus(height=3)
        self.network.advance(1)
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        found = self.get(f"/api/events?after={last}")["events"]
        self.assertEqual([each["kind"] for each in found], ["topics", "status", "left"])
        self.assertEqual([each["seq"] for each in found], [last + 1, last + 2, last + 3])
        self.assertEqual(found[0]["text"], "follows orders")
        self.assertEqual(found[1]["text"], "height 3")
        self.assertEqual(found[2]["nodeID"], self.peers[0].nodeID)
        self.assertIn("lost", found[2]["text"])
        self.assertEqual(self.kinds(last + 3), [])
        self.assertEqual(self.kinds(last + 1000), [])

    def test_bounded(self) -> None:
        """A peer that changes its status all the time does not fill it."""
        last = self.get("/api/events")["last"]
        for height in range(100):
            self.peers[0].setStatus(height=height)
            self.network.advance(0.5)
        self.assertEqual(self.kinds(last), [("status", "node1")])
        self.network.advance(60)
        self.peers[0].setStatus(height=-1)
        self.network.advance(1)
        self.assertEqual(self.kinds(last), [("status", "node1")] * 2)

    def test_refused(self) -> None:
        """A node that is kept out is told of once a minute, however often it tries."""
        last = self.get("/api/events")["last"]
        self.node.setAccess(AccessLists(black=frozenset({self.peers[0].nodeID})))
        self.network.advance(40)
        self.assertEqual(self.kinds(last), [("left", "node1"), ("refused", "node1")])

    def test_badSeq(self) -> None:
        """A seq that is none is 400."""
        for text in ("x", "-1", "1" * 30, "%C2%B2"):
            self.assertIn("after", self.get(f"/api/events?after={text}", 400)["error"])


class LimitsTests(AdminTestCase):
    """Strange peers."""

    nodes = 2
    settings = Settings(maxInboundPeers=2000)

    def test_forgotten(self) -> None:
        """However many nodes come and go, so many are remembered."""
        self.patch(acquaintances, "KEPT", 3)
        for _ in range(6):
            guest = self.network.addNode([self.node.listenAddress])
            self.network.advance(1)
            self.network.cut(self.node, guest)
            self.network.advance(1)
        names = [peer["name"] for peer in self.get("/api/peers")["peers"]]
        self.assertLessEqual(len(names), 5)
        self.assertIn("node1", names)
        self.assertIn("node7", names)

    def test_longNames(self) -> None:
        """A certificate may say much; what is told of it is bounded."""
        guest = self.network.addNode([Address("10.0.0.0", 30300)])
        guest.identity = guest.identity._replace(name="x" * 5000)
        guest.links.tls._identity = guest.identity
        self.network.advance(3)
        (name,) = {peer["name"] for peer in self.get("/api/peers")["peers"]} - {"node1"}
        self.assertEqual(name, "x" * 97 + "...")
