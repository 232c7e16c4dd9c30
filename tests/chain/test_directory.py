"""
Tests for L{fiscop2p.chain.directory}.
"""

from __future__ import annotations

import configparser
import os
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain import addAgency, addNodes, buildChain
from fiscop2p.chain import directory as writing
from fiscop2p.chain.authority import PRIME256V1, Authority
from fiscop2p.chain.plan import ChainPlan, Ports
from fiscop2p.errors import ChainError
from fiscop2p.identity import loadCredentials

ANYWHERE = "0.0.0.0"  # noqa: S104 - what is configured, not bound


def tree(directory: Path) -> dict[str, bytes | None]:
    """Everything in a directory: the content of each file, L{None} for a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def readConfig(home: Path) -> configparser.ConfigParser:
    """Read a node's C{config.ini}."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((home / "config.ini").read_text())
    return parser


def peersIn(home: Path) -> list[str]:
    """The C{node.N} lines of a node's C{config.ini}, which must be numbered from 0."""
    entries = [(key, value) for key, value in readConfig(home)["p2p"].items() if "node." in key]
    assert [key for key, _ in entries] == [f"node.{number}" for number in range(len(entries))]
    return [value for _, value in entries]


class ChainTestCase(SynchronousTestCase):
    """A directory to make chains in, which is gone afterwards."""

    def setUp(self) -> None:
        self.parent = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.nodes = self.parent / "nodes"
        self.addCleanup(os.umask, os.umask(0o022))

    def assertLeftAlone(self, reason: str, function: object, *args: object, **kw: object) -> None:
        """Check that a call fails for this reason, and that not a file comes, goes or changes."""
        before = tree(self.parent)
        error = self.assertRaises(ChainError, function, *args, **kw)
        self.assertIn(reason, str(error))
        self.assertNotIn("\n", str(error))
        self.assertEqual(tree(self.parent), before)


class BuildTests(ChainTestCase):
    """Making a chain."""

    def test_layout(self) -> None:
        """The files are where FISCO BCOS has them."""
        buildChain(ChainPlan.parse("127.0.0.1:1,10.0.0.2:2"), self.nodes, agency="bank")
        homes = ["127.0.0.1/node0", "10.0.0.2/node0", "10.0.0.2/node1"]
        files = [
            *("cert/ca.crt", "cert/ca.key"),
            *(f"cert/bank/{name}" for name in ("agency.crt", "agency.key", "ca.crt")),
            *(f"{ip}/{do}_all.sh" for ip in ("127.0.0.1", "10.0.0.2") for do in ("start", "stop")),
            *(f"{home}/{name}" for home in homes for name in ("config.ini", "start.sh", "stop.sh")),
            *(
                f"{home}/conf/{name}"
                for home in homes
                for name in ("ca.crt", "node.crt", "node.key", "node.nodeid")
            ),
        ]
        made = tree(self.nodes)
        self.assertEqual({name for name in made if made[name] is not None}, set(files))
        self.assertEqual([entry.name for entry in self.parent.iterdir()], ["nodes"])

    def test_modes(self) -> None:
        """Keys are their owner's alone, scripts can be run, directories can be entered."""
        os.umask(0)
        buildChain(ChainPlan.parse("127.0.0.1:1"), self.nodes)
        for path in self.nodes.rglob("*"):
            mode = path.stat().st_mode & 0o777
            expected = {".key": 0o600, ".sh": 0o777}.get(path.suffix, 0o666)
            self.assertEqual(mode, 0o777 if path.is_dir() else expected, path)

    def test_modesUnderTheUsualUmask(self) -> None:
        """With the usual umask only the owner writes."""
        buildChain(ChainPlan.parse("127.0.0.1:1"), self.nodes)
        for name, mode in (("start.sh", 0o755), ("config.ini", 0o644), ("conf/node.key", 0o600)):
            path = self.nodes / "127.0.0.1" / "node0" / name
            self.assertEqual(path.stat().st_mode & 0o777, mode)
        self.assertEqual(self.nodes.stat().st_mode & 0o777, 0o755)

    def test_credentials(self) -> None:
        """What a node needs to prove who it is, is in its directory and fits together."""
        for made in buildChain(ChainPlan.parse("127.0.0.1:2"), self.nodes, agency="bank"):
            conf = made.directory / "conf"
            identity = loadCredentials(conf).identity
            self.assertEqual(identity, (made.nodeID, "bank", made.place.name))
            self.assertEqual((conf / "node.nodeid").read_text(), made.nodeID + "\n")
            self.assertEqual(
                len(x509.load_pem_x509_certificates((conf / "node.crt").read_bytes())), 3
            )
            self.assertEqual(
                (conf / "ca.crt").read_bytes(), (self.nodes / "cert/ca.crt").read_bytes()
            )
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
                conf / "node.crt", conf / "node.key"
            )

    def test_config(self) -> None:
        """Each C{config.ini} has its own ports, and the addresses of all nodes, its own too."""
        buildChain(ChainPlan.parse("127.0.0.1:2,10.0.0.2:1", "3000,4000,5000"), self.nodes)
        addresses = ["127.0.0.1:3000", "127.0.0.1:3001", "10.0.0.2:3000"]
        for home, number in (("127.0.0.1/node0", 0), ("127.0.0.1/node1", 1), ("10.0.0.2/node0", 0)):
            config = readConfig(self.nodes / home)
            self.assertEqual(peersIn(self.nodes / home), addresses)
            self.assertEqual(config["p2p"]["listen_ip"], ANYWHERE)
            self.assertEqual(config["p2p"]["listen_port"], str(3000 + number))
            self.assertEqual(config["rpc"]["channel_listen_ip"], ANYWHERE)
            self.assertEqual(config["rpc"]["channel_listen_port"], str(4000 + number))
            self.assertEqual(config["rpc"]["jsonrpc_listen_ip"], "127.0.0.1")
            self.assertEqual(config["rpc"]["jsonrpc_listen_port"], str(5000 + number))

    def test_ipv6(self) -> None:
        """Nodes at IPv6 addresses listen on C{::}, the others when it is asked for."""
        buildChain(ChainPlan.parse("127.0.0.1:1,[::1]:1"), self.nodes)
        self.assertEqual(peersIn(self.nodes / "::1/node0"), ["127.0.0.1:30300", "[::1]:30300"])
        found = [
            readConfig(self.nodes / ip / "node0")["p2p"]["listen_ip"] for ip in ("127.0.0.1", "::1")
        ]
        self.assertEqual(found, [ANYWHERE, "::"])
        buildChain(ChainPlan.parse("127.0.0.1:1"), self.parent / "other", ipv6=True)
        config = readConfig(self.parent / "other/127.0.0.1/node0")
        self.assertEqual(config["p2p"]["listen_ip"], "::")
        self.assertEqual(config["rpc"]["channel_listen_ip"], "::")
        self.assertEqual(config["rpc"]["jsonrpc_listen_ip"], "127.0.0.1")

    def test_curveAndDays(self) -> None:
        """The curve and the validity are as asked."""
        (made,) = buildChain(ChainPlan.parse("127.0.0.1:1"), self.nodes, curve=PRIME256V1, days=7)
        self.assertEqual(loadCredentials(made.directory / "conf").curve, PRIME256V1)
        for certificate in x509.load_pem_x509_certificates(
            (made.directory / "conf/node.crt").read_bytes()
        ):
            lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
            self.assertLessEqual(lifetime.days, 8)

    def test_existingDirectory(self) -> None:
        """Nothing is overwritten: not a chain, not an empty directory, not a dangling link."""
        plan = ChainPlan.parse("127.0.0.1:1")
        self.nodes.mkdir()
        link = self.parent / "link"
        link.symlink_to("nowhere")
        for directory in (self.nodes, link):
            self.assertLeftAlone(
                f"{directory} exists and is left alone; choose another directory (-o)",
                buildChain,
                plan,
                directory,
            )

    def test_failureLeavesNothing(self) -> None:
        """When the disk fails in the middle of it, nothing is left."""
        write = writing._write

        def failing(path: Path, *rest: object) -> None:
            if path.name == "node.nodeid":
                raise OSError(28, "No space left on device", str(path))
            write(path, *rest)

        self.patch(writing, "_write", failing)
        self.assertLeftAlone(
            f"cannot write {self.parent}: No space left on device; nothing was made",
            buildChain,
            ChainPlan.parse("127.0.0.1:1"),
            self.nodes,
        )

    def test_missingParent(self) -> None:
        """The directory's parent must be there."""
        self.assertLeftAlone(
            f"{self.nodes} is not a directory; make it first",
            buildChain,
            ChainPlan.parse("127.0.0.1:1"),
            self.nodes / "deeper",
        )

    def test_badArguments(self) -> None:
        """What cannot be made is refused before anything is written."""
        plan = ChainPlan.parse("127.0.0.1:1")
        for arguments, reason in (
            ({"agency": "../bank"}, "agency name '../bank' cannot be used"),
            ({"agency": ""}, "agency name '' cannot be used"),
            ({"agency": ".."}, "agency name '..' cannot be used"),
            ({"agency": "ca.crt"}, "agency name 'ca.crt' cannot be used"),
            ({"agency": "a" * 65}, "take up to 64 letters"),
            ({"days": 0}, "give 1 or more"),
            ({"curve": "sm2"}, "curve 'sm2' is not known"),
        ):
            self.assertLeftAlone(reason, buildChain, plan, self.nodes, **arguments)


class AddNodesTests(ChainTestCase):
    """Adding nodes to a chain."""

    def setUp(self) -> None:
        super().setUp()
        self.old = buildChain(ChainPlan.parse("127.0.0.1:2"), self.nodes)
        self.before = tree(self.nodes)

    def assertOldFilesUntouched(self) -> None:
        """Check that what was there before is still there, as it was."""
        after = tree(self.nodes)
        self.assertEqual({name: after[name] for name in self.before}, self.before)

    def test_sameIP(self) -> None:
        """Numbers and ports continue; the new nodes know all nodes, the old files are as before."""
        made = addNodes(self.nodes, {"127.0.0.1": 2})
        self.assertEqual([node.place.name for node in made], ["node2", "node3"])
        self.assertEqual(made[1].place.ports, Ports(30303, 20203, 8548))
        self.assertEqual(made[1].directory, self.nodes / "127.0.0.1" / "node3")
        self.assertOldFilesUntouched()
        for node in made:
            self.assertEqual(
                peersIn(node.directory), [f"127.0.0.1:{port}" for port in range(30300, 30304)]
            )
            self.assertEqual(loadCredentials(node.directory / "conf").identity.nodeID, node.nodeID)
            self.assertEqual(set(tree(node.directory)), set(tree(self.old[0].directory)))
        self.assertEqual(
            sorted(entry.name for entry in self.nodes.iterdir()), ["127.0.0.1", "cert"]
        )

    def test_sameChain(self) -> None:
        """Old and new nodes have one root."""
        (made,) = addNodes(self.nodes, {"127.0.0.1": 1})
        roots = {(node.directory / "conf/ca.crt").read_bytes() for node in (made, *self.old)}
        self.assertEqual(len(roots), 1)

    def test_newIP(self) -> None:
        """A new IP gets a directory with all scripts."""
        (made,) = addNodes(self.nodes, {"::1": 1})
        self.assertEqual(made.place.address, "[::1]:30300")
        self.assertEqual(
            peersIn(made.directory), ["127.0.0.1:30300", "127.0.0.1:30301", "[::1]:30300"]
        )
        self.assertEqual(
            {entry.name for entry in (self.nodes / "::1").iterdir()},
            {"node0", "start_all.sh", "stop_all.sh"},
        )
        self.assertOldFilesUntouched()

    def test_again(self) -> None:
        """What was added is known the next time, in the order of numbers."""
        for _ in range(10):
            (made,) = addNodes(self.nodes, {"127.0.0.1": 1})
        self.assertEqual(made.place.name, "node11")
        self.assertEqual(
            peersIn(made.directory), [f"127.0.0.1:{port}" for port in range(30300, 30312)]
        )

    def test_movedNode(self) -> None:
        """Ports changed by hand are what the next node continues from."""
        config = self.old[0].directory / "config.ini"
        config.write_text(
            config.read_text().replace("    listen_port=30300", "\tlisten_port = 31000")
        )
        (made,) = addNodes(self.nodes, {"127.0.0.1": 1})
        self.assertEqual(made.place.ports, Ports(31001, 20202, 8547))
        self.assertIn("127.0.0.1:31000", peersIn(made.directory))

    def test_chosenPorts(self) -> None:
        """Ports can be given."""
        (made,) = addNodes(self.nodes, {"127.0.0.1": 1}, ports=Ports(4000, 5000, 6000))
        self.assertEqual(made.place.ports, Ports(4000, 5000, 6000))

    def test_peersElsewhere(self) -> None:
        """Nodes whose directory has gone to another machine stay known, and their places taken."""
        nodes = self.parent / "two"
        buildChain(ChainPlan.parse("127.0.0.1:1,10.0.0.2:1"), nodes)
        (nodes / "10.0.0.2").rename(self.parent / "elsewhere")
        self.assertLeftAlone(
            f"10.0.0.2:30300 is a node of the chain already, but not one in {nodes}",
            addNodes,
            nodes,
            {"10.0.0.2": 1},
        )
        (made,) = addNodes(nodes, {"127.0.0.1": 1})
        self.assertEqual(
            peersIn(made.directory), ["127.0.0.1:30300", "10.0.0.2:30300", "127.0.0.1:30301"]
        )

    def test_otherDirectories(self) -> None:
        """Only directories of nodes count: not an agency of that name, nor a copy."""
        addAgency(self.nodes, "node7")
        (self.nodes / "backup" / "node8").mkdir(parents=True)
        (self.nodes / "127.0.0.1" / "node0.old").mkdir()
        (made,) = addNodes(self.nodes, {"127.0.0.1": 1}, agency="node7")
        self.assertEqual(made.place.name, "node2")

    def test_noChain(self) -> None:
        """There must be a chain."""
        missing = self.parent / "missing"
        self.assertLeftAlone(
            f"cannot read {missing / 'cert/agency/agency.key'}: No such file or directory; "
            "is that a chain (-o)?",
            addNodes,
            missing,
            {"127.0.0.1": 1},
        )

    def test_noNode(self) -> None:
        """There must be a node to go on from."""
        (self.nodes / "127.0.0.1").rename(self.parent / "elsewhere")
        self.assertLeftAlone(f"{self.nodes} has no node", addNodes, self.nodes, {"127.0.0.1": 1})

    def test_noAgency(self) -> None:
        """There must be an agency of that name, which is a name."""
        for agency, reason in (
            ("bank", f"{self.nodes / 'cert/bank'} is missing; make the agency with: "),
            ("../cert/agency", "cannot be used"),
        ):
            self.assertLeftAlone(reason, addNodes, self.nodes, {"127.0.0.1": 1}, agency=agency)

    def test_foreignRoot(self) -> None:
        """An agency that is not of this chain is named."""
        root = self.nodes / "cert/agency/ca.crt"
        root.write_bytes(Authority.makeRoot().certificatePEM)
        self.assertLeftAlone(
            f"{root.parent}: the certificate of 'agency' is not issued by 'chain'",
            addNodes,
            self.nodes,
            {"127.0.0.1": 1},
        )

    def test_unreadableConfig(self) -> None:
        """A C{config.ini} that does not tell the ports and the peers is named, with the line."""
        config = self.old[1].directory / "config.ini"
        good = config.read_text()
        for text, reason in (
            ("rubbish", ":1: expected [section], "),
            ("[p2p]\nlisten_port=30300\n", ": [rpc] channel_listen_port: is missing"),
            ("[p2p]\nlisten_port=x\n", ":2: [p2p] listen_port: expected a number from 1 to 65535"),
            (good + "[more]\n=1", ": expected [section], key=value"),
            (good.replace("node.0=127.0.0.1", "node.0=::1"), ": [p2p] node.0: '::1:30300': write"),
            (
                good.replace("listen_port=30301", "listen_port=30301\nlisten_port=1"),
                ":10: [p2p] listen_port: is there already, in line 9",
            ),
        ):
            config.write_text(text)
            for part in (str(config), reason):
                self.assertLeftAlone(part, addNodes, self.nodes, {"127.0.0.1": 1})
        config.unlink()
        self.assertLeftAlone(f"{config}: no such file", addNodes, self.nodes, {"127.0.0.1": 1})

    def test_portsTaken(self) -> None:
        """The ports must be free."""
        self.assertLeftAlone(
            "would be 20201, which node1 has already",
            addNodes,
            self.nodes,
            {"127.0.0.1": 1},
            ports=Ports(20201, 5000, 6000),
        )

    def test_failureTakesAllBack(self) -> None:
        """When a node cannot be moved to its place, the ones before it are taken back."""
        rename = os.rename

        def failing(source: Path, goal: Path) -> None:
            if goal.name == "node3":
                raise OSError(39, "Directory not empty", str(source), None, str(goal))
            rename(source, goal)

        self.patch(writing.os, "rename", failing)
        self.assertLeftAlone(
            f"cannot write {self.nodes / '127.0.0.1/node3'}: Directory not empty; nothing was made",
            addNodes,
            self.nodes,
            {"10.0.0.2": 1, "127.0.0.1": 2},
        )


class AddAgencyTests(ChainTestCase):
    """Adding an agency to a chain."""

    def setUp(self) -> None:
        super().setUp()
        buildChain(ChainPlan.parse("127.0.0.1:1"), self.nodes)

    def test_issuesNodes(self) -> None:
        """The new agency issues nodes of the same chain."""
        self.assertEqual(addAgency(self.nodes, "bank", days=7), self.nodes / "cert/bank")
        (made,) = addNodes(self.nodes, {"127.0.0.1": 1}, agency="bank")
        credentials = loadCredentials(made.directory / "conf")
        self.assertEqual(credentials.identity.agency, "bank")
        self.assertEqual(
            (made.directory / "conf/ca.crt").read_bytes(), (self.nodes / "cert/ca.crt").read_bytes()
        )

    def test_files(self) -> None:
        """It looks like the first one, and its key is its owner's alone."""
        made = addAgency(self.nodes, "bank")
        self.assertEqual(set(tree(made)), {"agency.crt", "agency.key", "ca.crt"})
        self.assertEqual((made / "agency.key").stat().st_mode & 0o777, 0o600)
        self.assertEqual(
            sorted(entry.name for entry in (self.nodes / "cert").iterdir()),
            ["agency", "bank", "ca.crt", "ca.key"],
        )

    def test_exists(self) -> None:
        """An agency is not overwritten."""
        self.assertLeftAlone(
            f"{self.nodes / 'cert/agency'} exists; choose another name (-a)",
            addAgency,
            self.nodes,
            "agency",
        )

    def test_badName(self) -> None:
        """A name that is no name of a directory is refused."""
        self.assertLeftAlone("agency name '../x' cannot be used", addAgency, self.nodes, "../x")

    def test_noRootKey(self) -> None:
        """Without the CA's key there is no new agency."""
        key = self.nodes / "cert/ca.key"
        key.unlink()
        self.assertLeftAlone(f"cannot read {key}: No such file", addAgency, self.nodes, "bank")
