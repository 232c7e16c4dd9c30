"""What Prometheus scrapes."""

from __future__ import annotations

import shutil
import subprocess

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SkipTest

from fiscop2p.admin import routes
from fiscop2p.reasons import CloseReason
from tests.admin.asking import AdminTestCase


class MetricsTestCase(AdminTestCase):
    def scrape(self) -> dict[str, float]:
        """Ask for the metrics: the value of each series, by name and labels."""
        response = self.ask("/metrics")
        self.assertEqual(response.code, 200)
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain"))
        found = {}
        for family in text_string_to_metric_families(response.body.decode()):
            for sample in family.samples:
                labels = ",".join(
                    f"{name}={value}" for name, value in sorted(sample.labels.items())
                )
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found


class ScrapeTests(MetricsTestCase):
    """A node among three."""

    def test_gauges(self) -> None:
        """What is so now."""
        self.peers[0].subscribe("orders", lambda _: None)
        self.network.advance(1)
        found = self.scrape()
        self.assertEqual((found["fiscop2p_ready"], found["fiscop2p_peers"]), (1, 2))
        self.assertEqual(found["fiscop2p_topics"], 1)
        proven = sum(
            found[f"fiscop2p_sessions{{direction={way},state=proven}}"]
            for way in ("inbound", "outbound")
        )
        self.assertEqual(proven, 2)
        self.assertEqual(found["fiscop2p_address_connected{address=10.0.0.1:30300}"], 1)
        self.assertNotIn("fiscop2p_address_connected{address=10.0.0.0:30300}", found)
        self.assertEqual(found["fiscop2p_addresses{state=ourselves}"], 1)

    def test_anyAcceptHeader(self) -> None:
        """A header that asks for what there is not is no fault of ours: there is text."""
        for accept in (
            "application/openmetrics-text; version=abc; charset=utf-8",
            "text/plain;version=1.0.0.0;escaping=?",
            "text/plain; version=zz",
            "application/openmetrics-text;version=",
            "what",
            "",
        ):
            response = self.ask("/metrics", Accept=accept)
            self.assertEqual(response.code, 200, accept)
            self.assertIn(b"fiscop2p_ready 1.0", response.body)

    def test_agreesWithTheAPI(self) -> None:
        """It says the same as /api/counters."""
        self.network.cut(self.node, self.peers[0])
        self.network.advance(3)
        found, counters = self.scrape(), self.get("/api/counters")
        for way in ("received", "sent"):
            for unit in ("bytes", "frames"):
                self.assertEqual(found[f"fiscop2p_{way}_{unit}_total"], counters[way][unit])
        for reason in CloseReason:
            name = reason.name.lower()
            self.assertEqual(
                found[f"fiscop2p_links_closed_total{{reason={name}}}"],
                counters["links"]["closed"].get(name, 0),
            )
        self.assertEqual(found["fiscop2p_dial_attempts_total"], counters["dials"]["attempts"])
        self.assertEqual(found["fiscop2p_address_connected{address=10.0.0.1:30300}"], 0)
        self.assertEqual(found["fiscop2p_links_closed_total{reason=lost}"], 1)

    def test_silent(self) -> None:
        """Links of which nothing is heard."""
        self.network.lose(self.node, self.peers[0])
        self.network.advance(9)
        self.assertEqual(self.scrape()["fiscop2p_sessions_silent"], 1)

    def test_latencies(self) -> None:
        """How long answers took: of requests one after the other each is counted."""
        protocolID = self.node.protocolID(1, 1000)
        self.peers[0].handle(protocolID, lambda _: b"yes")
        before = self.scrape()["fiscop2p_request_duration_seconds_count"]
        self.network.delay(self.node, self.peers[0], 0.03)
        for _ in range(5):
            self.node.request(self.peers[0].nodeID, b"?", protocolID=protocolID)
            self.network.advance(0.1)
        found = self.scrape()
        name = "fiscop2p_request_duration_seconds"
        self.assertEqual(found[f"{name}_count"] - before, 5)
        self.assertEqual(found[f"{name}_bucket{{le=0.1}}"] - found[f"{name}_bucket{{le=0.05}}"], 5)
        self.assertAlmostEqual(found[f"{name}_sum"], 0.3, 3)
        self.assertEqual(found[f"{name}_bucket{{le=+Inf}}"], found[f"{name}_count"])

    def test_handshakes(self) -> None:
        """What came of them, and how long those took that succeeded."""
        self.network.delay(self.node, self.peers[0], 0.3)
        before = self.scrape()
        guest = self.network.addNode([self.node.listenAddress])
        self.network.delay(self.node, guest, 0.3)
        self.network.advance(3)
        after = self.scrape()
        for name in ("handshakes_total{outcome=accepted}", "links_opened_total{direction=inbound}"):
            self.assertEqual(after[f"fiscop2p_{name}"] - before[f"fiscop2p_{name}"], 1)
        bucket = "fiscop2p_handshake_duration_seconds_bucket{le=%s}"
        self.assertEqual(after[bucket % 0.5] - before[bucket % 0.5], 1)
        self.assertEqual(after[bucket % 0.25] - before[bucket % 0.25], 0)

    def test_modules(self) -> None:
        """By module, all that has gone over any link."""
        self.network.addNode([self.node.listenAddress])
        self.network.advance(3)
        self.assertGreater(self.scrape()["fiscop2p_module_sent_frames_total{module=topic}"], 0)

    def test_conventions(self) -> None:
        """promtool finds no fault with names, units and help."""
        promtool = shutil.which("promtool")
        if promtool is None:
            raise SkipTest("promtool is not installed: apt-get install prometheus")
        body = self.ask("/metrics").body
        checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_openMetrics(self) -> None:
        """Who asks for OpenMetrics gets that."""
        response = self.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        self.assertIn("application/openmetrics-text", response.headers["Content-Type"])
        self.assertTrue(response.body.endswith(b"# EOF\n"))


class MissingTests(AdminTestCase):
    """Where prometheus_client is not installed."""

    def setUp(self) -> None:
        self.patch(routes, "Metrics", None)
        super().setUp()

    def test_said(self) -> None:
        """It is said how to install it; everything else goes on."""
        self.assertIn("pip install 'fiscop2p[admin]'", self.get("/metrics", 501)["error"])
        self.get("/api/node")
