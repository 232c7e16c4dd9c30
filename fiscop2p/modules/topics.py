"""
Topics: who follows what, and AMOP messages to followers.

FISCO BCOS 2.x: topics are made known by status sync (module 2); messages are AMOP frames (module
1), so SDKs behind FISCO BCOS nodes can read them, and we theirs.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from os import urandom
from random import shuffle
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel

from ..errors import (
    BandwidthExceeded,
    DeliveryError,
    MalformedMessage,
    NoFollower,
    PeerAbsent,
    TopicRequestFailed,
)
from ..identity import abridged
from ..interfaces import Handler, ILinks, ISession, Message, Outcome
from ..links.registry import PeerRegistry
from ..sync import SeqSync
from ..traffic.limiter import COMPRESSION_RATIO
from ..wire.amop import (
    MULTICAST,
    MULTICAST_REQUEST,
    NO_SUBSCRIBER,
    NODE_UNREACHABLE,
    REQUEST,
    RESPONSE,
    SUCCESS,
    UNICAST,
    ChannelMessage,
    cutPublished,
    decodeAnswer,
    decodeTopicMessage,
    encodeTopicBody,
    encodeTopicMessage,
)
from ..wire.dialect import AMOP, TOPIC
from ..wire.frames import checkedPayload
from ..wire.runs import AlikeRun, LooseRun, Run
from ..wire.syncing import MAX_TOPIC_LENGTH, decodeTopics, encodeTopics, shownTopic, topicText
from .subscribers import MAX_TOPICS, Subscribers
from .verification import Verification

_MOST_SHOWN: Final = 1000
"""Characters of a peer's topics that are logged."""

_MOST_RETURNED: Final = 64 * 1024
"""Bytes of a request that nobody here answers: they go back with the code that says so."""

_LAST_DIGITS: Final = [b"%02x" % number for number in range(256)]

_MAX_STATE_SIZE: Final = MAX_TOPICS * (MAX_TOPIC_LENGTH + 1)


class Topics:
    """
    What we follow, and the messages to those who follow.

    @ivar subscribers: who in this process follows what.
    @ivar verification: which of those who follow a private topic may have it.
    """

    _log = Logger()

    def __init__(self, nodeID: str, links: ILinks, registry: PeerRegistry) -> None:
        """
        @param nodeID: our own.
        """
        self._nodeID = nodeID
        self.clock = links.clock
        self._links = links
        self._registry = registry
        self.subscribers = Subscribers(links)
        self._nextSeq = _seqs(hexlify(urandom(8))).__next__
        self.verification = Verification(links, registry)
        self.sync = SeqSync("topic", TOPIC, links, self._learnt, announceUnset=True)
        self.sync.confirmed.subscribe(self.verification.tryAgain)
        links.receivers[AMOP] = self._received

    def start(self) -> None:
        """Tell peers what we follow, and answer them."""
        self.subscribers.start()
        self.sync.start()

    def stop(self) -> None:
        """
        End what waits for our own subscribers.

        What waits for peers ends with their links, and asks nobody else.
        """
        self.sync.stop()
        self.subscribers.stop()

    # Following.

    @property
    def own(self) -> frozenset[str]:
        """The topics that we follow."""
        return frozenset(self.subscribers)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """
        Follow a topic.

        @raise EncodingError: it is empty, longer than 254 bytes, or holds a TAB.
        """
        followed = topic in self.subscribers
        self.subscribers.add(topic, handler)
        if not followed:
            self.sync.change(self._encode)

    def unsubscribe(self, topic: str, handler: Handler) -> None:
        """
        Undo L{subscribe}.

        @raise ValueError: the handler does not follow the topic.
        """
        self.subscribers.remove(topic, handler)
        if topic not in self.subscribers:
            self.sync.change(self._encode)

    def _encode(self) -> bytes | None:
        return encodeTopics(self.subscribers)

    def _learnt(self, session: ISession, state: bytes | None) -> None:
        count = 0 if state is None else state.count(b"\t") + 1
        if count > MAX_TOPICS:
            raise MalformedMessage(f"it follows {count} topics; {MAX_TOPICS} are the most")
        if state is not None and len(state) > _MAX_STATE_SIZE:
            raise MalformedMessage(f"its topics have {len(state)} bytes: some are too long")
        topics = decodeTopics(state)
        if len(topics) < count:
            self._links.noise.complain(
                self._log,
                LogLevel.warn,
                (session.nodeID, "long topics"),
                "{count} topics are left out: they have more than {most} bytes,nodeID={abridged}",
                count=count - len(topics),
                most=MAX_TOPIC_LENGTH,
                nodeID=session.nodeID,
                abridged=abridged(session.nodeID),
            )
        listed = ",".join(topics[:_MOST_SHOWN])
        self._links.noise.complain(
            self._log,
            LogLevel.info,
            (session.nodeID, "topics"),
            "Received topic: [{topics}] from {nodeID},count={count}",
            period=self._links.settings.heartbeat,
            topics=shownTopic(
                listed if len(listed) <= _MOST_SHOWN else listed[:_MOST_SHOWN] + "..."
            ),
            nodeID=session.nodeID,
            count=len(topics),
        )
        self.verification.learnt(session, topics)

    # Sending.

    def multicast(self, topic: str, payload: bytes) -> int:
        """
        Send to all followers, ourselves included; nobody confirms.

        @return: to how many nodes: not those that read too slowly.
        @raise EncodingError: the topic does not fit the wire, or the payload is not bytes.
        @raise BandwidthExceeded: nothing is sent, not to ourselves either.
        """
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        message = encodeTopicMessage(MULTICAST_REQUEST, self._nextSeq(), topic, payload)
        followers = self._registry.findFollowers(topic)
        reached = 0
        if followers:
            if self._links.limiter is not None:
                self._links.encode.checkSize(len(message))
                self.acquireBandwidth(topic, len(message) * len(followers))
            reached = self._links.sheaves.send(followers, AMOP, MULTICAST, message)
        if topic not in self.subscribers:
            return reached
        self._links.clock.callLater(
            0, self.subscribers.publish, Message(self._nodeID, payload, AMOP, MULTICAST, topic)
        )
        return reached + 1

    def request(self, topic: str, payload: bytes, timeout: float) -> Deferred[bytes]:
        """
        Ask one follower at random, the next one when it fails; ourselves included if we follow.

        @param timeout: seconds that each follower has.
        @return: fires with the answer, or fails with L{NoFollower}, L{TopicRequestFailed} or
            L{BandwidthExceeded}; may be cancelled.
        @raise EncodingError: the topic does not fit the wire, or the payload is not bytes.
        """
        body = encodeTopicBody(topic, checkedPayload(payload))
        followers: list[ISession | None] = [*self._registry.sessionsFollowing(topic)]
        if topic in self.subscribers:
            followers.append(None)
        shuffle(followers)
        message = Message(self._nodeID, payload, AMOP, UNICAST, topic)
        request = _TopicRequest(self, message, body, followers, timeout)
        request.askNext()
        return request.done

    def isFollowedBy(self, topic: str, session: ISession) -> bool:
        """Tell whether what is published on a topic may go to the node of a session."""
        return topic in self._registry.topicsOf(session.nodeID)

    def channelMessage(self, kind: int, body: bytes) -> bytes:
        """Make a channel frame with a seq that no other has."""
        return ChannelMessage(kind, self._nextSeq(), SUCCESS, body).encode()

    def acquireBandwidth(self, topic: str, size: int) -> None:
        """
        Ask whether a message may go to followers, once for all of them.

        @param size: of all copies together, before compression.
        @raise BandwidthExceeded: it may not.
        """
        limiter = self._links.limiter
        if limiter is None:
            return
        # What is queued already is charged first.
        self._links.turn.gather()
        if not limiter.tryAcquire(size // COMPRESSION_RATIO):
            raise BandwidthExceeded(
                f"{size} bytes to followers of topic {topic!r} are more than the outgoing "
                f"bandwidth of {limiter.rate:g} bytes a second allows now; send them later"
            )

    def unsent(self, topic: str, text: str, **fields: object) -> None:
        """Log why no follower of a topic has answered a request."""
        self._links.noise.complain(
            self._log, LogLevel.warn, (topic, text), text, topic=topic, **fields
        )

    # Receiving.

    def _received(self, session: ISession, run: Run) -> None:
        if isinstance(run, AlikeRun):
            published = cutPublished(run)
            if published is not None:
                self.subscribers.receive(session, *published)
                return
        for seq, payload in zip(run.seqs, run.payloads, strict=True):
            if session.closeReason is not None:
                return
            self._receiveOne(session, run.packetType, seq, payload)

    def _receiveOne(self, session: ISession, packetType: int, seq: int, payload: bytes) -> None:
        try:
            kind, name, content = decodeTopicMessage(payload)
        except MalformedMessage as error:
            self._links.noise.complain(
                self._log,
                LogLevel.warn,
                (session.nodeID, "AMOP"),
                "ignored an AMOP message,nodeID={abridged},message={error}",
                nodeID=session.nodeID,
                abridged=abridged(session.nodeID),
                error=str(error),
            )
            return
        if kind == MULTICAST_REQUEST:
            run = LooseRun(AMOP, packetType, len(payload), (seq,), (content,))
            self.subscribers.receive(session, name, run)
        elif kind == REQUEST:
            message = Message(session.nodeID, content, AMOP, packetType, topicText(name))
            self._answer(session, seq, ChannelMessage.decode(payload), message)
        else:
            self._log.debug("ignored an AMOP message of type {type}", type=kind)

    def _answer(
        self, session: ISession, seq: int, channel: ChannelMessage, message: Message
    ) -> None:
        def answered(answer: bytes) -> None:
            respond(SUCCESS, encodeTopicBody(message.topic, answer))

        def unanswered() -> None:
            # As FISCO BCOS does; but nobody shall have us send what is large.
            isSmall = len(channel.data) <= _MOST_RETURNED
            respond(NO_SUBSCRIBER, channel.data if isSmall else b"")

        def respond(result: int, data: bytes) -> None:
            answer = ChannelMessage(RESPONSE, channel.seq, result, data).encode()
            session.respond(AMOP, UNICAST, seq, answer)

        self.subscribers.ask(message, answered, unanswered, session)


class _TopicRequest:
    """One request to the followers of a topic, from one to the next."""

    def __init__(
        self,
        topics: Topics,
        message: Message,
        body: bytes,
        followers: list[ISession | None],
        timeout: float,
    ) -> None:
        """
        @param followers: in the order to be asked; L{None} stands for ourselves.
        """
        self.done: Deferred[bytes] = Deferred(self._cancelled)
        self._topics = topics
        self._message = message
        self._request = topics.channelMessage(REQUEST, body)
        self._followers = followers
        self._timeout = timeout
        self._asked: tuple[ISession, int] | None = None
        self._timer: IDelayedCall | None = None
        self._failures: list[str] = []
        self._code = NODE_UNREACHABLE
        self._isGranted = False
        self._refusal: BandwidthExceeded | None = None

    def askNext(self) -> None:
        """Ask the next follower that can be asked, or fail if there is none left."""
        self._asked = None
        while self._followers:
            session = self._followers.pop()
            if session is None:
                self._askOurselves()
                return
            try:
                self._ask(session)
                return
            except BandwidthExceeded as error:
                self._refusal = error
                # Our own subscribers cost no bandwidth.
                self._followers = [follower for follower in self._followers if follower is None]
            except DeliveryError as error:
                self._note(session, str(error))
        self._giveUp()

    def _askOurselves(self) -> None:
        def once(settle: Callable[..., object], *result: object) -> None:
            if timer.active():
                timer.cancel()
                settle(*result)

        def timedOut() -> None:
            self._failures.append("our own subscribers did not answer")
            self.askNext()

        self._timer = timer = self._topics.clock.callLater(self._timeout, timedOut)
        self._topics.subscribers.ask(
            self._message, partial(once, self._succeeded), partial(once, self._noSubscriber)
        )

    def _ask(self, session: ISession) -> None:
        """
        Ask a follower; whether there is bandwidth is asked once, however many followers are.

        @raise DeliveryError: it cannot be asked.
        """

        def answered(outcome: Outcome) -> None:
            if isinstance(outcome, Exception):
                self._failed(session, str(outcome))
                return
            try:
                response = ChannelMessage.decode(outcome)
            except MalformedMessage as error:
                self._failed(session, str(error))
                return
            if response.result == SUCCESS:
                self._succeeded(decodeAnswer(response.data))
                return
            self._code = response.result
            self._failed(session, f"it answered with code {response.result}")

        topic = self._message.topic
        if session.closeReason is not None:
            raise PeerAbsent("it has left")
        if not self._topics.isFollowedBy(topic, session):
            raise PeerAbsent("it may not have the topic any more, or stopped following it")
        if not self._isGranted:
            self._topics.acquireBandwidth(topic, len(self._request))
            self._isGranted = True
        seq = session.request(AMOP, UNICAST, self._request, answered, self._timeout)
        self._asked = session, seq

    def _succeeded(self, answer: bytes) -> None:
        if not self.done.called:
            self.done.callback(answer)

    def _noSubscriber(self) -> None:
        self._code = NO_SUBSCRIBER
        self._failures.append("our own subscribers failed")
        self.askNext()

    def _failed(self, session: ISession, why: str) -> None:
        self._note(session, why)
        self.askNext()

    def _note(self, session: ISession, why: str) -> None:
        self._failures.append(f"node {abridged(session.nodeID)}: {why}")
        self._topics.unsent(
            self._message.topic,
            "Send topics message failed,to={to},what={why},topic={topic}",
            to=session.nodeID,
            why=why,
        )

    def _giveUp(self) -> None:
        if self.done.called:
            return
        topic = self._message.topic
        if self._refusal is not None:
            self.done.errback(self._refusal)
            return
        if not self._failures:
            self._topics.unsent(topic, "asyncSendMessageByTopic no topic to be sent,topic={topic}")
            self.done.errback(NoFollower(f"no connected node follows topic {topic!r}"))
            return
        why = "; ".join(self._failures)
        self._topics.unsent(
            topic,
            "Send topics message all failed,topic={topic},errorCode={code},message={why}",
            code=self._code,
            why=why,
        )
        self.done.errback(
            TopicRequestFailed(
                f"no follower of topic {topic!r} answered ({why})",
                self._code,
            )
        )

    def _cancelled(self, done: Deferred[bytes]) -> None:
        self._followers.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._asked is not None:
            session, seq = self._asked
            session.forget(seq)


def _seqs(prefix: bytes) -> Iterator[bytes]:
    """32 hexadecimal digits that do not come again; made by the hundred, for that is quicker."""
    for number in count():
        before = prefix + b"%014x" % number
        yield from [before + last for last in _LAST_DIGITS]
