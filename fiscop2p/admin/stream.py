"""Server-sent events: one client of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.web.http import OK, datetimeToString
from zope.interface import implementer

from ..web import WebRequest

SIGN: Final = 15.0
"""Seconds after which a client of whom there is no news gets a sign of life."""


@implementer(IPushProducer)
class EventStream:
    """
    Server-sent events to one client.

    What a client does not take is not kept for it: while L{isBlocked} nothing is to be sent.

    @ivar isBlocked: whether the client has not taken what it was sent.
    """

    def __init__(
        self,
        request: WebRequest,
        clock: IReactorTime,
        ended: Callable[[], object],
        resumed: Callable[[], object] = lambda: None,
    ) -> None:
        """
        @param ended: called once there is no client any more.
        @param resumed: called whenever it has taken all.
        """
        self.isBlocked = False
        self._request = request
        self._clock = clock
        self._ended = ended
        self._resumed = resumed
        self._sign: IDelayedCall | None = None

    def begin(self) -> None:
        """Send the head of the answer; events may follow."""
        request = self._request
        request.notifyFinish().addBoth(self._finished)
        request.setResponseCode(OK)
        request.setHeader(b"Date", datetimeToString())
        request.setHeader(b"Content-Type", b"text/event-stream; charset=utf-8")
        request.registerProducer(self, True)
        self._write(b": \n\n")

    def send(self, event: str, data: Any) -> None:
        """
        Send an event.

        @param data: what JSON can say, or JSON.
        """
        text = data if isinstance(data, bytes) else compact(data)
        self._write(b"event: %s\ndata: %s\n\n" % (event.encode(), text))

    def _write(self, data: bytes) -> None:
        self._stopSign()
        self._sign = self._clock.callLater(SIGN, self._giveSign)
        self._request.write(data)

    def _giveSign(self) -> None:
        self._sign = None
        if not self.isBlocked:
            self._write(b": \n\n")

    def _finished(self, _: object) -> None:
        self._stopSign()
        self._ended()

    def _stopSign(self) -> None:
        if self._sign is not None and self._sign.active():
            self._sign.cancel()
        self._sign = None

    # The request's producer: it says when it has enough.

    def pauseProducing(self) -> None:
        """The client does not take what it is sent."""
        self.isBlocked = True

    def resumeProducing(self) -> None:
        """It has taken all."""
        if self.isBlocked:
            self.isBlocked = False
            self._resumed()

    def stopProducing(self) -> None:
        """The connection is gone; the request is told, too."""


def compact(data: Any) -> bytes:
    """Write JSON, on one line."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
