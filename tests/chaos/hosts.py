"""Hosts of their own: network namespaces on one switch, with packet filters that break the wire."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .members import Mesh, chain, running
from .trial import Skipped

_NAME: Final = "fiscop2p"
_FIRST: Final = "198.18.77."
"""Of the range that is set aside for tests of networks (RFC 2544); it leads nowhere."""


_LIST: Final = "nft list table inet chaos"


class Hosts:
    """
    So many hosts, and the switch between them.

    @ivar addresses: the IP of each.
    """

    def __init__(self, count: int) -> None:
        """
        @raise Skipped: there are no namespaces to be had here.
        """
        _need("ip", "iproute2")
        self.addresses = [f"{_FIRST}{number + 1}" for number in range(count)]
        self._names = [f"{_NAME}-{os.getpid()}-{number}" for number in range(count)]
        self._switch = f"{_NAME}-{os.getpid()}-switch"

    def __enter__(self) -> Hosts:
        try:
            _removeLeftovers()
            _run("ip", "netns", "add", self._switch)
        except _Failed as error:
            raise Skipped(f"no network namespaces here, which root may make: {error}") from None
        try:
            self._wire()
        except _Failed as error:
            self.remove()
            raise Skipped(f"the namespaces cannot be wired here: {error}") from None
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def _wire(self) -> None:
        inSwitch = ("ip", "-n", self._switch)
        _run(*inSwitch, "link", "add", "switch", "type", "bridge")
        _run(*inSwitch, "link", "set", "switch", "up")
        for number, (name, address) in enumerate(zip(self._names, self.addresses, strict=True)):
            _run("ip", "netns", "add", name)
            inHost, port = ("ip", "-n", name), f"port{number}"
            _run(*inSwitch, *f"link add {port} type veth peer name eth0 netns {name}".split())
            _run(*inSwitch, *f"link set {port} master switch up".split())
            _run(*inHost, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                _run(*inHost, "link", "set", device, "up")

    def remove(self) -> None:
        """Take all of it away."""
        for name in (*self._names, self._switch):
            if Path("/run/netns", name).exists():
                _run("ip", "netns", "del", name)

    def command(self, number: int) -> tuple[str, ...]:
        """What runs another command on a host."""
        return ("ip", "netns", "exec", self._names[number])

    # What breaks.

    def part(self, one: Iterable[int], other: Iterable[int]) -> None:
        """Let nothing pass between some hosts and others."""
        sides = list(one), list(other)
        for here, there in (sides, sides[::-1]):
            addresses = ", ".join(self.addresses[number] for number in there)
            for number in here:
                self._filter(number, f"ip saddr {{ {addresses} }} counter drop;")

    def blackhole(self, number: int) -> None:
        """Let nothing reach a host, nor leave it; nobody is told."""
        self.part([number], [n for n in range(len(self.addresses)) if n != number])

    def lose(self, percent: int) -> None:
        """Let every host lose so many of a hundred packets that come to it."""
        for number in range(len(self.addresses)):
            self._filter(number, f"numgen random mod 100 < {percent} counter drop;")

    @property
    def dropped(self) -> int:
        """How many packets have not arrived since something was broken."""
        tables = [_run(*self.command(n), *_LIST.split()) for n in range(len(self.addresses))]
        return sum(int(count) for count in re.findall(r"counter packets (\d+)", "".join(tables)))

    def heal(self) -> None:
        """Undo all of that."""
        for number in range(len(self.addresses)):
            self._filter(number, "")

    def _filter(self, number: int, rule: str) -> None:
        _need("nft", "nftables")
        table = "table inet chaos"
        hook = f"chain input {{ type filter hook input priority 0; {rule}\n}}"
        rules = f"{table} {{}}\ndelete {table}\n{table} {{\n{hook}\n}}\n"
        _run(*self.command(number), "nft", "-f", "-", said=rules)


class _Failed(Exception):
    """A command of the system has failed; the message is its own."""


def _need(command: str, package: str) -> None:
    if shutil.which(command) is None:
        raise Skipped(f"there is no command {command!r} here (Debian: {package})")


def _run(*command: str, said: str = "") -> str:
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise _Failed(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _removeLeftovers() -> None:
    """Take away what a trial that was killed has left."""
    for path in Path("/run/netns").glob(f"{_NAME}-*-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            _run("ip", "netns", "del", path.name)


@contextmanager
def hostsWithNodes(count: int) -> Iterator[tuple[Hosts, Mesh]]:
    """Run a node on each of so many hosts, until their mesh stands."""
    with Hosts(count) as hosts:
        places = ",".join(f"{address}:1" for address in hosts.addresses)
        prefixes: Sequence[Sequence[str]] = [hosts.command(number) for number in range(count)]
        with chain(places) as configs, running(configs, prefixes) as mesh:
            yield hosts, mesh
