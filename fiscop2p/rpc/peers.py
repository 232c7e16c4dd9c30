"""The addresses that a node keeps links to, shown and changed while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, TypeAlias

from twisted.logger import Logger

from ..config.rewriting import rewritePeers
from ..errors import RewriteFailed, SetupError
from ..service import P2PService
from ..settings import Address

SUCCESS: Final = "0x0"
INTERNAL_ERROR: Final = "0x1"
INVALID_PARAMS: Final = "0x7"

_PLAIN: Final = re.compile(r"[0-9A-Za-z._:%\[\]-]{1,300}")
_LABEL: Final = re.compile("[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?")

_Key: TypeAlias = tuple[Any, ...]


class StaticPeers:
    """
    The addresses that a node keeps links to, in memory and in its C{config.ini}; its own, if the
    file has it, is one of them.

    The file is rewritten first, and only then memory follows: where that fails, nothing changes.
    """

    _log = Logger()

    def __init__(
        self, node: P2PService, configPath: Path, peersParamLimit: int, maxNodesLimit: int
    ) -> None:
        """
        @param configPath: the C{config.ini} that is rewritten.
        @param peersParamLimit: how many addresses one call may name.
        @param maxNodesLimit: how many addresses there may be.
        """
        self._node = node
        self._configPath = configPath
        self._peersParamLimit = peersParamLimit
        self._maxNodesLimit = maxNodesLimit

    def query(self, params: Any) -> list[str]:
        """All addresses, as text: IPv4 and then IPv6 by their numbers, and then names."""
        return [str(address) for address in sorted(self._known(), key=_key)]

    def add(self, params: Any) -> dict[str, str]:
        """
        Dial more addresses now, and keep links to them.

        @param params: an array, in an array.
        @return: code and message.
        """
        known = self._known()
        try:
            new = self._named(params)
            for address in known:
                new.pop(_key(address), None)
            if not new:
                return _answer(SUCCESS, "add peers :all the inserted peers already exist")
            if len(known) + len(new) > self._maxNodesLimit:
                raise _Refused(
                    INTERNAL_ERROR,
                    f"refused for too many peers. max_nodes_limit: {self._maxNodesLimit}",
                )
            self._rewrite([*known, *new.values()])
        except _Refused as refused:
            return _answer(refused.code, str(refused))
        for address in new.values():
            self._node.addPeer(address)
        self._tell("added", new.values())
        return _answer(SUCCESS, "add peers :update config file successfully")

    def erase(self, params: Any) -> dict[str, str]:
        """
        Dial addresses no more.  Links to them that stand are left alone, as FISCO BCOS nodes do.

        @param params: an array, in an array.
        @return: code and message.
        """
        known = self._known()
        try:
            named = self._named(params)
            erased = [address for address in known if _key(address) in named]
            if not erased:
                return _answer(SUCCESS, "erase peers :none of the erased peers exist")
            self._rewrite(address for address in known if address not in erased)
        except _Refused as refused:
            return _answer(refused.code, str(refused))
        for address in erased:
            self._node.removePeer(address)
        self._tell("erased", erased)
        return _answer(SUCCESS, "erase peers :update config file successfully")

    def _known(self) -> list[Address]:
        return [status.address for status in self._node.addresses()]

    def _named(self, params: Any) -> dict[_Key, Address]:
        """
        Read the addresses that a call names.

        @raise _Refused: there is none, or too many, or one is not an address.
        """
        if not (isinstance(params, list) and params and isinstance(params[0], list)):
            raise _Refused(INVALID_PARAMS, "invalid params field, not array format json")
        texts = params[0]
        if not texts:
            raise _Refused(INVALID_PARAMS, "failed for empty host list, expect at least one peer")
        if len(texts) > self._peersParamLimit:
            raise _Refused(
                INTERNAL_ERROR,
                f"refused for too many param peers. peers_param_limit: {self._peersParamLimit}",
            )
        named: dict[_Key, Address] = {}
        for position, text in enumerate(texts, 1):
            try:
                address = _parse(text)
            except SetupError:
                raise _Refused(INVALID_PARAMS, f"invalid peer at position {position}") from None
            named.setdefault(_key(address), address)
        return named

    def _rewrite(self, addresses: Iterable[Address]) -> None:
        try:
            rewritePeers(self._configPath, sorted(addresses, key=_key))
        except RewriteFailed as error:
            self._log.warn("the peers stay as they are: {detail}", detail=error.detail)
            raise _Refused(INTERNAL_ERROR, str(error)) from None

    def _tell(self, what: str, addresses: Iterable[Address]) -> None:
        self._log.info(
            "{what} by JSON-RPC, and in {file}: {peers}",
            what=what,
            file=str(self._configPath),
            peers=", ".join(map(str, addresses)),
        )


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _answer(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _parse(text: Any) -> Address:
    """
    Read an address more strictly than from a file, for it goes into one: no sign in it may mean
    anything there.

    @raise SetupError: it is none.
    """
    if not (isinstance(text, str) and _PLAIN.fullmatch(text)):
        raise SetupError("not an address")
    address = Address.parse(text)
    if not (address.isIPv4 or address.isIPv6 or _isName(address.host)):
        raise SetupError("neither an IP address nor a DNS name")
    return address


def _isName(host: str) -> bool:
    labels = host.split(".")
    # Numbers and dots are an IP address, and this one is wrong.
    isNumber = labels[-1].isdigit()
    return len(host) <= 253 and not isNumber and all(map(_LABEL.fullmatch, labels))


def _key(address: Address) -> _Key:
    """What addresses are ordered by; the same for two that are written in different ways."""
    host, port = address
    if address.isIPv4 or address.isIPv6:
        ip = ip_address(host)
        return 0, ip.version, int(ip), host.partition("%")[2], port
    return 1, host.lower(), port
