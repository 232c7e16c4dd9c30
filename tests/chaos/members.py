"""Nodes in processes of their own, as a trial drives them."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from socket import AF_INET, SOCK_STREAM, socket
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic, sleep
from typing import IO, Any, Final

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan

from .making import ROOT
from .trial import Skipped

MESH: Final = 20.0
"""Seconds in which a mesh has to stand, or to stand again."""

_PATIENCE: Final = 60.0
_POLL: Final = 0.2
_PORTS: Final = "30300,20200,8545"


class Broken(Exception):
    """A process of a trial went wrong; the message holds what it said."""


class Member:
    """
    One process.

    @ivar nodeID: its node's.
    @ivar log: what it logs.
    """

    def __init__(self, config: Path, prefix: Sequence[str] = ()) -> None:
        """
        @param prefix: a command that runs another one, C{ip netns exec NAME} say.
        """
        self.config = config
        self.log = config.parent / "member.log"
        self._prefix = prefix
        self.nodeID = ""
        self.start()

    def start(self) -> None:
        """Run it, and wait until it does."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, sys.executable, "-m", "tests.chaos.member", str(self.config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
            )
        assert self._process.stdout is not None
        self._heard: Queue[Any] = Queue()
        Thread(target=self._listen, args=(self._process.stdout, self._heard), daemon=True).start()
        self.nodeID = self._hear()["nodeID"]

    @staticmethod
    def _listen(output: IO[bytes], heard: Queue[Any]) -> None:
        with output:
            for line in output:
                heard.put(json.loads(line))
        heard.put(None)

    def ask(self, order: str, **words: Any) -> Any:
        """
        Order something.

        @return: what it says.
        @raise Broken: it failed, or says nothing.
        """
        self.tell(order, **words)
        return self._hear()

    def tell(self, order: str, **words: Any) -> None:
        """Order something; what it says is there for L{hear}."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"order": order, **words}).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """What it says to the order before; see L{ask}."""
        return self._hear()

    def _hear(self) -> Any:
        try:
            words = self._heard.get(timeout=_PATIENCE)
        except Empty:
            raise Broken(f"{self.config}: nothing was heard in time; {self.lastWords}") from None
        if words is None:
            raise Broken(f"{self.config}: it has ended; {self.lastWords}")
        if "fault" in words:
            raise Broken(words["fault"])
        return words

    @property
    def lastWords(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-5:])

    @property
    def process(self) -> int:
        """The ID of its process, or of the command that runs it."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the node's process, which is that of the command that ran it."""
        self._process.send_signal(number)

    def end(self) -> None:
        """End it, however it is."""
        self.kill()
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # It has not read all, and never will.

    def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()
        self._process.wait()


class Mesh:
    """Members that are all configured with the addresses of all."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)

    def untilWhole(self, seconds: float, members: Sequence[Member] | None = None) -> float:
        """
        Wait until every node answers every other one.

        @param members: which; all, if not given.
        @return: how long that took, or infinity if it took longer than C{seconds}.
        """
        return waitFor(lambda: self.isWhole(members), seconds)

    def isWhole(self, members: Sequence[Member] | None = None) -> bool:
        """Whether every node answers every other one within a second."""
        chosen = self.members if members is None else members
        everybody = {member.nodeID for member in chosen}
        for member in chosen:
            others = sorted(everybody - {member.nodeID})
            member.tell("answering", of=others, within=1.0)
        answers = [member.hear() for member in chosen]
        return all(len(words["nodes"]) == len(everybody) - 1 for words in answers)

    def each(self, order: str, **words: Any) -> list[Any]:
        """Order the same from all."""
        return [member.ask(order, **words) for member in self.members]

    def pairs(self) -> Iterator[tuple[Member, Member]]:
        """Every node with every other one."""
        for one in self.members:
            for other in self.members:
                if one is not other:
                    yield one, other


def waitFor(condition: Callable[[], bool], seconds: float) -> float:
    """
    Ask again and again whether something is so.

    @return: how long it took, or infinity if it took longer than C{seconds}.
    """
    start = monotonic()
    while not condition():
        if monotonic() - start > seconds:
            return float("inf")
        sleep(_POLL)
    return monotonic() - start


@contextmanager
def chain(hosts: str, ports: str = _PORTS) -> Iterator[list[Path]]:
    """
    Make a chain in a temporary folder.

    @param hosts: C{ip:count[,ip:count]}.
    @return: the C{config.ini} of each node.
    """
    with TemporaryDirectory() as folder:
        made = buildChain(ChainPlan.parse(hosts, ports), Path(folder) / "nodes")
        yield [node.directory / "config.ini" for node in made]


@contextmanager
def running(configs: Sequence[Path], prefixes: Sequence[Sequence[str]] = ()) -> Iterator[Mesh]:
    """
    Run nodes until their mesh stands.

    @param prefixes: for each the command that runs its process on its host.
    @raise Broken: they form none.
    """
    members: list[Member] = []
    try:
        for number, config in enumerate(configs):
            members.append(Member(config, prefixes[number] if prefixes else ()))
        mesh = Mesh(members)
        if mesh.untilWhole(MESH) > MESH:
            raise Broken("no mesh:\n" + "\n".join(member.lastWords for member in members))
        yield mesh
    finally:
        for member in members:
            member.end()


def loopbackPorts(count: int) -> str:
    """Ports of loopback for so many nodes, as L{chain} takes them."""
    # Below those that the system gives to whoever dials.
    for start in range(20000 + os.getpid() % 600 * 16, 32000, 16):
        try:
            for port in range(start, start + 3 * count):
                with socket(AF_INET, SOCK_STREAM) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return f"{start},{start + count},{start + 2 * count}"
    raise Skipped("there are no free ports on this machine")


def memberContext(folder: Path, curve: str = "secp256k1") -> ssl.SSLContext:
    """
    TLS 1.2 as a member of a chain speaks it that takes every peer.

    @param folder: of its key and certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ecdh_curve(curve)
    context.load_cert_chain(folder / "node.crt", folder / "node.key")
    return context


def portIsOpen(port: int) -> bool:
    """Whether somebody listens there."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
