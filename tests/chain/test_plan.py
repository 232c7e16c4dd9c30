"""
Tests for L{fiscop2p.chain.plan}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain.plan import ChainPlan, NodePlace, Ports, parseHosts, placeNodes
from fiscop2p.errors import ChainError


class HostsTests(SynchronousTestCase):
    """How C{-l} is read."""

    def test_counts(self) -> None:
        """Each IP has its number of nodes, in the order given."""
        self.assertEqual(
            list(parseHosts("10.0.0.2:2, 127.0.0.1:4,[0:0::1]:1").items()),
            [("10.0.0.2", 2), ("127.0.0.1", 4), ("::1", 1)],
        )

    def assertRefused(self, text: str, reason: str) -> None:
        """Check that a text is refused, and why."""
        error = self.assertRaises(ChainError, parseHosts, text)
        self.assertIn(reason, str(error))

    def test_form(self) -> None:
        """Another form is answered with the right one."""
        for text in ("", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:x", "1.2.3.4:1,"):
            self.assertRefused(text, "write 127.0.0.1:4 or [::1]:4")

    def test_notAnIP(self) -> None:
        """An IP names a directory: nothing else may pass."""
        for text in (
            ":4",
            "..:4",
            "../x:4",
            "a/b:4",
            "256.0.0.1:4",
            "[::1:4",
            "::1:4",
            "[10.0.0.1]:4",
        ):
            self.assertRefused(text, "is not an IP address")

    def test_unreachable(self) -> None:
        """Other nodes cannot dial "everywhere", nor another machine's interface."""
        for text in ("0.0.0.0:4", "[::]:4", "[fe80::1%eth0]:4"):
            self.assertRefused(text, "other nodes cannot reach")

    def test_twice(self) -> None:
        """The same IP in two forms is still the same."""
        self.assertRefused("[::1]:1,[0::1]:2", "::1 is given twice")


class PlanTests(SynchronousTestCase):
    """Where the nodes of a new chain are."""

    def test_portsPerIP(self) -> None:
        """Numbers and ports start anew on each IP."""
        places = ChainPlan.parse("127.0.0.1:2,10.0.0.2:1", "30300,20200,8545").places
        self.assertEqual(
            places,
            (
                NodePlace("127.0.0.1", 0, Ports(30300, 20200, 8545)),
                NodePlace("127.0.0.1", 1, Ports(30301, 20201, 8546)),
                NodePlace("10.0.0.2", 0, Ports(30300, 20200, 8545)),
            ),
        )
        self.assertEqual([place.name for place in places], ["node0", "node1", "node0"])

    def test_addresses(self) -> None:
        """An IPv6 address is in square brackets."""
        places = ChainPlan.parse("127.0.0.1:1,[::1]:1").places
        self.assertEqual([place.address for place in places], ["127.0.0.1:30300", "[::1]:30300"])

    def test_portsForm(self) -> None:
        """Three numbers, and nothing else."""
        for text in ("", "1,2", "1,2,3,4", "30300,20200,x", "30300,,8545", "30300,-1,8545"):
            error = self.assertRaises(ChainError, ChainPlan.parse, "127.0.0.1:1", text)
            self.assertIn("write 30300,20200,8545", str(error))

    def test_edgesOfTheRange(self) -> None:
        """1025 and 65535 can be used."""
        (place,) = ChainPlan.parse("127.0.0.1:1", "65535,1025,8545").places
        self.assertEqual(place.ports, Ports(65535, 1025, 8545))

    def test_outOfRange(self) -> None:
        """Every port must be in range, not only the first."""
        for count, ports, culprit in (
            (1, "1024,20200,8545", "the p2p port of node0 on 127.0.0.1 would be 1024"),
            (2, "30300,20200,65535", "the rpc port of node1 on 127.0.0.1 would be 65536"),
            (99999999, "30300,65535,8545", "the channel port of node1 on 127.0.0.1 would be"),
        ):
            plan = ChainPlan.parse(f"127.0.0.1:{count}", ports)
            error = self.assertRaises(ChainError, lambda plan=plan: plan.places)
            self.assertIn(culprit, str(error))

    def test_overlap(self) -> None:
        """No two listeners of one machine have the same port."""
        plan = ChainPlan.parse("127.0.0.1:4", "30300,30303,8545")
        error = self.assertRaises(ChainError, lambda: plan.places)
        self.assertEqual(
            str(error),
            "the p2p port of node3 on 127.0.0.1 would be 30303, which node0 has already; "
            "choose start ports further apart (-p)",
        )

    def test_adjacent(self) -> None:
        """Ranges that just do not touch are fine, as are the same ports on another machine."""
        self.assertEqual(len(ChainPlan.parse("127.0.0.1:3,[::1]:3", "3000,3003,3006").places), 6)


class FurtherNodesTests(SynchronousTestCase):
    """Where nodes go that come later."""

    present = (
        NodePlace("10.0.0.1", 0, Ports(30400, 20200, 8645)),
        NodePlace("10.0.0.1", 3, Ports(30303, 20203, 8548)),
        NodePlace("10.0.0.2", 0, Ports(30300, 20300, 8545)),
    )

    def test_behindTheLast(self) -> None:
        """They continue the highest number, and the highest port of each kind."""
        places = placeNodes({"10.0.0.1": 2}, None, self.present)
        self.assertEqual(
            places,
            (
                NodePlace("10.0.0.1", 4, Ports(30401, 20204, 8646)),
                NodePlace("10.0.0.1", 5, Ports(30402, 20205, 8647)),
            ),
        )

    def test_newIP(self) -> None:
        """A new IP begins with the lowest ports of the chain."""
        places = placeNodes({"10.0.0.3": 1}, None, self.present)
        self.assertEqual(places, (NodePlace("10.0.0.3", 0, Ports(30300, 20200, 8545)),))

    def test_chosenPorts(self) -> None:
        """Ports can be given instead, which must be free."""
        places = placeNodes({"10.0.0.1": 1}, Ports(31000, 32000, 33000), self.present)
        self.assertEqual(places, (NodePlace("10.0.0.1", 4, Ports(31000, 32000, 33000)),))
        error = self.assertRaises(
            ChainError, placeNodes, {"10.0.0.1": 1}, Ports(8548, 32000, 33000), self.present
        )
        self.assertIn("would be 8548, which node3 has already", str(error))
