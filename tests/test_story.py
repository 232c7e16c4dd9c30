"""The whole story of the network, over each TLS and each curve."""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.errors import TLSUnavailable
from fiscop2p.interfaces import Message
from fiscop2p.testing import MemoryNetwork


class StoryMixin:
    """
    Four nodes verify each other, talk, and stay in sync.
    """

    tls = "ssl"
    curve = "secp256k1"

    def test_story(self) -> None:
        """Everything that the network is for happens."""
        try:
            network = MemoryNetwork(4, tls=self.tls, curve=self.curve)
        except TLSUnavailable as error:
            raise SkipTest(str(error)) from None
        self.addCleanup(network.stop)
        a, b, c, d = network.nodes
        got: list[tuple[str, str, bytes]] = []

        def following(node, message: Message) -> bytes:
            got.append((node.identity.name, message.topic, message.payload))
            return b"answer of " + node.identity.name.encode()

        for topic, followers in {"1": [b, c], "2": [c, d], "3": [d, a]}.items():
            for node in followers:
                node.subscribe(topic, lambda message, node=node: following(node, message))
        protocolID = a.protocolID(1, 1000)
        for node in network.nodes:
            node.handle(protocolID, lambda message, node=node: following(node, message))
        network.advance(5)

        for node in network.nodes:
            others = {n.nodeID for n in network.nodes} - {node.nodeID}
            self.assertEqual(set(node.registry), others)

        self.assertEqual(b.tlsName, self.tls)
        reply = a.request(b.nodeID, b"x" * 100_000, protocolID=protocolID)
        network.advance(0.1)
        self.assertEqual(self.successResultOf(reply), b"answer of node1")

        got.clear()
        for node, topic in ((a, "1"), (b, "2"), (c, "3")):
            node.multicast(topic, b"to " + topic.encode())
        network.advance(0.1)
        self.assertEqual(
            sorted(got),
            [
                ("node0", "3", b"to 3"),
                ("node1", "1", b"to 1"),
                ("node2", "1", b"to 1"),
                ("node2", "2", b"to 2"),
                ("node3", "2", b"to 2"),
                ("node3", "3", b"to 3"),
            ],
        )
        answer = a.requestTopic("2", b"?")
        network.advance(0.1)
        self.assertIn(self.successResultOf(answer), (b"answer of node2", b"answer of node3"))

        for node in network.nodes:
            got.clear()
            self.assertEqual(node.broadcast(b"all", protocolID=protocolID), 3)
            network.advance(0.1)
            self.assertEqual(len(got), 3)

        d.setStatus(height=12)
        network.advance(1)
        self.assertEqual([n.statusOf(d.nodeID) for n in (a, b, c)], [{"height": 12}] * 3)


class StandardSecp256k1(StoryMixin, SynchronousTestCase):
    """The curve of real chains, by the standard library."""


class StandardPrime256v1(StoryMixin, SynchronousTestCase):
    """TLS 1.3, by the standard library."""

    curve = "prime256v1"


class PyOpenSSLSecp256k1(StoryMixin, SynchronousTestCase):
    """The curve of real chains, by pyOpenSSL, where its OpenSSL can do it."""

    tls = "pyopenssl"


class PyOpenSSLPrime256v1(StoryMixin, SynchronousTestCase):
    """TLS 1.3, by pyOpenSSL."""

    tls = "pyopenssl"
    curve = "prime256v1"
