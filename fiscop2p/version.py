"""Which FISCO BCOS we follow, and which fiscop2p this is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

PROTOCOL_VERSION: Final = "2.11.1"
"""The release of FISCO BCOS whose P2P layer, configuration and queries we follow."""


def ownVersion() -> str:
    """The version of fiscop2p itself; words, if it is not installed."""
    try:
        return version("fiscop2p")
    except PackageNotFoundError:
        return "(not installed)"


def buildType() -> str:
    """What takes the place of a compiler's: C{Linux/CPython 3.11.7/fiscop2p 0.1.0}."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()}/{python}/fiscop2p {ownVersion()}"


def versionBlock() -> str:
    """
    What a node prints of its version.

    Its first line is the one that the official chain builder looks for; of ours nothing is built.
    """
    return (
        f"FISCO-BCOS Version : {PROTOCOL_VERSION}\n"
        "Build Time         :\n"
        f"Build Type         : {buildType()}\n"
        "Git Branch         :\n"
        "Git Commit Hash    :\n"
        f"This is fiscop2p {ownVersion()}: the P2P network of FISCO BCOS 2.x, without its chain"
    )
