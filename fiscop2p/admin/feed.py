"""What changes in a network, told to all who look at it: once a second, and never much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final

from twisted.internet.task import LoopingCall

from ..service import P2PService
from .journal import Journal
from .stream import EventStream, compact
from .views import View, Views

INTERVAL: Final = 1.0
"""Seconds between two looks at the node, while anybody wants to know."""

BUDGET: Final = 8 * 1024
"""Bytes of news of a kind at a time, flow not counted; what is more waits for the next time."""

_EVENTS_AT_FIRST: Final = 50
_SAME_TIME: Final = 1.5

_Flow = tuple[int, int, int, float | None]


class Feed:
    """
    Tells every stream what is different from what it was told before.

    All streams hold the same, so what is different is found and written once for all.  One that
    was too slow is told everything anew.
    """

    def __init__(
        self,
        node: P2PService,
        views: Views,
        journal: Journal,
        now: Callable[[], float],
    ) -> None:
        """
        @param now: tells the time of day, which is for people.
        """
        self._node = node
        self._views = views
        self._journal = journal
        self._now = now
        self._streams: dict[EventStream, bool] = {}
        self._numbers = count()
        self._forget()
        self._loop = LoopingCall(self._look)
        self._loop.clock = node.clock

    def _forget(self) -> None:
        self._toldNode: View = {}
        self._toldPeers: dict[str, View] = {}
        self._toldAddresses: dict[str, View] = {}
        self._toldFlow: dict[int, _Flow] = {}
        self._toldEvent = 0
        self._bytes: dict[str, tuple[object, int, int]] = {}

    def add(self, stream: EventStream) -> None:
        """Tell a stream everything, and from now on what is different."""
        self._streams[stream] = True
        if not self._loop.running:
            self._forget()
            self._toldEvent = max(0, self._journal.last - _EVENTS_AT_FIRST)
            self._find(_Everything)
            self._loop.start(INTERVAL, now=False)
        self._tellAll(stream)

    def remove(self, stream: EventStream) -> None:
        """Tell it nothing any more."""
        self._streams.pop(stream, None)
        if not self._streams and self._loop.running:
            self._loop.stop()

    def resumed(self, stream: EventStream) -> None:
        """It was too slow, and has taken all by now."""
        if stream in self._streams and not self._streams[stream]:
            self._tellAll(stream)

    def _tellAll(self, stream: EventStream) -> None:
        self._streams[stream] = True
        first = max(0, self._toldEvent - _EVENTS_AT_FIRST)
        stream.send(
            "state",
            {
                "time": round(self._now(), 3),
                "node": self._toldNode,
                "peers": list(self._toldPeers.values()),
                "addresses": list(self._toldAddresses.values()),
                "flow": [[n, *flow] for n, flow in self._toldFlow.items()],
                "events": [
                    event for event in self._journal.after(first) if event["seq"] <= self._toldEvent
                ],
            },
        )

    def _look(self) -> None:
        news = self._find(_Budget)
        if not news:
            return
        text = compact({"time": round(self._now(), 3), **news})
        for stream, isUpToDate in list(self._streams.items()):
            if stream.isBlocked:
                self._streams[stream] = False
            elif isUpToDate:
                stream.send("change", text)

    # What is different.

    def _find(self, budget: Callable[[], _Budget]) -> View:
        # One each: peers that are different all the time do not hide what happens.
        found = {
            "node": self._differentNode(),
            "peers": list(self._differentPeers(budget())),
            "forgotten": self._forgotten(),
            "addresses": list(self._differentAddresses(budget())),
            "flow": self._differentFlow(),
            "events": list(self._newEvents(budget())),
        }
        return {key: value for key, value in found.items() if value}

    def _differentNode(self) -> View:
        now = self._views.nodeRow()
        different = _different(self._toldNode, now)
        self._toldNode = now
        return different

    def _differentPeers(self, budget: _Budget) -> Iterable[View]:
        for nodeID, row in self._views.peerRows().items():
            told = self._toldPeers.get(nodeID)
            if told is None:
                row["n"] = next(self._numbers)
                if budget.allows(row):
                    self._toldPeers[nodeID] = row
                    yield row
                continue
            row["n"] = told["n"]
            if row != told:
                different = {"n": row["n"], **_different(told, row)}
                if budget.allows(different):
                    self._toldPeers[nodeID] = row
                    yield different

    def _forgotten(self) -> list[int]:
        shown = {nodeID for nodeID, _ in self._views.shown()}
        forgotten = [nodeID for nodeID in self._toldPeers if nodeID not in shown]
        numbers = [self._toldPeers.pop(nodeID)["n"] for nodeID in forgotten]
        for n in numbers:
            self._toldFlow.pop(n, None)
        return numbers

    def _differentAddresses(self, budget: _Budget) -> Iterable[View]:
        now = self._now()
        listed = set()
        for row in self._views.addresses():
            name, left = row["address"], row.pop("nextAttempt")
            listed.add(name)
            told = self._toldAddresses.get(name)
            row["due"] = None if left is None else round(now + left)
            if told is not None and _isSameTime(told["due"], row["due"]):
                row["due"] = told["due"]
            if row != told and budget.allows(row):
                self._toldAddresses[name] = row
                yield row
        for name in [name for name in self._toldAddresses if name not in listed]:
            del self._toldAddresses[name]
            yield {"address": name, "state": "removed"}

    def _differentFlow(self) -> list[list[Any]]:
        """What goes over the links that were told of."""
        before, self._bytes = self._bytes, {}
        different = []
        for nodeID, row in self._toldPeers.items():
            flow = self._flow(nodeID, before.get(nodeID))
            n = row["n"]
            if flow != self._toldFlow.get(n, (0, 0, 0, None)):
                self._toldFlow[n] = flow
                different.append([n, *flow])
        return different

    def _flow(self, nodeID: str, before: tuple[object, int, int] | None) -> _Flow:
        session = self._node.registry.find(nodeID)
        if session is None:
            return 0, 0, 0, None
        received, sent = session.counts.bytesReceived, session.counts.bytesSent
        self._bytes[nodeID] = session, received, sent
        latency = None if session.latency is None else _rounded(session.latency * 1000)
        if before is None or before[0] is not session:
            return 0, 0, session.queued, latency
        incoming = int(_rounded((received - before[1]) / INTERVAL))
        outgoing = int(_rounded((sent - before[2]) / INTERVAL))
        return incoming, outgoing, session.queued, latency

    def _newEvents(self, budget: _Budget) -> Iterable[View]:
        for event in self._journal.after(self._toldEvent):
            if not budget.allows(event):
                return
            self._toldEvent = event["seq"]
            yield event


class _Budget:
    """How much may be told at a time."""

    def __init__(self) -> None:
        self._used = 0

    def allows(self, row: View) -> bool:
        """
        Whether there is room for one more row, which is taken then.

        There is for the first: one that is too large for all times would never be told.
        """
        used = self._used + len(compact(row))
        if self._used and used > BUDGET:
            return False
        self._used = used
        return True


class _Everything(_Budget):
    """There is no limit."""

    def allows(self, row: View) -> bool:
        """There is room."""
        return True


def _different(before: View, now: View) -> View:
    return {key: value for key, value in now.items() if key not in before or before[key] != value}


def _isSameTime(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= _SAME_TIME


def _rounded(number: float) -> float:
    """Two digits are what people see; more would be news all the time."""
    return float(f"{number:.2g}")
