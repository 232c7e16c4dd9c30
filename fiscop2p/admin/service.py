"""The administration of a node as a service."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ..config import AdminConfig
from ..errors import ListenError
from ..links.listening import whyNotListening
from ..service import P2PService
from ..settings import Address
from ..web import isLoopback
from .acquaintances import Acquaintances
from .actions import Actions
from .guard import Guard, TokenGuard
from .journal import Journal
from .routes import makeRoutes
from .site import AdminSite, Streams
from .views import Views

_MODE: Final = 0o600
_LONGEST_PATH: Final = 107


class AdminService(Service):
    """
    Lets operators, their tools and their monitoring ask a node, and have it act.
    """

    _log = Logger()

    def __init__(
        self,
        node: P2PService,
        config: AdminConfig,
        reactor: Any = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param node: the one that is asked.
        @param config: where it listens, and who may act; port 0 takes a free one.
        @param reactor: what listens and keeps time, if not Twisted's global one.
        @param now: tells the time of day, which is for people.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._config = config
        self._reactor = reactor
        self._acquaintances = Acquaintances(node, now)
        self._journal = Journal(node, now)
        self._views = Views(node, self._acquaintances, now)
        actions = Actions(node, self._views, self._journal)
        streams = Streams()
        routes = makeRoutes(node, self._views, self._journal, actions, streams, now)
        self._socketSite = AdminSite(routes, Guard(), streams, reactor)
        self._tcpSite: AdminSite | None = None
        if config.address is not None:
            guard = TokenGuard(isLoopback(config.address.host), config.token, config.names)
            self._tcpSite = AdminSite(routes, guard, streams, reactor)
        self._ports: list[Any] = []
        self._tcpPort: Any = None

    def privilegedStartService(self) -> None:
        """
        Listen, while the process may still take any port.

        @raise ListenError: the port or the socket is taken, or not ours to take.
        """
        super().privilegedStartService()
        self._listen()

    def _listen(self) -> None:
        try:
            self._listenUNIX(self._config.socket)
        except ListenError as error:
            if self._config.isNamed:
                raise
            self._log.warn("{error}; without it fiscop2p cannot ask this node", error=error)
        address, site = self._config.address, self._tcpSite
        if address is None or site is None:
            return
        try:
            self._tcpPort = self._reactor.listenTCP(address.port, site, interface=address.host)
        except CannotListenError as error:
            for port in self._ports:
                port.stopListening()
            self._ports.clear()
            raise ListenError(
                f"cannot listen for [admin] on {address} (listen): {whyNotListening(error)}"
            ) from None
        self._ports.append(self._tcpPort)

    def _listenUNIX(self, path: Path) -> None:
        if len(str(path).encode()) > _LONGEST_PATH:
            raise ListenError(
                f"cannot make the socket {path}: its path is longer than {_LONGEST_PATH} bytes; "
                "set [admin] listen=unix:PATH to a shorter one"
            )
        try:
            _removeStale(path)
            port = self._reactor.listenUNIX(str(path), self._socketSite, mode=_MODE)
        except CannotListenError as error:
            raise ListenError(f"cannot make the socket {path}: {error.socketError}") from None
        except OSError as error:
            raise ListenError(f"cannot make the socket {path}: {error.strerror}") from None
        self._ports.append(port)

    def startService(self) -> None:
        """Answer."""
        if not self._ports:
            self._listen()
        super().startService()
        for each in (self._acquaintances, self._journal, self._views):
            each.start()
        address = self.listenAddress
        if address is not None:
            self._log.info("the page of this node is http://{address}/", address=address)
            if not isLoopback(address.host):
                self._log.warn(
                    "whoever reaches {address} may see this network; if that is not wanted, set "
                    "[admin] listen to an address of loopback",
                    address=address,
                )

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, and close all connections.

        @return: fires when all are closed.
        """
        if self.running:
            for each in (self._acquaintances, self._journal, self._views):
                each.stop()
        super().stopService()
        ports, self._ports, self._tcpPort = self._ports, [], None
        stopping = [maybeDeferred(port.stopListening) for port in ports]
        stopping += [site.closeAll() for site in (self._socketSite, self._tcpSite) if site]
        return gatherResults(stopping).addCallback(lambda _: None)

    @property
    def listenAddress(self) -> Address | None:
        """Where HTTP is served over TCP, with the port that was taken, or L{None} if nowhere."""
        if self._tcpPort is None or self._config.address is None:
            return self._config.address
        return Address(self._config.address.host, self._tcpPort.getHost().port)


def _removeStale(path: Path) -> None:
    """
    Remove a socket that a process has left which is no more.

    @raise ListenError: somebody listens there, or it is no socket.
    """
    try:
        isSocket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not isSocket:
        raise ListenError(f"cannot make the socket {path}: something else is there; remove it")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError:
            pass  # Somebody listens there, and has no time for more clients now.
    raise ListenError(f"cannot make the socket {path}: does this node run already?")
