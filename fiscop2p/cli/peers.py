"""C{fiscop2p peers}: the nodes that a running node is linked to, or should be."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twisted.python import usage

from ..identity import abridged
from .asking import NodeCommand
from .terminal import Table
from .words import durationWords, latencyWords, safe, sizeWords

_IN_ORDER: Final = ("connected", "elsewhere", "ourselves")
_MOST_TOPICS: Final = 3


class PeersOptions(NodeCommand):
    """C{fiscop2p peers}."""

    arguments = ("nodes",)
    longdesc = (
        "Shows the nodes that this one is linked to, or was lately, and the configured addresses "
        "where no node could be reached, with the reason. With NODE it shows all that is known of "
        "that one, and its last links. NODE is a node ID, the beginning of one, or a node's name."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p peers [options] [NODE]"

    def parseArgs(self, *arguments: str) -> None:
        """Take the node, if there is one."""
        if len(arguments) > 1:
            raise usage.UsageError("name one NODE, or none")
        self.name = arguments[0] if arguments else None

    def run(self) -> int:
        """Show them."""
        if self.name is not None:
            peer = self.node.find(self.name)
            self.tell(peer) if self.isJSON else self._describe(peer)
            return 0
        peers = self.node.get("/api/peers")["peers"]
        addresses = self.node.get("/api/addresses")["addresses"]
        if self.isJSON:
            self.tell({"peers": peers, "addresses": addresses})
            return 0
        self.terminal.table(peersTable(peers, time.time()))
        missed = [each for each in addresses if each["state"] not in _IN_ORDER]
        if missed:
            self.say("")
            self.terminal.table(_addressesTable(missed))
        return 0

    def _describe(self, peer: Mapping[str, Any]) -> None:
        now = time.time()
        self.say(f"{'Node ID':<10} {peer['nodeID']}")
        for what, words in (
            ("Name", f"{safe(peer['name'])} of {safe(peer['agency'])}"),
            ("State", f"{peer['state']}, for {durationWords(now - peer['since'])}"),
            ("Address", _address(peer)),
            ("Topics", ", ".join(map(safe, peer.get("topics") or ())) or "none"),
            ("Status", safe(str(peer.get("status") or "none"))),
            ("Blocks", _blocks(peer.get("blocks") or {})),
            ("Reason", safe(peer.get("reason") or "")),
        ):
            if words:
                self.say(f"{what:<10} {words}")
        links = Table(
            ("opened", "address", "dialled by", "lasted", "ended because"),
            long=frozenset({"ended because"}),
            spare=("dialled by",),
        )
        for link in peer.get("links") or ():
            duration = link.get("duration")
            links.rows.append(
                (
                    _clock(link["opened"]),
                    safe(link["address"]),
                    "us" if link["outbound"] else "it",
                    "it stands" if duration is None else durationWords(duration),
                    safe(link.get("words") or "-"),
                )
            )
        if links.rows:
            self.say("")
            self.terminal.table(links)


def peersTable(peers: Iterable[Mapping[str, Any]], now: float) -> Table:
    """
    Make a table of peers.

    @param now: in seconds since 1970.
    """
    table = Table(
        (
            "node ID",
            "name",
            "agency",
            "state",
            "for",
            "address",
            "latency",
            "received",
            "sent",
            "topics",
        ),
        right=frozenset({"latency", "received", "sent"}),
        spare=("topics", "agency", "latency", "sent", "received", "for"),
    )
    connected = 0
    for peer in peers:
        connected += peer["state"] != "gone"
        table.rows.append(
            (
                abridged(peer["nodeID"]),
                safe(peer["name"]),
                safe(peer["agency"]),
                peer["state"],
                durationWords(now - peer["since"]),
                _address(peer),
                latencyWords(peer.get("latency")),
                _size(peer.get("received")),
                _size(peer.get("sent")),
                _topics(peer),
            )
        )
    table.note = f"{connected} connected"
    return table


def _addressesTable(addresses: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(
        ("address", "state", "attempts", "next", "last error"),
        long=frozenset({"state", "last error"}),
        spare=("attempts",),
    )
    for each in addresses:
        wait = each["nextAttempt"]
        table.rows.append(
            (
                safe(each["address"]),
                safe(each["words"]),
                str(each["attempts"]),
                "-" if wait is None else f"in {wait:.0f}s",
                safe(each["lastError"] or "-"),
            )
        )
    return table


def _address(peer: Mapping[str, Any]) -> str:
    if not peer.get("address"):
        return "-"
    return f"{'to' if peer.get('outbound') else 'from'} {safe(peer['address'])}"


def _size(counts: Mapping[str, Any] | None) -> str:
    return "-" if counts is None else sizeWords(counts["bytes"])


def _topics(peer: Mapping[str, Any]) -> str:
    topics, count = peer.get("topics") or [], peer.get("topicCount") or 0
    named = ", ".join(map(safe, topics[:_MOST_TOPICS]))
    more = count - min(len(topics), _MOST_TOPICS)
    return f"{named} +{more}" if more > 0 else named or "-"


def _blocks(blocks: Mapping[str, Any]) -> str:
    return ", ".join(f"group {group} at {each['number']}" for group, each in blocks.items())


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
