"""
A network of nodes in memory, under a virtual clock: for tests of this package and of applications.

The protocol code is the real one; there is no socket and nobody sleeps.
"""

from .clock import VirtualClock
from .network import MemoryNetwork

__all__ = ["MemoryNetwork", "VirtualClock"]
