"""The running node, as commands reach it: by its admin socket, or else over TCP."""

from __future__ import annotations

import json
import os
import shlex
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from ..config import AdminConfig, adminFromConfig
from ..identity import abridged
from ..settings import Address
from .failures import CommandFailed, NodeNotRunning, NoSuchNode, NotAnswered, NotDelivered
from .words import safe

CONFIG_VARIABLE: Final = "FISCOP2P_CONFIG"
"""The environment variable that names a C{config.ini} where no option does."""

_DEFAULT: Final = Path("config.ini")
_PATIENCE: Final = 30.0
_MOST_NAMED: Final = 10
_ERRORS: Final[Mapping[int, type[CommandFailed]]] = {
    404: NotDelivered,
    429: NotDelivered,
    502: NotDelivered,
    503: NotDelivered,
    504: NotAnswered,
}


def findConfig(option: str | None) -> Path:
    """
    Find the C{config.ini} of the node that is meant.

    @param option: what the command line says, if anything.
    @raise NodeNotRunning: nothing says which.
    """
    if option is not None:
        return Path(option)
    if _DEFAULT.exists():
        return _DEFAULT
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    raise NodeNotRunning(
        "which node? There is no config.ini in this folder: name that of the node with -c, or set "
        f"{CONFIG_VARIABLE}"
    )


class RunningNode:
    """
    A node that runs on this machine.

    Each method raises L{NodeNotRunning} if it does not, or does not answer.
    """

    def __init__(self, path: Path) -> None:
        """
        @param path: its C{config.ini}.
        @raise ConfigError: there is no such file, or it cannot be read.
        @raise NodeNotRunning: the node is not to be asked.
        """
        config = adminFromConfig(path)
        if config is None:
            raise NodeNotRunning(
                f"the node of {path} cannot be asked: [admin] listen is off in that file"
            )
        self._path = path
        self._config = config

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """
        Ask something.

        @param path: of the admin API.
        @raise CommandFailed: it was refused; says why.
        """
        return self._answer("GET", _target(path, query), None, _PATIENCE)

    def post(self, path: str, body: Mapping[str, object], timeout: float = 0.0) -> dict[str, Any]:
        """
        Have something done.

        @param timeout: how long the node itself will wait for others, in seconds.
        @raise NotDelivered: it did not reach whom it was for, or brought no answer.
        @raise CommandFailed: it was refused; says why.
        """
        return self._answer("POST", path, json.dumps(body).encode(), _PATIENCE + timeout)

    def health(self) -> dict[str, Any]:
        """How the node is: C{ready}, C{peers} and, if it is not ready, C{error}."""
        return self._answer("GET", "/healthz", None, _PATIENCE, accept=(200, 503))

    def find(self, name: str) -> dict[str, Any]:
        """
        Find a peer.

        @param name: its node ID, the beginning of one, or its name.
        @return: what the node knows of it.
        @raise NoSuchNode: it is none, or may be several; names the candidates.
        """
        status, found = self._ask("GET", f"/api/peers/{quote(name, safe='')}", None, _PATIENCE)
        if status == 200:
            return found
        if status == 409:
            candidates = set(found.get("candidates", ()))
            raise NoSuchNode(f"{_failure(status, found)}: {self._named(candidates)}")
        if status == 404:
            raise NoSuchNode(f"{_failure(status, found)}; {self._known()}")
        raise _failure(status, found)

    def events(self, path: str, **query: object) -> Iterator[tuple[str, dict[str, Any]]]:
        """
        Ask for server-sent events.

        @return: the kind and the content of each, as they come, until the node ends it.
        @raise CommandFailed: it was refused; says why.
        """
        connection = self._connect(None)
        try:
            response = self._exchange(connection, "GET", _target(path, query), None)
            if response.status != 200:
                raise _failure(response.status, _content(response))
            yield from _events(response)
        except (OSError, HTTPException) as error:
            raise NodeNotRunning(f"the node of {self._path} has gone: {safe(str(error))}") from None
        finally:
            connection.close()

    def _answer(
        self,
        method: str,
        target: str,
        body: bytes | None,
        timeout: float,
        accept: tuple[int, ...] = (200,),
    ) -> dict[str, Any]:
        status, content = self._ask(method, target, body, timeout)
        if status not in accept:
            raise _failure(status, content)
        return content

    def _ask(
        self, method: str, target: str, body: bytes | None, timeout: float
    ) -> tuple[int, dict[str, Any]]:
        connection = self._connect(timeout)
        try:
            response = self._exchange(connection, method, target, body)
            return response.status, _content(response)
        except (OSError, HTTPException) as error:
            why = "in time" if isinstance(error, TimeoutError) else f"({safe(str(error))})"
            raise NodeNotRunning(f"the node of {self._path} does not answer {why}") from None
        finally:
            connection.close()

    def _exchange(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None
    ) -> HTTPResponse:
        headers = {"Connection": "close", "Host": "localhost"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._config.token is not None:
            headers["Authorization"] = f"Bearer {self._config.token}"
        connection.request(method, target, body, headers)
        return connection.getresponse()

    def _connect(self, timeout: float | None) -> HTTPConnection:
        connection = HTTPConnection("localhost", timeout=timeout)
        connection.sock = self._socket(timeout)
        return connection

    def _socket(self, timeout: float | None) -> socket.socket:
        config = self._config
        try:
            return _dial(socket.AF_UNIX, str(config.socket), timeout)
        except OSError as error:
            fault = error
        if config.address is not None:
            try:
                family = socket.AF_INET6 if config.address.isIPv6 else socket.AF_INET
                return _dial(family, tuple(_reachable(config.address)), timeout)
            except OSError:
                pass
        raise self._notRunning(config, fault)

    def _notRunning(self, config: AdminConfig, fault: OSError) -> NodeNotRunning:
        if isinstance(fault, PermissionError):
            return NodeNotRunning(
                f"{config.socket} may be used by the user of the node alone: run this as that user"
            )
        if fault.errno is None:
            # Python's own words for a path that no socket may have; the node says so, too.
            return NodeNotRunning(
                f"{config.socket}: {fault}; name a shorter one in {self._path}, with [admin] "
                "listen=unix:PATH, and start the node again"
            )
        command = f"twistd -n --pidfile= fiscop2p --config {shlex.quote(str(self._path))}"
        return NodeNotRunning(
            f"the node of {self._path} is not running, or is part of an application, which nobody "
            f"can ask; start it, with its start.sh or with: {command}"
        )

    # Names, for those who got one wrong.

    def _known(self) -> str:
        peers = self.get("/api/peers")["peers"]
        if not peers:
            return "no node is linked at all"
        return f"those there are: {self._named({peer['nodeID'] for peer in peers})}"

    def _named(self, nodeIDs: set[str]) -> str:
        peers = [peer for peer in self.get("/api/peers")["peers"] if peer["nodeID"] in nodeIDs]
        named = [called(peer) for peer in peers[:_MOST_NAMED]]
        more = f" and {len(peers) - _MOST_NAMED} more" if len(peers) > _MOST_NAMED else ""
        return ", ".join(named) + more


def called(peer: Mapping[str, Any]) -> str:
    """A peer for people: C{41525a3c... (node1 of agency)}."""
    short = abridged(peer["nodeID"])
    if not peer.get("name"):
        return short
    agency = f" of {safe(peer['agency'])}" if peer.get("agency") else ""
    return f"{short} ({safe(peer['name'])}{agency})"


def _dial(family: int, address: Any, timeout: float | None) -> socket.socket:
    dialled = socket.socket(family, socket.SOCK_STREAM)
    try:
        dialled.settimeout(timeout)
        dialled.connect(address)
    except OSError:
        dialled.close()
        raise
    return dialled


def _reachable(address: Address) -> Address:
    """Where to dial what listens on all addresses."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104
    return Address(host, address.port)


def _target(path: str, query: Mapping[str, object]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _content(response: HTTPResponse) -> dict[str, Any]:
    try:
        found = json.loads(response.read())
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise CommandFailed(
        f"this is no node of fiscop2p: it answers with status {response.status}, and no JSON"
    )


def _failure(status: int, content: Mapping[str, Any]) -> CommandFailed:
    words = content.get("error", f"the node answers with status {status}")
    return _ERRORS.get(status, CommandFailed)(safe(str(words)))


def _events(response: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read events as the WHATWG has them; those that are not JSON objects are none of ours."""
    kind, data = "message", b""
    while line := response.readline():
        field, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            kind = value.decode(errors="replace")
        elif field == b"data":
            data += value + b"\n"
        elif not line.strip() and data:
            yield kind, json.loads(data)
            kind, data = "message", b""
