"""
The command C{fiscop2p}, which hands over to one of its subcommands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from twisted.python import usage

from ..errors import FiscoP2PError
from .chain import ChainOptions
from .check import CheckOptions
from .command import Command


class FiscoP2POptions(Command):
    """The command line as a whole; a new subcommand is a L{Command} and a line here."""

    subCommands = [
        ["chain", None, ChainOptions, "Make a chain, or add nodes and agencies to one."],
        ["check", None, CheckOptions, "Say what is wrong with a config.ini, or what would run."],
    ]
    longdesc = "Tools for the FISCO BCOS 2.x P2P network; each command has a --help of its own."

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p <command> [options]"

    def postOptions(self) -> None:
        """Insist on a command."""
        if self.subCommand is None:
            raise usage.UsageError("a command is missing")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a command line.

    @param argv: the arguments behind the program's name; L{None}: those of this process.
    @return: the exit status: 0, or 1 for what failed, or 2 for what was not understood.
    @raise SystemExit: C{--help} or C{--version} was asked for, and has been printed.
    """
    options = FiscoP2POptions()
    try:
        options.parseOptions(argv)
        return _chosen(options)[1].run()
    except usage.UsageError as error:
        name = _chosen(options)[0]
        print(f"{name}: {error}; see {name} --help", file=sys.stderr)
        return 2
    except (FiscoP2PError, OSError) as error:
        print(f"{_chosen(options)[0]}: {error}", file=sys.stderr)
        return 1


def _chosen(options: Command) -> tuple[str, Command]:
    """The innermost command that was parsed, with its full name."""
    name = "fiscop2p"
    while options.subCommand is not None:
        name = f"{name} {options.subCommand}"
        options = options.subOptions
    return name, options
