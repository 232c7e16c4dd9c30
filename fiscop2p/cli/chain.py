"""
C{fiscop2p chain}: make a chain, or add nodes and agencies to one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from twisted.python import usage

from ..chain import DEFAULT_AGENCY, MadeNode, addAgency, addNodes, buildChain, revoke
from ..chain.authority import DEFAULT_DAYS, PRIME256V1, SECP256K1
from ..chain.plan import DEFAULT_PORTS, ChainPlan, Ports, parseHosts
from ..errors import ChainError
from ..identity import abridged
from .command import JSON_FLAG, Command


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise usage.UsageError(f"-X takes a number of days, not {text!r}")
    return int(text)


class _ChainCommand(Command):
    optFlags = [JSON_FLAG]
    optParameters = [
        ["output", "o", "nodes", "The directory of the chain."],
        ["days", "X", DEFAULT_DAYS, "For how many days new certificates are valid.", _days],
    ]

    @property
    def directory(self) -> Path:
        return Path(self["output"])


class _NodesCommand(_ChainCommand):
    optFlags = [["ipv6", "6", "Listen on ::, as nodes at IPv6 addresses do anyway."]]
    optParameters = [
        ["list", "l", None, "The number of new nodes on each IP: IP:COUNT[,IP:COUNT...]."],
        ["agency", "a", DEFAULT_AGENCY, "The agency of the nodes."],
    ]

    @property
    def hosts(self) -> str:
        if self["list"] is None:
            raise usage.UsageError("-l is missing; say for instance -l 127.0.0.1:4")
        return str(self["list"])


class AddNodeOptions(_NodesCommand):
    """C{fiscop2p chain add-node}."""

    optParameters = [
        ["ports", "p", None, "P2P,CHANNEL,RPC ports of the first; by default the next ones."],
    ]
    longdesc = (
        "Adds nodes to a chain. The files of its other nodes are not touched: the new nodes "
        "connect to them."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p chain add-node -l IP:COUNT[,IP:COUNT...] [options]"

    def postOptions(self) -> None:
        """Read C{-l} and C{-p}."""
        try:
            self.newHosts = parseHosts(self.hosts)
            self.ports = Ports.parse(self["ports"]) if self["ports"] is not None else None
        except ChainError as error:
            raise usage.UsageError(str(error)) from error

    def run(self) -> int:
        """Make the nodes."""
        nodes = addNodes(
            self.directory,
            self.newHosts,
            ports=self.ports,
            agency=self["agency"],
            days=self["days"],
            ipv6=bool(self["ipv6"]),
        )
        if self.isJSON:
            self.tell({"nodes": list(map(_nodeFields, nodes))})
            return 0
        _printNodes(f"Added to the chain in {self.directory}:", nodes)
        print("The other nodes' files are as they were: the new nodes connect to them.")
        _printNext(node.directory / "start.sh" for node in nodes)
        return 0


class AddAgencyOptions(_ChainCommand):
    """C{fiscop2p chain add-agency}."""

    optParameters = [["agency", "a", None, "The name of the new agency."]]
    longdesc = "Adds an agency to a chain, which can then issue nodes."

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p chain add-agency -a NAME [options]"

    def postOptions(self) -> None:
        """Insist on a name."""
        if self["agency"] is None:
            raise usage.UsageError("-a is missing; say how the agency is called")

    def run(self) -> int:
        """Make the agency."""
        name = self["agency"]
        made = addAgency(self.directory, name, days=self["days"])
        if self.isJSON:
            self.tell({"agency": name, "directory": str(made)})
            return 0
        print(f"Added agency {name} in {made}; its key makes nodes of the chain: keep it private.")
        output = shlex.quote(str(self.directory))
        print(f"Next: fiscop2p chain add-node -a {name} -l 127.0.0.1:1 -o {output}")
        return 0


class RevokeOptions(_ChainCommand):
    """C{fiscop2p chain revoke}."""

    longdesc = (
        "Revokes the certificate of a node or an agency: puts it on the revocation list of its "
        "issuer, in cert/crl.pem of the chain. A node obeys that once it has the file."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p chain revoke [options] DIRECTORY|CERTIFICATE"

    def parseArgs(self, *arguments: str) -> None:
        """Take what is to be revoked."""
        if len(arguments) != 1:
            raise usage.UsageError(
                "name one directory of a node or an agency, or the file of its certificate"
            )
        self.what = Path(arguments[0])

    def run(self) -> int:
        """Put it on the list."""
        made = revoke(self.directory, self.what, days=self["days"])
        if self.isJSON:
            self.tell({"name": made.name, "issuer": made.issuer, "file": str(made.file)})
            return 0
        print(f"Revoked {made.name}: it is on the list of {made.issuer} in {made.file}.")
        print(
            f"Next: copy that file into conf/ of each node, set crl_file={made.file.name} in "
            "[network_security] of its config.ini, and send it SIGHUP. Then stop what has been "
            "revoked, and take its node.N out of the others: else both go on dialling."
        )
        return 0


class ChainOptions(_NodesCommand):
    """C{fiscop2p chain}."""

    subCommands = [
        ["add-node", None, AddNodeOptions, "Add nodes to a chain."],
        ["add-agency", None, AddAgencyOptions, "Add an agency to a chain."],
        ["revoke", None, RevokeOptions, "Revoke the certificate of a node or an agency."],
    ]
    optParameters = [
        ["ports", "p", DEFAULT_PORTS, "P2P,CHANNEL,RPC ports of the first node of each IP."],
        ["curve", None, SECP256K1, f"The curve of all keys; the other one is {PRIME256V1}."],
    ]
    longdesc = (
        "Makes a chain: its CA, an agency, and a directory for each node, ready to start. "
        "The options of a command below go behind it."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p chain -l IP:COUNT[,IP:COUNT...] [options]"

    def postOptions(self) -> None:
        """Read C{-l} and C{-p}, unless it is for the subcommand to read its own."""
        if self.subCommand is not None:
            if self != self.defaults:
                raise usage.UsageError(f"put the options behind {self.subCommand}")
            return
        try:
            self.plan = ChainPlan.parse(self.hosts, self["ports"])
        except ChainError as error:
            raise usage.UsageError(str(error)) from error

    def run(self) -> int:
        """Make the chain."""
        nodes = buildChain(
            self.plan,
            self.directory,
            agency=self["agency"],
            days=self["days"],
            curve=self["curve"],
            ipv6=bool(self["ipv6"]),
        )
        if self.isJSON:
            self.tell({"nodes": list(map(_nodeFields, nodes))})
            return 0
        _printNodes(f"Made a chain in {self.directory}:", nodes)
        print(f"The keys in {self.directory / 'cert'} make nodes of the chain: keep them private.")
        if len(self.plan.hosts) > 1:
            print("Copy the directory of each IP to its machine.")
        _printNext(self.directory / ip / "start_all.sh" for ip in self.plan.hosts)
        return 0


def _nodeFields(node: MadeNode) -> dict[str, str]:
    return {
        "name": node.place.name,
        "nodeID": node.nodeID,
        "address": str(node.place.address),
        "directory": str(node.directory),
    }


def _printNodes(title: str, nodes: Iterable[MadeNode]) -> None:
    print(title)
    for node in nodes:
        place = node.place
        print(f"  {place.name}  {place.address}  node ID {abridged(node.nodeID)}")


def _printNext(scripts: Iterable[Path]) -> None:
    for script in scripts:
        print(f"Next: bash {shlex.quote(str(script))}")
