"""Who may connect: the black list and the white list, by node ID."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import NotListed, SetupError
from .identity import abridged, isNodeID


@dataclass(frozen=True)
class AccessLists:
    """
    FISCO BCOS's two lists: the black list is judged first, so it wins.

    Node IDs may be in letters of any case.  What is none is refused by a L{SetupError} that names
    it, for it would keep nobody out.

    @ivar black: node IDs that are kept out.
    @ivar white: the only node IDs that are let in; L{None} lets everybody in whom the CA vouches
        for, an empty list nobody.
    """

    black: frozenset[str] = frozenset()
    white: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "black", _nodeIDs("black", self.black))
        if self.white is not None:
            object.__setattr__(self, "white", _nodeIDs("white", self.white))

    def __str__(self) -> str:
        white = "none" if self.white is None else _counted(self.white)
        closed = ", so that nobody is let in" if self.white is not None and not self.white else ""
        return f"black list: {_counted(self.black)}, white list: {white}{closed}"

    def judge(self, nodeID: str) -> None:
        """
        Let a node in, or not.

        @raise NotListed: with the list that keeps it out.
        """
        if nodeID in self.black:
            raise NotListed(f"node {abridged(nodeID)} is on the black list")
        if self.white is not None and nodeID not in self.white:
            raise NotListed(f"node {abridged(nodeID)} is not on the white list")


def _nodeIDs(name: str, entries: Iterable[object]) -> frozenset[str]:
    found = set()
    for entry in entries:
        nodeID = entry.lower() if isinstance(entry, str) else ""
        if not isNodeID(nodeID):
            raise SetupError(
                f"AccessLists.{name} holds {entry!r}, not a node ID: 128 hexadecimal digits"
            )
        found.add(nodeID)
    return frozenset(found)


def _counted(nodeIDs: frozenset[str]) -> str:
    return "1 node" if len(nodeIDs) == 1 else f"{len(nodeIDs)} nodes"
