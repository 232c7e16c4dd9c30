"""Tests for L{fiscop2p.cli.completion}: the scripts, in the shells that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SkipTest

from tests.cli.test_chain import CommandTestCase

NAMES = "node1\nnode2\n$(touch evil)\n`touch evil`\nx;touch evil\nwith blank\n"
STUB = """#!/bin/sh
printf '%s ' "$@" >> asked
printf '\\n' >> asked
printf '%s' "$NAMES"
"""


class ShellMixin:
    """
    What a shell suggests behind words.

    Where it asks for names of nodes or topics it is told names that would do harm if evaluated.
    """

    shell: ClassVar[str]
    program: ClassVar[str]

    def setUp(self) -> None:
        super().setUp()
        if shutil.which(self.shell) is None:
            raise SkipTest(f"there is no {self.shell} on this machine")
        status, script, complaints = self.fiscop2p("completion", self.shell)
        self.assertEqual((status, complaints), (0, ""))
        Path("script").write_text(script)
        Path("program").write_text(self.program)
        Path("bin").mkdir()
        stub = Path("bin/fiscop2p")
        stub.write_text(STUB)
        stub.chmod(0o755)
        Path("file.ini").write_text("")

    def suggested(self, *words: str) -> list[str]:
        environment = {**os.environ, "NAMES": NAMES, "PATH": f"bin:{os.environ['PATH']}"}
        done = subprocess.run(
            [self.shell, "program", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.stderr, "")
        return [line.strip() for line in done.stdout.splitlines()]

    def test_commands(self) -> None:
        """Commands, and those below one."""
        self.assertEqual(set(self.suggested("pi")), {"ping"})
        self.assertIn("send-file", self.suggested(""))
        self.assertEqual(set(self.suggested("chain", "add-n")), {"add-node"})

    def test_options(self) -> None:
        """The options of the command that stands there, and no others."""
        found = set(self.suggested("ping", "bob", "--"))
        self.assertLessEqual({"--count", "--interval", "--json", "--config"}, found)
        self.assertNotIn("--ipv6", found)
        self.assertIn("--ipv6", self.suggested("chain", "add-node", "--i"))

    def test_nodes(self) -> None:
        """A node where one is asked for, and only there; options do not count."""
        self.assertEqual(self.suggested("ping", "node"), ["node1", "node2"])
        self.assertEqual(self.suggested("ping", "--json", "-n", "3", "node"), ["node1", "node2"])
        self.assertEqual(self.suggested("ping", "node1", "node"), [])
        self.assertEqual(self.suggested("publish", "news", "node"), [])
        self.assertEqual(self.suggested("subscribe", "node"), ["node1", "node2"])

    def test_asked(self) -> None:
        """The node is asked by the config that the words name."""
        self.suggested("ping", "-c", "there/config.ini", "node")
        self.suggested("subscribe", "")
        first, second = Path("asked").read_text().splitlines()
        self.assertEqual(first.split(), ["completion", "-c", "there/config.ini", "nodes", "node"])
        self.assertEqual(second.split(), ["completion", "topics"])

    def test_namesAreNotEvaluated(self) -> None:
        """Whatever a node or a topic is called, nothing of it is run."""
        for beginning in ("", "$", "`", "x"):
            self.suggested("ping", beginning)
            self.suggested("subscribe", beginning)
        self.assertFalse(Path("evil").exists())

    def test_files(self) -> None:
        """Files where a file is asked for: as an argument, or as the value of an option."""
        for words in (
            ("check", "file"),
            ("ping", "-c", "file"),
            ("ping", "--config", "file"),
            ("send-file", "bob", "file"),
        ):
            self.assertEqual(self.suggested(*words), ["file.ini"], words)

    def test_shells(self) -> None:
        """The words of an argument that takes no others."""
        self.assertEqual(set(self.suggested("completion", "")), {"bash", "zsh", "fish"})


class BashTests(ShellMixin, CommandTestCase):
    """bash."""

    shell = "bash"
    program = """
    source ./script
    COMP_WORDS=(fiscop2p "$@")
    COMP_CWORD=$#
    _fiscop2p
    for each in "${COMPREPLY[@]}"; do echo "$each"; done
    """

    def test_quoted(self) -> None:
        """What stands on the command line in the end is the name, quoted."""
        self.assertEqual(self.suggested("ping", "with"), ["with\\ blank"])
        self.assertEqual(self.suggested("ping", "$"), ["\\$\\(touch\\ evil\\)"])


class FishTests(ShellMixin, CommandTestCase):
    """fish."""

    shell = "fish"
    program = """
    set -x HOME (pwd)
    source ./script
    set -l words (string escape -- $argv[1..-2]) $argv[-1]
    for each in (complete -C "fiscop2p $words")
        string split -f1 \\t -- $each
    end
    """


class ZshTests(ShellMixin, CommandTestCase):
    """zsh, with what its completion system is given written out."""

    shell = "zsh"
    program = """
    setopt no_global_rcs
    compdef() { : }
    _describe() {
        local each
        for each in ${(P)2}; do [[ $each == "$PREFIX"* ]] && print -r -- ${each%%:*}; done
    }
    _files() { print -r -- ${PREFIX}*(N) }
    compadd() {
        local each
        shift
        for each in "$@"; do [[ $each == "$PREFIX"* ]] && print -r -- $each; done
    }
    source ./script
    words=(fiscop2p "$@")
    CURRENT=$(( $# + 1 ))
    PREFIX=${@[-1]}
    _fiscop2p
    true
    """


class WithoutAShellTests(CommandTestCase):
    """Which shells there are."""

    def test_unknown(self) -> None:
        """Another shell is refused, with those that there are."""
        for arguments in (["tcsh"], [], ["bash", "zsh"], ["nodes", "a", "b"]):
            status, output, complaints = self.fiscop2p("completion", *arguments)
            self.assertEqual((status, output), (2, ""))
            self.assertIn("name one shell: bash, zsh, fish", complaints)
