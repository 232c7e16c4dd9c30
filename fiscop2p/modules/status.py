"""
Node status: a small dict that an application sets, and every other node of ours comes to hold.

It travels by status sync under a protocolID of our own, which FISCO BCOS nodes ignore.  What these
tell of their chains is shown as a field of theirs.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ..errors import EncodingError, MalformedMessage
from ..events import Event
from ..interfaces import ILinks, ISession
from ..links.registry import PeerRegistry
from ..sync import SeqSync
from ..wire.blocksync import SyncStatus
from ..wire.dialect import NODE_STATUS
from .blocks import PeerBlocks

MAX_STATUS_SIZE: Final = 64 * 1024
"""In bytes of JSON."""


class NodeStatus:
    """
    Our status, and that of every peer.

    @ivar changed: L{Event} of a node ID and its status, whenever it is another than before.
    """

    def __init__(self, links: ILinks, registry: PeerRegistry, blocks: PeerBlocks) -> None:
        self.changed: Event[str, dict[str, Any]] = Event()
        self.own: dict[str, Any] = {}
        self.sync = SeqSync("status", NODE_STATUS, links, self._learnt, announceUnset=False)
        self._registry = registry
        self._blocks = blocks
        self._statuses: dict[ISession, dict[str, Any]] = {}
        blocks.changed.subscribe(self._changed)
        links.sessionClosed.subscribe(self._forget)

    def set(self, fields: dict[str, Any]) -> None:
        """
        Change fields of our status; L{None} takes a field away.

        @raise EncodingError: it is not JSON, or larger than L{MAX_STATUS_SIZE}; nothing changes.
        """
        merged = {k: v for k, v in {**self.own, **fields}.items() if v is not None}
        try:
            text = json.dumps(merged, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise EncodingError(f"a status must be JSON: {error}") from None
        if len(text) > MAX_STATUS_SIZE:
            raise EncodingError(
                f"a status of {len(text)} bytes of JSON; {MAX_STATUS_SIZE} are the most"
            )
        state = text.encode()
        if state != (self.sync.state or b"{}"):
            # What peers will hold, and nothing that the caller may still change.
            self.own = json.loads(text)
            self.sync.change(lambda: state)

    def of(self, nodeID: str) -> dict[str, Any]:
        """
        The status of a peer, empty if it told none.

        @raise PeerAbsent: it is not connected.
        """
        return self._toldBy(self._registry.session(nodeID))

    def _toldBy(self, session: ISession) -> dict[str, Any]:
        status = self._statuses.get(session, {})
        blocks = self._blocks.toldBy(session)
        if not blocks:
            return status
        groups = {str(group): _fields(blocks[group]) for group in sorted(blocks)}
        # Also before a field of this name that the peer's application has set.
        return {**status, "groups": groups}

    def _changed(self, session: ISession) -> None:
        self.changed.fire(session.nodeID, self._toldBy(session))

    def _learnt(self, session: ISession, state: bytes | None) -> None:
        status = _decode(state)
        if status != self._statuses.get(session, {}):
            self._statuses[session] = status
            self._changed(session)

    def _forget(self, session: ISession) -> None:
        self._statuses.pop(session, None)


def _fields(block: SyncStatus) -> dict[str, Any]:
    return {
        "height": block.number,
        "latestHash": block.latestHash,
        "genesisHash": block.genesisHash,
        "time": block.alignedTime,
    }


def _decode(state: bytes | None) -> dict[str, Any]:
    if state is None:
        return {}
    if len(state) > MAX_STATUS_SIZE:
        raise MalformedMessage(f"a status of {len(state)} bytes; {MAX_STATUS_SIZE} are the most")
    try:
        status = json.loads(state)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"a status that is not JSON: {error}") from None
    if not isinstance(status, dict):
        raise MalformedMessage("a status that is not a JSON object")
    return status
