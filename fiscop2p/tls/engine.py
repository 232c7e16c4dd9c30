"""
One end of a TLS connection by the standard library: bytes in, bytes out, no transport.

OpenSSL reads from a memory BIO and writes into one, and each keeps the room of the most that it has
held.  Here all connections of a thread share two, which every call leaves empty: a link keeps no
such room, and what is done for one link after another is done in memory that is in the caches.
"""

from __future__ import annotations

import ssl
from threading import local
from typing import Any, cast

from twisted.python.failure import Failure


class _Shared(local):
    """The two of each thread."""

    def __init__(self) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()


shared = _Shared()


class Engine:
    """
    An C{SSLObject}, for the thread that makes it.

    @ivar tls: it; only what neither reads nor writes is asked of it directly.
    @ivar leaving: what OpenSSL itself has to tell the peer; whoever sends it takes it away.
    @ivar isOver: whether nothing more comes from the peer.
    @ivar failure: why, if it is not that the peer has said so.
    """

    __slots__ = ("_incoming", "_outgoing", "failure", "isOver", "leaving", "tls")

    def __init__(self, context: ssl.SSLContext, isClient: bool) -> None:
        self._incoming, self._outgoing = shared.incoming, shared.outgoing
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=not isClient)
        self.leaving = b""
        self.isOver = False
        self.failure: Failure | None = None

    def _empty(self) -> bytes:
        """Leave nothing for the next; gives what has come and was not read."""
        self.leaving += self._outgoing.read()
        return self._incoming.read()

    def handshake(self, data: bytes) -> bytes | None:
        """
        Go on with the handshake.

        @param data: what has come from the peer.
        @return: what has come behind the handshake, or L{None} if that is not complete.
        @raise ssl.SSLError: it fails.
        """
        self._incoming.write(data)
        isComplete = False
        try:
            self.tls.do_handshake()
            isComplete = True
        except ssl.SSLWantReadError:
            pass
        finally:
            rest = self._empty()
        return rest if isComplete else None

    def decrypt(self, data: bytes | memoryview, buffer: memoryview) -> int:
        """
        Decrypt what has come from the peer; sees whether it was the last.

        @param buffer: has room for it.
        @return: how many bytes it has been given.
        """
        incoming = self._incoming
        incoming.write(data)
        read, filled = self.tls.read, 0
        try:
            while True:
                count = cast(int, read(len(buffer), buffer[filled:] if filled else buffer))
                filled += count
                if not count:
                    self.isOver = True
                    break
                # Asking first spares the exception at the end of most pieces.
                if not incoming.pending and not self.tls.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.isOver, self.failure = True, Failure()
        except BaseException:
            self._empty()
            raise
        if self._outgoing.pending or incoming.pending:
            self._empty()
        return filled

    def encrypt(self, data: bytes | memoryview) -> tuple[int, bytes]:
        """
        Encrypt bytes for the peer.

        @return: how many of them, and what they have become.
        @raise ssl.SSLError: nothing can be sent any more.
        """
        try:
            return self.tls.write(data), self._outgoing.read()
        except BaseException:
            self._empty()
            raise

    def close(self) -> None:
        """Tell the peer that nothing more follows."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # Our close_notify is written; nobody waits for the peer's.
        finally:
            self._empty()


def verifiedChain(tls: ssl.SSLObject) -> list[bytes]:
    """
    See by which certificates (DER) the peer's was verified, from its own to the root.

    Python shows them from 3.13 on; in 3.11 and 3.12 the object beneath does.

    @return: empty if they cannot be seen.
    """
    if hasattr(tls, "get_verified_chain"):
        return list(tls.get_verified_chain())
    beneath: Any = getattr(tls, "_sslobj", None)
    if not hasattr(beneath, "get_verified_chain"):
        return []
    certificates: list[Any] = beneath.get_verified_chain() or []
    return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in certificates]
