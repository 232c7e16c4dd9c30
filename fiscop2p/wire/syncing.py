"""
The payloads of seq synchronisation: a seq as decimal text, and a seq with what it stands for.

FISCO BCOS 2.x topic sync: C{SendTopicSeq} carries C{<seq>}, C{SendTopics} carries
C{<seq>TAB<topic>TAB<topic>...}, topics in byte order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..errors import EncodingError, MalformedMessage

SEND_SEQ: Final = 1
"""packetType: the sender's seq, broadcast regularly under frame seq 0."""
REQUEST_STATE: Final = 2
"""packetType: asks for what the seq stands for; empty payload."""
SEND_STATE: Final = 3
"""packetType of the response."""

MAX_TOPIC_LENGTH: Final = 254
"""In bytes: what the one length byte of an AMOP body leaves."""

_SEPARATOR = b"\t"
_MOST_DIGITS = 10
_LIMIT = 1 << 32


def encodeSeq(seq: int) -> bytes:
    """Write a seq as decimal digits."""
    return b"%d" % seq


def decodeSeq(payload: bytes) -> int:
    """
    Read a seq.

    @raise MalformedMessage: not a decimal number of 32 bits.
    """
    if payload.isdigit() and len(payload) <= _MOST_DIGITS:
        seq = int(payload)
        if seq < _LIMIT:
            return seq
    raise MalformedMessage(f"{payload[:32]!r} is not a seq: a decimal number below {_LIMIT}")


def encodeState(seq: int, state: bytes | None) -> bytes:
    """
    Join a seq and what it stands for.

    @param state: L{None} if there is nothing to tell.
    """
    return encodeSeq(seq) if state is None else encodeSeq(seq) + _SEPARATOR + state


def decodeState(payload: bytes) -> tuple[int, bytes | None]:
    """
    Undo L{encodeState}.

    @raise MalformedMessage: it does not begin with a seq.
    """
    seq, separator, state = payload.partition(_SEPARATOR)
    return decodeSeq(seq), state if separator else None


def encodeTopics(topics: Iterable[str]) -> bytes | None:
    """
    Make the state of topic sync.

    @return: L{None} if there are no topics.
    """
    names = sorted(map(topicBytes, topics))
    return _SEPARATOR.join(names) if names else None


def decodeTopics(state: bytes | None) -> tuple[str, ...]:
    """
    Undo L{encodeTopics}; empty names are kept, bytes that are not UTF-8 survive.

    FISCO BCOS nodes list whatever their SDKs follow; names that are too long for any message to
    bear them are left out.
    """
    names = () if state is None else state.split(_SEPARATOR)
    return tuple(topicText(name) for name in names if len(name) <= MAX_TOPIC_LENGTH)


def checkText(topic: object) -> None:
    """
    Let pass what can be a topic's name.

    @raise TypeError: it is not text.
    """
    if not isinstance(topic, str):
        raise TypeError(f"a topic is a str, not {type(topic).__name__}")


def topicBytes(topic: str) -> bytes:
    """
    Encode a topic's name as UTF-8.

    @raise EncodingError: it is longer than 254 bytes, holds a TAB, or what is no character.
    @raise TypeError: it is not text.
    """
    checkText(topic)
    try:
        name = topic.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise EncodingError(f"topic {topic!r} holds what is no character") from None
    if len(name) > MAX_TOPIC_LENGTH:
        raise EncodingError(
            f"topic {topic[:32]!r}... has {len(name)} bytes, {MAX_TOPIC_LENGTH} are the most"
        )
    if _SEPARATOR in name:
        raise EncodingError(f"topic {topic!r} holds a TAB, which separates topics on the wire")
    return name


def topicText(name: bytes) -> str:
    """Decode a topic's name; bytes that are not UTF-8 become lone surrogates and survive."""
    return name.decode("utf-8", "surrogateescape")


def shownTopic(topic: str) -> str:
    """A topic's name for people and logs: what was not UTF-8 is escaped."""
    return topic.encode("utf-8", "backslashreplace").decode()
