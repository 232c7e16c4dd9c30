"""The one object that an application holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .access import AccessLists
from .errors import CredentialsError, EncodingError, HandlerTaken, PeerBusy
from .events import Event
from .expiry import ExpiryWarnings
from .identity import Credentials, Identity, abridged
from .interfaces import Answered, Failed, Handler, INode, IPeerTLS, ManyHandler
from .links.delivery import EachMessage, ManyMessages
from .links.factories import AddressStatus
from .links.links import Links
from .links.noise import Noise
from .links.registry import PeerRegistry
from .memory import keepFreedMemory
from .modules.blocks import PeerBlocks
from .modules.private import PrivateTopics
from .modules.status import NodeStatus
from .modules.topics import Topics
from .reasons import CloseReason
from .sending.bulk import BulkSender
from .sending.outbox import MOST_UNKNOWN
from .settings import Address, Settings
from .sync import SeqSync
from .tls import chooseTLS
from .traffic.statistics import Statistics
from .wire.blocksync import SyncStatus
from .wire.syncing import topicBytes


@implementer(INode)
class P2PService(MultiService):
    """
    A node of a FISCO BCOS P2P network.

    Start it like every Twisted service: give it an application as parent, or call C{startService}
    and C{stopService}.  Everything is called in the reactor's thread; from another one by
    C{reactor.callFromThread}.

    @ivar identity: our own node ID, agency and name.
    @ivar credentials: our key and certificates; L{None} where identities are taken as given.
    @ivar registry: L{PeerRegistry}: who is connected and who follows what; its events C{joined},
        C{left} and C{topicsChanged}.
    @ivar noise: L{Noise}: what bounds complaints about peers in the log.
    @ivar statusChanged: L{Event} of a node ID and a dict: a peer's status is another than before.
    """

    _log = Logger()

    def __init__(
        self,
        identity: Identity,
        tls: IPeerTLS,
        settings: Settings,
        access: AccessLists = AccessLists(),  # noqa: B008 (immutable)
        reactor: Any = None,
        credentials: Credentials | None = None,
    ) -> None:
        """
        @param identity: our own.
        @param tls: how links are secured; L{makeNode} chooses it.
        @param settings: addresses, limits and times.
        @param access: the black list and the white list.
        @param reactor: what dials, listens and keeps time, if not Twisted's global one.
        @param credentials: what C{tls} was made of, if there is anything to warn of, or to renew.
        """
        super().__init__()
        if reactor is None:
            from twisted.internet import reactor
        self.identity = identity
        self.nodeID = identity.nodeID
        self.settings = settings
        self.clock: IReactorTime = reactor
        self.noise = Noise(reactor)
        self.registry = PeerRegistry(identity.nodeID, self.noise)
        self._links = Links(settings, identity, access, tls, self.registry, reactor, self.noise)
        # Bound once, for every message goes through them.
        self._sessions = self.registry.active
        self._findFollowers = self.registry.findFollowers
        self._sendToAll = self._links.sheaves.send
        self._topics = Topics(identity.nodeID, self._links, self.registry)
        self._private = PrivateTopics(self._topics, self._links)
        self._nameOf = self._private.names.get
        self._blocks = PeerBlocks(self._links, self.registry)
        self._status = NodeStatus(self._links, self.registry, self._blocks)
        self.statusChanged: Event[str, dict[str, Any]] = self._status.changed
        self.credentials = credentials
        self._expiryWarnings: ExpiryWarnings | None = None
        if credentials is not None:
            self._expiryWarnings = ExpiryWarnings(credentials, reactor)
            self._expiryWarnings.setServiceParent(self)

    # Starting and stopping.

    def privilegedStartService(self) -> None:
        """
        Listen, while the process may still take any port; a node that listens is left alone.

        @raise ListenError: the port is taken, or not ours to take.
        """
        if not self._links.listening:
            super().privilegedStartService()
            self._links.listen()

    def startService(self) -> None:
        """
        Dial the configured addresses, and keep links and status in sync; a node that runs is left
        alone.

        @raise ListenError: the port is taken, or not ours to take; nothing is started.
        """
        if self.running:
            return
        if not self._links.listening:
            self._links.listen()
        super().startService()
        keepFreedMemory()
        self._links.start()
        self._topics.start()
        self._status.sync.start()
        self._log.info(
            "fiscop2p node {name} of {agency} is running: node ID {nodeID}, listening on "
            "{address}, {dialect} frames, TLS by {tls}",
            name=self.identity.name,
            agency=self.identity.agency,
            nodeID=self.nodeID,
            address=str(self.listenAddress),
            dialect=self.settings.dialect.name,
            tls=self.tlsName,
        )

    def stopService(self) -> Deferred[None]:
        """
        Close everything.

        What waits for answers, or for nodes to connect, fails.

        @return: fires when all links are closed, and the port is free for another start.
        """
        children = super().stopService()
        stopped = self._links.stop()
        # Only now: who is told that something has failed finds no peer to try it with.
        self._topics.stop()
        self._private.stop()
        self._status.sync.stop()
        self.registry.stop()
        return stopped.addCallback(lambda _: children).addCallback(lambda _: None)

    @property
    def access(self) -> AccessLists:
        """The black list and the white list that peers are judged by."""
        return self._links.access

    def setAccess(self, access: AccessLists) -> frozenset[str]:
        """
        Judge peers by other lists from now on.

        @return: the nodes whose links these forbid; they are closed.
        @raise TypeError: they are no L{AccessLists}; nothing changes.
        """
        return self._links.setAccess(access)

    def setCredentials(self, credentials: Credentials) -> frozenset[str]:
        """
        Use renewed certificates for links that are made from now on.  Those that stand stay as they
        are, but for peers whose certificates have been revoked.

        @return: the nodes whose links are closed, for their certificates have been revoked.
        @raise CredentialsError: they are those of another node, or OpenSSL cannot use them.
        @raise TLSUnavailable: no TLS here can do the network's curve.
        """
        nodeID = credentials.identity.nodeID
        if nodeID != self.nodeID:
            raise CredentialsError(
                f"{credentials.key}: is another node's key: this node is {abridged(self.nodeID)}, "
                f"that one {abridged(nodeID)}; a node that shall become another must be restarted"
            )
        tls = chooseTLS(credentials, self.clock, self.settings.tls)
        self.identity, self.credentials = credentials.identity, credentials
        if self._expiryWarnings is not None:
            self._expiryWarnings.setCredentials(credentials)
        return self._links.setTLS(tls)

    # Where.

    @property
    def tlsName(self) -> str:
        """The TLS implementation that secures our links."""
        return str(self._links.tls.name)

    @property
    def listenAddress(self) -> Address:
        """Where we listen, with the port that was taken."""
        return self._links.listenAddress

    @property
    def links(self) -> Links:
        """All links, and what is counted of them: for those who watch over a node."""
        return self._links

    @property
    def syncs(self) -> tuple[SeqSync, ...]:
        """What is kept in sync with all peers."""
        return self._topics.sync, self._status.sync

    @property
    def counters(self) -> dict[str, int]:
        """How often something came that was ignored, by what it was."""
        return {
            "requests without a handler": self._links.unclaimedCount,
            "responses nobody waited for": self._links.unmatchedCount,
            "messages dropped for slow readers": self._links.droppedCount,
        }

    @property
    def closes(self) -> Mapping[CloseReason, int]:
        """
        How many links have ended for each reason, also those that were refused.

        L{PeerRegistry.historyOf} tells of each node when its links ended, and why.
        """
        return self.registry.history.closes

    @property
    def traffic(self) -> Statistics:
        """How much has gone over the links, by module and group."""
        return self._links.traffic

    def addPeer(self, address: Address) -> None:
        """
        Dial one more address now, and keep a link to it.

        @raise SetupError: it is no L{Address}, or has no port from 1 to 65535.
        """
        self._links.addAddress(address)

    def removePeer(self, address: Address) -> None:
        """
        Undo L{addPeer}: dial an address no more; a link to it that stands is not touched.

        @raise KeyError: it is not one that we dial.
        """
        self._links.removeAddress(address)

    def addresses(self) -> list[AddressStatus]:
        """What every address that we dial is doing: state, last error, next attempt."""
        return self._links.addresses()

    # Unicast and broadcast.

    def protocolID(self, group: int, module: int) -> int:
        """
        Join group and module as the network's dialect does.

        @raise EncodingError: either is out of range.
        """
        return self.settings.dialect.protocolID(group, module)

    def send(self, nodeID: str, payload: bytes, *, protocolID: int, packetType: int = 0) -> None:
        """
        Send one way; the frame leaves at the end of the reactor's turn.

        @raise PeerAbsent: the node is not connected; nothing is sent.
        @raise PeerBusy: it reads too slowly, and more than L{Settings.maxQueue} wait for it.
        @raise EncodingError: a number does not fit its field.
        """
        session = self._sessions.get(nodeID)
        if session is None:
            raise self.registry.absent(nodeID)
        posting = session.posting
        if (
            protocolID == posting.protocolID
            and packetType == posting.packetType
            and type(payload) is bytes
            and len(payload) <= posting.most
        ):
            # One more of many: to call the link would take longer than all this.
            payloads = posting.payloads
            payloads.append(payload)
            if len(payloads) >= MOST_UNKNOWN:
                session.gather()
        elif protocolID > 0:
            session.post(protocolID, packetType, payload)
        else:
            raise _notARequest(protocolID)

    def sendMany(
        self, nodeID: str, payloads: Iterable[bytes], *, protocolID: int, packetType: int = 0
    ) -> int:
        """
        Send many messages one way, in a third of the time that L{send} takes for each.

        @param payloads: are taken by the thousand, while there is room; if it fails, those taken
            last are not sent.  Of an iterator with payloads of more than 1 KiB the rest of a
            thousand is lost, too, when the peer gets too slow in the middle of it: give a list.
        @return: how many: all, unless the peer reads too slowly; send the others later.
        @raise PeerAbsent: the node is not connected; nothing is sent.
        @raise EncodingError: a number does not fit its field; nothing is sent.  Or a payload is too
            long; those before it are sent.
        """
        session = self._sessions.get(nodeID)
        if session is None:
            raise self.registry.absent(nodeID)
        if protocolID <= 0:
            raise _notARequest(protocolID)
        sent: int = session.postAll(protocolID, packetType, payloads)
        return sent

    def request(
        self,
        nodeID: str,
        payload: bytes,
        *,
        protocolID: int,
        packetType: int = 0,
        timeout: float | None = None,
    ) -> Deferred[bytes]:
        """
        Send, and wait for the answer.

        @param timeout: in seconds; L{Settings.requestTimeout} if not given.
        @return: fires with the payload of the response; fails with L{PeerAbsent} or L{PeerBusy} at
            once, with L{PeerLeft} when the link ends, or with L{RequestTimeout}; may be cancelled.
        @raise EncodingError: a number does not fit its field, or the payload is not bytes or too
            long; nothing is sent.
        @raise ValueError: the timeout is not above 0, or endless; nothing is sent.
        @raise TypeError: it is no number at all, or the node ID not text.
        """
        session = self._sessions.get(nodeID)
        if session is None:
            return fail(self.registry.absent(nodeID))
        if protocolID <= 0:
            raise _notARequest(protocolID)
        done: Any = Deferred(_cancelled)
        wait = self.settings.requestTimeout if timeout is None else _checkedTimeout(timeout)
        try:
            seq = session.ask(protocolID, packetType, payload, done, None, wait)
        except PeerBusy as error:
            return fail(error)
        # It carries its request, by a name that no application takes: a closure would cost more.
        done.fiscop2pRequest = session, seq
        answer: Deferred[bytes] = done
        return answer

    def ask(
        self,
        nodeID: str,
        payload: bytes,
        answered: Answered,
        failed: Failed,
        *,
        protocolID: int,
        packetType: int = 0,
        timeout: float | None = None,
    ) -> None:
        """
        Send, and have one of two callbacks called, once: L{request} without the cost of a Deferred.

        @param answered: told the payload of the response.
        @param failed: told the L{PeerLeft} or the L{RequestTimeout}.
        @param timeout: in seconds; L{Settings.requestTimeout} if not given.
        @raise PeerAbsent: the node is not connected; nothing is sent, and neither is called.
        @raise PeerBusy: it reads too slowly, and more than L{Settings.maxQueue} wait for it.
        @raise EncodingError: a number does not fit its field, or the payload is not bytes or too
            long.
        @raise ValueError: the timeout is not above 0, or endless; nothing is sent.
        @raise TypeError: it is no number at all, or there is no C{failed}.
        """
        session = self._sessions.get(nodeID)
        if session is None:
            raise self.registry.absent(nodeID)
        if protocolID <= 0:
            raise _notARequest(protocolID)
        if failed is None:
            raise TypeError("failed is None: it must take why there is no answer")
        wait = self.settings.requestTimeout if timeout is None else _checkedTimeout(timeout)
        session.ask(protocolID, packetType, payload, answered, failed, wait)

    def broadcast(self, payload: bytes, *, protocolID: int, packetType: int = 0) -> int:
        """
        Send one way to every connected peer; encoded once.

        @return: to how many: not those that read too slowly.
        @raise EncodingError: a number does not fit its field.
        """
        if protocolID <= 0:
            raise _notARequest(protocolID)
        return self._sendToAll(self._sessions, protocolID, packetType, payload)

    def bulkSender(self, nodeID: str, *, protocolID: int, packetType: int = 0) -> IConsumer:
        """
        Make a consumer for who has more to send to a node than should wait here.

        What is written to it is sent one way, each write a message.  A producer that is registered
        with it is paused while much waits for the node, and stopped when the node leaves or some of
        it may be lost; so C{FileSender().beginFileTransfer(file, node.bulkSender(...))} sends a
        file of any length.  When it is stopped a C{FileSender} fails with a bare C{Exception}; the
        log says why, and L{PeerRegistry.historyOf}.

        @return: a L{BulkSender}.
        @raise PeerAbsent: the node is not connected.
        @raise EncodingError: a number does not fit its field.
        """
        self._checkNumbers(protocolID, packetType)
        # Raises if it is not there.
        self.registry.session(nodeID)
        send = partial(self.send, nodeID, protocolID=protocolID, packetType=packetType)
        return BulkSender(self._links, nodeID, send)

    # Topics.

    def subscribe(
        self, topic: str, handler: Handler, *, key: EllipticCurvePrivateKey | None = None
    ) -> None:
        """
        Follow a topic; several handlers may follow the same.

        With a key it is the private topic of that name, which has nothing to do with the public
        one.  The key proves to those who restrict it that we may have it.  Not they are verified:
        every connected node can send to us under the topic, so look at C{message.sender}.

        @param handler: takes each message.  Its answer (bytes, or a Deferred or coroutine of them)
            goes back to those who asked by L{requestTopic}; L{None} is an empty one.
        @param key: on secp256k1.  Whoever is connected can have it sign what he likes, as FISCO
            BCOS topic verification wants it: take a key that is for topics only.
        @raise EncodingError: the topic is empty, longer than 254 bytes (185 with a key), or holds a
            TAB; or it is not such a key.
        @raise TopicTaken: it is followed without a key already, or is private, or with another key.
        @raise SetupError: pycryptodome is not installed, which a key needs.
        @raise TypeError: the handler cannot be called.
        """
        _checkHandler(handler)
        self._private.subscribe(topic, handler, key)

    def unsubscribe(self, topic: str, handler: Handler) -> None:
        """
        Undo L{subscribe}.

        @raise ValueError: the handler does not follow the topic.
        """
        self._private.unsubscribe(topic, handler)

    def restrictTopic(self, topic: str, allowedKeys: Iterable[EllipticCurvePublicKey]) -> None:
        """
        Make a topic private: what we publish on it goes only to nodes that prove to have a key.

        From now on L{multicast} and L{requestTopic} mean the private topic of that name.  At the
        first call nobody is verified yet; each follower is challenged at once, one that does not
        answer again with its heartbeats, one that answers wrongly not before it follows the topic
        anew.  A further call replaces the keys, and everybody proves himself again; without keys
        nobody gets anything.  Our own subscribers are not asked.

        The proof is a signature of random bytes, as FISCO BCOS topic verification has it.  It keeps
        out who has no key and no friend: a connected node that hands its challenge to one with a
        key, and the signature back to us, gets what that one would.  Every follower with a key that
        it is connected to is such a friend, for it signs whatever challenge comes.  It can pass on
        what it is sent, too.  Encrypt what no other member of the network may ever read.

        @param allowedKeys: on secp256k1.  A wrong answer is compared with each of them, at about a
            third of a millisecond.
        @raise EncodingError: the topic is empty, longer than 185 bytes, or holds a TAB; or one of
            the keys is none.
        @raise TopicTaken: this node follows the public topic of that name.
        @raise SetupError: pycryptodome is not installed.
        """
        self._private.restrict(topic, allowedKeys)

    @property
    def topics(self) -> frozenset[str]:
        """The topics that we follow, under their names on the wire."""
        return self._topics.own

    def multicast(
        self, topic: str, payload: bytes, *, protocolID: int | None = None, packetType: int = 0
    ) -> int:
        """
        Send to all followers of a topic; nobody confirms.

        It goes to the subscribers of the topic, ours included.

        With a protocolID it goes to what L{handle} or L{handleMany} has set for that protocolID at
        the followers instead, like a L{broadcast} to those alone: not to ourselves; the message
        does not name the topic; a follower without such a handler drops it, and counts as reached.
        It is shorter than a message to subscribers, and never refused for the bandwidth, though it
        is charged to it.

        @param packetType: goes with a protocolID only.
        @return: to how many nodes: not those that read too slowly.
        @raise EncodingError: the topic does not fit the wire, a number its field, or the payload is
            not bytes; or there is a packetType without a protocolID.
        @raise BandwidthExceeded: there is no protocolID, and more than
            L{Settings.outgoingBandwidth} allows; nothing is sent.
        """
        name = self._nameOf(topic, topic)
        if protocolID is None:
            if packetType:
                raise EncodingError(f"packetType {packetType} without a protocolID: give both")
            return self._topics.multicast(name, payload)
        if protocolID <= 0:
            raise _notARequest(protocolID)
        followers = self._findFollowers(name)
        if followers is None:
            topicBytes(name)
            followers = {}
        return self._sendToAll(followers, protocolID, packetType, payload)

    def requestTopic(
        self, topic: str, payload: bytes, *, timeout: float | None = None
    ) -> Deferred[bytes]:
        """
        Ask one follower of a topic at random, the next one when it fails; ourselves included.

        @param timeout: seconds that each follower has; L{Settings.topicTimeout} if not given.
        @return: fires with the answer; fails with L{NoFollower}, L{TopicRequestFailed} or
            L{BandwidthExceeded}; may be cancelled.
        @raise EncodingError: the topic does not fit the wire, or the payload is not bytes or too
            long.
        @raise ValueError: the timeout is not above 0, or endless; nobody is asked.
        @raise TypeError: it is no number at all, or the topic not text.
        """
        wait = self.settings.topicTimeout if timeout is None else _checkedTimeout(timeout)
        return self._topics.request(self._nameOf(topic, topic), payload, wait)

    # Status.

    def setStatus(self, **fields: Any) -> None:
        """
        Change fields of our status, which every other fiscop2p node comes to hold.

        @param fields: anything that JSON can say; L{None} takes a field away.
        @raise EncodingError: it is not JSON, or more than 64 KiB of it; nothing changes.
        """
        self._status.set(fields)

    @property
    def statusSeq(self) -> int:
        """The seq of our status: it changes whenever the status does."""
        return self._status.sync.seq

    def statusOf(self, nodeID: str) -> dict[str, Any]:
        """
        The status of a node: our own, or what a peer last told, empty if it told none.

        Of a FISCO BCOS node that tells us of its chains it is C{{"groups": {"1": {"height": 5,
        "latestHash": "22..", "genesisHash": "11..", "time": 1700000000000}}}}; see L{SyncStatus}.

        @raise PeerAbsent: it is not connected.
        """
        return self._status.own if nodeID == self.nodeID else self._status.of(nodeID)

    def blocksOf(self, nodeID: str) -> dict[int, SyncStatus]:
        """
        The chain of each group that a peer has told us of, which it does if we are a member.

        @raise PeerAbsent: it is not connected.
        """
        return self._blocks.of(nodeID)

    # Handlers.

    def handle(self, protocolID: int, handler: Handler) -> None:
        """
        Give the messages of a protocolID to a handler.

        @param handler: takes each message; bytes that it returns, now or by a Deferred or
            coroutine, are sent back as the response.  If it fails, that is logged and no response
            is sent.  Nor is one for L{None}: who has asked by L{request} waits until it times out;
            C{b""} is an answer.  While more than L{Settings.maxUnanswered} messages of a peer wait
            for such Deferreds nothing is read from it: who keeps a queue returns one that fires
            when there is room.
        @raise HandlerTaken: the protocolID has a handler, or is the network's own.
        @raise EncodingError: it is not a protocolID of a request in this dialect.
        @raise TypeError: the handler cannot be called.
        """
        _checkHandler(handler)
        self._checkFree(protocolID)
        self._links.handlers[protocolID] = EachMessage(handler, self._failed(protocolID))

    def handleMany(self, protocolID: int, handler: ManyHandler) -> None:
        """
        Give one-way messages of a protocolID to a handler that takes those together that have come
        together from one node: for floods of small ones, which cost half as much so.

        @param handler: takes the sender's node ID and a list of payloads, in order.  It answers
            none; a Deferred or a coroutine that it returns counts as one message that it is busy
            with, see L{handle}.
        @raise HandlerTaken: the protocolID has a handler, or is the network's own.
        @raise EncodingError: it is not a protocolID of a request in this dialect.
        @raise TypeError: the handler cannot be called.
        """
        _checkHandler(handler)
        self._checkFree(protocolID)
        self._links.handlers[protocolID] = ManyMessages(handler, self._failed(protocolID))

    def _checkFree(self, protocolID: int) -> None:
        self._checkNumbers(protocolID)
        if protocolID in self._links.receivers or protocolID in self._links.handlers:
            raise HandlerTaken(f"protocolID {protocolID} has a handler already")

    def _checkNumbers(self, protocolID: int, packetType: int = 0) -> None:
        if protocolID <= 0:
            raise _notARequest(protocolID)
        self.settings.dialect.encode(protocolID, packetType, 0, b"")

    def _failed(self, protocolID: int) -> Callable[[Failure], None]:
        return partial(self._links.handlerFailed, protocolID)

    def unhandle(self, protocolID: int) -> None:
        """
        Undo L{handle} or L{handleMany}; its messages are counted and dropped from now on.

        @raise KeyError: the protocolID has no handler.
        """
        self._links.handlers.pop(protocolID).handler = None


def _cancelled(done: Any) -> None:
    """The canceller of a request's Deferred."""
    session, seq = done.fiscop2pRequest
    session.forget(seq)


def _checkedTimeout(timeout: float) -> float:
    """Let pass how long an answer may take: like those of L{Settings}, it is above 0, and ends."""
    try:
        # A sum, as the deadline will be: what cannot be added is no number here.
        if 0 < timeout + 0.0 < inf:
            return timeout
    except TypeError:
        raise TypeError(f"timeout {timeout!r} is not a number of seconds") from None
    raise ValueError(f"timeout {timeout!r} is not a number of seconds above 0")


def _checkHandler(handler: object) -> None:
    if not callable(handler):
        raise TypeError(f"{handler!r} is no handler: it cannot be called")


def _notARequest(protocolID: int) -> EncodingError:
    return EncodingError(
        f"protocolID {protocolID} cannot be sent: a request's is above 0; join group and module "
        "with protocolID(group, module)"
    )


def makeNode(
    credentials: Credentials,
    settings: Settings,
    access: AccessLists = AccessLists(),  # noqa: B008 (immutable)
    reactor: Any = None,
) -> P2PService:
    """
    Make a node from its credentials, with a TLS that can do its network's curve.

    @param reactor: what dials, listens and keeps time, if not Twisted's global one.
    @raise TLSUnavailable: no TLS here can.
    """
    if reactor is None:
        from twisted.internet import reactor
    tls = chooseTLS(credentials, reactor, settings.tls)
    return P2PService(credentials.identity, tls, settings, access, reactor, credentials)
