"""What operators have a node do."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from twisted.internet.defer import Deferred

from ..errors import (
    BandwidthExceeded,
    DeliveryError,
    EncodingError,
    FiscoP2PError,
    NoFollower,
    PeerAbsent,
    PeerBusy,
    PeerLeft,
    RequestTimeout,
    TopicTaken,
)
from ..interfaces import Message, Outcome
from ..service import P2PService
from ..web import WebRequest
from ..wire.dialect import MESSAGE
from .bench import Bench
from .journal import Journal
from .problems import Problem
from .stream import EventStream
from .views import View, Views

TELL: Final = 0
"""The packet type of a message that is shown to operators."""

ASK: Final = 1
"""That of one that is answered with its payload."""

MAX_TIMEOUT: Final = 300.0
"""Seconds that a request may wait for its answer."""

_CODES: Final = {
    PeerAbsent: 404,
    NoFollower: 404,
    TopicTaken: 409,
    EncodingError: 400,
    BandwidthExceeded: 429,
    PeerLeft: 502,
    PeerBusy: 503,
    RequestTimeout: 504,
}

_FIELDS: Final[dict[str, Any]] = {
    "to": str,
    "topic": str,
    "text": str,
    "base64": str,
    "protocolID": int,
    "packetType": int,
    "timeout": (int, float),
    "size": int,
    "inFlight": int,
    "seconds": (int, float),
}


class Actions:
    """Sends, asks and publishes for those who may."""

    def __init__(self, node: P2PService, views: Views, journal: Journal) -> None:
        """
        Take the messages of other operators, too.

        @param journal: where they are noted.
        """
        self._node = node
        self._views = views
        self._journal = journal
        self._isBenching = False
        self._protocolID = node.protocolID(0, MESSAGE)
        node.handle(self._protocolID, self._received)

    def _received(self, message: Message) -> bytes | None:
        if message.packetType == ASK:
            return message.payload
        self._journal.messageReceived(message)
        return None

    def send(self, body: bytes) -> View:
        """Send one way."""
        fields = _fields(body, "to", "text", "base64", "protocolID", "packetType")
        nodeID, payload = self._views.find(_needed(fields, "to")), _payload(fields)
        self._node.send(
            nodeID,
            payload,
            protocolID=fields.get("protocolID", self._protocolID),
            packetType=fields.get("packetType", TELL),
        )
        return {"to": nodeID}

    def request(self, body: bytes) -> Deferred[View]:
        """Send, and wait for the answer."""
        fields = _fields(body, "to", "text", "base64", "protocolID", "packetType", "timeout")
        nodeID, payload = self._views.find(_needed(fields, "to")), _payload(fields)
        began = self._node.clock.seconds()

        def answered(answer: bytes) -> View:
            seconds = self._node.clock.seconds() - began
            return {"to": nodeID, **_shown(answer), "seconds": round(seconds, 6)}

        return self._node.request(
            nodeID,
            payload,
            protocolID=fields.get("protocolID", self._protocolID),
            packetType=fields.get("packetType", ASK),
            timeout=self._timeout(fields),
        ).addCallback(answered)

    def ping(self, body: bytes) -> Deferred[View]:
        """See how long a round trip takes."""
        fields = _fields(body, "to", "timeout")
        nodeID, timeout = self._views.find(_needed(fields, "to")), self._timeout(fields)
        session = self._node.registry.session(nodeID)
        clock = self._node.clock
        began = clock.seconds()
        done: Deferred[View] = Deferred()

        def answered(outcome: Outcome) -> None:
            if done.called:
                return
            if isinstance(outcome, DeliveryError):
                done.errback(outcome)
            else:
                done.callback({"to": nodeID, "seconds": round(clock.seconds() - began, 6)})

        session.ping(answered)
        return done.addTimeout(timeout, clock, onTimeoutCancel=_tooLate)

    def bench(self, body: bytes) -> Deferred[View]:
        """See how many requests a second a link carries; one such measurement at a time."""
        fields = _fields(body, "to", "size", "inFlight", "seconds")
        nodeID = self._views.find(_needed(fields, "to"))
        inFlight, seconds = fields.get("inFlight", 1), fields.get("seconds", 1)
        bench = Bench(self._node, nodeID, self._protocolID, ASK, fields.get("size", 64))
        if self._isBenching:
            raise Problem(503, "another measurement runs; try again when it has ended")
        done = bench.run(inFlight, seconds)
        self._isBenching = True
        return done.addBoth(self._benched)

    def _benched(self, result: Any) -> Any:
        self._isBenching = False
        return result

    def publish(self, body: bytes) -> View:
        """Send to all followers of a topic."""
        fields = _fields(body, "topic", "text", "base64")
        topic = _needed(fields, "topic")
        return {"topic": topic, "nodes": self._node.multicast(topic, _payload(fields))}

    def subscribe(self, request: WebRequest, topic: str, ended: Callable[[], object]) -> None:
        """
        Follow a topic as long as a client listens.

        @param ended: called once it does not any more.
        """
        subscription = _Subscription(self._node, topic, ended)
        self._node.subscribe(topic, subscription.received)
        subscription.begin(request)

    def _timeout(self, fields: View) -> float:
        timeout = fields.get("timeout", self._node.settings.requestTimeout)
        if not 0 < timeout <= MAX_TIMEOUT:
            raise Problem(400, f"timeout must be above 0 and {MAX_TIMEOUT:g} at the most")
        return float(timeout)


class _Subscription:
    """A topic, followed for one client."""

    def __init__(self, node: P2PService, topic: str, ended: Callable[[], object]) -> None:
        self._node = node
        self._topic = topic
        self._ended = ended
        self._dropped = 0
        self._stream: EventStream

    def begin(self, request: WebRequest) -> None:
        self._stream = EventStream(request, self._node.clock, self._gone, self._tellDropped)
        self._stream.begin()

    def received(self, message: Message) -> None:
        if self._stream.isBlocked:
            self._dropped += 1
            return
        session = self._node.registry.find(message.sender)
        isOurs = message.sender == self._node.nodeID
        identity = self._node.identity if isOurs else session.identity if session else None
        self._stream.send(
            "message",
            {
                "time": round(time.time(), 3),
                "topic": self._topic,
                "nodeID": message.sender,
                "name": identity.name if identity else "",
                **_shown(message.payload),
            },
        )

    def _tellDropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._stream.send("dropped", {"count": dropped})

    def _gone(self) -> None:
        self._node.unsubscribe(self._topic, self.received)
        self._ended()


def problemOf(error: FiscoP2PError) -> Problem:
    """Find the status that HTTP has for what went wrong."""
    if isinstance(error, Problem):
        return error
    return Problem(_CODES.get(type(error), 502), str(error))


def _tooLate(_: object, timeout: float) -> NoReturn:
    raise RequestTimeout(f"no answer within {timeout:g} s")


def _fields(body: bytes, *names: str) -> View:
    """
    Read the body of a request.

    @raise Problem: it is not a JSON object of these fields.
    """
    try:
        fields = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    if not isinstance(fields, dict):
        raise Problem(400, "the body must be a JSON object")
    for name, value in fields.items():
        if name not in names:
            raise Problem(400, f"{name[:40]!r} is not one of {', '.join(names)}")
        if isinstance(value, bool) or not isinstance(value, _FIELDS[name]):
            raise Problem(400, f"{name} must be a {_nameOf(_FIELDS[name])}")
    return fields


def _nameOf(kind: Any) -> str:
    return "text" if kind is str else "whole number" if kind is int else "number"


def _needed(fields: View, name: str) -> str:
    if not fields.get(name):
        raise Problem(400, f"{name} is missing")
    return str(fields[name])


def _payload(fields: View) -> bytes:
    if ("text" in fields) == ("base64" in fields):
        raise Problem(400, "give either text or base64")
    try:
        if "text" in fields:
            return str(fields["text"]).encode()
        return base64.b64decode(fields["base64"], validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise Problem(400, "the payload is not what it is said to be") from None


def _shown(payload: bytes) -> View:
    try:
        text: str | None = payload.decode()
    except UnicodeDecodeError:
        text = None
    return {"text": text, "base64": base64.b64encode(payload).decode()}
