"""C{fiscop2p watch}: the peers, live."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from ..identity import abridged
from .asking import NodeCommand
from .numbers import counts, seconds
from .terminal import Table
from .words import counted, durationWords, latencyWords, safe, sizeWords

_STATES: Final = ("gone", "silent", "connected")


class WatchOptions(NodeCommand):
    """C{fiscop2p watch}."""

    optParameters = [
        ["interval", "i", 1.0, "Seconds from one look to the next.", seconds("-i", 0.1)],
        ["count", "n", None, "End after so many looks.", counts("-n")],
    ]
    longdesc = (
        "Shows the peers and what flows to and from them, again and again until Ctrl-C; those that "
        "are gone or silent come first. It is one table that changes on a terminal if the Python "
        "package rich is installed, otherwise each table follows the one before; with --json each "
        "look is an object in a line of its own."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p watch [options]"

    def run(self) -> int:
        """Show them."""
        left = self["count"]
        before: dict[str, Any] = {}
        then = 0.0
        with self.terminal.picture() as show:
            while True:
                peers = self.node.get("/api/peers")["peers"]
                now = time.time()
                if self.isJSON:
                    self.tell({"time": now, "peers": peers})
                else:
                    show(_table(peers, before, now, now - then))
                if left is not None:
                    left -= 1
                    if not left:
                        return 0
                before, then = {peer["nodeID"]: peer for peer in peers}, now
                time.sleep(self["interval"])


def _table(
    peers: list[dict[str, Any]], before: Mapping[str, Any], now: float, passed: float
) -> Table:
    table = Table(
        ("node ID", "name", "state", "for", "latency", "in", "out", "waits", "pending"),
        right=frozenset({"latency", "in", "out", "waits", "pending"}),
        spare=("pending", "latency", "for", "waits"),
    )
    peers = sorted(peers, key=lambda peer: (_STATES.index(peer["state"]), peer["name"]))
    for peer in peers:
        former = before.get(peer["nodeID"], peer)
        isGone = peer["state"] == "gone"
        table.rows.append(
            (
                abridged(peer["nodeID"]),
                safe(peer["name"]),
                peer["state"],
                durationWords(now - peer["since"]),
                latencyWords(peer["latency"]),
                _rate(peer["received"], former["received"], passed),
                _rate(peer["sent"], former["sent"], passed),
                "-" if isGone else sizeWords(peer["queue"]),
                "-" if isGone else str(peer["pending"]),
            )
        )
    gone = sum(peer["state"] == "gone" for peer in peers)
    table.note = f"{counted(len(peers) - gone, 'node')} connected, {gone} gone"
    return table


def _rate(counts: Mapping[str, Any] | None, former: Mapping[str, Any] | None, passed: float) -> str:
    if counts is None:
        return "-"
    more = counts["bytes"] - (former["bytes"] if former is not None else 0)
    # A link that is new has counted from 0 again.
    return f"{sizeWords(max(more, 0) / passed)}/s"
