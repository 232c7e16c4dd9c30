"""
How high the chains of the peers are, as FISCO BCOS nodes tell it by block sync.

They tell it to members of a group, every 5 seconds at least.  We only listen: a node without a
chain must not claim one.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger, LogLevel

from ..errors import MalformedMessage
from ..events import Event
from ..identity import abridged
from ..interfaces import ILinks, ISession
from ..links.registry import PeerRegistry
from ..pace import Pace
from ..wire.blocksync import STATUS, SyncStatus, packetKind
from ..wire.dialect import BLOCK_SYNC

_COST: Final = 1.0
"""Seconds that it costs a peer that others are told of its blocks."""

_LENT: Final = 4.0
"""Of these so many are lent."""

MAX_GROUPS: Final = 64
"""Groups that are kept of one peer."""


class PeerBlocks:
    """
    The last block of every group of every peer.

    A group whose protocolID has a handler is its handler's.

    @ivar changed: L{Event} of a session: one of its groups has another block than before; of many
        changes, but for the first, once a second.
    """

    _log = Logger()

    def __init__(self, links: ILinks, registry: PeerRegistry) -> None:
        self.changed: Event[ISession] = Event(links.noise)
        self._links = links
        self._registry = registry
        self._groups: dict[ISession, dict[int, SyncStatus]] = {}
        self._pace = Pace(links.clock, _LENT)
        links.moduleReceivers[BLOCK_SYNC] = self._received
        links.sessionClosed.subscribe(self._forget)

    def of(self, nodeID: str) -> dict[int, SyncStatus]:
        """
        What a peer last told of each group.

        @raise PeerAbsent: it is not connected.
        """
        return self.toldBy(self._registry.session(nodeID))

    def toldBy(self, session: ISession) -> dict[int, SyncStatus]:
        """The same of one link."""
        return dict(self._groups.get(session, {}))

    def _received(self, session: ISession, group: int, packetType: int, payload: bytes) -> bool:
        try:
            if packetKind(payload) != STATUS:
                return False
            self._learnt(session, group, SyncStatus.decode(payload))
        except MalformedMessage as error:
            self._links.noise.complain(
                self._log,
                LogLevel.warn,
                (session.nodeID, "block sync"),
                "ignored block sync of group {group} from node {abridged}: {error}",
                group=group,
                abridged=abridged(session.nodeID),
                error=error,
            )
        return True

    def _learnt(self, session: ISession, group: int, status: SyncStatus) -> None:
        groups = self._groups.setdefault(session, {})
        before = groups.get(group)
        if before is None and len(groups) == MAX_GROUPS:
            raise MalformedMessage(f"it tells of more than {MAX_GROUPS} groups")
        groups[group] = status
        if before is None or before[:3] != status[:3]:
            self._pace.whenDue(session, self._changed)

    def _changed(self, session: ISession) -> None:
        self._pace.charge(session, _COST)
        self.changed.fire(session)

    def _forget(self, session: ISession) -> None:
        self._groups.pop(session, None)
        self._pace.forget(session)
