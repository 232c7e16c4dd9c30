"""
C{fiscop2p check}: what is wrong with a C{config.ini}, or what would run.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from twisted.internet.task import Clock
from twisted.python import usage

from ..config import AdminConfig, LogConfig, NodeConfig, checkConfig, loadConfig
from ..expiry import LIST_SOON, SOON
from ..modules.files import FilesConfig
from ..settings import Address
from ..tls import chooseTLS
from ..web import isLoopback
from .command import JSON_FLAG, Command

_CONNECT_TIMEOUT: Final = 3.0
_AT_ONCE: Final = 16
_MEBIBYTE: Final = 1024 * 1024


class CheckOptions(Command):
    """C{fiscop2p check}."""

    arguments = ("files",)
    optFlags = [JSON_FLAG]
    longdesc = (
        "Says everything that is wrong with a node's config.ini and its certificates, or else what "
        "would run: who the node is, how long its certificates last, which TLS and frames it "
        "speaks, and whether its peers answer. Exit status 1 if anything is wrong."
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
        if mistakes:
            if self.isJSON:
                self.tell({"mistakes": list(map(str, mistakes))})
            else:
                print(*mistakes, sep="\n", file=sys.stderr)
            return 1
        config = loadConfig(self.config)
        tls = chooseTLS(config.credentials, Clock(), config.settings.tls)
        facts = _describe(config, tls.name)
        if self.isJSON:
            peers = [{"address": str(peer), "words": words} for peer, words in _peers(config)]
            listed = [{"what": what, "words": words} for what, words in facts]
            self.tell({"mistakes": [], "facts": listed, "peers": peers})
            return 0
        for what, words in facts:
            _tell(what, words)
        for peer, words in _peers(config):
            _tell("Peer", f"{peer} {words}")
        return 0


def _tell(what: str, words: str) -> None:
    print(f"{what:<9} {words}", flush=True)


def _describe(config: NodeConfig, tls: str) -> list[tuple[str, str]]:
    credentials, settings = config.credentials, config.settings
    identity = credentials.identity
    lines = [
        ("Node", f"{identity.name} of {identity.agency}"),
        ("Node ID", identity.nodeID),
        ("Chain", f"{config.chainID}, version {config.supportedVersion}"),
        ("Listens", str(settings.listen)),
        ("TLS", f"{tls}, {credentials.curve}"),
        ("Frames", settings.dialect.name + (", compressed" if settings.compress else "")),
        ("Lists", str(config.access)),
        ("JSON-RPC", _rpc(config.rpc)),
        ("Admin", _admin(config.admin)),
        ("Files", _files(config.files)),
        ("Logs", _logs(config.logging)),
        ("Limits", _limits(config)),
    ]
    if config.statisticsInterval is not None:
        lines.append(("Counts", f"traffic, every {config.statisticsInterval:g} s"))
    lines += [("Expires", _expiry(*expiry, SOON)) for expiry in credentials.expiries]
    lines += [("Revoked", str(credentials.revocations))] if credentials.revocations else []
    lines += [
        ("Expires", _expiry(f"revocation list of {name}", end, LIST_SOON))
        for name, end in credentials.revocations.expiries
    ]
    for what, keys in (("Unused", config.unused), ("Unknown", config.unknown)):
        if keys:
            lines.append((what, ", ".join(keys)))
    return lines


def _rpc(address: Address | None) -> str:
    if address is None:
        return "none, for there is no jsonrpc_listen_port in [rpc]"
    isOpen = not isLoopback(address.host)
    return f"{address}{'; OPEN: whoever reaches it may change the peers' if isOpen else ''}"


def _admin(admin: AdminConfig | None) -> str:
    if admin is None:
        return "off: nobody can ask this node"
    page = "no page" if admin.address is None else f"page at http://{admin.address}/"
    may = "" if admin.address is None else f", which may {'act' if admin.token else 'only look'}"
    isOpen = admin.address is not None and not isLoopback(admin.address.host)
    warning = "; OPEN: whoever reaches it may see this network" if isOpen else ""
    return f"{admin.socket}, {page}{may}{warning}"


def _files(files: FilesConfig | None) -> str:
    if files is None:
        return "none are taken, for there is no section [files]"
    return (
        f"taken into {files.folder}, of {files.maxFileSize // _MEBIBYTE} MB at most, "
        f"{files.maxTotalSize // _MEBIBYTE} MB in all{_doubt(files.folder)}"
    )


def _logs(logging: LogConfig) -> str:
    if not logging.enabled:
        return "none"
    often = "every hour or " if logging.hourly else ""
    return (
        f"level {logging.level}, in {logging.path}, a new file {often}after "
        f"{logging.maxFileSize // _MEBIBYTE} MB{_doubt(logging.path)}"
    )


def _doubt(folder: Path) -> str:
    """What keeps whoever asks from writing into a folder, or making it; empty if nothing does."""
    found = folder
    # These two do not fail where this user may not look.
    while not os.path.exists(found) and found != found.parent:
        found = found.parent
    if not os.path.isdir(found):
        return f"; CANNOT BE WRITTEN: {found} is no directory"
    if not os.access(found, os.W_OK | os.X_OK):
        return f"; CANNOT BE WRITTEN: give this user write permission on {found}"
    return ""


def _limits(config: NodeConfig) -> str:
    bandwidth = config.settings.outgoingBandwidth
    speed = "no limit" if bandwidth is None else f"{bandwidth:.0f} bytes/s"
    return (
        f"{config.peersParamLimit} peers in a request, {config.maxNodesLimit} in all; "
        f"outgoing bandwidth: {speed}"
    )


def _expiry(name: str, end: datetime, soon: int) -> str:
    days = (end - datetime.now(UTC)).days
    hint = "; RENEW IT SOON" if days < soon else ""
    return f"{name} on {end:%Y-%m-%d} (in {days} days){hint}"


def _peers(config: NodeConfig) -> Iterator[tuple[Address, str]]:
    """Try all peers side by side, and tell of each as soon as those before it are told."""
    settings = config.settings
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        tried = threads.map(partial(_try, settings.listen), settings.peers)
        yield from zip(settings.peers, tried, strict=True)


def _try(own: Address, address: Address) -> str:
    """Resolve a peer's name, and knock at its port; TLS is not tried."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return f"cannot be resolved: {getattr(error, 'strerror', None) or error}"
    ip = str(found[0][4][0])
    name = "" if ip == address.host else f"({ip}) "
    itself = "(this node itself) " if _isOurs(own, ip, address.port) else ""
    return f"{name}{itself}{_knock(address)}"


def _knock(address: Address) -> str:
    try:
        socket.create_connection(address, _CONNECT_TIMEOUT).close()
    except TimeoutError:
        return f"does not answer within {_CONNECT_TIMEOUT:g} s"
    except OSError as error:
        return f"does not answer: {error.strerror}"
    return "answers"


def _isOurs(own: Address, ip: str, port: int) -> bool:
    """Whether an address is where this node listens; only an IP of this machine can be bound."""
    if port != own.port or not (ip == own.host or ip_address(own.host).is_unspecified):
        return False
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True
