"""The dashboard and the alert rules that come with the metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.admin.test_metrics import MetricsTestCase
from tests.temporary import temporaryFolder

FOLDER = Path(__file__).parent.parent.parent / "docs" / "monitoring"
METRIC = re.compile(r"\b(?:fiscop2p|process)_[a-z0-9_]+")


def expressions() -> Iterator[str]:
    """Every query of the dashboard."""
    for panel in json.loads((FOLDER / "grafana.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


class NamesTests(MetricsTestCase):
    """What they name."""

    def setUp(self) -> None:
        super().setUp()
        self.network.addNode([self.node.listenAddress])
        self.network.advance(3)
        self.series = {name.partition("{")[0] for name in self.scrape()}
        # The nodes of this test have no certificates.
        self.series.add("fiscop2p_certificate_expiry_timestamp_seconds")

    def test_dashboard(self) -> None:
        """Every metric of the dashboard exists."""
        queries = list(expressions())
        self.assertGreater(len(queries), 20)
        for query in queries:
            self.assertEqual(set(METRIC.findall(query)) - self.series, set(), query)

    def test_alerts(self) -> None:
        """So does every one of the alert rules, and every reason that they name."""
        text = (FOLDER / "alerts.yml").read_text()
        queries = re.findall("expr: (.*)", text)
        self.assertEqual(len(queries), text.count("alert: "))
        for query in queries:
            self.assertEqual(set(METRIC.findall(query)) - self.series, set(), query)
        seen = {name for name in self.scrape() if "links_closed" in name or "handshakes" in name}
        labels = {name.partition("=")[2].rstrip("}") for name in seen}
        for _, values in re.findall(r'(reason|outcome)=~?"([^"]*)"', text):
            for value in values.split("|"):
                self.assertTrue(any(re.fullmatch(value, label) for label in labels), value)

    def test_everyMetricIsShown(self) -> None:
        """And the dashboard leaves nothing out."""
        shown = {
            re.sub("_(bucket|sum|count)$", "", name)
            for query in expressions()
            for name in METRIC.findall(query)
        }
        ours = {
            re.sub("_(bucket|sum|count)$", "", name)
            for name in self.series
            if name.startswith("fiscop2p_")
        }
        self.assertEqual(ours - shown, {"fiscop2p_node_info"})


class PromtoolTests(MetricsTestCase):
    """What Prometheus itself says of them."""

    def promtool(self, *arguments: str | Path) -> None:
        promtool = shutil.which("promtool")
        if promtool is None:
            raise SkipTest("promtool is not installed: apt-get install prometheus")
        checked = subprocess.run([promtool, *arguments], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_rules(self) -> None:
        """The rules are well formed."""
        self.promtool("check", "rules", FOLDER / "alerts.yml")

    def test_alertsFire(self) -> None:
        """They fire when they should, and not otherwise."""
        self.promtool("test", "rules", FOLDER / "alerts_test.yml")

    def test_allAreTried(self) -> None:
        """Every alert is made to fire."""
        alerts = re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text())
        fired = re.findall(
            r"alertname: (\w+), exp_alerts: \[\{", (FOLDER / "alerts_test.yml").read_text()
        )
        self.assertEqual(set(alerts) - set(fired), set())

    def test_queries(self) -> None:
        """So are the queries of the dashboard."""
        rules = [
            {"record": f"q{number}", "expr": query.replace("$__rate_interval", "5m")}
            for number, query in enumerate(expressions())
        ]
        file = temporaryFolder(self) / "rules.yml"
        file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
        self.promtool("check", "rules", file)
