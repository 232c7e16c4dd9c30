"""Nothing secret gets into a log."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import Authority
from fiscop2p.config.logging import LogConfig
from fiscop2p.logs import LOG_FORMS, nodeObserver
from fiscop2p.reload import Reload
from fiscop2p.settings import Address
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT, writeCredentials
from tests.strangers import Stranger, dial, looseContext
from tests.temporary import temporaryFolder

PASSPHRASE = b"a passphrase of ours"


def traces(key: ec.EllipticCurvePrivateKey) -> list[str]:
    """All that a private key may look like in a text."""
    number = key.private_numbers().private_value
    secret = number.to_bytes(32)
    found = [secret.hex(), str(number), b64encode(secret).decode()[4:-4], repr(secret)[2:-1]]
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        # What its lines have in common with those of other keys tells nothing.
        found += [line for line in pem.splitlines()[1:-1] if line[:20] not in _COMMON]
        found.append(key.private_bytes(Encoding.DER, form, NoEncryption()).hex())
    return found


_COMMON = frozenset(
    line[:20]
    for key in [ec.generate_private_key(ec.SECP256K1())]
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
    for line in key.private_bytes(Encoding.PEM, form, NoEncryption()).decode().splitlines()
)


class SecretsTests(SynchronousTestCase):
    """Everything is logged, in both forms, while everything goes well and then wrong."""

    def setUp(self) -> None:
        self.folders = {form: temporaryFolder(self) for form in LOG_FORMS}
        for form, folder in self.folders.items():
            observer = nodeObserver(LogConfig(folder, level="trace", flush=True), form)
            globalLogPublisher.addObserver(observer)
            self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.home = temporaryFolder(self)

    def exercise(self) -> list[ec.EllipticCurvePrivateKey]:
        """Run nodes, and give one of them all kinds of files; the keys that are in play."""
        network = MemoryNetwork(0, tls="ssl")
        node = network.addNode([Address("10.0.0.1", PORT)])
        network.addNode()
        network.advance(5)
        own = network.issued[0]
        conf, file = self.home / "conf", self.home / "config.ini"
        file.write_text("[network_security]\n")
        reload = Reload(file, node, network.clock)
        other = Authority.makeRoot("other").issueAgency("agency").issueNode("node9")
        dial(network, node, looseContext(True, other, self.home / "other"), Stranger())
        encrypted = own.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
        )
        renewed = network.agency.issueNode("renewed", key=own.key)
        writeCredentials(renewed, conf)
        reload.reload()
        for content in (other.keyPEM, own.keyPEM[:-40], own.keyPEM[40:], encrypted, b""):
            (conf / "node.key").write_bytes(content)
            reload.reload()
        (conf / "node.key").write_bytes(own.keyPEM)
        (conf / "node.crt").write_bytes(own.keyPEM)
        reload.reload()
        network.advance(30)
        network.stop()
        return [own.key, other.key, network.issued[1].key, network.agency.key]

    def test_noKey(self) -> None:
        """No line holds a key, or a part of its file, or a passphrase."""
        keys = self.exercise()
        for form, folder in self.folders.items():
            text = "".join(each.read_text() for each in folder.iterdir())
            self.assertGreater(len(text.splitlines()), 30, form)
            for words in ("certificates taken up", "does not match", "damaged", "is encrypted"):
                self.assertIn(words, text)
            for key in keys:
                for trace in traces(key):
                    self.assertGreater(len(trace), 15)
                    self.assertNotIn(trace, text, form)
            self.assertNotIn("PRIVATE KEY-----", text)
            self.assertNotIn(PASSPHRASE.decode(), text)

    def test_notInRepresentations(self) -> None:
        """What is passed around shows no key where somebody logs it."""
        network = MemoryNetwork(2, tls="ssl")
        self.addCleanup(network.stop)
        node = network.nodes[0]
        for each in (node.credentials, node, network.issued[0], network.agency):
            for trace in traces(network.issued[0].key) + traces(network.agency.key):
                self.assertNotIn(trace, f"{each!r}{each}")
