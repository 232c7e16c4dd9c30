"""
Private topics of our own applications: followed with a key, published to those who have one.

FISCO BCOS 2.x topic verification, without SDKs: our node is follower and publisher itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel

from ..errors import EncodingError, TopicTaken
from ..identity import abridged
from ..interfaces import Answer, Handler, ILinks, Message
from ..signatures import checkKey, sign
from ..wire.private import checkPlain, plainName, privateName, pushChannelOf, verifyChannelOf
from .topics import Topics

MAX_CHALLENGE: Final = 512
"""Bytes of a challenge: SDKs send 32, the first of them with a topic and in JSON."""

PAUSE: Final = 0.01
"""Seconds from one signature to the next; each takes more than a thousandth."""


class PrivateTopics:
    """
    Which topics are private here, and how they are followed and restricted.

    A topic is private while it is followed with a key, and from when it is restricted.  Handlers
    and publishers know it by its plain name.

    @ivar names: those on the wire of the topics that are private.
    """

    def __init__(self, topics: Topics, links: ILinks) -> None:
        self._topics = topics
        self._signing = _Signing(links)
        self.names: dict[str, str] = {}
        self._signers: dict[str, _Signer] = {}

    def stop(self) -> None:
        """Sign no challenge that waits."""
        self._signing.stop()

    def subscribe(self, topic: str, handler: Handler, key: EllipticCurvePrivateKey | None) -> None:
        """
        Follow a topic; see L{P2PService.subscribe}.

        @param key: L{None} if it is not private.
        """
        if key is None:
            checkPlain(topic)
            if topic in self.names:
                raise TopicTaken(f"topic {topic!r} is private in this node: follow it with a key")
            self._topics.subscribe(topic, handler)
            return
        checkKey(key, EllipticCurvePrivateKey)
        name = self._privateName(topic)
        signer = self._signers.get(topic)
        if signer is not None and signer.key.public_key() != key.public_key():
            raise TopicTaken(
                f"topic {topic!r} is followed with another key in this node: unsubscribe that first"
            )
        self._topics.subscribe(name, _Plainly(handler))
        if signer is None:
            signer = _Signer(name, key, self._signing)
            try:
                self._topics.subscribe(signer.channel, signer)
            except EncodingError:
                self._topics.unsubscribe(name, _Plainly(handler))
                raise
            self._signers[topic] = signer
            self.names[topic] = name

    def unsubscribe(self, topic: str, handler: Handler) -> None:
        """
        Undo L{subscribe}.

        @raise ValueError: the handler does not follow the topic.
        """
        signer = self._signers.get(topic)
        if signer is None:
            self._topics.unsubscribe(topic, handler)
            return
        name = self.names[topic]
        self._topics.unsubscribe(name, _Plainly(handler))
        if name not in self._topics.own:
            self._topics.unsubscribe(signer.channel, signer)
            del self._signers[topic]
            if name not in self._topics.verification.allowed:
                del self.names[topic]

    def restrict(self, topic: str, keys: Iterable[EllipticCurvePublicKey]) -> None:
        """Make a topic private, for the holders of these keys; see L{P2PService.restrictTopic}."""
        allowed = tuple(keys)
        for key in allowed:
            checkKey(key, EllipticCurvePublicKey)
        name = self._privateName(topic)
        verification = self._topics.verification
        if name not in verification.allowed:
            # So that everybody sees that there is somebody who verifies.
            self._topics.subscribe(pushChannelOf(name), _ignore)
        self.names[topic] = name
        verification.allow(name, allowed)

    def _privateName(self, topic: str) -> str:
        name = privateName(topic)
        if topic in self._topics.own:
            raise TopicTaken(
                f"topic {topic!r} is followed without a key in this node, so it cannot be private: "
                "unsubscribe first, or take another name"
            )
        return name


@dataclass(frozen=True)
class _Plainly:
    """A handler that knows a private topic by its plain name."""

    handler: Handler

    def __call__(self, message: Message) -> Answer:
        return self.handler(replace(message, topic=plainName(message.topic)))


class _Signer:
    """
    Proves to those who publish on a private topic that we may have it.

    @ivar channel: the topic that we are asked on.
    """

    def __init__(self, name: str, key: EllipticCurvePrivateKey, signing: _Signing) -> None:
        """
        @param name: of the private topic, on the wire.
        """
        self.channel = verifyChannelOf(name, uuid4().hex)
        self.key = key
        self._signing = signing

    def __call__(self, message: Message) -> Answer:
        return self._signing.sign(message, self.key)


class _Signing:
    """
    Signs challenges with a pause after each, for every member may ask for as many as it likes.

    Peers take turns; what one of them asks for is signed in order.
    """

    _log = Logger()

    def __init__(self, links: ILinks) -> None:
        self._noise = links.noise
        self._clock = links.clock
        self._due = 0.0
        self._waiting: dict[str, deque[_Challenge]] = {}
        self._call: IDelayedCall | None = None

    def stop(self) -> None:
        """Sign nothing that waits."""
        self._waiting.clear()
        if self._call is not None and self._call.active():
            self._call.cancel()

    def sign(self, message: Message, key: EllipticCurvePrivateKey) -> Answer:
        """
        Sign what somebody sends.

        @return: the signature, now or later; L{None} for what is no challenge.
        """
        if len(message.payload) > MAX_CHALLENGE:
            self._noise.complain(
                self._log,
                LogLevel.warn,
                (message.sender, "challenge"),
                "not signed: {size} bytes are no challenge,nodeID={abridged}",
                size=len(message.payload),
                nodeID=message.sender,
                abridged=abridged(message.sender),
            )
            return None
        now = self._clock.seconds()
        if not self._waiting:
            if now >= self._due:
                self._due = now + PAUSE
                return sign(message.payload, key)
            self._call = self._clock.callLater(self._due - now, self._signNext)
        challenge = _Challenge(message.payload, key)
        self._waiting.setdefault(message.sender, deque()).append(challenge)
        return challenge.signature

    def _signNext(self) -> None:
        while self._waiting:
            sender = next(iter(self._waiting))
            challenges = self._waiting.pop(sender)
            challenge = challenges.popleft()
            if challenges:
                # Behind the others.
                self._waiting[sender] = challenges
            if challenge.signature.called:
                # Nobody waits for it any more.
                continue
            self._due = self._clock.seconds() + PAUSE
            if self._waiting:
                self._call = self._clock.callLater(PAUSE, self._signNext)
            challenge.signature.callback(sign(challenge.content, challenge.key))
            return


class _Challenge:
    """What waits to be signed."""

    def __init__(self, content: bytes, key: EllipticCurvePrivateKey) -> None:
        self.content = content
        self.key = key
        self.signature: Deferred[bytes] = Deferred()


def _ignore(message: Message) -> None:
    """Between nodes nothing goes over a push channel."""
