"""What happened lately, for people to read."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from ..identity import Identity
from ..interfaces import ISession, Message
from ..reasons import CloseReason
from ..service import P2PService
from ..wire.syncing import shownTopic

KEPT: Final = 500
"""Events that are kept."""

QUIET: Final = 60.0
"""Seconds in which the same event is told once."""

MESSAGES_NOTED: Final = 10
"""Messages of operators that are noted in a second."""

_LONGEST: Final = 300
_MOST_TOPICS: Final = 5
_HARMLESS: Final = (CloseReason.OURSELVES, CloseReason.DUPLICATE)


class Journal:
    """
    The last events: who came and went and why, and what is new of whom.

    Nobody can fill it by doing the same again and again: that is told once a minute.

    @ivar last: the seq of the latest event.
    """

    def __init__(self, node: P2PService, now: Callable[[], float] = time.time) -> None:
        """
        @param now: tells the time of day, which is for people.
        """
        self.last = 0
        self._node = node
        self._now = now
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._second = self._messages = 0
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def start(self) -> None:
        """Note what happens from now on."""
        node = self._node
        node.registry.joined.subscribe(self._joined)
        node.registry.topicsChanged.subscribe(self._topicsChanged)
        node.links.sessionClosed.subscribe(self._closed)
        node.statusChanged.subscribe(self._statusChanged)

    def stop(self) -> None:
        """Note nothing any more."""
        node = self._node
        node.registry.joined.unsubscribe(self._joined)
        node.registry.topicsChanged.unsubscribe(self._topicsChanged)
        node.links.sessionClosed.unsubscribe(self._closed)
        node.statusChanged.unsubscribe(self._statusChanged)

    def after(self, seq: int) -> list[dict[str, Any]]:
        """The events that are younger than one, the oldest first."""
        return list(islice(self._events, max(0, len(self._events) - (self.last - seq)), None))

    def note(self, kind: str, identity: Identity | None, text: str) -> None:
        """Something has happened."""
        self.last += 1
        self._events.append(
            {
                "seq": self.last,
                "time": round(self._now(), 3),
                "kind": kind,
                "nodeID": identity.nodeID if identity else "",
                "name": identity.name if identity else "",
                "text": text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "...",
            }
        )

    def messageReceived(self, message: Message) -> None:
        """An operator of another node has sent a message; of a flood of them the first."""
        second = int(self._now())
        if second != self._second:
            self._second, self._messages = second, 0
        self._messages += 1
        if self._messages > MESSAGES_NOTED:
            return
        session = self._node.registry.find(message.sender)
        text = message.payload[: 4 * _LONGEST].decode("utf-8", "backslashreplace")
        self.note("message", session.identity if session else None, text)

    def _isNews(self, *kind: str) -> bool:
        """Whether this has not been told for a while."""
        now = self._now()
        while self._told and not 0 <= now - next(iter(self._told.values())) < QUIET:
            self._told.popitem(last=False)
        if kind in self._told or len(self._told) > KEPT:
            return False
        self._told[kind] = now
        return True

    def _joined(self, nodeID: str) -> None:
        session = self._node.registry.find(nodeID)
        if session is None:
            return
        way = "we dialled" if session.outbound else "it dialled"
        self.note("joined", session.identity, f"connected, {way}: {session.address}")

    def _closed(self, session: ISession) -> None:
        reason = session.closeReason
        words = reason.words(session.closeDetail)
        if session.proven:
            kind = "closed" if session.nodeID in self._node.registry else "left"
            self.note(
                kind, session.identity, f"a spare link: {words}" if kind == "closed" else words
            )
        elif reason not in _HARMLESS and reason is not CloseReason.STOPPED:
            # Who dials us takes another port each time.
            where = str(session.address) if session.outbound else session.address.host
            if self._isNews("refused", session.nodeID or where, reason.name):
                self.note("refused", session.identity, f"{where}: {words}")

    def _topicsChanged(self, nodeID: str) -> None:
        topics = self._node.registry.topicsOf(nodeID)
        session = self._node.registry.find(nodeID)
        if session is not None and self._isNews("topics", nodeID):
            first = ", ".join(map(shownTopic, sorted(topics)[:_MOST_TOPICS]))
            more = f" and {len(topics) - _MOST_TOPICS} more" if len(topics) > _MOST_TOPICS else ""
            self.note("topics", session.identity, f"follows {first}{more}" if topics else "none")

    def _statusChanged(self, nodeID: str, status: dict[str, Any]) -> None:
        session = self._node.registry.find(nodeID)
        if session is not None and self._isNews("status", nodeID):
            text = ", ".join(f"{key} {value}" for key, value in islice(status.items(), 10))
            self.note("status", session.identity, text)
