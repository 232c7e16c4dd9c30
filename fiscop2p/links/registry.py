"""Who is connected, and who follows what."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import PeerAbsent
from ..events import Event
from ..identity import abridged
from ..interfaces import ISession, Outcome
from ..reasons import CloseReason
from .history import LinkHistory, LinkRecord
from .noise import Noise

_MOST_SPARES = 2

_PATIENCE = 15.0
"""Seconds that the greater node ID has to close a link that is one too many."""


class PeerRegistry:
    """
    Node IDs and topics to sessions.

    Every node has one active session.  A further link to a node that has one is a spare until it is
    settled which of the two stays; see L{add}.

    Events are told once a change is complete, and one after the other: what a callback changes is
    told after everybody has heard what it was called for, of which it may undo some.

    @ivar active: the session of every connected node, by node ID.
    @ivar find: gives the session of a node ID, or L{None}.
    @ivar findFollowers: gives the sessions of those that follow a topic, by node ID, or L{None}; it
        is what changes when they do: keep it for no longer than a turn.
    @ivar version: another number whenever who is connected, or follows a topic, has changed.
    @ivar history: what became of links.
    @ivar joined: L{Event} of a node ID: the node is connected.
    @ivar left: L{Event} of a node ID: it is not any more.
    @ivar topicsChanged: L{Event} of a node ID: it follows other topics than before.
    @ivar relinked: L{Event} of a node ID: another of its links serves it than before.
    """

    _log = Logger()

    def __init__(self, ownID: str, noise: Noise | None = None) -> None:
        """
        @param ownID: our own node ID.
        @param noise: what bounds what is logged of callbacks that fail.
        """
        self.joined: Event[str] = Event(noise)
        self.left: Event[str] = Event(noise)
        self.topicsChanged: Event[str] = Event(noise)
        self.relinked: Event[str] = Event(noise)
        self.history = LinkHistory()
        self._ownID = ownID
        self._active: dict[str, ISession] = {}
        self.active: Mapping[str, ISession] = self._active
        self.find = self._active.get
        self._spares: dict[str, list[ISession]] = {}
        self._topics: dict[ISession, frozenset[str]] = {}
        self._followers: dict[str, dict[str, ISession]] = {}
        self.findFollowers = self._followers.get
        self.version = 0
        self._waiting: dict[str, list[Deferred[str]]] = {}
        self._untold: deque[tuple[Callable[[str], object], str]] = deque()
        self._isTelling = False

    def __len__(self) -> int:
        return len(self._active)

    def __contains__(self, nodeID: str) -> bool:
        return nodeID in self._active

    def __iter__(self) -> Iterator[str]:
        """The node IDs of all connected nodes."""
        return iter(self._active)

    @property
    def sessions(self) -> Collection[ISession]:
        """The session of every connected node."""
        return self._active.values()

    def session(self, nodeID: str) -> ISession:
        """
        The session of a node.

        @raise PeerAbsent: it is not connected.
        """
        session = self.find(nodeID)
        if session is None:
            raise self.absent(nodeID)
        return session

    def absent(self, nodeID: str) -> PeerAbsent:
        """
        The error that a node is not connected.

        @raise TypeError: it is not the ID of any.
        """
        _checkText(nodeID)
        if nodeID == self._ownID:
            return PeerAbsent(f"node {abridged(nodeID)} is this node itself")
        if nodeID != nodeID.lower():
            return PeerAbsent(
                f"node {abridged(nodeID)} is not connected: node IDs are in lower case"
            )
        return PeerAbsent(f"node {abridged(nodeID)} is not connected")

    def whenConnected(self, nodeID: str) -> Deferred[str]:
        """
        Wait for a node.

        @param nodeID: in letters of any case.
        @return: fires with the node ID once it is connected, at once if it is; fails with
            L{PeerAbsent} when our node stops; may be cancelled.
        """
        _checkText(nodeID)
        nodeID = nodeID.lower()

        def forget(deferred: Deferred[str]) -> None:
            waiting = self._waiting.get(nodeID, [])
            if deferred in waiting:
                waiting.remove(deferred)
            if not waiting:
                self._waiting.pop(nodeID, None)

        done: Deferred[str] = Deferred(forget)
        if nodeID in self._active:
            done.callback(nodeID)
        else:
            self._waiting.setdefault(nodeID, []).append(done)
        return done

    def stop(self) -> None:
        """Nobody connects any more, until our node is started again."""
        waiting, self._waiting = self._waiting, {}
        for nodeID, deferreds in waiting.items():
            error = PeerAbsent(f"node {abridged(nodeID)} is not connected, and this node stops")
            for done in deferreds:
                # Who is told may give others up.
                if not done.called:
                    done.errback(error)

    def historyOf(self, nodeID: str) -> list[LinkRecord]:
        """
        The last links of a node and why each ended, the oldest first.

        It need not be connected; also one that the lists keep out has a history.
        """
        return self.history.of(nodeID)

    # Topics.

    def topicsOf(self, nodeID: str) -> frozenset[str]:
        """The topics that a node follows; none if it is not connected."""
        session = self._active.get(nodeID)
        return frozenset() if session is None else self._topics.get(session, frozenset())

    @property
    def followed(self) -> Mapping[str, Collection[str]]:
        """The node IDs that follow each topic, of the nodes that are connected."""
        return self._followers

    def sessionsFollowing(self, topic: str) -> list[ISession]:
        """The sessions of all connected nodes that follow a topic."""
        return list(self._followers.get(topic, {}).values())

    def setTopics(self, session: ISession, topics: Iterable[str]) -> None:
        """The node at the other end of a session follows these topics, and no others."""
        before, after = self._topics.get(session, frozenset()), frozenset(topics)
        self._topics[session] = after
        if self._active.get(session.nodeID) is session:
            self._unindex(session.nodeID, before - after)
            self._index(session, after - before)
            if before != after:
                self.version += 1
                self._untold.append((self.topicsChanged.fire, session.nodeID))
                self._tell()

    def _index(self, session: ISession, topics: Iterable[str]) -> None:
        for topic in topics:
            self._followers.setdefault(topic, {})[session.nodeID] = session

    def _unindex(self, nodeID: str, topics: Iterable[str]) -> None:
        for topic in topics:
            followers = self._followers[topic]
            del followers[nodeID]
            if not followers:
                del self._followers[topic]

    # Coming and going.

    def add(self, session: ISession) -> None:
        """
        A link has proved itself.

        If its node has a session that has missed a heartbeat, the new link takes its place.

        If it has one that has not, one of the two is left within a round trip, and never none.
        Both ends prefer the same one: where each end dialled one, the one that the greater node ID
        dialled; otherwise the older.  Both ask over it for a sign of life.  If none comes, whoever
        asked closes it, and the other link takes its place.  If it comes, the node with the greater
        ID closes the other link; should that not happen, it is not one of ours, and the lesser one
        does it after a while.

        FISCO BCOS nodes never let a second link prove itself: they close it after the handshake.
        If one of theirs is proven, they have given up the first, which then gives no sign of life.
        """
        nodeID = session.nodeID
        active = self._active.get(nodeID)
        if active is None:
            self._active[nodeID] = session
            self.version += 1
            self._untold.append((self.joined.fire, nodeID))
            self._untold.append((self._connected, nodeID))
        elif not active.isHeard:
            self._spares.setdefault(nodeID, []).append(session)
            self._activate(session)
            active.abort(CloseReason.SILENT, "a newer link takes its place")
            for spare in self._spares.get(nodeID, []):
                self._settle(session, spare)
        elif len(self._spares.get(nodeID, ())) == _MOST_SPARES:
            session.close(CloseReason.DUPLICATE, "there are too many links to its node")
        else:
            self._spares.setdefault(nodeID, []).append(session)
            preferred = self._preferred(active, session)
            if preferred is not active:
                self._activate(preferred)
            self._settle(preferred, active if preferred is session else session)
        self._tell()

    def remove(self, session: ISession) -> None:
        """A link has ended; a spare one takes its place."""
        nodeID = session.nodeID
        spares = self._spares.get(nodeID, [])
        if session in spares:
            self._dropSpare(session)
        elif self._active.get(nodeID) is session:
            if spares:
                self._activate(spares[-1])
                self._dropSpare(session)
                for spare in self._spares.get(nodeID, []):
                    self._settle(self._active[nodeID], spare)
            else:
                self._unindex(nodeID, self.topicsOf(nodeID))
                del self._active[nodeID]
                self.version += 1
                self._untold.append((self.left.fire, nodeID))
        self._topics.pop(session, None)
        self._tell()

    def _connected(self, nodeID: str) -> None:
        """Tell those who wait for a node, as long as it is there."""
        while nodeID in self._active and self._waiting.get(nodeID):
            self._waiting[nodeID].pop(0).callback(nodeID)
        if not self._waiting.get(nodeID, True):
            del self._waiting[nodeID]

    def _tell(self) -> None:
        """Tell what has happened; if that was within a callback, whoever called it will."""
        if self._isTelling:
            return
        self._isTelling = True
        try:
            while self._untold:
                tell, nodeID = self._untold.popleft()
                tell(nodeID)
        finally:
            self._isTelling = False

    def _preferred(self, active: ISession, newcomer: ISession) -> ISession:
        if active.outbound == newcomer.outbound:
            return active
        dialledByUs = self._ownID > active.nodeID
        return active if active.outbound == dialledByUs else newcomer

    def _activate(self, spare: ISession) -> None:
        """A spare becomes the session of its node; the session becomes a spare."""
        nodeID = spare.nodeID
        spare.keep()
        before = self._active[nodeID]
        self._spares[nodeID].append(before)
        self._spares[nodeID].remove(spare)
        topicsBefore, topicsAfter = self.topicsOf(nodeID), self._topics.get(spare, frozenset())
        self._unindex(nodeID, topicsBefore)
        self._active[nodeID] = spare
        self.version += 1
        self._index(spare, topicsAfter)
        if topicsBefore != topicsAfter:
            self._untold.append((self.topicsChanged.fire, nodeID))
        self._untold.append((self.relinked.fire, nodeID))

    def _dropSpare(self, session: ISession) -> None:
        spares = self._spares[session.nodeID]
        spares.remove(session)
        if not spares:
            del self._spares[session.nodeID]

    def _settle(self, kept: ISession, other: ISession) -> None:
        """Make sure that the link we keep lives, and only then close the other."""

        def settled(outcome: Outcome) -> None:
            if isinstance(outcome, Exception):
                kept.abort(CloseReason.SILENT, str(outcome))
            elif self._ownID > other.nodeID:
                other.retire(CloseReason.DUPLICATE)
            else:
                other.retire(CloseReason.DUPLICATE, _PATIENCE)

        kept.ping(settled)


def _checkText(nodeID: object) -> None:
    if not isinstance(nodeID, str):
        raise TypeError(f"a node ID is a str, not {type(nodeID).__name__}")
