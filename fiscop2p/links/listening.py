"""Where a node listens: an address of its own, or what one of Twisted's endpoints stands for."""

from __future__ import annotations

from errno import EADDRINUSE, EADDRNOTAVAIL
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from ..errors import ListenError
from ..settings import Settings


def listen(settings: Settings, factory: IProtocolFactory, reactor: Any) -> Any:
    """
    Accept connections from now on.

    @return: the C{IListeningPort}.
    @raise ListenError: the port is taken, or not ours to take, or the endpoint is none.
    """
    if settings.endpoint is not None:
        return _listenAt(settings.endpoint, factory, reactor)
    host, port = settings.listen
    try:
        return reactor.listenTCP(port, factory, interface=host)
    except CannotListenError as error:
        raise ListenError(f"cannot listen on {settings.listen}: {whyNotListening(error)}") from None


def _listenAt(text: str, factory: IProtocolFactory, reactor: Any) -> Any:
    try:
        found: list[Any] = []
        serverFromString(reactor, text).listen(factory).addBoth(found.append)
    except LookupError:
        raise ListenError(
            f"cannot listen on {text}: no such socket was handed to this process; systemd does "
            "that for a service that has a .socket unit"
        ) from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ListenError(
            f"cannot listen on {text}: it is none of Twisted's endpoints ({error}); write for "
            "instance systemd:domain=INET:index=0 or tcp:30300"
        ) from None
    if found and isinstance(found[0], Failure):
        raise ListenError(f"cannot listen on {text}: {whyNotListening(found[0].value)}")
    if not found or not isinstance(found[0].getHost(), IPv4Address | IPv6Address):
        for port in found:
            port.stopListening()
        raise ListenError(f"cannot listen on {text}: nodes are reached by TCP alone")
    return found[0]


_HINTS: Final = {
    EADDRINUSE: "does another node run there? Free the port, or choose another one",
    EADDRNOTAVAIL: "choose an address of this machine, or 0.0.0.0 for all",
}


def whyNotListening(error: object) -> str:
    """
    Say why nobody can listen somewhere, and what to do.

    @param error: a L{CannotListenError}, say.
    """
    cause = getattr(error, "socketError", error)
    hint = _HINTS.get(getattr(cause, "errno", None) or 0)
    return f"{cause}; {hint}" if hint else str(cause)
