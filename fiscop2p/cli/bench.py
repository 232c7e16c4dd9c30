"""C{fiscop2p bench}: what the link to a node carries."""

from __future__ import annotations

from typing import Any, Final

from .asking import MeasureCommand
from .numbers import counts, seconds
from .running import called
from .terminal import Table
from .words import latencyWords, sizeWords

_SIZES: Final = (64, 1024, 16 * 1024, 256 * 1024)
_IN_FLIGHT: Final = 64
_MOST_BYTES: Final = 16 * 1024 * 1024


class BenchOptions(MeasureCommand):
    """C{fiscop2p bench}."""

    command = "bench"
    optParameters = [
        [
            "size",
            "s",
            None,
            "Bytes of a request, instead of several sizes.",
            counts("-s", 1, 1 << 20),
        ],
        [
            "seconds",
            "t",
            1.0,
            "How long each of the two parts of a row takes.",
            seconds("-t", 0.1, 10),
        ],
    ]
    longdesc = (
        "Sends requests to a node, which answers with what it was sent: one at a time, and then "
        f"{_IN_FLIGHT} at a time (fewer, if they are long). The times are those from link to link. "
        "The node must be one of fiscop2p, and both are busy meanwhile."
    )

    def run(self) -> int:
        """Measure, size by size."""
        peer = self.node.find(self.name)
        sizes = _SIZES if self["size"] is None else (self["size"],)
        table = Table(
            ("bytes", "round trip", "p99", "together", "requests/s", "each way"),
            right=frozenset({"bytes", "round trip", "p99", "together", "requests/s", "each way"}),
            spare=("p99",),
            note=f"to {called(peer)}",
        )
        found = []
        for size in sizes:
            single = self._measure(peer["nodeID"], size, 1)
            inFlight = max(min(_IN_FLIGHT, _MOST_BYTES // size), 1)
            several = self._measure(peer["nodeID"], size, inFlight)
            rate = several["answered"] / several["seconds"]
            found.append(
                {"size": size, "single": single, "several": {**several, "inFlight": inFlight}}
            )
            table.rows.append(
                (
                    str(size),
                    latencyWords(single["median"]),
                    latencyWords(single["p99"]),
                    str(inFlight),
                    f"{rate:,.0f}",
                    f"{sizeWords(rate * size)}/s",
                )
            )
        if self.isJSON:
            self.tell({"to": peer["nodeID"], "rows": found})
        else:
            self.terminal.table(table)
        return 0

    def _measure(self, nodeID: str, size: int, inFlight: int) -> dict[str, Any]:
        return self.node.post(
            "/api/bench",
            {"to": nodeID, "size": size, "inFlight": inFlight, "seconds": self["seconds"]},
            self["seconds"],
        )
