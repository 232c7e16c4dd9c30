"""
Tests for L{fiscop2p.config.node}.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.config import node
from fiscop2p.access import AccessLists
from fiscop2p.chain import buildChain
from fiscop2p.chain.authority import Authority
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.chain.texts import configText
from fiscop2p.config import LOG_LEVELS, NodeConfig, checkConfig, loadConfig, nodeFromConfig
from fiscop2p.errors import ConfigError, CredentialsError, SetupError
from fiscop2p.identity import loadCredentials
from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.wire.dialect import RC1, RC2

ALICE, BOB = "a1" * 64, "b2" * 64
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is configured, not bound
KEYS = [
    *("listen_ip", "listen_port", "node.1", "enable_compress", "key", "cert", "data_path"),
    *("level", "log_path", "enable", "crl.1", "cal.1", "supported_version", "sm_crypto"),
]
NODE_ID = "expected a node ID, 128 hexadecimal digits and not all 0, found"


class ConfigTestCase(SynchronousTestCase):
    """
    A directory with the credentials of a node in C{conf/}, and its C{config.ini}.

    @ivar file: the C{config.ini}, not there yet.
    """

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = Path(directory.name)
        self.file = self.home / "config.ini"
        self.conf = self.home / "conf"
        self.conf.mkdir()
        node = Authority.makeRoot().issueAgency("bank").issueNode("node0")
        for name, pem in (
            ("node.key", node.keyPEM),
            ("node.crt", node.certificatePEM),
            ("ca.crt", node.caPEM),
        ):
            (self.conf / name).write_bytes(pem)
        self.nodeID = node.nodeID

    def load(self, *lines: str) -> NodeConfig:
        """Load a file of these lines, which must be good."""
        self.file.write_text("\n".join(lines))
        self.assertEqual(checkConfig(self.file), [])
        return loadConfig(self.file)

    def assertWrong(self, fault: str, *lines: str) -> None:
        """
        Check that a file of these lines has one mistake.

        @param fault: what is said, from the colon on that stands before the line number.
        """
        self.file.write_text("\n".join(lines))
        error = self.assertRaises(ConfigError, loadConfig, self.file)
        self.assertEqual(str(error), f"{self.file}{fault}")
        self.assertEqual([str(error)], [str(each) for each in checkConfig(self.file)])


class WholeTests(ConfigTestCase):
    """Whole files."""

    def test_defaults(self) -> None:
        """Nothing need be written."""
        loaded = self.load("")
        self.assertEqual(
            loaded,
            NodeConfig(
                settings=Settings(listen=Address(ANYWHERE, 30300), dialect=RC1),
                access=AccessLists(),
                credentials=loadCredentials(self.conf),
                logLevel="info",
                logPath=self.home / "log",
                logEnabled=True,
                unused=(),
                unknown=(),
            ),
        )
        self.assertTrue(loaded.settings.compress)

    def test_ours(self) -> None:
        """What our chain maker writes is good, and nothing in it is unknown."""
        text = configText("::", 4000, 5000, 6000, ["127.0.0.1:4000", "[::1]:4001"])
        loaded = self.load(text)
        self.assertEqual(
            loaded.settings,
            Settings(
                listen=Address("::", 4000),
                peers=(Address("127.0.0.1", 4000), Address("::1", 4001)),
                dialect=RC2,
                compress=True,
            ),
        )
        self.assertEqual(loaded.access, AccessLists())
        self.assertEqual(loaded.unknown, ())
        self.assertEqual(
            loaded.unused[:5],
            (
                "rpc.channel_listen_ip",
                "rpc.channel_listen_port",
                "rpc.jsonrpc_listen_ip",
                "rpc.jsonrpc_listen_port",
                "rpc.disable_dynamic_group",
            ),
        )
        self.assertIn("chain.id", loaded.unused)
        self.assertNotIn("chain.sm_crypto", loaded.unused)

    def test_chain(self) -> None:
        """Every node of a chain that we make can be loaded."""
        for made in buildChain(ChainPlan.parse("127.0.0.1:2"), self.home / "nodes"):
            loaded = loadConfig(str(made.directory / "config.ini"))
            self.assertEqual(loaded.credentials.identity.nodeID, made.nodeID)
            self.assertEqual(loaded.settings.listen.port, made.place.ports.p2p)
            self.assertEqual([peer.port for peer in loaded.settings.peers], [30300, 30301])

    def test_commentedLinesOfOurs(self) -> None:
        """The lines that our chain maker leaves commented out are good without their C{;}."""
        text = configText("::", 4000, 5000, 6000, [])
        for line, value in (
            ("crl.0=", ALICE),
            ("cal.0=", BOB),
            ("limit_req=1000", ""),
            ("outgoing_bandwidth_limit=2", ""),
        ):
            self.assertIn(f"    ;{line}", text)
            text = text.replace(f";{line}", line + value)
        loaded = self.load(text)
        self.assertEqual(loaded.access, AccessLists(frozenset([ALICE]), frozenset([BOB])))
        self.assertEqual(
            loaded.unused[-2:],
            tuple(f"flow_control.{key}" for key in ("limit_req", "outgoing_bandwidth_limit")),
        )

    def test_withoutEffect(self) -> None:
        """Keys for other parts of a node and unknown ones are told apart; both do no harm."""
        loaded = self.load(
            "[p2p]",
            "peers_param_limit=10",
            "listen_prot=30301",
            "nodes.0=127.0.0.1:1",
            "[log]",
            "format=",
            "[secure]",
            "ca_path=",
            "[certificate_whitlist]",
            f"cal.0={ALICE}",
            "[p2P]",
            "[group]",
            "[flow_control]",
            "limit_req=x",
        )
        self.assertEqual(
            set(loaded.unused),
            {"p2p.peers_param_limit", "log.format", "secure.ca_path", "flow_control.limit_req"},
        )
        self.assertEqual(
            loaded.unknown,
            ("p2p.listen_prot", "p2p.nodes.0", "certificate_whitlist.cal.0", "p2P"),
        )

    def test_unreadable(self) -> None:
        """A file that cannot be read is named."""
        error = self.assertRaises(ConfigError, loadConfig, self.file)
        self.assertEqual(str(error), f"{self.file}: no such file")
        self.assertEqual([str(each) for each in checkConfig(self.file)], [str(error)])

    def test_syntax(self) -> None:
        """A line that is none is a mistake."""
        self.assertWrong(
            ":2: expected [section], key=value or ;comment, found 'listen_port 1'",
            "[p2p]",
            "listen_port 1",
        )

    def test_allMistakes(self) -> None:
        """All mistakes can be had at once, those of the credentials too; the first is raised."""
        (self.conf / "ca.crt").unlink()
        self.file.write_text(
            "[log]\nlevel=loud\n[p2p]\nnode.0=x\nrubbish\nlisten_port=0\n[crl]\ncrl.0=1\n"
        )
        errors = checkConfig(self.file)
        self.assertEqual(
            [str(error).removeprefix(str(self.file)).split(":")[1] for error in errors[:-1]],
            ["2", "4", "5", "6", "8"],
        )
        self.assertIsInstance(errors[-1], CredentialsError)
        error = self.assertRaises(ConfigError, loadConfig, self.file)
        self.assertEqual(str(error), str(errors[0]))

    @given(
        st.lists(
            st.one_of(
                st.sampled_from(configText("::", 1, 2, 3, ["[::1]:1", "a:2"]).splitlines()),
                st.sampled_from(["[crl]", "[cal]", "[secure]", "[p2p]", "[log]", "[chain]"]),
                st.builds(
                    "{}={}".format,
                    st.sampled_from(KEYS),
                    st.one_of(st.text(max_size=8), st.integers().map(str), st.just("9" * 5000)),
                ),
                st.text(max_size=20),
            )
        )
    )
    def test_anyText(self, lines: list[str]) -> None:
        """Any text is either good or has mistakes, each told in one line."""
        self.file.write_text("\n".join(lines), newline="")
        errors = checkConfig(self.file)
        for error in errors:
            self.assertIsInstance(error, SetupError)
            self.assertEqual(len(str(error).splitlines()), 1)
        if errors:
            raised = self.assertRaises(type(errors[0]), loadConfig, self.file)
            self.assertEqual(str(raised), str(errors[0]))
        else:
            self.assertIsInstance(loadConfig(self.file), NodeConfig)


class NetworkTests(ConfigTestCase):
    """C{[p2p]}, C{[compatibility]} and C{[chain]}."""

    def test_listen(self) -> None:
        """Where to listen."""
        loaded = self.load("[p2p]", "listen_ip=127.0.0.1", "listen_port=1")
        self.assertEqual(loaded.settings.listen, Address("127.0.0.1", 1))

    def test_badListen(self) -> None:
        """The port must be one, and the IP too."""
        self.assertWrong(
            ":2: [p2p] listen_port: expected a number from 1 to 65535, found 'x'",
            "[p2p]",
            "listen_port=x",
        )
        for text, found in (("localhost", "'localhost'"), ("[::]", "'[::]'"), ("", "nothing")):
            self.assertWrong(
                f":3: [p2p] listen_ip: expected an IP address, {ANYWHERE} or :: for all, "
                f"found {found}",
                "[p2p]",
                "listen_port=1",
                f"listen_ip={text}",
            )

    def test_peers(self) -> None:
        """Peers are all keys that begin with C{node.}; each address counts once."""
        loaded = self.load(
            "[p2p]",
            "node.1=127.0.0.1:30300",
            "node.0=node.example:1",
            "node.0a = [::1]:30300",
            "node.9=node.example:1",
        )
        self.assertEqual(
            loaded.settings.peers,
            (Address("127.0.0.1", 30300), Address("node.example", 1), Address("::1", 30300)),
        )

    def test_badPeers(self) -> None:
        """What is no address is a mistake."""
        for text, fault in (
            ("", "'' is not an address: expected host:port or [ipv6]:port"),
            ("127.0.0.1", "'127.0.0.1' is not an address: expected host:port or [ipv6]:port"),
            ("a:0", "'a:0': port '0' is not a number from 1 to 65535"),
            ("::1:1", "'::1:1': write an IPv6 address as [address]:port"),
            ("a:1 ; b", "'a:1 ; b': port '1 ; b' is not a number from 1 to 65535"),
        ):
            self.assertWrong(f":2: [p2p] node.7: {fault}", "[p2p]", f"node.7={text}")

    def test_compress(self) -> None:
        """Compression can be turned off."""
        for text, compress in (("false", False), ("0", False), ("true", True), ("1", True)):
            loaded = self.load("[p2p]", f"enable_compress={text}")
            self.assertIs(loaded.settings.compress, compress)
        self.assertWrong(
            ":2: [p2p] enable_compress: expected true or false, found 'False'",
            "[p2p]",
            "enable_compress=False",
        )

    def test_version(self) -> None:
        """The version of the chain decides the dialect; none means the very first."""
        for text, dialect in (
            ("2.0.0-rc1", RC1),
            ("2.0.0-rc2", RC2),
            ("2.0.0-rc3", RC2),
            ("2.0.0", RC2),
            ("2.11.1", RC2),
            ("2.255.255", RC2),
        ):
            loaded = self.load("[compatibility]", f"supported_version={text}")
            self.assertIs(loaded.settings.dialect, dialect)
        self.assertIs(self.load("[compatibility]").settings.dialect, RC1)

    def test_badVersion(self) -> None:
        """Versions that are none, or not 2.x, are mistakes."""
        for text in (
            *("", "1.3.0", "3.0.0", "2.0", "2.0.0.0", "2.0.256", "2.256.0", "2.0.0-rc4"),
            *("2.0.0-RC1", "v2.0.0", "2.0.٣", "2.0.-1", "12.0.0"),
        ):
            self.assertWrong(
                ":2: [compatibility] supported_version: expected 2.0.0-rc1, 2.0.0-rc2, 2.0.0-rc3 "
                f"or a release, 2.0.0 to 2.255.255, found {repr(text) if text else 'nothing'}",
                "[compatibility]",
                f"supported_version={text}",
            )

    def test_sm(self) -> None:
        """Networks of SM algorithms are refused in words; SM channels are none of our business."""
        for text in ("true", "1"):
            self.assertWrong(
                ":2: [chain] sm_crypto: true, but networks of the Chinese SM algorithms use "
                "another TLS, which is not supported here",
                "[chain]",
                f"sm_crypto={text}",
            )
        self.assertWrong(
            ":2: [chain] sm_crypto: expected true or false, found 'maybe'",
            "[chain]",
            "sm_crypto=maybe",
        )
        self.load("[chain]", "sm_crypto=false", "sm_crypto_channel=true")


class AccessTests(ConfigTestCase):
    """The black list and the white list."""

    def test_lists(self) -> None:
        """Both lists, by new and old names, in any case of letters."""
        for black, white in (
            ("certificate_blacklist", "certificate_whitelist"),
            ("crl", "cal"),
            ("crl", "certificate_whitelist"),
        ):
            loaded = self.load(
                f"[{black}]",
                f"crl.0={ALICE}",
                f"crl.7={BOB.upper()}",
                f"crl.8={BOB}",
                f"[{white}]",
                f"cal.0=0x{ALICE.upper()}",
                f"cal.x={BOB}",
            )
            both = frozenset([ALICE, BOB])
            self.assertEqual(loaded.access, AccessLists(both, both))
            self.assertEqual(loaded.unknown, ())

    def test_empty(self) -> None:
        """A white list without entries is none."""
        loaded = self.load(
            "[certificate_blacklist]", ";crl.0=", "[certificate_whitelist]", "    ;cal.0="
        )
        self.assertEqual(loaded.access, AccessLists())
        self.assertIsNone(loaded.access.white)

    def test_badNodeIDs(self) -> None:
        """What is no node ID is a mistake, in either list."""
        for section, key in (("certificate_blacklist", "crl.0"), ("cal", "cal.0")):
            for text, found in (
                ("", "nothing (0 characters)"),
                ("abc", "'abc' (3 characters)"),
                ("0" * 128, f"'{'0' * 37}...' (128 characters)"),
                (ALICE + "1", f"'{ALICE[:37]}...' (129 characters)"),
                ("g" + ALICE[1:], f"'g{ALICE[1:37]}...' (128 characters)"),
                (f"{ALICE} ; she", f"'{ALICE[:37]}...' (134 characters)"),
                ("0x0x" + ALICE[4:], None),
            ):
                if found is None:
                    found = (
                        f"'0x0x{ALICE[4:37]}...' (128 characters)"
                        if key == "crl.0"
                        else f"'0x{ALICE[4:39]}...' (126 characters)"
                    )
                self.assertWrong(
                    f":2: [{section}] {key}: {NODE_ID} {found}", f"[{section}]", f"{key}={text}"
                )

    def test_prefixOfBlackList(self) -> None:
        """FISCO BCOS knows the 0x in the white list only."""
        self.assertWrong(
            f":2: [crl] crl.0: {NODE_ID} '0x{ALICE[:35]}...' (130 characters)",
            "[crl]",
            f"crl.0=0x{ALICE}",
        )

    def test_otherKeys(self) -> None:
        """A key that would not count would open the door."""
        for section, key, wanted in (
            ("certificate_whitelist", "crl.0", "cal.0, cal.1"),
            ("crl", "clr.0", "crl.0, crl.1"),
        ):
            self.assertWrong(
                f":2: [{section}] {key}: expected {wanted} and so on as its key",
                f"[{section}]",
                f"{key}={ALICE}",
            )

    def test_bothNames(self) -> None:
        """The old and the new name of a section in one file are a mistake, in either order."""
        for name, old in (
            ("certificate_blacklist", "crl"),
            ("certificate_whitelist", "cal"),
            ("network_security", "secure"),
            ("storage_security", "data_secure"),
        ):
            for lines, line, other in (((name, "log", old), 3, 1), ((old, name), 1, 2)):
                self.assertWrong(
                    f":{line}: [{old}] is the old name of [{name}], which is there too, "
                    f"in line {other}",
                    *(f"[{each}]" for each in lines),
                )


class FileTests(ConfigTestCase):
    """The files that are named: credentials and logs."""

    def test_directory(self) -> None:
        """Keys and certificates are in C{data_path}, with a slash at its end or without."""
        self.conf.rename(self.home / "secrets")
        for section in ("network_security", "secure"):
            for text in ("secrets/", "secrets", "./secrets/", f"{self.home}/secrets"):
                loaded = self.load(f"[{section}]", f"data_path={text}")
                self.assertEqual(loaded.credentials, loadCredentials(self.home / "secrets"))

    def test_names(self) -> None:
        """Their names may be others; absolute ones are taken as they are."""
        for old, new in (("node.key", "a.pem"), ("node.crt", "b.pem"), ("ca.crt", "c.pem")):
            (self.conf / old).rename(self.conf / new)
        loaded = self.load(
            "[network_security]", "key=a.pem", "cert=../conf/b.pem", f"ca_cert={self.conf}/c.pem"
        )
        self.assertEqual(loaded.credentials.identity.nodeID, self.nodeID)

    def test_missing(self) -> None:
        """A missing file is named."""
        self.file.write_text("[network_security]\nkey=other.key\n")
        error = self.assertRaises(CredentialsError, loadConfig, self.file)
        self.assertEqual(str(error), f"{self.conf / 'other.key'}: no such file")
        self.assertEqual([str(each) for each in checkConfig(self.file)], [str(error)])

    def test_empty(self) -> None:
        """A name must be there."""
        for section, key in (
            *(("network_security", key) for key in ("data_path", "key", "cert", "ca_cert")),
            ("log", "log_path"),
        ):
            self.assertWrong(
                f":2: [{section}] {key}: expected the name of a file or directory, found nothing",
                f"[{section}]",
                f"{key}=",
            )

    def test_workingDirectory(self) -> None:
        """Relative paths start at the file, wherever the process goes later."""
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(self.home.parent)
        self.load("")
        loaded = loadConfig(Path(self.home.name, "config.ini"))
        os.chdir("/")
        self.assertTrue(loaded.credentials.key.samefile(self.conf / "node.key"))
        self.assertTrue(loaded.logPath.parent.samefile(self.home))

    def test_storageSecurity(self) -> None:
        """Encrypted node keys are refused in words."""
        for section in ("storage_security", "data_secure"):
            self.assertWrong(
                f":2: [{section}] enable: true, but a node key that a key manager has encrypted is "
                "not supported here; give the node an unencrypted one, and false",
                f"[{section}]",
                "enable=true",
                "key_manager_ip=127.0.0.1",
            )
            loaded = self.load(f"[{section}]", "enable=false", "key_manager_ip=")
            self.assertEqual(loaded.unused, (f"{section}.key_manager_ip",))

    def test_log(self) -> None:
        """Level, place and whether."""
        for level in LOG_LEVELS:
            self.assertEqual(self.load("[log]", f"level={level}").logLevel, level)
        for text, place in (("./logs", "logs"), ("../x", "../x"), ("/var/log/x", "/var/log/x")):
            self.assertEqual(self.load("[log]", f"log_path={text}").logPath, self.home / place)
        self.assertFalse(self.load("[log]", "enable=false").logEnabled)

    def test_badLog(self) -> None:
        """Levels that nobody knows are mistakes."""
        self.assertWrong(
            ":2: [log] level: expected one of fatal, error, warning, info, debug, trace, "
            "found 'INFO'",
            "[log]",
            "level=INFO",
        )
        self.assertWrong(
            ":2: [log] enable: expected true or false, found 'on'", "[log]", "enable=on"
        )


class NodeTests(ConfigTestCase):
    """L{nodeFromConfig}."""

    def setUp(self) -> None:
        super().setUp()
        self.warnings: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, object]) -> None:
        """Take down what is logged as a warning."""
        if event["log_level"] is LogLevel.warn:
            self.warnings.append(formatEvent(event))

    def test_node(self) -> None:
        """The node is the one that is written."""
        reactor = MemoryReactorClock()
        self.file.write_text(f"[p2p]\nlisten_ip=127.0.0.1\nlisten_port=4000\n[crl]\ncrl.0={ALICE}")
        node = nodeFromConfig(self.file, reactor)
        self.assertIsInstance(node, P2PService)
        self.assertEqual(node.nodeID, self.nodeID)
        self.assertEqual(node.settings, loadConfig(self.file).settings)
        node.startService()
        self.addCleanup(node.stopService)
        self.assertEqual(reactor.tcpServers[0][0], 4000)
        self.assertEqual(self.warnings, [])

    def test_lists(self) -> None:
        """The node is given all that the file says."""
        given: list[object] = []
        self.patch(node, "makeNode", lambda *arguments: given.extend(arguments))
        self.file.write_text(f"[crl]\ncrl.0={ALICE}\n[p2p]\nnode.0=a:1\n")
        reactor = MemoryReactorClock()
        nodeFromConfig(self.file, reactor)
        loaded = loadConfig(self.file)
        self.assertEqual(given, [loaded.credentials, loaded.settings, loaded.access, reactor])

    def test_unknown(self) -> None:
        """What is not known is logged."""
        self.file.write_text("[p2p]\nlisten_prot=4000\nconnection_warning=false\n[pp]\n")
        nodeFromConfig(str(self.file), MemoryReactorClock())
        self.assertEqual(self.warnings, ["config.ini, not known: p2p.listen_prot, pp"])

    def test_wrong(self) -> None:
        """Mistakes are raised."""
        self.file.write_text("[p2p]\nlisten_port=0\n")
        self.assertRaises(ConfigError, nodeFromConfig, self.file, MemoryReactorClock())
        shutil.rmtree(self.conf)
        self.file.write_text("")
        self.assertRaises(CredentialsError, nodeFromConfig, self.file, MemoryReactorClock())
