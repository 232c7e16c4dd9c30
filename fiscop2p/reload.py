"""Reading again, while a node runs, what may change in its C{config.ini}."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .config import credentialsFromConfig
from .config.known import readConfig
from .config.lists import loadLists
from .errors import ConfigError, SetupError
from .identity import abridged
from .service import P2PService

_INTERVAL: Final = 0.1
_REST: Final = 0.2
"""Seconds between two readings, however often the signal comes."""

_WHITE_LIST: Final = "reset_certificate_whitelist"
_MEANINGLESS: Final = {
    "append_group": "there are no groups here",
    "reset_allowlist": "there is no list of SDKs here",
}


class Reload(Service):
    """
    Has the lists of a node and its certificates read again when the operator says so: by SIGHUP,
    and the lists alone by a file beside C{config.ini}, too, as the scripts of FISCO BCOS do.

    A file in which a section is missing that was there at the start counts as written in part: it
    changes nothing.

    @ivar onHangup: what SIGHUP does; more may be appended.
    """

    _log = Logger()

    def __init__(self, path: Path, node: P2PService, reactor: Any) -> None:
        """
        @param path: the C{config.ini}.
        @param node: whose lists and certificates they are.
        @param reactor: what keeps time, and is called by the signal.
        """
        self.onHangup: list[Callable[[], None]] = [self.reloadLists, self.reloadCredentials]
        self._path = path
        self._node = node
        self._reactor = reactor
        self._files: dict[Path, Callable[[], None]] = {
            _beside(path, _WHITE_LIST): self.reloadLists,
            **{_beside(path, name): partial(self._pass, name) for name in _MEANINGLESS},
        }
        self._stuck: set[Path] = set()
        self._sections: tuple[str, ...] = ()
        self._isHungUp = False
        self._next: IDelayedCall | None = None
        self._rested = 0.0
        self._polling = LoopingCall(self._poll)
        self._polling.clock = reactor
        self._formerHandler: Any = None

    def startService(self) -> None:
        """Wait for the signal and the files."""
        super().startService()
        with suppress(ConfigError):
            self._sections = tuple(readConfig(self._path).sections)
        self._polling.start(_INTERVAL, now=False)
        # Python takes signals in its main thread alone.
        if threading.current_thread() is threading.main_thread():
            self._formerHandler = signal.signal(signal.SIGHUP, self._hungUp)

    def stopService(self) -> None:
        """Do not wait any more."""
        super().stopService()
        if self._polling.running:
            self._polling.stop()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if signal.getsignal(signal.SIGHUP) == self._hungUp:
            signal.signal(signal.SIGHUP, self._formerHandler or signal.SIG_DFL)

    # Asked by whom.

    def _hungUp(self, number: int, frame: Any) -> None:
        if not self._isHungUp:
            self._isHungUp = True
            self._reactor.callFromThread(self._answerSignal)

    def _answerSignal(self) -> None:
        self._isHungUp = False
        if self.running and self._next is None:
            wait = max(0.0, self._rested - self._reactor.seconds())
            self._next = self._reactor.callLater(wait, self._reloadNow)

    def _reloadNow(self) -> None:
        self._next = None
        self._rested = self._reactor.seconds() + _REST
        self.reload()

    def reload(self) -> None:
        """Do what SIGHUP does."""
        for each in self.onHangup:
            self._do(each)

    def _poll(self) -> None:
        for file, action in self._files.items():
            if not os.path.lexists(file):
                self._stuck.discard(file)
            elif file not in self._stuck:
                self._delete(file)
                self._do(action)

    def _delete(self, file: Path) -> None:
        try:
            file.unlink()
        except OSError as error:
            self._stuck.add(file)
            self._log.error(
                "{file} cannot be deleted: {why}; it is obeyed once, until it is gone",
                file=file,
                why=error.strerror,
            )

    def _do(self, action: Callable[[], None]) -> None:
        """Nothing that one of them does shall keep the others from being done."""
        try:
            action()
        except Exception:
            self._log.failure("{path} cannot be read again", path=self._path)

    def _pass(self, name: str) -> None:
        self._log.info("{name} means nothing: {why}", name=name, why=_MEANINGLESS[name])

    # What is read again.

    def reloadLists(self) -> None:
        """
        Take the black list and the white list from the file; sessions that these forbid are closed.

        A file that cannot be read changes nothing.  An entry that is wrong opens no door: it lets
        nobody in, and while there is one in the black list nobody leaves that list.
        """
        former = self._node.access
        try:
            lists = loadLists(self._path, self._sections)
        except ConfigError as error:
            self._log.error("{error}; the lists stay as they were", error=error)
            return
        access = lists.access
        for fault in lists.whiteFaults:
            self._log.error("illegal nodeID: {fault}", fault=fault)
        for fault in lists.blackFaults:
            self._log.error(
                "illegal nodeID: {fault}; whoever was on the black list stays on it until this is "
                "mended",
                fault=fault,
            )
            access = replace(access, black=access.black | former.black)
        forbidden = self._node.setAccess(access)
        self._log.info(
            "Reset certificate whitelist(CAL): {access}; {forbidden}",
            access=access,
            former=former,
            forbidden=_told(forbidden),
        )
        if access.white is None and former.white is not None:
            self._log.warn("the white list is gone: every node of the chain is let in")

    def reloadCredentials(self) -> None:
        """
        Take up renewed certificates and revocation lists: for new links, while those that stand are
        kept, but for peers whose certificates have been revoked.

        Files that are wrong, or written only in part, change nothing; nor does another key, by
        which the node would be another one.
        """
        former = self._node.credentials
        try:
            credentials = credentialsFromConfig(self._path, self._sections)
            if credentials == former:
                self._log.info("the certificates are as they were")
                return
            revoked = self._node.setCredentials(credentials)
        except SetupError as error:
            self._log.error(
                "{error}; key, certificates and revocation lists stay as they were", error=error
            )
            return
        leaf = credentials.path[0]
        self._log.info(
            "certificates taken up for new links: {subject}, issued by {agency}, valid until {end} "
            "UTC; {revocations}; {revoked}",
            subject=leaf.subject.rfc4514_string(),
            agency=credentials.identity.agency,
            end=f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M}",
            revocations=credentials.revocations,
            revoked=_told(revoked),
        )


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.{name}")


def _told(nodeIDs: frozenset[str]) -> str:
    if not nodeIDs:
        return "no link is closed"
    return f"links are closed to {', '.join(map(abridged, sorted(nodeIDs)))}"
