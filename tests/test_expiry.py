"""
Tests for L{fiscop2p.expiry}.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.authority import PRIME256V1, Authority
from fiscop2p.expiry import ExpiryWarnings
from fiscop2p.identity import Credentials, loadCredentials
from fiscop2p.service import makeNode
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.fabric import MemoryReactor
from fiscop2p.testing.network import writeCredentials
from tests.strangers import logLines
from tests.temporary import temporaryFolder

START = datetime.now(UTC).replace(microsecond=0)
DAY = 24 * 3600.0


class WarningsTests(SynchronousTestCase):
    """
    The certificates of a chain of 100 days, whose node has 40.

    @ivar clock: what the days go by, from L{START} on.
    """

    def setUp(self) -> None:
        self.root = Authority.makeRoot(days=100)
        self.agency = self.root.issueAgency("agency", 100)
        self.clock = Clock()
        self.lines = logLines(self)
        self.warnings = ExpiryWarnings(self.load(40), self.clock, self.now)
        self.addCleanup(lambda: self.warnings.running and self.warnings.stopService())

    def now(self) -> datetime:
        """The time by the clock."""
        return START + timedelta(seconds=self.clock.seconds())

    def load(self, days: float, listDays: float | None = None) -> Credentials:
        """A node's certificates, and a list of its agency, that end after so many days."""
        folder = temporaryFolder(self)
        end = START + timedelta(days)
        writeCredentials(self.agency.issueNode("node0", notAfter=end), folder)
        if listDays is None:
            return loadCredentials(folder)
        crl = self.agency.issueList([], notAfter=START + timedelta(listDays))
        (folder / "crl.pem").write_bytes(crl.public_bytes(Encoding.PEM))
        return loadCredentials(folder, crl="crl.pem")

    def daily(self, days: int) -> list[int]:
        """How many lines each of the next days brings."""
        counts = []
        for _ in range(days):
            self.lines.clear()
            self.clock.advance(DAY)
            counts.append(len(self.lines))
        return counts

    def test_thirtyDaysAhead(self) -> None:
        """From 30 days before its end on a certificate is warned of once a day."""
        self.warnings.startService()
        self.assertEqual(self.lines, [])
        self.assertEqual(self.daily(12), [0] * 10 + [1, 1])
        self.assertEqual(
            self.lines,
            [
                "warn: the certificate of node0 expires on "
                f"{START + timedelta(40):%Y-%m-%d %H:%M} UTC, in 28 days; renew it, and send SIGHUP"
            ],
        )

    def test_afterwards(self) -> None:
        """Once it has expired that is an error."""
        self.warnings.startService()
        self.clock.pump([DAY] * 41)
        self.assertEqual(
            self.lines[-1],
            f"error: the certificate of node0 expired on {START + timedelta(40):%Y-%m-%d %H:%M} "
            "UTC: no new link can be made; renew it, and send SIGHUP",
        )
        self.assertEqual(sum(line.startswith("warn: ") for line in self.lines), 30)

    def test_atStart(self) -> None:
        """A node that starts late warns at once, of each certificate in a line of its own."""
        self.clock.advance(80.5 * DAY)
        self.warnings.startService()
        first, *others = self.lines
        self.assertTrue(first.startswith("error: the certificate of node0 expired"), first)
        self.assertEqual(len(others), 2)
        for line, name in zip(others, ("agency", "chain"), strict=True):
            self.assertTrue(line.startswith(f"warn: the certificate of {name} expires on"), line)
            self.assertIn("in 19 days", line)

    def test_renewed(self) -> None:
        """A renewed certificate puts an end to it; one that ends soon, too, is warned of."""
        self.clock.advance(20 * DAY)
        self.warnings.startService()
        self.warnings.setCredentials(self.load(90))
        self.assertEqual(self.daily(30), [0] * 30)
        self.warnings.setCredentials(self.load(55))
        self.assertEqual(len(self.lines), 1)
        self.assertIn("in 5 days", self.lines[0])

    def test_lists(self) -> None:
        """Revocation lists are warned of three days ahead; when they expire, they still hold."""
        self.warnings.setCredentials(self.load(90, 10))
        self.warnings.startService()
        self.assertEqual(self.daily(8), [0] * 7 + [1])
        self.assertIn("warn: the revocation list of agency expires on", self.lines[0])
        self.clock.advance(3 * DAY)
        self.assertTrue(self.lines[-1].startswith("error: the revocation list of agency expired"))
        self.assertIn("still holds", self.lines[-1])

    def test_end(self) -> None:
        """The very end is told when it comes, not a day later."""
        self.warnings.setCredentials(self.load(29))
        self.warnings.startService()
        self.clock.advance(28.5 * DAY)
        self.clock.advance(0)
        self.lines.clear()
        self.clock.advance(0.5 * DAY + 2)
        expired = [line for line in self.lines if line.startswith("error: the certificate of")]
        self.assertEqual(len(expired), 1)
        self.assertIn("no new link can be made", expired[0])

    def test_stopped(self) -> None:
        """Then there is silence."""
        self.warnings.startService()
        self.warnings.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NodeTests(SynchronousTestCase):
    """A whole node."""

    def test_warns(self) -> None:
        """A node warns when it starts, and while it runs."""
        network = MemoryNetwork(0)
        folder = temporaryFolder(self)
        agency = Authority.makeRoot(curve=PRIME256V1).issueAgency("agency")
        writeCredentials(agency.issueNode("node0", 29), folder)
        settings = Settings(listen=Address("10.0.0.9", 30300))
        reactor = MemoryReactor(network.fabric, "10.0.0.9")
        node = makeNode(loadCredentials(folder), settings, reactor=reactor)
        lines = logLines(self)
        node.startService()
        network.advance(DAY)
        node.stopService()
        network.advance(10)
        found = [line for line in lines if "the certificate of node0 expires on" in line]
        self.assertEqual(len(found), 2)
        self.assertEqual(network.clock.getDelayedCalls(), [])
