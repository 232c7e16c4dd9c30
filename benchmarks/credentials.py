"""The certificates of the benchmark: a chain for each curve, in a temporary folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from twisted.internet.task import Clock

from fiscop2p.chain import buildChain
from fiscop2p.chain.authority import PRIME256V1, SECP256K1
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.errors import TLSUnavailable
from fiscop2p.identity import Credentials, loadCredentials
from fiscop2p.tls import chooseTLS

_HOST = "127.0.0.1"

SENDER, RECEIVER = 0, 1
"""The number of the sender's node, and of the first of the receiver's."""


def makeChains(folder: Path, peers: int) -> None:
    """
    Make both chains below a folder.

    @param peers: how many nodes the receiver has.
    """
    for curve in (SECP256K1, PRIME256V1):
        plan = ChainPlan.parse(f"{_HOST}:{RECEIVER + peers}", "2000,22000,42000")
        buildChain(plan, folder / curve, curve=curve)


def credentialsOf(folder: Path, number: int, tls: str) -> Credentials:
    """
    Load the credentials of one node.

    @param folder: what L{makeChains} was given.
    @param number: L{SENDER}, or from L{RECEIVER} on.
    @param tls: the TLS that they are for, C{"ssl"} or C{"pyopenssl"}.
    @return: on secp256k1, or on prime256v1 where this TLS cannot do secp256k1.
    @raise TLSUnavailable: it can do neither.
    """
    return _load(folder / _curve(folder, tls), number)


def _load(chain: Path, number: int) -> Credentials:
    return loadCredentials(chain / _HOST / f"node{number}" / "conf")


@cache
def _curve(folder: Path, tls: str) -> str:
    try:
        chooseTLS(_load(folder / SECP256K1, SENDER), Clock(), tls)
    except TLSUnavailable:
        chooseTLS(_load(folder / PRIME256V1, SENDER), Clock(), tls)
        return PRIME256V1
    return SECP256K1
