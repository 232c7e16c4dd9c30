"""A node's C{config.ini}: its dialect, what it says, and how it is changed."""

from .logging import LOG_LEVELS, LogConfig
from .node import NodeConfig, checkConfig, loadConfig, nodeFromConfig
from .rewriting import rewritePeers

__all__ = [
    "LOG_LEVELS",
    "LogConfig",
    "NodeConfig",
    "checkConfig",
    "loadConfig",
    "nodeFromConfig",
    "rewritePeers",
]
