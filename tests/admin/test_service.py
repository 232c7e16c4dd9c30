"""The administration over real sockets."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from fiscop2p.admin import AdminService
from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.config import AdminConfig, loadConfig
from fiscop2p.daemon import Daemon
from fiscop2p.errors import ListenError
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from tests.rpc.test_service import Client
from tests.rpc.test_site import responses
from tests.temporary import temporaryFolder

LOOPBACK = Address("127.0.0.1", 0)
GET = b"GET /api/node HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class ServiceTestCase(TestCase):
    """A node in memory, and a folder for its socket."""

    timeout = 30

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.network.advance(3)
        self.node = self.network.nodes[0]
        self.socket = temporaryFolder(self) / "admin.sock"

    def start(self, isNamed: bool = False, address: Address | None = None) -> AdminService:
        # Every service takes the messages of operators for its node.
        self.node.links.handlers.clear()
        admin = AdminService(self.node, AdminConfig(self.socket, isNamed, address), reactor)
        admin.privilegedStartService()
        admin.startService()
        self.addCleanup(admin.stopService)
        return admin

    async def ask(self, endpoint: Any, request: bytes = GET) -> Any:
        client = await connectProtocol(endpoint, Client())
        client.transport.write(request)
        (response,) = responses(await client.ended)
        return json.loads(response.body)

    def unix(self) -> UNIXClientEndpoint:
        return UNIXClientEndpoint(reactor, str(self.socket))

    def leave(self) -> None:
        """Leave a socket, as a process does that is killed."""
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.socket))


class SocketTests(ServiceTestCase):
    """The UNIX socket."""

    async def test_owner(self) -> None:
        """Its owner alone may open it, and may do everything."""
        self.start()
        mode = self.socket.stat().st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        found = await self.ask(self.unix())
        self.assertEqual((found["nodeID"], found["mayAct"]), (self.node.nodeID, True))

    async def test_gone(self) -> None:
        """It is gone once the node is."""
        admin = self.start()
        await admin.stopService()
        self.assertFalse(self.socket.exists())
        self.assertIsNone(await admin.stopService())

    async def test_startedAgain(self) -> None:
        """A service that was stopped serves again."""
        admin = self.start()
        await admin.stopService()
        admin.startService()
        self.assertEqual((await self.ask(self.unix()))["peers"], 1)

    async def test_left(self) -> None:
        """One that a killed process has left is no obstacle."""
        self.leave()
        self.start()
        self.assertEqual((await self.ask(self.unix()))["peers"], 1)

    async def test_taken(self) -> None:
        """One that another process serves is left alone, and said so in a line."""
        self.start()
        with capturedLogs() as events:
            self.start()
        self.assertIn(f"cannot make the socket {self.socket}: does this node run", told(events))
        self.assertEqual((await self.ask(self.unix()))["peers"], 1)
        error = self.assertRaises(ListenError, self.start, isNamed=True)
        self.assertIn("does this node run already?", str(error))

    def test_somethingElse(self) -> None:
        """A file of that name is not removed."""
        self.socket.write_text("precious")
        with capturedLogs() as events:
            self.start()
        self.assertIn("something else is there", told(events))
        self.assertEqual(self.socket.read_text(), "precious")

    def test_noPlace(self) -> None:
        """Where it cannot be made the node runs without it, unless the file names it."""
        for path in (self.socket.parent / "missing" / "admin.sock", Path("/" + "x" * 200)):
            self.socket = path
            with capturedLogs() as events:
                self.start()
            self.assertIn("without it fiscop2p cannot ask this node", told(events))
            self.assertRaises(ListenError, self.start, isNamed=True)


class TCPTests(ServiceTestCase):
    """HTTP over TCP."""

    async def test_both(self) -> None:
        """It is served beside the socket, and the log says where the page is."""
        with capturedLogs() as events:
            admin = self.start(address=LOOPBACK)
        host, port = admin.listenAddress
        self.assertIn(f"the page of this node is http://127.0.0.1:{port}/", told(events))
        found = await self.ask(TCP4ClientEndpoint(reactor, host, port))
        self.assertFalse(found["mayAct"])
        self.assertTrue((await self.ask(self.unix()))["mayAct"])

    def test_reachableFromOutside(self) -> None:
        """If it does not listen on loopback alone, the log says what that means."""
        anywhere = Address("0.0.0.0", 0)  # noqa: S104 (what is warned of)
        with capturedLogs() as events:
            self.start(address=anywhere)
        self.assertIn("may see this network", told(events))

    def test_taken(self) -> None:
        """A port that somebody has is one clear line."""
        address = self.start(address=LOOPBACK).listenAddress
        self.socket = self.socket.with_name("other.sock")
        error = self.assertRaises(ListenError, self.start, address=address)
        self.assertIn(f"cannot listen for [admin] on {address}", str(error))

    async def test_events(self) -> None:
        """The stream goes on until the service stops."""
        admin = self.start(address=LOOPBACK)
        client = await connectProtocol(TCP4ClientEndpoint(reactor, *admin.listenAddress), Client())
        begun: Deferred[bytes] = Deferred()
        client.dataReceived = lambda data: begun.called or begun.callback(data)
        client.transport.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"text/event-stream", await begun)
        await admin.stopService()
        await client.ended


class DaemonTests(TestCase):
    """What a process runs."""

    timeout = 60

    def setUp(self) -> None:
        folder = temporaryFolder(self)
        buildChain(ChainPlan.parse("127.0.0.1:1"), folder / "nodes")
        self.config = folder / "nodes" / "127.0.0.1" / "node0" / "config.ini"
        text = self.config.read_text()
        text = text.replace("jsonrpc_listen_port", ";jsonrpc_listen_port")
        self.config.write_text(text)

    async def run_(self, text: str = "") -> tuple[Daemon, Path]:
        self.config.write_text(self.config.read_text() + text)
        config = loadConfig(self.config)
        daemon = Daemon(config, reactor=reactor)
        object.__setattr__(daemon.node.settings, "listen", LOOPBACK)
        daemon.privilegedStartService()
        daemon.startService()
        self.addCleanup(daemon.stopService)
        return daemon, self.config.parent / "admin.sock"

    async def test_default(self) -> None:
        """A file that says nothing of it has the socket beside it."""
        daemon, place = await self.run_()
        client = await connectProtocol(UNIXClientEndpoint(reactor, str(place)), Client())
        client.transport.write(GET)
        (response,) = responses(await client.ended)
        found = json.loads(response.body)
        self.assertEqual(found["nodeID"], daemon.node.nodeID)
        names = [each["name"] for each in found["certificates"]]
        self.assertEqual(names, ["node0", "agency", "chain"])
        self.assertGreater(found["certificates"][0]["daysLeft"], 1000)

    async def test_off(self) -> None:
        """It can be switched off."""
        _, place = await self.run_("[admin]\nlisten=off\n")
        self.assertFalse(os.path.lexists(place))


def told(events: list[Any]) -> str:
    return "\n".join(formatEvent(event) for event in events)
