"""
Which nodes a chain has: their IPs, numbers and ports, before anything is made.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import ChainError
from ..settings import Address

DEFAULT_PORTS = "30300,20200,8545"

_LOWEST_PORT, _HIGHEST_PORT = 1025, 65535


class Ports(NamedTuple):
    """The ports of one node."""

    p2p: int
    channel: int
    rpc: int

    @classmethod
    def parse(cls, text: str) -> Ports:
        """
        Read C{-p}: C{30300,20200,8545}.

        @raise ChainError: it is not three numbers.
        """
        numbers = [number.strip() for number in text.split(",")]
        if len(numbers) != 3 or not all(map(_isNumber, numbers)):
            raise ChainError(f"ports {text!r} are not p2p,channel,rpc; write {DEFAULT_PORTS}")
        return cls(*map(int, numbers))

    def after(self, count: int) -> Ports:
        """The ports of the node that comes C{count} places later on the same machine."""
        return Ports(*(port + count for port in self))


@dataclass(frozen=True)
class NodePlace:
    """
    Where a node is.

    @ivar ip: the IP that the other nodes reach it at.
    @ivar index: its number; numbers start anew on each IP.
    @ivar ports: its ports.
    """

    ip: str
    index: int
    ports: Ports

    @property
    def name(self) -> str:
        """C{node0} and so on: its directory and the common name of its certificate."""
        return f"node{self.index}"

    @property
    def isIPv6(self) -> bool:
        """Whether C{ip} is an IPv6 address."""
        return ":" in self.ip

    @property
    def address(self) -> str:
        """C{ip:port} or C{[ip]:port}, as a C{node.N} line has it."""
        return str(Address(self.ip, self.ports.p2p))


@dataclass(frozen=True)
class ChainPlan:
    """
    The nodes of a new chain.

    @ivar hosts: the number of nodes of each IP.
    @ivar ports: the ports of the first node of each IP; each further node takes the next ones.
    """

    hosts: Mapping[str, int]
    ports: Ports

    @classmethod
    def parse(cls, hosts: str, ports: str = DEFAULT_PORTS) -> ChainPlan:
        """
        Read C{-l} and C{-p}.

        @param hosts: C{ip:count[,ip:count]}, an IPv6 address in square brackets.
        @param ports: C{p2p,channel,rpc}.
        @raise ChainError: either is not of this form.
        """
        return cls(parseHosts(hosts), Ports.parse(ports))

    @property
    def places(self) -> tuple[NodePlace, ...]:
        """
        All the nodes.

        @raise ChainError: a port is out of range, or would be used twice.
        """
        return placeNodes(self.hosts, self.ports)


def parseHosts(text: str) -> dict[str, int]:
    """
    Read C{-l}: C{127.0.0.1:4,[::1]:2}.

    @return: the number of nodes of each IP.
    @raise ChainError: the form is another one, or an IP is no IP or is there twice.
    """
    hosts: dict[str, int] = {}
    for item in text.split(","):
        host, _, count = item.strip().rpartition(":")
        if not _isNumber(count) or int(count) < 1:
            raise ChainError(f"{item!r} is not ip:count; write 127.0.0.1:4 or [::1]:4")
        ip = _parseIP(host)
        if ip in hosts:
            raise ChainError(f"{ip} is given twice; give it once, with the sum of its nodes")
        hosts[ip] = int(count)
    return hosts


def isIP(text: str) -> bool:
    """Tell whether this is an IPv4 or IPv6 address, without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def placeNodes(
    hosts: Mapping[str, int], start: Ports | None, present: Sequence[NodePlace] = ()
) -> tuple[NodePlace, ...]:
    """
    Number new nodes and give them ports, behind those that are there.

    @param hosts: the number of new nodes of each IP.
    @param start: the ports of the first new node of each IP; L{None}: those after the last node
        of the IP, and on a new IP the lowest of the chain.
    @param present: the nodes that the chain has.
    @raise ChainError: a port is out of range, or would be used twice.
    """
    places: list[NodePlace] = []
    for ip, count in hosts.items():
        here = [place for place in present if place.ip == ip]
        first = start or (_each(max, here).after(1) if here else _each(min, present))
        index = max((place.index + 1 for place in here), default=0)
        used = {port: place.name for place in here for port in place.ports}
        for step in range(count):
            place = NodePlace(ip, index + step, first.after(step))
            _claimPorts(place, used)
            places.append(place)
    return tuple(places)


def _each(choose: Callable[[Iterable[int]], int], places: Iterable[NodePlace]) -> Ports:
    return Ports(*map(choose, zip(*(place.ports for place in places), strict=True)))


def _claimPorts(place: NodePlace, used: dict[int, str]) -> None:
    """Enter a node's ports in C{used}, which says whose each port of the machine is."""
    for kind, port in zip(Ports._fields, place.ports, strict=True):
        what = f"the {kind} port of {place.name} on {place.ip} would be {port}"
        if not _LOWEST_PORT <= port <= _HIGHEST_PORT:
            raise ChainError(
                f"{what}, which is not within {_LOWEST_PORT}..{_HIGHEST_PORT}; "
                f"choose another start port (-p)"
            )
        if port in used:
            raise ChainError(
                f"{what}, which {used[port]} has already; choose start ports further apart (-p)"
            )
        used[port] = place.name


def _isNumber(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _parseIP(text: str) -> str:
    bracketed = text.startswith("[") and text.endswith("]")
    bare = text[1:-1] if bracketed else text
    if not isIP(bare) or bracketed != (":" in bare):
        raise ChainError(f"{text!r} is not an IP address; write 10.0.0.1 or [fd00::1]")
    address = ipaddress.ip_address(bare)
    if address.is_unspecified or "%" in bare:
        raise ChainError(f"other nodes cannot reach {text!r}; give the IP that they can reach")
    return str(address)
