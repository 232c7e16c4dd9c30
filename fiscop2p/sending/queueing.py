"""What is queued on a link in one turn of the reactor, joined at its end."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice
from typing import Final

from ..errors import PeerBusy
from ..interfaces import ILinks
from ..reasons import CloseReason
from ..traffic.volume import Volume
from ..wire.frames import EncodedFrame, checkedPayload
from .outbox import LARGE, MOST_LARGER, MOST_UNKNOWN, SMALL, Outbox
from .posting import Posting
from .sheaf import Sheaf

_MOST_PIECES: Final = 2 * MOST_UNKNOWN

_FEW: Final = 16
"""Fewer posted messages than these are not worth a buffer of their own."""


class FrameQueue:
    """
    Frames and messages on their way to the outbox of a link.

    There are three ways.  Frames are queued as they are.  Messages of one kind that nobody answers
    are posted behind them; their frames are made together.  What many links get is a sheaf, beside
    which nothing else is queued.

    @ivar posting: what is posted.
    @ivar closeReason: why the link ends or has ended: then nothing is queued any more.
    @ivar counts: what has gone over the link.
    """

    # What every message needs is found faster here than among the many of an instance's dict.
    __slots__ = (
        "_counted",
        "_countedBytes",
        "_encode",
        "_hasLarge",
        "_headerSize",
        "_larger",
        "_links",
        "_mostPlain",
        "_mostPosted",
        "_outbox",
        "_outgoing",
        "_pack",
        "_protocolID",
        "_settings",
        "_sheaf",
        "_turn",
        "_version",
        "closeReason",
        "counts",
        "posting",
    )

    closeReason: CloseReason | None

    def __init__(self, links: ILinks) -> None:
        """
        @param links: encodes messages, is told what was sent, and knows the turn, at whose end
            what is queued leaves.
        """
        self.closeReason = None
        self.counts = Volume()
        self._links = links
        self._turn = links.turn
        self._settings = links.settings
        self._encode = links.encode
        # What follows is asked for once a message.
        self._pack = links.encode.pack
        self._headerSize = links.encode.headerSize
        self._version = links.encode.version
        # Payloads up to this size are posted as they are, up to that one after a look at them.
        self._mostPlain = min(links.encode.mostPlain, SMALL)
        self._mostPosted = min(links.encode.most, LARGE - 1)
        self._outbox = Outbox()
        self._protocolID = 0
        self.posting = Posting()
        self._forgetTurn()

    def _forgetTurn(self) -> None:
        """Nothing has been queued in this turn."""
        self._outgoing: list[bytes] = []
        self.posting.take()
        # Whatever else is queued begins a turn, which gathers this first: beside it there is
        # nothing in the two above.
        self._sheaf: Sheaf | None = None
        self._hasLarge = False
        self._larger = self._counted = self._countedBytes = 0

    def post(self, protocolID: int, packetType: int, payload: bytes) -> None:
        """Queue a message that nobody answers; see L{ISession.post}."""
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        encode, size = self._encode, len(payload)
        if size > self._mostPosted:
            self.write(protocolID, encode(protocolID, packetType, self._links.nextSeq(), payload))
            return
        block = encode.tryToCompress(protocolID, payload)
        if block is not None:
            seq = self._links.nextSeq()
            self.write(protocolID, encode.compressedFrame(protocolID, packetType, seq, block))
        elif self._beginPosting(protocolID, packetType):
            self.posting.payloads.append(payload)
            if size > self._mostPlain:
                self._addLarger(size)
            elif len(self.posting.payloads) >= MOST_UNKNOWN:
                self.gather()

    def postAll(self, protocolID: int, packetType: int, payloads: Iterable[bytes]) -> int:
        """Queue such messages until there is no room; see L{ISession.postAll}."""
        waiting, posted = iter(payloads), 0
        try:
            # What is taken from an iterator and not sent is lost: room is looked for before.
            while self._beginPosting(protocolID, packetType):
                some = list(islice(waiting, MOST_UNKNOWN))
                # The link may have ended while they were made.
                if not some or self.closeReason is not None:
                    break
                if set(map(type, some)) == {bytes}:
                    sizes = set(map(len, some))
                    if max(sizes) <= self._mostPlain:
                        # Who made them may have sent others.
                        self._beginPosting(protocolID, packetType)
                        self.gather()
                        self._frame(some, sizes)
                        posted += len(some)
                        continue
                for payload in some:
                    self.post(protocolID, packetType, payload)
                    posted += 1
        except PeerBusy:
            pass
        return posted

    def _beginPosting(self, protocolID: int, packetType: int) -> bool:
        """
        See to it that messages of a kind may be posted.

        @return: whether anything leaves at all.
        @raise PeerBusy: no more may wait.
        @raise EncodingError: a number does not fit its field.
        """
        posting = self.posting
        if protocolID != posting.protocolID or packetType != posting.packetType:
            self._encode(protocolID, packetType, 0, b"")
            self._endPosting()
            posting.protocolID, posting.packetType = protocolID, packetType
        if not (self._outgoing or posting.payloads) and not self._beginTurn():
            return False
        posting.most = self._mostPlain
        return True

    def _endPosting(self) -> None:
        """Something else follows what is posted: few messages wait with it, many are gathered."""
        posting = self.posting
        if len(posting.payloads) >= _FEW or len(self._outgoing) > _MOST_PIECES - 2 * _FEW:
            self.gather()
            return
        payloads = posting.take()
        if payloads:
            protocolID = posting.protocolID
            if protocolID != self._protocolID:
                self._turnTo(protocolID)
            pack, size, version = self._pack, self._headerSize, self._version
            for payload in payloads:
                seq = self._links.nextSeq()
                header = pack(size + len(payload), version, protocolID, posting.packetType, seq)
                self._outgoing += header, payload

    def write(self, protocolID: int, frame: EncodedFrame) -> None:
        """
        Queue an encoded frame, which leaves at the end of the reactor's turn.

        @raise PeerBusy: more waits than L{Settings.maxQueue}.
        """
        if self.posting.payloads:
            self._endPosting()
        outgoing = self._outgoing
        if outgoing or self._beginTurn():
            if protocolID != self._protocolID:
                self._turnTo(protocolID)
            outgoing += frame
            size = len(frame[1])
            if size > self._mostPlain:
                if size >= LARGE:
                    self._hasLarge = True
                self._addLarger(size)
            if len(outgoing) == _MOST_PIECES:
                self.gather()

    def _addLarger(self, size: int) -> None:
        """A payload of more than a few bytes has been queued: so many may be before a look."""
        self._larger += size
        if self._larger >= MOST_LARGER:
            self.gather()

    def send(self, protocolID: int, packetType: int, seq: int, payload: bytes) -> None:
        """Encode a message, and queue its frame; see L{ISession.send}."""
        if self.posting.payloads:
            self._endPosting()
        outgoing = self._outgoing
        if not outgoing and not self._beginTurn():
            return
        if not isinstance(payload, bytes):
            checkedPayload(payload)
        size = len(payload)
        if size <= self._mostPlain and protocolID == self._protocolID:
            # Most messages are small; a call of the encoder would take as long as all of this.
            pack = self._pack
            try:
                header = pack(self._headerSize + size, self._version, protocolID, packetType, seq)
                outgoing += header, payload
                if len(outgoing) == _MOST_PIECES:
                    self.gather()
                return
            except struct.error:
                pass  # The encoder says which number does not fit.
        self.write(protocolID, self._encode(protocolID, packetType, seq, payload))

    def offer(self, protocolID: int, frame: EncodedFrame) -> bool:
        """Like L{write}; see L{ISession.offer}."""
        outgoing = self._outgoing
        if (
            outgoing
            and protocolID == self._protocolID
            and len(frame[1]) <= self._mostPlain
            and not self.posting.payloads
        ):
            outgoing += frame
            if len(outgoing) == _MOST_PIECES:
                self.gather()
            return True
        try:
            self.write(protocolID, frame)
        except PeerBusy:
            return False
        return self.closeReason is None

    def share(self, sheaf: Sheaf) -> bool:
        """Queue what other links get, too; see L{ISession.share}."""
        self.gather()
        try:
            if not self._beginTurn():
                return False
        except PeerBusy:
            return False
        self._sheaf = sheaf
        return True

    def _beginTurn(self) -> bool:
        """
        See to it that what is queued in this turn of the reactor leaves at its end.

        @return: whether anything leaves at all.
        @raise PeerBusy: no more may wait.
        """
        if self.closeReason is not None:
            return False
        if self._sheaf is not None:
            self.gather()
        if self._outbox.size > self._settings.maxQueue:
            self._makeRoom()
        self._turn.add(self)
        return True

    def _turnTo(self, protocolID: int) -> None:
        """What is queued from now on is counted for another protocolID."""
        pieces = self._outgoing[2 * self._counted :]
        if pieces:
            self._count(len(pieces) // 2, sum(map(len, pieces)))
        self._protocolID = protocolID

    def _count(self, frames: int, size: int) -> None:
        self._counted += frames
        self._countedBytes += size
        self.counts.framesSent += frames
        self._links.sent(self._protocolID, frames, size)

    def _makeRoom(self) -> None:
        """
        More waits than may: make room.

        @raise PeerBusy: there is none.
        """
        raise NotImplementedError

    def gather(self) -> None:
        """Join what has been queued in this turn to what waits, so that its size is known."""
        if self._outgoing:
            outbox = self._outbox
            before = outbox.size
            put = outbox.put if self._hasLarge else outbox.putSmall
            put(self._outgoing)
            frames = len(self._outgoing) // 2 - self._counted
            self._count(frames, outbox.size - before - self._countedBytes)
            self._outgoing = []
            self._hasLarge = False
            self._counted = self._countedBytes = 0
        self._larger = 0
        if self._sheaf is not None:
            sheaf = self._sheaf
            buffer = sheaf.bind()
            self._sheaf = None
            self._outbox.append(buffer)
            self.counts.framesSent += sheaf.count
            self._links.sent(sheaf.protocolID, sheaf.count, len(buffer))
        payloads = self.posting.payloads
        if payloads:
            self._frame(payloads, set(map(len, payloads)))
        # Only now: if there was no room for the frames, they are tried again.
        self.posting.take()

    def _frame(self, payloads: list[bytes], sizes: set[int]) -> None:
        """Make frames of messages of the kind that is posted."""
        posting, links = self.posting, self._links
        seqs = links.takeSeqs(len(payloads))
        frames = self._encode.together(
            posting.protocolID, posting.packetType, seqs, payloads, sizes
        )
        self._outbox.append(frames)
        self.counts.framesSent += len(payloads)
        links.sent(posting.protocolID, len(payloads), len(frames))

    def drop(self) -> None:
        """Forget what is queued: it is not sent any more."""
        self._forgetTurn()
        self._outbox.clear()
