"""A node in memory that is asked by HTTP, in memory, too."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.admin import AdminService
from fiscop2p.config import AdminConfig
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from tests.rpc.test_site import Response, Transport, responses
from tests.temporary import temporaryFolder

TOKEN = "a-token-of-the-operator"
HOST = "127.0.0.1:5080"
EPOCH = 1_700_000_000.0


class AdminTestCase(SynchronousTestCase):
    """
    Three nodes, the first of which is asked: over TCP, unless a test says otherwise.

    @ivar reactor: what the HTTP goes by; the network goes by its own clock.
    """

    nodes = 3
    token: str | None = TOKEN
    listen = "127.0.0.1"
    names: frozenset[str] = frozenset()
    settings = Settings()

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.network = MemoryNetwork(self.nodes, settings=self.settings)
        self.addCleanup(self.network.stop)
        self.node, *self.peers = self.network.nodes
        self.folder = temporaryFolder(self)
        address = Address(self.listen, 5080)
        config = AdminConfig(self.folder / "admin.sock", False, address, self.token, self.names)
        self.admin = AdminService(self.node, config, self.reactor, self.now)
        self.admin.privilegedStartService()
        self.admin.startService()
        self.addCleanup(self.stopAdmin)
        self.network.advance(3)

    def stopAdmin(self) -> None:
        """Stop it, and see that nothing of it goes on."""
        stopped = self.admin.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def now(self) -> float:
        return EPOCH + self.network.clock.seconds()

    def connect(self, isSocket: bool = False) -> Transport:
        """Open a connection, over TCP or the UNIX socket."""
        servers = self.reactor.unixServers if isSocket else self.reactor.tcpServers
        protocol = servers[0][1].buildProtocol(None)
        transport = Transport(protocol, self.reactor)
        protocol.makeConnection(transport)
        return transport

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        isSocket: bool = False,
        transport: Transport | None = None,
        **headers: str,
    ) -> Transport:
        """Send a request; the body is made JSON, unless it is bytes."""
        if transport is None:
            transport = self.connect(isSocket)
        content = b"" if body is None else body
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        found = {"Host": HOST, "Content-Length": str(len(content)), **given}
        lines = "".join(f"{name}: {value}\r\n" for name, value in found.items())
        transport.protocol.dataReceived(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        transport.protocol.dataReceived(content)
        self.reactor.advance(0)
        return transport

    def ask(self, path: str, method: str = "GET", body: Any = None, **more: Any) -> Response:
        """Send a request that is answered at once."""
        (response,) = responses(self.send(method, path, body, **more).value())
        return response

    def get(self, path: str, code: int = 200, **more: Any) -> Any:
        """Ask for JSON."""
        response = self.ask(path, **more)
        self.assertEqual(response.code, code, response.body)
        self.assertEqual(response.headers["Content-Type"], "application/json; charset=utf-8")
        return json.loads(response.body)

    def act(self, path: str, body: Any, code: int = 200, **more: Any) -> Any:
        """Have the node do something, with the token."""
        more.setdefault("Authorization", f"Bearer {TOKEN}")
        return self.get(path, code, method="POST", body=body, **more)

    def actLater(self, path: str, body: Any) -> Transport:
        """Have the node do something that takes a while."""
        return self.send("POST", path, body, Authorization=f"Bearer {TOKEN}")


def events(data: bytes) -> list[tuple[str, Any]]:
    """Take the answer of a stream apart: names of events, and what they tell."""
    found = []
    for part in unchunked(data.partition(b"\r\n\r\n")[2]).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def unchunked(data: bytes) -> bytes:
    """Undo chunked encoding, as far as it goes."""
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return whole
