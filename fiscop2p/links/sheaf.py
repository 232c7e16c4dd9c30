"""Messages that go to many links: queued once for all of them, and framed once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from ..interfaces import ILinks, ISession
from ..wire.frames import EncodedFrame, checkedPayload
from .outbox import LARGE, MOST_LARGER, MOST_UNKNOWN

_ENOUGH: Final = 8
"""With fewer messages in it, a sheaf costs more than it saves."""


class Sheaf:
    """
    Messages of one kind that the same links get, one after another in one turn.

    It is open until one of these links is to send anything else, or as much is in it as may be.  No
    message in it is compressed, or large.

    @ivar isOpen: whether more may be added.
    @ivar protocolID: the messages'.
    @ivar packetType: the messages'.
    @ivar sessions: whose links these are.
    @ivar count: how many messages there are.
    @ivar reached: how many of the links have taken it: not those whose peers read too slowly, or
        that end.
    """

    __slots__ = (
        "_frames",
        "_links",
        "_payloads",
        "_size",
        "count",
        "isOpen",
        "packetType",
        "protocolID",
        "reached",
        "sessions",
    )

    def __init__(
        self,
        links: ILinks,
        sessions: list[ISession],
        protocolID: int,
        packetType: int,
        payload: bytes,
    ) -> None:
        """
        @param payload: the first one; any of the links may ask for the frames as soon as it has
            this.
        """
        self.isOpen = True
        self.protocolID = protocolID
        self.packetType = packetType
        self.sessions = sessions
        self.count = self._size = 0
        self._links = links
        self._payloads: list[bytes] = []
        self._frames: bytes | bytearray | None = None
        self.add(payload)
        self.reached = sum([session.share(self) for session in sessions])

    def add(self, payload: bytes) -> None:
        """Add a message, which travels as it is."""
        self._payloads.append(payload)
        self.count += 1
        self._size += len(payload)
        if self.count == MOST_UNKNOWN or self._size >= MOST_LARGER:
            self.isOpen = False

    @property
    def hasEnough(self) -> bool:
        """Whether it holds so much that another may be begun in the same turn."""
        return self.count >= _ENOUGH

    def bind(self) -> bytes | bytearray:
        """Close it, and give all frames."""
        if self._frames is None:
            self.isOpen = False
            links, payloads = self._links, self._payloads
            self._payloads = []
            self._frames = links.encode.together(
                self.protocolID,
                self.packetType,
                links.takeSeqs(len(payloads)),
                payloads,
                set(map(len, payloads)),
            )
        return self._frames


class Sheaves:
    """
    Sends to many links.

    Where a sheaf was closed with little in it, others come in between all the time: then messages
    are queued link by link until the turn ends, and so are those that are compressed or large.
    """

    def __init__(self, links: ILinks) -> None:
        """
        @param links: encodes messages, and knows the turn.
        """
        self._links = links
        self._turn = links.turn
        self._mostPlain = links.encode.mostPlain
        self._mostShared = min(links.encode.most, LARGE - 1)

    def send(
        self, sessions: Collection[ISession], protocolID: int, packetType: int, payload: bytes
    ) -> int:
        """
        Queue a message on many links.

        @return: on how many: not those whose peers read too slowly, or that end.
        @raise EncodingError: it does not fit a frame.
        """
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        links, sheaf, size = self._links, self._turn.sheaf, len(payload)
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
            sheaf.add(payload)
        else:
            links.encode(protocolID, packetType, 0, b"")
            sheaf = Sheaf(links, list(sessions), protocolID, packetType, payload)
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
