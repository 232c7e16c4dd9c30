"""Waiting until nodes are known to follow topics."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from fiscop2p.links.registry import PeerRegistry


def untilFollowing(
    registry: PeerRegistry, nodeIDs: Iterable[str], topics: Iterable[str]
) -> Deferred[None]:
    """Wait until each of these nodes follows these topics, and no others."""
    wanted = frozenset(topics)
    missing = {nodeID for nodeID in nodeIDs if registry.topicsOf(nodeID) != wanted}
    done: Deferred[None] = Deferred()

    def changed(nodeID: str) -> None:
        if registry.topicsOf(nodeID) == wanted:
            missing.discard(nodeID)
        else:
            missing.add(nodeID)
        if not missing:
            registry.topicsChanged.unsubscribe(changed)
            done.callback(None)

    if missing:
        registry.topicsChanged.subscribe(changed)
    else:
        done.callback(None)
    return done
