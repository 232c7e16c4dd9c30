"""All links of a node, from listening and dialling to the registry."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from ..access import AccessLists
from ..errors import NotListed, PeerRefused
from ..events import Event
from ..identity import Identity, abridged
from ..interfaces import ILinks, IPeerTLS, ISession, ModuleReceiver, Receiver
from ..reasons import CloseReason
from ..sending.sheaf import Sheaves
from ..sending.turn import Turn
from ..settings import Address, Settings, checkAddress
from ..traffic.limiter import RateLimiter, bandwidthLimiter
from ..traffic.statistics import Statistics
from ..traffic.volume import Volume
from ..wire.dialect import AMOP, TOPIC
from ..wire.frames import EncodedFrame, FrameEncoder
from .admission import Admission
from .attention import Attention
from .counts import Tally
from .delivery import EachMessage, ManyMessages
from .factories import AddressState, AddressStatus, PeerClientFactory, PeerServerFactory
from .linklog import LinkLog
from .listening import listen
from .noise import Noise
from .registry import PeerRegistry
from .session import PeerProtocol
from .watch import LinkWatch

COUNT_INTERVAL: Final = 10.0
"""Seconds between two lines that say how many nodes are connected, as FISCO BCOS has them."""

_FIRST_SEQ: Final = 2
_LAST_SEQ: Final = (1 << 32) - 1
_LOOKS: Final = 5
_MOST_LINKS: Final = 4

_NOT_CHARGED: Final = frozenset((AMOP, TOPIC, -TOPIC))
"""AMOP requests have asked for their permits before; topic sync is free, as with FISCO BCOS."""


@implementer(ILinks)
class Links:
    """
    All links of a node, from listening and dialling to the registry.

    @ivar registry: where proven links go.
    @ivar access: the lists that peers are judged by; may be replaced.
    @ivar noise: what bounds complaints about peers.
    @ivar linkLog: what is logged about links.
    @ivar turn: what is queued, and when it leaves.
    @ivar attention: what keeps the reactor awake.
    @ivar sessionOpened: L{Event} of a session: it may be written to.
    @ivar sessionClosed: L{Event} of a session: it has ended.
    @ivar handlers: who takes those of each protocolID for an application.
    @ivar receivers: who takes those of the network's own protocolIDs.
    @ivar moduleReceivers: who takes those of each module whose protocolID has no receiver.
    @ivar traffic: how much went over the links, by module and group.
    @ivar limiter: what the outgoing bandwidth allows, or L{None} if it has no limit.
    @ivar tally: what is counted of all links.
    @ivar unclaimedCount: how many requests nobody here took.
    @ivar unmatchedCount: how many responses nobody waited for.
    @ivar droppedCount: how many one-way messages slow readers cost.
    """

    _log = Logger()

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        access: AccessLists,
        tls: IPeerTLS,
        registry: PeerRegistry,
        reactor: Any,
        noise: Noise,
    ) -> None:
        self.settings = settings
        self.access = access
        self.noise = noise
        self.tls = tls
        self.registry = registry
        self.reactor = reactor
        self.clock = reactor
        self.handlers: dict[int, EachMessage | ManyMessages] = {}
        self.receivers: dict[int, Receiver] = {}
        self.moduleReceivers: dict[int, ModuleReceiver] = {}
        self.turn = Turn(reactor)
        self.attention = Attention(reactor)
        self.encode = FrameEncoder(settings.dialect, settings.compress, settings.maxFrameLength)
        self.sheaves = Sheaves(self)
        self._nextSeq = _FIRST_SEQ
        self.sessionOpened: Event[ISession] = Event(noise)
        self.sessionClosed: Event[ISession] = Event(noise)
        self.messagesDropped: Event[ISession] = Event(noise)
        self.traffic = Statistics(settings.dialect)
        self.limiter: RateLimiter | None = None
        if settings.outgoingBandwidth is not None:
            self.limiter = bandwidthLimiter(settings.outgoingBandwidth, reactor)
        self.tally = Tally()
        self.unclaimedCount = 0
        self.unmatchedCount = 0
        self.droppedCount = 0
        self._dropped: dict[ISession, int] = {}
        self._identity = identity
        self._connections: set[ISession] = set()
        self._opened: set[ISession] = set()
        self._admission = Admission(settings, reactor, self._isConfigured)
        self._addresses = dict.fromkeys(settings.peers)
        self._clients: dict[Address, PeerClientFactory] = {}
        self._running = False
        self._port: Any = None
        self._watches: dict[ISession, LinkWatch] = {}
        self._watchLoop = LoopingCall(self._watch)
        self._watchLoop.clock = self.clock
        self._watchInterval = settings.heartbeat / _LOOKS
        self._watched = 0.0
        self.linkLog = LinkLog(self)
        self._countLoop = LoopingCall(self.linkLog.connectedCount)
        self._countLoop.clock = self.clock
        self._ending: set[ISession] = set()
        self._ended: Deferred[None] | None = None
        registry.joined.subscribe(self._nodeJoined)
        registry.left.subscribe(self._nodeLeft)

    # Listening and dialling.

    def listen(self) -> None:
        """
        Accept links from now on.

        @raise ListenError: the port is taken, or not ours to take.
        """
        self._port = listen(self.settings, PeerServerFactory(self), self.reactor)
        self.linkLog.listening(self.listenAddress)

    def start(self) -> None:
        """Dial every configured address, and keep the links."""
        self._watched = self.clock.seconds()
        self._watchLoop.start(self._watchInterval, now=False)
        self._countLoop.start(COUNT_INTERVAL)
        self.noise.start()
        self.attention.start()
        self._running = True
        for address in list(self._addresses):
            self._dial(address)

    def stop(self) -> Deferred[None]:
        """
        Stop listening and dialling, and close all links.

        @return: fires when everything is closed that stands now, whatever is begun meanwhile.
        """
        for loop in (self._watchLoop, self._countLoop):
            if loop.running:
                loop.stop()
        self.noise.stop()
        self.attention.stop()
        self._running = False
        for client in self._clients.values():
            client.stop()
        self._clients.clear()
        port, self._port = self._port, None
        stopped = succeed(None) if port is None else maybeDeferred(port.stopListening)
        if self._ended is None:
            self._ended = Deferred()
        ended: Deferred[None] = Deferred()
        self._ended.chainDeferred(ended)
        self._ending |= self._connections
        for session in list(self._connections):
            session.close(CloseReason.STOPPED)
        self._checkEnded()
        return gatherResults((stopped, ended)).addCallback(lambda _: None)

    def _checkEnded(self) -> None:
        if self._ended is not None and not self._ending:
            ended, self._ended = self._ended, None
            ended.callback(None)

    @property
    def listenAddress(self) -> Address:
        """Where we listen, with the port that was taken; before that, where we shall."""
        if self._port is None:
            return self.settings.listen
        where = self._port.getHost()
        host = self.settings.listen.host if self.settings.endpoint is None else where.host
        return Address(host, where.port)

    @property
    def listening(self) -> bool:
        """Whether we accept links."""
        return self._port is not None

    def addAddress(self, address: Address) -> None:
        """
        Dial an address from now on, and keep a link to it.

        One that is kept already is left alone; while we do not run it is only remembered.

        @raise SetupError: it is none that can be dialled.
        """
        checkAddress(address)
        self._addresses[address] = None
        self._dial(address)

    def removeAddress(self, address: Address) -> None:
        """
        Dial an address no more; a link to it that stands is not touched.

        @raise KeyError: it is not kept.
        """
        del self._addresses[address]
        client = self._clients.pop(address, None)
        if client is not None:
            client.stop()

    def _dial(self, address: Address) -> None:
        if self._running and address in self._addresses and address not in self._clients:
            self._clients[address] = client = PeerClientFactory(self, address)
            client.start()

    def addresses(self) -> list[AddressStatus]:
        """What every address that we dial, or shall dial, is doing."""
        return [
            self._clients[address].status()
            if address in self._clients
            else AddressStatus(address, AddressState.STOPPED, "", 0, "", None)
            for address in self._addresses
        ]

    def _isConfigured(self, host: str, nodeID: str) -> bool:
        """Whether we dial an IP address ourselves, or have met a node where we dial."""
        return any(address.host == host for address in self._addresses) or any(
            client.host == host or (nodeID and client.nodeID == nodeID)
            for client in self._clients.values()
        )

    def _nodeJoined(self, nodeID: str) -> None:
        for client in self._clients.values():
            if client.nodeID == nodeID:
                client.nodeJoined()

    def _nodeLeft(self, nodeID: str) -> None:
        for client in self._clients.values():
            if client.nodeID == nodeID:
                client.nodeLeft()

    def _watch(self) -> None:
        now = self.clock.seconds()
        before, self._watched = self._watched, now
        if now - before > 2 * self._watchInterval:
            # This process did nothing for a while: what has come meanwhile is still to be read.
            return
        for watch in list(self._watches.values()):
            watch.look(now)

    # What a session needs, and tells.

    def judge(self, identity: Identity) -> None:
        """Let a peer in, or not; see L{ILinks.judge}."""
        if not self.isOwn(identity.nodeID):
            self.access.judge(identity.nodeID)

    def isOwn(self, nodeID: str) -> bool:
        """Whether this is our own node ID; see L{ILinks.isOwn}."""
        return nodeID == self._identity.nodeID

    def newSession(self, outbound: bool) -> PeerProtocol:
        """Make the session of a new link; see L{ILinks.newSession}."""
        return PeerProtocol(self, outbound)

    def sent(self, protocolID: int, frames: int, size: int) -> None:
        """Count what has been sent, and charge it to the bandwidth; see L{ILinks.sent}."""
        self.traffic.left(protocolID, frames, size)
        if self.limiter is not None and protocolID not in _NOT_CHARGED:
            self.limiter.acquireWithoutWait(size)

    def admits(self, host: str) -> bool:
        """Whether a link that somebody dials is taken; see L{ILinks.admits}."""
        reason = self._admission.refusal(host)
        if reason is not None:
            self.registry.history.closes[reason] += 1
            self.linkLog.refused(host, reason)
        return reason is None

    def connected(self, session: ISession) -> None:
        """TCP stands."""
        self._connections.add(session)
        if not session.outbound:
            self._admission.connected(session)
        self.linkLog.connected(session)

    def setAccess(self, access: AccessLists) -> frozenset[str]:
        """
        Judge by other lists from now on, also the links that stand.

        @return: the nodes whose links these forbid.
        @raise TypeError: they are no lists.
        """
        if not isinstance(access, AccessLists):
            raise TypeError(f"{access!r} is no AccessLists")
        self.access = access
        forbidden = set()
        for session in list(self._opened):
            try:
                access.judge(session.nodeID)
            except NotListed as error:
                forbidden.add(session.nodeID)
                session.abort(CloseReason.REFUSED, str(error))
        return frozenset(forbidden)

    def setTLS(self, tls: IPeerTLS) -> frozenset[str]:
        """
        Secure new links by this from now on.  Those that stand keep their certificates, unless the
        peer's has been revoked.

        @return: the nodes whose links are closed, for theirs has.
        """
        self.tls = tls
        revoked = set()
        for session in list(self._opened):
            try:
                tls.judge(session.transport)
            except PeerRefused as error:
                revoked.add(session.nodeID)
                session.abort(CloseReason.REVOKED, str(error))
        return frozenset(revoked)

    def opened(self, session: ISession) -> None:
        """The peer is let in, unless there are enough, or we dialled one whose link stands."""
        self._opened.add(session)
        now = self.clock.seconds()
        self.tally.handshakeDone(session.outbound, now - session.began)
        self.registry.history.opened(session, now)
        self.linkLog.opened(session)
        links = sum(other.nodeID == session.nodeID for other in self._opened)
        refusal = None if session.outbound else self._admission.opened(session)
        if refusal is not None:
            session.abort(refusal, f"{self.settings.maxInboundPeers} are linked")
        elif links > _MOST_LINKS:
            session.abort(CloseReason.DUPLICATE, f"its node has {links} links")
        elif session.outbound and self._isHeard(session.nodeID):
            # Nothing went over it, so neither side counts on it.
            session.abort(CloseReason.DUPLICATE)
        else:
            self._watches[session] = LinkWatch(session, self.settings)
            self.sessionOpened.fire(session)

    def _isHeard(self, nodeID: str) -> bool:
        """Whether a link to a node stands that has not missed a heartbeat."""
        standing = self.registry.find(nodeID)
        return standing is not None and standing.isHeard

    def proven(self, session: ISession) -> None:
        """
        The link stands; its address says so before others are told, the log once they can find it.
        """
        if session.outbound:
            session.factory.linkProven(session)
        else:
            self._admission.proven(session)
        self.registry.add(session)
        self.linkLog.proven(session)

    def closing(self, session: ISession) -> None:
        """We end the link: nobody shall find it any more."""
        if session.proven:
            self.registry.remove(session)

    def closed(self, session: ISession) -> None:
        """The link has ended; the log says so once nobody can find it any more."""
        self.registry.history.closed(session, self.clock.seconds())
        self.tally.ended.add(session.counts)
        self.tally.timeouts += session.timeouts
        if session not in self._opened:
            self.tally.handshakeFailed(session.closeReason)
        if not session.outbound:
            self._admission.closed(session)
        self._connections.discard(session)
        self._opened.discard(session)
        self._watches.pop(session, None)
        if session.proven:
            self.registry.remove(session)
        self.linkLog.closed(session)
        self.sessionClosed.fire(session)
        if session.outbound:
            session.factory.linkClosed(session)
        if session in self._ending:
            self._ending.discard(session)
            # In a turn of its own: who waits for answers over this link is told first.
            self.clock.callLater(0, self._checkEnded)

    @property
    def sessions(self) -> frozenset[ISession]:
        """Every link, in whatever stage."""
        return frozenset(self._connections)

    @property
    def counts(self) -> Volume:
        """What has gone over all links, those included that have ended."""
        return Volume.total((self.tally.ended, *(each.counts for each in self._connections)))

    @property
    def timeouts(self) -> int:
        """How many requests were not answered in time."""
        standing = sum(each.timeouts for each in self._connections)
        return self.tally.timeouts + int(standing)

    def handlerFailed(self, protocolID: int, failure: Failure) -> None:
        """An application's handler has failed; that costs nobody else anything."""
        self.noise.failed(
            self._log,
            ("handler", protocolID),
            "the handler of protocolID {protocolID} failed",
            failure,
            protocolID=protocolID,
        )

    def unclaimed(
        self, session: ISession, protocolID: int, packetType: int, payload: bytes
    ) -> None:
        """
        Give a request to who takes its module in any group.

        One that nobody here takes is counted and dropped, as FISCO BCOS nodes do.
        """
        group, module = self.settings.dialect.groupAndModule(protocolID)
        receive = self.moduleReceivers.get(module)
        if receive is not None and receive(session, group, packetType, payload):
            return
        self.unclaimedCount += 1
        self.noise.complain(
            self._log,
            LogLevel.debug,
            (session.nodeID, "no handler"),
            "no handler for protocolID {protocolID} from node {abridged}",
            protocolID=protocolID,
            abridged=abridged(session.nodeID),
        )

    def unmatched(self, session: ISession, seq: int) -> None:
        """A response that nobody waits for (any more) is counted and dropped."""
        self.unmatchedCount += 1
        self.noise.complain(
            self._log,
            LogLevel.warn,
            (session.nodeID, "no request"),
            "Response packet not found may be timeout,messageSeq={seq},nodeID={abridged}",
            seq=seq,
            abridged=abridged(session.nodeID),
        )

    def dropped(self, session: ISession, count: int) -> None:
        """One-way messages had to go; see L{Overflow.DROP_OLDEST}."""
        self.droppedCount += count
        if not self._dropped:
            # In a turn of its own: who is told may send, and here somebody is about to.
            self.clock.callLater(0, self._tellDropped)
        self._dropped[session] = self._dropped.get(session, 0) + count

    def _tellDropped(self) -> None:
        dropped, self._dropped = self._dropped, {}
        for session, count in dropped.items():
            self.linkLog.dropped(session, count)
            self.messagesDropped.fire(session)

    def nextSeq(self) -> int:
        """Give the seq of the next frame; see L{ILinks.nextSeq}."""
        seq = self._nextSeq
        self._nextSeq = seq + 1 if seq < _LAST_SEQ else _FIRST_SEQ
        return seq

    def takeSeqs(self, count: int) -> range:
        """Give those of so many frames; see L{ILinks.takeSeqs}."""
        if self._nextSeq + count > _LAST_SEQ:
            self._nextSeq = _FIRST_SEQ
        first = self._nextSeq
        self._nextSeq += count
        return range(first, self._nextSeq)

    def writeToAll(self, protocolID: int, frame: EncodedFrame) -> None:
        """Queue an encoded frame on every link that is open, proven or not, and not too slow."""
        self.sheaves.write(self._opened, protocolID, frame)
