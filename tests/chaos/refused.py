"""Whoever is not let in: what he gets, and whether the log says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from fiscop2p.access import AccessLists
from fiscop2p.chain.authority import Authority, IssuedNode, revocation
from fiscop2p.errors import TLSUnavailable
from fiscop2p.identity import loadCredentials
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT, writeCredentials
from tests.strangers import STRANGER, Stranger, dial, listen, looseContext

from .trial import Figure, Trial, atLeast, exactly

_NOW: Final = datetime.now(UTC)
_YEAR: Final = timedelta(days=365)
_WAYS: Final = (("ssl", "secp256k1"), ("ssl", "prime256v1"), ("pyopenssl", "prime256v1"))


@dataclass(frozen=True)
class _Kind:
    """
    A stranger of one kind.

    @ivar words: what the log has to say of it, at least.
    @ivar issue: makes its certificates; takes the network.
    @ivar isListed: whether a white list names its node ID, and the black list if C{False}.
    @ivar isRevoked: whether the agency has revoked its certificate.
    """

    name: str
    words: str
    issue: Callable[[MemoryNetwork], IssuedNode | None]
    isListed: bool | None = None
    isRevoked: bool = False


def _agency(network: MemoryNetwork) -> Authority:
    assert network.agency is not None
    return network.agency


def _curve(network: MemoryNetwork) -> str:
    return {"secp256r1": "prime256v1"}.get(_agency(network).key.curve.name, "secp256k1")


def _selfSigned(network: MemoryNetwork) -> IssuedNode:
    """A certificate that is a node's in all but who vouches for it."""
    key = ec.generate_private_key(_agency(network).key.curve)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node9")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(_NOW - _YEAR)
        .not_valid_after(_NOW + _YEAR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .sign(key, hashes.SHA256())
    )
    return IssuedNode(key, certificate, (certificate,))


def _foreign(network: MemoryNetwork) -> IssuedNode:
    root = Authority.makeRoot(curve=_curve(network))
    return root.issueAgency("agency").issueNode("node9")


_KINDS: Final = (
    _Kind("wrong CA", "another chain", _foreign),
    _Kind("self-signed, white-listed", "certificate is refused", _selfSigned, isListed=True),
    _Kind("none", "showed no certificate", lambda network: None),
    _Kind(
        "expired",
        "it has expired",
        lambda n: _agency(n).issueNode("old", notBefore=_NOW - 2 * _YEAR, notAfter=_NOW - _YEAR),
    ),
    _Kind(
        "not yet valid",
        "not yet valid",
        lambda n: _agency(n).issueNode("new", notBefore=_NOW + _YEAR, notAfter=_NOW + 2 * _YEAR),
    ),
    _Kind(
        "CA as leaf", "that of a CA", lambda n: _agency(n).issueNode("ca", basicConstraints=True)
    ),
    _Kind(
        "no basicConstraints",
        "no basicConstraints CA:FALSE",
        lambda n: _agency(n).issueNode("plain", basicConstraints=None),
    ),
    _Kind("black-listed", "black list", lambda n: _agency(n).issueNode("node9"), isListed=False),
    _Kind("revoked", "revoked", lambda n: _agency(n).issueNode("node9"), isRevoked=True),
    _Kind("our own ID", "this node itself", lambda n: n.issued[0]),
)


def refusals(seed: int, count: int) -> Iterator[Figure]:
    """Let each kind dial a node, and be dialled by it, over each TLS and curve that there is."""
    tried = bytes_ = joined = silent = ways = 0
    for tls, curve in _WAYS:
        try:
            MemoryNetwork(0, tls=tls, curve=curve).addNode()
        except TLSUnavailable:
            continue
        ways += 1
        for kind in _KINDS:
            for outbound in (False, True):
                if outbound and kind.name == "none":
                    continue  # Nobody listens without a certificate.
                stranger, links, lines = _meet(kind, tls, curve, outbound)
                tried += 1
                bytes_ += len(stranger.data)
                joined += links + (stranger.lost is None)
                silent += not any(kind.words in line and STRANGER in line for line in lines)
    yield atLeast("kinds of TLS and curve", ways, 1)
    yield exactly("strangers", tried, ways * (2 * len(_KINDS) - 1))
    yield exactly("application bytes that they got", bytes_, 0)
    yield exactly("that were let in", joined, 0)
    yield exactly("whose reason is not in the log", silent, 0)
    yield atLeast("bytes that a member got in their place", len(_member().data), 1, "B")


def _meet(kind: _Kind, tls: str, curve: str, outbound: bool) -> tuple[Stranger, int, list[str]]:
    """Bring a node and a stranger together; the node's links and log lines."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    network = MemoryNetwork(0, tls=tls, curve=curve, settings=Settings())
    node = network.addNode([Address(STRANGER, PORT)])
    issued = kind.issue(network)
    if issued is not None and kind.isListed is not None:
        lists = {"white" if kind.isListed else "black": frozenset([issued.nodeID])}
        node.setAccess(AccessLists(**lists))
    globalLogPublisher.addObserver(observe)
    try:
        with TemporaryDirectory() as folder:
            if kind.isRevoked:
                _revoke(network, issued, Path(folder, "own"))
            stranger = Stranger(greeting=bytes(64))
            context = looseContext(not outbound, issued, Path(folder, "its"), curve)
            if outbound:
                listen(network, context, stranger)
            else:
                dial(network, node, context, stranger)
            network.advance(2)
        return stranger, len(node.registry), lines
    finally:
        globalLogPublisher.removeObserver(observe)
        network.stop()


def _revoke(network: MemoryNetwork, issued: IssuedNode | None, folder: Path) -> None:
    """Have the node take up a list by which a certificate is revoked."""
    assert issued is not None
    writeCredentials(network.issued[0], folder)
    lists = _agency(network).issueList([revocation(issued.certificate)])
    (folder / "node.crl").write_bytes(lists.public_bytes(Encoding.PEM))
    network.nodes[0].setCredentials(loadCredentials(folder, crl=folder / "node.crl"))


def _member() -> Stranger:
    """What one gets who is let in: without it all the others would prove nothing."""
    kind = replace(_KINDS[0], issue=lambda network: _agency(network).issueNode("node9"))
    stranger, _, _ = _meet(kind, "auto", "prime256v1", outbound=False)
    return stranger


TRIALS = (
    Trial(
        "refusals",
        "Whoever is not let in gets no byte of an application, and the log says why.",
        refusals,
        count=1,
        fewer=1,
    ),
)
