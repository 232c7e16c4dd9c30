"""Modules that C{twistd fiscop2p} is told to load."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p import tap
from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.errors import SetupError
from fiscop2p.interfaces import INode
from tests.temporary import temporaryFolder


class Module:
    """A module that asks for what it cannot have."""

    name = "bad"
    description = "asks for what it cannot have"

    def attach(self, node: INode) -> None:
        node.handle(node.protocolID(0, 1), print)


class LongTopic(Module):
    def attach(self, node: INode) -> None:
        node.subscribe("x" * 300, print)


class TakenTopic(Module):
    def attach(self, node: INode) -> None:
        node.subscribe("orders", print)
        node.restrictTopic("orders", [])


class Broken(Module):
    def attach(self, node: INode) -> None:
        raise SetupError("there is no file x")


class ModuleTests(SynchronousTestCase):
    """What is wrong with a module is said in one line."""

    def setUp(self) -> None:
        (made,) = buildChain(ChainPlan.parse("127.0.0.1:1"), temporaryFolder(self) / "nodes")
        self.options = tap.Options()
        self.options.parseOptions(
            ["--config", str(made.directory / "config.ini"), "--module", "bad"]
        )
        self.said = StringIO()
        self.patch(sys, "stderr", self.said)

    def load(self, *modules: Any) -> str:
        """What is said when these are found."""
        self.patch(tap, "getPlugins", lambda _: list(modules))
        self.assertEqual(self.assertRaises(SystemExit, tap.makeService, self.options).code, 1)
        (line,) = self.said.getvalue().splitlines()
        return line

    def test_handlerTaken(self) -> None:
        """It wants a protocolID of the network's own."""
        self.assertIn("fiscop2p: module bad: protocolID 1 has a handler", self.load(Module()))

    def test_topicTaken(self) -> None:
        """It wants a topic both public and private."""
        self.assertIn("fiscop2p: module bad: topic 'orders' is", self.load(TakenTopic()))

    def test_badTopic(self) -> None:
        """It wants what does not fit the wire."""
        self.assertIn("fiscop2p: module bad: ", self.load(LongTopic()))

    def test_setupError(self) -> None:
        """It misses something on this machine."""
        self.assertEqual(self.load(Broken()), "fiscop2p: module bad: there is no file x")

    def test_unknown(self) -> None:
        """There is none of that name."""
        self.assertIn("there is no module 'bad'; those found are: none", self.load())

    def test_twoOfOneName(self) -> None:
        """Of two that have the same name none is taken, and both are named."""
        line = self.load(Module(), LongTopic())
        self.assertIn("'bad': tests.test_tap.Module and tests.test_tap.LongTopic;", line)
