"""What the commands share that ask a running node."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from functools import cached_property

from twisted.python import usage

from ..wire.dialect import RC1, RC2
from .command import JSON_FLAG, Command
from .failures import statusUsage
from .numbers import counts
from .running import RunningNode, findConfig
from .terminal import Terminal


class NodeCommand(Command):
    """
    A command that asks the node which runs on this machine.

    @ivar terminal: where it prints for people.
    """

    optFlags = [JSON_FLAG]
    optParameters = [
        ["config", "c", None, "The node's config.ini; or else ./config.ini, or $FISCOP2P_CONFIG."]
    ]

    @cached_property
    def node(self) -> RunningNode:
        """The node."""
        return RunningNode(findConfig(self["config"]))

    @cached_property
    def terminal(self) -> Terminal:
        """Where we print."""
        return Terminal()

    def say(self, words: str) -> None:
        """Print a line for people."""
        print(words, flush=True)

    def getUsage(self, width: int | None = None) -> str:
        """Explain the command, and how it ends."""
        return super().getUsage(width) + statusUsage()


class MeasureCommand(NodeCommand):
    """
    A command that measures the link to one node.

    @cvar command: what it is called.
    """

    command: str
    arguments = ("nodes",)

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return f"Usage: fiscop2p {self.command} [options] NODE"

    def parseArgs(self, *arguments: str) -> None:
        """Take the node."""
        if len(arguments) != 1:
            raise usage.UsageError("name one NODE")
        self.name = arguments[0]


def protocolOf(text: str) -> tuple[int, int]:
    """
    Read a group and a module.

    @raise UsageError: it is none.
    """
    group, colon, module = text.partition(":")
    if not (colon and all(part.isascii() and part.isdigit() for part in (group, module))):
        raise usage.UsageError(f"--protocol takes GROUP:MODULE, say 1:1000, not {text!r}")
    return int(group), int(module)


class MessageCommand(NodeCommand):
    """A command that brings a message to a node."""

    optParameters = [
        ["protocol", "p", None, "GROUP:MODULE; otherwise to the operators of NODE.", protocolOf],
        ["type", None, 0, "The packet type, with --protocol.", counts("--type", 0, 65535)],
    ]

    def message(self, to: str, payload: dict[str, object]) -> dict[str, object]:
        """What the admin API is told of a message."""
        message: dict[str, object] = {"to": to, **payload}
        if self["protocol"] is not None:
            spoken = self.node.get("/api/node")["dialect"]
            (dialect,) = (each for each in (RC1, RC2) if each.name == spoken)
            message["protocolID"] = dialect.protocolID(*self["protocol"])
            message["packetType"] = self["type"]
        return message


def payloadOf(text: str) -> dict[str, object]:
    """
    What the admin API is told of a payload.

    @param text: itself, or C{-} for what standard input has.
    """
    content = sys.stdin.buffer.read() if text == "-" else os.fsencode(text)
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}
