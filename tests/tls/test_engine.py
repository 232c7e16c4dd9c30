"""One end of TLS: what one connection leaves in the BIOs that all share would spoil the next."""

from __future__ import annotations

import ssl
from random import randbytes
from threading import Thread
from types import SimpleNamespace

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1, Authority
from fiscop2p.tls.engine import Engine, shared
from tests.strangers import looseContext
from tests.temporary import temporaryFolder

ROOM = 1 << 20


class EngineTests(SynchronousTestCase):
    """Pairs of ends, whose bytes the tests carry."""

    def setUp(self) -> None:
        folder = temporaryFolder(self)
        issued = Authority.makeRoot().issueAgency("agency").issueNode("node")
        self.serverContext = looseContext(False, issued, folder)
        self.clientContext = looseContext(True, None, folder)
        self.buffer = memoryview(bytearray(ROOM))

    def tearDown(self) -> None:
        self.assertNothingLeft()

    def assertNothingLeft(self) -> None:
        self.assertEqual((shared.incoming.pending, shared.outgoing.pending), (0, 0))

    def pair(self) -> tuple[Engine, Engine]:
        return Engine(self.clientContext, True), Engine(self.serverContext, False)

    def take(self, end: Engine) -> bytes:
        """What an end has to tell its peer."""
        leaving, end.leaving = end.leaving, b""
        return leaving

    def shake(self, client: Engine, server: Engine) -> None:
        """Do the handshake, all bytes of a flight at once."""
        self.assertIsNone(client.handshake(b""))
        self.assertIsNone(server.handshake(self.take(client)))
        self.assertIsNone(client.handshake(self.take(server)))
        self.assertEqual(server.handshake(self.take(client)), b"")
        self.assertEqual(client.handshake(self.take(server)), b"")

    def decrypt(self, end: Engine, data: bytes) -> bytes:
        count = end.decrypt(memoryview(data), self.buffer)
        self.assertNothingLeft()
        return bytes(self.buffer[:count])

    def encrypt(self, end: Engine, data: bytes) -> bytes:
        count, encrypted = end.encrypt(memoryview(data))
        self.assertEqual(count, len(data))
        self.assertNothingLeft()
        return encrypted

    def assertWorks(self, client: Engine, server: Engine) -> None:
        for sender, receiver in ((client, server), (server, client)):
            data = randbytes(100_000)
            self.assertEqual(self.decrypt(receiver, self.encrypt(sender, data)), data)
            self.assertFalse(receiver.isOver)

    def test_byteByByte(self) -> None:
        """Two connections get their bytes one by one, in turns: each has its own."""
        pairs = self.pair(), self.pair()
        ways = [way for client, server in pairs for way in ((client, server), (server, client))]
        for client, _ in pairs:
            client.handshake(b"")
        waiting = {id(sender): self.take(sender) for sender, _ in ways}
        complete: set[int] = set()
        while any(waiting.values()):
            for sender, receiver in ways:
                byte, waiting[id(sender)] = waiting[id(sender)][:1], waiting[id(sender)][1:]
                if byte and id(receiver) not in complete:
                    if receiver.handshake(byte) is not None:
                        complete.add(id(receiver))
                    self.assertNothingLeft()
                    waiting[id(receiver)] += self.take(receiver)
        self.assertEqual(len(complete), 4)
        sent = {id(sender): randbytes(1000) for sender, _ in ways}
        encrypted = {id(sender): self.encrypt(sender, sent[id(sender)]) for sender, _ in ways}
        received = dict.fromkeys(sent, b"")
        for index in range(max(map(len, encrypted.values()))):
            for sender, receiver in ways:
                byte = encrypted[id(sender)][index : index + 1]
                if byte:
                    received[id(sender)] += self.decrypt(receiver, byte)
        self.assertEqual(received, sent)

    def test_behindTheHandshake(self) -> None:
        """What comes together with the end of the handshake is given back, and can be read."""
        client, server = self.pair()
        client.handshake(b"")
        server.handshake(self.take(client))
        client.handshake(self.take(server))
        server.handshake(self.take(client))
        behind = self.encrypt(server, b"first") + b"\x17"
        self.assertEqual(client.handshake(self.take(server) + behind), behind)
        self.assertEqual(self.decrypt(client, behind), b"first")

    def test_handshakeFails(self) -> None:
        """A handshake that fails raises, has an alert for the peer, and costs nobody else."""
        others = self.pair()
        self.shake(*others)
        client, server = self.pair()
        self.assertRaises(ssl.SSLError, server.handshake, b"GET / HTTP/1.1\r\n\r\n" * 100)
        self.assertWorks(*others)
        client, server = self.pair()
        client.handshake(b"")
        server.handshake(self.take(client))
        self.take(server)
        self.assertRaises(ssl.SSLError, server.handshake, b"\x16\x03\x03\x00\x04\xff" + bytes(99))
        self.assertEqual(self.take(server)[:1], b"\x15")
        self.assertWorks(*others)

    def test_damagedRecord(self) -> None:
        """What came before a damaged record is decrypted; what comes behind it is nobody's."""
        others, (client, server) = self.pair(), self.pair()
        self.shake(*others)
        self.shake(client, server)
        damaged = b"\x17\x03\x03\x00\x20" + bytes(32)
        data = self.encrypt(client, b"good") + damaged + self.encrypt(client, b"late")
        self.assertEqual(self.decrypt(server, data), b"good")
        self.assertTrue(server.isOver)
        self.assertTrue(server.failure.check(ssl.SSLError))
        self.assertEqual(self.take(server)[:1], b"\x15")
        self.assertWorks(*others)
        self.decrypt(client, damaged)
        self.assertEqual(self.take(client)[:1], b"\x15")

    def test_encryptFails(self) -> None:
        """Nothing can be sent after a fault; what OpenSSL tells the peer about it is for that."""
        client, server = self.pair()
        self.shake(client, server)
        self.decrypt(server, b"\x17\x03\x03\x00\x20" + bytes(32))
        self.take(server)
        self.assertRaises(ssl.SSLError, server.encrypt, memoryview(b"more"))

        def write(data: memoryview) -> int:
            shared.outgoing.write(b"alert")
            raise ssl.SSLError

        client.tls = SimpleNamespace(write=write)
        self.assertRaises(ssl.SSLError, client.encrypt, memoryview(b"more"))
        self.assertEqual(self.take(client), b"alert")

    def test_interrupted(self) -> None:
        """What a signal handler interrupts leaves nothing for others."""
        client, server = self.pair()
        self.shake(client, server)
        data = self.encrypt(client, b"data")

        def interrupt(*arguments: object) -> None:
            shared.outgoing.write(b"half")
            raise KeyboardInterrupt

        server.tls = SimpleNamespace(
            read=interrupt, write=interrupt, unwrap=interrupt, do_handshake=interrupt
        )
        for work in (
            lambda: server.decrypt(memoryview(data), self.buffer),
            lambda: server.encrypt(memoryview(data)),
            lambda: server.handshake(data),
            server.close,
        ):
            self.assertRaises(KeyboardInterrupt, work)
            self.assertNothingLeft()

    def test_threads(self) -> None:
        """Connections of two threads have nothing to do with each other."""
        wrong: list[BaseException] = []

        def work() -> None:
            try:
                buffer = memoryview(bytearray(ROOM))
                pair = self.pair()
                self.shake(*pair)
                for _ in range(100):
                    for sender, receiver in (pair, pair[::-1]):
                        data = randbytes(100_000)
                        count = receiver.decrypt(
                            memoryview(sender.encrypt(memoryview(data))[1]), buffer
                        )
                        if buffer[:count] != data:
                            raise ValueError(f"{count} other bytes have come")
            except BaseException as error:
                wrong.append(error)

        threads = [Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_renegotiation(self) -> None:
        """Who asks for another handshake is told that there is none, and the link goes on."""
        others = self.pair()
        self.shake(*others)
        issued = Authority.makeRoot(curve=PRIME256V1).issueAgency("agency").issueNode("node")
        context = looseContext(False, issued, temporaryFolder(self), curve=None)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        server = Engine(context, False)
        client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        client.set_connect_state()
        for _ in range(2):
            self.assertRaises(SSL.WantReadError, client.do_handshake)
            server.handshake(client.bio_read(ROOM))
            client.bio_write(self.take(server))
        client.do_handshake()
        client.renegotiate()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        self.assertEqual(self.decrypt(server, client.bio_read(ROOM)), b"")
        self.assertEqual(self.take(server)[:1], b"\x15")
        self.assertEqual((server.isOver, server.failure), (False, None))
        self.encrypt(server, b"data")
        self.assertWorks(*others)

    def test_close(self) -> None:
        """A close tells the peer; what that sends behind its own is nobody's."""
        others, (client, server) = self.pair(), self.pair()
        self.shake(*others)
        self.shake(client, server)
        data = self.encrypt(client, b"last")
        client.close()
        self.assertNothingLeft()
        self.assertEqual(self.decrypt(server, data + self.take(client) + bytes(99)), b"last")
        self.assertTrue(server.isOver)
        self.assertIsNone(server.failure)
        self.assertWorks(*others)
