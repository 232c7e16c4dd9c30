"""TLS as C{openssl s_client} finds it: what a node agrees to, and what it must not."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan

from .members import Member, loopbackPorts, memberContext, portIsOpen, waitFor
from .trial import Figure, Skipped, Trial, atLeast, exactly

_HOST: Final = "127.0.0.1"
_OLD: Final = ("tls1", "tls1_1")
_STRONG: Final = re.compile("(TLS_|(ECDHE-(ECDSA|RSA)-))(AES_?(128|256)[-_]GCM|CHACHA20)")
_ALL: Final = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
_CURVES: Final = {"secp256k1": ("tls1_2",), "prime256v1": ("tls1_2", "tls1_3")}
_PATIENCE: Final = 20.0
_MOMENT: Final = 1.0


@dataclass(frozen=True)
class _Server:
    """
    Somebody who speaks TLS, and a member's key to come with.

    @ivar conf: the folder of the member's key and certificates.
    """

    port: int
    conf: Path
    curve: str

    def probe(self, *options: str, said: str = "") -> str:
        """What C{openssl s_client} says of a connection."""
        client = [
            *("openssl", "s_client", "-connect", f"{_HOST}:{self.port}", "-groups", self.curve),
            *("-cert", "node.crt", "-cert_chain", "node.crt", "-key", "node.key"),
            *("-CAfile", "ca.crt"),
        ]
        done = subprocess.run(
            [*client, *options],
            input=said,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            cwd=self.conf,
        )
        return done.stdout + done.stderr

    def agreesTo(self, version: str, cipher: str = _ALL) -> bool:
        """Whether a handshake comes to its end."""
        suites = ("-cipher", f"{cipher}:@SECLEVEL=0")
        if version == "tls1_3":
            suites = ("-ciphersuites", cipher)
        said = self.probe(f"-{version}", *suites)
        # "New, TLSv1.2, Cipher is X" or "New, (NONE), Cipher is (NONE)"
        return "Cipher is" in said and "Cipher is (NONE)" not in said


@dataclass
class _Agreed:
    """How many of what was proposed a server has agreed to."""

    tried: int = 0
    old: int = 0
    weak: int = 0
    strong: int = 0

    def ask(self, server: _Server, versions: Sequence[str]) -> None:
        """Propose each old version, and each suite of the newer ones."""
        for version in _OLD:
            self.tried += 1
            self.old += server.agreesTo(version)
        for version in versions:
            for suite in _suites(version):
                self.tried += 1
                if server.agreesTo(version, suite):
                    isStrong = _STRONG.match(suite) is not None
                    self.strong += isStrong
                    self.weak += not isStrong


def _suites(version: str) -> list[str]:
    """What this OpenSSL can propose."""
    listed = subprocess.run(
        ["openssl", "ciphers", "-s", f"-{version}", _ALL],
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        suite
        for suite in listed.stdout.strip().split(":")
        if suite.startswith("TLS_") == (version == "tls1_3")
    ]


def probes(seed: int, count: int) -> Iterator[Figure]:
    """Propose every old version and every suite, to a node and to a server that takes all."""
    if shutil.which("openssl") is None:
        raise Skipped("there is no command 'openssl' here (Debian: openssl)")
    agreed, careless = _Agreed(), _Agreed()
    renegotiated = resumed = 0
    for curve, versions in _CURVES.items():
        with _node(curve) as server:
            agreed.ask(server, versions)
            renegotiated += _renegotiates(server)
            resumed += _resumes(server)
    with _carelessServer() as server:
        careless.ask(server, ("tls1_2",))
        canTell = _renegotiates(server) + _resumes(server)
    yield atLeast("versions and suites proposed", agreed.tried, 100)
    yield exactly("old versions agreed to", agreed.old, 0)
    yield exactly("weak suites agreed to", agreed.weak, 0)
    yield atLeast("strong suites agreed to", agreed.strong, 3)
    yield exactly("renegotiations", renegotiated, 0)
    yield exactly("sessions resumed", resumed, 0)
    # Without these all of that would prove nothing.
    yield exactly("old versions that a careless server agrees to", careless.old, len(_OLD))
    yield atLeast("weak suites that it agrees to", careless.weak, 5)
    yield exactly("it renegotiates, and resumes", canTell, 2)


def _renegotiates(server: _Server) -> bool:
    """Whether a line with an R, which has s_client ask for it, gets another handshake."""
    said = server.probe("-tls1_2", "-state", said="R\nQ\n")
    return said.count("read server hello") > 1 or said.count("server hello") > 2


def _resumes(server: _Server) -> bool:
    """Whether a session of an earlier connection can be resumed, and the link then stands."""
    context = memberContext(server.conf, server.curve)
    with _connected(server, context) as first:
        session = first.session
    with _connected(server, context, session) as second:
        second.settimeout(_MOMENT)
        try:
            return second.session_reused is True and second.recv(1) != b""
        except TimeoutError:
            return second.session_reused is True
        except OSError:
            return False


def _connected(
    server: _Server, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    raw = socket.create_connection((_HOST, server.port), _PATIENCE)
    return context.wrap_socket(raw, session=session)


@contextmanager
def _chain(curve: str) -> Iterator[tuple[int, Path, Path]]:
    """Two members; the port and the folder of one, and that of the other."""
    ports = loopbackPorts(2)
    with TemporaryDirectory() as folder:
        plan = ChainPlan.parse(f"{_HOST}:2", ports)
        one, other = buildChain(plan, Path(folder) / "nodes", curve=curve)
        yield one.place.ports.p2p, one.directory, other.directory / "conf"


@contextmanager
def _node(curve: str) -> Iterator[_Server]:
    with _chain(curve) as (port, directory, conf):
        member = Member(directory / "config.ini")
        try:
            yield _Server(port, conf, curve)
        finally:
            member.end()


@contextmanager
def _carelessServer() -> Iterator[_Server]:
    """One that agrees to all that its OpenSSL can."""
    with _chain("prime256v1") as (port, directory, conf):
        server = subprocess.Popen(
            [
                *("openssl", "s_server", "-accept", str(port), "-Verify", "3"),
                *("-cert", "node.crt", "-cert_chain", "node.crt", "-key", "node.key"),
                *("-CAfile", "ca.crt"),
                *("-cipher", _ALL, "-client_renegotiation", "-legacy_renegotiation", "-quiet"),
            ],
            cwd=directory / "conf",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            waitFor(lambda: portIsOpen(port), _PATIENCE)
            yield _Server(port, conf, "prime256v1")
        finally:
            server.kill()
            server.communicate()


TRIALS = (
    Trial(
        "tls-probes",
        "TLS below 1.2, weak suites, renegotiation and resumption are refused.",
        probes,
        count=1,
        fewer=1,
    ),
)
