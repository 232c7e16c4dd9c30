"""What members tell and ask each other while something breaks, and what has become of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fiscop2p.settings import Settings

from .members import Member, Mesh, waitFor
from .trial import Figure, atLeast, atMost, exactly

_SIZE = 200
_RATE = 200.0
_INTERVAL = 0.05
_MARGIN = 1.0


def begin(mesh: Mesh, rate: float | None = _RATE, interval: float = _INTERVAL) -> None:
    """Let every member tell and ask every other one, all the time."""
    for one, other in mesh.pairs():
        talk(one, other, rate, interval)


def talk(
    one: Member, other: Member, rate: float | None = _RATE, interval: float = _INTERVAL
) -> None:
    """Let a member tell and ask another one, all the time."""
    one.ask("stream", to=other.nodeID, size=_SIZE, rate=rate)
    one.ask("ask", to=other.nodeID, interval=interval)


def end(
    mesh: Mesh, patience: float = Settings().requestTimeout, stopped: Member | None = None
) -> Iterator[Figure]:
    """
    Let them be quiet, wait for the last answers, and see what became of it all.

    What is lost with a link is not resent, so numbers may be missing; but none comes twice, and
    none after a later one.

    @param patience: seconds that an error may take.
    @param stopped: did not run for a while: what it had asked before had to wait for that long.
    """
    mesh.each("still")
    waitFor(lambda: _open(_asked(mesh)) == 0, Settings().requestTimeout + _MARGIN)
    asked = _asked(mesh)
    taken = [sender for words in mesh.each("taken") for sender in words.values()]
    yield atLeast("requests", _sum(asked, "asked"), 1000)
    yield Figure("of which failed with an error", _sum(asked, "failed"))
    yield exactly("of which had neither answer nor error", _open(asked), 0)
    longest = max(
        to["longest"]
        for member in mesh.members
        if member is not stopped
        for to in member.ask("asked").values()
    )
    yield atMost("longest wait for an error", longest, patience + _MARGIN, "s")
    yield exactly("answers to another question", _sum(asked, "wrong"), 0)
    yield atLeast("one-way messages that came", _sum(taken, "count"), 1000)
    yield Figure("that were lost with a link", _sum(taken, "missing"))
    yield exactly("that came twice, or after a later one", _sum(taken, "disorder"), 0)


def _asked(mesh: Mesh) -> list[dict[str, Any]]:
    return [to for words in mesh.each("asked") for to in words.values()]


def _open(asked: Iterable[dict[str, Any]]) -> int:
    """How many requests have neither answer nor error."""
    return sum(each["asked"] - each["answered"] - each["failed"] for each in asked)


def _sum(found: Iterable[dict[str, Any]], key: str) -> int:
    return sum(each[key] for each in found)
