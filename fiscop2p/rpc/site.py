"""
HTTP as FISCO BCOS nodes serve JSON-RPC by it: POST to any path.

It has no passwords; whoever reaches the port may change the node's peers.  On loopback that is who
has an account on this machine, and, without these two rules, every web page that is open there:

  - a request with an C{Origin}, which browsers put into what pages send, is refused;
  - while we listen on loopback, so is one whose C{Host} is a name other than C{localhost}: a page
    whose own name was made to lead here is asked for by that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import (
    FORBIDDEN,
    NOT_ALLOWED,
    OK,
    REQUEST_ENTITY_TOO_LARGE,
    HTTPChannel,
    Request,
    datetimeToString,
)

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request."""

MAX_CONNECTIONS: Final = 100
"""Clients at a time."""

REQUEST_TIMEOUT: Final = 30
"""Seconds that a client has to send a request whole, and that a connection is kept without one."""

CLOSE_GRACE: Final = 5.0
"""Seconds that a client has to take its answer when we close a connection."""

_ALLOW: Final = b"POST, OPTIONS"
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:]*))(?::[0-9]*)?")


class RPCSite(ServerFactory):
    """Takes connections, and has the requests that come by them answered."""

    noisy = False

    def __init__(self, answer: Callable[[bytes], bytes], isLocal: bool, reactor: Any) -> None:
        """
        @param answer: takes the body of a request, and gives that of its answer.
        @param isLocal: whether we listen on loopback.
        """
        self.answer = answer
        self.isLocal = isLocal
        self.callLater = reactor.callLater
        self._connections: set[_Connection] = set()
        self._waiting: list[Deferred[None]] = []

    def buildProtocol(self, address: IAddress | None) -> Any:
        """Take a connection, or none, which closes it, if there are too many."""
        if len(self._connections) == MAX_CONNECTIONS:
            return None
        connection = _Connection(self)
        self._connections.add(connection)
        return connection

    def closed(self, connection: _Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self._checkEmptied()

    def closeAll(self) -> Deferred[None]:
        """
        Close all connections, each once its client has taken the answers to what it asked.

        @return: fires when none is left.
        """
        emptied: Deferred[None] = Deferred()
        self._waiting.append(emptied)
        for connection in list(self._connections):
            connection.close()
        self._checkEmptied()
        return emptied

    def _checkEmptied(self) -> None:
        if not self._connections:
            waiting, self._waiting = self._waiting, []
            for emptied in waiting:
                emptied.callback(None)

    def log(self, request: Request) -> None:
        """There is no log of requests."""


class _Request(Request):
    """One request; it is answered as soon as it is there whole."""

    def gotLength(self, length: int | None) -> None:
        """The headers are there."""
        self._body = bytearray()

    def handleContentChunk(self, data: bytes) -> None:
        """
        A piece of the body; what is above the limit is not kept.

        Its client is told at the end, for before that it does not listen.
        """
        if len(self._body) <= MAX_BODY:
            self._body += data

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """It is there whole."""
        self.method, self.uri, self.clientproto = command, path, version
        code, body = self._answer()
        self.setResponseCode(code)
        self.setHeader(b"Date", datetimeToString())
        self.setHeader(b"Content-Type", b"application/json" if code == OK else b"text/plain")
        self.setHeader(b"Content-Length", b"%d" % len(body))
        self.write(body)
        self.finish()

    def _answer(self) -> tuple[int, bytes]:
        site: RPCSite = self.channel.factory
        if self.requestHeaders.hasHeader(b"Origin"):
            return FORBIDDEN, b"Requests of web pages (with an Origin header) are refused\n"
        hosts = self.requestHeaders.getRawHeaders(b"Host", [])
        if site.isLocal and not all(map(_leadsHere, hosts)):
            return FORBIDDEN, b"The Host header must be an IP address or localhost\n"
        if self.method == b"OPTIONS":
            self.setHeader(b"Allow", _ALLOW)
            return OK, b""
        if self.method != b"POST":
            self.setHeader(b"Allow", _ALLOW)
            return NOT_ALLOWED, b"Not allowed HTTP Method"
        if len(self._body) > MAX_BODY:
            return REQUEST_ENTITY_TOO_LARGE, b"A request has at most %d bytes\n" % MAX_BODY
        return OK, site.answer(bytes(self._body))


class _Connection(HTTPChannel):
    """One client."""

    requestFactory = _Request
    timeOut = REQUEST_TIMEOUT
    # Fewer than the digits of a Content-Length that Python would refuse to read.
    totalHeadersSize = 4096

    def __init__(self, site: RPCSite) -> None:
        super().__init__()
        self.factory = site
        self._abortCall: IDelayedCall | None = None

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """Keep time by the site's reactor."""
        later: IDelayedCall = self.factory.callLater(period, func)
        return later

    def resetTimeout(self) -> None:
        """A request must be there in time: its pieces do not count."""

    def timeoutConnection(self) -> None:
        """No request is there in time, which for a client that keeps its connection is usual."""
        self.close()

    def close(self) -> None:
        """Close once the client has taken its answers; do not wait for long."""
        if self._abortCall is None:
            transport: Any = self.transport
            self._abortCall = self.callLater(CLOSE_GRACE, transport.abortConnection)
            self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has ended."""
        super().connectionLost(reason)
        if self._abortCall is not None and self._abortCall.active():
            self._abortCall.cancel()
        self.factory.closed(self)


def _leadsHere(host: bytes) -> bool:
    """Whether a C{Host} header is one that no page of the web is asked for by."""
    match = _HOST.fullmatch(host.decode("latin-1"))
    if match is None:
        return False
    name = match["ipv6"] or match["host"]
    return name.lower() == "localhost" or _isIP(name)


def _isIP(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
