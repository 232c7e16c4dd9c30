"""
Node status: a small dict that an application sets, and every other node of ours comes to hold.

It travels by status sync under a protocolID of our own, which FISCO BCOS nodes ignore.  What these
tell of their chains is shown as a field of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
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

MAX_NESTING: Final = 32
"""Objects and arrays within each other in a status that is taken."""


class NodeStatus:
    """
    Our status, and that of every peer.

    A status is kept as the JSON that it travels as: whoever asks gets a dict of his own.

    @ivar changed: L{Event} of a node ID and its status, whenever it is another than before.
    """

    def __init__(self, links: ILinks, registry: PeerRegistry, blocks: PeerBlocks) -> None:
        self.changed: Event[str, dict[str, Any]] = _StatusEvent(links.noise)
        self.sync = SeqSync("status", NODE_STATUS, links, self._learnt, announceUnset=False)
        self._registry = registry
        self._blocks = blocks
        self._states: dict[ISession, bytes] = {}
        self._told: dict[str, dict[str, Any]] = {}
        blocks.changed.subscribe(lambda session: self._look(session.nodeID))
        links.sessionClosed.subscribe(self._forget)
        registry.relinked.subscribe(self._look)
        registry.left.subscribe(self._left)

    @property
    def own(self) -> dict[str, Any]:
        """Our status."""
        return _decode(self.sync.state)

    def set(self, fields: dict[str, Any]) -> None:
        """
        Change fields of our status; L{None} takes a field away.

        @raise EncodingError: it is not JSON, or larger than L{MAX_STATUS_SIZE}, or nested more than
            L{MAX_NESTING} times; nothing changes.
        """
        merged = {k: v for k, v in {**self.own, **fields}.items() if v is not None}
        try:
            text = json.dumps(merged, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise EncodingError(f"a status must be JSON: {error}") from None
        if len(text) > MAX_STATUS_SIZE:
            raise EncodingError(
                f"a status of {len(text)} bytes of JSON; {MAX_STATUS_SIZE} are the most"
            )
        if _isNested(merged, MAX_NESTING):
            raise EncodingError(f"a status that is nested more than {MAX_NESTING} times")
        state = text.encode()
        if state != (self.sync.state or b"{}"):
            self.sync.change(lambda: state)

    def of(self, nodeID: str) -> dict[str, Any]:
        """
        The status of a peer, empty if it told none.

        @raise PeerAbsent: it is not connected.
        """
        return self._toldBy(self._registry.session(nodeID))

    def _toldBy(self, session: ISession) -> dict[str, Any]:
        status = _decode(self._states.get(session))
        blocks = self._blocks.toldBy(session)
        if not blocks:
            return status
        groups = {str(group): _fields(blocks[group]) for group in sorted(blocks)}
        # Also before a field of this name that the peer's application has set.
        return {**status, "groups": groups}

    def _learnt(self, session: ISession, state: bytes | None) -> None:
        _decode(state)
        self._states[session] = state or b"{}"
        self._look(session.nodeID)

    def _look(self, nodeID: str) -> None:
        """Tell of a node's status if it is another than was told last, by whichever link."""
        session = self._registry.find(nodeID)
        if session is None or not (session in self._states or self._blocks.toldBy(session)):
            # A new link in the place of another has yet to say what is known already.
            return
        status = self._toldBy(session)
        if status != self._told.get(nodeID, {}):
            self._told[nodeID] = status
            self.changed.fire(nodeID, status)

    def _forget(self, session: ISession) -> None:
        self._states.pop(session, None)

    def _left(self, nodeID: str) -> None:
        self._told.pop(nodeID, None)


class _StatusEvent(Event[str, dict[str, Any]]):
    """Tells everybody a dict of his own."""

    def _call(
        self,
        callback: Callable[[str, dict[str, Any]], object],
        nodeID: str,
        status: dict[str, Any],
    ) -> object:
        return callback(nodeID, deepcopy(status))


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
        # What Python reads as JSON may be none: NaN, and 1e999.
        json.dumps(status, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"a status that is not JSON: {error}") from None
    if not isinstance(status, dict):
        raise MalformedMessage("a status that is not a JSON object")
    if _isNested(status, MAX_NESTING):
        raise MalformedMessage(f"a status that is nested more than {MAX_NESTING} times")
    return status


def _isNested(value: Any, most: int) -> bool:
    """Whether there are more objects and arrays within each other than C{most}."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
