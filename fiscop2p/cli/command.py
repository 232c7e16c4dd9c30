"""
What all commands of C{fiscop2p} share.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from getopt import GetoptError, gnu_getopt
from itertools import pairwise
from typing import Any, Final

from twisted.python import usage

from ..version import ownVersion

JSON_FLAG: Final[list[Any]] = ["json", None, "Print JSON, for programs."]
"""The option of each command that prints something."""


class Command(usage.Options):
    """
    A command: its options, and what it does.

    Bad options raise L{usage.UsageError} while they are parsed.

    @cvar arguments: what its arguments are, for shells that complete them: C{nodes}, C{topics},
        C{files}, or words, with blanks between them, that it may be.
    """

    arguments: tuple[str, ...] = ()
    optFlags: list[list[Any]] = []
    optParameters: list[list[Any]] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse a command line; options may also stand behind arguments, but for commands."""
        given = sys.argv[1:] if options is None else list(options)
        if not getattr(self, "subCommands", None):
            try:
                found, arguments = gnu_getopt(given, self.shortOpt, self.longOpt)
            except GetoptError as error:
                raise usage.UsageError(str(error)) from None
            flags = {f"-{name}" for name in self.shortOpt.replace(":", "")}
            flags |= {f"--{name}" for name in self.longOpt if not name.endswith("=")}
            flags -= {f"-{name}" for name, colon in pairwise(self.shortOpt) if colon == ":"}
            given = []
            for name, value in found:
                given += [name] if name in flags else [name, value]
            given += ["--", *arguments]
        super().parseOptions(given)

    opt_h = usage.Options.opt_help

    def opt_version(self) -> None:
        """Display the version and exit."""
        print(f"fiscop2p {ownVersion()}")
        sys.exit(0)

    @property
    def isJSON(self) -> bool:
        """Whether a program reads what we print."""
        return bool(self["json"])

    def tell(self, content: object) -> None:
        """Print JSON, in a line."""
        print(json.dumps(content, ensure_ascii=False), flush=True)

    def run(self) -> int:
        """
        Do it, and print what was done.

        @return: the exit status.
        @raise FiscoP2PError: it cannot be done; the message is for the user.
        """
        raise NotImplementedError
