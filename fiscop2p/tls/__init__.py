"""
From a transport to an authenticated peer: the only place that touches OpenSSL.

There are two implementations, because not every OpenSSL can do every network's curve: the one that
C{cryptography} carries from release 47 on cannot do secp256k1 in TLS at all; that of Python's
C{ssl} mostly can.  L{chooseTLS} takes the first that works, tried with our own certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from ..errors import SetupError, TLSUnavailable
from ..identity import Credentials
from ..interfaces import IPeerTLS
from .pyopenssl import PyOpenSSLTLS
from .stdlib import StandardTLS

IMPLEMENTATIONS: dict[str, Callable[[Credentials, IReactorTime], IPeerTLS]] = {
    StandardTLS.name: StandardTLS,
    PyOpenSSLTLS.name: PyOpenSSLTLS,
}

TLS_CHOICES: Final = ("auto", *IMPLEMENTATIONS)
"""What L{chooseTLS} can be asked for."""


def chooseTLS(credentials: Credentials, clock: IReactorTime, wanted: str = "auto") -> IPeerTLS:
    """
    Make the TLS of a node.

    @param wanted: C{"auto"} for the first implementation that can do the network's curve, or the
        name of one.
    @raise TLSUnavailable: none can; says why and what to do.
    @raise SetupError: there is no implementation of that name.
    """
    if wanted not in TLS_CHOICES:
        raise SetupError(
            f"there is no TLS implementation {wanted!r}: choose {' or '.join(TLS_CHOICES)}"
        )
    faults = []
    for name in IMPLEMENTATIONS if wanted == "auto" else (wanted,):
        try:
            tls = IMPLEMENTATIONS[name](credentials, clock)
            tls.rehearse()
        except TLSUnavailable as fault:
            faults.append(f"{name}: {fault}")
        else:
            return tls
    if wanted != "auto":
        raise TLSUnavailable(
            f"TLS by {wanted} cannot do the curve of this network, {credentials.curve} "
            f"({faults[0]}); auto looks for one that can"
        )
    raise TLSUnavailable(
        f"no TLS on this machine can do the curve of this network, {credentials.curve} "
        f"({'; '.join(faults)}). Use a Python whose ssl module is built with OpenSSL 3.x "
        "(python -c 'import ssl; print(ssl.OPENSSL_VERSION)' tells), or make the chain with "
        "--curve prime256v1"
    )
