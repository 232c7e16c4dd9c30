"""
Tests for L{fiscop2p.access}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.errors import NotListed, PeerRefused, SetupError

ALICE, BOB, CAROL = ("a1" * 64, "b2" * 64, "c3" * 64)


class AccessListsTests(SynchronousTestCase):
    """Who is let in by the black list and the white list."""

    def assertLetIn(self, lists: AccessLists, *nodeIDs: str) -> None:
        """Check that these nodes are let in."""
        for nodeID in nodeIDs:
            lists.judge(nodeID)

    def assertKeptOut(self, lists: AccessLists, reason: str, *nodeIDs: str) -> None:
        """Check that these nodes are kept out, and by which list."""
        for nodeID in nodeIDs:
            error = self.assertRaises(NotListed, lists.judge, nodeID)
            self.assertIsInstance(error, PeerRefused)
            self.assertEqual(str(error), f"node {nodeID[:8]}... {reason}")

    def test_noLists(self) -> None:
        """Without lists the CA alone decides."""
        self.assertLetIn(AccessLists(), ALICE, BOB)

    def test_blackList(self) -> None:
        """The black list keeps out its nodes and no others."""
        lists = AccessLists(black=frozenset({ALICE, BOB}))
        self.assertKeptOut(lists, "is on the black list", ALICE, BOB)
        self.assertLetIn(lists, CAROL)

    def test_whiteList(self) -> None:
        """The white list lets in its nodes and no others."""
        lists = AccessLists(white=frozenset({ALICE, BOB}))
        self.assertLetIn(lists, ALICE, BOB)
        self.assertKeptOut(lists, "is not on the white list", CAROL)

    def test_blackListWins(self) -> None:
        """A node on both lists is kept out, and told by the black list."""
        lists = AccessLists(black=frozenset({ALICE}), white=frozenset({ALICE, BOB}))
        self.assertKeptOut(lists, "is on the black list", ALICE)
        self.assertLetIn(lists, BOB)
        self.assertKeptOut(lists, "is not on the white list", CAROL)

    def test_emptyWhiteList(self) -> None:
        """An empty white list lets nobody in; it is not the same as none."""
        self.assertKeptOut(AccessLists(white=frozenset()), "is not on the white list", ALICE)

    def test_wholeIDs(self) -> None:
        """Nodes whose IDs begin alike are two nodes."""
        other = ALICE[:-1] + "0"
        self.assertLetIn(AccessLists(black=frozenset({ALICE})), other)
        self.assertKeptOut(
            AccessLists(white=frozenset({ALICE})), "is not on the white list", other, ALICE[:127]
        )

    def test_anyCase(self) -> None:
        """The case of letters makes no difference."""
        nodeIDs = frozenset({ALICE.upper()})
        self.assertKeptOut(AccessLists(black=nodeIDs), "is on the black list", ALICE)
        self.assertLetIn(AccessLists(white=nodeIDs), ALICE)
        self.assertEqual(AccessLists(nodeIDs), AccessLists(frozenset({ALICE})))

    def test_noNodeID(self) -> None:
        """What would keep nobody out, or let nobody in, is refused and named."""
        for entry in ("", "alice", ALICE[:-1], ALICE + "0", "0x" + ALICE, ALICE.encode(), 5, None):
            for name in ("black", "white"):
                error = self.assertRaises(SetupError, AccessLists, **{name: frozenset({entry})})
                self.assertIn(f"AccessLists.{name} holds {entry!r}, not a node ID", str(error))

    def test_words(self) -> None:
        """Lists are told by their lengths, and a white list that lets nobody in by that."""
        for lists, words in (
            (AccessLists(), "black list: 0 nodes, white list: none"),
            (
                AccessLists(frozenset({ALICE}), frozenset({ALICE, BOB})),
                "black list: 1 node, white list: 2 nodes",
            ),
            (
                AccessLists(white=frozenset()),
                "black list: 0 nodes, white list: 0 nodes, so that nobody is let in",
            ),
        ):
            self.assertEqual(str(lists), words)

    def test_equality(self) -> None:
        """Lists of the same nodes are equal, so that a change can be seen."""
        self.assertEqual(AccessLists(frozenset({ALICE, BOB})), AccessLists(frozenset({BOB, ALICE})))
        self.assertNotEqual(AccessLists(white=frozenset()), AccessLists())
