"""Certificates that are renewed while nodes talk."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fiscop2p.chain.authority import Authority, IssuedNode

from .members import MESH, Member, Mesh, chain, loopbackPorts, memberContext, running, waitFor
from .trial import Figure, Trial, atLeast, atMost, exactly

_HOST: Final = "127.0.0.1"
_NODES: Final = 3
_SIZE: Final = 500
_RATE: Final = 2000.0
_INTERVAL: Final = 0.01
_BETWEEN: Final = 1.0
_PATIENCE: Final = 5.0
_LONG: Final = 20.0


def rotate(seed: int, count: int) -> Iterator[Figure]:
    """Renew the certificates of three nodes so many times; once a file is written in part only."""
    ports = loopbackPorts(_NODES + 1)
    first = int(ports.split(",")[0])
    with chain(f"{_HOST}:{_NODES + 1}", ports) as configs:
        agency = _agency(configs[0].parents[2] / "cert")
        visitor = memberContext(configs[_NODES].parent / "conf")
        with running(configs[:_NODES]) as mesh:
            for one, other in mesh.pairs():
                one.ask("stream", to=other.nodeID, size=_SIZE, rate=_RATE)
                one.ask("ask", to=other.nodeID, interval=_INTERVAL)
            shown = 0
            for _ in range(count):
                sleep(_BETWEEN)
                for number, member in enumerate(mesh.members):
                    shown += _renew(agency, member, first + number, visitor)
            kept = _writeInPart(mesh.members[0], first, visitor)
            mesh.each("still")
            waitFor(lambda: _lost(mesh) == 0, _LONG)
            asked = [to for words in mesh.each("asked") for to in words.values()]
            sent = sum(to["sent"] for words in mesh.each("sent") for to in words.values())
            taken = [each for words in mesh.each("taken") for each in words.values()]
            yield exactly("renewed certificates shown to whoever dials", shown, _NODES * count)
            yield exactly("a file written in part is not taken up", kept, True)
            yield atLeast("one-way messages", sent, 1000)
            yield exactly("lost", _lost(mesh), 0)
            yield exactly("twice or out of order", sum(each["disorder"] for each in taken), 0)
            yield atLeast("requests", sum(each["asked"] for each in asked), 100)
            unanswered = sum(each["asked"] - each["answered"] for each in asked)
            yield exactly("without answer", unanswered, 0)
            yield from _newLinks(mesh)


def _newLinks(mesh: Mesh) -> Iterator[Figure]:
    """One that starts anew makes all its links with what has been renewed."""
    *_, last = mesh.members
    last.kill()
    last.start()
    yield atMost("new links by the renewed certificates after", mesh.untilWhole(60), MESH, "s")


def _lost(mesh: Mesh) -> int:
    sent = sum(to["sent"] for words in mesh.each("sent") for to in words.values())
    came = sum(each["count"] for words in mesh.each("taken") for each in words.values())
    return int(sent - came)


def _agency(folder: Path) -> Authority:
    agency = folder / "agency"
    return Authority.fromPEM(
        (agency / "agency.key").read_bytes(),
        (agency / "agency.crt").read_bytes(),
        (folder / "ca.crt").read_bytes(),
    )


def _renew(agency: Authority, member: Member, port: int, visitor: ssl.SSLContext) -> bool:
    """Renew a node's certificate; tells whether that is what it shows then."""
    conf = member.config.parent / "conf"
    key = load_pem_private_key((conf / "node.key").read_bytes(), None)
    issued: IssuedNode = agency.issueNode("node", key=key)
    _write(conf / "node.crt", issued.certificatePEM)
    member.signal(signal.SIGHUP)
    serial = issued.certificate.serial_number
    return waitFor(lambda: _shown(port, visitor) == serial, _PATIENCE) <= _PATIENCE


def _writeInPart(member: Member, port: int, visitor: ssl.SSLContext) -> bool:
    """Cut a certificate in half; tells whether the node goes on with the one that it has."""
    path = member.config.parent / "conf" / "node.crt"
    whole, before = path.read_bytes(), _shown(port, visitor)
    _write(path, whole[: len(whole) // 3])
    member.signal(signal.SIGHUP)
    sleep(_BETWEEN)
    after = _shown(port, visitor)
    _write(path, whole)
    member.signal(signal.SIGHUP)
    return before == after


def _write(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    os.replace(new, path)


def _shown(port: int, visitor: ssl.SSLContext) -> int:
    """The number of the certificate that a node shows."""
    with socket.create_connection((_HOST, port), 10) as one, visitor.wrap_socket(one) as link:
        certificate = link.getpeercert(True)
    assert certificate is not None
    return x509.load_der_x509_certificate(certificate).serial_number


TRIALS = (
    Trial(
        "rotation",
        "Certificates are renewed under load without a message lost, or told twice.",
        rotate,
        count=10,
        fewer=2,
    ),
)
