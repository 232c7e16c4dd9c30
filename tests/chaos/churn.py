"""Links that come and go, again and again."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Iterator
from time import sleep
from typing import Final

from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC2

from .bystanders import ECHO, talk
from .members import chain, loopbackPorts, memberContext, running, waitFor
from .memory import blocks, openFiles
from .stranger import Stranger
from .trial import Figure, Trial, atMost, exactly

_FIRST: Final = RC2.encode(ECHO, 0, 2, b"")
_MEMBERS: Final = 4
"""Few, so that what is remembered of each is soon complete."""

_HOST: Final = "127.0.0.1"
_FILLING: Final = 1000
"""After so many visits all that is remembered of the last ones is complete."""

_FLAT: Final = 1000
"""Blocks of memory that may be more: what was last done leaves something, and not the same."""


# In memory.


def inMemory(seed: int, count: int) -> Iterator[Figure]:
    """Let strangers and members come and go in a network in memory."""
    chance = random.Random(seed)
    network = MemoryNetwork(2)
    node, bystander = network.nodes
    node.handle(ECHO, lambda message: message.payload)
    network.advance(2)
    _comeAndGo(network, chance, count // 10)
    before = blocks(), len(network.clock.getDelayedCalls()), openFiles()
    _comeAndGo(network, chance, count)
    after = blocks(), len(network.clock.getDelayedCalls()), openFiles()
    yield exactly("cycles", count, count)
    yield atMost("more blocks of memory", max(0, after[0] - before[0]), _FLAT)
    yield atMost("more delayed calls", max(0, after[1] - before[1]), 0)
    yield atMost("more open files", max(0, after[2] - before[2]), 0)
    yield exactly("links left", len(node._links._connections) - 1, 0)
    yield exactly("requests of a bystander without answer", talk(network, bystander, node), 0)
    network.stop()


def _comeAndGo(network: MemoryNetwork, chance: random.Random, count: int) -> None:
    node, _ = network.nodes
    for _ in range(count):
        kind = chance.randrange(4)
        name = f"member {chance.randrange(_MEMBERS)}" if kind else ""
        host = f"10.8.{chance.randrange(256)}.{chance.randrange(256)}"
        stranger = Stranger(network, node, name, host)
        network.advance(0)
        if kind > 1:
            stranger.say(_FIRST[: chance.choice((5, len(_FIRST)))])
        network.advance(chance.choice((0, 0.01, 0.05, 0.2)))
        stranger.leave()
        network.advance(0)
    # Whatever waits for something has waited long enough, and the ways to whoever came are no more.
    network.advance(120)
    paths = network.fabric._paths
    network.fabric._paths = {ends: path for ends, path in paths.items() if path.transports}


# Over sockets.


def overSockets(seed: int, count: int) -> Iterator[Figure]:
    """Let strangers and members come and go at a node in a process of its own."""
    chance = random.Random(seed)
    ports = loopbackPorts(4)
    port = int(ports.split(",")[0])
    with chain(f"{_HOST}:4", ports) as configs:
        members = [memberContext(config.parent / "conf") for config in configs[2:]]
        with running(configs[:2]) as mesh:
            target, _ = mesh.members

            def comeAndGo(times: int) -> dict[str, int]:
                for _ in range(times):
                    _visit(chance, port, members)
                # As many files as before are open once the last ones have been let go.
                waitFor(lambda: target.ask("figures")["files"] <= files, 15)
                sleep(1)
                return target.ask("figures")

            files = target.ask("figures")["files"]
            before = comeAndGo(_FILLING)
            after = comeAndGo(count)
            yield exactly("cycles", count, count)
            yield atMost("more open files", max(0, after["files"] - before["files"]), 0)
            yield atMost("more blocks of memory", max(0, after["blocks"] - before["blocks"]), _FLAT)
            yield atMost("more delayed calls", max(0, after["calls"] - before["calls"]), 5)
            yield exactly("nodes connected", len(target.ask("peers")["nodes"]), 1)
            yield exactly("the mesh stands", mesh.isWhole(), True)


def _visit(chance: random.Random, port: int, members: list[ssl.SSLContext]) -> None:
    """Connect, go as far as chance has it, and leave."""
    kind = chance.randrange(5)
    with socket.socket() as one:
        one.settimeout(10)
        if not kind:
            # Nobody that the node knows: it is refused, or let wait for its handshake.
            one.bind((f"127.68.0.{chance.randrange(1, 4)}", 0))
        try:
            one.connect((_HOST, port))
            if kind == 1:
                one.send(b"\x16\x03\x01\x02")
            elif kind > 1:
                _speak(chance, one, chance.choice(members))
        except OSError:
            pass  # It was refused, which is a visit, too.


def _speak(chance: random.Random, one: socket.socket, member: ssl.SSLContext) -> None:
    with member.wrap_socket(one, do_handshake_on_connect=True) as link:
        if chance.randrange(3):
            link.send(_FIRST[: chance.choice((5, len(_FIRST)))])
        if chance.randrange(2):
            link.recv(100)


TRIALS = (
    Trial(
        "churn-memory",
        "Links that come and go leave nothing behind.",
        inMemory,
        count=100_000,
        fewer=2000,
    ),
    Trial(
        "churn-sockets",
        "Links that come and go over sockets leave nothing behind.",
        overSockets,
        count=2000,
        fewer=300,
    ),
)
