"""A node's C{config.ini}: its dialect, what it says, and how it is changed."""

from .node import LOG_LEVELS, NodeConfig, checkConfig, loadConfig, nodeFromConfig

__all__ = ["LOG_LEVELS", "NodeConfig", "checkConfig", "loadConfig", "nodeFromConfig"]
