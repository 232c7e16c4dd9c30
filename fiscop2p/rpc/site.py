"""
HTTP as FISCO BCOS nodes serve JSON-RPC by it: POST to any path.

It has no passwords; whoever reaches the port may change the node's peers.  On loopback that is who
has an account on this machine, and, without these two rules, every web page that is open there:

  - a request with an C{Origin}, which browsers put into what pages send, is refused;
  - while we listen on loopback, so is one whose C{Host} is a name other than C{localhost}: a page
    whose own name was made to lead here is asked for by that name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.web.http import FORBIDDEN, NOT_ALLOWED, OK, REQUEST_ENTITY_TOO_LARGE

from ..web import WebRequest, WebSite, isLocal

MAX_BODY: Final = 1024 * 1024
"""Bytes of a request."""

_ALLOW: Final = b"POST, OPTIONS"


class _Request(WebRequest):
    """One request; it is answered as soon as it is there whole."""

    def maxBody(self) -> int:
        """The same for all."""
        return MAX_BODY

    def received(self) -> None:
        """Answer it."""
        code, body = self._answered()
        self.answer(code, body, b"application/json" if code == OK else b"text/plain")

    def _answered(self) -> tuple[int, bytes]:
        site: RPCSite = self.channel.factory
        if self.requestHeaders.hasHeader(b"Origin"):
            return FORBIDDEN, b"Requests of web pages (with an Origin header) are refused\n"
        if site.isLocal and not all(map(isLocal, self.hosts)):
            return FORBIDDEN, b"The Host header must be an IP address or localhost\n"
        if self.method == b"OPTIONS":
            self.setHeader(b"Allow", _ALLOW)
            return OK, b""
        if self.method != b"POST":
            self.setHeader(b"Allow", _ALLOW)
            return NOT_ALLOWED, b"Not allowed HTTP Method"
        if self.isTooLong:
            return REQUEST_ENTITY_TOO_LARGE, b"A request has at most %d bytes\n" % MAX_BODY
        return OK, site.answered(bytes(self.body))


class RPCSite(WebSite):
    """Has the requests that come by its connections answered."""

    requestFactory = _Request

    def __init__(self, answered: Callable[[bytes], bytes], isLocal: bool, reactor: Any) -> None:
        """
        @param answered: takes the body of a request, and gives that of its answer.
        @param isLocal: whether we listen on loopback.
        """
        super().__init__(reactor)
        self.answered = answered
        self.isLocal = isLocal
