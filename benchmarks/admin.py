"""
What watching over a node costs it: C{python -m benchmarks.admin}.

A node with 200 peers, all of which it dials, is asked by HTTP over a transport in memory.  The
seconds of processor time that one request costs are, at one a second, the part of a core.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from fiscop2p import P2PService
from fiscop2p.admin import AdminService
from fiscop2p.config import AdminConfig
from fiscop2p.settings import Settings
from fiscop2p.testing import MemoryNetwork

PEERS = 200
REQUESTS = 50
WATCHED = 120
"""Seconds of the network's time, for which the page's event stream is followed."""

PATHS = (
    "/healthz",
    "/metrics",
    "/api/node",
    "/api/peers",
    "/api/addresses",
    "/api/topics",
    "/api/statuses",
    "/api/counters",
    "/api/events",
)


class Transport(StringTransport):
    """What is written is counted, and not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)

    def writeSequence(self, data: Any) -> None:
        for each in data:
            self.write(each)


class Watched:
    """A node with many peers, and one who asks it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(maxInboundPeers=1000, maxAcceptRate=1000)
        self.network = MemoryNetwork(0, settings=settings)
        peers = [self.network.addNode() for _ in range(PEERS)]
        self.node: P2PService = self.network.addNode([peer.listenAddress for peer in peers])
        self._reactor = reactor = MemoryReactorClock()
        config = AdminConfig(folder / "admin.sock")
        admin = AdminService(self.node, config, reactor, self.network.clock.seconds)
        admin.startService()
        self._site = reactor.unixServers[0][1]
        for index, peer in enumerate(peers):
            peer.subscribe(f"topic {index % 10}", lambda _: None)
            peer.setStatus(height=index)
        self.network.advance(30)
        assert len(self.node.registry) == PEERS, len(self.node.registry)

    def ask(self, path: str) -> tuple[int, float]:
        """Ask often; the bytes of an answer, and the seconds that one costs."""
        transport, connection = self._connect()
        self._send(connection, path)
        size = transport.size
        began = process_time()
        for _ in range(REQUESTS):
            before = transport.size
            self._send(connection, path)
            assert transport.size > before, f"{path} is not answered"
        return size, (process_time() - began) / REQUESTS

    def follow(self, isBusy: bool) -> tuple[float, float]:
        """Follow the events: bytes, and seconds that they cost, in a second."""
        without = self._pass(isBusy)
        transport, connection = self._connect()
        self._send(connection, "/events")
        cost = self._pass(isBusy) - without
        connection.connectionLost(Failure(ConnectionDone()))
        return transport.size / WATCHED, max(0.0, cost) / WATCHED

    def _pass(self, isBusy: bool) -> float:
        """Let time pass; how many seconds that costs."""
        protocolID = self.node.protocolID(1, 1000)
        began = process_time()
        for second in range(WATCHED):
            if isBusy:
                for index, nodeID in enumerate(self.node.registry):
                    payload = b"x" * ((second + index) * 7 % 5000)
                    self.node.send(nodeID, payload, protocolID=protocolID)
            self.network.advance(1)
        return process_time() - began

    def _send(self, connection: Any, path: str) -> None:
        connection.dataReceived(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self._reactor.advance(0)

    def _connect(self) -> tuple[Transport, Any]:
        transport, connection = Transport(), self._site.buildProtocol(None)
        connection.makeConnection(transport)
        return transport, connection


def main() -> None:
    """Measure, and print."""
    with TemporaryDirectory() as folder:
        watched = Watched(Path(folder))
        print(f"{'':<16} {'bytes':>8} {'ms':>7}  part of a core at one a second")
        total = 0.0
        for path in PATHS:
            size, seconds = watched.ask(path)
            total += seconds if path.startswith("/api") else 0
            print(f"{path:<16} {size:>8} {seconds * 1000:>7.2f}  {seconds:.2%}")
        print(f"{'all of /api':<16} {'':>8} {total * 1000:>7.2f}  {total:.2%}")
        for words, isBusy in (("heartbeats alone", False), ("traffic on every link", True)):
            rate, cost = watched.follow(isBusy)
            print(f"/events, {words}: {rate:,.0f} bytes/s, {cost:.2%} of a core")


if __name__ == "__main__":
    main()
