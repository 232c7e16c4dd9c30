"""What a node is told about its network: addresses, limits and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from ipaddress import ip_address
from math import inf
from typing import Any, Final, NamedTuple

from .errors import SetupError
from .wire.dialect import RC2, Dialect
from .wire.frames import MAX_FRAME_LENGTH

_PORT = re.compile("[0-9]{1,5}")


class Address(NamedTuple):
    """
    Where a node listens.

    @ivar host: an IPv4 or IPv6 address, or a DNS name.
    @ivar port: 1..65535.
    """

    host: str
    port: int

    @property
    def isIPv4(self) -> bool:
        """Whether the host is an IPv4 address."""
        return _version(self.host) == 4

    @property
    def isIPv6(self) -> bool:
        """Whether the host is an IPv6 address."""
        return _version(self.host) == 6

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        Read C{ip:port}, C{name:port} or C{[ipv6]:port}.

        @raise SetupError: it is none of them.
        """
        host, colon, port = text.strip().rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            if _version(host) != 6:
                raise SetupError(f"{text!r}: {host!r} is not an IPv6 address")
        elif ":" in host:
            raise SetupError(f"{text!r}: write an IPv6 address as [address]:port")
        if not colon or not host or any(c.isspace() or c in "[]" for c in host):
            raise SetupError(f"{text!r} is not an address: expected host:port or [ipv6]:port")
        if not (_PORT.fullmatch(port) and 1 <= int(port) <= 65535):
            raise SetupError(f"{text!r}: port {port!r} is not a number from 1 to 65535")
        return cls(host, int(port))


def _version(host: str) -> int | None:
    try:
        return ip_address(host).version
    except ValueError:
        return None


_ANYWHERE = Address("0.0.0.0", 30300)  # noqa: S104 (FISCO BCOS's own default)


class Overflow(Enum):
    """
    What becomes of a message for a peer for which more than L{Settings.maxQueue} waits.

    @cvar REFUSE: whoever sends it is told so by L{PeerBusy}; what waits stays.
    @cvar DROP_OLDEST: the oldest one-way messages that wait are dropped and counted, so that it can
        wait in their place.  Requests that somebody waits for, responses, what nodes tell each
        other of themselves, and what has begun to leave are never dropped; where nothing else
        waits, it is refused.
    @cvar CLOSE: it is refused, and the link is closed.
    """

    REFUSE = "refuse"
    DROP_OLDEST = "drop the oldest"
    CLOSE = "close"


@dataclass(frozen=True)
class Settings:
    """
    How a node behaves; times are in seconds, sizes in bytes.

    What makes no sense is refused by a L{SetupError} that names it.

    @ivar listen: where it listens; port 0 takes a free one.
    @ivar endpoint: where it listens instead, in the words of Twisted's server endpoints, say
        C{systemd:domain=INET:index=0} for a socket that systemd hands over; L{None} for C{listen}.
    @ivar peers: the addresses it keeps links to; its own may be among them.
    @ivar dialect: the header that its network speaks.
    @ivar compress: whether payloads of more than 1024 bytes are compressed, where that saves an
        eighth.
    @ivar tls: C{"auto"}, C{"ssl"} (the standard library) or C{"pyopenssl"}.
    @ivar maxFrameLength: the longest frame it takes.
    @ivar maxQueue: how much may wait for a slow peer before nothing more is taken for it; the last
        message may go beyond it, and 5 MiB of others of the same turn of the reactor.
    @ivar overflow: what is done then.
    @ivar maxUnanswered: how many messages of one peer may be under way in handlers that return
        Deferreds or coroutines; at more nothing is read from it until half of them are done.  It
        has to be more than wait for answers of that very peer, for these are not read either.
    @ivar maxPending: how many requests to one peer may wait for their responses.
    @ivar maxHandshakes: how many links that others have dialled may be short of the peer's first
        frame; those from configured addresses have as many more.
    @ivar maxInboundPeers: how many nodes may be linked that have dialled us, the configured ones
        not counted.
    @ivar maxLinksPerHost: how many links one IP address may have dialled that is not configured.
    @ivar maxAcceptRate: how many links a second are taken from addresses that are not configured;
        twice as many at a time after a quiet while.
    @ivar handshakeTimeout: how long TLS, and the peer's first frame, may take.
    @ivar connectTimeout: how long TCP may take.
    @ivar heartbeat: how often every peer is told our seqs, and we are told of theirs.
    @ivar idleTimeout: how long a peer may read nothing although something waits for it.
    @ivar frameTimeout: how long a frame may take to arrive at any rate.
    @ivar minFrameRate: how many bytes a second must come of one that takes longer.
    @ivar requestTimeout: how long an answer may take where the caller names no time.
    @ivar topicTimeout: the same for one follower of a topic.
    @ivar subscriberTimeout: the same for one subscriber of this node that is asked by a topic's
        request; its answer is cancelled then, and the next one is asked.
    @ivar outgoingBandwidth: in bytes a second, or L{None} for no limit; L{fiscop2p.traffic}.
    @ivar connectionWarning: whether peers that we refuse are warned of, or told at debug only.
    """

    listen: Address = _ANYWHERE
    peers: tuple[Address, ...] = ()
    dialect: Dialect = RC2
    compress: bool = True
    tls: str = "auto"
    maxFrameLength: int = MAX_FRAME_LENGTH
    maxQueue: int = 16 * 1024 * 1024
    overflow: Overflow = Overflow.REFUSE
    maxUnanswered: int = 1024
    maxPending: int = 65536
    maxHandshakes: int = 32
    maxInboundPeers: int = 100
    maxLinksPerHost: int = 8
    maxAcceptRate: float = 50.0
    handshakeTimeout: float = 10.0
    connectTimeout: float = 10.0
    heartbeat: float = 5.0
    idleTimeout: float = 60.0
    frameTimeout: float = 30.0
    minFrameRate: float = 16 * 1024
    requestTimeout: float = 10.0
    topicTimeout: float = 30.0
    subscriberTimeout: float = 5.0
    outgoingBandwidth: float | None = None
    connectionWarning: bool = True
    endpoint: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            expected = _EXPECTED_OF.get(field.name) or _EXPECTED[type(field.default)]
            if not expected.isMet(value):
                raise SetupError(f"Settings.{field.name} is {value!r}, not {expected.words}")


class _Expected(NamedTuple):
    """What a value has to be."""

    words: str
    isMet: Callable[[Any], bool]


def _isCount(value: Any) -> bool:
    return type(value) is int and value > 0


def _isAmount(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < inf


def _isAddress(value: Any, leastPort: int = 1) -> bool:
    return (
        isinstance(value, Address)
        and type(value.host) is str
        and type(value.port) is int
        and leastPort <= value.port <= 65535
    )


def checkAddress(value: object) -> None:
    """
    Let pass what can be dialled.

    @raise SetupError: it is no L{Address}, or has no port from 1 to 65535.
    """
    if not _isAddress(value):
        raise SetupError(
            f"{value!r} is not an Address with a port from 1 to 65535 (Address.parse reads one)"
        )


_EXPECTED: Final[Mapping[type, _Expected]] = {
    bool: _Expected("True or False", lambda value: isinstance(value, bool)),
    int: _Expected("a whole number above 0", _isCount),
    float: _Expected("a number above 0", _isAmount),
    str: _Expected("a text", lambda value: isinstance(value, str)),
    Dialect: _Expected("a Dialect", lambda value: isinstance(value, Dialect)),
    Overflow: _Expected("an Overflow", lambda value: isinstance(value, Overflow)),
}
"""By the type of a default."""

_EXPECTED_OF: Final[Mapping[str, _Expected]] = {
    "listen": _Expected(
        "an Address with a port from 0 to 65535 (Address.parse reads one)",
        lambda value: _isAddress(value, leastPort=0),
    ),
    "peers": _Expected(
        "a tuple of Address with ports from 1 to 65535 (Address.parse reads one)",
        lambda value: isinstance(value, tuple) and all(map(_isAddress, value)),
    ),
    "outgoingBandwidth": _Expected(
        "a number above 0 or None", lambda value: value is None or _isAmount(value)
    ),
    "endpoint": _Expected("a text or None", lambda value: value is None or isinstance(value, str)),
}
"""By name."""
