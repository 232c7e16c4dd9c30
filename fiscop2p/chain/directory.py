"""
A chain's directory on disk: made, and extended, in the layout of FISCO BCOS 2.x.

Only what the P2P network needs is in it: no channel certificates, genesis files or binaries.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..config.inifile import IniFile, portNumber
from ..errors import ChainError, ConfigError
from ..settings import Address
from .authority import DEFAULT_DAYS, SECP256K1, Authority, IssuedNode
from .plan import ChainPlan, NodePlace, Ports, isIP, placeNodes
from .texts import START_ALL_SCRIPT, STOP_ALL_SCRIPT, STOP_SCRIPT, configText, startScript

DEFAULT_AGENCY = "agency"

_AGENCY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SECRET, _PLAIN, _SCRIPT = 0o600, 0o666, 0o777  # the umask applies


@dataclass(frozen=True)
class MadeNode:
    """
    A node that now exists on disk.

    @ivar place: its IP, number and ports.
    @ivar nodeID: 128 hex digits.
    @ivar directory: where its C{config.ini} is.
    """

    place: NodePlace
    nodeID: str
    directory: Path


@dataclass(frozen=True)
class _NewNode:
    """A node that is still to be written."""

    place: NodePlace
    credentials: IssuedNode


def buildChain(
    plan: ChainPlan,
    directory: Path,
    *,
    agency: str = DEFAULT_AGENCY,
    days: int = DEFAULT_DAYS,
    curve: str = SECP256K1,
    ipv6: bool = False,
) -> tuple[MadeNode, ...]:
    """
    Make a chain with one agency and the directories of its nodes: all of it, or nothing.

    @param directory: the directory to make.
    @param agency: the name of the agency that issues the nodes' certificates.
    @param days: how long all certificates are valid.
    @param curve: the curve of all keys.
    @param ipv6: listen on C{::}, as a node at an IPv6 address does anyway.
    @raise ChainError: the directory exists or cannot be written, or an argument is wrong.
    """
    _checkAgencyName(agency)
    places = plan.places
    if os.path.lexists(directory):
        raise ChainError(f"{directory} exists and is left alone; choose another directory (-o)")
    root = Authority.makeRoot(curve=curve, days=days)
    issuer = root.issueAgency(agency, days)
    nodes = _issueNodes(issuer, places, days)
    with staged(directory.parent) as stage:
        chain = stage / directory.name
        _writeAuthority(chain / "cert", "ca", root)
        _writeAgency(chain / "cert" / agency, issuer)
        _writeNodes(chain, nodes, [place.address for place in places], ipv6)
        for ip in plan.hosts:
            _writeAllScripts(chain / ip)
        os.rename(chain, directory)
    return _madeNodes(directory, nodes)


def addNodes(
    directory: Path,
    hosts: Mapping[str, int],
    *,
    ports: Ports | None = None,
    agency: str = DEFAULT_AGENCY,
    days: int = DEFAULT_DAYS,
    ipv6: bool = False,
) -> tuple[MadeNode, ...]:
    """
    Add nodes to a chain: all of them, or none. The files of its other nodes stay as they are: the
    new nodes connect to the old ones, which need not know them.

    @param directory: the directory of the chain.
    @param hosts: the number of new nodes of each IP, see L{fiscop2p.chain.plan.parseHosts}.
    @param ports: the ports of the first new node of each IP; L{None}: those after the last node of
        the IP, and on a new IP the lowest of the chain.
    @param agency: the name of the agency that issues their certificates.
    @param days: how long these are valid.
    @param ipv6: listen on C{::}, as a node at an IPv6 address does anyway.
    @raise ChainError: there is no such chain or agency, or the nodes do not fit in.
    """
    issuer = _readAgency(directory, agency)
    present, addresses = _readNodes(directory)
    places = placeNodes(hosts, ports, present)
    for place in places:
        if place.address in addresses:
            raise ChainError(
                f"{place.address} is a node of the chain already, but not one in {directory}: "
                "bring its directory back, or choose other ports (-p)"
            )
    nodes = _issueNodes(issuer, places, days)
    with staged(directory) as stage:
        _writeNodes(stage, nodes, [*addresses, *(place.address for place in places)], ipv6)
        for ip in hosts:
            if not (directory / ip).exists():
                _writeAllScripts(stage / ip)
        _moveNodes(stage, directory)
    return _madeNodes(directory, nodes)


def addAgency(directory: Path, name: str, *, days: int = DEFAULT_DAYS) -> Path:
    """
    Add an agency to a chain.

    @param directory: the directory of the chain.
    @param name: the agency's name.
    @param days: how long its certificate is valid.
    @return: the agency's directory.
    @raise ChainError: there is no such chain, or the agency exists, or its name cannot be used.
    """
    _checkAgencyName(name)
    certificates = directory / "cert"
    target = certificates / name
    if os.path.lexists(target):
        raise ChainError(f"{target} exists; choose another name (-a)")
    root = readAuthority(certificates / "ca.key", certificates / "ca.crt")
    agency = root.issueAgency(name, days)
    with staged(certificates) as stage:
        _writeAgency(stage / name, agency)
        os.rename(stage / name, target)
    return target


def _checkAgencyName(name: str) -> None:
    if not _AGENCY_NAME.fullmatch(name):
        raise ChainError(
            f"agency name {name!r} cannot be used; take up to 64 letters, digits, '-' and '_'"
        )


def _issueNodes(issuer: Authority, places: Iterable[NodePlace], days: int) -> list[_NewNode]:
    return [_NewNode(place, issuer.issueNode(place.name, days)) for place in places]


def _madeNodes(directory: Path, nodes: Iterable[_NewNode]) -> tuple[MadeNode, ...]:
    return tuple(
        MadeNode(node.place, node.credentials.nodeID, directory / node.place.ip / node.place.name)
        for node in nodes
    )


# Writing


@contextmanager
def staged(parent: Path) -> Iterator[Path]:
    """A directory to write in before all is renamed to its place; what is left in it is removed."""
    if not parent.is_dir():
        raise ChainError(f"{parent} is not a directory; make it first")
    try:
        with tempfile.TemporaryDirectory(prefix=".fiscop2p-", dir=parent) as stage:
            yield Path(stage)
    except OSError as error:
        place = error.filename2 or parent
        raise ChainError(f"cannot write {place}: {error.strerror}; nothing was made") from error


def _moveNodes(stage: Path, directory: Path) -> None:
    """Rename what is in C{stage} into the chain: the whole of a new IP, else node by node."""
    moved: list[Path] = []
    try:
        for host in sorted(stage.iterdir()):
            target = directory / host.name
            for source in sorted(host.iterdir()) if target.exists() else [host]:
                goal = directory / source.relative_to(stage)
                os.rename(source, goal)
                moved.append(goal)
    except OSError:
        for goal in moved:
            shutil.rmtree(goal)
        raise


def _write(path: Path, content: str | bytes, mode: int = _PLAIN) -> None:
    """Write a new file, which from the first moment has no more than C{mode}'s rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _writeAuthority(directory: Path, name: str, authority: Authority) -> None:
    _write(directory / f"{name}.key", authority.keyPEM, _SECRET)
    _write(directory / f"{name}.crt", authority.certificatePEM)


def _writeAgency(directory: Path, agency: Authority) -> None:
    _writeAuthority(directory, "agency", agency)
    _write(directory / "ca.crt", agency.caPEM)


def _writeNodes(
    directory: Path, nodes: Iterable[_NewNode], addresses: Iterable[str], ipv6: bool
) -> None:
    addresses = list(addresses)
    start = startScript(os.path.join(os.path.dirname(sys.executable), "twistd"))
    for node in nodes:
        place = node.place
        home = directory / place.ip / place.name
        listenIP = "::" if ipv6 or place.isIPv6 else "0.0.0.0"  # noqa: S104 - peers are elsewhere
        _write(home / "config.ini", configText(listenIP, *place.ports, addresses))
        _write(home / "start.sh", start, _SCRIPT)
        _write(home / "stop.sh", STOP_SCRIPT, _SCRIPT)
        _writeCredentials(home / "conf", node.credentials)


def _writeCredentials(directory: Path, node: IssuedNode) -> None:
    _write(directory / "ca.crt", node.caPEM)
    _write(directory / "node.crt", node.certificatePEM)
    _write(directory / "node.key", node.keyPEM, _SECRET)
    _write(directory / "node.nodeid", f"{node.nodeID}\n")


def _writeAllScripts(directory: Path) -> None:
    _write(directory / "start_all.sh", START_ALL_SCRIPT, _SCRIPT)
    _write(directory / "stop_all.sh", STOP_ALL_SCRIPT, _SCRIPT)


# Reading


def _readAgency(directory: Path, name: str) -> Authority:
    _checkAgencyName(name)
    home = directory / "cert" / name
    if (directory / "cert").is_dir() and not home.is_dir():
        raise ChainError(f"{home} is missing; make the agency with: fiscop2p chain add-agency")
    return readAuthority(home / "agency.key", home / "agency.crt", home / "ca.crt")


def readAuthority(key: Path, certificate: Path, root: Path | None = None) -> Authority:
    """
    Read a CA or an agency.

    @param root: the file of the CA above an agency.
    @raise ChainError: a file is missing or wrong.
    """
    try:
        return Authority.fromPEM(
            key.read_bytes(), certificate.read_bytes(), root.read_bytes() if root else b""
        )
    except OSError as error:
        raise ChainError(
            f"cannot read {error.filename}: {error.strerror}; is that a chain (-o)?"
        ) from error
    except ChainError as error:
        raise ChainError(f"{certificate.parent}: {error}") from error


def _readNodes(directory: Path) -> tuple[list[NodePlace], list[str]]:
    """The nodes whose directories are there, and the addresses of all the nodes they know of."""
    places: list[NodePlace] = []
    addresses: list[str] = []
    for host in sorted(entry for entry in directory.iterdir() if isIP(entry.name)):
        for index, home in sorted(_nodeDirectories(host)):
            place, peers = _readNode(home, index)
            places.append(place)
            addresses += [*peers, place.address]
    if not places:
        raise ChainError(f"{directory} has no node; build a chain with: fiscop2p chain -l")
    return places, list(dict.fromkeys(addresses))


def _nodeDirectories(host: Path) -> Iterator[tuple[int, Path]]:
    for home in host.glob("node*"):
        number = home.name.removeprefix("node")
        if number.isdecimal():
            yield int(number), home


def _readNode(home: Path, index: int) -> tuple[NodePlace, list[str]]:
    try:
        ini = IniFile.read(home / "config.ini")
        ports = Ports(
            _readPort(ini, "p2p", "listen_port"),
            _readPort(ini, "rpc", "channel_listen_port"),
            _readPort(ini, "rpc", "jsonrpc_listen_port"),
        )
        peers = [str(peer) for peer in ini.values("p2p", "node.", Address.parse)]
        ini.check()
    except ConfigError as error:
        raise ChainError(str(error)) from error
    return NodePlace(home.parent.name, index, ports), peers


def _readPort(ini: IniFile, section: str, key: str) -> int:
    ini.expect(section, key)
    return ini.value(section, key, portNumber, 0)
