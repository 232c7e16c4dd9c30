"""fiscop2p by its public API, with every check, limit and heartbeat as it comes."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from fiscop2p.interfaces import Message
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Settings

from ..channel import Channel, TwistedEnds
from ..credentials import credentialsOf
from ..twistedside import linkEnded, runTwistedSide
from ..window import Tally
from ..words import Words, encode

_HOST = "127.0.0.1"
_GROUP = 1
_WORDS, _DATA, _REQUESTS = 1001, 1002, 1003


class NodeChannel(Channel):
    """A node, and its one peer."""

    def __init__(self, node: P2PService, peer: str) -> None:
        super().__init__()
        self._node = node
        self._peer = peer
        words, self._data, requests = (
            node.protocolID(_GROUP, module) for module in (_WORDS, _DATA, _REQUESTS)
        )

        def ask(payload: bytes) -> Deferred[bytes]:
            return node.request(peer, payload, protocolID=requests)

        self.ask = ask
        self._tell = partial(node.send, peer, protocolID=words)
        node.handle(words, self._wordsReceived)
        node.handle(requests, _echo)

    def _wordsReceived(self, message: Message) -> None:
        self.wordsArrived(message.payload)

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send, peer, data = self._node.send, self._peer, self._data
        for payload in payloads:
            send(peer, payload, protocolID=data)

    def tell(self, words: Words) -> None:
        self._tell(encode(words))

    def expect(self, tally: Tally) -> None:
        self._node.handle(self._data, tally.messageArrived)
        tally.full.addCallback(lambda _: self._node.unhandle(self._data))

    def answer(self, count: int) -> None:
        """Requests are always answered."""


def _echo(message: Message) -> bytes:
    return message.payload


class NodeEnds(TwistedEnds):
    """A node on either side."""

    def __init__(self, role: str, folder: Path, tls: str, reactor: Any) -> None:
        credentials = credentialsOf(folder, role, tls)
        settings = Settings(listen=Address(_HOST, 0), tls=tls)
        self._node = makeNode(credentials, settings, reactor=reactor)
        self._node.startService()
        self._node.registry.left.subscribe(lambda nodeID: linkEnded())
        self.summary = (
            f"its own defaults, TLS by {self._node.tlsName} ({ssl.OPENSSL_VERSION}), "
            f"{credentials.curve}"
        )

    def listen(self, opened: Callable[[Channel], object]) -> Words:
        node = self._node
        node.registry.joined.subscribe(lambda nodeID: opened(NodeChannel(node, nodeID)))
        return {"port": node.listenAddress.port, "nodeID": node.nodeID}

    def connect(self, where: Words) -> Deferred[Any]:
        self._node.addPeer(Address(_HOST, where["port"]))
        connected = self._node.registry.whenConnected(where["nodeID"])
        return connected.addCallback(lambda nodeID: NodeChannel(self._node, nodeID))


def runSide(role: str, folder: Path) -> None:
    """Be one of the two processes."""
    runTwistedSide(role, partial(NodeEnds, role, folder, "ssl"))
