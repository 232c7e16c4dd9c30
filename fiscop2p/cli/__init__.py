"""
The command C{fiscop2p}, which hands over to one of its subcommands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from twisted.python import usage

from ..errors import FiscoP2PError
from .bench import BenchOptions
from .chain import ChainOptions
from .check import CheckOptions
from .command import Command
from .completion import CompletionOptions
from .failures import FAILED, INTERRUPTED, NOT_UNDERSTOOD, CommandFailed, statusUsage
from .messages import PublishOptions, RequestOptions, SendOptions
from .peers import PeersOptions
from .ping import PingOptions
from .sendfile import SendFileOptions
from .status import StatusOptions
from .subscribe import SubscribeOptions
from .topics import TopicsOptions
from .watch import WatchOptions


class FiscoP2POptions(Command):
    """The command line as a whole; a new subcommand is a L{Command} and a line here."""

    subCommands = [
        ["chain", None, ChainOptions, "Make a chain, or add nodes and agencies to one."],
        ["check", None, CheckOptions, "Say what is wrong with a config.ini, or what would run."],
        ["status", None, StatusOptions, "Say who the running node is, and whether it is ready."],
        ["peers", None, PeersOptions, "Show the nodes that it is linked to, or should be."],
        ["topics", None, TopicsOptions, "Show who follows what."],
        ["watch", None, WatchOptions, "Show the peers and what flows, live."],
        ["ping", None, PingOptions, "See how long a round trip to a node takes."],
        ["bench", None, BenchOptions, "See what the link to a node carries."],
        ["send", None, SendOptions, "Send a message to a node."],
        ["request", None, RequestOptions, "Send a message to a node, and print its answer."],
        ["publish", None, PublishOptions, "Send a message to all who follow a topic."],
        ["subscribe", None, SubscribeOptions, "Print the messages on a topic as they come."],
        ["send-file", None, SendFileOptions, "Send a file to a node."],
        ["completion", None, CompletionOptions, "Print what a shell needs to complete commands."],
    ]
    longdesc = (
        "Tools for the FISCO BCOS 2.x P2P network; each command has a --help of its own. All but "
        "chain, check and completion ask the node that runs from the config.ini of this folder, "
        "or from the one that -c or $FISCOP2P_CONFIG names."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p <command> [options]"

    def getUsage(self, width: int | None = None) -> str:
        """Explain the commands, and how they end."""
        return super().getUsage(width) + "\n" + statusUsage()

    def postOptions(self) -> None:
        """Insist on a command."""
        if self.subCommand is None:
            raise usage.UsageError("a command is missing")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a command line.

    @param argv: the arguments behind the program's name; L{None}: those of this process.
    @return: the exit status, one of L{fiscop2p.cli.failures.STATUSES}.
    @raise SystemExit: C{--help} or C{--version} was asked for, and has been printed.
    """
    if sys.stdout is None:
        # Whoever has closed it wants nothing to be printed.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    options = FiscoP2POptions()
    try:
        options.parseOptions(argv)
        return _chosen(options)[1].run()
    except usage.UsageError as error:
        name = _chosen(options)[0]
        print(f"{name}: {error}; see {name} --help", file=sys.stderr)
        return NOT_UNDERSTOOD
    except BrokenPipeError:
        # Who reads what we print, head(1) say, has enough; at exit nothing more shall be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        words = error if error.filename is None else f"{error.filename}: {error.strerror}"
        print(f"{_chosen(options)[0]}: {words}", file=sys.stderr)
        return FAILED
    except FiscoP2PError as error:
        print(f"{_chosen(options)[0]}: {error}", file=sys.stderr)
        return error.status if isinstance(error, CommandFailed) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _chosen(options: Command) -> tuple[str, Command]:
    """The innermost command that was parsed, with its full name."""
    name = "fiscop2p"
    while options.subCommand is not None:
        name = f"{name} {options.subCommand}"
        options = options.subOptions
    return name, options
