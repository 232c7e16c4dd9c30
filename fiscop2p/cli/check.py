"""
C{fiscop2p check}: what is wrong with a C{config.ini}, or what would run.
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from twisted.internet.task import Clock
from twisted.python import usage

from ..config import NodeConfig, checkConfig, loadConfig
from ..settings import Address
from ..tls import chooseTLS
from .command import Command

_CONNECT_TIMEOUT: Final = 3.0
_AT_ONCE: Final = 16
_SOON: Final = 30
"""Days: certificates that end sooner are pointed out."""


class CheckOptions(Command):
    """C{fiscop2p check}."""

    longdesc = (
        "Says everything that is wrong with a node's config.ini and its certificates, or else what "
        "would run: who the node is, how long its certificates last, which TLS and frames it "
        "speaks, and whether its peers answer. Exit status 1 if the node could not run."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p check CONFIG.INI"

    def parseArgs(self, *arguments: str) -> None:
        """Take the file."""
        if len(arguments) != 1:
            raise usage.UsageError("name one config.ini to check")
        self.config = Path(arguments[0])

    def run(self) -> int:
        """Check it, and report."""
        mistakes = checkConfig(self.config)
        for mistake in mistakes:
            print(mistake, file=sys.stderr)
        if mistakes:
            return 1
        config = loadConfig(self.config)
        tls = chooseTLS(config.credentials, Clock(), config.settings.tls)
        for what, words in _describe(config, tls.name):
            _tell(what, words)
        _tellPeers(config.settings.peers)
        return 0


def _tell(what: str, words: str) -> None:
    print(f"{what:<9} {words}", flush=True)


def _describe(config: NodeConfig, tls: str) -> list[tuple[str, str]]:
    credentials, settings, access = config.credentials, config.settings, config.access
    identity = credentials.identity
    white = "none" if access.white is None else f"{len(access.white)} nodes"
    lines = [
        ("Node", f"{identity.name} of {identity.agency}"),
        ("Node ID", identity.nodeID),
        ("Listens", str(settings.listen)),
        ("TLS", f"{tls}, {credentials.curve}"),
        ("Frames", settings.dialect.name + (", compressed" if settings.compress else "")),
        ("Lists", f"black list: {len(access.black)} nodes, white list: {white}"),
    ]
    lines += [("Expires", _expiry(*expiry)) for expiry in credentials.expiries]
    for what, keys in (("Unused", config.unused), ("Unknown", config.unknown)):
        if keys:
            lines.append((what, ", ".join(keys)))
    return lines


def _expiry(name: str, end: datetime) -> str:
    days = (end - datetime.now(UTC)).days
    hint = "; RENEW IT SOON" if days < _SOON else ""
    return f"{name} on {end:%Y-%m-%d} (in {days} days){hint}"


def _tellPeers(peers: tuple[Address, ...]) -> None:
    """Try all peers side by side, and tell of each as soon as those before it are told."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for address, words in zip(peers, threads.map(_try, peers), strict=True):
            _tell("Peer", f"{address} {words}")


def _try(address: Address) -> str:
    """Resolve a peer's name, and knock at its port; TLS is not tried."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"cannot be resolved: {error.strerror}"
    try:
        socket.create_connection(address, _CONNECT_TIMEOUT).close()
    except TimeoutError:
        return f"does not answer within {_CONNECT_TIMEOUT:g} s"
    except OSError as error:
        return f"does not answer: {error.strerror}"
    ip = found[0][4][0]
    return "answers" if ip == address.host else f"({ip}) answers"
