"""Four nodes in one process that show what the network is for."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from functools import partial
from itertools import count, cycle
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import perf_counter, strftime
from typing import Any, Final

from twisted.application.service import MultiService
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from .admin import AdminService
from .chain import buildChain
from .chain.plan import ChainPlan
from .config import AdminConfig
from .errors import FiscoP2PError
from .identity import abridged, loadCredentials
from .interfaces import Message
from .monotonic import useMonotonicTime
from .service import P2PService, makeNode
from .settings import Address, Settings

NAMES: Final = "ABCD"
STEP_TIMEOUT: Final = 15.0
"""Seconds that a step of the story has."""

_GROUP, _MODULE = 1, 1000
_ASK, _TELL = 0, 1
_FOLLOWERS: Final = {"topic 1": "BC", "topic 2": "CD", "topic 3": "AD"}
_PUBLISHERS: Final = {"topic 1": "A", "topic 2": "B", "topic 3": "C"}
_CHANGE_EVERY: Final = 10.0
_TALK_EVERY: Final = 0.4


class StepFailed(FiscoP2PError):
    """A step of the story did not happen in time."""


class Demo(MultiService):
    """
    A chain of four nodes in a temporary folder, and the story of what they do.

    They talk over real TLS on loopback.
    """

    def __init__(self, tls: str, once: bool, reactor: Any) -> None:
        """
        @param tls: the TLS implementation, or C{"auto"}.
        @param once: end after the story, instead of going on until stopped.
        @raise SetupError: the nodes cannot be made.
        """
        super().__init__()
        useMonotonicTime(reactor)
        self._reactor = reactor
        self._once = once
        self._out = sys.stdout
        self._received: list[tuple[str, str, bytes]] = []
        self._awaited: tuple[Callable[[], bool], Deferred[None]] | None = None
        self._goingOn: list[LoopingCall] = []
        self._folder = TemporaryDirectory(prefix="fiscop2p-demo-")
        began = perf_counter()
        chain = Path(self._folder.name) / "nodes"
        buildChain(ChainPlan.parse(f"127.0.0.1:{len(NAMES)}"), chain)
        self._making = perf_counter() - began
        settings = Settings(listen=Address("127.0.0.1", 0), tls=tls)
        self._nodes: dict[str, P2PService] = {}
        for index, name in enumerate(NAMES):
            credentials = loadCredentials(chain / "127.0.0.1" / f"node{index}" / "conf")
            self._nodes[name] = self._makeNode(
                name, makeNode(credentials, settings, reactor=reactor)
            )
        self._curve = credentials.curve
        self._token = token_hex(8)
        config = AdminConfig(
            Path(self._folder.name) / "admin.sock", True, Address("127.0.0.1", 0), self._token
        )
        self._admin = AdminService(self._nodes["A"], config, reactor)
        self._admin.setServiceParent(self)

    def _makeNode(self, name: str, node: P2PService) -> P2PService:
        node.setServiceParent(self)
        node.handle(node.protocolID(_GROUP, _MODULE), partial(self._messageReceived, name))
        for topic, followers in _FOLLOWERS.items():
            if name in followers:
                node.subscribe(topic, partial(self._messageReceived, name))
        registry = node.registry
        for event in (registry.joined, registry.left, registry.topicsChanged):
            event.subscribe(self._check)
        node.statusChanged.subscribe(self._check)
        return node

    def startService(self) -> None:
        """Start the nodes, and tell the story."""
        super().startService()
        Deferred.fromCoroutine(self._run())

    def stopService(self) -> Deferred[None]:
        """Stop the nodes, and remove the temporary folder."""
        for loop in self._goingOn:
            if loop.running:
                loop.stop()
        stopped: Deferred[None] = super().stopService()
        return stopped.addCallback(lambda _: self._cleanUp())

    def _cleanUp(self) -> None:
        self._folder.cleanup()
        self._tell("Stopped", "all links are closed, the temporary folder is gone")

    @property
    def page(self) -> str:
        """The URL of the page that shows the network as node A sees it."""
        return f"http://{self._admin.listenAddress}/"

    async def _run(self) -> None:
        status = 0
        try:
            await self._story()
        except StepFailed as error:
            self._tell("FAILED", str(error))
            status = 1
        except Exception as error:
            self._tell("FAILED", f"{type(error).__name__}: {error}")
            status = 1
        if self._once or status:
            _exitWith(status)
            self._reactor.stop()
        else:
            self._goOn()

    # The story.

    async def _story(self) -> None:
        self._tell("Chain", f"CA, agency and 4 nodes on {self._curve}", self._making)
        for name, node in self._nodes.items():
            self._tell(f"Node {name}", f"{abridged(node.nodeID)} listens on {node.listenAddress}")
        self._tell("Page", f"{self.page} shows it live; the token to publish is {self._token}")
        await self._meshStep()
        await self._unicastStep()
        for topic in _FOLLOWERS:
            await self._multicastStep(topic)
        for name in NAMES:
            await self._broadcastStep(name)
        await self._statusStep("D", 1)
        self._tell("Done", "every step happened")

    async def _meshStep(self) -> None:
        for node in self._nodes.values():
            for other in self._nodes.values():
                node.addPeer(other.listenAddress)
        seconds = await self._until(
            lambda: all(len(node.registry) == len(NAMES) - 1 for node in self._nodes.values()),
            "the four nodes are not all connected",
        )
        tls = self._nodes["A"].tlsName
        self._tell(
            "Mesh",
            f"each node has verified the three others by their certificates ({tls})",
            seconds,
        )

    async def _unicastStep(self) -> None:
        sender, receiver = self._nodes["A"], self._nodes["B"]
        question = b"hello B, this is A"
        began = perf_counter()
        answer = await sender.request(
            receiver.nodeID,
            question,
            protocolID=sender.protocolID(_GROUP, _MODULE),
            packetType=_ASK,
            timeout=STEP_TIMEOUT,
        )
        self._tell(
            "Unicast",
            f"A -> B: {question.decode()!r}, B -> A: {answer.decode()!r}",
            perf_counter() - began,
        )

    async def _multicastStep(self, topic: str) -> None:
        publisher, followers = _PUBLISHERS[topic], _FOLLOWERS[topic]
        node = self._nodes[publisher]
        await self._until(
            lambda: len(node.registry.sessionsFollowing(topic)) == len(followers),
            f"{publisher} does not learn who follows {topic}",
        )
        text = f"news for {topic}".encode()
        self._received.clear()
        node.multicast(topic, text)
        seconds = await self._until(
            partial(self._haveAll, followers, publisher, text),
            f"the followers {_listed(followers)} of {topic} did not get the message of {publisher}",
        )
        self._tell("Multicast", f"{publisher} -> {topic}: received by {self._receivers()}", seconds)

    async def _broadcastStep(self, sender: str) -> None:
        node, others = self._nodes[sender], NAMES.replace(sender, "")
        text = f"to all from {sender}".encode()
        self._received.clear()
        node.broadcast(text, protocolID=node.protocolID(_GROUP, _MODULE), packetType=_TELL)
        seconds = await self._until(
            partial(self._haveAll, others, sender, text),
            f"{_listed(others)} did not get the broadcast of {sender}",
        )
        self._tell("Broadcast", f"{sender} -> all: received by {self._receivers()}", seconds)

    async def _statusStep(self, name: str, height: int) -> None:
        node, others = self._nodes[name], NAMES.replace(name, "")
        before = node.statusSeq
        node.setStatus(height=height)
        seconds = await self._until(
            lambda: all(
                self._nodes[other].statusOf(node.nodeID).get("height") == height for other in others
            ),
            f"{_listed(others)} did not learn the status of {name}",
        )
        self._tell(
            "Status",
            f"{name} sets height={height}, seq {before} -> {node.statusSeq}: "
            f"{_listed(others)} asked for it and hold it",
            seconds,
        )

    # After the story.

    def _goOn(self) -> None:
        self._tell(
            "Running",
            f"topics carry messages, a status changes every {_CHANGE_EVERY:g} s; Ctrl-C ends it",
        )
        turns = zip(cycle(NAMES), count(2), strict=False)
        self._repeat(lambda: Deferred.fromCoroutine(self._change(*next(turns))), _CHANGE_EVERY)
        messages = zip(cycle(_PUBLISHERS.items()), count(1), strict=False)
        self._repeat(lambda: self._talk(*next(messages)), _TALK_EVERY)

    def _repeat(self, action: Callable[[], object], interval: float) -> None:
        loop = LoopingCall(action)
        loop.clock = self._reactor
        self._goingOn.append(loop)
        loop.start(interval, now=False)

    def _talk(self, subject: tuple[str, str], number: int) -> None:
        topic, publisher = subject
        self._received.clear()
        self._nodes[publisher].multicast(topic, f"message {number} ".encode() * (number % 40))

    async def _change(self, name: str, height: int) -> None:
        try:
            await self._statusStep(name, height)
        except FiscoP2PError as error:
            self._tell("FAILED", str(error))

    # What happens meanwhile.

    def _messageReceived(self, name: str, message: Message) -> bytes | None:
        if message.packetType == _ASK and not message.topic:
            return b"got it: " + message.payload
        self._received.append((name, message.sender, message.payload))
        self._check()
        return None

    def _haveAll(self, receivers: str, sender: str, payload: bytes) -> bool:
        nodeID = self._nodes[sender].nodeID
        return sorted(self._received) == sorted((name, nodeID, payload) for name in receivers)

    def _receivers(self) -> str:
        return _listed("".join(sorted(name for name, _, _ in self._received)))

    async def _until(self, condition: Callable[[], bool], fault: str) -> float:
        """
        Wait until something is so.

        @return: how long it took, in seconds.
        @raise StepFailed: it is not so in time.
        """
        began = perf_counter()
        if not condition():
            waiting: Deferred[None] = Deferred()
            self._awaited = condition, waiting
            try:
                await waiting.addTimeout(STEP_TIMEOUT, self._reactor)
            except defer.TimeoutError:
                raise StepFailed(f"{fault} within {STEP_TIMEOUT:g} s") from None
            finally:
                self._awaited = None
        return perf_counter() - began

    def _check(self, *_: object) -> None:
        if self._awaited is not None:
            condition, waiting = self._awaited
            if condition() and not waiting.called:
                waiting.callback(None)

    def _tell(self, what: str, words: str, seconds: float | None = None) -> None:
        took = "" if seconds is None else f"  [{seconds * 1000:.1f} ms]"
        self._out.write(f"{strftime('%H:%M:%S')}  {what:<10} {words}{took}\n")
        self._out.flush()


def _listed(names: str) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names


def _exitWith(status: int) -> None:
    """twistd gives its services no way to set the exit status, so set it at the very end."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    if status:
        atexit.register(leave)
