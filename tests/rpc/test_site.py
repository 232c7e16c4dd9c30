"""HTTP around JSON-RPC: what is served, what is refused, and for how long one waits."""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.rpc.site import MAX_BODY, RPCSite
from fiscop2p.web import CLOSE_GRACE, MAX_CONNECTIONS, REQUEST_TIMEOUT


class Response(NamedTuple):
    """An HTTP response, taken apart."""

    code: int
    headers: dict[str, str]
    body: bytes


def responses(data: bytes) -> list[Response]:
    """Take a stream of responses apart."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("Content-Length", 0))
        found.append(Response(int(first.split()[1]), headers, data[:length]))
        data = data[length:]
    return found


def post(body: bytes, *headers: bytes, path: bytes = b"/") -> bytes:
    """Write a request."""
    lines = (b"POST %s HTTP/1.1" % path, b"Host: 127.0.0.1:8545", *headers)
    return b"\r\n".join((*lines, b"Content-Length: %d" % len(body), b"", body))


class Transport(StringTransport):
    """
    A transport that ends as a real one does: a little after it was asked to.

    @ivar isStuck: it does not end, for what was written is not taken.
    """

    isStuck = False

    def __init__(self, protocol: Protocol, clock: Clock) -> None:
        super().__init__()
        self.protocol = protocol
        self.clock = clock
        self.connected = True

    def loseConnection(self) -> None:
        if not self.disconnecting and not self.isStuck:
            self.clock.callLater(0, self.end)
        super().loseConnection()

    def abortConnection(self) -> None:
        self.isStuck = self.disconnecting = False
        self.loseConnection()

    def end(self) -> None:
        self.connected = False
        self.protocol.connectionLost(Failure(ConnectionDone()))


class SiteTestCase(SynchronousTestCase):
    """A site that answers a body by the same in upper case."""

    isLocal = True

    def setUp(self) -> None:
        self.clock = Clock()
        self.bodies: list[bytes] = []
        self.site = RPCSite(self.answer, self.isLocal, self.clock)
        self.transport = self.connect()

    def answer(self, body: bytes) -> bytes:
        self.bodies.append(body)
        return body.upper() + b"\n"

    def connect(self) -> Transport:
        connection = self.site.buildProtocol(None)
        transport = Transport(connection, self.clock)
        connection.makeConnection(transport)
        return transport

    def send(self, data: bytes) -> list[Response]:
        """Send bytes, and take what is answered."""
        self.transport.protocol.dataReceived(data)
        self.clock.advance(0)
        answered = responses(self.transport.value())
        self.transport.clear()
        return answered


class ServedTests(SiteTestCase):
    """What is served."""

    def test_post(self) -> None:
        """A POST is answered as JSON; no header tells what software this is."""
        (response,) = self.send(post(b"hello"))
        self.assertEqual((response.code, response.body), (200, b"HELLO\n"))
        self.assertEqual(set(response.headers), {"Content-Length", "Content-Type", "Date"})
        self.assertEqual(response.headers["Content-Type"], "application/json")

    def test_anyPath(self) -> None:
        """The path does not matter."""
        for path in (b"/", b"/Group1/Node1?a=b", b"*", b"http://127.0.0.1:8545/"):
            (response,) = self.send(post(b"hello", path=path))
            self.assertEqual(response.body, b"HELLO\n")

    def test_anyContentType(self) -> None:
        """Nor does the type: the body is taken as it is, though curl calls it a form."""
        for kind in (
            b"application/json",
            b"application/x-www-form-urlencoded",
            b"multipart/form-data",
            b"multipart/form-data; boundary=x",
        ):
            (response,) = self.send(post(b"a=%41&b", b"Content-Type: " + kind))
            self.assertEqual((response.code, response.body), (200, b"A=%41&B\n"))

    def test_noBody(self) -> None:
        """A POST without a body has an empty one."""
        (response,) = self.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual((response.code, self.bodies), (200, [b""]))

    def test_chunks(self) -> None:
        """A body may come in chunks."""
        head = b"POST / HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n"
        (response,) = self.send(head + b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n")
        self.assertEqual(response.body, b"ABCDE\n")

    def test_byteByByte(self) -> None:
        """It does not matter how the bytes arrive."""
        answered = [r for byte in post(b"hello") for r in self.send(bytes((byte,)))]
        self.assertEqual([response.body for response in answered], [b"HELLO\n"])

    def test_pipelining(self) -> None:
        """Many requests at once are answered in order, on one connection."""
        numbers = [b"request %d" % n for n in range(500)]
        answered = self.send(b"".join(map(post, numbers)))
        self.assertEqual([r.body for r in answered], [n.upper() + b"\n" for n in numbers])
        self.assertFalse(self.transport.disconnecting)

    def test_oldHTTP(self) -> None:
        """HTTP/1.0 needs no Host, and its connection ends with the answer."""
        (response,) = self.send(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual((response.code, response.body), (200, b"HI\n"))
        self.assertFalse(self.transport.connected)

    def test_options(self) -> None:
        """OPTIONS tells which verbs there are."""
        (response,) = self.send(b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual((response.code, response.headers["Allow"]), (200, "POST, OPTIONS"))
        self.assertEqual((response.body, self.bodies), (b"", []))


class RefusedTests(SiteTestCase):
    """What is refused, and is not even looked at."""

    def refused(self, code: int, words: bytes, request: bytes) -> None:
        (response,) = self.send(request)
        self.assertEqual(response.code, code)
        self.assertIn(words, response.body)
        self.assertEqual(self.bodies, [])

    def test_otherVerbs(self) -> None:
        """Other verbs are not allowed."""
        for verb in (b"GET", b"PUT", b"DELETE", b"PATCH", b"post"):
            head = verb + b" / HTTP/1.1\r\nHost: localhost\r\n"
            self.refused(405, b"Not allowed HTTP Method", head + b"Content-Length: 2\r\n\r\nhi")
        (response,) = self.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(response.headers["Allow"], "POST, OPTIONS")

    def test_head(self) -> None:
        """HEAD is not allowed either, and has no body."""
        self.transport.protocol.dataReceived(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(self.transport.value().startswith(b"HTTP/1.1 405 "))
        self.assertTrue(self.transport.value().endswith(b"\r\n\r\n"))

    def test_webPage(self) -> None:
        """What a web page sends has an origin."""
        for origin in (b"http://evil.example", b"null", b"http://127.0.0.1:8545", b""):
            for kind in (b"text/plain", b"application/json"):
                headers = (b"Origin: " + origin, b"Content-Type: " + kind)
                self.refused(403, b"Origin", post(b"hello", *headers))
        preflight = b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n"
        self.refused(403, b"Origin", preflight)

    def test_pageUnderANameOfItsOwn(self) -> None:
        """On loopback, who asks for another name does not mean us."""
        for host in (
            b"evil.example:8545",
            b"evil.example",
            b"localhost.evil.example",
            b"127.0.0.1.evil.example",
            b"127.0.0.1@evil.example",
            b"[evil.example]",
            b"[::1",
            b"",
            b"\xff",
        ):
            request = b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\nhi" % host
            self.refused(403, b"Host", request)
        two = post(b"hi", b"Host: evil.example")
        self.refused(403, b"Host", two)

    def test_ownNames(self) -> None:
        """On loopback, IP addresses and localhost are us."""
        for host in (b"127.0.0.1", b"[::1]:8545", b"localhost:8545", b"LocalHost", b"10.0.0.1:1"):
            request = b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\nhi" % host
            self.assertEqual([r.code for r in self.send(request)], [200])

    def test_longBody(self) -> None:
        """A body that is too long is not kept; the connection goes on."""
        self.assertEqual([r.code for r in self.send(post(b"x" * MAX_BODY))], [200])
        self.bodies.clear()
        request = post(b"x" * (MAX_BODY + 1))
        self.refused(413, b"1048576 bytes", request)
        (response,) = self.send(post(b"hello"))
        self.assertEqual(response.body, b"HELLO\n")

    def test_longBodyInChunks(self) -> None:
        """The same without a length; what is too much costs no memory."""
        self.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(100):
            self.send(chunk)
        (request,) = self.transport.protocol.requests
        self.assertLessEqual(len(request.body), MAX_BODY + 0x10000)
        self.refused(413, b"1048576 bytes", b"0\r\n\r\n")

    def test_notHTTP(self) -> None:
        """What is not HTTP ends the connection, and nothing is logged as our failure."""
        for data in (
            b"hello\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000),
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
            b"POST / HTTP/1.1\r\nX: " + b"y" * 20000,
        ):
            self.transport = self.connect()
            self.transport.protocol.dataReceived(data)
            self.clock.advance(0)
            self.assertFalse(self.transport.connected, data[:60])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.bodies, [])


class AnywhereTests(SiteTestCase):
    """A site that listens for other machines."""

    isLocal = False

    def test_anyName(self) -> None:
        """It cannot know its own names; web pages are refused all the same."""
        head = b"POST / HTTP/1.1\r\nHost: node0.example\r\nContent-Length: 2\r\n"
        self.assertEqual([r.code for r in self.send(head + b"\r\nhi")], [200])
        origin = b"Origin: http://evil.example\r\n"
        self.assertEqual([r.code for r in self.send(head + origin + b"\r\nhi")], [403])


class TimeTests(SiteTestCase):
    """How long one waits, and for how many."""

    def test_slowRequest(self) -> None:
        """A client that sends a byte now and then does not hold its connection for ever."""
        request = post(b"x" * 100)
        for byte in request[: REQUEST_TIMEOUT - 1]:
            self.send(bytes((byte,)))
            self.clock.advance(1)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)
        self.assertEqual((self.bodies, self.clock.getDelayedCalls()), ([], []))

    def test_slowBody(self) -> None:
        """Nor one that sends its headers at once, and the body so."""
        self.send(post(b"x" * 100)[:-50])
        for _ in range(REQUEST_TIMEOUT):
            self.assertTrue(self.transport.connected)
            self.send(b"x")
            self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_keptConnection(self) -> None:
        """Each request has its own time."""
        for _ in range(10):
            self.clock.advance(REQUEST_TIMEOUT - 1)
            self.assertEqual([r.code for r in self.send(post(b"hello"))], [200])
        self.clock.advance(REQUEST_TIMEOUT)
        self.assertFalse(self.transport.connected)

    def test_clientDoesNotTakeItsAnswer(self) -> None:
        """A client that does not read is not waited for without end."""
        self.transport.isStuck = True
        self.send(post(b"hello"))
        self.clock.advance(REQUEST_TIMEOUT)
        self.clock.advance(CLOSE_GRACE - 1)
        self.assertTrue(self.transport.connected)
        self.clock.advance(1)
        self.assertFalse(self.transport.connected)

    def test_tooManyConnections(self) -> None:
        """There are so many connections and no more: the one goes that was idle the longest."""
        others = [self.connect() for _ in range(MAX_CONNECTIONS - 1)]
        self.send(post(b"hello"))
        first = self.transport
        self.transport = self.connect()
        self.assertEqual([r.code for r in self.send(post(b"hello"))], [200])
        self.assertEqual([each.connected for each in (first, *others[:2])], [True, False, True])

    def test_closeAll(self) -> None:
        """All connections are closed, also those in the middle of a request."""
        idle = self.connect()
        self.send(post(b"hello")[:-2])
        closed = self.site.closeAll()
        self.assertNoResult(closed)
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertFalse(self.transport.connected)
        self.assertFalse(idle.connected)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.site.closeAll())
