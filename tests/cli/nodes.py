"""Commands that ask a node which runs in this very process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from fiscop2p.admin import AdminService
from fiscop2p.chain.authority import Authority, IssuedNode
from fiscop2p.cli import main
from fiscop2p.config import adminFromConfig
from fiscop2p.identity import loadCredentials
from fiscop2p.service import P2PService, makeNode
from fiscop2p.settings import Address, Settings
from fiscop2p.testing.network import writeCredentials
from tests.temporary import temporaryFolder


class Output(io.StringIO):
    """Standard output of a command: text, or bytes below it."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()

    def everything(self) -> str:
        return self.getvalue() + self.buffer.getvalue().decode()


def run(*arguments: str) -> tuple[int | str | None, str, str]:
    """Run a command line; its exit status, its output, and its complaints."""
    output, complaints = Output(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaints):
        try:
            status: int | str | None = main(arguments)
        except SystemExit as stop:
            status = stop.code
    return status, output.everything(), complaints.getvalue()


class NodesTestCase(TestCase):
    """
    A node that commands ask, and three that it is linked to: bob, and carol of two agencies.

    @ivar config: the C{config.ini} by which commands find it.
    """

    timeout = 60
    admin = ""

    async def setUp(self) -> None:
        self.folder = temporaryFolder(self)
        self.config = self.folder / "config.ini"
        self.config.write_text(f"[admin]\n{self.admin}\n")
        self.node = self.make("alice")
        self.bob, self.carol, self.other = (
            self.make("bob"),
            self.make("carol"),
            self.make("carol", "second"),
        )
        admin = adminFromConfig(self.config)
        assert admin is not None
        self.service = AdminService(self.node, admin, reactor)
        elsewhere = temporaryFolder(self) / "config.ini"
        elsewhere.write_text("")
        config = adminFromConfig(elsewhere)
        assert config is not None
        services = [AdminService(self.bob, config, reactor), self.service]
        for service in services:
            service.startService()
            self.addCleanup(service.stopService)
        for node in self.peers:
            self.node.addPeer(node.listenAddress)
        await gatherResults([self.node.registry.whenConnected(n.nodeID) for n in self.peers])
        await gatherResults([n.registry.whenConnected(self.node.nodeID) for n in self.peers])

    def make(self, name: str, agency: str = "agency") -> P2PService:
        settings = Settings(listen=Address("127.0.0.1", 0), heartbeat=0.2)
        home = self.folder / f"{name} of {agency}"
        writeCredentials(_issued(name, agency), home)
        node = makeNode(loadCredentials(home), settings, reactor=reactor)
        node.startService()
        self.addCleanup(node.stopService)
        return node

    @property
    def peers(self) -> list[P2PService]:
        return [self.bob, self.carol, self.other]

    async def fiscop2p(self, command: str, *arguments: str) -> tuple[int | str | None, str, str]:
        """Run a command that asks our node; its exit status, output and complaints."""
        return await deferToThread(run, command, *arguments, "-c", str(self.config))

    async def done(self, *arguments: str) -> str:
        """Run a command that succeeds without complaint; its output."""
        status, output, complaints = await self.fiscop2p(*arguments)
        self.assertEqual((status, complaints), (0, ""))
        return output

    async def told(self, *arguments: str) -> Any:
        """Run a command that succeeds with C{--json}; what its only line says."""
        (line,) = (await self.done(*arguments, "--json")).splitlines()
        return json.loads(line)

    async def assertFails(self, status: int, words: str, *arguments: str) -> str:
        """Run a command that fails, and says why in one line; the line."""
        found, output, complaints = await self.fiscop2p(*arguments)
        self.assertEqual((found, output), (status, ""), complaints)
        (line,) = complaints.splitlines()
        self.assertIn(words, line)
        self.assertTrue(line.startswith(f"fiscop2p {arguments[0]}: "), line)
        return line


_root = cache(Authority.makeRoot)


@cache
def _agency(name: str) -> Authority:
    return _root().issueAgency(name)


@cache
def _issued(name: str, agency: str) -> IssuedNode:
    return _agency(agency).issueNode(name)


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that runs commands."""
    root = str(Path(__file__).parent.parent.parent)
    return {**os.environ, "PYTHONPATH": root, **more}
