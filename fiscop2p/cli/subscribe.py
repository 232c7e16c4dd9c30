"""C{fiscop2p subscribe}: the messages on a topic, as they come."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from twisted.python import usage

from .asking import NodeCommand
from .failures import NodeNotRunning
from .numbers import counts
from .running import called
from .words import counted, safe


class SubscribeOptions(NodeCommand):
    """C{fiscop2p subscribe}."""

    arguments = ("topics",)
    optParameters = [["count", "n", None, "End after so many messages.", counts("-n")]]
    longdesc = (
        "Has the node follow a topic, and prints the messages on it as they come, until Ctrl-C. "
        "With --json each is an object in a line of its own."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p subscribe [options] TOPIC"

    def parseArgs(self, *arguments: str) -> None:
        """Take the topic."""
        if len(arguments) != 1:
            raise usage.UsageError("name one TOPIC")
        self.topic = arguments[0]

    def run(self) -> int:
        """Print them."""
        left = self["count"]
        for kind, event in self.node.events("/api/subscribe", topic=self.topic):
            self.tell({"kind": kind, **event}) if self.isJSON else self._show(kind, event)
            if kind == "message" and left is not None:
                left -= 1
                if not left:
                    return 0
        raise NodeNotRunning("the node has stopped")

    def _show(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind == "dropped":
            self.say(f"({counted(event['count'], 'message')} came too fast to be shown)")
            return
        if kind != "message":
            return
        when = time.strftime("%H:%M:%S", time.localtime(event["time"]))
        text = event["text"]
        if text is None:
            size = len(b64decode(event["base64"]))
            shown = f"({counted(size, 'byte')} that are no text: {event['base64']})"
        else:
            shown = safe(text)
        self.say(f"{when}  {called(event)}  {shown}")
