"""A node in a process of its own: its certificates while it runs, and what root leaves it."""

from __future__ import annotations

import os
import signal
import subprocess
from socket import AF_INET, SOCK_STREAM, socket

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest

from fiscop2p.chain import addAgency, buildChain
from fiscop2p.chain.authority import Authority
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.chain.revoking import revoke
from fiscop2p.identity import loadCredentials
from fiscop2p.modules.echo import GROUP, MODULE
from fiscop2p.service import makeNode
from fiscop2p.settings import Address, Settings
from tests.test_processes import ProcessTestCase, freePorts

OUTSTANDING = 64
RENEWALS = 5
NOBODY = 65534


class ServedTestCase(ProcessTestCase):
    """
    A node in a process, which answers with what it is sent, and one here that asks.

    @ivar home: the directory of the first.
    @ivar client: the second.
    @ivar more: what its C{config.ini} has, too.
    """

    def setUp(self) -> None:
        super().setUp()
        self.port = freePorts(1)
        plan = ChainPlan.parse("127.0.0.1:2")
        served, own = buildChain(plan, self.folder / "nodes")
        self.home, self.nodeID = served.directory, served.nodeID
        self.conf = self.home / "conf"
        self.log = self.folder / "served.log"
        settings = Settings(listen=Address("127.0.0.1", 0))
        self.client = makeNode(loadCredentials(own.directory / "conf"), settings)
        self.client.startService()
        self.addCleanup(self.client.stopService)
        self.protocolID = self.client.protocolID(GROUP, MODULE)

    more = ""

    async def serve(self, port: int, *options: str) -> subprocess.Popen[bytes]:
        """Start the process, and wait until it is connected."""
        config = self.home / "config.ini"
        config.write_text(
            f"[p2p]\nlisten_ip=127.0.0.1\nlisten_port={port}\n"
            f"[compatibility]\nsupported_version=2.11.1\n{self.more}"
        )
        arguments = ("fiscop2p", "--config", str(config), "--module", "echo")
        process = self.twistd(*options, *arguments, log=self.log)
        self.client.addPeer(Address("127.0.0.1", port))
        await self.until(lambda: self.nodeID in self.client.registry, "no link")
        return process

    def renew(self, name: str) -> None:
        """Give the process a new certificate for its key."""
        directory = self.folder / "nodes" / "cert" / "agency"
        names = ("agency.key", "agency.crt", "ca.crt")
        agency = Authority.fromPEM(*((directory / each).read_bytes() for each in names))
        key = load_pem_private_key((self.conf / "node.key").read_bytes(), None)
        renewed = agency.issueNode(name, key=key)
        (self.conf / "node.crt").write_bytes(renewed.certificatePEM)

    async def hangUp(self, process: subprocess.Popen[bytes], words: str) -> None:
        """Send SIGHUP, and wait until the log says this once more."""
        before = self.log.read_text().count(words)
        process.send_signal(signal.SIGHUP)
        await self.until(
            lambda: self.log.read_text().count(words) > before, f"the log does not say {words!r}"
        )

    @property
    def shown(self) -> str:
        """The name in the certificate by which our link to the process was made."""
        return self.client.registry.session(self.nodeID).identity.name


class RenewalTests(ServedTestCase):
    """SIGHUP under load."""

    async def test_underLoad(self) -> None:
        """Certificates are renewed again and again: each request is answered once, in order."""
        process = await self.serve(self.port)
        session = self.client.registry.session(self.nodeID)
        answers: list[int] = []
        failures: list[Exception] = []
        asked = 0

        def answered(payload: bytes) -> None:
            answers.append(int.from_bytes(payload[:8]))
            if going:
                ask()

        def ask() -> None:
            nonlocal asked
            payload = asked.to_bytes(8) + bytes(1000)
            self.client.ask(
                self.nodeID, payload, answered, failures.append, protocolID=self.protocolID
            )
            asked += 1

        going = True
        for _ in range(OUTSTANDING):
            ask()
        for number in range(RENEWALS):
            self.renew(f"renewed{number}")
            before = len(answers)
            await self.hangUp(process, f"CN=renewed{number}, issued by agency")
            await self.until(lambda b=before: len(answers) > b + OUTSTANDING, "no answers")
        going = False
        await self.until(lambda: len(answers) == asked, "requests without an answer")
        self.assertEqual((answers, failures), (list(range(asked)), []))
        self.assertIs(self.client.registry.session(self.nodeID), session)
        self.assertEqual(self.shown, "node0")
        session.transport.abortConnection()
        await self.until(
            lambda: self.client.registry.find(self.nodeID) not in (None, session), "no link"
        )
        self.assertEqual(self.shown, f"renewed{RENEWALS - 1}")


class PrivilegesTests(ServedTestCase):
    """Started as root, run as nobody."""

    def setUp(self) -> None:
        if os.geteuid() or not os.path.exists("/proc/self"):
            raise SkipTest("only root can give up being root, and only /proc shows it")
        super().setUp()
        # Made for root alone, as temporary directories are.
        self.folder.chmod(0o755)

    def privilegedPort(self) -> int:
        """A port that only root may take, and nobody has."""
        for port in range(1023, 512, -1):
            with socket(AF_INET, SOCK_STREAM) as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise SkipTest("no free port below 1024 on this machine")

    def owner(self, process: subprocess.Popen[bytes]) -> tuple[int, int]:
        """Whose the process is: user and group."""
        status = os.stat(f"/proc/{process.pid}")
        return status.st_uid, status.st_gid

    async def test_portOfRoot(self) -> None:
        """It has a port of root's and a key of root's, and is nobody; what it lacks it says."""
        logFile = self.folder / "logs" / "node.log"
        logFile.parent.mkdir()
        self.log = logFile
        options = ("--uid", str(NOBODY), "--gid", str(NOBODY), "--logfile", str(logFile))
        process = await self.serve(self.privilegedPort(), *options)
        self.assertEqual(self.owner(process), (NOBODY, NOBODY))
        answer = await self.client.request(self.nodeID, b"hello", protocolID=self.protocolID)
        self.assertEqual(answer, b"hello")
        key = self.conf / "node.key"
        (line,) = (line for line in logFile.read_text().splitlines() if "chown" in line)
        self.assertIn(
            f"this process, as user {NOBODY}, cannot read {key} when it is renewed and make new "
            f"files in {logFile.parent}; run: chown -R {NOBODY} {key} {logFile.parent}",
            line,
        )
        self.renew("renewed")
        await self.hangUp(process, f"{key}: cannot be read: Permission denied; key, certificates")
        os.chown(key, NOBODY, NOBODY)
        await self.hangUp(process, "certificates taken up for new links")

    async def test_otherFilesOfRoot(self) -> None:
        """It says so of revocation lists, further CAs and the folder for files of others, too."""
        more, lists = self.conf / "more", self.conf / "node.crl"
        more.mkdir(mode=0o700)
        (more / "ca.crt").write_bytes((self.conf / "ca.crt").read_bytes())
        chain = self.folder / "nodes"
        addAgency(chain, "other")
        lists.write_bytes(revoke(chain, chain / "cert" / "other").file.read_bytes())
        lists.chmod(0o600)
        self.more = "[network_security]\ncrl_file=node.crl\nca_path=more\n[files]\nfolder=files\n"
        await self.serve(self.privilegedPort(), "--uid", str(NOBODY), "--gid", str(NOBODY))
        (line,) = (line for line in self.log.read_text().splitlines() if "chown" in line)
        for path in (more, lists, self.home / "files"):
            self.assertIn(str(path), line)

    async def test_ownFiles(self) -> None:
        """With files of its own there is nothing to say."""
        for folder, _, files in os.walk(self.home):
            for name in (folder, *(os.path.join(folder, file) for file in files)):
                os.chown(name, NOBODY, NOBODY)
        process = await self.serve(self.privilegedPort(), "--uid", str(NOBODY), "--gid", "65534")
        self.assertEqual(self.owner(process), (NOBODY, NOBODY))
        await deferLater(reactor, 0.1)
        self.assertNotIn("chown", self.log.read_text())
