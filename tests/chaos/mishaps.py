"""What goes wrong on a node's own machine, while its peers talk."""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from fiscop2p.certificates import readCertificates
from fiscop2p.chain.revoking import revoke
from fiscop2p.identity import identityOf
from fiscop2p.wire.dialect import RC2

from .bystanders import ECHO
from .members import Mesh, chain, loopbackPorts, memberContext, running, waitFor
from .trial import Figure, Trial, atLeast, atMost, exactly

_HOST: Final = "127.0.0.1"
_NETWORK: Final = "127.67."
_INTERVAL: Final = 0.02
_FIRST: Final = RC2.encode(ECHO, 0, 2, b"")
_SIGNALS: Final = 50
_MOMENT: Final = 0.3
_LONG: Final = 20.0
_MINUTE: Final = 60.0
_HUGE: Final = 1 << 30
_FILES: Final = 32
"""Few more than a node has open that is at rest."""


class _Talk:
    """What the peers of a node ask it, and it them."""

    def __init__(self, mesh: Mesh) -> None:
        self._members = mesh.members
        target, *peers = mesh.members
        for peer in peers:
            peer.ask("ask", to=target.nodeID, interval=_INTERVAL)
            target.ask("ask", to=peer.nodeID, interval=_INTERVAL)

    def end(self) -> Iterator[Figure]:
        """What has become of it."""
        for member in self._members:
            member.ask("still")
        sleep(1)
        asked = [to for member in self._members for to in member.ask("asked").values()]
        times = sorted(time for to in asked for time in to["times"])
        yield atLeast("requests of live peers", len(times), 200)
        yield exactly("of which failed", sum(to["failed"] for to in asked), 0)
        yield atMost("their p99", 1000 * times[len(times) * 99 // 100], 100, "ms")


def _getsIn(port: int, member: ssl.SSLContext) -> bool:
    """Whether somebody gets so much as a byte of the node."""
    try:
        with socket.create_connection((_HOST, port), _LONG) as one, member.wrap_socket(one) as link:
            link.send(_FIRST)
            return link.recv(100) != b""
    except OSError:
        return False


# Files that are not what they should be.


def badFiles(seed: int, count: int) -> Iterator[Figure]:
    """Put all kinds of things in the place of a node's files, and have it read them again."""
    chance = random.Random(seed)
    ports = loopbackPorts(5)
    port = int(ports.split(",")[0])
    with chain(f"{_HOST}:5", ports) as configs:
        config, *_, revoked, unlisted = configs
        # Each of the two strangers is kept out by one file alone.
        crl = config.parent / "conf" / "node.crl"
        crl.write_bytes(revoke(config.parents[2], revoked.parent).file.read_bytes())
        config.write_text(_closed(config.read_text(), configs[:-1]))
        files = [config, *(crl.with_suffix(each) for each in (".crl", ".crt", ".key"))]
        strangers = [memberContext(each.parent / "conf") for each in (revoked, unlisted)]
        with running(configs[:3]) as mesh:
            target = mesh.members[0]
            talk = _Talk(mesh)
            target.ask("forgetPeak")
            before = target.ask("figures")["memory"]
            tried = letIn = 0
            for file in files * count:
                good = file.read_bytes()
                for put in _MISHAPS:
                    _remove(file)
                    put(file, good, chance)
                    for _ in range(_SIGNALS):
                        target.signal(signal.SIGHUP)
                    sleep(_MOMENT)
                    tried += 1
                    letIn += sum(_getsIn(port, stranger) for stranger in strangers)
                _remove(file)
                file.write_bytes(good)
                file.chmod(0o600)
            grown = target.ask("figures")["peak"] - before
            yield exactly("mishaps", tried, count * len(files) * len(_MISHAPS))
            yield exactly("strangers that were let in", letIn, 0)
            yield from talk.end()
            yield atMost("growth of memory", max(0.0, grown), 20, "MiB")
            config.write_text(_closed(config.read_text(), [unlisted], 9))
            target.signal(signal.SIGHUP)
            letInNow = waitFor(lambda: _getsIn(port, strangers[1]), _LONG) <= _LONG
            yield exactly("let in by a good file", letInNow, True)


def _closed(text: str, configs: list[Path], first: int = 0) -> str:
    """Add nodes to the white list, and have the revocation list read."""
    leaves = [readCertificates(each.parent / "conf" / "node.crt")[0] for each in configs]
    nodes = [f"cal.{n}={identityOf(leaf).nodeID}" for n, leaf in enumerate(leaves, first)]
    section = "[certificate_whitelist]\n"
    text = text.replace(section, section + "".join(f"{line}\n" for line in nodes))
    return (
        text.replace("    data_path", "    crl_file=node.crl\n    data_path") if not first else text
    )


def _remove(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)


def _cut(file: Path, good: bytes, chance: random.Random) -> None:
    """Written in part: the last fifth is missing, or more."""
    file.write_bytes(good[: chance.randrange(1, len(good) * 4 // 5)])


def _huge(file: Path, good: bytes, chance: random.Random) -> None:
    with file.open("wb") as stream:
        stream.truncate(_HUGE)


_MISHAPS: Final[tuple[Callable[[Path, bytes, random.Random], object], ...]] = (
    _cut,
    _cut,
    _cut,
    _huge,
    lambda file, good, chance: None,
    lambda file, good, chance: file.write_bytes(b""),
    lambda file, good, chance: file.write_bytes(chance.randbytes(len(good))),
    lambda file, good, chance: file.mkdir(),
    lambda file, good, chance: os.mkfifo(file),
    lambda file, good, chance: file.symlink_to("/dev/zero"),
    lambda file, good, chance: file.symlink_to(file),
)


# No files left.


def noFiles(seed: int, count: int) -> Iterator[Figure]:
    """Let strangers connect, again and again, to a node that may open hardly any more files."""
    ports = loopbackPorts(4)
    port = int(ports.split(",")[0])
    with chain(f"{_HOST}:4", ports) as configs, running(configs[:3]) as mesh:
        target = mesh.members[0]
        talk = _Talk(mesh)
        began = monotonic()
        resource.prlimit(target.process, resource.RLIMIT_NOFILE, (_FILES, _FILES))
        for _ in range(count):
            with ExitStack() as stack:
                for number in range(_FILES):
                    one = stack.enter_context(socket.socket())
                    one.bind((f"{_NETWORK}0.{number + 1}", 0))
                    with suppress(OSError):
                        one.connect((_HOST, port))
        lines = target.log.read_text().count("connections cannot be taken")
        yield exactly("strangers", count * _FILES, count * _FILES)
        most = 2 + (monotonic() - began) // _MINUTE
        yield Figure("lines of the log about it", lines, 1, most)
        yield from talk.end()
        member = memberContext(configs[3].parent / "conf")
        back = waitFor(lambda: _getsIn(port, member), _LONG)
        yield atMost("a new link, once they are gone, within", back, _LONG, "s")


TRIALS = (
    Trial(
        "bad-files",
        "Whatever takes the place of a node's files when it reads them again, no door opens.",
        badFiles,
        count=3,
        fewer=1,
    ),
    Trial(
        "no-files",
        "A process that may open no more files keeps its links, and says so once a minute.",
        noFiles,
        count=30,
        fewer=10,
    ),
)
