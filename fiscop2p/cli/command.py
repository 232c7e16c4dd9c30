"""
What all commands of C{fiscop2p} share.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version

from twisted.python import usage


class Command(usage.Options):
    """
    A command: its options, and what it does.

    Bad options raise L{usage.UsageError} while they are parsed.
    """

    def opt_version(self) -> None:
        """Display the version and exit."""
        try:
            print(f"fiscop2p {version('fiscop2p')}")
        except PackageNotFoundError:
            print("fiscop2p (not installed)")
        sys.exit(0)

    def run(self) -> int:
        """
        Do it, and print what was done.

        @return: the exit status.
        @raise FiscoP2PError: it cannot be done; the message is for the user.
        """
        raise NotImplementedError
