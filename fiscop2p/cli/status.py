"""C{fiscop2p status}: whether the node is well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..expiry import SOON
from .asking import NodeCommand
from .failures import DONE, FAILED
from .words import counted, durationWords, safe


class StatusOptions(NodeCommand):
    """C{fiscop2p status}."""

    longdesc = (
        "Shows who the running node is and whether it is ready: it listens and, if it is to dial "
        "others, is connected to at least one. Exit status 1 if it is not."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p status [options]"

    def run(self) -> int:
        """Show it."""
        health, node = self.node.health(), self.node.get("/api/node")
        if self.isJSON:
            self.tell({**node, **health})
        else:
            for what, words in _describe(health, node):
                self.say(f"{what:<9} {words}")
        return DONE if health["ready"] else FAILED


def _describe(health: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    state = "ready" if health["ready"] else f"NOT READY: {safe(health.get('error', ''))}"
    yield "State", state
    yield "Node", f"{safe(node['name'])} of {safe(node['agency'])}"
    yield "Node ID", node["nodeID"]
    yield "Version", f"{node['version']}, follows FISCO BCOS {node['protocolVersion']}"
    yield "Listens", safe(node["listen"])
    yield "Peers", f"{node['peers']} connected"
    yield "TLS", f"{node['tls']}; {node['dialect']} frames"
    yield "Runs", f"for {durationWords(node['uptime'])}"
    yield "Follows", counted(node["topicCount"], "topic")
    if node.get("status"):
        yield "Tells", safe(str(node["status"]))
    for certificate in node.get("certificates") or ():
        name, left = safe(certificate["name"]), certificate["daysLeft"]
        hint = "; RENEW IT SOON" if left < SOON else ""
        when = f"in {counted(int(left), 'day')}{hint}" if left >= 0 else "HAS EXPIRED: renew it"
        yield "Expires", f"{name} {when}"
