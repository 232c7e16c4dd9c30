"""What a node is and does, as JSON can say it; see L{fiscop2p.admin} for the shapes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from heapq import nsmallest
from itertools import accumulate, islice
from typing import Any, Final

from ..identity import Identity
from ..interfaces import ISession
from ..links.factories import AddressState, AddressStatus
from ..service import P2PService
from ..traffic.volume import Volume
from ..version import PROTOCOL_VERSION, ownVersion
from ..wire.syncing import shownTopic
from .acquaintances import Acquaintance, Acquaintances
from .problems import Problem

MAX_TOPICS: Final = 1000
"""Topics that are listed."""

MOST_STATUS: Final = 8 * 1024
"""Characters of JSON of a status that is listed with others."""

_LEAST_DIGITS: Final = 4
_MOST_LOOKED_AT: Final = 20_000
_TOPICS_OF_ONE: Final = 100
_LENGTH_OF_ONE: Final = 4 * 1024
_LONGEST_NAME: Final = 100
_REASONS_SHOWN: Final = 3
_DAY: Final = 24 * 3600.0

View = dict[str, Any]

_NO_TOPICS: Final[View] = {"topics": [], "topicCount": 0}


class Views:
    """
    Looks at a node; every look is bounded, whatever its peers tell.
    """

    def __init__(
        self,
        node: P2PService,
        acquaintances: Acquaintances,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param now: tells the time of day, which is for people.
        """
        self._node = node
        self._acquaintances = acquaintances
        self._now = now
        self._started = now()
        self._statuses: dict[str, str] = {}
        self._newStatuses: dict[str, View] = {}
        self._topics: dict[str, tuple[frozenset[str], View]] = {}

    def start(self) -> None:
        """Look at it from now on."""
        self._started = self._now()
        self._node.statusChanged.subscribe(self._statusChanged)
        self._node.registry.left.subscribe(self._left)

    def stop(self) -> None:
        """Look at it no more."""
        self._node.statusChanged.unsubscribe(self._statusChanged)
        self._node.registry.left.unsubscribe(self._left)
        self._statuses.clear()
        self._newStatuses.clear()

    def _statusChanged(self, nodeID: str, status: View) -> None:
        # Statuses may change more often than anybody looks, and be looked at more often.
        self._newStatuses[nodeID] = status

    def _left(self, nodeID: str) -> None:
        self._statuses.pop(nodeID, None)
        self._newStatuses.pop(nodeID, None)

    # The node.

    def health(self) -> str:
        """Why the node is not ready, or an empty text if it is."""
        node = self._node
        if not node.links.listening:
            return "this node does not listen"
        if len(node.registry):
            return ""
        missed = [each for each in node.addresses() if each.state is not AddressState.OURSELVES]
        if not missed:
            return ""
        each = [f"{status.address}: {_words(status)}" for status in missed[:_REASONS_SHOWN]]
        more = len(missed) - len(each)
        several = f", and {more} more" if more else ""
        return f"no peer is connected ({'; '.join(each)}{several})"

    def node(self) -> View:
        """The node itself."""
        return {
            **self.nodeRow(),
            "uptime": round(self._now() - self._started, 1),
            "version": ownVersion(),
            "protocolVersion": PROTOCOL_VERSION,
            "certificates": self.certificates(),
        }

    def nodeRow(self) -> View:
        """What of it changes seldom."""
        node = self._node
        reason = self.health()
        status = node.statusOf(node.nodeID)
        return {
            "nodeID": node.nodeID,
            "name": _short(node.identity.name),
            "agency": _short(node.identity.agency),
            "dialect": node.settings.dialect.name,
            "tls": node.tlsName,
            "listen": str(node.listenAddress),
            "started": round(self._started, 3),
            "ready": not reason,
            "reason": reason,
            "peers": len(node.registry),
            **_topics(node.topics),
            "status": status if len(json.dumps(status)) <= MOST_STATUS else {},
            "statusSeq": node.statusSeq,
        }

    def certificates(self) -> list[View]:
        """When our certificates end, our own first."""
        credentials = self._node.credentials
        if credentials is None:
            return []
        now = datetime.now(UTC)
        return [
            {
                "name": _short(name),
                "notAfter": round(end.timestamp()),
                "daysLeft": round((end - now).total_seconds() / _DAY, 1),
            }
            for name, end in credentials.expiries
        ]

    # Peers.

    def find(self, text: str) -> str:
        """
        Find a node.

        @param text: its node ID, the beginning of one, or a node's name.
        @raise Problem: there is none, or there are several.
        """
        known = {self._node.nodeID: self._node.identity}
        for nodeID, each in self._acquaintances.shown():
            known[nodeID] = each.identity
        if text in known:
            return text
        found = [nodeID for nodeID, identity in known.items() if identity.name == text]
        if not found and len(text) >= _LEAST_DIGITS:
            digits = text.lower()
            found = [nodeID for nodeID in known if nodeID.startswith(digits)]
        if not found:
            raise Problem(404, f"no node is called {text[:_LONGEST_NAME]!r}, or begins with it")
        if len(found) > 1:
            raise Problem(409, f"{len(found)} nodes are called {text!r}", candidates=sorted(found))
        return found[0]

    def peers(self) -> list[View]:
        """All that are connected, or were lately."""
        return [self._peer(nodeID, known) for nodeID, known in self._acquaintances.shown()]

    def peer(self, nodeID: str) -> View:
        """
        One of them, with all that is known of it.

        @raise Problem: it is none of them.
        """
        known = self._acquaintances.get(nodeID)
        if known is None:
            raise Problem(404, "this is the node itself: see /api/node")
        isHere = nodeID in self._node.registry
        return {
            **self._peer(nodeID, known),
            "links": [
                {
                    "opened": round(link.opened, 3),
                    "address": str(link.address),
                    "outbound": link.outbound,
                    "reason": None if link.reason is None else link.reason.name.lower(),
                    "words": None if link.reason is None else link.reason.words(link.detail),
                    "duration": None if link.duration is None else round(link.duration, 3),
                }
                for link in self._node.registry.historyOf(nodeID)
            ],
            "status": self._node.statusOf(nodeID) if isHere else {},
            "blocks": self._blocks(nodeID) if isHere else {},
        }

    def _blocks(self, nodeID: str) -> View:
        return {
            str(group): {
                "number": block.number,
                "latestHash": block.latestHash,
                "genesisHash": block.genesisHash,
                "time": block.alignedTime,
            }
            for group, block in self._node.blocksOf(nodeID).items()
        }

    def _peer(self, nodeID: str, known: Acquaintance) -> View:
        session = self._node.registry.find(nodeID)
        row = self._row(nodeID, known, session)
        if session is None:
            gone = dict.fromkeys(("received", "sent", "queue", "pending", "latency", "silence"))
            return {**row, **gone, "isPaused": False, "isBlocked": False}
        counts, latency = session.counts, session.latency
        silence = self._node.clock.seconds() - session.lastReceived
        return {
            **row,
            "received": {"bytes": counts.bytesReceived, "frames": counts.framesReceived},
            "sent": {"bytes": counts.bytesSent, "frames": counts.framesSent},
            "queue": session.queued,
            "pending": session.pending,
            "latency": None if latency is None else round(latency, 6),
            "silence": round(max(0.0, silence), 3),
            "isPaused": session.isPaused,
            "isBlocked": session.blockedSince is not None,
        }

    def shown(self) -> Iterator[tuple[str, Acquaintance]]:
        """Those that are connected, or were lately."""
        return self._acquaintances.shown()

    def peerRows(self) -> dict[str, View]:
        """What of each changes seldom, by node ID."""
        find = self._node.registry.find
        return {
            nodeID: self._row(nodeID, known, find(nodeID))
            for nodeID, known in self._acquaintances.shown()
        }

    def _row(self, nodeID: str, known: Acquaintance, session: ISession | None) -> View:
        address, outbound = known.address, known.outbound
        state = "gone"
        if session is not None:
            # Another link may have taken the place of the one that it joined by.
            address, outbound = session.address, session.outbound
            state = "connected" if session.isHeard else "silent"
        return {
            "nodeID": nodeID,
            **_named(known.identity),
            "state": state,
            "address": str(address),
            "outbound": outbound,
            "since": round(known.since, 3),
            **self._topicsOf(nodeID),
            "reason": known.reason if session is None else "",
        }

    def _topicsOf(self, nodeID: str) -> View:
        """The first topics of a peer; it may follow many, so they are put in order once."""
        topics = self._node.registry.topicsOf(nodeID)
        if not topics:
            self._topics.pop(nodeID, None)
            return _NO_TOPICS
        former, view = self._topics.get(nodeID, (None, _NO_TOPICS))
        if former is not topics:
            view = _topics(topics)
            self._topics[nodeID] = topics, view
        return view

    # What is around them.

    def addresses(self) -> list[View]:
        """All that we dial."""
        return [self._address(status) for status in self._node.addresses()]

    def _address(self, status: AddressStatus) -> View:
        known = self._acquaintances.get(status.nodeID)
        left = status.nextAttempt
        return {
            "address": str(status.address),
            "state": status.state.name.lower(),
            "words": status.state.value,
            "nodeID": status.nodeID,
            "name": "" if known is None else _short(known.identity.name),
            "attempts": status.attempts,
            "lastError": status.lastError,
            "nextAttempt": None if left is None else round(left, 1),
        }

    def topics(self) -> View:
        """Those that anybody follows."""
        node = self._node
        followed = node.registry.followed
        found = {topic: len(followed[topic]) for topic in islice(followed, _MOST_LOOKED_AT)}
        for topic in node.topics:
            found.setdefault(topic, 0)
        ordered = sorted(found, key=lambda topic: (-found[topic], topic))
        return {
            "topics": [
                {
                    "topic": shownTopic(topic),
                    "own": topic in node.topics,
                    "followers": sorted(followed.get(topic, ())),
                    "followerCount": found[topic],
                }
                for topic in ordered[:MAX_TOPICS]
            ],
            "total": len(followed.keys() | node.topics),
        }

    def statuses(self) -> bytes:
        """What each node says of itself, as JSON."""
        node = self._node
        while self._newStatuses:
            nodeID, status = self._newStatuses.popitem()
            self._statuses[nodeID] = json.dumps(status)
        texts = {**self._statuses, node.nodeID: json.dumps(node.statusOf(node.nodeID))}
        short = {nodeID: text for nodeID, text in texts.items() if len(text) <= MOST_STATUS}
        omitted = json.dumps([nodeID for nodeID in texts if nodeID not in short])
        listed = ",".join(f'"{nodeID}":{text}' for nodeID, text in short.items())
        return f'{{"statuses":{{{listed}}},"omitted":{omitted}}}'.encode()

    # Counters.

    def counters(self) -> View:
        """What has been counted since the node started."""
        node, links = self._node, self._node.links
        counts, tally = links.counts, links.tally
        return {
            "received": {"bytes": counts.bytesReceived, "frames": counts.framesReceived},
            "sent": {"bytes": counts.bytesSent, "frames": counts.framesSent},
            "links": {
                "opened": sum(tally.opened.values()),
                "closed": {reason.name.lower(): count for reason, count in node.closes.items()},
            },
            "handshakes": dict(tally.handshakes),
            "dials": {"attempts": tally.dials, "failures": tally.dialFailures},
            "requests": {
                "pending": sum(session.pending for session in links.sessions),
                "timeouts": links.timeouts,
            },
            "ignored": node.counters,
            "sync": {
                sync.name: {"asked": sync.asked, "learnt": sync.learnt, "failed": sync.failed}
                for sync in node.syncs
            },
            "modules": _modules(links.traffic.modules),
        }


def _modules(modules: dict[str, Volume]) -> View:
    return {
        name: {
            "received": {"bytes": each.bytesReceived, "frames": each.framesReceived},
            "sent": {"bytes": each.bytesSent, "frames": each.framesSent},
        }
        for name, each in modules.items()
    }


def _words(status: AddressStatus) -> str:
    return status.lastError or status.state.value


def _named(identity: Identity) -> View:
    return {"name": _short(identity.name), "agency": _short(identity.agency)}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."


def _topics(topics: frozenset[str]) -> View:
    """The first topics of a node, as many as have room in a row."""
    first = list(map(shownTopic, nsmallest(_TOPICS_OF_ONE, topics)))
    # As long as JSON writes them.
    lengths = accumulate(len(json.dumps(topic)) for topic in first)
    shown = [
        topic for topic, length in zip(first, lengths, strict=True) if length <= _LENGTH_OF_ONE
    ]
    return {"topics": shown, "topicCount": len(topics)}
