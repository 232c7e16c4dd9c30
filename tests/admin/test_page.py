"""The page, in a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall, deferLater
from twisted.trial.unittest import SkipTest, TestCase

from fiscop2p.admin import AdminService
from fiscop2p.config import AdminConfig
from fiscop2p.settings import Address, Settings
from fiscop2p.testing import MemoryNetwork
from tests.browser import CHROMIUM, Browser, Page
from tests.temporary import temporaryFolder

TOKEN = "a-token-of-the-operator"
TICK = 0.1

ROWS = """[...document.querySelectorAll('#rows tr')].map((row) => ({
    name: row.cells[0].textContent, agency: row.cells[1].textContent,
    state: row.cells[2].textContent, address: row.cells[8].textContent,
    topics: row.cells[10].textContent}))"""
DOTS = """[...document.querySelectorAll('#picture .peer')].map((peer) => [
    peer.querySelector('.label').textContent, peer.dataset.state,
    getComputedStyle(peer.querySelector('.dot')).stroke])"""


SMALLEST_TEXT = """Math.min(...[...document.querySelectorAll('#picture text')]
    .filter((text) => text.textContent && text.getClientRects().length && text.getBBox().width)
    .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


class PageTestCase(TestCase):
    """A node in memory, whose time is ours, and the page that it serves."""

    timeout = 150
    peers = 3
    sees = 1280, 900

    async def setUp(self) -> None:
        if CHROMIUM is None:
            raise SkipTest("Chromium is not installed: apt-get install chromium")
        self.network = MemoryNetwork(1, settings=Settings(maxInboundPeers=500, maxAcceptRate=500))
        self.addCleanup(self.network.stop)
        self.node = self.network.nodes[0]
        for _ in range(self.peers):
            self.network.addNode([self.node.listenAddress])
        self.network.advance(3)
        self.time = LoopingCall(self.network.advance, TICK)
        self.time.start(TICK)
        self.addCleanup(self.time.stop)
        self.config = AdminConfig(
            temporaryFolder(self) / "admin.sock", address=Address("127.0.0.1", 0), token=TOKEN
        )
        self.admin = AdminService(self.node, self.config, reactor, self.now)
        self.admin.startService()
        self.addCleanup(lambda: self.admin.stopService())
        self.browser = Browser(reactor)
        self.addCleanup(self.browser.close)
        self.page: Page = await self.browser.open(f"http://{self.admin.listenAddress}/", *self.sees)
        await self.page.until(f"document.querySelectorAll('#rows tr').length === {self.peers}")

    def now(self) -> float:
        return time.time()

    def peer(self, name: str) -> Any:
        return next(node for node in self.network.nodes if node.identity.name == name)

    async def api(self, path: str) -> Any:
        return await self.page.run(f"fetch('api/{path}').then((answer) => answer.json())")

    async def click(self, selector: str) -> None:
        await self.page.run(
            f"document.querySelector({json.dumps(selector)})"
            ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
        )

    async def type(self, selector: str, text: str) -> None:
        await self.page.run(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.page.run(f"document.querySelector({json.dumps(selector)}).select()")
        await self.page.call("Input.insertText", text=text)

    def assertNoErrors(self) -> None:
        """The console has nothing to complain of."""
        self.assertEqual(self.page.errors, [])


class PageTests(PageTestCase):
    """Three peers."""

    async def test_saysWhatTheAPISays(self) -> None:
        """The table, the picture and the figures are what the API tells; all is from here."""
        self.node.subscribe("alone", lambda _: None)
        self.peer("node1").subscribe("orders", lambda _: None)
        self.peer("node2").subscribe("orders", lambda _: None)
        await self.page.until(
            "document.querySelector('#topics').textContent.includes('orders · 2')"
        )
        told = (await self.api("peers"))["peers"]
        rows = await self.page.run(ROWS)
        self.assertEqual(
            sorted((row["name"], row["agency"], row["state"], row["topics"]) for row in rows),
            sorted(
                (peer["name"], peer["agency"], peer["state"], ", ".join(peer["topics"]))
                for peer in told
            ),
        )
        self.assertEqual(
            sorted(row["address"] for row in rows),
            sorted(f"from {peer['address']}" for peer in told),
        )
        dots = await self.page.run(DOTS)
        self.assertEqual(sorted(name for name, _, _ in dots), ["node1", "node2", "node3"])
        self.assertEqual({state for _, state, _ in dots}, {"connected"})
        texts = {
            name: await self.page.run(f"document.getElementById('{name}').textContent")
            for name in ("name", "health", "peerCount", "topicCount", "certificate", "shown")
        }
        self.assertEqual(
            texts,
            {
                "name": "node0",
                "health": "Ready",
                "peerCount": "3 of 3",
                "topicCount": "2",
                "certificate": "none",
                "shown": "3 of 3",
            },
        )
        loaded = await self.page.run(
            "performance.getEntriesByType('resource').map(({name}) => new URL(name).origin)"
        )
        self.assertEqual(set(loaded), {f"http://{self.admin.listenAddress}"})
        self.assertNoErrors()

    async def test_killedNodeTurnsRed(self) -> None:
        """A node that goes is red within ten seconds, in the picture and in the table, and why."""
        colour = {name: stroke for name, _, stroke in await self.page.run(DOTS)}
        self.network.cut(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).some(([name, state]) => state === 'gone')", 10)
        dots = {name: (state, stroke) for name, state, stroke in await self.page.run(DOTS)}
        self.assertEqual(dots["node2"][0], "gone")
        self.assertNotEqual(dots["node2"][1], colour["node2"])
        self.assertEqual(dots["node1"], ("connected", colour["node1"]))
        rows = {row["name"]: row["state"] for row in await self.page.run(ROWS)}
        self.assertEqual(rows, {"node1": "connected", "node2": "gone", "node3": "connected"})
        events = await self.page.run("document.getElementById('events').textContent")
        self.assertIn("node2 leftthe connection was lost", events)
        self.network.heal(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).every(([name, state]) => state === 'connected')", 25)
        self.assertNoErrors()

    async def test_frozenNodeTurnsYellow(self) -> None:
        """So is one that has only fallen silent shown as that, within ten."""
        self.network.lose(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).some(([name, state]) => state === 'silent')", 10)
        self.assertNoErrors()

    async def test_flow(self) -> None:
        """Traffic is seen as it flows."""
        await self.page.until("!document.querySelector('.flow.in.on')")
        peer = self.peer("node1")
        for _ in range(30):
            peer.send(self.node.nodeID, b"x" * 5000, protocolID=peer.protocolID(1, 7))
        await self.page.until("document.querySelector('#picture .flow.in.on')")
        self.assertNoErrors()

    async def test_history(self) -> None:
        """A peer's details have its connects and closes, with the reasons; Escape leaves them."""
        self.network.cut(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).some(([name, state]) => state === 'gone')", 10)
        self.network.heal(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).every(([name, state]) => state === 'connected')", 25)
        await self.click("#rows tr:nth-child(2) button")
        shown = "document.getElementById('details').textContent"
        await self.page.until(f"{shown}.includes('the connection was lost')")
        text = await self.page.run(shown)
        self.assertIn(self.peer("node2").nodeID, text)
        self.assertIn("stands", text)
        # The longest that a time and a duration get; a scroll bar takes room, too.
        await self.page.run(
            "document.querySelectorAll('#details tbody tr').forEach((row) => {"
            " row.cells[0].textContent = '22 Nov, 23:59:59';"
            " row.cells[2].textContent = '23 h 59 min';"
            " row.cells[3].textContent = 'the connection was lost '.repeat(20); })"
        )
        width = await self.page.run(
            "['scrollWidth', 'clientWidth'].map((name) => document.getElementById('details')[name])"
        )
        self.assertEqual(*width)
        await self.page.press("Escape")
        self.assertTrue(await self.page.run("document.getElementById('details').hidden"))
        self.assertNoErrors()

    async def test_keyboard(self) -> None:
        """Everything can be reached and done without a mouse."""
        focus = (
            "document.activeElement.id || document.activeElement.getAttribute('aria-label') || ''"
        )
        seen = []
        for _ in range(60):
            await self.page.press("Tab")
            seen.append(await self.page.run(focus))
            if seen[-1] == "search":
                break
        self.assertIn("showTopics", seen)
        self.assertIn("node1 of agency, connected", seen)
        self.assertNotIn("node2 of agency, connected", seen)
        await self.page.run("document.querySelector('.peer').focus()")
        await self.page.press("ArrowRight")
        self.assertEqual(await self.page.run(focus), "node2 of agency, connected")
        await self.page.press("ArrowLeft")
        await self.page.press("ArrowLeft")
        self.assertEqual(await self.page.run(focus), "node3 of agency, connected")
        await self.page.press("Enter")
        title = await self.page.run("document.getElementById('sideTitle').textContent")
        self.assertEqual((title, await self.page.run(focus)), ("node3", "sideTitle"))
        await self.page.press("/")
        self.assertEqual(await self.page.run(focus), "search")
        self.assertNoErrors()

    async def test_publishAndSubscribe(self) -> None:
        """With the token one publishes, and sees what comes on a topic."""
        got = []
        self.peer("node1").subscribe("orders", lambda message: got.append(message.payload))
        await self.page.until("document.querySelector('#topics button')")
        await self.click("#topics button")
        outcome = "document.getElementById('outcome').textContent"
        await self.type("#message", "1 apple")
        await self.page.press("Enter")
        await self.page.until(f"{outcome}.includes('the token is missing')")
        await self.type("#token", "another token")
        await self.page.press("Enter")
        await self.page.until(f"{outcome}.includes('The token is another')")
        await self.type("#token", TOKEN)
        await self.page.press("Enter")
        await self.page.until(f"{outcome} === 'The token is right.'")
        await self.type("#message", "1 apple")
        await self.page.press("Enter")
        await self.page.until(f"{outcome} === 'Published: sent to 1 node.'")
        while not got:
            await deferLater(reactor, TICK)
        self.assertEqual(got, [b"1 apple"])
        await self.click("#subscribe")
        await self.page.until(f"{outcome} === 'Following orders.'")
        await self.page.until("document.querySelector('#topics').textContent.includes('and we')")
        markup = b"<img src=x onerror=alert(1)> 2 pears"
        self.peer("node1").multicast("orders", markup)
        await self.page.until("document.querySelector('#messages li')")
        message = await self.page.run("document.querySelector('#messages li').textContent")
        self.assertIn(f"node1 {markup.decode()}", message)
        await self.click("#subscribe")
        await self.page.until(f"{outcome} === 'Not following orders any more.'")
        await self.page.until("!document.querySelector('#topics').textContent.includes('and we')")
        # Browsers note answers of 401 in the console.
        self.assertTrue(all("401" in error for error in self.page.errors), self.page.errors)

    async def test_markupOfOthers(self) -> None:
        """What others call their topics is text, wherever it is shown."""
        topic = "<img src=x onerror=alert(1)><b class='"
        self.peer("node1").subscribe(topic, lambda _: None)
        self.peer("node1").setStatus(note=topic)
        await self.click("#showTopics")
        await self.click("#rows tr:nth-child(1) button")
        for place in ("topics", "picture", "rows", "details", "events"):
            await self.page.until(
                f"document.getElementById('{place}').textContent.includes('<img src')"
            )
        self.assertEqual(await self.page.run("document.querySelectorAll('main img').length"), 0)
        self.assertNoErrors()

    async def test_ping(self) -> None:
        """Nor is there more than the token between an operator and a ping."""
        await self.page.run(f"sessionStorage.setItem('fiscop2p token', '{TOKEN}')")
        await self.click("#rows tr:nth-child(1) button")
        await self.page.until("document.querySelector('#details .acts button')")
        await self.click("#details .acts button")
        text = "document.querySelector('#details .acts').textContent"
        await self.page.until(f"{text}.includes('answered after')")
        self.assertNoErrors()

    async def test_nodeThatGoesAndComes(self) -> None:
        """While the node does not answer that is said, and it goes on once it does."""
        address = self.admin.listenAddress
        await self.admin.stopService()
        trouble = "document.getElementById('trouble')"
        await self.page.until(f"{trouble}.textContent.includes('does not answer')")
        self.node.links.handlers.clear()
        config = AdminConfig(self.config.socket, address=address)
        self.admin = AdminService(self.node, config, reactor, self.now)
        self.admin.startService()
        await self.page.until(f"{trouble}.hidden", 30)
        await self.page.until("document.getElementById('health').textContent === 'Ready'")

    async def test_notReady(self) -> None:
        """A node that is not ready says why."""
        self.node.addPeer(Address("10.9.9.9", 30300))
        for number in (1, 2, 3):
            self.network.cut(self.node, self.peer(f"node{number}"))
        await self.page.until("document.getElementById('health').textContent === 'Not ready'")
        words = await self.page.run("document.getElementById('trouble').textContent")
        self.assertIn("no peer is connected (10.9.9.9:30300:", words)
        rows = await self.page.run("document.getElementById('addresses').textContent")
        self.assertIn("10.9.9.9:30300", rows)
        self.assertNoErrors()

    async def test_addresses(self) -> None:
        """Addresses that are not reached come first, and why is seen."""
        self.node.addPeer(self.peer("node1").listenAddress)
        self.node.addPeer(Address("10.9.9.9", 30300))
        first = "document.querySelector('#addresses tr')"
        await self.page.until(f"{first}?.cells[4].textContent")
        address = await self.page.run(f"{first}.cells[0].textContent")
        self.assertEqual(address, "10.9.9.9:30300")
        edges = await self.page.run(
            f"[{first}.cells[4], {first}.closest('.scroll')]"
            ".map((each) => each.getBoundingClientRect().right)"
        )
        self.assertLessEqual(edges[0], edges[1])
        self.assertNoErrors()

    async def test_steady(self) -> None:
        """What is below the figures stays where it is, whatever they are."""
        places = set()
        for rate in ("0 B/s", "99.9 MB/s"):
            places.add(
                await self.page.run(
                    f"document.getElementById('rateIn').textContent = '{rate}',"
                    f"document.getElementById('rateOut').textContent = '{rate}',"
                    "document.querySelector('main').getBoundingClientRect().top"
                )
            )
        self.assertEqual(len(places), 1, places)

    async def test_phone(self) -> None:
        """On a phone nothing is wider than the screen; light and dark are two looks."""
        await self.page.resize(390, 844, isPhone=True)
        width = "document.documentElement.scrollWidth"
        self.assertEqual(await self.page.run(width), 390)
        shown = await self.page.run("document.querySelectorAll('#picture .peer').length")
        self.assertEqual(shown, 3)
        self.assertGreaterEqual(await self.page.run(SMALLEST_TEXT), 10.9)
        looks = set()
        for scheme in ("light", "dark"):
            await self.page.prefer(scheme)
            looks.add(await self.page.run("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(looks), 2)
        self.assertNoErrors()

    async def test_accessible(self) -> None:
        """axe-core finds nothing serious: light and dark, links and topics, with details."""
        if find_spec("axe_core_python") is None:
            raise SkipTest("axe-core is not installed: pip install axe-core-python")
        self.peer("node1").subscribe("orders", lambda _: None)
        self.network.cut(self.node, self.peer("node2"))
        await self.page.until(f"({DOTS}).some(([name, state]) => state === 'gone')", 10)
        await self.page.run((resources.files("axe_core_python") / "axe.min.js").read_text() + ";0")
        for scheme in ("light", "dark"):
            await self.page.prefer(scheme)
            for action in ("#showLinks", "#showTopics", "#rows tr:nth-child(2) button"):
                await self.click(action)
                await self.page.until(
                    "document.getElementById('details').hidden"
                    " || document.querySelector('#details td')"
                )
                result = await self.page.run("axe.run()")
                faults = list(serious(result))
                self.assertEqual(faults, [], f"{scheme}, {action}")
            await self.page.press("Escape")
        self.assertNoErrors()


def serious(result: Any) -> Iterator[str]:
    """What axe-core finds that is serious, or worse."""
    for violation in result["violations"]:
        if violation["impact"] in ("serious", "critical"):
            nodes = [node["html"][:120] for node in violation["nodes"][:3]]
            yield f"{violation['id']}: {violation['help']}: {nodes}"


class ManyTests(PageTestCase):
    """Two hundred peers."""

    peers = 200

    async def test_many(self) -> None:
        """All are in the picture and in the table, which is searched and put in order."""
        self.assertGreaterEqual(await self.page.run(SMALLEST_TEXT), 10.9)
        dots = await self.page.run(
            """[...document.querySelectorAll('#picture .peer')].map((peer) => {
            const box = peer.querySelector('.dot').getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2, box.width]; })"""
        )
        self.assertEqual(len(dots), 200)
        closest = min(
            (x - u) ** 2 + (y - v) ** 2
            for index, (x, y, _) in enumerate(dots)
            for u, v, _ in dots[:index]
        )
        self.assertGreater(closest**0.5, max(width for _, _, width in dots), "dots overlap")
        await self.type("#search", "node17")
        await self.page.until("document.querySelectorAll('#rows tr').length === 11")
        await self.type("#search", self.peer("node42").nodeID[:12])
        await self.page.until("document.querySelectorAll('#rows tr').length === 1")
        await self.type("#search", "no such node")
        await self.page.until("!document.getElementById('nobody').hidden")
        await self.page.run("document.getElementById('search').value = ''")
        await self.type("#search", " ")
        await self.page.until("document.querySelectorAll('#rows tr').length === 200")
        names = "[...document.querySelectorAll('#rows tr')].map((row) => row.cells[0].textContent)"
        self.assertEqual((await self.page.run(names))[:2], ["node1", "node2"])
        await self.click("#columns th button")
        self.assertEqual((await self.page.run(names))[:2], ["node200", "node199"])
        order = await self.page.run("document.querySelector('#columns th').ariaSort")
        self.assertEqual(order, "descending")
        self.network.cut(self.node, self.peer("node42"))
        await self.page.until("document.querySelectorAll('#picture .dot.gone').length === 1", 10)
        self.assertNoErrors()

    async def test_topicsOfMany(self) -> None:
        """The names of topics stand before the peers, none before another, also on a phone."""
        for index in range(1, 61):
            self.peer(f"node{index}").subscribe(f"topic {index % 12}", lambda _: None)
        for width, height in ((1280, 900), (390, 844)):
            await self.page.resize(width, height)
            await self.click("#showTopics")
            await self.page.until("document.querySelectorAll('.topicHub').length > 4")
            covered = await self.page.run(
                """[...document.querySelectorAll('.topicHub')].filter((hub) => {
                hub.scrollIntoView({block: 'center'});
                const {left, right, top, bottom} = hub.getBoundingClientRect();
                const y = (top + bottom) / 2;
                return ![left + 4, (left + right) / 2, right - 4].every((x) =>
                    document.elementFromPoint(x, y)?.closest('.topicHub') === hub);
                }).map((hub) => hub.dataset.topic)"""
            )
            self.assertEqual(covered, [])
        self.assertNoErrors()
