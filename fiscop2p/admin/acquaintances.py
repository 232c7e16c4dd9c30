"""The nodes that are connected, and those that were lately."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ..identity import Identity
from ..interfaces import ISession
from ..service import P2PService
from ..settings import Address

KEPT: Final = 1000
"""How many nodes that have left are remembered."""

GONE_FOR: Final = 3600.0
"""Seconds that one is shown after it has left; one that we dial is shown until it is back."""


@dataclass
class Acquaintance:
    """
    A node that is connected, or was.

    @ivar since: when it connected or left, in seconds since 1970.
    @ivar address: the remote end of its link.
    @ivar outbound: whether we had dialled.
    @ivar reason: why its last link ended, in words; empty while it is connected.
    """

    identity: Identity
    since: float
    address: Address
    outbound: bool
    reason: str = ""


class Acquaintances:
    """
    Remembers nodes, in bounded memory.
    """

    def __init__(self, node: P2PService, now: Callable[[], float] = time.time) -> None:
        """
        @param now: tells the time of day, which is for people.
        """
        self._node = node
        self._now = now
        self._nodes: OrderedDict[str, Acquaintance] = OrderedDict()

    def start(self) -> None:
        """Know who is connected from now on."""
        registry, links = self._node.registry, self._node.links
        registry.joined.subscribe(self._joined)
        registry.left.subscribe(self._left)
        links.sessionClosed.subscribe(self._closed)
        for nodeID in registry:
            self._joined(nodeID)

    def stop(self) -> None:
        """Know nobody any more."""
        registry, links = self._node.registry, self._node.links
        registry.joined.unsubscribe(self._joined)
        registry.left.unsubscribe(self._left)
        links.sessionClosed.unsubscribe(self._closed)
        self._nodes.clear()

    def _joined(self, nodeID: str) -> None:
        session = self._node.registry.find(nodeID)
        if session is None:
            return
        self._nodes[nodeID] = Acquaintance(
            session.identity, self._now(), session.address, session.outbound
        )
        self._nodes.move_to_end(nodeID)
        if len(self._nodes) > KEPT + len(self._node.registry):
            self._forgetOne()

    def _forgetOne(self) -> None:
        for nodeID in self._nodes:
            if nodeID not in self._node.registry:
                del self._nodes[nodeID]
                return

    def _left(self, nodeID: str) -> None:
        if nodeID in self._nodes:
            self._nodes[nodeID].since = self._now()
            self._nodes.move_to_end(nodeID)

    def _closed(self, session: ISession) -> None:
        known = self._nodes.get(session.nodeID)
        if known is not None and session.proven and session.nodeID not in self._node.registry:
            known.reason = session.closeReason.words(session.closeDetail)

    def get(self, nodeID: str) -> Acquaintance | None:
        """What is known of a node, if anything is."""
        return self._nodes.get(nodeID)

    def shown(self) -> Iterator[tuple[str, Acquaintance]]:
        """Those that are connected, have left lately, or are missed."""
        registry, earliest = self._node.registry, self._now() - GONE_FOR
        missed = {status.nodeID for status in self._node.addresses()}
        for nodeID, known in self._nodes.items():
            if nodeID in registry or known.since > earliest or nodeID in missed:
                yield nodeID, known
