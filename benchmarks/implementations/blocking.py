"""Near the limit of Python: a blocking socket of its C{ssl}, which writes 64 KiB at a time."""

from __future__ import annotations

import socket
import ssl
import sys
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from fiscop2p.identity import Credentials

from ..credentials import credentialsOf
from ..operations.oneway import checkedValues
from ..operations.operation import payloadsOf
from ..window import STEPS, stepOf
from ..words import CONNECT, READY, RESULT, RUN, Words, decode, say
from .blockinglink import BATCH, Link

_HOST = "127.0.0.1"
_TIMEOUT: Final = 60.0


def _send(link: Link, order: Words) -> Words:
    size, count = order["size"], order["count"]
    payloads, step = cycle(payloadsOf(size)), stepOf(size)
    allowed, sent = STEPS * step, 0
    link.tell(order)
    link.hear()
    cpu, began = process_time(), perf_counter()
    while sent < count:
        while sent == allowed:
            link.hear()
            allowed += step
        batch = min(count, allowed) - sent
        link.sendAll(islice(payloads, batch))
        sent += batch
    words: Words = {}
    while "messages" not in words:
        words = link.hear()
    return checkedValues(words, size, count, perf_counter() - began, process_time() - cpu)


def _receive(link: Link, order: Words) -> None:
    count, step = order["count"], stepOf(order["size"])
    messages = size = 0
    cpu = process_time()
    link.tell({})
    upcoming = min(step, count)
    for payload in link.frames(count):
        size += len(payload)
        messages += 1
        if messages == upcoming:
            upcoming = min(upcoming + step, count)
            if messages < count:
                link.tell({})
    link.tell({"messages": messages, "bytes": size, "cpu": process_time() - cpu})


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


def _runReceiver(credentials: Credentials, summary: str) -> None:
    context = _context(credentials, ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server((_HOST, 0)) as listening:
        listening.settimeout(_TIMEOUT)
        say(**{READY: {"summary": summary, "port": listening.getsockname()[1]}})
        raw, _ = listening.accept()
    raw.settimeout(None)
    link = Link(context.wrap_socket(raw, server_side=True))
    while True:
        _receive(link, link.hear())


def _runSender(credentials: Credentials, summary: str) -> None:
    context = _context(credentials, ssl.PROTOCOL_TLS_CLIENT)
    say(**{READY: {"summary": summary}})
    link: Link | None = None
    for line in sys.stdin.buffer:
        words = decode(line)
        if CONNECT in words:
            raw = socket.create_connection((_HOST, words[CONNECT]["port"]), timeout=_TIMEOUT)
            raw.settimeout(None)
            link = Link(context.wrap_socket(raw))
            say(**{READY: {}})
        elif link is not None:
            say(**{RESULT: _send(link, words[RUN])})


def runSide(role: str, folder: Path) -> None:
    """Be one of the two processes."""
    credentials = credentialsOf(folder, role, "ssl")
    summary = (
        f"{BATCH >> 10} KiB a write, TLS 1.2 by ssl ({ssl.OPENSSL_VERSION}), {credentials.curve}"
    )
    if role == "receiver":
        _runReceiver(credentials, summary)
    else:
        _runSender(credentials, summary)
