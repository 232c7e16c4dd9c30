"""The JSON lines between the benchmark and its children, and between the two children."""

from __future__ import annotations

import json
import sys
from typing import Any, Final, TypeAlias

Words: TypeAlias = dict[str, Any]
"""Whatever JSON can say."""

READY: Final = "ready"
"""A child stands; its value says where and how."""
CONNECT: Final = "connect"
"""Tells the sender to connect; its value is what the receiver's L{READY} said."""
RUN: Final = "run"
"""Tells the sender to run; its value is an order: operation, size, count."""
RESULT: Final = "result"
"""What a run has come to."""
ERROR: Final = "error"
"""A child cannot go on, and why."""


def encode(words: Words) -> bytes:
    """Write it as one line, without the line's end."""
    return json.dumps(words).encode()


def decode(line: bytes) -> Words:
    """Undo L{encode}."""
    words: Words = json.loads(line)
    return words


def say(**words: Any) -> None:
    """Tell the benchmark, from a child."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()
