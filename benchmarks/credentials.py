"""The certificates of the benchmark: a chain of two nodes for each curve, in a temporary folder."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock

from fiscop2p.chain import buildChain
from fiscop2p.chain.authority import PRIME256V1, SECP256K1
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.errors import TLSUnavailable
from fiscop2p.identity import Credentials, loadCredentials
from fiscop2p.tls import chooseTLS

_HOST = "127.0.0.1"
_INDEX = {"sender": 0, "receiver": 1}


def makeChains(folder: Path) -> None:
    """Make both chains below a folder."""
    for curve in (SECP256K1, PRIME256V1):
        buildChain(ChainPlan.parse(f"{_HOST}:{len(_INDEX)}"), folder / curve, curve=curve)


def credentialsOf(folder: Path, role: str, tls: str) -> Credentials:
    """
    Load the credentials of one side.

    @param folder: what L{makeChains} was given.
    @param role: C{"sender"} or C{"receiver"}.
    @param tls: the TLS that they are for, C{"ssl"} or C{"pyopenssl"}.
    @return: on secp256k1, or on prime256v1 where this TLS cannot do secp256k1.
    @raise TLSUnavailable: it can do neither.
    """
    home = Path(_HOST) / f"node{_INDEX[role]}" / "conf"
    credentials = loadCredentials(folder / SECP256K1 / home)
    try:
        chooseTLS(credentials, Clock(), tls)
    except TLSUnavailable:
        credentials = loadCredentials(folder / PRIME256V1 / home)
        chooseTLS(credentials, Clock(), tls)
    return credentials
