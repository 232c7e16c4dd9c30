"""The stream of what changes."""

from __future__ import annotations

from fiscop2p.admin import feed
from fiscop2p.admin.feed import BUDGET
from fiscop2p.settings import Settings
from tests.admin.asking import AdminTestCase, events


class FeedTestCase(AdminTestCase):
    def follow(self):
        transport = self.send("GET", "/events")
        ((name, state),) = events(transport.value())
        self.assertEqual(name, "state")
        transport.clear()
        return transport, state

    def news(self, transport):
        found = events(b"\r\n\r\n" + transport.value())
        transport.clear()
        self.assertEqual({name for name, _ in found} - {"change"}, set())
        return [change for _, change in found]


class FeedTests(FeedTestCase):
    """What a client is told."""

    def test_state(self) -> None:
        """First everything."""
        _, state = self.follow()
        self.assertEqual(state["time"], self.now())
        self.assertEqual(state["node"]["nodeID"], self.node.nodeID)
        self.assertEqual({peer["name"] for peer in state["peers"]}, {"node1", "node2"})
        self.assertEqual({peer["n"] for peer in state["peers"]}, {0, 1})
        self.assertEqual(len(state["addresses"]), 3)
        self.assertIn("joined", {event["kind"] for event in state["events"]})

    def test_change(self) -> None:
        """Then what is different, by the number of the peer."""
        transport, state = self.follow()
        self.peers[0].subscribe("orders", lambda _: None)
        self.network.advance(2)
        found = [change for change in self.news(transport) if "peers" in change]
        (n,) = [peer["n"] for peer in state["peers"] if peer["name"] == "node1"]
        self.assertEqual(found[0]["peers"], [{"n": n, "topics": ["orders"], "topicCount": 1}])
        self.assertEqual([each["kind"] for each in found[0]["events"]], ["topics"])

    def test_quiet(self) -> None:
        """A network in which nothing but heartbeats happens is told of these alone."""
        transport, _ = self.follow()
        self.network.advance(30)
        for change in self.news(transport):
            self.assertEqual(set(change), {"time", "flow"})

    def test_killed(self) -> None:
        """A node that is killed is told of within two seconds."""
        transport, _ = self.follow()
        self.network.cut(self.node, self.peers[0])
        self.network.advance(2)
        rows = [row for change in self.news(transport) for row in change.get("peers", ())]
        self.assertEqual([row["state"] for row in rows], ["gone"])

    def test_frozen(self) -> None:
        """One that is silent within ten."""
        transport, _ = self.follow()
        self.network.lose(self.node, self.peers[0])
        self.network.advance(10)
        rows = [row for change in self.news(transport) for row in change.get("peers", ())]
        self.assertEqual(rows[0]["state"], "silent")

    def test_waiting(self) -> None:
        """When an address is dialled next is a time, so that it is told once."""
        self.network.cut(self.node, self.peers[0])
        self.network.advance(30)
        transport, state = self.follow()
        (row,) = [each for each in state["addresses"] if each["state"] == "waiting"]
        self.assertLess(abs(row["due"] - self.now()), 12)
        self.network.advance(3)
        told = [row for change in self.news(transport) for row in change.get("addresses", ())]
        self.assertLessEqual(len(told), 2)
        self.node.removePeer(self.peers[0].settings.listen)
        self.network.advance(2)
        told = [row for change in self.news(transport) for row in change.get("addresses", ())]
        self.assertIn({"address": "10.0.0.1:30300", "state": "removed"}, told)

    def test_forgotten(self) -> None:
        """A guest that has been gone for an hour is forgotten."""
        guest = self.network.addNode([self.node.listenAddress])
        self.network.advance(3)
        transport, state = self.follow()
        (n,) = [peer["n"] for peer in state["peers"] if peer["name"] == "node3"]
        self.network.cut(self.node, guest)
        self.network.advance(3700)
        found = [change["forgotten"] for change in self.news(transport) if "forgotten" in change]
        self.assertEqual(found, [[n]])

    def test_flow(self) -> None:
        """What goes over a link in a second."""
        transport, state = self.follow()
        self.network.advance(2)
        (n,) = [peer["n"] for peer in state["peers"] if peer["name"] == "node1"]
        self.news(transport)
        self.node.send(self.peers[0].nodeID, b"x" * 984, protocolID=self.node.protocolID(1, 7))
        self.network.advance(2)
        flows = [flow for change in self.news(transport) for flow in change.get("flow", ())]
        self.assertIn([n, 1000, 0], [[flow[0], *flow[2:4]] for flow in flows])

    def test_shared(self) -> None:
        """Who comes later is told everything, and then the same as the others."""
        first, _ = self.follow()
        self.network.cut(self.node, self.peers[0])
        self.network.advance(3)
        second, state = self.follow()
        self.assertEqual(sorted(peer["state"] for peer in state["peers"]), ["connected", "gone"])
        self.news(first)
        self.network.heal(self.node, self.peers[0])
        self.network.advance(20)
        self.assertEqual(self.news(first), self.news(second))

    def test_nobodyListens(self) -> None:
        """Without clients nothing is looked at; the next one is told what is so then."""
        transport, _ = self.follow()
        transport.end()
        self.network.cut(self.node, self.peers[0])
        self.network.advance(5)
        _, state = self.follow()
        self.assertEqual(sorted(peer["state"] for peer in state["peers"]), ["connected", "gone"])

    def test_longTopics(self) -> None:
        """A peer that tells much, all the time, hides nothing of what others do."""
        transport, state = self.follow()
        (n,) = [peer["n"] for peer in state["peers"] if peer["name"] == "node1"]
        for number in range(100):
            self.peers[0].subscribe(f"{number:0254}", lambda _: None)
        guest = self.network.addNode([self.node.listenAddress])
        for number in range(6):
            self.peers[0].subscribe(f"a{number}" * 100, lambda _: None)
            self.network.advance(1)
        found = self.news(transport)
        rows = [row for change in found for row in change.get("peers", ())]
        self.assertEqual([row["topicCount"] for row in rows if row["n"] == n][-1], 106)
        self.assertIn(guest.nodeID, [row.get("nodeID") for row in rows])
        events = [event for change in found for event in change.get("events", ())]
        self.assertIn((guest.nodeID, "joined"), [(each["nodeID"], each["kind"]) for each in events])

    def test_rowBeyondAllMeasure(self) -> None:
        """A row that is larger than all that may be told at a time is told alone."""
        self.patch(feed, "BUDGET", 10)
        transport, _ = self.follow()
        for peer in self.peers:
            peer.subscribe("news", lambda _: None)
        self.network.advance(1)
        self.network.advance(5)
        rows = [row for change in self.news(transport) for row in change.get("peers", ())]
        self.assertEqual([row["topics"] for row in rows], [["news"]] * 2)


class ManyTests(FeedTestCase):
    """Two hundred peers."""

    nodes = 1
    settings = Settings(maxInboundPeers=1000, maxAcceptRate=1000)

    def test_size(self) -> None:
        """All of them leave and come back, and it is never much at a time."""
        guests = [self.network.addNode([self.node.listenAddress]) for _ in range(200)]
        self.network.advance(5)
        transport, state = self.follow()
        self.assertEqual(len(state["peers"]), 200)
        seconds, states = 90, {}
        protocolID = self.node.protocolID(1, 7)
        most = 0
        for second in range(seconds):
            if second in (10, 40):
                for guest in guests:
                    act = self.network.cut if second == 10 else self.network.heal
                    act(self.node, guest)
            for index, nodeID in enumerate(self.node.registry):
                self.node.send(nodeID, b"x" * (second + index), protocolID=protocolID)
            self.network.advance(1)
            most = max(most, len(transport.value()))
            for change in self.news(transport):
                for row in change.get("peers", ()):
                    states[row["n"]] = row.get("state", states.get(row["n"]))
            if second == 20:
                self.assertEqual(list(states.values()), ["gone"] * 200)
        self.assertEqual(list(states.values()), ["connected"] * 200)
        self.assertLess(most, 20_000)
        self.assertGreater(most, BUDGET // 2)
