"""
AMOP frames: the channel message that travels inside P2P messages, and its topic body.

A channel message has a header of 42 bytes (length, type, 32 bytes of seq, result) and data; the
data of an AMOP message is a length byte that counts itself, the topic, and the content.  Source:
FISCO BCOS 2.x channel protocol.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from ..errors import MalformedMessage
from .runs import AlikeRun, LooseRun
from .syncing import topicBytes, topicText

UNICAST: Final = 0
"""P2P packetType of a topic request and its response."""
MULTICAST: Final = 1
"""P2P packetType of a message to all followers."""

REQUEST: Final = 0x30
RESPONSE: Final = 0x31
MULTICAST_REQUEST: Final = 0x35

SUCCESS: Final = 0
NODE_UNREACHABLE: Final = 100
"""Result: no node with the topic could be reached."""
NO_SUBSCRIBER: Final = 104
"""Result: the node has no subscriber (any more) who could answer; the request's data comes back."""

_HEADER: Final = struct.Struct(">IH32si")
_HEADER_SIZE: Final = _HEADER.size
_pack = _HEADER.pack
_BEFORE_SEQ: Final = struct.calcsize(">IH")
"""Bytes before the seq."""

_TOPIC_HEADER: Final = struct.Struct(">IH36xB")
"""Length, type, and the first byte of a topic body, which counts itself."""


class ChannelMessage(NamedTuple):
    """
    A message as SDKs and nodes exchange it.

    @ivar type: L{REQUEST}, L{RESPONSE} or L{MULTICAST_REQUEST}.
    @ivar seq: 32 bytes, normally hexadecimal digits; a response carries its request's.
    @ivar result: L{SUCCESS} or an error code.
    @ivar data: the topic body.
    """

    type: int
    seq: bytes
    result: int
    data: bytes

    def encode(self) -> bytes:
        """Make the whole channel frame."""
        kind, seq, result, data = self
        return _pack(_HEADER_SIZE + len(data), kind, seq, result) + data

    @classmethod
    def decode(cls, frame: bytes) -> ChannelMessage:
        """
        Read a channel frame.

        @raise MalformedMessage: it is shorter than its header, or not as long as it declares.
        """
        if len(frame) < _HEADER_SIZE:
            raise MalformedMessage(
                f"an AMOP message of {len(frame)} bytes, its header alone has {_HEADER_SIZE}"
            )
        length, kind, seq, result = _HEADER.unpack_from(frame)
        if length != len(frame):
            raise MalformedMessage(f"an AMOP message declares {length} bytes and has {len(frame)}")
        return cls(kind, seq, result, frame[_HEADER_SIZE:])


def encodeTopicBody(topic: str, content: bytes) -> bytes:
    """
    Put the topic before the content.

    @raise EncodingError: the topic is longer than 254 bytes or holds a TAB.
    """
    return _counted(topic) + content


@lru_cache(maxsize=1024)
def _counted(topic: str) -> bytes:
    name = topicBytes(topic)
    return bytes((len(name) + 1,)) + name


def decodeTopicBody(data: bytes) -> tuple[str, bytes]:
    """
    Split a body into topic and content.

    @raise MalformedMessage: the length byte is missing, zero, or points behind the end.
    """
    name, content = _splitTopicBody(data)
    return topicText(name), content


def decodeAnswer(data: bytes) -> bytes:
    """
    Take the content out of an answer.

    @param data: normally a topic body; where it is none, it is nothing but content.
    """
    try:
        return _splitTopicBody(data)[1]
    except MalformedMessage:
        return data


def _splitTopicBody(data: bytes) -> tuple[bytes, bytes]:
    if not data or not 1 <= data[0] <= len(data):
        raise MalformedMessage(
            f"an AMOP body of {len(data)} bytes has no topic: its first byte must count the topic "
            "and itself"
        )
    return data[1 : data[0]], data[data[0] :]


def decodeTopicMessage(frame: bytes) -> tuple[int, bytes, bytes]:
    """
    Read what matters of a channel frame with a topic body at once: type, the topic's name as it is
    on the wire, content.

    @raise MalformedMessage: see L{ChannelMessage.decode} and L{decodeTopicBody}.
    """
    size = len(frame)
    if size >= _TOPIC_HEADER.size:
        length, kind, counted = _TOPIC_HEADER.unpack_from(frame)
        content = _HEADER_SIZE + counted
        if length == size and counted and content <= size:
            return kind, frame[_TOPIC_HEADER.size : content], frame[content:]
    message = ChannelMessage.decode(frame)
    return message.type, *_splitTopicBody(message.data)


def cutPublished(run: AlikeRun) -> tuple[bytes, LooseRun] | None:
    """
    Read messages to all followers of one topic together.

    @return: the topic's name as it is on the wire, and their contents; L{None} if they are not all
        of that kind.
    """
    size = run.payloadSize
    if size < _TOPIC_HEADER.size:
        return None
    length, kind, counted = _TOPIC_HEADER.unpack_from(run.firstPayload)
    if kind != MULTICAST_REQUEST or length != size or not counted:
        return None
    content = _HEADER_SIZE + counted
    if content > size:
        return None
    contents = run.cutBehind(content, (0, _BEFORE_SEQ), (_HEADER_SIZE, content))
    if contents is None:
        return None
    name = bytes(run.firstPayload[_TOPIC_HEADER.size : content])
    # Who gets these answers nobody, so whose seq is which does not matter.
    return name, LooseRun(run.protocolID, run.packetType, run.size, (), contents)


def encodeTopicMessage(kind: int, seq: bytes, topic: str, content: bytes) -> bytes:
    """
    Make a whole channel frame with a topic body at once.

    @raise EncodingError: see L{encodeTopicBody}.
    """
    head = _counted(topic)
    size = _HEADER_SIZE + len(head) + len(content)
    return _pack(size, kind, seq, SUCCESS) + head + content
