"""C{fiscop2p topics}: who follows what."""

from __future__ import annotations

from typing import Final

from .asking import NodeCommand
from .terminal import Table
from .words import safe

_MOST_NAMED: Final = 5


class TopicsOptions(NodeCommand):
    """C{fiscop2p topics}."""

    longdesc = "Shows the topics that nodes follow, and which nodes; those most followed first."

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p topics [options]"

    def run(self) -> int:
        """Show them."""
        found = self.node.get("/api/topics")
        if self.isJSON:
            self.tell(found)
            return 0
        peers = self.node.get("/api/peers")["peers"]
        names = {peer["nodeID"]: safe(peer["name"]) for peer in peers}
        table = Table(
            ("topic", "followers", "which"),
            right=frozenset({"followers"}),
            long=frozenset({"which"}),
        )
        for topic in found["topics"]:
            which = [names.get(each, each[:8]) for each in topic["followers"]]
            if topic["own"]:
                which.insert(0, "this node")
            count = topic["followerCount"] + bool(topic["own"])
            more = f" +{count - _MOST_NAMED}" if count > _MOST_NAMED else ""
            named = ", ".join(which[:_MOST_NAMED]) + more
            table.rows.append((safe(topic["topic"]), str(count), named))
        omitted = found.get("total", 0) - len(table.rows)
        if omitted > 0:
            table.note = f"and {omitted} more"
        if table.rows:
            self.terminal.table(table)
        else:
            self.say("no node follows any topic")
        return 0
