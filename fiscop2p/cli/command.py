"""
What all commands of C{fiscop2p} share.
"""

from __future__ import annotations

import sys

from twisted.python import usage

from ..version import ownVersion


class Command(usage.Options):
    """
    A command: its options, and what it does.

    Bad options raise L{usage.UsageError} while they are parsed.
    """

    def opt_version(self) -> None:
        """Display the version and exit."""
        print(f"fiscop2p {ownVersion()}")
        sys.exit(0)

    def run(self) -> int:
        """
        Do it, and print what was done.

        @return: the exit status.
        @raise FiscoP2PError: it cannot be done; the message is for the user.
        """
        raise NotImplementedError
