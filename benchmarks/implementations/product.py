"""fiscop2p by its public API, with every check, limit and heartbeat as it comes."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from OpenSSL import SSL
from twisted.internet.defer import Deferred, gatherResults

from fiscop2p.chain.authority import SECP256K1
from fiscop2p.interfaces import Answered, Failed, Handler, Message
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Settings

from ..channel import Channel, TwistedEnds
from ..credentials import RECEIVER, SENDER, credentialsOf
from ..load import Load
from ..twistedside import linkEnded, runTwistedSide
from ..window import Tally
from ..words import Words, encode
from .untilfollowing import untilFollowing

_HOST = "127.0.0.1"
_GROUP = 1
_WORDS, _DATA, _REQUESTS = 1001, 1002, 1003
TOPIC: Final = "benchmark"
_AT_ONCE: Final = 8


class NotSentToAll(Exception):
    """A broadcast or multicast has left somebody out, or reached others."""


class Peer(NamedTuple):
    """A node of the other end, and the port where it listens if it is the receiver's."""

    nodeID: str
    port: int = 0


class NodeChannel(Channel):
    """One node with many peers, or many nodes with one peer in common."""

    def __init__(self, nodes: Sequence[P2PService], peers: Sequence[Peer], load: Load) -> None:
        """
        @param nodes: ours; the first has the link to the first peer.
        @param peers: theirs, the spare ones last.
        """
        super().__init__()
        node, peer = nodes[0], peers[0].nodeID
        words, data, requests = (
            node.protocolID(_GROUP, module) for module in (_WORDS, _DATA, _REQUESTS)
        )
        self._nodes, self._node, self._peers, self._load = nodes, node, peers, load
        self._data = data
        self._tell = partial(node.send, peer, protocolID=words)

        # As an application calls them: a partial with keywords would cost as much again.
        def ask(payload: bytes) -> Deferred[bytes]:
            return node.request(peer, payload, protocolID=requests)

        def call(payload: bytes, answered: Answered, failed: Failed) -> None:
            node.ask(peer, payload, answered, failed, protocolID=requests)

        self.ask, self.call = ask, call
        self._topicHandler: Handler | None = None
        self._followed: Sequence[str] = ()
        node.handle(words, self._wordsReceived)
        node.handle(requests, _echo)

    def tell(self, words: Words) -> None:
        self._tell(encode(words))

    def _wordsReceived(self, message: Message) -> None:
        self.wordsArrived(message.payload)

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send, peer, data = self._node.send, self._peers[0].nodeID, self._data
        for payload in payloads:
            send(peer, payload, protocolID=data)

    def broadcastAll(self, payloads: Iterable[bytes]) -> None:
        broadcast, data = self._node.broadcast, self._data
        self._check(broadcast(payload, protocolID=data) for payload in payloads)

    def multicastAll(self, payloads: Iterable[bytes]) -> None:
        multicast = self._node.multicast
        self._check(multicast(TOPIC, payload) for payload in payloads)

    def _check(self, reached: Iterator[int]) -> None:
        for count in reached:
            if count != self._load.links:
                raise NotSentToAll(f"sent to {count} peers, not {self._load.links}")

    async def followersKnown(self) -> None:
        followers = self._peers[: self._load.links]
        await untilFollowing(self._node.registry, _IDs(followers), [TOPIC])

    async def makeSpareLinks(self) -> None:
        await dial(self._node, self._peers[self._load.links :])

    def expect(self, tally: Tally) -> None:
        for node in self._nodes:
            node.handle(self._data, tally.messageArrived)
        tally.full.addCallback(lambda _: self._expectNothing())

    def _expectNothing(self) -> None:
        for node in self._nodes:
            node.unhandle(self._data)

    def expectTopic(self, tally: Tally) -> None:
        before, self._topicHandler = self._topicHandler, tally.messageArrived
        for node in self._nodes[: self._load.links]:
            node.subscribe(TOPIC, self._topicHandler)
            if before is not None:
                node.unsubscribe(TOPIC, before)

    def answer(self, count: int) -> None:
        """Requests are always answered."""

    def follow(self, topics: Sequence[str]) -> None:
        before, self._followed = self._followed, topics
        for node in self._nodes:
            for topic in before:
                node.unsubscribe(topic, ignore)
            for topic in topics:
                node.subscribe(topic, ignore)

    def topicsKnown(self, topics: Iterable[str]) -> Deferred[Any]:
        peers = _IDs(self._peers)
        return gatherResults([untilFollowing(n.registry, peers, topics) for n in self._nodes])


def _IDs(peers: Iterable[Peer]) -> list[str]:
    return [peer.nodeID for peer in peers]


def _echo(message: Message) -> bytes:
    return message.payload


def ignore(message: Message) -> None:
    """Take a message."""


async def dial(node: P2PService, peers: Sequence[Peer]) -> None:
    """Connect a node with peers, so few at a time that no handshake waits for long."""
    for start in range(0, len(peers), _AT_ONCE):
        few = peers[start : start + _AT_ONCE]
        for _, port in few:
            node.addPeer(Address(_HOST, port))
        await gatherResults([node.registry.whenConnected(nodeID) for nodeID, _ in few])


def openWhenLinked(
    nodes: Sequence[P2PService],
    makeChannel: Callable[[str], Channel],
    opened: Callable[[Channel], object],
) -> None:
    """
    Make a channel once each of some nodes has a link to the same peer.

    @param makeChannel: takes the peer's node ID.
    @param opened: is given the channel, which then hears what the peer has said until now.
    """
    waiting = len(nodes)
    # The peer's first words may come by the first link before the last one stands.
    early: list[Message] = []
    words = nodes[0].protocolID(_GROUP, _WORDS)
    nodes[0].handle(words, early.append)

    def joined(nodeID: str) -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            nodes[0].unhandle(words)
            channel = makeChannel(nodeID)
            opened(channel)
            for message in early:
                channel.wordsArrived(message.payload)

    for node in nodes:
        node.registry.joined.subscribe(joined)


class NodeEnds(TwistedEnds):
    """
    One node at the sender's side, and at the receiver's one for each link.

    @ivar makeChannel: takes what L{NodeChannel} takes.
    """

    makeChannel: Callable[[Sequence[P2PService], Sequence[Peer], Load], Channel] = NodeChannel

    def __init__(self, role: str, folder: Path, load: Load, tls: str, reactor: Any) -> None:
        """
        @param tls: L{Settings.tls}.
        """
        self._load = load
        peers = range(RECEIVER, RECEIVER + load.links + load.spare)
        numbers = (SENDER,) if role == "sender" else peers
        self._nodes = [self._makeNode(folder, number, tls, reactor) for number in numbers]
        for node in self._nodes:
            node.startService()
            node.registry.left.subscribe(lambda nodeID: linkEnded())
        curve = credentialsOf(folder, SENDER, tls).curve
        name = self._nodes[0].tlsName
        version = "TLS 1.2" if curve == SECP256K1 else "TLS 1.3"
        self.summary = f"its own defaults, {version} by {name} ({_VERSIONS[name]()}), {curve}"

    def _makeNode(self, folder: Path, number: int, tls: str, reactor: Any) -> P2PService:
        settings = Settings(listen=Address(_HOST, 0), tls=tls)
        return makeNode(credentialsOf(folder, number, tls), settings, reactor=reactor)

    def listen(self, load: Load, opened: Callable[[Channel], object]) -> Words:
        nodes = self._nodes

        def makeChannel(nodeID: str) -> Channel:
            return self.makeChannel(nodes, [Peer(nodeID)], load)

        openWhenLinked(nodes[: load.links], makeChannel, opened)
        return {"peers": [Peer(node.nodeID, node.listenAddress.port) for node in nodes]}

    def connect(self, load: Load, where: Words) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._connect(load, [Peer(*each) for each in where["peers"]]))

    async def _connect(self, load: Load, peers: Sequence[Peer]) -> Channel:
        await dial(self._nodes[0], peers[: load.links])
        return self.makeChannel(self._nodes, peers, load)


_VERSIONS: Final[dict[str, Callable[[], str]]] = {
    "ssl": lambda: ssl.OPENSSL_VERSION,
    "pyopenssl": lambda: SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode(),
}


def runSide(role: str, folder: Path, load: Load, tls: str = "ssl") -> None:
    """Be one of the two processes."""
    runTwistedSide(role, load, partial(NodeEnds, role, folder, load, tls))
