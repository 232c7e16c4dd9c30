"""
A node's C{config.ini}, that of FISCO BCOS 2.x: what of it the P2P network needs.

The file of an existing chain is taken as it is: what only other parts of a FISCO BCOS node need is
passed over, but named in L{NodeConfig.unused}.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from twisted.logger import Logger

from ..access import AccessLists
from ..errors import ConfigError, CredentialsError, SetupError
from ..identity import Credentials, isNodeID, loadCredentials
from ..service import P2PService, makeNode
from ..settings import Address, Settings
from ..wire.dialect import RC1, RC2, Dialect
from .inifile import IniFile, boolean, portNumber, unexpected

LOG_LEVELS: Final = ("fatal", "error", "warning", "info", "debug", "trace")
"""The levels of C{[log] level}, from the fewest lines to the most."""

_OLD_NAMES: Final = {
    "network_security": "secure",
    "storage_security": "data_secure",
    "certificate_blacklist": "crl",
    "certificate_whitelist": "cal",
}
"""The names that early 2.0 files have for sections, which stay good."""

_NUMBERED: Final = {
    "p2p": "node.",
    "certificate_blacklist": "crl.",
    "certificate_whitelist": "cal.",
}
"""How the keys of lists begin; a number follows, which means nothing."""

_USED: Final = {
    "p2p": "listen_ip listen_port enable_compress",
    "network_security": "data_path key cert ca_cert",
    "storage_security": "enable",
    "chain": "sm_crypto",
    "compatibility": "supported_version",
    "log": "enable log_path level",
}

_UNUSED: Final = {
    "rpc": "listen_ip channel_listen_ip channel_listen_port channel_thread_count "
    "jsonrpc_listen_ip jsonrpc_listen_port jsonrpc_thread_count disable_dynamic_group "
    "act_as_group_member",
    "p2p": "connection_warning peers_param_limit max_nodes_limit",
    "group": "group_data_path group_config_path",
    "network_security": "ca_path check_cert_issuer",
    "storage_security": "key_manager_ip key_manager_port cipher_data_key",
    "chain": "id sm_crypto_channel rsa_crypto_channel",
    "log": "enable_console_output enable_statistic stat_flush_interval max_log_file_size flush "
    "format log_name_pattern rotate_name_pattern compress_archive_file archive_path "
    "max_archive_size max_archive_files min_free_space enable_rotate_by_hour",
    "flow_control": "limit_req outgoing_bandwidth_limit",
}
"""What FISCO BCOS 2.x nodes know besides."""

_VERSION: Final = re.compile(r"2\.([0-9]{1,3})\.([0-9]{1,3})")

_log = Logger()


@dataclass(frozen=True)
class NodeConfig:
    """
    What a C{config.ini} says, checked; relative paths in it start at its own directory.

    @ivar settings: addresses, dialect and compression.
    @ivar access: the black list and the white list.
    @ivar credentials: the node's key and certificates.
    @ivar logLevel: one of L{LOG_LEVELS}.
    @ivar logPath: the directory of the log files.
    @ivar logEnabled: whether there is to be a log.
    @ivar unused: each C{section.key} that a FISCO BCOS node knows and the P2P network does not
        need.
    @ivar unknown: each C{section.key}, or C{section} without keys, that no FISCO BCOS 2.x node
        knows: a slip of the pen, perhaps.
    """

    settings: Settings
    access: AccessLists
    credentials: Credentials
    logLevel: str
    logPath: Path
    logEnabled: bool
    unused: tuple[str, ...]
    unknown: tuple[str, ...]

    def makeNode(self, reactor: Any = None) -> P2PService:
        """
        Make the node; keys that nobody knows are logged.

        @param reactor: what dials, listens and keeps time, if not Twisted's global one.
        @raise TLSUnavailable: no TLS here can do the network's curve.
        """
        if self.unused:
            _log.info("config.ini, not needed here: {keys}", keys=", ".join(self.unused))
        if self.unknown:
            _log.warn("config.ini, not known: {keys}", keys=", ".join(self.unknown))
        return makeNode(self.credentials, self.settings, self.access, reactor)


def loadConfig(path: Path | str) -> NodeConfig:
    """
    Read a node's C{config.ini}, and the key and certificates that it names.

    @raise ConfigError: there is a mistake in it, of which this is the first; names the line.
    @raise CredentialsError: the key or a certificate is missing or wrong; names the file.
    """
    found = _read(path)
    if isinstance(found, NodeConfig):
        return found
    raise found[0]


def checkConfig(path: Path | str) -> list[SetupError]:
    """
    Find all the mistakes that keep L{loadConfig} from reading a C{config.ini}.

    @return: in the order of their lines, what is wrong with key and certificates at the end;
        empty if there is none.
    """
    found = _read(path)
    return [] if isinstance(found, NodeConfig) else found


def nodeFromConfig(path: Path | str, reactor: Any = None) -> P2PService:
    """
    Make a node from its C{config.ini}; keys that nobody knows are logged.

    @param reactor: what dials, listens and keeps time, if not Twisted's global one.
    @raise ConfigError: there is a mistake in it; names the line.
    @raise CredentialsError: the key or a certificate is missing or wrong; names the file.
    @raise TLSUnavailable: no TLS here can do the network's curve.
    """
    return loadConfig(path).makeNode(reactor)


def _read(path: Path | str) -> NodeConfig | list[SetupError]:
    try:
        ini = IniFile.read(path)
    except ConfigError as error:
        return [error]
    for name, old in _OLD_NAMES.items():
        ini.renew(old, name)
    folder = Path(path).absolute().parent
    settings = _settings(ini)
    access = _access(ini)
    logLevel = ini.value("log", "level", _logLevel, "info")
    logPath = folder / ini.value("log", "log_path", _text, "./log")
    logEnabled = ini.value("log", "enable", boolean, True)
    ini.value("chain", "sm_crypto", _noSM, None)
    ini.value("storage_security", "enable", _noStorageSecurity, None)
    unused, unknown = _withoutEffect(ini)
    credentials = _credentials(ini, folder)
    if isinstance(credentials, CredentialsError):
        return [*ini.errors, credentials]
    return [*ini.errors] or NodeConfig(
        settings, access, credentials, logLevel, logPath, logEnabled, unused, unknown
    )


# Sections.


def _settings(ini: IniFile) -> Settings:
    host = ini.value("p2p", "listen_ip", _ip, Settings.listen.host)
    port = ini.value("p2p", "listen_port", portNumber, Settings.listen.port)
    return Settings(
        listen=Address(host, port),
        peers=tuple(dict.fromkeys(ini.values("p2p", "node.", Address.parse))),
        dialect=ini.value("compatibility", "supported_version", _dialect, RC1),
        compress=ini.value("p2p", "enable_compress", boolean, Settings.compress),
    )


def _access(ini: IniFile) -> AccessLists:
    """Both lists; a line in them that does not count would let in whom it was to keep out."""
    for name in ("certificate_blacklist", "certificate_whitelist"):
        if name in ini.sections:
            prefix = _NUMBERED[name]
            for key in ini.sections[name].entries:
                if not key.startswith(prefix):
                    ini.blame(name, key, f"expected {prefix}0, {prefix}1 and so on as its key")
    black = ini.values("certificate_blacklist", "crl.", _nodeID)
    white = ini.values("certificate_whitelist", "cal.", _prefixedNodeID)
    return AccessLists(frozenset(black), frozenset(white) or None)


def _credentials(ini: IniFile, folder: Path) -> Credentials | CredentialsError:
    section = "network_security"
    directory = folder / ini.value(section, "data_path", _text, "conf/")
    key = ini.value(section, "key", _text, "node.key")
    certificate = ini.value(section, "cert", _text, "node.crt")
    ca = ini.value(section, "ca_cert", _text, "ca.crt")
    try:
        return loadCredentials(directory, key, certificate, ca)
    except CredentialsError as error:
        return error


def _withoutEffect(ini: IniFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is not used here, and what is not known at all."""
    unused: list[str] = []
    unknown: list[str] = []
    for name, section in ini.sections.items():
        if not section.entries and name not in {*_USED, *_UNUSED, *_NUMBERED}:
            unknown.append(section.name)
        for key in section.entries:
            if key in _UNUSED.get(name, "").split():
                unused.append(f"{section.name}.{key}")
            elif key not in _USED.get(name, "").split() and not (
                name in _NUMBERED and key.startswith(_NUMBERED[name])
            ):
                unknown.append(f"{section.name}.{key}")
    return tuple(unused), tuple(unknown)


# What a value may be.


def _text(text: str) -> str:
    if not text:
        raise unexpected("the name of a file or directory", text)
    return text


def _ip(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise unexpected("an IP address, 0.0.0.0 or :: for all", text) from None
    return text


def _dialect(text: str) -> Dialect:
    """The dialect of a chain's version, see L{fiscop2p.wire.dialect}."""
    if text == "2.0.0-rc1":
        return RC1
    release = _VERSION.fullmatch(text)
    if text in ("2.0.0-rc2", "2.0.0-rc3") or (release and max(map(int, release.groups())) <= 255):
        return RC2
    raise unexpected("2.0.0-rc1, 2.0.0-rc2, 2.0.0-rc3 or a release, 2.0.0 to 2.255.255", text)


def _nodeID(text: str) -> str:
    nodeID = text.lower()
    if not isNodeID(nodeID) or not nodeID.strip("0"):
        error = unexpected("a node ID, 128 hexadecimal digits and not all 0", text)
        raise ValueError(f"{error} ({len(text)} characters)")
    return nodeID


def _prefixedNodeID(text: str) -> str:
    return _nodeID(text.removeprefix("0x"))


def _logLevel(text: str) -> str:
    if text not in LOG_LEVELS:
        raise unexpected(f"one of {', '.join(LOG_LEVELS)}", text)
    return text


def _noSM(text: str) -> None:
    if boolean(text):
        raise ValueError(
            "true, but networks of the Chinese SM algorithms use another TLS, which is not "
            "supported here"
        )


def _noStorageSecurity(text: str) -> None:
    if boolean(text):
        raise ValueError(
            "true, but a node key that a key manager has encrypted is not supported here; "
            "give the node an unencrypted one, and false"
        )
