"""A neighbour: ZeroMQ with CURVE, as pyzmq has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ..blockingside import BlockingLink, runBlockingReceiver, runBlockingSender
from ..load import Load
from ..words import Words

# No dependency of ours: whoever has it installed can measure it.
zmq: Any = import_module("zmq")

_HOST = "127.0.0.1"


class ZeroMQLink(BlockingLink):
    """A pair of sockets; ZeroMQ frames and batches by itself, in a thread of its own."""

    def __init__(self, paired: Any) -> None:
        self._socket = paired

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        send = self._socket.send
        for payload in payloads:
            send(payload)

    def frames(self, count: int) -> Iterator[bytes]:
        receive = self._socket.recv
        for _ in range(count):
            yield receive()


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    summary = f"PAIR sockets with CURVE, pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}"
    paired: Any = zmq.Context().socket(zmq.PAIR)
    public, secret = zmq.curve_keypair()
    paired.curve_publickey, paired.curve_secretkey = public, secret

    def connect(where: Words) -> ZeroMQLink:
        paired.curve_serverkey = where["key"].encode()
        paired.connect(f"tcp://{_HOST}:{where['port']}")
        return ZeroMQLink(paired)

    if role == "sender":
        runBlockingSender(summary, connect)
    else:
        paired.curve_server = True
        port = paired.bind_to_random_port(f"tcp://{_HOST}")
        where = {"port": port, "key": public.decode()}
        runBlockingReceiver(summary, where, lambda: ZeroMQLink(paired))
