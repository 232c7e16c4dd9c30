"""
Who may ask a node, and who may have it act.

Browsers let every page of the web send requests to this machine and to others beside it.  So over
TCP a request must be asked for by a name that no stranger can have, and one that a page sends must
be sent by our own.
"""

from __future__ import annotations

import hmac
from socket import gethostname
from typing import ClassVar, Final

from ..web import REST, WebRequest, isIP, isLocal
from .problems import Problem

_RESERVED: Final = (".local", ".internal", ".localhost")
"""Names outside the DNS of the world, those of a Kubernetes cluster among them."""

_OUR_OWN: Final = ("same-origin", "none")


class Guard:
    """
    Judges the requests that come by one listening port.

    @cvar rest: how many times as long as an answer took the next one waits.
    """

    rest: ClassVar[float] = 0.0

    def judge(self, request: WebRequest) -> None:
        """
        Let a request pass.

        @raise Problem: it is none that we answer.
        """

    def refusal(self, request: WebRequest) -> Problem | None:
        """Why a request may not have the node act, or L{None} if it may."""
        return None


class TokenGuard(Guard):
    """For TCP: pages of others are kept out, and who acts needs the token."""

    rest = REST

    def __init__(self, isLoopback: bool, token: str | None, names: frozenset[str]) -> None:
        """
        @param isLoopback: whether this machine alone reaches us.
        @param token: L{None} if nobody may act.
        @param names: host names that we are asked by, beside those that no stranger can have.
        """
        self._isLoopback = isLoopback
        self._token = token
        self._names = names | {gethostname().lower()}

    def judge(self, request: WebRequest) -> None:
        """See by what name it was asked for, and whether a page sent it."""
        if not all(map(self._isOurs, request.hosts)):
            raise Problem(
                403,
                "this node is not asked by that Host; use its IP address, or add the name to "
                "[admin] names",
            )
        headers = request.requestHeaders
        (host,) = headers.getRawHeaders(b"Host", [b""])[:1]
        ours = {b"http://" + host.lower(), b"https://" + host.lower()}
        origins = headers.getRawHeaders(b"Origin", [])
        isForeign = any(origin.lower() not in ours for origin in origins)
        site = (request.getHeader(b"Sec-Fetch-Site") or b"none").decode("latin-1")
        isVisit = request.getHeader(b"Sec-Fetch-Mode") == b"navigate"
        if isForeign or (site not in _OUR_OWN and not isVisit):
            raise Problem(403, "requests of other web pages are refused")

    def _isOurs(self, host: str) -> bool:
        if host in self._names or isLocal(host):
            return True
        if self._isLoopback or not host:
            return False
        return isIP(host) or "." not in host or host.endswith(_RESERVED)

    def refusal(self, request: WebRequest) -> Problem | None:
        """See whether it has the token."""
        if self._token is None:
            return Problem(403, "this node has no token: set [admin] token, and start it again")
        given = request.getHeader(b"Authorization") or b""
        kind, _, token = given.partition(b" ")
        isRight = hmac.compare_digest(token.strip(), self._token.encode())
        if kind.lower() == b"bearer" and isRight:
            return None
        return Problem(401, "the token is missing, or is another")
