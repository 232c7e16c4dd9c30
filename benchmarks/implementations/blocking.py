"""Near the limit of Python: a blocking socket of its C{ssl}, which writes 64 KiB at a time."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from fiscop2p.identity import Credentials

from ..credentials import credentialsOf
from ..operations.oneway import checkedValues
from ..operations.operation import payloadsOf
from ..window import STEPS, stepOf
from ..words import CONNECT, READY, RESULT, RUN, Words, decode, encode, say

_HOST = "127.0.0.1"
_LENGTH = struct.Struct(">I")
_BATCH: Final = 64 << 10
_TIMEOUT: Final = 60.0


class Link:
    """Frames behind their length, as C{Int32StringReceiver} has them."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._tail = b""

    def tell(self, words: Words) -> None:
        """Tell the other end something."""
        frame = encode(words)
        self._socket.sendall(_LENGTH.pack(len(frame)) + frame)

    def hear(self) -> Words:
        """Wait for the next words from the other end."""
        frames = list(self.frames(1))
        if not frames:
            raise EOFError("the link between sender and receiver has ended")
        return decode(bytes(frames[0]))

    def sendAll(self, payloads: Iterator[bytes]) -> None:
        """Send payloads, as many as fit into a batch at a time."""
        pack, sendall = _LENGTH.pack, self._socket.sendall
        parts: list[bytes] = []
        held = 0
        for payload in payloads:
            size = len(payload)
            if size >= _BATCH:
                sendall(pack(size))
                sendall(payload)
                continue
            parts.append(pack(size) + payload)
            held += size
            if held >= _BATCH:
                sendall(b"".join(parts))
                parts.clear()
                held = 0
        if parts:
            sendall(b"".join(parts))

    def frames(self, count: int) -> Iterator[bytes | bytearray]:
        """
        Receive frames.

        @param count: how many; fewer come only if the other end goes.
        """
        data, position = self._tail, 0
        unpack, head = _LENGTH.unpack_from, _LENGTH.size
        while count:
            end = len(data)
            while count and end - position >= head:
                start = position + head
                following = start + unpack(data, position)[0]
                if following > end:
                    break
                yield data[start:following]
                position = following
                count -= 1
            else:
                following = position + head
            if not count:
                break
            missing = following - end
            if missing > _BATCH:
                yield self._large(data[start:], missing)
                data, position = b"", 0
                count -= 1
                continue
            more = self._socket.recv(_BATCH)
            if not more:
                return
            data, position = data[position:] + more, 0
        self._tail = data[position:]

    def _large(self, first: bytes, missing: int) -> bytearray:
        payload = bytearray(len(first) + missing)
        payload[: len(first)] = first
        room = memoryview(payload)[len(first) :]
        while room:
            filled = self._socket.recv_into(room)
            if not filled:
                raise EOFError("the link between sender and receiver has ended")
            room = room[filled:]
        return payload


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
        f"{_BATCH >> 10} KiB a write, TLS 1.2 by ssl ({ssl.OPENSSL_VERSION}), {credentials.curve}"
    )
    if role == "receiver":
        _runReceiver(credentials, summary)
    else:
        _runSender(credentials, summary)
