"""Frames over a blocking socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from ..blockingside import BlockingLink

BATCH: Final = 64 << 10
"""How many bytes are written, and at the most read, at a time."""

_LENGTH = struct.Struct(">I")


class SocketLink(BlockingLink):
    """Frames behind their length, as C{Int32StringReceiver} has them."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._tail = b""

    def sendAll(self, payloads: Iterable[bytes]) -> None:
        """Send payloads, as many as fit into a batch at a time."""
        pack, sendall = _LENGTH.pack, self._socket.sendall
        parts: list[bytes] = []
        held = 0
        for payload in payloads:
            size = len(payload)
            if size >= BATCH:
                sendall(pack(size))
                sendall(payload)
                continue
            parts.append(pack(size) + payload)
            held += size
            if held >= BATCH:
                sendall(b"".join(parts))
                parts.clear()
                held = 0
        if parts:
            sendall(b"".join(parts))

    def frames(self, count: int) -> Iterator[bytes | bytearray]:
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
            if missing > BATCH:
                yield self._large(data[start:], missing)
                data, position = b"", 0
                count -= 1
                continue
            more = self._socket.recv(BATCH)
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
