"""Frames over a blocking socket."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Final

from ..words import Words, decode, encode

BATCH: Final = 64 << 10
"""How many bytes are written, and at the most read, at a time."""

_LENGTH = struct.Struct(">I")


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
