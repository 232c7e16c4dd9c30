"""Tests for L{fiscop2p.links.listening}; with a real socket of systemd's: L{tests.test_systemd}."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from fiscop2p.errors import ListenError
from fiscop2p.links.listening import listen
from fiscop2p.settings import Address, Settings
from tests.temporary import temporaryFolder


class ListenTests(TestCase):
    """Where a node listens."""

    def listen(self, endpoint: str | None = None) -> Any:
        settings = Settings(listen=Address("127.0.0.1", 0), endpoint=endpoint)
        port = listen(settings, Factory(), reactor)
        self.addCleanup(port.stopListening)
        return port

    def assertRefused(self, words: str, endpoint: str) -> None:
        error = self.assertRaises(ListenError, self.listen, endpoint)
        self.assertIn(f"cannot listen on {endpoint}: ", str(error))
        self.assertIn(words, str(error))
        self.assertNotIn("\n", str(error))

    def test_address(self) -> None:
        """Where the settings say."""
        self.assertEqual(self.listen().getHost().host, "127.0.0.1")

    def test_endpoint(self) -> None:
        """Where an endpoint says, if there is one."""
        self.assertEqual(self.listen("tcp:0:interface=127.0.0.2").getHost().host, "127.0.0.2")

    def test_taken(self) -> None:
        """A port that somebody has is named, with a hint."""
        port = self.listen().getHost().port
        self.assertRefused("does another node run there?", f"tcp:{port}:interface=127.0.0.1")

    def test_noEndpoint(self) -> None:
        """What is no endpoint is said to be none, with examples."""
        for words in ("", "tcp", "tcp:x", "x:1", "systemd:domain=INET", "tcp:1:what=2"):
            self.assertRefused("it is none of Twisted's endpoints (", words)
        self.assertRefused("write for instance systemd:domain=INET:index=0", "nonsense")

    def test_noSocketOfSystemd(self) -> None:
        """Where systemd has handed over nothing, that is said."""
        for words in ("systemd:domain=INET:index=0", "systemd:domain=INET:name=p2p"):
            self.assertRefused("no such socket was handed to this process", words)

    async def test_notTCP(self) -> None:
        """Nodes are reached by TCP alone."""
        path = temporaryFolder(self) / "socket"
        self.assertRefused("nodes are reached by TCP alone", f"unix:{path}")
        await deferLater(reactor, 0)
        self.assertFalse(path.exists())
