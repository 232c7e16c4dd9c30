"""Who may connect: the black list and the white list, by node ID."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import NotListed
from .identity import abridged


@dataclass(frozen=True)
class AccessLists:
    """
    FISCO BCOS's two lists: the black list is judged first, so it wins.

    @ivar black: node IDs that are kept out.
    @ivar white: the only node IDs that are let in; L{None} lets everybody in whom the CA vouches
        for, an empty list nobody.
    """

    black: frozenset[str] = frozenset()
    white: frozenset[str] | None = None

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


def _counted(nodeIDs: frozenset[str]) -> str:
    return "1 node" if len(nodeIDs) == 1 else f"{len(nodeIDs)} nodes"
