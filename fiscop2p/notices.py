"""What systemd is told of a node: that it is ready, alive, and stopping."""

from __future__ import annotations

import os
from collections.abc import Mapping
from socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, socket
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .service import P2PService

_MICROSECONDS = 1e6
_SIGNS_PER_INTERVAL = 3


class Notices(Service):
    """
    Tells systemd (C{sd_notify(3)}) of a node, if that has asked to be told.

    With C{Type=notify} the unit is started once we listen; with C{WatchdogSec=} a reactor that
    turns no more is noticed, and the node started anew; C{systemctl status} says how many nodes
    are linked.  Every service that has to be up by then is started before this one.
    """

    _log = Logger()

    def __init__(
        self, node: P2PService, reactor: Any, environment: Mapping[str, str] = os.environ
    ) -> None:
        """
        @param reactor: what keeps time.
        @param environment: where systemd has left its wishes.
        """
        self._node = node
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._signs = LoopingCall(self._tell, "WATCHDOG=1")
        self._signs.clock = reactor
        self._interval = _watchdogInterval(environment)

    def startService(self) -> None:
        """The node is ready."""
        super().startService()
        if not self._address:
            return
        self._tell("READY=1")
        self._tellStatus()
        for event in (self._node.registry.joined, self._node.registry.left):
            event.subscribe(self._tellStatus)
        if self._interval is not None:
            self._signs.start(self._interval)

    def stopService(self) -> None:
        """The node is stopping."""
        wasRunning = self.running
        super().stopService()
        if not (wasRunning and self._address):
            return
        for event in (self._node.registry.joined, self._node.registry.left):
            event.unsubscribe(self._tellStatus)
        if self._signs.running:
            self._signs.stop()
        self._tell("STOPPING=1")

    def _tellStatus(self, *_: object) -> None:
        node = self._node
        self._tell(f"STATUS=Listening on {node.listenAddress}, {len(node.registry)} nodes linked")

    def _tell(self, words: str) -> None:
        """systemd reads these at its leisure; one that does not fit is worth no wait."""
        try:
            with socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC) as sender:
                sender.sendto(words.encode(), self._address)
        except OSError as error:
            self._log.debug("systemd is not told {words}: {error}", words=words, error=error)


def _watchdogInterval(environment: Mapping[str, str]) -> float | None:
    """How often systemd wants a sign of life of this very process, in seconds."""
    limit = environment.get("WATCHDOG_USEC", "")
    process = environment.get("WATCHDOG_PID") or str(os.getpid())
    if process != str(os.getpid()) or not (limit.isascii() and limit.isdigit() and int(limit)):
        return None
    return int(limit) / _MICROSECONDS / _SIGNS_PER_INTERVAL
