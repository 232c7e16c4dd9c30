"""The units of systemd."""

from __future__ import annotations

import ctypes
import shlex
import subprocess
import sys
from configparser import ConfigParser

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.settings import Address
from fiscop2p.tap import Options
from tests.cli.nodes import environment
from tests.deploy.tools import DEPLOY, complaint, tool
from tests.temporary import temporaryFolder

UNITS = DEPLOY / "systemd"
PROGRAM = "/opt/fiscop2p/bin/twistd"
SYSTEMD = "Debian's package systemd"

PR_SET_MDWE = 65
_FORBIDDEN = f"""
import ctypes, sys
if ctypes.CDLL(None).prctl({PR_SET_MDWE}, 1, 0, 0, 0):
    sys.exit(77)
from fiscop2p.config import checkConfig, loadConfig
from fiscop2p.errors import TLSUnavailable
from fiscop2p.tls import chooseTLS
from twisted.internet.task import Clock
assert checkConfig(sys.argv[1]) == []
try:
    chooseTLS(loadConfig(sys.argv[1]).credentials, Clock(), "pyopenssl")
except TLSUnavailable as error:
    print(error)
"""


def unit(name: str) -> ConfigParser:
    """Read a unit, of whose keys the last counts."""
    found = ConfigParser(interpolation=None, strict=False)
    found.optionxform = str
    found.read(UNITS / name)
    return found


class UnitTests(SynchronousTestCase):
    """C{deploy/systemd}."""

    def setUp(self) -> None:
        self.folder = temporaryFolder(self)
        for file in UNITS.iterdir():
            text = file.read_text()
            if file.suffix == ".service":
                self.assertIn(PROGRAM, text)
                text = text.replace(PROGRAM, sys.executable)
            (self.folder / file.name).write_text(text)

    def test_verified(self) -> None:
        """systemd finds nothing wrong with them."""
        files = [str(self.folder / f"fiscop2p@.{kind}") for kind in ("service", "socket")]
        self.assertEqual(tool("systemd-analyze", "verify", *files, comesWith=SYSTEMD), "")

    def test_mistakesAreFound(self) -> None:
        """That means something: a mistake would be found."""
        file = self.folder / "fiscop2p@.service"
        file.write_text(file.read_text().replace("ProtectClock=", "ProtectClok="))
        said = complaint("systemd-analyze", "verify", str(file), comesWith=SYSTEMD)
        self.assertIn("ProtectClok", said)

    def test_hardened(self) -> None:
        """What a node may do is little: systemd's own measure of its exposure is below 1.5."""
        version = tool("systemd-analyze", "--version", comesWith=SYSTEMD).split()[1]
        if int(version) < 250:
            raise SkipTest(f"systemd {version} cannot measure a unit that is not installed")
        tool(
            *("systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager"),
            str(self.folder / "fiscop2p@.service"),
            comesWith=SYSTEMD,
        )

    def test_command(self) -> None:
        """The command is one that our twistd plugin takes, with the socket of the other unit."""
        service, socket = unit("fiscop2p@.service"), unit("fiscop2p@.socket")
        program, *arguments = shlex.split(service["Service"]["ExecStart"])
        self.assertEqual(program, PROGRAM)
        options = Options()
        options.parseOptions(arguments[arguments.index("fiscop2p") + 1 :])
        self.assertEqual(options["port"], "systemd:domain=INET:index=0")
        self.assertIn("--nodaemon", arguments)
        address = Address.parse(socket["Socket"]["ListenStream"])
        self.assertTrue(address.isIPv4)
        self.assertEqual(service["Unit"]["Requires"], "fiscop2p@%i.socket")

    def test_promises(self) -> None:
        """It waits until the node is ready, and for its signs of life."""
        service = unit("fiscop2p@.service")["Service"]
        self.assertEqual(service["Type"], "notify")
        self.assertGreater(int(service["WatchdogSec"]), 5)
        self.assertEqual(service["StateDirectory"], "fiscop2p/%i")
        self.assertEqual(service["WorkingDirectory"], "/var/lib/fiscop2p/%i")

    def test_noWritableCode(self) -> None:
        """A node runs without memory that it may write and execute; with pyOpenSSL it says why."""
        service = unit("fiscop2p@.service")["Service"]
        self.assertEqual(service["MemoryDenyWriteExecute"], "yes")
        if not hasattr(ctypes.CDLL(None), "prctl"):
            raise SkipTest("prctl is Linux's")
        (node,) = buildChain(ChainPlan.parse("127.0.0.1:1"), self.folder / "nodes")
        done = subprocess.run(
            [sys.executable, "-c", _FORBIDDEN, str(node.directory / "config.ini")],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode == 77:
            raise SkipTest("this kernel cannot forbid such memory (Linux 6.3 can)")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("set MemoryDenyWriteExecute=no", done.stdout)
