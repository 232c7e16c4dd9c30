"""What FISCO BCOS 2.x nodes know in a C{config.ini}, and what of it the P2P network needs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from ..errors import ConfigError
from .inifile import IniFile

NUMBERED: Final = {
    "p2p": "node.",
    "certificate_blacklist": "crl.",
    "certificate_whitelist": "cal.",
}
"""How the keys of lists begin; a number follows, which means nothing."""

_LISTS: Final = ("certificate_blacklist", "certificate_whitelist")

_OLD_NAMES: Final = {
    "network_security": "secure",
    "storage_security": "data_secure",
    "certificate_blacklist": "crl",
    "certificate_whitelist": "cal",
}
"""The names that early 2.0 files have for sections, which stay good."""

_USED: Final = {
    "rpc": "listen_ip jsonrpc_listen_ip jsonrpc_listen_port",
    "p2p": "listen_ip listen_port enable_compress connection_warning peers_param_limit "
    "max_nodes_limit max_handshakes max_inbound_peers max_links_per_host max_accept_rate "
    "handshake_timeout frame_timeout max_frame_length max_queue",
    "network_security": "data_path key cert ca_cert ca_path crl_file",
    "storage_security": "enable",
    "chain": "id sm_crypto",
    "compatibility": "supported_version",
    "log": "enable log_path level enable_console_output enable_statistic stat_flush_interval "
    "max_log_file_size flush format log_name_pattern enable_rotate_by_hour",
    "flow_control": "outgoing_bandwidth_limit",
    "admin": "listen token token_file names",
    "files": "folder max_file_size max_total_size",
}

_UNUSED: Final = {
    "rpc": "channel_listen_ip channel_listen_port channel_thread_count jsonrpc_thread_count "
    "disable_dynamic_group act_as_group_member",
    "group": "group_data_path group_config_path",
    "network_security": "check_cert_issuer",
    "storage_security": "key_manager_ip key_manager_port cipher_data_key",
    "chain": "sm_crypto_channel rsa_crypto_channel",
    "log": "rotate_name_pattern compress_archive_file archive_path max_archive_size "
    "max_archive_files min_free_space",
    "flow_control": "limit_req",
}


def readConfig(path: Path | str, sections: Iterable[str] = ()) -> IniFile:
    """
    Read a C{config.ini}; its sections are found by their new names.

    @param sections: those that were in it before; lists may go, the others not: a file that is
        written in part lacks some.
    @raise ConfigError: there is no such file, or it cannot be read, or is not UTF-8, or lacks a
        section.
    """
    ini = IniFile.read(path)
    for name, old in _OLD_NAMES.items():
        ini.renew(old, name)
    for name in sections:
        if name not in ini.sections and name not in _LISTS:
            raise ConfigError(
                f"{path}: [{name}] is missing, which was in it: is all of it written? Put the "
                "section back, or start the node anew without it"
            )
    return ini


def withoutEffect(ini: IniFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Find what a file says in vain.

    @return: each C{section.key} that a FISCO BCOS node knows and the P2P network does not need;
        and each C{section.key}, or C{section} without keys, that no FISCO BCOS 2.x node knows,
        with the name that is the most like it.
    """
    unused: list[str] = []
    unknown: list[str] = []
    known = {*_USED, *_UNUSED, *NUMBERED}
    for name, section in ini.sections.items():
        keys = [*_USED.get(name, "").split(), *_UNUSED.get(name, "").split()]
        hint = "" if name in known else _meant(name, known)
        if not section.entries and name not in known:
            unknown.append(section.name + hint)
        for key in section.entries:
            if key in _UNUSED.get(name, "").split():
                unused.append(f"{section.name}.{key}")
            elif key not in keys and not _isListed(name, key):
                unknown.append(f"{section.name}.{key}{hint or _meant(key, keys)}")
    return tuple(unused), tuple(unknown)


def _meant(name: str, known: Iterable[str]) -> str:
    """What is probably meant by a name that is none."""
    likely = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    return f" ({likely[0]}?)" if likely else ""


def _isListed(section: str, key: str) -> bool:
    """Whether a key is one of a list's; in a section that is nothing but a list they all are."""
    return section in NUMBERED and (section not in _USED or key.startswith(NUMBERED[section]))
