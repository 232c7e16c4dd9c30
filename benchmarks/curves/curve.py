"""What is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..load import KIB, MIB, Load, sizeText
from ..operations import OPERATIONS, Operation
from ..operations.flow import SENDER_CPU_EACH

_LINKS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_TOPICS: Final = (1, 10, 100, 1000, 10_000)
_SIZES: Final = (
    64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB
)  # fmt: skip


class Drawing(NamedTuple):
    """
    What is drawn of a curve's runs.

    @ivar key: of the value.
    @ivar title: what it is.
    @ivar yTitle: the value and its unit.
    @ivar suffix: of the file's name, behind that of the curve.
    @ivar isCost: whether it is to grow no faster than the work.
    """

    key: str
    title: str
    yTitle: str
    suffix: str = ""
    isCost: bool = True


@dataclass(frozen=True)
class Curve:
    """
    What becomes of an operation as its load grows.

    @ivar name: what the command line calls it, and its file.
    @ivar operation: the operation.
    @ivar loads: what it is measured with, ascending.
    @ivar variable: the field of the load that grows.
    @ivar xTitle: what grows.
    @ivar tick: how people are told a value of the variable.
    @ivar implementations: whose curves are drawn by default.
    @ivar drawings: what is drawn of it.
    """

    name: str
    operation: Operation
    loads: tuple[Load, ...]
    variable: str
    xTitle: str
    tick: Callable[[int], str]
    implementations: tuple[str, ...]
    drawings: tuple[Drawing, ...]

    def xOf(self, load: Load) -> int:
        """Where a load is on this curve."""
        x: int = getattr(load, self.variable)
        return x

    def costs(self) -> Iterator[Drawing]:
        """What is to grow no faster than the work."""
        return (each for each in self.drawings if each.isCost)


def _number(value: int) -> str:
    return f"{value:,}"


_SYNC: Final = Drawing("seconds", "Time until all know all topics of all", "seconds")

CURVES: dict[str, Curve] = {
    curve.name: curve
    for curve in (
        Curve(
            name="one-way",
            operation=OPERATIONS["one-way"],
            loads=tuple(map(Load, _SIZES)),
            variable="size",
            xTitle="size of a message",
            tick=sizeText,
            implementations=("fiscop2p", "naive", "blocking", "pyzmq"),
            drawings=(
                Drawing("each", "Time for a message one way", "us a message"),
                Drawing("megabytes", "Messages one way", "MB/s", "-rate", isCost=False),
            ),
        ),
        Curve(
            name="broadcast",
            operation=OPERATIONS["broadcast"],
            loads=tuple(Load(64, links) for links in _LINKS),
            variable="links",
            xTitle="links",
            tick=_number,
            implementations=("fiscop2p", "naive"),
            drawings=(
                Drawing("each", "Time until all have a broadcast of 64 B", "us a broadcast"),
                Drawing(SENDER_CPU_EACH, "CPU of who broadcasts 64 B", "us a broadcast", "-sender"),
                Drawing("rate", "Broadcasts of 64 B", "deliveries a second", "-rate", isCost=False),
            ),
        ),
        Curve(
            name="sync-peers",
            operation=OPERATIONS["sync"],
            loads=tuple(Load(links=links, topics=10) for links in _LINKS),
            variable="links",
            xTitle="peers, with 10 topics each",
            tick=_number,
            implementations=("fiscop2p",),
            drawings=(_SYNC,),
        ),
        Curve(
            name="sync-topics",
            operation=OPERATIONS["sync"],
            loads=tuple(Load(links=10, topics=topics) for topics in _TOPICS),
            variable="topics",
            xTitle="topics of each node, with 10 peers",
            tick=_number,
            implementations=("fiscop2p",),
            drawings=(_SYNC,),
        ),
    )
}
