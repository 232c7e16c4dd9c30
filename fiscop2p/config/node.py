"""
A node's C{config.ini}, that of FISCO BCOS 2.x: what of it the P2P network needs.

The file of an existing chain is taken as it is: what only other parts of a FISCO BCOS node need is
passed over, but named in L{NodeConfig.unused}.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger

from ..access import AccessLists
from ..errors import ConfigError, SetupError
from ..identity import Credentials, loadCredentials
from ..modules.files import FilesConfig
from ..service import P2PService, makeNode
from ..settings import Address, Settings
from ..tls import chooseTLS
from . import values
from .admin import AdminConfig, readAdmin
from .files import readFiles
from .inifile import IniFile, boolean, inOrder, portNumber
from .known import NUMBERED, readConfig, withoutEffect
from .lists import readLists
from .logging import LogConfig

_FIRST_VERSION = "2.0.0-rc1"
_LOOPBACK = "127.0.0.1"
_STATISTICS_INTERVAL = 60

_log = Logger()


@dataclass(frozen=True)
class NodeConfig:
    """
    What a C{config.ini} says, checked; relative paths in it start at its own directory.

    @ivar path: the file itself, absolute.
    @ivar settings: addresses, dialect, compression and bandwidth.
    @ivar access: the black list and the white list.
    @ivar credentials: the node's key and certificates.
    @ivar logging: what is logged, and where.
    @ivar rpc: where JSON-RPC listens, or L{None} if the file names no port for it.
    @ivar admin: where operators ask the running node, or L{None} if they cannot.
    @ivar files: where other nodes may leave files, or L{None} if they may not.
    @ivar peersParamLimit: how many addresses one JSON-RPC request may add or erase.
    @ivar maxNodesLimit: how many addresses there may be in all, when JSON-RPC adds some.
    @ivar statisticsInterval: how often the network statistics are written, in seconds, or L{None}
        if they are not.
    @ivar chainID: what the chain is called.
    @ivar supportedVersion: the version of the chain, C{2.11.1} say.
    @ivar accessFaults: what is wrong with entries of the lists, and what comes of each; such
        entries open no door.
    @ivar unused: each C{section.key} that a FISCO BCOS node knows and the P2P network does not
        need.
    @ivar unknown: each C{section.key}, or C{section} without keys, that no FISCO BCOS 2.x node
        knows: a slip of the pen, perhaps.
    """

    path: Path
    settings: Settings
    access: AccessLists
    credentials: Credentials
    logging: LogConfig
    rpc: Address | None = None
    admin: AdminConfig | None = None
    files: FilesConfig | None = None
    peersParamLimit: int = 10
    maxNodesLimit: int = 100
    statisticsInterval: float | None = None
    chainID: str = "1"
    supportedVersion: str = _FIRST_VERSION
    accessFaults: tuple[ConfigError, ...] = ()
    unused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def makeNode(self, reactor: Any = None) -> P2PService:
        """
        Make the node; what the file says in vain is logged.

        @param reactor: what dials, listens and keeps time, if not Twisted's global one.
        @raise TLSUnavailable: no TLS here can do the network's curve.
        """
        if self.unused:
            _log.info("config.ini, not used here: {keys}", keys=", ".join(self.unused))
        if self.unknown:
            _log.warn("config.ini, not known: {keys}", keys=", ".join(self.unknown))
        for fault in self.accessFaults:
            _log.error("illegal nodeID: {fault}", fault=fault)
        return makeNode(self.credentials, self.settings, self.access, reactor)


def loadConfig(path: Path | str) -> NodeConfig:
    """
    Read a node's C{config.ini}, and the key and certificates that it names.

    @raise ConfigError: there is a mistake in it, of which this is the first; names the line.
    @raise CredentialsError: the key or a certificate is missing or wrong; names the file.
    """
    found, _ = _read(path, tryTLS=False)
    if isinstance(found, SetupError):
        raise found
    return found


def checkConfig(path: Path | str) -> list[SetupError]:
    """
    Find all the mistakes in a C{config.ini}: those that keep a node from running, and wrong entries
    of the lists, which do not.

    @return: in the order of their lines, what is wrong with key and certificates, or with TLS, at
        the end; empty if there is none.
    """
    return _read(path, tryTLS=True)[1]


def nodeFromConfig(path: Path | str, reactor: Any = None) -> P2PService:
    """
    Make a node from its C{config.ini}; what it says in vain is logged.

    @param reactor: what dials, listens and keeps time, if not Twisted's global one.
    @raise ConfigError: there is a mistake in it; names the line.
    @raise CredentialsError: the key or a certificate is missing or wrong; names the file.
    @raise TLSUnavailable: no TLS here can do the network's curve.
    """
    return loadConfig(path).makeNode(reactor)


def credentialsFromConfig(path: Path | str, sections: Iterable[str] = ()) -> Credentials:
    """
    Read the key and certificates that a C{config.ini} names, and nothing else in it.

    @param sections: those that were in it before.
    @raise ConfigError: there is no such file, or it cannot be read, or a line in it is none of an
        INI file, or names no file, or it lacks a section.
    @raise CredentialsError: the key or a certificate is missing or wrong; names the file.
    """
    ini = readConfig(path, sections)
    credentials = _credentials(ini, Path(path).absolute().parent)
    ini.check()
    if isinstance(credentials, SetupError):
        raise credentials
    return credentials


def _read(path: Path | str, tryTLS: bool) -> tuple[NodeConfig | SetupError, list[SetupError]]:
    """
    Read all that is there.

    @param tryTLS: whether it is a mistake, too, if TLS does not work with the credentials.
    @return: what the file says, or the first mistake by which no node can run; and all mistakes.
    """
    try:
        ini = readConfig(path)
    except ConfigError as error:
        return error, [error]
    file = Path(path).absolute()
    version = ini.value("compatibility", "supported_version", values.version, _FIRST_VERSION)
    settings = _settings(ini, version)
    logging = _logging(ini, file.parent)
    rpc = _rpc(ini)
    admin = readAdmin(ini, file.parent)
    files = readFiles(ini, file.parent)
    _blameSamePort(ini, settings.listen, rpc, None if admin is None else admin.address)
    peersParamLimit, maxNodesLimit = _limits(ini)
    interval = _statisticsInterval(ini)
    chainID = ini.value("chain", "id", str, NodeConfig.chainID)
    ini.value("chain", "sm_crypto", values.noSM, None)
    ini.value("storage_security", "enable", values.noStorageSecurity, None)
    lists = readLists(ini)
    faults = inOrder(lists.blackFaults + lists.whiteFaults)
    credentials = _credentials(ini, file.parent)
    if tryTLS and isinstance(credentials, Credentials):
        credentials = _triedTLS(credentials)
    mistakes: list[SetupError] = [*inOrder([*ini.errors, *faults])]
    if isinstance(credentials, SetupError):
        return [*ini.errors, credentials][0], [*mistakes, credentials]
    if ini.errors:
        return ini.errors[0], mistakes
    unused, unknown = withoutEffect(ini)
    config = NodeConfig(
        path=file,
        settings=settings,
        access=lists.access,
        credentials=credentials,
        logging=logging,
        rpc=rpc,
        admin=admin,
        files=files,
        peersParamLimit=peersParamLimit,
        maxNodesLimit=maxNodesLimit,
        statisticsInterval=interval,
        chainID=chainID,
        supportedVersion=version,
        accessFaults=tuple(faults),
        unused=unused,
        unknown=unknown,
    )
    return config, mistakes


# Sections.


def _settings(ini: IniFile, version: str) -> Settings:
    host = ini.value("p2p", "listen_ip", values.ip, Settings.listen.host)
    port = ini.value("p2p", "listen_port", portNumber, Settings.listen.port)
    return Settings(
        listen=Address(host, port),
        peers=tuple(dict.fromkeys(ini.values("p2p", NUMBERED["p2p"], Address.parse))),
        dialect=values.dialectOf(version),
        compress=ini.value("p2p", "enable_compress", boolean, Settings.compress),
        maxHandshakes=_limit(ini, "max_handshakes", Settings.maxHandshakes),
        maxInboundPeers=_limit(ini, "max_inbound_peers", Settings.maxInboundPeers),
        maxLinksPerHost=_limit(ini, "max_links_per_host", Settings.maxLinksPerHost),
        maxAcceptRate=_limit(ini, "max_accept_rate", int(Settings.maxAcceptRate)),
        handshakeTimeout=_limit(ini, "handshake_timeout", int(Settings.handshakeTimeout)),
        frameTimeout=_limit(ini, "frame_timeout", int(Settings.frameTimeout)),
        maxFrameLength=ini.value(
            "p2p", "max_frame_length", values.mebibytes, Settings.maxFrameLength
        ),
        maxQueue=ini.value("p2p", "max_queue", values.mebibytes, Settings.maxQueue),
        outgoingBandwidth=ini.value(
            "flow_control", "outgoing_bandwidth_limit", values.bandwidth, None
        ),
        connectionWarning=ini.value(
            "p2p", "connection_warning", boolean, Settings.connectionWarning
        ),
    )


def _limit(ini: IniFile, key: str, default: int) -> int:
    return ini.value("p2p", key, values.countingNumber, default)


def _rpc(ini: IniFile) -> Address | None:
    """Nobody but this machine is let in, unless the file says so."""
    host = ini.value("rpc", "listen_ip", values.ip, _LOOPBACK)
    host = ini.value("rpc", "jsonrpc_listen_ip", values.ip, host)
    port = ini.value("rpc", "jsonrpc_listen_port", portNumber, None)
    return None if port is None else Address(host, port)


def _blameSamePort(
    ini: IniFile, listen: Address, rpc: Address | None, page: Address | None
) -> None:
    """Two services of a node cannot listen on one port, unless on two addresses."""
    if rpc is not None and _overlap(rpc, listen):
        ini.blame("rpc", "jsonrpc_listen_port", "is that of [p2p], too; choose another")
    for other, section in ((rpc, "rpc"), (listen, "p2p")):
        if page is not None and other is not None and _overlap(page, other):
            ini.blame("admin", "listen", f"has the port of [{section}]; choose another")


def _overlap(one: Address, other: Address) -> bool:
    """Whether two services cannot listen there both."""
    hosts = [ip_address(each.host) for each in (one, other)]
    # 0.0.0.0 is every address of IPv4, :: every one at all.
    isAnywhere = any(host.is_unspecified and host.version == 6 for host in hosts) or (
        any(host.is_unspecified for host in hosts) and hosts[0].version == hosts[1].version
    )
    return one.port == other.port and (one.host == other.host or isAnywhere)


def _limits(ini: IniFile) -> tuple[int, int]:
    return (
        _limit(ini, "peers_param_limit", NodeConfig.peersParamLimit),
        _limit(ini, "max_nodes_limit", NodeConfig.maxNodesLimit),
    )


def _logging(ini: IniFile, folder: Path) -> LogConfig:
    return LogConfig(
        path=folder / ini.value("log", "log_path", values.place, "./log"),
        enabled=ini.value("log", "enable", boolean, LogConfig.enabled),
        level=ini.value("log", "level", values.logLevel, LogConfig.level),
        console=ini.value("log", "enable_console_output", boolean, LogConfig.console),
        maxFileSize=ini.value("log", "max_log_file_size", values.logSize, LogConfig.maxFileSize),
        hourly=ini.value("log", "enable_rotate_by_hour", boolean, LogConfig.hourly),
        flush=ini.value("log", "flush", boolean, LogConfig.flush),
        format=ini.value("log", "format", str, "") or None,
        namePattern=ini.value("log", "log_name_pattern", str, "") or None,
    )


def _statisticsInterval(ini: IniFile) -> float | None:
    enabled = ini.value("log", "enable_statistic", boolean, False)
    interval = ini.value("log", "stat_flush_interval", values.countingNumber, _STATISTICS_INTERVAL)
    return float(interval) if enabled else None


def _credentials(ini: IniFile, folder: Path) -> Credentials | SetupError:
    section = "network_security"
    directory = folder / ini.value(section, "data_path", values.place, "conf/")
    key = ini.value(section, "key", values.place, "node.key")
    certificate = ini.value(section, "cert", values.place, "node.crt")
    ca = ini.value(section, "ca_cert", values.place, "ca.crt")
    caPath = ini.value(section, "ca_path", str, "") or None
    crl = ini.value(section, "crl_file", values.place, None)
    try:
        return loadCredentials(directory, key, certificate, ca, caPath=caPath, crl=crl)
    except SetupError as error:
        return error


def _triedTLS(credentials: Credentials) -> Credentials | SetupError:
    try:
        chooseTLS(credentials, Clock())
    except SetupError as error:
        return error
    return credentials
