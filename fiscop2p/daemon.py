"""What a process runs from a C{config.ini}: the node, and all that goes with it."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from typing import Any, Final

from twisted.application.service import MultiService

from .admin import AdminService
from .config import NodeConfig
from .modules.files import FileReceiver
from .monotonic import useMonotonicTime
from .notices import Notices
from .reload import Reload
from .rpc import RPCService
from .traffic.statfile import StatisticsFile

_STATISTICS: Final = "stat"


def passOverSignals() -> None:
    """Until a node is up, the signals that it will obey do nothing: they would end the process."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGHUP, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)


class Daemon(MultiService):
    """
    A node as a process runs it, by C{twistd} or C{fiscop2p-node}.

    Its reactor gets a clock that nobody can set.

    @ivar node: the L{P2PService}; modules are attached to it before it starts.
    """

    def __init__(
        self,
        config: NodeConfig,
        tls: str = "auto",
        reactor: Any = None,
        endpoint: str | None = None,
    ) -> None:
        """
        @param config: what the file says.
        @param tls: one of L{TLS_CHOICES}.
        @param reactor: what dials, listens and keeps time, if not Twisted's global one.
        @param endpoint: where the node listens instead; see L{Settings}.
        @raise TLSUnavailable: no TLS here can do the network's curve.
        @raise SetupError: the folder for files of others cannot be used.
        """
        super().__init__()
        if reactor is None:
            from twisted.internet import reactor
        useMonotonicTime(reactor)
        settings = replace(config.settings, tls=tls, endpoint=endpoint)
        self.node = replace(config, settings=settings).makeNode(reactor)
        self.node.setServiceParent(self)
        Reload(config.path, self.node, reactor).setServiceParent(self)
        if config.files is not None:
            FileReceiver(config.files).attach(self.node)
        if config.statisticsInterval is not None:
            folder = config.path.parent / _STATISTICS
            StatisticsFile(
                self.node.traffic, folder, config.statisticsInterval, reactor
            ).setServiceParent(self)
        if config.rpc is not None:
            RPCService(
                self.node,
                config.rpc,
                config.path,
                config.peersParamLimit,
                config.maxNodesLimit,
                config.supportedVersion,
                config.chainID,
                reactor,
            ).setServiceParent(self)
        if config.admin is not None:
            AdminService(self.node, config.admin, reactor).setServiceParent(self)
        # The last one: by then all the others are up.
        Notices(self.node, reactor).setServiceParent(self)
