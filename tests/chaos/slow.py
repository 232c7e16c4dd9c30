"""A peer that reads slowly, and one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import monotonic, sleep
from typing import Final

from fiscop2p.settings import Settings

from .members import Member, chain, loopbackPorts, running, waitFor
from .memory import MIB
from .trial import Figure, Trial, atLeast, atMost, exactly

_LARGE: Final = 64 * 1024
_SMALL: Final = 4 * 1024
_ROUNDS: Final = 7
_WINDOW: Final = 2.0
_REST: Final = 1.0
_LONG: Final = 60.0


def slowReader(seed: int, count: int) -> Iterator[Figure]:
    """Aim so many MiB at a peer that hardly reads, while another one takes all it can."""
    with chain("127.0.0.1:3", loopbackPorts(3)) as configs, running(configs) as mesh:
        sender, slow, fast = mesh.members
        sender.ask("stream", to=fast.nodeID, size=_SMALL)
        sleep(_REST)
        _rate(sender, fast)
        sender.ask("forgetPeak")
        before = sender.ask("figures")["memory"]
        ratios = []
        for _ in range(_ROUNDS):
            quiet = _rate(sender, fast)
            slow.ask("crawl", sender=sender.nodeID, crawls=True)
            # So that all that is wanted is aimed at it, and the same in each round.
            rate = count * MIB / _LARGE / (_ROUNDS * (_WINDOW + _REST))
            sender.ask("stream", to=slow.nodeID, size=_LARGE, rate=max(rate, _filling()))
            sleep(_REST)
            ratios.append(_rate(sender, fast) / quiet)
            sender.ask("hush", to=slow.nodeID)
            slow.ask("crawl", sender=sender.nodeID, crawls=False)
            waitFor(lambda: _count(slow, sender) == _sent(sender, slow)["sent"], _LONG)
        peak = sender.ask("figures")["peak"]
        sender.ask("still")
        sent = _sent(sender, slow)
        aimed = (sent["sent"] + sent["busy"]) * _LARGE / MIB
        bound = Settings().maxQueue / MIB
        waitFor(lambda: _count(slow, sender) == sent["sent"], _LONG)
        yield atLeast("aimed at the slow reader", aimed, count, "MiB")
        yield atLeast("of which were refused", sent["busy"] * _LARGE / MIB, 1, "MiB")
        yield atMost("growth of the sender's memory", peak - before, bound + 20, "MiB")
        yield atMost("drop of the other's rate", 100 * (1 - median(ratios)), 10, "%")
        lost = sent["sent"] - _count(slow, sender)
        yield exactly("messages taken for the slow reader that never came", lost, 0)


def _filling() -> float:
    """So many messages a second that a round fills the queue."""
    return 3 * Settings().maxQueue / _LARGE / (_WINDOW + _REST)


def _count(receiver: Member, sender: Member) -> int:
    return int(receiver.ask("taken").get(sender.nodeID, {}).get("count", 0))


def _sent(sender: Member, receiver: Member) -> dict[str, int]:
    sent: dict[str, int] = sender.ask("sent")[receiver.nodeID]
    return sent


def _rate(sender: Member, receiver: Member) -> float:
    """How many messages a second come."""
    begin, before = monotonic(), _count(receiver, sender)
    sleep(_WINDOW)
    return (_count(receiver, sender) - before) / (monotonic() - begin)


TRIALS = (
    Trial(
        "slow-reader",
        "A peer that reads slowly costs Settings.maxQueue of memory, and no other peer anything.",
        slowReader,
        count=200,
        fewer=None,
    ),
)
