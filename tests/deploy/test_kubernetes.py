"""The manifests for Kubernetes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.chain.authority import Authority
from fiscop2p.config import loadConfig
from fiscop2p.tap import Options
from fiscop2p.testing.network import writeCredentials
from tests.deploy.tools import DEPLOY, complaint, tool
from tests.temporary import temporaryFolder

try:
    import yaml
except ImportError:
    yaml = None

FILE = DEPLOY / "kubernetes" / "fiscop2p.yaml"
EXTRA = "fiscop2p[dev]"


class ManifestTests(SynchronousTestCase):
    """C{deploy/kubernetes/fiscop2p.yaml}."""

    def test_schema(self) -> None:
        """Every object is one of Kubernetes, without a field that it does not know."""
        for version in ("1.29", "1.33"):
            said = tool(
                *("kubernetes-validate", "--strict", "-k", version, str(FILE)), comesWith=EXTRA
            )
            self.assertEqual(said.count(" passed for resource "), 4)

    def test_mistakesAreFound(self) -> None:
        """That means something: a mistake would be found."""
        wrong = temporaryFolder(self) / "wrong.yaml"
        wrong.write_text(FILE.read_text().replace("readinessProbe", "redinessProbe"))
        arguments = ("--strict", "-k", "1.33", str(wrong))
        said = complaint("kubernetes-validate", *arguments, comesWith=EXTRA)
        self.assertIn("redinessProbe", said)


class ShapeTests(SynchronousTestCase):
    """What the schemas do not know: that the parts fit each other, and us."""

    def setUp(self) -> None:
        if yaml is None:
            raise SkipTest(f"PyYAML is not installed; it comes with {EXTRA}")
        objects = {each["kind"]: each for each in yaml.safe_load_all(FILE.read_text())}
        self.service = objects["Service"]
        self.config = objects["ConfigMap"]["data"]["config.ini"]
        self.set: dict[str, Any] = objects["StatefulSet"]["spec"]
        self.pod = self.set["template"]["spec"]
        (self.container,) = self.pod["containers"]
        self.name = objects["StatefulSet"]["metadata"]["name"]

    def volume(self, name: str) -> dict[str, Any]:
        (found,) = (each for each in self.pod["volumes"] if each["name"] == name)
        return found

    def test_pods(self) -> None:
        """Each pod has its key, each is dialled, and each is found before it is ready."""
        count = self.set["replicas"]
        pods = [f"{self.name}-{index}" for index in range(count)]
        items = self.volume("keys")["secret"]["items"]
        for pod in pods:
            files = {
                each["path"].partition("/")[2]
                for each in items
                if each["path"].startswith(f"{pod}/")
            }
            self.assertEqual(files, {"node.key", "node.crt", "ca.crt"})
        self.assertEqual(len(items), 3 * count)
        for index, pod in enumerate(pods):
            self.assertIn(f"node.{index}={pod}.{self.set['serviceName']}:30300\n", self.config)
        self.assertEqual(self.set["serviceName"], self.service["metadata"]["name"])
        self.assertEqual(self.service["spec"]["clusterIP"], "None")
        self.assertTrue(self.service["spec"]["publishNotReadyAddresses"])
        self.assertEqual(self.set["podManagementPolicy"], "Parallel")
        labels = self.set["template"]["metadata"]["labels"]
        for selector in (self.service["spec"]["selector"], self.set["selector"]["matchLabels"]):
            self.assertLessEqual(selector.items(), labels.items())

    def test_home(self) -> None:
        """What the first container makes is a home that a node starts by, as the other names it."""
        folder = temporaryFolder(self)
        self.makeKeys(folder / "keys")
        (folder / "config").mkdir()
        (folder / "config" / "config.ini").write_text(self.config)
        (init,) = self.pod["initContainers"]
        *shell, script = init["command"]
        mounts = {each["mountPath"]: each for each in init["volumeMounts"]}
        self.assertEqual(mounts["/keys"]["subPathExpr"], "$(POD_NAME)")
        for place in ("/keys", "/config", "/node"):
            self.assertIn(place, mounts)
            script = script.replace(f"{place}/", f"{folder}{place}/")
        subprocess.run([*shell, script], check=True)
        options = Options()
        options.parseOptions(self.container["args"])
        self.assertEqual(options["config"], "/node/config.ini")
        config = loadConfig(folder / "node" / "config.ini")
        self.assertEqual((config.unknown, config.unused), ((), ()))
        ports = {each["name"]: each["containerPort"] for each in self.container["ports"]}
        assert config.admin is not None and config.admin.address is not None
        self.assertEqual(config.settings.listen.port, ports["p2p"])
        self.assertEqual(config.admin.address.port, ports["admin"])
        self.assertEqual(len(config.settings.peers), self.set["replicas"])
        for port in self.service["spec"]["ports"]:
            self.assertEqual(ports[port["targetPort"]], port["port"])

    def makeKeys(self, folder: Path) -> None:
        issued = Authority.makeRoot().issueAgency("agency").issueNode("node0")
        writeCredentials(issued, folder)
        for file in folder.iterdir():
            file.chmod(0o440)

    def test_probes(self) -> None:
        """A node that waits for its peers is alive, but not ready."""
        for probe, path in (
            ("startupProbe", "/api/node"),
            ("livenessProbe", "/api/node"),
            ("readinessProbe", "/healthz"),
        ):
            self.assertEqual(self.container[probe]["httpGet"], {"path": path, "port": "admin"})

    def test_leastPrivilege(self) -> None:
        """Nothing runs as root, writes to its image, or may ask the cluster."""
        self.assertFalse(self.pod["automountServiceAccountToken"])
        self.assertTrue(self.pod["securityContext"]["runAsNonRoot"])
        for container in (*self.pod["initContainers"], *self.pod["containers"]):
            context = container["securityContext"]
            self.assertTrue(context["readOnlyRootFilesystem"])
            self.assertFalse(context["allowPrivilegeEscalation"])
            self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
