"""HTTP requests to a node, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import INTERNAL_SERVER_ERROR, OK

from ..errors import FiscoP2PError
from ..web import WebRequest, WebSite
from .actions import problemOf
from .guard import Guard
from .problems import Problem
from .stream import compact

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a request."""

MAX_STREAMS: Final = 20
"""Clients that events are streamed to."""

JSON: Final = b"application/json; charset=utf-8"

_HEADERS: Final = {
    b"Content-Security-Policy": b"default-src 'none'; script-src 'self'; style-src 'self'; "
    b"img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'",
    b"Cross-Origin-Resource-Policy": b"same-origin",
    b"Referrer-Policy": b"no-referrer",
    b"X-Content-Type-Options": b"nosniff",
    b"Cache-Control": b"no-store",
}


class Asked(NamedTuple):
    """
    A request, taken apart.

    @ivar request: itself.
    @ivar rest: what follows in its path on that of its route, decoded.
    @ivar query: what stands behind the question mark; of a name that is there twice the last.
    @ivar body: what came with it.
    @ivar mayAct: whether it may have the node act.
    """

    request: WebRequest
    rest: str
    query: Mapping[str, str]
    body: bytes
    mayAct: bool


class Reply(NamedTuple):
    """An answer that is not JSON, or not what is expected."""

    body: bytes
    contentType: bytes = JSON
    code: int = OK


class Route(NamedTuple):
    """
    What is at a path.

    @ivar answer: takes an L{Asked}, and returns what JSON can say, a L{Reply}, or a Deferred of
        either; or L{None} if it streams.
    @ivar method: C{GET} or C{POST}.
    @ivar acts: whether the node does something for it.
    @ivar streams: whether its answer has no end.
    """

    answer: Callable[[Asked], Any]
    method: str = "GET"
    acts: bool = False
    streams: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods by which it may be asked: what has no end has no head alone."""
        return ("GET", "HEAD") if self.method == "GET" and not self.streams else (self.method,)


Routes = Mapping[str, Route]
"""By path; one that ends with a slash, but the first, has all paths that begin with it."""


class AdminSite(WebSite):
    """
    Takes the connections of one listening port.

    @ivar routes: what is at which path.
    @ivar guard: who may ask.
    @ivar streams: how many clients events are streamed to, on all ports; a list of its own length.
    """

    def __init__(self, routes: Routes, guard: Guard, streams: Streams, reactor: Any) -> None:
        super().__init__(reactor, guard.rest)
        self.routes = routes
        self.guard = guard
        self.streams = streams


class Streams:
    """
    Keeps count of the clients that events are streamed to.

    @ivar count: how many there are.
    """

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        """
        There is one more.

        @raise Problem: there are too many.
        """
        if self.count == MAX_STREAMS:
            raise Problem(503, f"{MAX_STREAMS} clients get events already; close one")
        self.count += 1

    def end(self) -> None:
        """There is one less."""
        self.count -= 1


class _Request(WebRequest):
    """One request."""

    _log = Logger()

    def maxBody(self) -> int:
        """Who may not act need not send anything."""
        site: AdminSite = self.channel.factory
        return MAX_BODY if site.guard.refusal(self) is None else 0

    def received(self) -> None:
        """Answer it, or begin to."""
        try:
            route, rest = self._route()
            answer = route.answer(self._asked(route, rest))
        except FiscoP2PError as error:
            self._fail(problemOf(error))
        except Exception:
            self._broken(Failure())
        else:
            if route.streams:
                return
            if isinstance(answer, Deferred):
                self._whenThere(answer)
            else:
                self._reply(answer)

    def _route(self) -> tuple[Route, str]:
        site: AdminSite = self.channel.factory
        site.guard.judge(self)
        path = self.uri.partition(b"?")[0].decode("latin-1")
        start, _, last = path.rpartition("/")
        route, rest = site.routes.get(path), ""
        if start and (route is None or not last):
            route = site.routes.get(f"{start}/") if last else None
            # Only now: a name may have a slash in it.
            rest = unquote(last)
        if route is None:
            raise Problem(404, f"there is nothing at {path[:80]!r}; see /api")
        method = self.method.decode("latin-1")
        methods = route.methods
        if method not in methods:
            self.setHeader(b"Allow", ", ".join(methods).encode())
            raise Problem(405, f"{path} is asked by {route.method}")
        refusal = site.guard.refusal(self)
        if route.acts and refusal is not None:
            if refusal.code == 401:
                self.setHeader(b"WWW-Authenticate", b"Bearer")
            raise refusal
        if self.isTooLong and route.method == "POST":
            raise Problem(413, f"a request has {MAX_BODY} bytes at the most")
        return route, rest

    def _asked(self, route: Route, rest: str) -> Asked:
        site: AdminSite = self.channel.factory
        query = dict(parse_qsl(self.uri.partition(b"?")[2].decode("latin-1")))
        mayAct = site.guard.refusal(self) is None
        return Asked(self, rest, query, bytes(self.body), mayAct)

    def _whenThere(self, answer: Deferred[Any]) -> None:
        """Answer later, unless the client goes before."""
        gone: list[bool] = []

        def leave(_: Failure) -> None:
            gone.append(True)
            answer.cancel()

        def failed(failure: Failure) -> None:
            if gone:
                failure.trap(CancelledError, FiscoP2PError)
            elif isinstance(failure.value, FiscoP2PError):
                self._fail(problemOf(failure.value))
            else:
                self._broken(failure)

        self.notifyFinish().addErrback(leave)
        answer.addCallback(lambda result: None if gone else self._reply(result))
        answer.addErrback(failed)

    def _reply(self, answer: Any) -> None:
        try:
            reply = answer if isinstance(answer, Reply) else Reply(compact(answer) + b"\n")
        except Exception:
            self._broken(Failure())
            return
        self.answer(reply.code, reply.body, reply.contentType)

    def _fail(self, problem: Problem) -> None:
        body = compact({"error": str(problem), **problem.more}) + b"\n"
        self.answer(problem.code, body, JSON)

    def _broken(self, failure: Failure) -> None:
        self._log.failure("an answer failed: {path}", failure, path=self.uri[:200])
        self._fail(Problem(INTERNAL_SERVER_ERROR, "this failed; the log of the node says why"))

    def write(self, data: bytes) -> None:
        """Write a part of the answer, after its head."""
        if not self.startedWriting:
            for name, value in _HEADERS.items():
                self.responseHeaders.setRawHeaders(name, [value])
        super().write(data)


AdminSite.requestFactory = _Request
