"""
How commands end.

Everything that a command cannot do is an error whose C{status} the process ends with.
"""

from __future__ import annotations

from textwrap import fill
from typing import Final

from ..errors import FiscoP2PError

DONE: Final = 0
FAILED: Final = 1
NOT_UNDERSTOOD: Final = 2
NOT_RUNNING: Final = 3
NO_SUCH_NODE: Final = 4
NOT_DELIVERED: Final = 5
INTERRUPTED: Final = 130

STATUSES: Final = {
    DONE: "done",
    FAILED: "it failed, as the line on standard error says",
    NOT_UNDERSTOOD: "the command line was not understood",
    NOT_RUNNING: "no node was found running, or it does not answer",
    NO_SUCH_NODE: "no peer is called so, or several are",
    NOT_DELIVERED: "the message was not delivered, or not answered",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""The exit statuses of all commands, for people."""


def statusUsage() -> str:
    """The exit statuses, as a command's help has them."""
    words = "; ".join(f"{status}, {words}" for status, words in STATUSES.items())
    return fill(f"Exit status: {words}.", 80) + "\n"


class CommandFailed(FiscoP2PError):
    """
    A command could not do what it was asked to.

    @cvar status: the exit status.
    """

    status = FAILED


class NodeNotRunning(CommandFailed):
    """The node that was to be asked is not running, or cannot be reached from here."""

    status = NOT_RUNNING


class NoSuchNode(CommandFailed):
    """No peer of the node is called so, or several are; the message names those there are."""

    status = NO_SUCH_NODE


class NotDelivered(CommandFailed):
    """The node could not deliver a message, or got no answer to it."""

    status = NOT_DELIVERED


class NotAnswered(NotDelivered):
    """No answer came in time."""
