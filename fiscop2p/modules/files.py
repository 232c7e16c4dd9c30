"""Files that other nodes leave here: what C{fiscop2p send-file} talks to."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import Logger, LogLevel
from twisted.plugin import IPlugin
from zope.interface import implementer

from ..errors import MalformedMessage, SetupError
from ..identity import abridged
from ..interfaces import INode, IP2PModule, Message
from ..wire.dialect import FILES
from ..wire.files import Piece, Progress, decodePiece, encodeProgress
from .space import Space

GROUP: Final = 0

_MEBIBYTE = 1024 * 1024
_SLICE = _MEBIBYTE
_SENDER_DIGITS = 16
_LONGEST_NAME = 255
_LONGEST_ERROR = 400
_MOST_REMEMBERED = 256
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class FilesConfig:
    """
    Where files of other nodes go, and how many of them.

    @ivar folder: they are in a folder of each sender in it.
    @ivar maxFileSize: in bytes, of one file.
    @ivar maxTotalSize: in bytes, of all files that are there.
    """

    folder: Path
    maxFileSize: int = 1024 * _MEBIBYTE
    maxTotalSize: int = 10 * 1024 * _MEBIBYTE


@implementer(IPlugin, IP2PModule)
class FileReceiver:
    """
    Takes files that other nodes send, and keeps them in a folder.

    The files of a sender are in a folder of its own, which is called by the first 16 digits of its
    node ID.  Until a file is whole and verified it is a hidden one, C{.SHA256.part}, with which a
    transfer goes on, also after a restart.  A file that is there is never overwritten; its
    sender is told that it is there once it is on the disc.
    """

    name = "files"
    description = "takes files that other nodes send"

    _log = Logger()

    def __init__(
        self, config: FilesConfig, inThread: Callable[..., Awaitable[None]] = deferToThread
    ) -> None:
        """
        @param inThread: calls a function that takes long, where nobody waits for it.
        """
        self._config = config
        self._inThread = inThread
        self._busy: set[str] = set()
        self._parts: dict[Path, tuple[Any, int]] = {}
        self._digests: dict[tuple[int, ...], str] = {}

    def attach(self, node: INode) -> None:
        """
        Take the protocolID.

        @raise SetupError: the folder cannot be used.
        """
        folder = self._config.folder
        self._clock, self._noise = node.clock, node.noise
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._space = Space(folder, self._config.maxTotalSize, node.clock)
        except OSError as error:
            raise SetupError(f"[files] folder: {folder} cannot be used: {error.strerror}") from None
        node.handle(node.protocolID(GROUP, FILES), self._received)

    async def _received(self, message: Message) -> bytes:
        try:
            piece = decodePiece(message.payload)
        except MalformedMessage as error:
            return encodeProgress(Progress(error=str(error)))
        progress = await self._judged(message.sender, piece)
        if progress.error:
            self._noise.complain(
                self._log,
                LogLevel.warn,
                (message.sender, "file"),
                "file {name} of node {abridged} was refused: {error}",
                name=repr(piece.name[:_LONGEST_NAME]),
                abridged=abridged(message.sender),
                nodeID=message.sender,
                error=progress.error[:_LONGEST_ERROR],
            )
        return encodeProgress(progress)

    async def _judged(self, sender: str, piece: Piece) -> Progress:
        """Take a piece, or say why not."""
        fault = nameFault(piece.name)
        if fault:
            return Progress(error=f"the name {piece.name!r} {fault}")
        if piece.size > self._config.maxFileSize:
            return Progress(error=f"a file has at most {self._config.maxFileSize} bytes there")
        if sender in self._busy:
            return Progress(isBusy=True)
        self._busy.add(sender)
        try:
            return await self._take(sender, piece)
        except OSError as error:
            return Progress(error=f"it cannot be kept there: {error.strerror}")
        finally:
            self._busy.discard(sender)

    async def _take(self, sender: str, piece: Piece) -> Progress:
        folder = self._config.folder / sender[:_SENDER_DIGITS]
        file, part = folder / piece.name, folder / f".{piece.sha256}.part"
        if os.path.lexists(file):
            if not await self._isThere(file, piece):
                return Progress(error=f"another file {piece.name!r} is there already")
            self._throwAway(part)
            return Progress(piece.size, isDone=True)
        digest, have = await self._soFar(part)
        if have is None or have > piece.size:
            if not self._space.take(None, 0):
                return Progress(error="no more files are taken there: its folder is full")
            folder.mkdir(exist_ok=True)
            self._throwAway(part)
            os.close(os.open(part, _CREATE | os.O_EXCL, 0o666))
            digest, have = sha256(), 0
        if piece.data and piece.offset == have:
            if not self._space.take(have, have + len(piece.data)):
                return Progress(have, error="no more is taken there: its folder is full")
            self._append(part, piece.data)
            digest.update(piece.data)
            have += len(piece.data)
        if have < piece.size:
            self._remember(part, digest, have)
            return Progress(have)
        if digest.hexdigest() != piece.sha256:
            self._throwAway(part)
            return Progress(error="what came is not what its SHA-256 says; has the file changed?")
        self._parts.pop(part, None)
        await self._inThread(_keep, part, file)
        self._digests[_versionOf(file.lstat())] = piece.sha256
        self._log.info(
            "file {file} of {size} bytes has come from node {abridged}",
            file=file,
            size=piece.size,
            abridged=abridged(sender),
            nodeID=sender,
        )
        return Progress(piece.size, isDone=True)

    async def _isThere(self, file: Path, piece: Piece) -> bool:
        """Whether a file is the one that a piece is of."""
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_size != piece.size:
            return False
        version = _versionOf(found)
        if version not in self._digests:
            digest, _ = await self._digestOf(file)
            _trim(self._digests)
            self._digests[version] = digest.hexdigest()
        return self._digests[version] == piece.sha256

    async def _soFar(self, part: Path) -> tuple[Any, int | None]:
        """What there is of a file: its digest, and how many bytes; L{None} if nothing."""
        try:
            size = part.lstat().st_size
        except FileNotFoundError:
            return None, None
        digest, have = self._parts.get(part, (None, None))
        return (digest, have) if have == size else await self._digestOf(part)

    async def _digestOf(self, file: Path) -> tuple[Any, int]:
        """Read a file, slice by slice, and let others have their turns."""
        digest, size = sha256(), 0
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
            while data := stream.read(_SLICE):
                digest.update(data)
                size += len(data)
                await deferLater(self._clock, 0)
        return digest, size

    def _throwAway(self, part: Path) -> None:
        """Take a file that is not whole off, if it is there; others may have its room."""
        self._parts.pop(part, None)
        try:
            size = part.lstat().st_size
        except FileNotFoundError:
            return
        part.unlink()
        self._space.giveBack(size)

    def _append(self, part: Path, data: bytes) -> None:
        # Should this end early, the part is another size than we remember, and read again.
        with open(os.open(part, _CREATE), "ab", buffering=0) as stream:
            rest = memoryview(data)
            while rest:
                rest = rest[stream.write(rest) :]

    def _remember(self, part: Path, digest: Any, have: int) -> None:
        self._parts.pop(part, None)
        _trim(self._parts)
        self._parts[part] = digest, have


def nameFault(name: str) -> str:
    """Say what is wrong with the name of a file that comes from elsewhere; empty if nothing is."""
    if not name or len(name.encode(errors="replace")) > _LONGEST_NAME:
        return f"has not 1 to {_LONGEST_NAME} bytes"
    if "/" in name or "\\" in name:
        return "is that of a place, not of a file"
    if name[0] in ".-":
        return f"begins with {name[0]!r}"
    if not name.isprintable():
        return "has characters that cannot be shown"
    return ""


def _keep(part: Path, file: Path) -> None:
    """Have a file outlast a power cut: who has sent it may throw its own away now."""
    _write(part, os.O_NOFOLLOW)
    # Unlike a renaming, this never takes the place of a file.
    os.link(part, file)
    part.unlink()
    for folder in (file.parent, file.parent.parent):
        _write(folder, os.O_DIRECTORY)


def _write(path: Path, flags: int) -> None:
    """Wait until the disc has what was written."""
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _versionOf(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _trim(memory: dict[Any, Any]) -> None:
    """Forget what is oldest."""
    while len(memory) >= _MOST_REMEMBERED:
        del memory[next(iter(memory))]
