"""What operators have a node do."""

from __future__ import annotations

import base64
import json

from fiscop2p.settings import Settings
from tests.admin.asking import TOKEN, AdminTestCase, events
from tests.rpc.test_site import responses


class ActionsTestCase(AdminTestCase):
    def answerTo(self, path: str, body: object, seconds: float = 1) -> tuple[int, object]:
        """Have the node do something that takes a while."""
        transport = self.actLater(path, body)
        self.assertEqual(transport.value(), b"")
        self.network.advance(seconds)
        (response,) = responses(transport.value())
        return response.code, json.loads(response.body)


class SendTests(ActionsTestCase):
    """/api/send and /api/request."""

    def setUp(self) -> None:
        super().setUp()
        self.got: list[bytes] = []
        self.protocolID = self.node.protocolID(1, 1000)
        self.peers[0].handle(self.protocolID, self.take)
        self.nodeID = self.peers[0].nodeID

    def take(self, message) -> bytes:
        self.got.append((message.packetType, message.payload))
        return message.payload[::-1]

    def test_send(self) -> None:
        """Text, or any bytes, to a protocolID of an application."""
        for fields in ({"text": "grüße"}, {"base64": "AAH/", "packetType": 7}):
            body = {"to": "node1", "protocolID": self.protocolID, **fields}
            self.assertEqual(self.act("/api/send", body), {"to": self.nodeID})
        self.network.advance(1)
        self.assertEqual(self.got, [(0, "grüße".encode()), (7, b"\x00\x01\xff")])

    def test_message(self) -> None:
        """Without a protocolID it is shown to the operator there."""
        guest = self.network.nodes[2]
        guest.send(self.node.nodeID, b"for you", protocolID=guest.protocolID(0, 101))
        self.network.advance(1)
        event = self.get("/api/events")["events"][-1]
        self.assertEqual((event["kind"], event["name"]), ("message", "node2"))
        self.assertEqual((event["text"], event["nodeID"]), ("for you", guest.nodeID))

    def test_flood(self) -> None:
        """Who sends thousands does not push everything else out of the events."""
        guest = self.network.nodes[2]
        for number in range(3000):
            guest.send(self.node.nodeID, b"%d" % number, protocolID=guest.protocolID(0, 101))
        self.network.advance(1)
        events = self.get("/api/events")["events"]
        self.assertIn("joined", [event["kind"] for event in events])
        self.assertEqual([event["text"] for event in events[-2:]], ["8", "9"])

    def test_request(self) -> None:
        """The answer, and how long it took."""
        self.network.delay(self.node, self.peers[0], 0.1)
        body = {"to": self.nodeID[:6], "text": "abc", "protocolID": self.protocolID}
        code, found = self.answerTo("/api/request", body)
        self.assertEqual(code, 200)
        self.assertEqual((found["to"], found["text"]), (self.nodeID, "cba"))
        self.assertEqual((found["base64"], found["seconds"]), ("Y2Jh", 0.2))

    def test_requestOfBytes(self) -> None:
        """An answer that is no text is told as what it is."""
        payload = base64.b64encode(b"\xff\xfe").decode()
        body = {"to": "node1", "base64": payload, "protocolID": self.protocolID}
        _, found = self.answerTo("/api/request", body)
        self.assertEqual((found["text"], base64.b64decode(found["base64"])), (None, b"\xfe\xff"))

    def test_echo(self) -> None:
        """A request to a node that is administered, too, comes back as it was."""
        guest = self.network.nodes[2]
        done = guest.request(
            self.node.nodeID, b"echo", protocolID=guest.protocolID(0, 101), packetType=1
        )
        self.network.advance(1)
        self.assertEqual(self.successResultOf(done), b"echo")
        kinds = [event["kind"] for event in self.get("/api/events")["events"]]
        self.assertNotIn("message", kinds)

    def test_noAnswer(self) -> None:
        """504 when it does not come in time."""
        asked = self.protocolID + 1
        body = {"to": "node1", "text": "x", "protocolID": asked, "timeout": 0.5}
        code, found = self.answerTo("/api/request", body)
        who = self.peers[0].nodeID[:8]
        why = f"no answer within 0.5 s from node {who}... to protocolID {asked}"
        self.assertEqual((code, found), (504, {"error": why}))

    def test_left(self) -> None:
        """502 when the peer leaves before it answers."""
        body = {"to": "node1", "text": "x", "protocolID": self.protocolID + 1}
        transport = self.actLater("/api/request", body)
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        (response,) = responses(transport.value())
        self.assertEqual(response.code, 502)

    def test_gone(self) -> None:
        """404 when it is not connected."""
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)
        for path in ("/api/send", "/api/request", "/api/ping"):
            body = {"to": "node1"} if path == "/api/ping" else {"to": "node1", "text": "x"}
            self.assertIn("is not connected", self.act(path, body, 404)["error"])
        found = self.act("/api/send", {"to": "node0", "text": "x"}, 404)
        self.assertIn("is this node itself", found["error"])

    def test_ping(self) -> None:
        """A round trip to any node, whatever runs there."""
        self.network.delay(self.node, self.peers[0], 0.05)
        code, found = self.answerTo("/api/ping", {"to": "node1"})
        self.assertEqual((code, found), (200, {"to": self.nodeID, "seconds": 0.1}))

    def test_pingInVain(self) -> None:
        """504 when nothing comes back."""
        self.network.lose(self.node, self.peers[0])
        code, _ = self.answerTo("/api/ping", {"to": "node1", "timeout": 2}, 3)
        self.assertEqual(code, 504)
        self.network.advance(10)


class FullTests(ActionsTestCase):
    """A peer that does not read."""

    settings = Settings(maxQueue=1000, maxPending=1)

    def test_busy(self) -> None:
        """503 when too much waits for it."""
        self.actLater("/api/request", {"to": "node1", "text": "x", "protocolID": 65537})
        found = self.act("/api/request", {"to": "node1", "text": "x"}, 503)
        self.assertIn("requests to answer already", found["error"])
        self.network.cut(self.node, self.peers[0])
        self.network.advance(1)


class TopicTests(ActionsTestCase):
    """/api/publish and /api/subscribe."""

    def test_publish(self) -> None:
        """To all followers; says to how many."""
        got = []
        for peer in self.peers:
            peer.subscribe("orders", lambda message: got.append(message.payload))
        self.network.advance(1)
        body = {"topic": "orders", "text": "1 apple"}
        self.assertEqual(self.act("/api/publish", body), {"topic": "orders", "nodes": 2})
        self.network.advance(1)
        self.assertEqual(got, [b"1 apple"] * 2)

    def test_badTopic(self) -> None:
        """A topic that does not fit the wire is 400."""
        for topic in ("x" * 255, "a\tb"):
            self.act("/api/publish", {"topic": topic, "text": "x"}, 400)
        self.get("/api/subscribe", 400, isSocket=True)
        self.get("/api/subscribe?topic=a%09b", 400, isSocket=True)

    def test_subscribe(self) -> None:
        """The node follows the topic, as long as somebody listens."""
        transport = self.send(
            "GET", "/api/subscribe?topic=gr%C3%BC%C3%9Fe", Authorization=f"Bearer {TOKEN}"
        )
        self.network.advance(1)
        self.assertIn("grüße", self.peers[0].registry.topicsOf(self.node.nodeID))
        self.peers[0].multicast("grüße", b"hello")
        self.peers[1].multicast("grüße", b"\xff")
        self.network.advance(1)
        self.act("/api/publish", {"topic": "grüße", "text": "to myself"})
        self.network.advance(1)
        (_, one), (_, two), (_, three) = events(transport.value())
        self.assertEqual((one["topic"], one["name"], one["text"]), ("grüße", "node1", "hello"))
        self.assertEqual(one["nodeID"], self.peers[0].nodeID)
        self.assertEqual((two["text"], two["base64"]), (None, "/w=="))
        self.assertEqual((three["name"], three["text"]), ("node0", "to myself"))
        transport.end()
        self.network.advance(1)
        self.assertEqual(self.node.topics, frozenset())

    def test_slowSubscriber(self) -> None:
        """What a client is too slow for is counted, and it is told how much that was."""
        transport = self.send("GET", "/api/subscribe?topic=x", isSocket=True)
        self.network.advance(1)
        transport.protocol.pauseProducing()
        for _ in range(5):
            self.peers[0].multicast("x", b"y")
        self.network.advance(1)
        transport.protocol.resumeProducing()
        self.peers[0].multicast("x", b"z")
        self.network.advance(1)
        dropped, message = events(transport.value())
        self.assertEqual(dropped, ("dropped", {"count": 5}))
        self.assertEqual(message[1]["text"], "z")
        transport.end()
