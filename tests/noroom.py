"""A node that for once has no memory left."""

from __future__ import annotations

from contextlib import AbstractContextManager
from unittest.mock import DEFAULT, patch

from fiscop2p.service import P2PService


def noRoomForFrames(node: P2PService) -> AbstractContextManager[object]:
    """Within this, the first frames that are made of many messages fail."""
    encode = node.links.encode
    outcomes = (MemoryError("no room"), *[DEFAULT] * 100)
    return patch.object(encode, "together", wraps=encode.together, side_effect=outcomes)
