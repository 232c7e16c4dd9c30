"""Hosts that stop, die or cannot reach each other, while their nodes talk."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Final

from . import traffic
from .hosts import Hosts, hostsWithNodes
from .making import ROOT
from .members import MESH, Member, Mesh, chain, running, waitFor
from .trial import Figure, Trial, atLeast, atMost, exactly

_NODES: Final = 4
_LAST: Final = _NODES - 1
_DEAD: Final = 15.0
"""Seconds in which a silent peer has to be known dead."""

_LONG: Final = 60.0
_BEFORE: Final = 2.0
_RELAY_PORT: Final = 31000
_DELAY: Final = 0.1


def _healed(mesh: Mesh) -> Figure:
    return atMost("full mesh again after", mesh.untilWhole(_LONG), MESH, "s")


def _knownDead(dead: Member, by: Member, most: float = _DEAD) -> Figure:
    seconds = waitFor(lambda: dead.nodeID not in by.ask("peers")["nodes"], _LONG)
    return atMost("known dead after", seconds, most, "s")


def partition(seed: int, count: int) -> Iterator[Figure]:
    """Part two nodes from two others, and heal it."""
    with hostsWithNodes(_NODES) as (hosts, mesh):
        traffic.begin(mesh)
        sleep(_BEFORE)
        hosts.part((0, 1), (2, 3))
        sleep(count)
        one, _, other, _ = mesh.members
        answering = one.ask("answering", of=[other.nodeID], within=1.0)["nodes"]
        yield exactly("requests answered over the gap", len(answering), 0)
        hosts.heal()
        yield _healed(mesh)
        yield from traffic.end(mesh)


def loss(seed: int, count: int) -> Iterator[Figure]:
    """Lose one packet of twenty on each way, and have a node start anew."""
    with hostsWithNodes(_NODES) as (hosts, mesh):
        hosts.lose(5)
        *_, last = mesh.members
        last.kill()
        started = monotonic()
        last.start()
        mesh.untilWhole(_LONG)
        yield atMost("full mesh, with the loss, after", monotonic() - started, MESH, "s")
        traffic.begin(mesh)
        sleep(count)
        yield atMost("and still", mesh.untilWhole(_LONG), MESH, "s")
        yield atLeast("packets lost", hosts.dropped, 100)
        yield from traffic.end(mesh)


def blackhole(seed: int, count: int) -> Iterator[Figure]:
    """Let a host reach nobody, and nobody reach it, without a word to anybody."""
    with hostsWithNodes(_NODES) as (hosts, mesh):
        traffic.begin(mesh)
        sleep(_BEFORE)
        hosts.blackhole(_LAST)
        *others, lost = mesh.members
        yield _knownDead(lost, others[0])
        alone = waitFor(lambda: not lost.ask("peers")["nodes"], _LONG)
        yield atMost("knows itself alone, after that, within", alone, _DEAD, "s")
        yield atMost("mesh of the others after", mesh.untilWhole(_LONG, others), MESH, "s")
        sleep(count)
        hosts.heal()
        yield _healed(mesh)
        yield from traffic.end(mesh)


def kill(seed: int, count: int) -> Iterator[Figure]:
    """Kill a node in the middle of a flood, and start it again."""
    with hostsWithNodes(_NODES) as (_, mesh):
        traffic.begin(mesh, rate=None)
        sleep(_BEFORE)
        *others, victim = mesh.members
        victim.kill()
        yield _knownDead(victim, others[0], 2.0)
        sleep(count)
        started = monotonic()
        victim.start()
        mesh.untilWhole(_LONG)
        yield atMost("full mesh again, from its start, after", monotonic() - started, MESH, "s")
        for other in others:
            traffic.talk(victim, other, rate=None)
        sleep(_BEFORE)
        yield from traffic.end(mesh, 1.0)


def stop(seed: int, count: int) -> Iterator[Figure]:
    """Stop a node's process, and let it go on."""
    with hostsWithNodes(_NODES) as (_, mesh):
        traffic.begin(mesh)
        sleep(_BEFORE)
        *others, stopped = mesh.members
        stopped.signal(signal.SIGSTOP)
        known = _knownDead(stopped, others[0])
        yield known
        sleep(max(0.0, count - known.value))
        yield atMost("mesh of the others after", mesh.untilWhole(_LONG, others), MESH, "s")
        stopped.signal(signal.SIGCONT)
        yield _healed(mesh)
        sleep(_BEFORE)
        yield from traffic.end(mesh, stopped=stopped)


def delay(seed: int, count: int) -> Iterator[Figure]:
    """Let everything take 100 ms in each direction, and then not go on at all for a while."""
    with Hosts(_NODES + 1) as hosts:
        *places, between = hosts.addresses
        with chain(",".join(f"{place}:1" for place in places)) as configs:
            for config in configs:
                _detour(config, places, between)
            with _relay(hosts, places) as relay:
                commands = [hosts.command(number) for number in range(_NODES)]
                with running(configs, commands) as mesh:
                    traffic.begin(mesh)
                    sleep(_BEFORE)
                    yield _roundTrip(mesh)
                    relay.send_signal(signal.SIGSTOP)
                    sleep(count)
                    relay.send_signal(signal.SIGCONT)
                    yield _healed(mesh)
                    sleep(_BEFORE)
                    yield from traffic.end(mesh)


def _detour(config: Path, places: list[str], between: str) -> None:
    """Have a node dial the relay wherever it would dial another one."""
    text = config.read_text()
    for number, place in enumerate(places):
        text = text.replace(f"={place}:30300", f"={between}:{_RELAY_PORT + number}")
    config.write_text(text)


@contextmanager
def _relay(hosts: Hosts, places: list[str]) -> Iterator[subprocess.Popen[str]]:
    leads = [f"{_RELAY_PORT + number}={place}:30300" for number, place in enumerate(places)]
    relay = subprocess.Popen(
        [*hosts.command(_NODES), sys.executable, "-m", "tests.chaos.relay", str(_DELAY), *leads],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert relay.stdout is not None
        relay.stdout.readline()
        yield relay
    finally:
        relay.kill()
        relay.wait()
        relay.stdout.close()


def _roundTrip(mesh: Mesh) -> Figure:
    times = [time for words in mesh.each("asked") for to in words.values() for time in to["times"]]
    return Figure("round trip", median(times), 2 * _DELAY, 0.3, "s")


TRIALS = (
    Trial(
        "partition",
        "After a partition of 10 s the full mesh is back within 20 s.",
        partition,
        count=10,
        fewer=None,
    ),
    Trial(
        "loss",
        "With 5 % of all packets lost in each direction the mesh forms, and stands.",
        loss,
        count=30,
        fewer=None,
    ),
    Trial(
        "delay",
        "With 100 ms on each way the mesh stands; after a stall of 20 s it stands again.",
        delay,
        count=20,
        fewer=None,
    ),
    Trial(
        "blackhole",
        "A peer that is there no more is known dead within 15 s, and back within 20 s.",
        blackhole,
        count=5,
        fewer=None,
    ),
    Trial(
        "kill",
        "A node killed in the middle of a flood costs its requests an error, and no order.",
        kill,
        count=3,
        fewer=3,
    ),
    Trial(
        "stop",
        "A process that is stopped for 20 s is known dead within 15 s, and back within 20 s.",
        stop,
        count=20,
        fewer=None,
    ),
)
