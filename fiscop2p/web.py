"""HTTP for few clients, none of whom can hold a node up."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request, datetimeToString

MAX_CONNECTIONS: Final = 100
"""Clients at a time."""

REST: Final = 9.0
"""How many times as long as an answer took the next one waits: the node has nine tenths of time."""

LONGEST_REST: Final = 0.25
"""Seconds that it waits at the most."""

REQUEST_TIMEOUT: Final = 30
"""Seconds that a client has to send a request whole, and that a connection is kept without one."""

STALL: Final = 20.0
"""Seconds that a client may take nothing of what it was sent before it is cut."""

CLOSE_GRACE: Final = 5.0
"""Seconds that a client has to take its answer when we close a connection."""

_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:]*))(?::[0-9]*)?")


class WebSite(ServerFactory):
    """
    Takes connections, and keeps count of them.

    Of the requests that they bring one is answered in each turn of the reactor, by turns.

    @cvar requestFactory: a subclass of L{WebRequest}: what takes a request, and answers it.
    """

    noisy = False
    requestFactory: ClassVar[type[WebRequest]]

    def __init__(self, reactor: Any, rest: float = REST) -> None:
        """
        @param reactor: what keeps time.
        @param rest: how many times as long as an answer took the next one waits.
        """
        self.callLater = reactor.callLater
        self._seconds = reactor.seconds
        self._rest = rest
        # Those that have asked nothing for the longest time come first.
        self._connections: dict[_Connection, None] = {}
        self._asking: dict[_Connection, None] = {}
        self._turnCall: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []

    def buildProtocol(self, address: IAddress | None) -> Any:
        """Take a connection; if there are too many, in the place of one that asks nothing."""
        if len(self._connections) >= MAX_CONNECTIONS and not self._makeRoom():
            return None
        connection = _Connection(self)
        self._connections[connection] = None
        return connection

    def _makeRoom(self) -> bool:
        for connection in self._connections:
            if connection.isIdle:
                del self._connections[connection]
                connection.abort()
                return True
        return False

    def asked(self, connection: _Connection) -> None:
        """A connection has a request to be answered: now, or after those of others."""
        self._asking[connection] = None
        if self._turnCall is None:
            self._turn()

    def asksNot(self, connection: _Connection) -> None:
        """It has none any more, or does not take answers for now."""
        self._asking.pop(connection, None)

    def _turn(self) -> None:
        self._turnCall = None
        if not self._asking:
            return
        connection = next(iter(self._asking))
        del self._asking[connection]
        self._connections[connection] = self._connections.pop(connection)
        self._turnCall = call = self.callLater(0, self._turn)
        began = self._seconds()
        connection.answerNext()
        rest = self._rest * (self._seconds() - began)
        if rest > 0 and call.active():
            call.reset(min(rest, LONGEST_REST))

    def closed(self, connection: _Connection) -> None:
        """A connection has ended."""
        self.asksNot(connection)
        self._connections.pop(connection, None)
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
        if self._waiting and not self._connections:
            _cancel(self._turnCall)
            self._turnCall = None
            waiting, self._waiting = self._waiting, []
            for emptied in waiting:
                emptied.callback(None)

    def log(self, request: Request) -> None:
        """There is no log of requests."""


class WebRequest(Request):
    """
    One request; L{received} is called once it is there whole.

    @ivar body: what came with it, if that is not more than L{maxBody}; otherwise a little more.
    """

    body: bytearray

    def maxBody(self) -> int:
        """How many bytes may come with it; the headers are there."""
        raise NotImplementedError

    def received(self) -> None:
        """It is there whole: answer it, now or later."""
        raise NotImplementedError

    @property
    def isTooLong(self) -> bool:
        """Whether more came with it than may."""
        return len(self.body) > self._mostBody

    def gotLength(self, length: int | None) -> None:
        """The headers are there."""
        self.body = bytearray()
        self._mostBody = self.maxBody()

    def handleContentChunk(self, data: bytes) -> None:
        """
        A piece of the body; what is above the limit is not kept.

        Its client is told at the end, for before that it does not listen.
        """
        if not self.isTooLong:
            self.body += data[: self._mostBody + 1]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """It is there whole."""
        self.method, self.uri, self.clientproto = command, path, version
        connection: Any = self.channel
        connection.whenFree(self.received)

    def answer(self, code: int, body: bytes, contentType: bytes) -> None:
        """Answer, and be done with it."""
        self.setResponseCode(code)
        self.setHeader(b"Date", datetimeToString())
        self.setHeader(b"Content-Type", contentType)
        self.setHeader(b"Content-Length", b"%d" % len(body))
        self.write(body)
        self.finish()

    @property
    def hosts(self) -> list[str]:
        """
        The names, or IP addresses, that it was asked for by: what its C{Host} headers say, in lower
        case; one that is none is empty.
        """
        found = self.requestHeaders.getRawHeaders(b"Host", [])
        return [_nameOf(host.decode("latin-1")) for host in found]


class _Connection(HTTPChannel):
    """
    One client.

    While it does not take what it was sent none of its requests is answered; when it takes nothing
    for a while it is cut.
    """

    timeOut = REQUEST_TIMEOUT
    # Fewer than the digits of a Content-Length that Python would refuse to read.
    totalHeadersSize = 4096

    def __init__(self, site: WebSite) -> None:
        super().__init__()
        self.factory = site
        self.requestFactory = site.requestFactory
        self._abortCall: IDelayedCall | None = None
        self._isBlocked = False
        self._isServed = False
        self._stallCall: IDelayedCall | None = None
        self._next: Callable[[], object] | None = None

    @property
    def isIdle(self) -> bool:
        """Whether it waits for its client, not for us."""
        return self._isBlocked or not self._isServed

    def whenFree(self, answer: Callable[[], object]) -> None:
        """Have a request answered once it is its turn."""
        self._isServed = True
        self._next = answer
        if not self._isBlocked:
            self.factory.asked(self)

    def answerNext(self) -> None:
        """It is its turn."""
        answer, self._next = self._next, None
        if answer is not None:
            answer()

    def requestDone(self, request: Request) -> None:
        """A request is answered; another one may be there already."""
        self._isServed = False
        super().requestDone(request)

    def pauseProducing(self) -> None:
        """The client does not take what it was sent."""
        super().pauseProducing()
        self._isBlocked = True
        self.factory.asksNot(self)
        if self._stallCall is None:
            self._stallCall = self.callLater(STALL, self.abort)

    def resumeProducing(self) -> None:
        """It has taken all."""
        self._isBlocked = False
        _cancel(self._stallCall)
        self._stallCall = None
        super().resumeProducing()
        if self._next is not None:
            self.factory.asked(self)

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
            self._abortCall = self.callLater(CLOSE_GRACE, self.abort)
            self.loseConnection()

    def abort(self) -> None:
        """Close at once."""
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has ended."""
        self._next = None
        super().connectionLost(reason)
        for call in (self._abortCall, self._stallCall):
            _cancel(call)
        self.factory.closed(self)


def _cancel(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()


def isLocal(host: str) -> bool:
    """Whether a host of a C{Host} header is one that no page of the web is asked for by."""
    return host == "localhost" or isIP(host)


def isIP(host: str) -> bool:
    """Whether this is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def isLoopback(host: str) -> bool:
    """Whether who listens there is reached from this machine alone."""
    return isIP(host) and ip_address(host).is_loopback


def _nameOf(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else (match["ipv6"] or match["host"]).lower()
