"""Near the limit of Python: a blocking socket of its C{ssl}, which writes 64 KiB at a time."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Final

from fiscop2p.identity import Credentials

from ..blockingside import runBlockingReceiver, runBlockingSender
from ..credentials import RECEIVER, SENDER, credentialsOf
from ..load import Load
from ..words import Words
from .blockinglink import BATCH, SocketLink

_HOST = "127.0.0.1"
_TIMEOUT: Final = 60.0


def _context(credentials: Credentials, purpose: int) -> ssl.SSLContext:
    context = ssl.SSLContext(purpose)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM")
    context.set_ecdh_curve(credentials.curve)
    context.load_cert_chain(credentials.certificate, credentials.key)
    context.load_verify_locations(credentials.ca)
    return context


def _summary(credentials: Credentials) -> str:
    return f"{BATCH >> 10} KiB a write, TLS 1.2 by ssl ({ssl.OPENSSL_VERSION}), {credentials.curve}"


def _runReceiver(credentials: Credentials) -> None:
    context = _context(credentials, ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server((_HOST, 0)) as listening:
        listening.settimeout(_TIMEOUT)

        def accept() -> SocketLink:
            raw, _ = listening.accept()
            raw.settimeout(None)
            return SocketLink(context.wrap_socket(raw, server_side=True))

        where = {"port": listening.getsockname()[1]}
        runBlockingReceiver(_summary(credentials), where, accept)


def _runSender(credentials: Credentials) -> None:
    context = _context(credentials, ssl.PROTOCOL_TLS_CLIENT)

    def connect(where: Words) -> SocketLink:
        raw = socket.create_connection((_HOST, where["port"]), timeout=_TIMEOUT)
        raw.settimeout(None)
        return SocketLink(context.wrap_socket(raw))

    runBlockingSender(_summary(credentials), connect)


def runSide(role: str, folder: Path, load: Load) -> None:
    """Be one of the two processes."""
    if role == "receiver":
        _runReceiver(credentialsOf(folder, RECEIVER, "ssl"))
    else:
        _runSender(credentialsOf(folder, SENDER, "ssl"))
