"""C{fiscop2p send}, C{request}, C{publish}: a message to a node, or to who follows a topic."""

from __future__ import annotations

import sys
from base64 import b64decode
from typing import Any

from twisted.python import usage

from .asking import MessageCommand, NodeCommand, payloadOf
from .failures import NotDelivered
from .numbers import seconds
from .running import called
from .words import counted, latencyWords, safe

_NODE_AND_TEXT = (
    "NODE is a node ID, the beginning of one, or a node's name; TEXT is one argument, or - for "
    "what standard input has. Without --protocol it is shown to the operators of NODE, if that is "
    "a node of fiscop2p; with it, it goes to an application there."
)


class SendOptions(MessageCommand):
    """C{fiscop2p send}."""

    arguments = ("nodes",)
    longdesc = "Sends a message to a node, one way: nobody says that it came. " + _NODE_AND_TEXT

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p send [options] NODE TEXT"

    def parseArgs(self, *arguments: str) -> None:
        """Take the node and the text."""
        self.name, self.text = _two(arguments, "NODE and TEXT")

    def run(self) -> int:
        """Send it."""
        peer = self.node.find(self.name)
        sent = self.node.post("/api/send", self.message(peer["nodeID"], payloadOf(self.text)))
        if self.isJSON:
            self.tell(sent)
        else:
            self.say(f"sent to {called(peer)}")
        return 0


class RequestOptions(MessageCommand):
    """C{fiscop2p request}."""

    arguments = ("nodes",)
    optParameters = [
        ["timeout", "t", 10.0, "Seconds to wait for the answer.", seconds("-t", 0.001, 300)]
    ]
    longdesc = "Sends a message to a node, and prints its answer. " + _NODE_AND_TEXT

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p request [options] NODE TEXT"

    def parseArgs(self, *arguments: str) -> None:
        """Take the node and the text."""
        self.name, self.text = _two(arguments, "NODE and TEXT")

    def run(self) -> int:
        """Ask."""
        peer = self.node.find(self.name)
        message = self.message(peer["nodeID"], payloadOf(self.text))
        timeout = self["timeout"]
        answer = self.node.post("/api/request", {**message, "timeout": timeout}, timeout)
        if self.isJSON:
            self.tell(answer)
        else:
            self._show(answer)
            took = latencyWords(answer["seconds"])
            print(f"answered by {called(peer)} after {took}", file=sys.stderr)
        return 0

    def _show(self, answer: dict[str, Any]) -> None:
        if not sys.stdout.isatty():
            # As it is, for whoever reads it.
            sys.stdout.flush()
            sys.stdout.buffer.write(b64decode(answer["base64"]))
            sys.stdout.buffer.flush()
        elif answer["text"] is None:
            size = len(b64decode(answer["base64"]))
            self.say(f"{counted(size, 'byte')} that are no text: {answer['base64']}")
        else:
            self.say("\n".join(map(safe, answer["text"].split("\n"))))


class PublishOptions(NodeCommand):
    """C{fiscop2p publish}."""

    arguments = ("topics",)
    longdesc = (
        "Sends a message to all nodes that follow a topic; exit status 5 if none does. TEXT is one "
        "argument, or - for what standard input has."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p publish [options] TOPIC TEXT"

    def parseArgs(self, *arguments: str) -> None:
        """Take the topic and the text."""
        self.topic, self.text = _two(arguments, "TOPIC and TEXT")

    def run(self) -> int:
        """Publish it."""
        message = {"topic": self.topic, **payloadOf(self.text)}
        sent = self.node.post("/api/publish", message)
        if self.isJSON:
            self.tell(sent)
        if not sent["nodes"]:
            raise NotDelivered(f"no node follows topic {safe(self.topic)!r}")
        if not self.isJSON:
            self.say(f"sent to {counted(sent['nodes'], 'node')}")
        return 0


def _two(arguments: tuple[str, ...], what: str) -> tuple[str, str]:
    if len(arguments) != 2:
        raise usage.UsageError(
            f"give {what}, two arguments; put quotes around a text of several words"
        )
    return arguments[0], arguments[1]
