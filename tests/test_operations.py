"""What docs/operations.md says is what there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.cli import FiscoP2POptions
from fiscop2p.cli.failures import STATUSES
from fiscop2p.config import loadConfig
from tests.cli.nodes import environment
from tests.temporary import temporaryFolder

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "operations.md").read_text()


class OperationsTests(SynchronousTestCase):
    """The operators' page."""

    def test_namesThatExist(self) -> None:
        """Every file of ours that it names is there."""
        named = re.findall(r"\b((?:deploy|docs)/[\w./@-]*[\w/])", TEXT)
        self.assertGreater(len(named), 8)
        for name in named:
            self.assertTrue((ROOT / name).exists(), name)

    def test_alerts(self) -> None:
        """Every alert is explained, and no other."""
        alerts = re.findall(r"- alert: (\w+)", (ROOT / "docs/monitoring/alerts.yml").read_text())
        self.assertEqual(re.findall(r"^\| `(Fiscop2p\w+)` \|", TEXT, re.MULTILINE), alerts)

    def test_statuses(self) -> None:
        """Every exit status of the commands is there, in the words of their help."""
        rows = dict(re.findall(r"^\| (\d+) \| ([^;|]*?)[ ;|]*(?:;.*)?\|$", TEXT, re.MULTILINE))
        self.assertEqual(
            {int(status): words for status, words in rows.items()},
            STATUSES,
        )

    def test_commands(self) -> None:
        """Every command is there, and no other."""
        known = {name for name, *_ in FiscoP2POptions.subCommands}
        table = TEXT[TEXT.index("## Look") : TEXT.index("They find the node by")]
        named = re.findall(r"`(?:fiscop2p )?([a-z-]+)(?: [A-Z][A-Z ]*| bash)?`", table)
        self.assertLessEqual(known, set(named))
        self.assertLessEqual(set(re.findall(r"`fiscop2p ([a-z-]+)", TEXT)), known)

    def test_scraping(self) -> None:
        """What it says of Prometheus's file is what Prometheus reads."""
        promtool = shutil.which("promtool")
        if promtool is None:
            raise SkipTest("promtool is not installed: apt-get install prometheus")
        (config,) = re.findall(r"```yaml\n(rule_files:.*?)```", TEXT, re.DOTALL)
        folder = temporaryFolder(self)
        shutil.copy(ROOT / "docs/monitoring/alerts.yml", folder)
        (folder / "prometheus.yml").write_text(config)
        done = subprocess.run(
            [promtool, "check", "config", folder / "prometheus.yml"], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (job,) = re.findall(r"job_name: (\w+)", config)
        self.assertRegex(job, "^fiscop2p")

    def test_renewal(self) -> None:
        """The commands that renew a certificate do, as they stand there."""
        if shutil.which("openssl") is None:
            raise SkipTest("openssl is not installed; it comes with Debian's package openssl")
        (script,) = re.findall(r"<!-- run: renew -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
        folder = temporaryFolder(self)
        (node,) = buildChain(ChainPlan.parse("127.0.0.1:1"), folder / "nodes", days=20)
        program = folder / "bin" / "fiscop2p"
        program.parent.mkdir()
        run = "import sys; from fiscop2p.cli import main; sys.exit(main())"
        program.write_text(
            f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(run)} "$@"\n'
        )
        program.chmod(0o755)
        path = f"{program.parent}:{environment()['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=environment(PATH=path),
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        credentials = loadConfig(node.directory / "config.ini").credentials
        self.assertEqual(credentials.identity.nodeID, node.nodeID)
        self.assertEqual(credentials.identity.name, "node0")
        name, end = credentials.expiries[0]
        self.assertEqual(name, "node0")
        self.assertGreater(end, datetime.now(UTC) + timedelta(days=3000))
