"""C{fiscop2p send-file}: a file to a node, which verifies it."""

from __future__ import annotations

import os
import stat
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from twisted.python import usage

from ..errors import MalformedMessage
from ..modules.files import nameFault
from ..wire.dialect import FILES
from ..wire.files import Piece, Progress, decodeProgress, encodePiece
from .asking import NodeCommand
from .failures import CommandFailed, NotAnswered, NotDelivered
from .running import called
from .words import safe, sizeWords

_CHUNK: Final = 1024 * 1024
_LEAST: Final = 16 * 1024
_FIRST: Final = 64 * 1024
_MOST: Final = 1024 * 1024
_QUICK: Final = 1.0
_SLOW: Final = 5.0
_OFFER_TIMEOUT: Final = 15.0
_TIMEOUT: Final = 30.0
_PATIENCE: Final = 60.0
_WAIT: Final = 0.3


class SendFileOptions(NodeCommand):
    """C{fiscop2p send-file}."""

    arguments = ("nodes", "files")
    longdesc = (
        "Sends a file to a node that takes files (its config.ini has a section [files]). That one "
        "compares it with its SHA-256 before it is there, and overwrites nothing. If it is cut "
        "short, the same command goes on where it was."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p send-file [options] NODE PATH"

    def parseArgs(self, *arguments: str) -> None:
        """Take the node and the file."""
        if len(arguments) != 2:
            raise usage.UsageError("name one NODE and one PATH")
        self.name, self.path = arguments[0], Path(arguments[1])

    def run(self) -> int:
        """Send it."""
        fault = nameFault(self.path.name)
        if fault:
            raise CommandFailed(f"the name {self.path.name!r} {fault}: no node takes such a file")
        with self.path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise CommandFailed(f"{self.path} is no file that can be sent")
            peer = self.node.find(self.name)
            self._nodeID, self._who = peer["nodeID"], called(peer)
            digest = self._digest(file, found.st_size)
            self._file = file
            self._whole = Piece(self.path.name, found.st_size, digest, 0, b"")
            self._size = _FIRST
            began = time.monotonic()
            try:
                start = self._send()
            except KeyboardInterrupt:
                print("stopped; the same command goes on from here", file=sys.stderr)
                raise
        self._report(start, time.monotonic() - began)
        return 0

    def _progress(
        self, what: str, size: int, done: int = 0
    ) -> AbstractContextManager[Callable[[int], object]]:
        if self.isJSON:
            return nullcontext(lambda done: None)
        return self.terminal.progress(f"{what} {self.path.name}", size, done)

    def _digest(self, file: BinaryIO, size: int) -> str:
        digest, done = sha256(), 0
        with self._progress("reading", size) as move:
            while data := file.read(_CHUNK):
                digest.update(data)
                done += len(data)
                move(done)
        return digest.hexdigest()

    def _send(self) -> int:
        """
        Send what the node does not have yet.

        @return: how many bytes it had.
        """
        progress = self._offer()
        start = progress.have
        with self._progress("sending", self._whole.size, start) as move:
            while not progress.isDone:
                progress = self._sendPiece(progress.have)
                move(progress.have)
        return start

    def _offer(self) -> Progress:
        try:
            return self._ask(self._whole, _OFFER_TIMEOUT)
        except NotAnswered as error:
            raise NotAnswered(
                f"{error}; a node takes files if its config.ini has a section [files]"
            ) from None

    def _sendPiece(self, offset: int) -> Progress:
        """Send what comes next: as much as a link carries in a few seconds, however slow it is."""
        self._file.seek(offset)
        data = self._file.read(min(self._size, self._whole.size - offset))
        began = time.monotonic()
        progress = self._deliver(self._whole._replace(offset=offset, data=data))
        took = time.monotonic() - began
        if took < _QUICK:
            self._size = min(2 * self._size, _MOST)
        elif took > _SLOW:
            self._size = max(self._size // 2, _LEAST)
        return progress

    def _deliver(self, piece: Piece) -> Progress:
        """
        Send a piece until it has arrived, for a while.

        Where no answer comes it may still be under way: then the node is asked, behind the piece,
        how far it is, before that is sent again.
        """
        end, message = time.monotonic() + _PATIENCE, piece
        while True:
            try:
                progress = self._ask(message, _TIMEOUT)
            except NotDelivered:
                if time.monotonic() > end:
                    raise
                time.sleep(_WAIT)
                message = self._whole
                continue
            if progress.have != piece.offset or progress.isDone:
                return progress
            if message is piece:
                raise CommandFailed(f"{self._who} does not take what comes next of {self.path}")
            message = piece

    def _ask(self, piece: Piece, timeout: float) -> Progress:
        """Send a piece, and hear how far the node is."""
        message = {
            "to": self._nodeID,
            "base64": b64encode(encodePiece(piece)).decode(),
            "protocolID": FILES,
            "timeout": timeout,
        }
        while True:
            answer = self.node.post("/api/request", message, timeout)
            try:
                progress = decodeProgress(b64decode(answer["base64"]))
            except MalformedMessage as error:
                raise CommandFailed(f"{self._who} takes no files: {error}") from None
            if progress.error:
                raise CommandFailed(f"{self._who}: {safe(progress.error)}")
            if not progress.isBusy:
                return progress
            time.sleep(_WAIT)

    def _report(self, start: int, took: float) -> None:
        whole = self._whole
        if self.isJSON:
            self.tell(
                {
                    "to": self._nodeID,
                    "name": whole.name,
                    "size": whole.size,
                    "sha256": whole.sha256,
                    "resumedAt": start,
                    "seconds": round(took, 3),
                }
            )
            return
        if start == whole.size:
            self.say(f"{whole.name} is at {self._who} already, verified (SHA-256 {whole.sha256})")
            return
        sent = whole.size - start
        rest = f", the last {sizeWords(sent)} now" if start else ""
        speed = f" at {sizeWords(sent / took)}/s" if took > 0 else ""
        self.say(
            f"{whole.name} is at {self._who}: {sizeWords(whole.size)}{rest}{speed}, verified "
            f"(SHA-256 {whole.sha256})"
        )
