"""JSON-RPC over HTTP as a service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ..errors import ListenError
from ..links.listening import whyNotListening
from ..service import P2PService
from ..settings import Address
from ..web import isLoopback
from .jsonrpc import JSONRPC
from .methods import nodeMethods
from .site import RPCSite


class RPCService(Service):
    """Answers the queries of a FISCO BCOS node about its P2P network."""

    _log = Logger()

    def __init__(
        self,
        node: P2PService,
        address: Address,
        configPath: Path,
        peersParamLimit: int,
        maxNodesLimit: int,
        supportedVersion: str,
        chainID: str,
        reactor: Any = None,
    ) -> None:
        """
        @param node: the one that is asked about.
        @param address: where to listen; port 0 takes a free one.
        @param configPath: the C{config.ini} that C{addPeers} and C{erasePeers} rewrite.
        @param peersParamLimit: how many addresses one call of them may name.
        @param maxNodesLimit: how many addresses there may be.
        @param supportedVersion: C{[compatibility] supported_version}.
        @param chainID: C{[chain] id}.
        @param reactor: what listens and keeps time, if not Twisted's global one.
        """
        if reactor is None:
            from twisted.internet import reactor
        self._address = address
        self._reactor = reactor
        methods = nodeMethods(
            node, configPath, peersParamLimit, maxNodesLimit, supportedVersion, chainID
        )
        self._site = RPCSite(JSONRPC(methods).answer, isLoopback(address.host), reactor)
        self._port: Any = None

    def privilegedStartService(self) -> None:
        """
        Listen, while the process may still take any port.

        @raise ListenError: the port is taken, or not ours to take.
        """
        super().privilegedStartService()
        self._listen()

    def _listen(self) -> None:
        host, port = self._address
        try:
            self._port = self._reactor.listenTCP(port, self._site, interface=host)
        except CannotListenError as error:
            raise ListenError(
                f"cannot listen for JSON-RPC on {self._address} ([rpc] jsonrpc_listen_ip, "
                f"jsonrpc_listen_port): {whyNotListening(error)}"
            ) from None

    def startService(self) -> None:
        """Answer."""
        if self._port is None:
            self._listen()
        super().startService()
        self._log.info("JSON-RPC is served on {address}", address=self.listenAddress)
        if not isLoopback(self._address.host):
            self._log.warn(
                "whoever reaches {address} may change the peers of this node; if that is not "
                "wanted, set jsonrpc_listen_ip to 127.0.0.1",
                address=self.listenAddress,
            )

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, and close all connections.

        @return: fires when all are closed.
        """
        super().stopService()
        port, self._port = self._port, None
        stopped = succeed(None) if port is None else maybeDeferred(port.stopListening)
        return gatherResults((stopped, self._site.closeAll())).addCallback(lambda _: None)

    @property
    def listenAddress(self) -> Address:
        """Where we listen, with the port that was taken; before that, where we shall."""
        if self._port is None:
            return self._address
        return Address(self._address.host, self._port.getHost().port)
