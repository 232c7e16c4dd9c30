"""
Tests for L{fiscop2p.config.rewriting}.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.config import rewritePeers, rewriting
from fiscop2p.config.inifile import IniFile
from fiscop2p.errors import RewriteFailed
from fiscop2p.settings import Address
from tests.temporary import temporaryFolder

A, B, C, D = (Address(f"10.0.0.{host}", 30300) for host in range(1, 5))

FILE = """\
; a node
[rpc]
    node.0=not a peer
[p2p]
    listen_ip=0.0.0.0

    ; the first
    node.0=10.0.0.1:30300
    ;node.1=10.0.0.9:30300
\tnode.7 = 10.0.0.2:30300
    ; behind them
    enable_compress=true

[log]
    level=info"""

PEERS = st.builds(
    "{}node.{}{}={}:{}".format,
    st.sampled_from(["", "    ", "\t"]),
    st.text("x07.", max_size=2),
    st.sampled_from(["", " "]),
    st.sampled_from(["a", "b", " [::1]", "7", "é"]),
    st.integers(1, 2),
)
OTHERS = st.sampled_from(
    [
        "",
        "  ",
        "; node.1=a:1",
        "\t#",
        "listen_port = 1",
        "    enable_compress=0",
        "nodes=",
        "\ufeffx=",
    ]
)
FILES = st.builds(
    "{1}{0}[p2p]{0}{2}{0}[log]{0}level=info{0}{3}".format,
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff", "; first", "\ufeff;"]),
    st.lists(st.one_of(PEERS, OTHERS), unique_by=lambda line: line.partition("=")[0].strip()).map(
        "\n".join
    ),
    OTHERS,
) | st.lists(PEERS, unique_by=lambda line: line.partition("=")[0].strip()).map(
    lambda lines: "\n".join(["[p2p]", *lines])
)
ADDRESSES = st.lists(
    st.builds(Address, st.sampled_from(["a", "b", "::1", "c"]), st.integers(1, 2)), max_size=4
)


class RewritingTestCase(SynchronousTestCase):
    """
    A C{config.ini} in a folder of its own.

    @ivar file: the file.
    """

    def setUp(self) -> None:
        self.folder = temporaryFolder(self)
        self.file = self.folder / "config.ini"
        self.file.write_bytes(FILE.encode())

    def rewritten(self, text: str, *addresses: Address) -> str:
        """What becomes of a text."""
        self.file.write_bytes(text.encode())
        rewritePeers(self.file, addresses)
        return self.file.read_bytes().decode()

    def assertRefused(self, message: str, detail: str, *addresses: Address) -> None:
        """Check that the file cannot be rewritten, and is as it was, with nothing beside it."""
        before = self.file.read_bytes()
        error = self.assertRaises(RewriteFailed, rewritePeers, self.file, addresses)
        self.assertEqual(str(error), message)
        self.assertIn(detail, error.detail)
        self.assertIn(str(self.file), error.detail)
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(os.listdir(self.folder), ["config.ini"])


class TextTests(RewritingTestCase):
    """What becomes of the text."""

    def test_added(self) -> None:
        """New peers follow the last, indented like it, with the next numbers."""
        self.assertEqual(
            self.rewritten(FILE, A, B, C, D),
            FILE.replace(
                "10.0.0.2:30300\n",
                "10.0.0.2:30300\n\tnode.8=10.0.0.3:30300\n\tnode.9=10.0.0.4:30300\n",
            ),
        )

    def test_removed(self) -> None:
        """Of what is erased the line goes, and nothing else."""
        self.assertEqual(self.rewritten(FILE, B), FILE.replace("    node.0=10.0.0.1:30300\n", ""))
        self.assertEqual(
            self.rewritten(FILE),
            FILE.replace("    node.0=10.0.0.1:30300\n", "").replace(
                "\tnode.7 = 10.0.0.2:30300\n", ""
            ),
        )

    def test_replaced(self) -> None:
        """New peers stand where the last one stood that is gone."""
        self.assertEqual(
            self.rewritten(FILE, C, A),
            FILE.replace("\tnode.7 = 10.0.0.2:30300", "\tnode.1=10.0.0.3:30300"),
        )

    def test_unchanged(self) -> None:
        """If the peers are there already, in whatever order, the file is not even written."""
        before = self.file.stat()
        rewritePeers(str(self.file), [B, A, A])
        self.assertEqual(self.file.read_bytes(), FILE.encode())
        self.assertEqual(self.file.stat().st_ino, before.st_ino)

    def test_none(self) -> None:
        """Where there is no peer, the first ones follow the header."""
        self.assertEqual(
            self.rewritten("[p2p]\n  listen_port=1\n[log]\n", A, B),
            "[p2p]\n  node.0=10.0.0.1:30300\n  node.1=10.0.0.2:30300\n  listen_port=1\n[log]\n",
        )
        self.assertEqual(self.rewritten("[p2p]", A), "[p2p]\n    node.0=10.0.0.1:30300")

    def test_windowsLines(self) -> None:
        """CR LF, a byte order mark and a missing last line end stay as they are."""
        text = "\ufeff[log]\r\n[p2p]\r\nnode.0=10.0.0.1:30300"
        self.assertEqual(self.rewritten(text, A, B), text + "\r\nnode.1=10.0.0.2:30300")
        self.assertEqual(self.rewritten(text), "\ufeff[log]\r\n[p2p]")
        self.assertEqual(
            self.rewritten(text + "\r\n", A, B), text + "\r\nnode.1=10.0.0.2:30300\r\n"
        )

    def test_twice(self) -> None:
        """A peer that is there twice goes or stays as one."""
        text = "[p2p]\nnode.0=10.0.0.1:30300\nnode.1=10.0.0.2:30300\nnode.x=10.0.0.1:30300\n"
        self.assertEqual(self.rewritten(text, A), text.replace("node.1=10.0.0.2:30300\n", ""))
        self.assertEqual(self.rewritten(text, B), "[p2p]\nnode.1=10.0.0.2:30300\n")

    def test_numbers(self) -> None:
        """A number that is no number, or has endless digits, is not counted on, and not lost."""
        text = f"[p2p]\nnode.=10.0.0.1:30300\nnode.{'9' * 5000}=10.0.0.2:30300\n"
        self.assertEqual(self.rewritten(text, A, B, C), text + "node.0=10.0.0.3:30300\n")
        text = "[p2p]\nnode.999999999=10.0.0.1:30300\nnode.1000000000=10.0.0.2:30300\n"
        self.assertEqual(self.rewritten(text, A, B, C), text + "node.1000000001=10.0.0.3:30300\n")

    def test_otherAddresses(self) -> None:
        """IPv6 addresses and names are written as they are read."""
        text = self.rewritten("[p2p]\n", Address("::1", 1), Address("node.example", 2))
        self.assertEqual(text, "[p2p]\n    node.0=[::1]:1\n    node.1=node.example:2\n")

    def test_mistakes(self) -> None:
        """A file with a mistake in it is left to the operator."""
        message = "fail to insert peers' data into config file"
        for text, detail in (
            (FILE.replace("[p2p]", "[p2p"), ":4: expected [section]"),
            (FILE.replace("node.7", "node.0"), ":10: [p2p] node.0: is there already, in line 8"),
            (FILE.replace("10.0.0.2:30300", "10.0.0.2"), ":10: [p2p] node.7: '10.0.0.2' is not an"),
            ("[rpc]\n", ": there is no [p2p] in it"),
        ):
            self.file.write_text(text)
            self.assertRefused(message, detail, A, B, C)

    def test_badAddresses(self) -> None:
        """What would not be read again is not written."""
        for host in ("a\x00b", "", "a b", " a", "\udc80", "a\nnode.9=10.0.0.9"):
            self.assertRefused(
                "fail to output data to config file as expected", "", A, Address(host, 1)
            )

    @settings(deadline=None)
    @given(FILES, ADDRESSES)
    def test_everyFile(self, text: str, addresses: list[Address]) -> None:
        """A good file says the same afterwards, but for its peers, and its lines are the same."""
        result = self.rewritten(text, *addresses)
        before, after = IniFile.parse(text, ""), IniFile.parse(result, "")
        after.check()
        self.assertEqual(valuesBut(before), valuesBut(after))
        self.assertEqual(set(after.values("p2p", "node.", Address.parse)), set(addresses))
        self.assertEqual(linesBut(text), linesBut(result))
        self.assertEqual(text.endswith("\n"), result.endswith("\n"))

    @settings(deadline=None)
    @given(st.text("[]p2node.0=;# \t\r\n\va:1\x00é\ufeff"), ADDRESSES)
    def test_anyText(self, noise: str, addresses: list[Address]) -> None:
        """Any text is rewritten or refused, and then it is as it was."""
        text = f"[p2p]\nnode.0=a:1\n{noise}"
        try:
            result = self.rewritten(text, *addresses)
        except RewriteFailed:
            self.assertEqual(self.file.read_bytes(), text.encode())
        else:
            IniFile.parse(result, "").check()


def valuesBut(ini: IniFile) -> dict[str, dict[str, str]]:
    """All that is in a file but for its peers."""
    return {
        name: {
            key: entry.value
            for key, entry in section.entries.items()
            if not (name == "p2p" and key.startswith("node."))
        }
        for name, section in ini.sections.items()
    }


def linesBut(text: str) -> list[str]:
    """The lines that hold no peer, without the line ends of the last ones."""
    lines = [line for line in text.split("\n") if not line.lstrip(" \t").startswith("node.")]
    return "\n".join(lines).rstrip("\r\n").split("\n")


class FileTests(RewritingTestCase):
    """What becomes of the file."""

    def test_mode(self) -> None:
        """The file keeps its mode, and nothing is left beside it."""
        self.file.chmod(0o640)
        rewritePeers(self.file, [C])
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        self.assertEqual(os.listdir(self.folder), ["config.ini"])

    def test_owner(self) -> None:
        """The file is given to whom it belonged, or left alone."""
        given: list[tuple[int, int]] = []
        another = os.stat_result([stat.S_IFREG, 0, 0, 0, 12345, 6, 0, 0, 0, 0])
        self.patch(os, "fstat", lambda descriptor: another)
        self.patch(os, "fchown", lambda descriptor, uid, gid: given.append((uid, gid)))
        rewritePeers(self.file, [C])
        status = self.file.stat()
        self.assertEqual(given, [(status.st_uid, status.st_gid)])
        self.failing("fchown", errno.EPERM)
        self.assertRefused(
            "fail to output data to config file as expected", "Operation not permitted", A
        )

    def test_link(self) -> None:
        """A symbolic link stays one; the file that it leads to is rewritten."""
        folder = temporaryFolder(self)
        link = folder / "config.ini"
        link.symlink_to(self.file)
        rewritePeers(link, [A, B, C])
        self.assertTrue(link.is_symlink())
        self.assertIn("10.0.0.3:30300", self.file.read_text())
        self.assertEqual(os.listdir(folder), ["config.ini"])

    def test_safety(self) -> None:
        """The new file is on the disk before it takes its place, and the folder after that."""
        steps: list[str] = []
        self.watched(os, "fsync", steps)
        self.watched(os, "replace", steps)
        rewritePeers(self.file, [C])
        self.assertEqual(steps, ["fsync", "replace", "fsync"])

    def watched(self, where: Any, name: str, steps: list[str]) -> None:
        """Take down when a function is called."""
        real: Callable[..., Any] = getattr(where, name)

        def call(*arguments: Any, **more: Any) -> Any:
            steps.append(name)
            return real(*arguments, **more)

        self.patch(where, name, call)

    def failing(self, name: str, code: int) -> None:
        """Let a function of the system fail."""

        def fail(*arguments: Any, **more: Any) -> None:
            raise OSError(code, os.strerror(code))

        self.patch(os, name, fail)

    def test_notThere(self) -> None:
        """A file that cannot be read, or must not be written, is not."""
        message = "fail to open config file"
        gone = self.folder / "gone.ini"
        error = self.assertRaises(RewriteFailed, rewritePeers, gone, [A])
        self.assertEqual(
            (str(error), error.detail), (message, f"{gone}: No such file or directory")
        )
        self.file.write_bytes(b"[p2p]\n\xff\n")
        self.assertRefused(message, "not UTF-8 text", A)
        self.patch(os, "access", lambda path, mode: mode != os.W_OK)
        self.file.write_text(FILE)
        self.assertRefused(message, "must not be written to", A)

    def test_commentsInAnyEncoding(self) -> None:
        """Comments that are not UTF-8 stay as they are, byte by byte."""
        before = "; 节点列表\n[p2p]\n    node.0=10.0.0.1:1\n".encode("gbk")
        self.file.write_bytes(before)
        rewritePeers(self.file, [Address("10.0.0.1", 1), Address("10.0.0.2", 2)])
        self.assertEqual(self.file.read_bytes(), before + b"    node.1=10.0.0.2:2\n")
        self.assertRaises(RewriteFailed, rewritePeers, self.file, [Address("a\udcff", 2)])

    def test_fullDisk(self) -> None:
        """A write that fails leaves the old file, and nothing beside it."""
        self.failing("fsync", errno.ENOSPC)
        self.assertRefused(
            "fail to output data to config file as expected", "No space left on device", A
        )

    def test_noRename(self) -> None:
        """So does a rename that fails."""
        self.failing("replace", errno.EBUSY)
        self.assertRefused("fail to rename the config file", "Device or resource busy", A)

    def test_noTemporaryFile(self) -> None:
        """So does a folder in which nothing can be made."""
        self.failing("open", errno.EROFS)
        self.patch(rewriting, "readWhole", lambda file: FILE.encode())
        self.assertRefused("fail to create a tmp config file", "Read-only file system", A)
