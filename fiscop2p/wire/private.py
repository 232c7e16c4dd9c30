"""
The names of private topics, and of the topics that belong to them.

FISCO BCOS 2.x topic verification: who follows a private topic lists it under a name that begins
with L{NEED_VERIFY}, and beside it a verify channel, on which it can be asked for a proof; who
publishes on it lists its push channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..errors import EncodingError
from .syncing import MAX_TOPIC_LENGTH, checkText, topicBytes

NEED_VERIFY: Final = "#!$TopicNeedVerify_"
VERIFY_CHANNEL: Final = "#!$VerifyChannel_"
PUSH_CHANNEL: Final = "#!$PushChannel_"

_TOKEN_LENGTH = 32
_VERIFY_CHANNEL = re.compile(
    f"{re.escape(VERIFY_CHANNEL)}(?P<name>.*)_[0-9A-Za-z]{{{_TOKEN_LENGTH}}}", re.DOTALL
)

MAX_PRIVATE_LENGTH: Final = (
    MAX_TOPIC_LENGTH - len(VERIFY_CHANNEL) - len(NEED_VERIFY) - len("_") - _TOKEN_LENGTH
)
"""In bytes, of a private topic's plain name: what its verify channel leaves."""


def checkPlain(topic: str) -> None:
    """
    See that a topic does not have the name of one that belongs to a private topic.

    @raise EncodingError: it has.
    @raise TypeError: it is not text.
    """
    checkText(topic)
    if topic.startswith((NEED_VERIFY, VERIFY_CHANNEL, PUSH_CHANNEL)):
        raise EncodingError(
            f"topic {topic[:64]!r} has the name that a private topic has on the wire: give its "
            "plain name, and a key"
        )


def privateName(topic: str) -> str:
    """
    The name on the wire of a private topic.

    @param topic: its plain name.
    @raise EncodingError: it is empty, longer than L{MAX_PRIVATE_LENGTH}, holds a TAB, or is not the
        plain one.
    """
    checkPlain(topic)
    size = len(topicBytes(topic))
    if not size:
        raise EncodingError("a topic must not be empty")
    if size > MAX_PRIVATE_LENGTH:
        raise EncodingError(
            f"private topic {topic[:32]!r}... has {size} bytes, {MAX_PRIVATE_LENGTH} are the most"
        )
    return NEED_VERIFY + topic


def plainName(name: str) -> str:
    """Undo L{privateName}."""
    return name.removeprefix(NEED_VERIFY)


def pushChannelOf(name: str) -> str:
    """The topic that a publisher lists, by a private topic's name on the wire."""
    return PUSH_CHANNEL + name


def verifyChannelOf(name: str, token: str) -> str:
    """
    The topic that a follower is asked for its proof on.

    @param name: the private topic's name on the wire.
    @param token: 32 hexadecimal digits that no other follower has.
    """
    return f"{VERIFY_CHANNEL}{name}_{token}"


def divideTopics(topics: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """
    Divide what one peer lists.

    @return: the topics that need no verification; and the private ones by their names on the wire,
        each with its verify channels.
    """
    public: list[str] = []
    private: dict[str, list[str]] = {}
    channels: list[tuple[str, str]] = []
    for topic in topics:
        if topic.startswith(NEED_VERIFY):
            private[topic] = []
            continue
        public.append(topic)
        match = _VERIFY_CHANNEL.fullmatch(topic)
        if match is not None:
            channels.append((match["name"], topic))
    for name, channel in channels:
        if name in private:
            private[name].append(channel)
    return public, private
