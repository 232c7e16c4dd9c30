"""What became of links: the last ones of each node, and how often they ended for what reason."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..interfaces import ISession
from ..reasons import CloseReason
from ..settings import Address

LINKS_KEPT: Final = 20
"""How many links of a node are remembered."""

NODES_KEPT: Final = 1000
"""How many nodes are: those with the latest news."""

_RESTLESS: Final = 300.0
"""Seconds: two nodes of which one is not let in dial each other fourteen times a minute."""


@dataclass(slots=True)
class LinkRecord:
    """
    One link, from the handshake on.

    @ivar opened: when its peer was verified, in seconds since 1970.
    @ivar address: its remote end.
    @ivar outbound: whether we dialled.
    @ivar reason: why it ended, or L{None} while it stands.
    @ivar detail: the same in a sentence.
    @ivar duration: how many seconds it stood, or L{None} while it does.
    @ivar began: when C{opened} was, by the clock that durations are measured by.
    """

    opened: float
    address: Address
    outbound: bool
    reason: CloseReason | None = None
    detail: str = ""
    duration: float | None = None
    began: float = 0.0


class LinkHistory:
    """
    Remembers links, in bounded memory.

    @ivar closes: how many links have ended for each reason, those included that never opened.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """
        @param now: tells the time of day, which is for people; durations are not measured by it.
        """
        self.closes: Counter[CloseReason] = Counter()
        self._now = now
        # Tuples, and not an OrderedDict: of most nodes there is one link.
        self._nodes: dict[str, tuple[LinkRecord, ...]] = {}
        self._standing: dict[ISession, LinkRecord] = {}

    def of(self, nodeID: str) -> list[LinkRecord]:
        """The last links of a node, the oldest first; none if it is not remembered."""
        return list(self._nodes.get(nodeID, ()))

    def isRestless(self, nodeID: str, clock: float) -> bool:
        """Whether a node has begun as many links in the last minutes as are remembered of it."""
        links = self._nodes.get(nodeID, ())
        return len(links) == LINKS_KEPT and clock - links[0].began < _RESTLESS

    def opened(self, session: ISession, clock: float) -> None:
        """
        The peer of a link is verified.

        @param clock: the time that durations are measured by.
        """
        record = LinkRecord(self._now(), session.address, session.outbound, began=clock)
        self._standing[session] = record
        links = *self._nodes.get(session.nodeID, ()), record
        self._refresh(session.nodeID, links[-LINKS_KEPT:])

    def closed(self, session: ISession, clock: float) -> None:
        """A link has ended, in whatever stage."""
        self.closes[session.closeReason] += 1
        if session.nodeID and session not in self._standing:
            # It was verified, and then not let in.
            self.opened(session, clock)
        if session in self._standing:
            record = self._standing.pop(session)
            record.reason, record.detail = session.closeReason, session.closeDetail
            record.duration = clock - record.began
            if session.nodeID in self._nodes:
                self._refresh(session.nodeID, self._nodes[session.nodeID])

    def _refresh(self, nodeID: str, links: tuple[LinkRecord, ...]) -> None:
        """There is news of a node, whose links these are."""
        self._nodes.pop(nodeID, None)
        self._nodes[nodeID] = links
        if len(self._nodes) > NODES_KEPT:
            del self._nodes[next(iter(self._nodes))]
