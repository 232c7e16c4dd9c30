"""HTTP requests to a node: what is refused, and who is cut."""

from __future__ import annotations

import json

from fiscop2p.admin.site import MAX_BODY, MAX_STREAMS
from fiscop2p.admin.stream import SIGN
from fiscop2p.web import CLOSE_GRACE, MAX_CONNECTIONS, REQUEST_TIMEOUT, REST, STALL
from tests.admin.asking import HOST, TOKEN, AdminTestCase, events
from tests.rpc.test_site import responses


class RefusedTests(AdminTestCase):
    """What is not answered, and how that is said."""

    def test_unknownPath(self) -> None:
        """404, as JSON."""
        paths = ("/nothing", "/api/nothing", "/api/peers/", "/api/node/x", "//", "/page.css/x")
        for path in paths:
            self.assertIn("there is nothing at", self.get(path, 404)["error"])
        self.get("/" + "x" * 3000, 404)

    def test_wrongMethod(self) -> None:
        """405, as JSON, with the right one."""
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = self.ask("/api/node", method)
            self.assertEqual((response.code, response.headers["Allow"]), (405, "GET, HEAD"))
            self.assertEqual(json.loads(response.body), {"error": "/api/node is asked by GET"})
        response = self.ask("/api/send", Authorization=f"Bearer {TOKEN}")
        self.assertEqual((response.code, response.headers["Allow"]), (405, "POST"))

    def test_head(self) -> None:
        """HEAD gets the head of what GET does."""
        data = self.send("HEAD", "/api/node").value()
        head, _, body = data.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK"))
        self.assertEqual(body, b"")

    def test_headOfAStream(self) -> None:
        """What has no end has no head alone: nothing is begun for it."""
        for path in ("/events", "/api/subscribe?topic=x"):
            transport = self.send("HEAD", path, Authorization=f"Bearer {TOKEN}")
            self.assertIn(b"HTTP/1.1 405 ", transport.value())
            self.assertIn(b"Allow: GET\r\n", transport.value())
        self.assertEqual(self.node.topics, frozenset())

    def test_longBody(self) -> None:
        """413, as JSON, and the connection goes on."""
        body = b'{"topic":"x","text":"' + b"y" * MAX_BODY + b'"}'
        found = self.act("/api/publish", body, 413)
        self.assertEqual(found["error"], f"a request has {MAX_BODY} bytes at the most")
        fits = json.dumps({"topic": "x", "text": "y" * 1_000_000}).encode()
        self.assertEqual(self.act("/api/publish", fits), {"topic": "x", "nodes": 0})

    def test_bodyOfAStranger(self) -> None:
        """Of who may not act nothing is kept, however much comes."""
        transport = self.send("POST", "/api/publish", b"", Content_Length="50000000")
        for _ in range(50):
            transport.protocol.dataReceived(b"x" * 1_000_000)
            for request in transport.protocol.requests:
                self.assertLessEqual(len(request.body), 1)
        (response,) = responses(transport.value())
        self.assertEqual(response.code, 401)

    def test_badJSON(self) -> None:
        """400, with what is wrong."""
        for body, words in (
            (b"", "not JSON"),
            (b"\xff", "not JSON"),
            (b"[" * 100_000, "not JSON"),
            (b"[]", "must be a JSON object"),
            (b'{"to":"node1"}', "either text or base64"),
            (b'{"to":"node1","text":"x","base64":"eA=="}', "either text or base64"),
            (b'{"to":"node1","base64":"x"}', "the payload is not"),
            (b'{"to":"node1","text":"\\ud800"}', "the payload is not"),
            (b'{"text":"x"}', "to is missing"),
            (b'{"to":5,"text":"x"}', "to must be a text"),
            (b'{"to":"node1","text":"x","colour":1}', "'colour' is not one of"),
            (b'{"to":"node1","text":"x","protocolID":true}', "must be a whole number"),
            (b'{"to":"node1","text":"x","protocolID":-1}', "protocolID -1 cannot be sent"),
            (b'{"to":"node1","text":"x","protocolID":1e3}', "must be a whole number"),
            (b'{"to":"node1","text":"x","packetType":70000}', "packetType 70000"),
        ):
            self.assertIn(words, self.act("/api/send", body, 400)["error"])
        for timeout in (b"0", b"-1", b"NaN", b"1e9", b"Infinity"):
            body = b'{"to":"node1","text":"x","timeout":%s}' % timeout
            self.assertIn("timeout must be", self.act("/api/request", body, 400)["error"])

    def test_brokenAnswer(self) -> None:
        """What fails here is 500, and in the log, and the connection goes on."""
        self.node.addresses = lambda: 1 / 0
        transport = self.send("GET", "/api/addresses")
        self.send("GET", "/api/events", transport=transport)
        self.reactor.advance(0)
        first, second = responses(transport.value())
        self.assertEqual((first.code, second.code), (500, 200))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        del self.node.addresses

    def test_headers(self) -> None:
        """No page may frame or embed this, and nothing from elsewhere runs in it."""
        for path in ("/", "/api/node", "/nothing"):
            headers = self.ask(path).headers
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
            self.assertNotIn("unsafe", headers["Content-Security-Policy"])
            self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")


class PageOfOthersTests(AdminTestCase):
    """Web pages elsewhere do not reach it."""

    def assertRefused(self, words: str, **headers: str) -> None:
        for path in ("/", "/api/node", "/events", "/metrics"):
            self.assertIn(words, self.get(path, 403, **headers)["error"])
        authorized = {"Authorization": f"Bearer {TOKEN}", **headers}
        self.get("/api/publish", 403, method="POST", body={"topic": "x", "text": "y"}, **authorized)

    def test_hosts(self) -> None:
        """A page whose name was made to lead here is asked for by that name."""
        for host in ("evil.example", "evil.example:5080", "127.0.0.1.evil.example", "node0", ""):
            self.assertRefused("not asked by that Host", Host=host)
        for host in ("127.0.0.1", "localhost:5080", "LOCALHOST", "[::1]:5080", "10.1.2.3"):
            self.get("/api/node", Host=host)

    def test_origins(self) -> None:
        """A page sends its origin; ours alone is let in."""
        for origin in (
            "http://evil.example",
            "null",
            "http://127.0.0.1:5081",
            "http://127.0.0.1",
            "ftp://127.0.0.1:5080",
        ):
            self.assertRefused("other web pages", Origin=origin)
        for origin in (f"http://{HOST}", f"https://{HOST}"):
            self.get("/api/node", Origin=origin)

    def test_embedded(self) -> None:
        """Browsers say who asks for what a page embeds; a link that is followed is fine."""
        for site in ("cross-site", "same-site", "what"):
            self.assertRefused("other web pages", Sec_Fetch_Site=site)
            self.assertRefused("other web pages", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")
        self.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
        for site in ("same-origin", "none"):
            self.get("/api/node", Sec_Fetch_Site=site)


class ReachableTests(AdminTestCase):
    """It listens for other machines."""

    listen = "0.0.0.0"  # noqa: S104 (what is tested)
    names = frozenset({"node0.bank.example"})

    def test_hosts(self) -> None:
        """It is asked by names that no stranger can have, and by those that it is told."""
        for host in (
            "192.0.2.7:5080",
            "node0:5080",
            "node0.fiscop2p.default.svc.cluster.local:5080",
            "node0.bank.example",
        ):
            self.get("/api/node", Host=host)
        for host in ("evil.example", "bank.example", "evil.example:80", "", "x.local.evil.example"):
            self.get("/api/node", 403, Host=host)


class TokenTests(AdminTestCase):
    """Who may act."""

    body = {"topic": "x", "text": "y"}

    def test_right(self) -> None:
        """With the token one may; the API says so."""
        for kind in ("Bearer", "bearer", "BEARER "):
            self.act("/api/publish", self.body, Authorization=f"{kind} {TOKEN}")
            self.assertTrue(self.get("/api", Authorization=f"{kind} {TOKEN}")["mayAct"])

    def test_wrong(self) -> None:
        """Without it, or with another, one may not."""
        for given in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"):
            response = self.ask("/api/publish", "POST", self.body, Authorization=given)
            self.assertEqual(response.code, 401)
            self.assertEqual(response.headers["WWW-Authenticate"], "Bearer")
            self.assertFalse(self.get("/api", Authorization=given)["mayAct"])
        self.get("/api/subscribe?topic=x", 401)

    def test_socket(self) -> None:
        """Who may open the UNIX socket may do everything, by whatever name."""
        self.act("/api/publish", self.body, isSocket=True, Authorization="", Host="anything")
        self.assertTrue(self.get("/api", isSocket=True)["mayAct"])


class NoTokenTests(AdminTestCase):
    """A node without a token."""

    token = None

    def test_readOnly(self) -> None:
        """Nobody acts over TCP, whatever token he has."""
        for given in ("Bearer ", "Bearer None", f"Bearer {TOKEN}"):
            found = self.act("/api/publish", {"topic": "x", "text": "y"}, 403, Authorization=given)
            self.assertIn("[admin] token", found["error"])
        self.act("/api/publish", {"topic": "x", "text": "y"}, isSocket=True)


class SlowTests(AdminTestCase):
    """Clients that do not read or do not send cost nothing for long."""

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.reactor.advance(1)
            self.network.advance(1)

    def test_scraperThatNeverReads(self) -> None:
        """A client that takes no answer is cut."""
        transport = self.send("GET", "/metrics")
        transport.isStuck = True
        self.advance(REQUEST_TIMEOUT + CLOSE_GRACE - 1)
        self.assertTrue(transport.connected)
        self.advance(1)
        self.reactor.advance(0)
        self.assertFalse(transport.connected)

    def test_scraperThatAsksOn(self) -> None:
        """However much it asks at once, nothing is answered while it does not read; it is cut."""
        transport = self.connect()
        transport.protocol.pauseProducing()
        many = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000
        transport.protocol.dataReceived(many)
        self.advance(STALL - 1)
        self.assertEqual(transport.value(), b"")
        self.assertTrue(transport.connected)
        self.advance(2)
        self.assertFalse(transport.connected)

    def turn(self) -> None:
        """Let the reactor turn once: what is to be called in the next turn waits for that."""
        (due,) = [each for each in self.reactor.calls if each.getTime() <= self.reactor.seconds()]
        self.reactor.calls.remove(due)
        due.called = 1
        due.func()

    def test_manyAtOnce(self) -> None:
        """Requests that come at once are answered one a turn, so that others have theirs."""
        transport = self.connect()
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        transport.protocol.dataReceived(one * 10)
        for count in range(1, 5):
            self.assertEqual(len(responses(transport.value())), count)
            self.turn()
        transport.protocol.pauseProducing()
        self.advance(5)
        self.assertEqual(len(responses(transport.value())), 5)
        transport.protocol.resumeProducing()
        for count in range(6, 11):
            self.assertEqual(len(responses(transport.value())), count)
            self.turn()
        transport.protocol.dataReceived(one)
        self.assertEqual(len(responses(transport.value())), 11)

    def test_manyClients(self) -> None:
        """So are those of many clients, in turn: none waits for all that another asks."""
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        greedy, other = self.connect(), self.connect()
        greedy.protocol.dataReceived(one * 3)
        other.protocol.dataReceived(one)
        for counts in ((1, 0), (2, 0), (2, 1), (3, 1)):
            found = tuple(len(responses(each.value())) for each in (greedy, other))
            self.assertEqual(found, counts)
            self.turn()

    def test_rest(self) -> None:
        """After an answer that took long the node has its time; the socket's clients may hurry."""

        def slow() -> list[object]:
            self.reactor.rightNow += 0.01
            return []

        self.node.addresses = slow
        two = b"GET /api/addresses HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2
        for isSocket, rest in ((False, 0.01 * REST), (True, 0.0)):
            transport = self.connect(isSocket)
            transport.protocol.dataReceived(two)
            self.reactor.advance(rest * 0.99)
            self.assertEqual(len(responses(transport.value())), 2 if isSocket else 1)
            self.reactor.advance(rest * 0.02)
            self.assertEqual(len(responses(transport.value())), 2)
        del self.node.addresses

    def test_streamThatIsNotRead(self) -> None:
        """A client of events that takes nothing is sent nothing, and cut."""
        transport = self.send("GET", "/events")
        transport.protocol.pauseProducing()
        size = len(transport.value())
        for number in range(int(STALL) - 1):
            self.peers[0].setStatus(height=number)
            self.advance(1)
        self.assertEqual(len(transport.value()), size)
        self.assertTrue(transport.connected)
        self.advance(2)
        self.assertFalse(transport.connected)

    def test_streamThatIsReadLater(self) -> None:
        """One that is slow for a while is told everything anew."""
        transport = self.send("GET", "/events")
        self.advance(2)
        transport.protocol.pauseProducing()
        self.network.cut(self.node, self.peers[0])
        self.advance(5)
        transport.clear()
        transport.protocol.resumeProducing()
        ((name, state),) = events(b"\r\n\r\n" + transport.value())
        self.assertEqual(name, "state")
        states = {peer["name"]: peer["state"] for peer in state["peers"]}
        self.assertEqual(states, {"node1": "gone", "node2": "connected"})
        self.advance(STALL)
        self.assertTrue(transport.connected)

    def test_quietStream(self) -> None:
        """While nothing happens a client gets a sign of life."""
        transport = self.send("GET", "/api/subscribe?topic=x", isSocket=True)
        transport.clear()
        self.advance(SIGN - 1)
        self.assertEqual(transport.value(), b"")
        self.advance(1)
        self.assertEqual(transport.value(), b"4\r\n: \n\n\r\n")
        transport.end()

    def test_tooManyStreams(self) -> None:
        """There are so many clients of events and no more; one that goes makes room."""
        streams = [self.send("GET", "/events") for _ in range(MAX_STREAMS)]
        found = self.get("/events", 503)
        self.assertIn(f"{MAX_STREAMS} clients get events already", found["error"])
        self.get("/api/subscribe?topic=x", 503, Authorization=f"Bearer {TOKEN}")
        streams.pop().end()
        streams.append(self.send("GET", "/events"))
        self.assertEqual(events(streams[-1].value())[0][0], "state")

    def test_tooManyConnections(self) -> None:
        """Of too many connections the one is cut that has asked nothing for the longest time."""
        asking = self.actLater(
            "/api/request", {"to": "node1", "text": "?", "protocolID": self.node.protocolID(1, 7)}
        )
        used = self.connect()
        idle = [self.connect() for _ in range(MAX_CONNECTIONS - 2)]
        self.send("GET", "/healthz", transport=used)
        self.reactor.advance(0)
        self.get("/healthz")
        self.reactor.advance(0)
        self.assertEqual([each.connected for each in idle[:2]], [False, True])
        self.assertTrue(asking.connected and used.connected)

    def test_allConnectionsAreBusy(self) -> None:
        """If all wait for answers there is no room for more."""
        body = {"to": "node1", "text": "?", "protocolID": self.node.protocolID(1, 7)}
        for _ in range(MAX_CONNECTIONS):
            self.actLater("/api/request", body)
            self.reactor.advance(0)
        self.assertIsNone(self.reactor.tcpServers[0][1].buildProtocol(None))

    def test_clientThatGoes(self) -> None:
        """A request whose client has gone is not waited for any more."""
        body = {"to": "node1", "text": "?", "protocolID": self.node.protocolID(1, 7)}
        transport = self.actLater("/api/request", body)
        self.assertEqual(self.get("/api/counters")["requests"]["pending"], 1)
        transport.end()
        self.assertEqual(self.get("/api/counters")["requests"]["pending"], 0)

    def test_stopped(self) -> None:
        """The end of the service ends every connection, streams too."""
        streams = [self.send("GET", "/events"), self.send("GET", "/api/node"), self.connect()]
        self.stopAdmin()
        self.assertEqual([transport.connected for transport in streams], [False] * 3)
