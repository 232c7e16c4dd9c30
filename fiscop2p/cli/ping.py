"""C{fiscop2p ping}: how long a round trip to a node takes."""

from __future__ import annotations

import time
from statistics import fmean, median, pstdev

from .asking import MeasureCommand
from .failures import DONE, NOT_DELIVERED, NotDelivered
from .numbers import counts, seconds
from .running import called
from .words import latencyWords


class PingOptions(MeasureCommand):
    """C{fiscop2p ping}."""

    command = "ping"
    optParameters = [
        ["count", "n", 5, "How often.", counts("-n")],
        ["interval", "i", 1.0, "Seconds from one to the next.", seconds("-i", 0)],
    ]
    longdesc = (
        "Asks a node for something that every FISCO BCOS node answers, and tells how long that "
        "takes, from link to link. Exit status 5 if it never answers."
    )

    def run(self) -> int:
        """Ask, again and again."""
        peer = self.node.find(self.name)
        self._who = called(peer)
        times: list[float | None] = []
        try:
            for index in range(self["count"]):
                if index:
                    time.sleep(self["interval"])
                times.append(self._ask(peer["nodeID"]))
        except KeyboardInterrupt:
            pass  # What is known by now is told.
        answered = [each for each in times if each is not None]
        if self.isJSON:
            self.tell({"to": peer["nodeID"], "times": times, **_statistics(answered)})
        else:
            self._summarize(len(times), answered)
        return DONE if answered else NOT_DELIVERED

    def _ask(self, nodeID: str) -> float | None:
        try:
            took: float = self.node.post("/api/ping", {"to": nodeID})["seconds"]
        except NotDelivered as error:
            if not self.isJSON:
                self.say(f"{self._who}: {error}")
            return None
        if not self.isJSON:
            self.say(f"{self._who}: answered after {latencyWords(took)}")
        return took

    def _summarize(self, sent: int, answered: list[float]) -> None:
        lost = sent - len(answered)
        self.say(f"{sent} sent, {len(answered)} answered, {lost} lost")
        if answered:
            shown = (f"{what} {latencyWords(each)}" for what, each in _statistics(answered).items())
            self.say(", ".join(shown))


def _statistics(times: list[float]) -> dict[str, float]:
    if not times:
        return {}
    return {
        "min": min(times),
        "median": median(times),
        "mean": fmean(times),
        "max": max(times),
        "deviation": pstdev(times),
    }
