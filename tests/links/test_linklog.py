"""The lines about links, in the words that operators of FISCO BCOS grep for."""

from __future__ import annotations

import re
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.identity import abridged
from fiscop2p.links.links import COUNT_INTERVAL
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from fiscop2p.testing.network import PORT
from fiscop2p.wire.dialect import RC2
from tests.strangers import STRANGER, Stranger, dial, listen, logLines, looseContext
from tests.temporary import temporaryFolder


class LinesTestCase(SynchronousTestCase):
    """Nodes, and what they log."""

    def matching(self, pattern: str) -> list[str]:
        """The lines in which a pattern is found."""
        return [line for line in self.lines if re.search(pattern, line)]

    def assertSaid(self, pattern: str) -> None:
        """Exactly one line matches as a whole."""
        found = [line for line in self.lines if re.fullmatch(pattern, line)]
        self.assertEqual(len(found), 1, (pattern, self.lines))


class TwoNodesTests(LinesTestCase):
    """A link between two nodes comes and goes."""

    def setUp(self) -> None:
        self.lines = logLines(self)
        self.network = MemoryNetwork(0)
        self.addCleanup(self.network.stop)
        self.one = self.network.addNode()
        self.other = self.network.addNode([self.one.settings.listen])
        self.network.advance(1)

    def test_comes(self) -> None:
        """From listening to the link, on both sides."""
        one, other = (abridged(node.nodeID).replace(".", r"\.") for node in self.network.nodes)
        remote, local = r"10\.0\.0\.0:30300", r"10\.0\.0\.1:[0-9]+"
        for pattern in (
            r"info: P2P StartAccept,Host=10\.0\.0\.0:30300",
            rf"info: Connecting to node,endpoint={remote}",
            rf"debug: P2P Recv Connect, From={local}",
            rf"info: handshakeClient succ,local endpoint={local},endpoint={remote}",
            rf"info: handshakeServer succ,remote endpoint={local}",
            rf"info: startPeerSession, Remote={remote},local endpoint={local},nodeID={one}",
            rf"info: startPeerSession, Remote={local},local endpoint={remote},nodeID={other}",
            rf"info: Connection established,nodeID={one},endpoint={remote},agency=.+,name=node0",
            rf"info: Connection established,nodeID={other},endpoint={local},agency=.+,name=node1",
        ):
            self.assertSaid(pattern)
        self.assertEqual(self.matching("^warn"), [])

    def test_goes(self) -> None:
        """Both sides say that it has ended, and why."""
        self.other.stopService()
        self.network.advance(0.1)
        self.assertSaid(r"info: onDisconnect,code=3,what=this node stops,nodeID=.{8}\.\.\..+")
        self.assertSaid(r"info: onDisconnect,code=3,what=the peer closed it,nodeID=.{8}\.\.\..+")
        self.other.startService()

    def test_isSo(self) -> None:
        """What a line tells is so when it is told: who reads it may act on it."""
        self.network.path(self.one, self.other).cut()
        self.network.advance(1)
        reached: list[tuple[str, int]] = []

        def act(event: Any) -> None:
            what = event["log_format"].partition(",")[0]
            if what in ("Connection established", "onDisconnect"):
                (node,) = (n for n in self.network.nodes if n.nodeID != event["nodeID"])
                reached.append((what, node.broadcast(b"x", protocolID=self.one.protocolID(1, 1))))

        globalLogPublisher.addObserver(act)
        self.addCleanup(globalLogPublisher.removeObserver, act)
        self.network.heal(self.one, self.other)
        self.network.advance(12)
        self.assertEqual(reached, [("Connection established", 1)] * 2)
        self.network.cut(self.one, self.other)
        # What is sent to all on the line could be taken together with this.
        self.one.broadcast(b"x", protocolID=self.one.protocolID(1, 1))
        self.network.advance(0)
        self.assertEqual(reached[2:], [("onDisconnect", 0)] * 2)

    def test_heartBeat(self) -> None:
        """Every ten seconds each node says how many are connected, from its start to its end."""
        self.lines.clear()
        self.network.advance(COUNT_INTERVAL * 6)
        self.assertEqual(COUNT_INTERVAL, 10)
        expected = ["info: heartBeat,connected count=1"] * 12
        self.assertEqual(self.matching("heartBeat"), expected)
        self.other.stopService()
        self.network.advance(COUNT_INTERVAL * 2)
        self.assertEqual(self.matching("heartBeat")[12:], ["info: heartBeat,connected count=0"] * 2)
        self.other.startService()
        self.assertEqual(self.matching("heartBeat")[14:], ["info: heartBeat,connected count=0"])

    def test_idle(self) -> None:
        """A link over which nothing comes is told before its end."""
        self.network.lose(self.one, self.other)
        self.network.advance(20)
        dead = self.matching(r"^warn: disconnect inactive P2PSession,nodeID=.{8}\.\.\.,endpoint=10")
        self.assertEqual(len(dead), 2)
        self.assertTrue(all("nothing came from the peer: for 1" in line for line in dead), dead)
        self.assertEqual(len(self.matching("onDisconnect,code=2,what=nothing came from")), 2)

    def test_peerIsDown(self) -> None:
        """An address that cannot be reached is told at once, and then once a minute."""
        self.one.stopService()
        self.lines.clear()
        self.network.advance(59)
        refused = r"TCP Connection refused by node,endpoint=10\.0\.0\.0:30300,message=.*refused"
        (line,) = self.matching(refused)
        self.assertTrue(line.startswith("warn: "))
        self.network.advance(60)
        first, second = self.matching(refused)
        self.assertEqual(first, line)
        self.assertRegex(second, r",repeated=[5-9]$")
        self.assertRegex(self.matching("Connecting to node")[-1], r",repeated=[5-9]$")
        self.one.startService()

    def test_topics(self) -> None:
        """What a peer follows is told, with its whole node ID."""
        self.one.subscribe("orders", lambda _: None)
        self.one.subscribe("news\ninfo|forged", lambda _: None)
        self.network.advance(1)
        (line,) = self.matching("Received topic")
        self.assertEqual(
            line,
            f"info: Received topic: [news\ninfo|forged,orders] from {self.one.nodeID},count=2",
        )

    def test_manyTopics(self) -> None:
        """Long lists are cut short, and lists that change all the time are not told each time."""
        for number in range(1000):
            self.one.subscribe(f"topic {number}", lambda _: None)
            if number % 20 == 0:
                self.network.advance(0.2)
        self.network.advance(20)
        lines = self.matching("Received topic")
        self.assertTrue(3 <= len(lines) <= 6, len(lines))
        self.assertTrue(all(len(line) < 1300 for line in lines))
        self.assertIn(f"...] from {self.one.nodeID},count=1000,repeated=", lines[-1])


class TopicRequestTests(LinesTestCase):
    """Requests to the followers of a topic that come to nothing."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(2)
        self.addCleanup(self.network.stop)
        self.one, self.other = self.network.nodes
        self.lines = logLines(self)

    def test_nobodyFollows(self) -> None:
        """It is told once, however often it is tried."""
        for _ in range(100):
            self.failureResultOf(self.one.requestTopic("orders", b"?"))
        self.assertSaid("warn: asyncSendMessageByTopic no topic to be sent,topic=orders")
        self.assertEqual(len(self.matching("no topic to be sent")), 1)

    def test_allFail(self) -> None:
        """Why each follower has failed is told."""

        def fail(_: object) -> None:
            raise ZeroDivisionError

        self.other.subscribe("orders", fail)
        self.network.advance(5)
        request = self.one.requestTopic("orders", b"?")
        self.network.advance(1)
        self.failureResultOf(request)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertSaid(
            "warn: Send topics message all failed,topic=orders,errorCode=104,message=node "
            rf"{self.other.nodeID[:8]}\.\.\.: it answered with code 104"
        )


class StrangersTestCase(LinesTestCase):
    """A node, and strangers who dial it."""

    settings = Settings()

    def setUp(self) -> None:
        self.network = MemoryNetwork(1, tls="ssl", settings=self.settings)
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        self.folder = temporaryFolder(self)
        self.lines = logLines(self)

    def scan(self, host: str = STRANGER) -> None:
        """Somebody connects and sends what is not TLS."""
        scanner = Stranger()
        dial(self.network, self.node, None, scanner, host)
        self.network.advance(0)
        scanner.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.network.advance(0.05)
        self.assertIsNotNone(scanner.lost)


class StrangersTests(StrangersTestCase):
    """Who knocks at the door, and may not come in."""

    def test_scanner(self) -> None:
        """A thousand bad handshakes in a minute are one line, and then one with the count."""
        for _ in range(1000):
            self.scan()
        words = (
            rf"warn: handshakeServer failed,remote endpoint={re.escape(STRANGER)}:[0-9]+,code=5,"
            r"message=the TLS handshake failed: it speaks HTTP, not TLS \(http request\)"
        )
        self.assertSaid(words)
        self.network.advance(60)
        self.assertSaid(words + ",repeated=999")
        self.assertEqual(len(self.matching("handshakeServer")), 2)
        self.assertEqual(len(self.matching(re.escape(STRANGER) + ".*,repeated=")), 1)

    def test_otherFaultsAreTold(self) -> None:
        """Another scanner, and another fault of the same one, are lines of their own."""
        for _ in range(3):
            self.scan()
            self.scan("10.9.9.8")
            silent = Stranger()
            dial(self.network, self.node, None, silent)
            self.network.advance(0)
            silent.transport.loseConnection()
            self.network.advance(0.05)
        self.assertEqual(len(self.matching("^warn: handshakeServer failed")), 3)

    def test_memberWithBadFrames(self) -> None:
        """A peer of the chain that sends rubbish, each time another, is one line a minute."""
        context = looseContext(True, self.network.agency.issueNode("node9"), self.folder)
        for number in range(5):
            peer = Stranger(RC2.encode(2, 1, 0, b"0") + b"\0\0\0" + bytes([number]) * 20)
            dial(self.network, self.node, context, peer)
            self.network.advance(0.1)
            self.assertIsNotNone(peer.lost)
        self.assertEqual(len(self.matching("^error: Decode message error,result=-1")), 1)
        self.assertEqual(len(self.matching("onDisconnect,code=1,what=the peer sent what is")), 5)
        self.network.advance(60)
        (_, line) = self.matching("^error: Decode message error,result=-1")
        self.assertRegex(line, r"message=the peer sent what .* declares .*,repeated=4$")

    def test_restlessMember(self) -> None:
        """A peer that comes and goes without end is told link by link only twenty times."""
        context = looseContext(True, self.network.agency.issueNode("node9"), self.folder)
        for _ in range(100):
            peer = Stranger(RC2.encode(2, 1, 0, b"0"))
            dial(self.network, self.node, context, peer)
            self.network.advance(0.05)
            peer.transport.loseConnection()
            self.network.advance(0.05)
        words = ("handshakeServer succ", "startPeerSession", "Connection established", "onDiscon")
        for each in words:
            self.assertEqual(len(self.matching(each)), 20, each)
        self.network.advance(60)
        for each in words:
            *_, line = self.matching(each)
            self.assertRegex(line, ",repeated=80$")
        self.network.advance(240)
        self.lines.clear()
        # Once it has calmed down its links are told one by one again.
        dial(self.network, self.node, context, Stranger(RC2.encode(2, 1, 0, b"0")))
        self.network.advance(0.1)
        for each in words[:3]:
            self.assertEqual(len(self.matching(each)), 1, each)

    def test_oneKeyOnTwoMachines(self) -> None:
        """A node that comes and goes at several hosts may be two; that is asked once a minute."""
        context = looseContext(True, self.network.agency.issueNode("node9"), self.folder)
        for number in range(30):
            peer = Stranger(RC2.encode(2, 1, 0, b"0"))
            dial(self.network, self.node, context, peer, f"10.9.8.{number % 2}")
            self.network.advance(0.05)
            peer.transport.loseConnection()
            self.network.advance(0.05)
        (line,) = self.matching("does its key run on two machines")
        self.assertRegex(line, r"^warn: node .{8}\.\.\. comes .* at 10.9.8.0 and 10.9.8.1: does")

    def test_memberWithBadMessages(self) -> None:
        """Messages that are no AMOP, and seqs that are none, are one line a minute each."""
        context = looseContext(True, self.network.agency.issueNode("node9"), self.folder)
        peer = Stranger(RC2.encode(2, 1, 0, b"0"))
        dial(self.network, self.node, context, peer)
        self.network.advance(0.1)
        for number in range(1000):
            peer.transport.write(RC2.encode(1, 0, 5, b"%d" % number))
            peer.transport.write(RC2.encode(2, 1, 0, b"seq %d" % number))
        self.network.advance(0.1)
        self.assertIsNone(peer.lost)
        self.assertEqual(len(self.matching("^warn: ignored an AMOP message,nodeID=")), 1)
        self.assertEqual(len(self.matching("^error: Error onTopicMessage: ")), 1)
        self.network.advance(60)
        self.assertEqual(len(self.matching(",repeated=999$")), 2)

    def test_blackListed(self) -> None:
        """Who is on the black list is told by it, and counted whatever address it comes from."""
        issued = self.network.agency.issueNode("node9")
        self.node.setAccess(AccessLists(black=frozenset([issued.nodeID])))
        context = looseContext(True, issued, self.folder)
        for number in range(5):
            dial(self.network, self.node, context, Stranger(), f"10.9.8.{number}")
            self.network.advance(0.1)
        self.assertEqual(len(self.matching("^warn: NodeID in certificate blacklist,nodeID=")), 1)
        self.network.advance(60)
        (line,) = self.matching("blacklist.*,repeated=4$")
        self.assertIn("endpoint=10.9.8.4:", line)

    def test_blackListedThere(self) -> None:
        """A node that a peer keeps out by its black list is told what may be the reason."""
        black = self.network.addNode([self.node.settings.listen])
        self.node.setAccess(AccessLists(black=frozenset([black.nodeID])))
        self.lines.clear()
        self.network.advance(15)
        address = self.node.settings.listen
        self.assertSaid(
            rf"warn: handshakeClient failed,endpoint={address},code=5,message=.*"
            "closed the connection during the handshake; does it refuse this node by one of its .*"
        )

    def test_dialledPeerLeavesAtOnce(self) -> None:
        """A peer that we dial, and that leaves after the handshake, is told until it stays."""

        class Leaving(Stranger):
            def handshakeCompleted(self) -> None:
                self.transport.loseConnection()

        context = looseContext(False, self.network.agency.issueNode("node9"), self.folder)
        listen(self.network, context, Leaving())
        self.node.addPeer(Address(STRANGER, PORT))
        self.network.advance(30)
        endpoint = re.escape(f"{STRANGER}:{PORT}")
        self.assertSaid(
            rf"warn: doRead failed,endpoint={endpoint},nodeID=.{{8}}\.\.\.,"
            "message=the peer closed it: it has sent nothing yet; does it hold another link .*"
        )

    def test_dialledPeerAborts(self) -> None:
        """One that ends the link by force is told with what the transport says of it, too."""

        class Aborting(Stranger):
            def handshakeCompleted(self) -> None:
                self.transport.abortConnection()

        context = looseContext(False, self.network.agency.issueNode("node9"), self.folder)
        listen(self.network, context, Aborting())
        self.node.addPeer(Address(STRANGER, PORT))
        self.network.advance(30)
        self.assertSaid(
            "warn: doRead failed,.*,message=the connection was lost: Connection .* "
            "it has sent nothing yet; .*"
        )

    def test_memberLeavesAtOnce(self) -> None:
        """One that dials us, as a FISCO BCOS node does that has another link, is no complaint."""
        context = looseContext(True, self.network.agency.issueNode("node9"), self.folder)
        peer = Stranger()
        dial(self.network, self.node, context, peer)
        self.network.advance(0.1)
        peer.transport.loseConnection()
        self.network.advance(0.1)
        self.assertEqual(self.matching("^warn"), [])
        self.assertSaid(
            "debug: .drop. closing remote .*,reason=the peer closed it: it has .*,endpoint=.*"
        )

    def test_countSurvivesStop(self) -> None:
        """What is counted when the node stops is told then."""
        for _ in range(3):
            self.scan()
        self.network.stop()
        self.assertEqual(len(self.matching("handshakeServer failed.*,repeated=2$")), 1)


class QuietTests(StrangersTestCase):
    """[p2p] connection_warning=false."""

    settings = Settings(connectionWarning=False)

    def test_notWarned(self) -> None:
        """Who is refused is told at debug only."""
        self.scan()
        issued = self.network.agency.issueNode("node9")
        self.node.setAccess(AccessLists(white=frozenset()))
        dial(self.network, self.node, looseContext(True, issued, self.folder), Stranger())
        self.network.advance(0.1)
        self.assertEqual(len(self.matching("^debug: handshakeServer failed,")), 1)
        self.assertEqual(len(self.matching("^debug: NodeID is not in certificate whitelist,")), 1)
        self.assertEqual(self.matching("^warn"), [])
