"""The contracts between the floors of the house."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IHandshakeListener, IProtocol, IReactorTime
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from .errors import DeliveryError
from .reasons import CloseReason
from .wire.frames import EncodedFrame
from .wire.runs import Run

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

    from .events import Event
    from .identity import Identity


@dataclass(slots=True)
class Message:
    """
    What a handler is given.

    @ivar sender: node ID of the node it came from; our own for a topic message to ourselves.
    @ivar payload: the content, decompressed.
    @ivar protocolID: group and module it was sent under.
    @ivar packetType: as the module defines it.
    @ivar topic: the topic it was published on, or empty.
    """

    sender: str
    payload: bytes
    protocolID: int
    packetType: int
    topic: str = ""


emptyMessage = partial(Message.__new__, Message)
"""C{Message(...)} itself takes twice as long."""

Answer: TypeAlias = (
    bytes
    | Deferred[bytes | None]
    | Deferred[bytes]
    | Deferred[None]
    | Coroutine[Any, Any, bytes | None]
    | None
)
Handler: TypeAlias = Callable[[Message], Answer]
"""Takes a message; returns its answer, now or later (a Deferred, a coroutine), or nothing."""

ManyHandler: TypeAlias = Callable[
    [str, list[bytes]], Deferred[None] | Coroutine[Any, Any, None] | None
]
"""Takes the sender's node ID and the payloads of messages that have come together."""

Outcome: TypeAlias = bytes | DeliveryError
"""How a request ended: the payload of its response, or why there is none."""

Answered: TypeAlias = Callable[[bytes], object]
"""Told the payload of a response."""

Failed: TypeAlias = Callable[[DeliveryError], object]
"""Told why there is none."""

Receiver: TypeAlias = Callable[["ISession", Run], Run | None]
"""
Takes frames of its protocolID that have come over a link; returns those that it leaves to who takes
the protocolID from now on.  It must not raise.
"""

ModuleReceiver: TypeAlias = Callable[["ISession", int, int, bytes], bool]
"""
Takes a request of its module in whatever group: session, group, packetType, payload; tells whether
it had a use for it.  It must not raise.
"""


class ILinkProtocol(IProtocol, IHandshakeListener):
    """
    A protocol over TLS, with the order of events that Twisted's own TLS has.

    C{connectionMade} means TCP alone; C{handshakeCompleted} that the peer holds a certificate of
    our CA and its key; only then C{dataReceived}; C{connectionLost} whenever it ends.
    """

    def peerVerified() -> None:
        """
        The peer has shown who it is, but does not know yet that its handshake is complete.

        If the link is aborted here, its handshake fails.  It was the last to speak where it has
        dialled; where we have, it knows already.  TLS that cannot tell this leaves it out.
        """

    def dataReceived(data: bytes | memoryview) -> None:
        """
        Bytes of the peer have come.

        @param data: a view is of bytes that are others once this has returned.
        """


class IPeerTLS(Interface):
    """From a raw transport to an authenticated one; see L{fiscop2p.tls}."""

    name = Attribute("C{str}: what the implementation is called in settings and logs.")

    def wrap(protocol: ILinkProtocol, isClient: bool) -> IProtocol:
        """
        Put TLS under a protocol.

        @param protocol: an L{ILinkProtocol}.
        @param isClient: which side of the handshake we are.
        @return: the C{IProtocol} to give to the raw transport.
        """

    def peerIdentity(transport: Any) -> Identity:
        """
        Read the peer's certificate, once the handshake is complete.

        @param transport: what C{wrap} gave the protocol.
        @raise BadCertificate: it is not that of a node.
        """

    def judge(transport: Any) -> None:
        """
        Let pass a peer whose certificates have not been revoked; may be asked again at any time.

        @param transport: what C{wrap} gave the protocol; the handshake is complete.
        @raise PeerRefused: its certificate has been revoked, or that of its agency.
        """

    def explain(transport: Any, error: BaseException) -> str | None:
        """
        Say in words why a handshake failed, or a link was refused right after it.

        @param error: what C{connectionLost} was told.
        @return: L{None} if TLS had no part in it.
        """

    def failureOf(transport: Any) -> Failure | None:
        """What has gone wrong on a link that has not ended, because its peer does not close."""

    def rehearse() -> None:
        """
        Do a handshake in memory, with our own certificate on both sides.

        @raise TLSUnavailable: it failed, and why.
        """


class ILinks(Interface):
    """What one link needs from the node it belongs to."""

    settings = Attribute("L{Settings}: dialect, limits and times.")
    reactor = Attribute("what dials and listens.")
    clock = Attribute("C{IReactorTime}: what every wait goes by.")
    registry = Attribute("L{PeerRegistry}: where proven links go.")
    tls = Attribute("L{IPeerTLS}: who reads and explains certificates.")
    encode = Attribute("L{FrameEncoder}: makes frames in the network's dialect.")
    handlers = Attribute("C{dict}: protocolID to L{Receiver}: applications'.")
    receivers = Attribute("C{dict}: protocolID to L{Receiver}: the network's own.")
    moduleReceivers = Attribute("C{dict}: module to L{ModuleReceiver}.")
    access = Attribute("L{AccessLists}: the lists that peers are judged by.")
    noise = Attribute("L{Noise}: what bounds complaints about peers.")
    linkLog = Attribute("L{LinkLog}: what is logged about links.")
    turn = Attribute("L{Turn}: what is queued, and when it leaves.")
    sheaves = Attribute("L{Sheaves}: what sends to many links.")
    attention = Attribute("L{Attention}: what keeps the reactor awake when something may come.")
    limiter = Attribute("L{RateLimiter} or L{None}: what the outgoing bandwidth allows.")
    tally = Attribute("L{Tally}: what is counted of all links.")

    def nextSeq() -> int:
        """
        Give the seq of the next frame: one counter a node, 2 is the first, and comes again after
        the last.
        """

    def takeSeqs(count: int) -> range:
        """Give those of so many frames."""

    def admits(host: str) -> bool:
        """
        Whether one more link that somebody dials is taken; one that is not is counted and logged.

        @param host: the IP address it comes from.
        """

    def newSession(outbound: bool) -> ISession:
        """
        Make the session of a new link.

        @param outbound: whether we dial.
        @return: an L{ILinkProtocol} as well.
        """

    def judge(identity: Identity) -> None:
        """
        Let a peer in, or not; the lists say nothing of ourselves.

        @raise PeerRefused: and why.
        """

    def isOwn(nodeID: str) -> bool:
        """Whether this is our own node ID."""

    def connected(session: ISession) -> None:
        """TCP stands."""

    def opened(session: ISession) -> None:
        """The peer is verified and let in."""

    def proven(session: ISession) -> None:
        """The peer's first valid frame has come."""

    def closing(session: ISession) -> None:
        """We end the link; its C{closeReason} says why."""

    def closed(session: ISession) -> None:
        """The link has ended, in whatever stage; its C{closeReason} says why."""

    def handlerFailed(protocolID: int, failure: Failure) -> None:
        """An application's handler has failed."""

    def unclaimed(session: ISession, protocolID: int, packetType: int, payload: bytes) -> None:
        """A request has come whose protocolID has no receiver; its module may have one."""

    def unmatched(session: ISession, seq: int) -> None:
        """A response has come that nobody waits for."""

    def dropped(session: ISession, count: int) -> None:
        """So many one-way messages that waited for a slow peer had to go."""

    traffic = Attribute("L{Statistics}: how much went over the links.")

    def sent(protocolID: int, frames: int, size: int) -> None:
        """So many frames of a protocolID, and bytes, have been queued to be sent."""

    sessionOpened = Attribute("L{Event} of a session: it may be written to.")
    sessionClosed = Attribute("L{Event} of a session: it has ended.")
    messagesDropped = Attribute("L{Event} of a session: messages that waited there are gone.")

    def writeToAll(protocolID: int, frame: EncodedFrame) -> None:
        """Queue an encoded frame on every link that is open, proven or not, and not too slow."""


class IOutgoing(Interface):
    """What is queued on a link."""

    def gather() -> None:
        """See how much it is."""

    def flush() -> None:
        """Send it, unless the transport has enough."""

    def abort(reason: CloseReason, detail: str = "") -> None:
        """End the link now."""


class ISession(IOutgoing):
    """One authenticated link, as the floors above see it."""

    nodeID = Attribute("C{str}: the peer's node ID.")
    identity = Attribute("L{Identity}: node ID, agency and name from its certificate.")
    address = Attribute("L{Address}: the remote end of the link.")
    outbound = Attribute("C{bool}: whether we dialled.")
    proven = Attribute("C{bool}: whether the peer has sent a valid frame.")
    lastReceived = Attribute("C{float}: the clock's time when bytes last came.")
    isHeard = Attribute("C{bool}: whether the peer has not missed a heartbeat.")
    blockedSince = Attribute("C{float} or L{None}: since when the transport takes nothing.")
    arriving = Attribute(
        "C{tuple} of two C{int}: a number that another frame does not have, and how many bytes of "
        "the frame that is arriving are here."
    )
    isPaused = Attribute("C{bool}: whether nothing is read, so that silence tells nothing.")
    room = Attribute("L{Room}: who waits for room in its queue.")
    posting = Attribute("L{Posting}: where more messages of the kind posted last can be appended.")
    began = Attribute("C{float}: the clock's time when TCP came to stand.")
    counts = Attribute("L{Volume}: what has gone over it.")
    latency = Attribute("C{float} or L{None}: how long an answer took lately, in seconds.")
    queued = Attribute("C{int}: how many bytes wait to be sent.")
    pending = Attribute("C{int}: how many requests wait for their answers.")
    timeouts = Attribute("C{int}: how many were not answered in time.")
    closeReason = Attribute("L{CloseReason} or L{None}: why it ends or has ended.")
    closeDetail = Attribute("C{str}: the same in a sentence.")
    transport = Attribute("C{ITransport}: what it sends by.")
    factory = Attribute("L{PeerServerFactory} or L{PeerClientFactory}: what made it.")

    def write(protocolID: int, frame: EncodedFrame) -> None:
        """
        Queue the encoded frame of a protocolID; it leaves at the end of the reactor's turn.

        @raise PeerBusy: too much waits already.
        """

    def send(protocolID: int, packetType: int, seq: int, payload: bytes) -> None:
        """
        Encode a message, and queue its frame like C{write}.

        @raise PeerBusy: too much waits already.
        @raise EncodingError: it does not fit a frame.
        """

    def post(protocolID: int, packetType: int, payload: bytes) -> None:
        """
        Queue a message that nobody answers; its frame is made when the reactor's turn ends.

        @raise PeerBusy: too much waits already.
        @raise EncodingError: it does not fit a frame.
        """

    def postAll(protocolID: int, packetType: int, payloads: Iterable[bytes]) -> int:
        """Queue such messages until there is no room; returns how many that were."""

    def offer(protocolID: int, frame: EncodedFrame) -> bool:
        """Like C{write}; tells whether there was room, and the link does not end."""

    def share(sheaf: Any) -> bool:
        """
        Queue messages that other links get, too.

        @param sheaf: the L{Sheaf} of them.
        @return: whether there was room, and the link does not end.
        """

    def request(
        protocolID: int,
        packetType: int,
        payload: bytes,
        callback: Callable[[Outcome], None],
        timeout: float,
    ) -> int:
        """
        Send a request; C{callback} is told once how it ended.

        @param timeout: in seconds.
        @return: its seq, for C{forget}.
        @raise PeerBusy: too much waits already.
        """

    def ask(
        protocolID: int,
        packetType: int,
        payload: bytes,
        answered: Answered | Deferred[bytes],
        failed: Failed | None,
        timeout: float,
    ) -> int:
        """
        The same with two callbacks, of which one is called once.

        @param answered: or a Deferred, which is told how the request ended; then C{failed} is
            L{None}.
        """

    def forget(seq: int) -> None:
        """Drop a request: who waits for it is told nothing any more."""

    def respond(protocolID: int, packetType: int, seq: int, payload: bytes) -> None:
        """Answer a request of this protocolID and seq."""

    def answerBegun() -> None:
        """A message of the peer keeps an application busy."""

    def answerEnded(result: Any) -> Any:
        """It does not any more; gives back the result."""

    def ping(callback: Callable[[Outcome], None]) -> None:
        """Ask for something that every FISCO BCOS node answers."""

    def close(reason: CloseReason, detail: str = "") -> None:
        """End the link once what is queued has left."""

    def retire(reason: CloseReason, delay: float = ...) -> None:
        """End the link soon, so that what is under way still arrives; L{keep} undoes it."""

    def keep() -> None:
        """Do not end a link that was to be retired."""


class INode(Interface):
    """A node as modules and handlers know it; L{fiscop2p.P2PService} is one."""

    nodeID: str = Attribute("our own node ID.")
    identity: Identity = Attribute("our own node ID, agency and name.")
    clock: IReactorTime = Attribute("what every wait goes by.")
    registry = Attribute("L{PeerRegistry}: who is connected and who follows what.")
    noise = Attribute("L{Noise}: what bounds complaints about peers.")
    statusChanged: Event[str, dict[str, Any]] = Attribute(
        "of a node ID and a dict: a peer's status is another than before."
    )

    def protocolID(group: int, module: int) -> int:
        """Join group and module in the network's dialect."""

    def handle(protocolID: int, handler: Handler) -> None:
        """Give the messages of a protocolID to a handler; one handler each."""

    def handleMany(protocolID: int, handler: ManyHandler) -> None:
        """Give messages that come together to a handler together."""

    def unhandle(protocolID: int) -> None:
        """Undo C{handle} or C{handleMany}."""

    def send(nodeID: str, payload: bytes, *, protocolID: int, packetType: int = 0) -> None:
        """Send one way."""

    def sendMany(
        nodeID: str, payloads: Iterable[bytes], *, protocolID: int, packetType: int = 0
    ) -> int:
        """Send many messages one way; returns how many there was room for."""

    def request(
        nodeID: str,
        payload: bytes,
        *,
        protocolID: int,
        packetType: int = 0,
        timeout: float | None = None,
    ) -> Deferred[bytes]:
        """Send, and wait for the response's payload."""

    def ask(
        nodeID: str,
        payload: bytes,
        answered: Answered,
        failed: Failed,
        *,
        protocolID: int,
        packetType: int = 0,
        timeout: float | None = None,
    ) -> None:
        """The same with two callbacks, of which one is called once."""

    def broadcast(payload: bytes, *, protocolID: int, packetType: int = 0) -> int:
        """Send one way to every connected peer; returns to how many."""

    def bulkSender(nodeID: str, *, protocolID: int, packetType: int = 0) -> IConsumer:
        """Make a consumer that sends at the pace at which a connected node reads."""

    def subscribe(
        topic: str, handler: Handler, *, key: EllipticCurvePrivateKey | None = None
    ) -> None:
        """Follow a topic; with a key the private topic of that name."""

    def unsubscribe(topic: str, handler: Handler) -> None:
        """Stop following it."""

    def restrictTopic(topic: str, allowedKeys: Iterable[EllipticCurvePublicKey]) -> None:
        """Publish on a topic only to nodes that prove to have one of these keys."""

    def multicast(
        topic: str, payload: bytes, *, protocolID: int | None = None, packetType: int = 0
    ) -> int:
        """
        Send to all followers of a topic: their subscribers, or their handlers of a protocolID.

        @return: to how many nodes.
        """

    def requestTopic(
        topic: str, payload: bytes, *, timeout: float | None = None
    ) -> Deferred[bytes]:
        """Ask one follower of a topic, and wait for its answer."""

    def setStatus(**fields: Any) -> None:
        """Change what every other fiscop2p node comes to know of us."""

    def statusOf(nodeID: str) -> dict[str, Any]:
        """The status of a node: our own, or what a peer last told."""


class IP2PModule(IPlugin):
    """
    An application that a node can load by name: C{twistd fiscop2p --module NAME}.

    Put one into a file in a C{twisted/plugins} folder on Python's path.
    """

    name = Attribute("C{str}: what C{--module} calls it.")
    description = Attribute("C{str}: one line for people.")

    def attach(node: INode) -> None:
        """
        Become part of a node, before it starts: register handlers, subscribe, and for what has
        to be started and stopped give an C{IService} the node as its parent.
        """
