"""
Tests for L{fiscop2p.config.node}.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.chain import buildChain
from fiscop2p.chain.authority import Authority
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.chain.texts import configText
from fiscop2p.config import (
    LOG_LEVELS,
    AdminConfig,
    LogConfig,
    NodeConfig,
    checkConfig,
    credentialsFromConfig,
    loadConfig,
    node,
    nodeFromConfig,
)
from fiscop2p.errors import ConfigError, CredentialsError, SetupError
from fiscop2p.identity import loadCredentials
from fiscop2p.service import P2PService
from fiscop2p.settings import Address, Settings
from fiscop2p.wire.dialect import RC1, RC2

ALICE, BOB = "a1" * 64, "b2" * 64
MEBIBYTE = 1024 * 1024
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is configured, not bound
KEYS = [
    *("listen_ip", "listen_port", "node.1", "enable_compress", "key", "cert", "data_path"),
    *("level", "log_path", "enable", "crl.1", "cal.1", "supported_version", "sm_crypto"),
    *("jsonrpc_listen_port", "jsonrpc_listen_ip", "peers_param_limit", "connection_warning"),
    *("max_log_file_size", "stat_flush_interval", "enable_statistic", "outgoing_bandwidth_limit"),
    *("max_nodes_limit", "flush", "format", "id"),
]


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
        self.agency = Authority.makeRoot().issueAgency("bank")
        node = self.agency.issueNode("node0")
        for name, pem in (
            ("node.key", node.keyPEM),
            ("node.crt", node.certificatePEM),
            ("ca.crt", node.caPEM),
        ):
            (self.conf / name).touch(0o600)
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

    def assertNumber(self, section: str, key: str) -> None:
        """Check that a value must be a number from 1."""
        for text in ("", "0", "-1", "x", "1.5", "1_0", "٣", "1000000000"):
            found = repr(text) if text else "nothing"
            self.assertWrong(
                f":2: [{section}] {key}: expected a whole number from 1 to 999999999, "
                f"found {found}",
                f"[{section}]",
                f"{key}={text}",
            )


class WholeTests(ConfigTestCase):
    """Whole files."""

    def test_defaults(self) -> None:
        """Nothing need be written."""
        loaded = self.load("")
        self.assertEqual(
            loaded,
            NodeConfig(
                path=self.file,
                settings=Settings(
                    listen=Address(ANYWHERE, 30300),
                    dialect=RC1,
                    compress=True,
                    outgoingBandwidth=None,
                    connectionWarning=True,
                ),
                access=AccessLists(),
                credentials=loadCredentials(self.conf),
                logging=LogConfig(
                    path=self.home / "log",
                    enabled=True,
                    level="info",
                    console=False,
                    maxFileSize=1024 * MEBIBYTE,
                    hourly=True,
                    flush=True,
                    format=None,
                    namePattern=None,
                ),
                rpc=None,
                admin=AdminConfig(self.home / "admin.sock"),
                peersParamLimit=10,
                maxNodesLimit=100,
                statisticsInterval=None,
                chainID="1",
                supportedVersion="2.0.0-rc1",
                accessFaults=(),
                unused=(),
                unknown=(),
            ),
        )

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
            loaded.unused,
            (
                "rpc.channel_listen_ip",
                "rpc.channel_listen_port",
                "rpc.disable_dynamic_group",
                "group.group_data_path",
                "group.group_config_path",
                "storage_security.key_manager_ip",
                "storage_security.key_manager_port",
                "storage_security.cipher_data_key",
                "chain.sm_crypto_channel",
                "chain.rsa_crypto_channel",
            ),
        )
        self.assertEqual(loaded.rpc, Address("127.0.0.1", 6000))
        self.assertEqual(loaded.supportedVersion, "2.11.1")

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
        self.assertEqual(loaded.settings.outgoingBandwidth, 2 * MEBIBYTE / 8)
        self.assertEqual(loaded.unused[-1], "flow_control.limit_req")

    def test_withoutEffect(self) -> None:
        """Keys for other parts of a node and unknown ones are told apart; both do no harm."""
        loaded = self.load(
            "[p2p]",
            "listen_prot=30301",
            "nodes.0=127.0.0.1:1",
            "[log]",
            "archive_path=",
            "[secure]",
            "check_cert_issuer=true",
            "[certificate_whitlist]",
            f"cal.0={ALICE}",
            "[p2P]",
            "[group]",
            "[flow_control]",
            "limit_req=x",
        )
        self.assertEqual(
            set(loaded.unused),
            {"log.archive_path", "secure.check_cert_issuer", "flow_control.limit_req"},
        )
        self.assertEqual(
            loaded.unknown,
            (
                "p2p.listen_prot (listen_port?)",
                "p2p.nodes.0",
                "certificate_whitlist.cal.0 (certificate_whitelist?)",
                "p2P",
            ),
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

    @settings(deadline=None)
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
        try:
            faults = loadConfig(self.file).accessFaults
        except SetupError as error:
            self.assertIn(str(error), [str(each) for each in errors])
        else:
            self.assertEqual([str(each) for each in faults], [str(each) for each in errors])


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

    def test_samePort(self) -> None:
        """Services that could not listen both are a mistake; on two addresses they can."""
        rpc = "[rpc]", "jsonrpc_listen_port=30300"
        page = "[admin]", "listen=127.0.0.1:30300"
        fault = ": [rpc] jsonrpc_listen_port: is that of [p2p], too; choose another"
        self.assertWrong(f":2{fault}", *rpc)
        self.assertWrong(f":4{fault}", "[p2p]", "listen_ip=127.0.0.1", *rpc)
        self.assertWrong(":2: [admin] listen: has the port of [p2p]; choose another", *page)
        apart = "[p2p]", "listen_ip=10.0.0.1"
        self.assertWrong(
            ":6: [admin] listen: has the port of [rpc]; choose another", *apart, *rpc, *page
        )
        self.assertEqual(self.load(*apart, *rpc).rpc, Address("127.0.0.1", 30300))
        self.load("[admin]", "listen=[::1]:30300")
        both = "[p2p]", "listen_ip=::"
        self.assertWrong(":4: [admin] listen: has the port of [p2p]; choose another", *both, *page)

    def test_version(self) -> None:
        """The version of the chain decides the dialect; none means the very first."""
        for text, dialect in (
            ("2.0.0-rc1", RC1),
            ("2.0.0-rc2", RC2),
            ("2.0.0-rc3", RC2),
            ("2.0.0", RC2),
            ("2.11.1", RC2),
            ("2.11.255", RC2),
        ):
            loaded = self.load("[compatibility]", f"supported_version={text}")
            self.assertIs(loaded.settings.dialect, dialect)
        self.assertIs(self.load("[compatibility]").settings.dialect, RC1)

    def test_badVersion(self) -> None:
        """Versions that are none, or not 2.x, are mistakes."""
        for text in (
            *("", "1.3.0", "3.0.0", "2.0", "2.0.0.0", "2.0.256", "2.12.0", "2.0.0-rc4"),
            *("2.0.0-RC1", "v2.0.0", "2.0.٣", "2.0.-1", "12.0.0"),
        ):
            self.assertWrong(
                ":2: [compatibility] supported_version: expected 2.0.0-rc1, 2.0.0-rc2, 2.0.0-rc3 "
                f"or a release, 2.0.0 to 2.11.255, found {repr(text) if text else 'nothing'}",
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

    def test_illegalEntries(self) -> None:
        """An illegal entry keeps no node from running, but the check of the file finds it."""
        self.file.write_text(f"[cal]\ncrl.0={BOB}\ncal.1={ALICE}\n[crl]\ncrl.0=\n")
        loaded = loadConfig(self.file)
        self.assertEqual(loaded.access, AccessLists(white=frozenset([ALICE])))
        self.assertEqual([fault.line for fault in loaded.accessFaults], [2, 5])
        self.assertEqual(loaded.unknown, ())
        self.assertEqual(
            [str(fault) for fault in checkConfig(self.file)],
            [str(fault) for fault in loaded.accessFaults],
        )

    def test_otherMistakes(self) -> None:
        """What keeps a node from running is told before what does not."""
        self.file.write_text("[cal]\ncal.0=x\n[p2p]\nlisten_port=0\n")
        error = self.assertRaises(ConfigError, loadConfig, self.file)
        self.assertEqual(error.line, 4)
        self.assertEqual([fault.line for fault in checkConfig(self.file)], [2, 4])

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

    def test_furtherCAs(self) -> None:
        """Further CAs are in C{ca_path}, which may be there and empty."""
        other = Authority.makeRoot("other")
        (self.conf / "more").mkdir()
        (self.conf / "more" / "other.crt").write_bytes(other.certificatePEM)
        loaded = self.load("[network_security]", "ca_path=more/")
        self.assertIn(other.certificate, loaded.credentials.anchors)
        self.assertEqual(loaded.unused, ())
        loaded = self.load("[network_security]", "ca_path=")
        self.assertEqual(len(loaded.credentials.anchors), 1)

    def test_revocationLists(self) -> None:
        """C{crl_file} names the file of the revocation lists, which must be good."""
        crl = self.agency.issueList([]).public_bytes(Encoding.PEM)
        (self.conf / "crl.pem").write_bytes(crl)
        lines = ("[network_security]", "crl_file=crl.pem")
        loaded = self.load(*lines)
        self.assertEqual([name for name, _ in loaded.credentials.revocations.expiries], ["bank"])
        self.assertEqual(loaded.unknown, ())
        self.assertEqual(credentialsFromConfig(self.file), loaded.credentials)
        (self.conf / "crl.pem").write_bytes(crl[:100])
        for load in (loadConfig, credentialsFromConfig):
            error = self.assertRaises(CredentialsError, load, self.file)
            self.assertIn(
                f"{self.conf / 'crl.pem'}: a revocation list in it is damaged", str(error)
            )

    def test_missing(self) -> None:
        """A missing file is named."""
        self.file.write_text("[network_security]\nkey=other.key\n")
        error = self.assertRaises(CredentialsError, loadConfig, self.file)
        self.assertEqual(str(error), f"{self.conf / 'other.key'}: no such file")
        self.assertEqual([str(each) for each in checkConfig(self.file)], [str(error)])

    def test_empty(self) -> None:
        """A name must be there."""
        for section, key in (
            *(
                ("network_security", key)
                for key in ("data_path", "key", "cert", "ca_cert", "crl_file")
            ),
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
        self.assertTrue(loaded.logging.path.parent.samefile(self.home))
        self.assertTrue(loaded.path.samefile(self.file))

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


class LogTests(ConfigTestCase):
    """C{[log]}."""

    def log(self, *lines: str) -> LogConfig:
        """What these lines say of the log."""
        return self.load("[log]", *lines).logging

    def test_log(self) -> None:
        """Level, place and whether."""
        for level in LOG_LEVELS:
            self.assertEqual(self.log(f"level={level}").level, level)
        for text, place in (("./logs", "logs"), ("../x", "../x"), ("/var/log/x", "/var/log/x")):
            self.assertEqual(self.log(f"log_path={text}").path, self.home / place)
        self.assertFalse(self.log("enable=false").enabled)

    def test_files(self) -> None:
        """How lines and files look, and when a new file begins."""
        log = self.log(
            "enable_console_output=true",
            "flush=false",
            "enable_rotate_by_hour=false",
            "max_log_file_size=200",
            "format=%Severity% %Message%",
            "log_name_pattern=node_%Y.log",
        )
        self.assertTrue(log.console)
        self.assertFalse(log.flush)
        self.assertFalse(log.hourly)
        self.assertEqual(log.maxFileSize, 200 * MEBIBYTE)
        self.assertEqual(log.format, "%Severity% %Message%")
        self.assertEqual(log.namePattern, "node_%Y.log")
        self.assertIsNone(self.log("format=").format)

    def test_smallFiles(self) -> None:
        """A file is never shorter than 100 MB, as in FISCO BCOS."""
        for text, size in (("1", 100), ("99", 100), ("100", 100), ("101", 101)):
            self.assertEqual(self.log(f"max_log_file_size={text}").maxFileSize, size * MEBIBYTE)

    def test_statistics(self) -> None:
        """Statistics are written if that is asked for, every minute if not told else."""
        for lines, interval in (
            (["enable_statistic=false", "stat_flush_interval=5"], None),
            (["enable_statistic=true"], 60.0),
            (["enable_statistic=true", "stat_flush_interval=5"], 5.0),
        ):
            self.assertEqual(self.load("[log]", *lines).statisticsInterval, interval)

    def test_badLog(self) -> None:
        """Levels that nobody knows are mistakes, and so are numbers that are none."""
        self.assertWrong(
            ":2: [log] level: expected one of fatal, error, warning, info, debug, trace, "
            "found 'INFO'",
            "[log]",
            "level=INFO",
        )
        for key in (
            *("enable", "enable_console_output", "enable_statistic"),
            *("flush", "enable_rotate_by_hour"),
        ):
            self.assertWrong(
                f":2: [log] {key}: expected true or false, found 'on'", "[log]", f"{key}=on"
            )
        for key in ("max_log_file_size", "stat_flush_interval"):
            self.assertNumber("log", key)


class LimitTests(ConfigTestCase):
    """C{[rpc]}, C{[flow_control]} and the limits of C{[p2p]}."""

    def test_rpc(self) -> None:
        """JSON-RPC listens on this machine alone, if nothing else is written."""
        for lines, address in (
            (["jsonrpc_listen_port=8545"], Address("127.0.0.1", 8545)),
            (["jsonrpc_listen_port=1", "listen_ip=::"], Address("::", 1)),
            (
                ["jsonrpc_listen_port=1", "jsonrpc_listen_ip=10.0.0.1", "listen_ip=0.0.0.0"],
                Address("10.0.0.1", 1),
            ),
            (["jsonrpc_listen_ip=10.0.0.1", "channel_listen_port=x"], None),
            ([], None),
        ):
            self.assertEqual(self.load("[rpc]", *lines).rpc, address)

    def test_badRPC(self) -> None:
        """Port and IP must be such."""
        self.assertWrong(
            ":2: [rpc] jsonrpc_listen_port: expected a number from 1 to 65535, found '0'",
            "[rpc]",
            "jsonrpc_listen_port=0",
        )
        for key in ("listen_ip", "jsonrpc_listen_ip"):
            self.assertWrong(
                f":2: [rpc] {key}: expected an IP address, {ANYWHERE} or :: for all, "
                "found 'localhost'",
                "[rpc]",
                f"{key}=localhost",
            )

    def test_peers(self) -> None:
        """How many peers JSON-RPC may add."""
        loaded = self.load("[p2p]", "peers_param_limit=3", "max_nodes_limit=7")
        self.assertEqual((loaded.peersParamLimit, loaded.maxNodesLimit), (3, 7))
        for key in ("peers_param_limit", "max_nodes_limit"):
            self.assertNumber("p2p", key)

    def test_admission(self) -> None:
        """How many links strangers may dial, and how fast; a FISCO BCOS node has no such limits."""
        keys = ("max_handshakes", "max_inbound_peers", "max_links_per_host", "max_accept_rate")
        loaded = self.load("[p2p]", *(f"{key}={number}" for number, key in enumerate(keys, 3)))
        settings = loaded.settings
        limits = (settings.maxHandshakes, settings.maxInboundPeers, settings.maxLinksPerHost)
        self.assertEqual((*limits, settings.maxAcceptRate), (3, 4, 5, 6))
        self.assertEqual(loaded.unknown, ())
        for key in keys:
            self.assertNumber("p2p", key)

    def test_limits(self) -> None:
        """How long links have for their handshake and for a frame, and what a peer may take up."""
        keys = ("handshake_timeout", "frame_timeout", "max_frame_length", "max_queue")
        loaded = self.load("[p2p]", *(f"{key}={number}" for number, key in enumerate(keys, 3)))
        found = loaded.settings
        self.assertEqual((found.handshakeTimeout, found.frameTimeout), (3, 4))
        self.assertEqual((found.maxFrameLength, found.maxQueue), (5 * MEBIBYTE, 6 * MEBIBYTE))
        self.assertEqual(loaded.unknown, ())
        for key in keys:
            self.assertNumber("p2p", key)

    def test_warning(self) -> None:
        """Refused peers need not be warned of."""
        loaded = self.load("[p2p]", "connection_warning=false")
        self.assertFalse(loaded.settings.connectionWarning)
        self.assertWrong(
            ":2: [p2p] connection_warning: expected true or false, found 'no'",
            "[p2p]",
            "connection_warning=no",
        )

    def test_bandwidth(self) -> None:
        """Megabits a second are given as bytes a second."""
        for text, mebibits in (("2", 2), ("0.5", 0.5), (".25", 0.25), ("1000.0", 1000)):
            loaded = self.load("[flow_control]", f"outgoing_bandwidth_limit={text}")
            self.assertEqual(loaded.settings.outgoingBandwidth, mebibits * 131072)
        for text in ("0", "0.0", "-1", "1e3", "nan", "inf", "2 Mb", "1_0", "2.", "9" * 5000):
            self.file.write_text(f"[flow_control]\noutgoing_bandwidth_limit={text}")
            error = self.assertRaises(ConfigError, loadConfig, self.file)
            self.assertIn(
                ":2: [flow_control] outgoing_bandwidth_limit: expected a number of Mb above 0, "
                "2 or 0.5, found ",
                str(error),
            )

    def test_chain(self) -> None:
        """What the chain is called."""
        loaded = self.load("[chain]", "id=7", "[compatibility]", "supported_version=2.9.1")
        self.assertEqual((loaded.chainID, loaded.supportedVersion), ("7", "2.9.1"))


class NodeTests(ConfigTestCase):
    """L{nodeFromConfig}."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: dict[LogLevel, list[str]] = {level: [] for level in LogLevel.iterconstants()}
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        """Take down what is logged."""
        self.lines[event["log_level"]].append(formatEvent(event))

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
        self.assertEqual(self.lines[LogLevel.warn], [])

    def test_lists(self) -> None:
        """The node is given all that the file says."""
        given: list[object] = []
        self.patch(node, "makeNode", lambda *arguments: given.extend(arguments))
        self.file.write_text(f"[crl]\ncrl.0={ALICE}\n[p2p]\nnode.0=a:1\n")
        reactor = MemoryReactorClock()
        nodeFromConfig(self.file, reactor)
        loaded = loadConfig(self.file)
        self.assertEqual(given, [loaded.credentials, loaded.settings, loaded.access, reactor])

    def test_withoutEffect(self) -> None:
        """What is said in vain is logged once; what is not known as a warning."""
        self.file.write_text("[p2p]\nlisten_prot=4000\n[pp]\n[flow_control]\nlimit_req=1\n")
        nodeFromConfig(str(self.file), MemoryReactorClock())
        self.assertEqual(
            self.lines[LogLevel.warn],
            ["config.ini, not known: p2p.listen_prot (listen_port?), pp (p2p?)"],
        )
        self.assertEqual(
            self.lines[LogLevel.info], ["config.ini, not used here: flow_control.limit_req"]
        )

    def test_illegalEntries(self) -> None:
        """Each illegal entry is a loud line; the door stays as narrow as it is written."""
        self.file.write_text("[cal]\ncal.0=x\n[crl]\ncrl.0=y\n")
        made = nodeFromConfig(self.file, MemoryReactorClock())
        self.assertEqual(made.access, AccessLists(white=frozenset()))
        self.assertEqual(
            self.lines[LogLevel.error],
            [f"illegal nodeID: {fault}" for fault in checkConfig(self.file)],
        )
        self.assertEqual(len(self.lines[LogLevel.error]), 2)

    def test_wrong(self) -> None:
        """Mistakes are raised."""
        self.file.write_text("[p2p]\nlisten_port=0\n")
        self.assertRaises(ConfigError, nodeFromConfig, self.file, MemoryReactorClock())
        shutil.rmtree(self.conf)
        self.file.write_text("")
        self.assertRaises(CredentialsError, nodeFromConfig, self.file, MemoryReactorClock())
