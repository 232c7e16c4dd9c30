"""Messages that go to many links: queued once for all of them, and framed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from ..interfaces import ILinks, ISession
from ..wire.frames import EncodedFrame, checkedPayload
from .outbox import LARGE, MOST_LARGER, MOST_UNKNOWN, SMALL
from .posting import Posting

Audience: TypeAlias = Mapping[str, ISession]
"""Those of the registry that are connected, or follow a topic: sessions by node ID."""

_ENOUGH: Final = 8
"""With fewer messages in it, a sheaf costs more than it saves."""


class Sheaf(Posting):
    """
    A posting that several links get: open until one of them is to send anything else, or as much is
    in it as may be.  Who appends the last is to L{close} it.  No message in it is compressed, or
    large.

    @ivar sessions: whose links these are.
    @ivar audience: where they were found.
    @ivar version: the registry's by then.
    @ivar count: how many messages are bound; 0 until they are.
    @ivar reached: how many of the links took it when it was begun: not those whose peers read too
        slowly, or that end.
    """

    __slots__ = (
        "_frames",
        "_larger",
        "_links",
        "audience",
        "count",
        "reached",
        "sessions",
        "version",
    )

    def __init__(
        self,
        links: ILinks,
        audience: Audience,
        version: int,
        protocolID: int,
        packetType: int,
        payload: bytes,
    ) -> None:
        """
        @param payload: the first one; any of the links may ask for the frames as soon as it has
            this.
        """
        super().__init__(protocolID, packetType)
        self.audience = audience
        self.version = version
        self.sessions = list(audience.values())
        self.most = min(links.encode.mostPlain, SMALL)
        self._links = links
        self._larger = self.count = 0
        self._frames: bytes | bytearray | None = None
        self.add(payload)
        self.reached: int = sum([session.share(self) for session in self.sessions])

    def add(self, payload: bytes) -> None:
        """Add a message of any size, which travels as it is."""
        self.payloads.append(payload)
        if len(payload) > self.most:
            self._larger += len(payload)
        if len(self.payloads) >= MOST_UNKNOWN or self._larger >= MOST_LARGER:
            self.close()

    @property
    def hasEnough(self) -> bool:
        """Whether it holds so much that another may be begun in the same turn."""
        return (self.count or len(self.payloads)) >= _ENOUGH

    def bind(self) -> bytes | bytearray:
        """Close it, and give all frames."""
        if self._frames is None:
            self.close()
            links, payloads = self._links, self.payloads
            self._frames = links.encode.together(
                self.protocolID,
                self.packetType,
                links.takeSeqs(len(payloads)),
                payloads,
                set(map(len, payloads)),
            )
            # Only now: if there was no room for the frames, the next link tries again.
            self.count = len(self.take())
        return self._frames


class Sheaves:
    """
    Sends to many links.

    Where a sheaf was closed with little in it, others come in between all the time: then messages
    are queued link by link until the turn ends, and so are those that are compressed or large.
    """

    def __init__(self, links: ILinks) -> None:
        """
        @param links: encodes messages, and knows the turn and the registry, where audiences are
            found.
        """
        self._links = links
        self._turn = links.turn
        self._registry = links.registry
        self._mostPlain = links.encode.mostPlain
        self._mostShared = min(links.encode.most, LARGE - 1)

    def send(self, audience: Audience, protocolID: int, packetType: int, payload: bytes) -> int:
        """
        Queue a message on many links.

        @return: on how many: not those whose peers read too slowly, or that end.
        @raise EncodingError: it does not fit a frame.
        """
        sheaf = self._turn.sheaf
        if (
            sheaf is not None
            and audience is sheaf.audience
            and protocolID == sheaf.protocolID
            and packetType == sheaf.packetType
            and self._registry.version == sheaf.version
            and type(payload) is bytes
            and len(payload) <= sheaf.most
        ):
            # One more of many: all that follows would take longer than this.
            payloads = sheaf.payloads
            payloads.append(payload)
            if len(payloads) >= MOST_UNKNOWN:
                sheaf.close()
            reached: int = sheaf.reached
            return reached
        return self._sendOther(audience, protocolID, packetType, payload)

    def _sendOther(
        self, audience: Audience, protocolID: int, packetType: int, payload: bytes
    ) -> int:
        """Queue a message that is larger than most, or another than the one before."""
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        links, sheaf, size = self._links, self._turn.sheaf, len(payload)
        version, sessions = self._registry.version, audience.values()
        fits = (
            sheaf is not None
            and sheaf.isOpen
            and protocolID == sheaf.protocolID
            and packetType == sheaf.packetType
            and list(sessions) == sheaf.sessions
        )
        mayBegin = sheaf is None or sheaf.hasEnough
        if size > self._mostShared or not (fits or mayBegin):
            frame = links.encode(protocolID, packetType, links.nextSeq(), payload)
            return self.write(sessions, protocolID, frame)
        if size > self._mostPlain:
            block = links.encode.tryToCompress(protocolID, payload)
            if block is not None:
                seq = links.nextSeq()
                frame = links.encode.compressedFrame(protocolID, packetType, seq, block)
                return self.write(sessions, protocolID, frame)
        if fits:
            sheaf.audience, sheaf.version = audience, version
            sheaf.add(payload)
        else:
            links.encode(protocolID, packetType, 0, b"")
            sheaf = Sheaf(links, audience, version, protocolID, packetType, payload)
            if sheaf.reached:
                # Otherwise no link leads to the end of this turn, where it would be forgotten.
                self._turn.sheaf = sheaf
        reached: int = sheaf.reached
        return reached

    def write(self, sessions: Iterable[ISession], protocolID: int, frame: EncodedFrame) -> int:
        """
        Queue an encoded frame link by link.

        @return: on how many: not those whose peers read too slowly, or that end.
        """
        reached = 0
        for session in sessions:
            reached += session.offer(protocolID, frame)
        return reached
