"""A node's C{config.ini}: its dialect, what it says, and how it is changed."""

from .admin import AdminConfig, adminFromConfig
from .logging import LOG_LEVELS, LogConfig
from .node import NodeConfig, checkConfig, credentialsFromConfig, loadConfig, nodeFromConfig
from .rewriting import rewritePeers

__all__ = [
    "LOG_LEVELS",
    "AdminConfig",
    "LogConfig",
    "NodeConfig",
    "adminFromConfig",
    "checkConfig",
    "credentialsFromConfig",
    "loadConfig",
    "nodeFromConfig",
    "rewritePeers",
]
