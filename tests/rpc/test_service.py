"""JSON-RPC over real sockets."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from fiscop2p.errors import ListenError
from fiscop2p.rpc import RPCService
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from tests.rpc.test_site import Response, post, responses
from tests.temporary import temporaryFolder

CONFIG = "[p2p]\n    node.0=10.0.0.0:30300\n    node.1=10.0.0.1:30300\n"


class Client(Protocol):
    """
    Takes all until the connection ends.

    @ivar ended: fires with what came.
    """

    def __init__(self) -> None:
        self.data = b""
        self.ended: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(self.data)


class ServiceTestCase(TestCase):
    """A node in memory, whose queries are served on loopback."""

    timeout = 20
    host = "127.0.0.1"

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.node, self.peer = self.network.nodes
        self.network.advance(3)
        self.config = temporaryFolder(self) / "config.ini"
        self.config.write_text(CONFIG)
        self.rpc = self.makeService(0)

    def makeService(self, port: int, host: str = "") -> RPCService:
        address = Address(host or self.host, port)
        return RPCService(self.node, address, self.config, 10, 100, "2.9.1", "1", reactor)

    def start(self) -> None:
        self.rpc.privilegedStartService()
        self.rpc.startService()
        self.addCleanup(self.rpc.stopService)

    async def connect(self) -> Client:
        host, port = self.rpc.listenAddress
        kind = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
        return await connectProtocol(kind(reactor, host, port), Client())

    async def talk(self, *requests: bytes) -> list[Response]:
        """Send requests at once; the last one has to end the connection."""
        client = await self.connect()
        client.transport.write(b"".join(requests))
        return responses(await client.ended)

    async def ask(self, request: Any) -> Any:
        body = json.dumps(request).encode()
        (response,) = await self.talk(post(body, b"Connection: close"))
        self.assertEqual(response.code, 200)
        return json.loads(response.body)


class ServingTests(ServiceTestCase):
    """While it runs."""

    async def test_getPeers(self) -> None:
        """curl ... getPeers."""
        self.start()
        answer = await self.ask({"jsonrpc": "2.0", "method": "getPeers", "params": [1], "id": 1})
        self.assertEqual([peer["NodeID"] for peer in answer["result"]], [self.peer.nodeID])

    async def test_addPeers(self) -> None:
        """A peer that is added over the wire joins the mesh."""
        self.start()
        late = self.network.addNode()
        params = [[str(late.settings.listen)]]
        answer = await self.ask(
            {"jsonrpc": "2.0", "method": "addPeers", "params": params, "id": "x"}
        )
        self.assertEqual(answer["result"]["code"], "0x0")
        self.network.advance(1)
        self.assertIn(late.nodeID, self.node.registry)
        self.assertIn(str(late.settings.listen), self.config.read_text())

    async def test_batch(self) -> None:
        """Several requests in an array."""
        self.start()
        one = {"jsonrpc": "2.0", "method": "getNodeIDList", "params": [1], "id": 1}
        two = {"jsonrpc": "2.0", "method": "getBlockNumber", "params": [1], "id": 2}
        answers = await self.ask([one, two])
        self.assertEqual(answers[0]["result"], [self.node.nodeID, self.peer.nodeID])
        self.assertEqual(answers[1]["error"]["code"], -32601)

    async def test_pipelining(self) -> None:
        """Several requests on one connection, sent before the first answer."""
        self.start()
        body = b'{"jsonrpc":"2.0","method":"queryPeers","id":%d}'
        requests = [post(body % n) for n in range(200)]
        requests[-1] = post(body % 199, b"Connection: close")
        answered = await self.talk(*requests)
        self.assertEqual([json.loads(r.body)["id"] for r in answered], list(range(200)))

    async def test_refusals(self) -> None:
        """A verb, a page and a body that are refused, each on a connection that goes on."""
        self.start()
        answered = await self.talk(
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            post(b"{}", b"Origin: http://evil.example"),
            post(b"x" * 3_000_000),
            post(b"{}", b"Connection: close"),
        )
        self.assertEqual([response.code for response in answered], [405, 403, 413, 200])


class IPv6ServingTests(ServingTests):
    """The same over IPv6."""

    host = "::1"


class LifeTests(ServiceTestCase):
    """Starting and stopping."""

    def test_startedByHand(self) -> None:
        """A service that is started without its privileged part listens all the same."""
        self.assertEqual(self.rpc.listenAddress, Address("127.0.0.1", 0))
        with capturedLogs() as events:
            self.rpc.startService()
        self.addCleanup(self.rpc.stopService)
        self.assertNotEqual(self.rpc.listenAddress.port, 0)
        lines = [formatEvent(event) for event in events if "JSON-RPC" in formatEvent(event)]
        self.assertEqual(lines, [f"JSON-RPC is served on {self.rpc.listenAddress}"])

    def test_reachableFromOutside(self) -> None:
        """If it does not listen on loopback alone, the log says what that means."""
        self.host = "0.0.0.0"  # noqa: S104 (what is warned of)
        self.rpc = self.makeService(0)
        with capturedLogs() as events:
            self.start()
        lines = [formatEvent(event) for event in events]
        self.assertTrue(any("set jsonrpc_listen_ip to 127.0.0.1" in line for line in lines), lines)

    def test_portTaken(self) -> None:
        """A port that somebody has is one clear line."""
        self.start()
        twin = self.makeService(self.rpc.listenAddress.port)
        error = self.assertRaises(ListenError, twin.privilegedStartService)
        self.assertIn(f"cannot listen for JSON-RPC on {self.rpc.listenAddress} ", str(error))
        self.assertIn("does another node run there?", str(error))
        elsewhere = self.makeService(0, "192.0.2.1")
        error = self.assertRaises(ListenError, elsewhere.privilegedStartService)
        self.assertIn("choose an address of this machine", str(error))
        self.assertIn("jsonrpc_listen_port", str(error))

    async def test_stopClosesIdleConnections(self) -> None:
        """A client that keeps its connection does not keep the node from ending."""
        self.start()
        clients = [await self.connect() for _ in range(3)]
        answer: Deferred[bytes] = Deferred()
        clients[0].dataReceived = answer.callback  # type: ignore[method-assign]
        clients[0].transport.write(post(b"{}"))
        self.assertIn(b"-32600", await answer)
        clients[1].transport.write(b"POST / HTTP/1.1\r\n")
        address = self.rpc.listenAddress
        await self.rpc.stopService()
        for client in clients:
            self.assertEqual(await client.ended, b"")
        twin = self.makeService(address.port)
        twin.startService()
        await twin.stopService()

    async def test_startedAgain(self) -> None:
        """A service that was stopped serves again."""
        self.start()
        await self.rpc.stopService()
        await self.rpc.stopService()
        self.rpc.startService()
        answer = await self.ask({"jsonrpc": "2.0", "method": "getGroupList", "id": 1})
        self.assertEqual(answer["result"], [])
