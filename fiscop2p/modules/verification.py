"""
Who of those that follow a private topic may have what is published on it.

FISCO BCOS 2.x topic verification.  There an SDK challenges the followers; here the application is
part of the node, so the node does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from os import urandom
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from twisted.logger import Logger, LogLevel

from ..errors import MalformedMessage, PeerBusy
from ..identity import abridged
from ..interfaces import ILinks, ISession, Outcome
from ..links.registry import PeerRegistry
from ..signatures import isSigned
from ..wire.amop import (
    REQUEST,
    SUCCESS,
    UNICAST,
    ChannelMessage,
    decodeTopicBody,
    encodeTopicBody,
)
from ..wire.dialect import AMOP
from ..wire.private import divideTopics, plainName
from ..wire.syncing import shownTopic

CHALLENGE_SIZE: Final = 32
"""In random bytes."""

CHALLENGE_TIMEOUT: Final = 5.0
"""Seconds that a follower has to sign a challenge."""

MAX_CHALLENGES: Final = 8
"""Challenges that one link has under way at once; what else is to be verified waits."""

REST: Final = 3.0
"""Seconds without a new challenge on a link after one that was answered, but not with a proof."""


class Verification:
    """
    What each peer may have of the private topics that we publish on.

    What a peer lists goes through here to the registry: a private topic only once the peer has
    signed a challenge with an allowed key.  It is verified for one link and one verify channel; it
    has to prove itself again when either is gone.

    @ivar allowed: the keys that may have each private topic, by its name on the wire.
    """

    def __init__(self, links: ILinks, registry: PeerRegistry) -> None:
        self.allowed: dict[str, tuple[EllipticCurvePublicKey, ...]] = {}
        self._links = links
        self._registry = registry
        self._followers: dict[ISession, _Follower] = {}
        links.sessionClosed.subscribe(self._forget)

    def allow(self, name: str, keys: Iterable[EllipticCurvePublicKey]) -> None:
        """
        Let the holders of these keys have a private topic, and nobody else any more.

        @param name: of the topic, on the wire.
        """
        self.allowed[name] = tuple(keys)
        for follower in list(self._followers.values()):
            follower.restart(name)
            self._route(follower)

    def learnt(self, session: ISession, topics: Iterable[str]) -> None:
        """A peer follows these topics, and no others."""
        follower = self._followers.get(session)
        if follower is None:
            follower = _Follower(session, self.allowed, self._links, self._route)
            self._followers[session] = follower
        follower.learnt(topics)
        self._route(follower)

    def tryAgain(self, session: ISession) -> None:
        """Challenge a peer for what it has not proved yet."""
        follower = self._followers.get(session)
        if follower is not None:
            follower.challenge()

    def _route(self, follower: _Follower) -> None:
        self._registry.setTopics(follower.session, follower.topics)

    def _forget(self, session: ISession) -> None:
        self._followers.pop(session, None)


class _Status(Enum):
    VERIFYING = 0
    SUCCESS = 1
    FAILED = 2


class _Proof:
    """
    How far a peer has proved that it may have a private topic.

    @ivar channel: the verify channel that it is asked on.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.status = _Status.VERIFYING


class _Follower:
    """
    What the peer at the other end of one link follows, and what of it is verified.

    Of the private topics, those that nobody here publishes on are remembered and no more.
    """

    _log = Logger()

    def __init__(
        self,
        session: ISession,
        allowed: Mapping[str, tuple[EllipticCurvePublicKey, ...]],
        links: ILinks,
        verified: Callable[[_Follower], None],
    ) -> None:
        """
        @param allowed: the keys that may have each private topic.
        @param verified: told this follower when it may have one more.
        """
        self.session = session
        self._allowed = allowed
        self._links = links
        self._verified = verified
        self._public: list[str] = []
        self._channels: dict[str, list[str]] = {}
        self._proofs: dict[str, _Proof] = {}
        self._waiting: dict[str, None] = {}
        self._asked: dict[str, int] = {}
        self._restUntil = 0.0

    @property
    def topics(self) -> list[str]:
        """The topics that may be sent to it."""
        proofs = self._proofs.items()
        return self._public + [name for name, proof in proofs if proof.status is _Status.SUCCESS]

    def learnt(self, topics: Iterable[str]) -> None:
        """It follows these topics, and no others."""
        self._public, self._channels = divideTopics(topics)
        for name, proof in list(self._proofs.items()):
            if proof.channel not in self._channels.get(name, ()):
                self._drop(name)
        for name in self._channels:
            self._begin(name)
        self.challenge()

    def restart(self, name: str) -> None:
        """Other keys may have this topic than before."""
        self._restUntil = 0.0
        self._drop(name)
        self._begin(name)
        self.challenge()

    def _begin(self, name: str) -> None:
        channels = self._channels.get(name)
        if channels and name in self._allowed and name not in self._proofs:
            self._proofs[name] = _Proof(channels[0])
            self._waiting[name] = None

    def _drop(self, name: str) -> None:
        self._proofs.pop(name, None)
        self._waiting.pop(name, None)
        seq = self._asked.pop(name, None)
        if seq is not None:
            self.session.forget(seq)

    def challenge(self) -> None:
        """Ask for the proofs that are missing, as many as may be under way at once."""
        while (
            self._waiting
            and len(self._asked) < MAX_CHALLENGES
            and self._links.clock.seconds() >= self._restUntil
        ):
            name = next(iter(self._waiting))
            del self._waiting[name]
            self._ask(name)

    def _ask(self, name: str) -> None:
        content = urandom(CHALLENGE_SIZE)
        body = encodeTopicBody(self._proofs[name].channel, content)
        request = ChannelMessage(REQUEST, uuid4().hex.encode(), SUCCESS, body).encode()
        answered = partial(self._answered, name, content)
        try:
            seq = self.session.request(AMOP, UNICAST, request, answered, CHALLENGE_TIMEOUT)
        except PeerBusy as error:
            self._rest()
            self._notAnswered(name, str(error))
        else:
            self._asked[name] = seq

    def _answered(self, name: str, content: bytes, outcome: Outcome) -> None:
        del self._asked[name]
        if isinstance(outcome, Exception):
            self._notAnswered(name, str(outcome))
            return
        try:
            response = ChannelMessage.decode(outcome)
            if response.result != SUCCESS:
                self._rest()
                self._notAnswered(name, f"it answered with code {response.result}")
                return
            signature = decodeTopicBody(response.data)[1]
            if isSigned(content, signature, self._allowed[name]):
                self._succeeded(name)
            else:
                self._failed(name, "it signs with a key that is not allowed")
        except MalformedMessage as error:
            self._failed(name, str(error))

    def _succeeded(self, name: str) -> None:
        self._proofs[name].status = _Status.SUCCESS
        self._tell(LogLevel.info, name, "private topic verified", "it has an allowed key")
        self._verified(self)
        self.challenge()

    def _failed(self, name: str, why: str) -> None:
        """It gets nothing before it follows the topic anew."""
        self._proofs[name].status = _Status.FAILED
        self._rest()
        self._tell(LogLevel.warn, name, "private topic refused", why)

    def _notAnswered(self, name: str, why: str) -> None:
        """After the others it is asked again, from its next heartbeat on."""
        self._waiting[name] = None
        if self.session.closeReason is None:
            self._tell(LogLevel.warn, name, "private topic not verified yet", why)

    def _rest(self) -> None:
        # A peer must not keep us busy with challenges that lead nowhere.
        self._restUntil = self._links.clock.seconds() + REST

    def _tell(self, level: Any, name: str, what: str, why: str) -> None:
        self._links.noise.complain(
            self._log,
            level,
            (self.session.nodeID, name, what),
            "{what},nodeID={abridged},topic={topic},message={why}",
            what=what,
            nodeID=self.session.nodeID,
            abridged=abridged(self.session.nodeID),
            topic=shownTopic(plainName(name)),
            why=why,
        )
