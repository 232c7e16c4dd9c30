"""What a node asks of the allocator of C."""

from __future__ import annotations

import platform
import sys
from subprocess import run
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p import service
from fiscop2p.testing import MemoryNetwork

_PROGRAM = """
from resource import RUSAGE_SELF, getrusage
from fiscop2p.memory import keepFreedMemory

def faultsOf(act):
    before = getrusage(RUSAGE_SELF).ru_minflt
    act()
    return getrusage(RUSAGE_SELF).ru_minflt - before

def large():
    one = bytearray(20 << 20)
    other = bytearray(20 << 20)

def several():
    for _ in range(3):
        keepFreedMemory()

print(faultsOf(several), faultsOf(large), faultsOf(large))
"""


@skipUnless(platform.libc_ver()[0] == "glibc", "other allocators do not care")
class KeepFreedMemoryTests(SynchronousTestCase):
    """Pages that a process takes from the system, in a process of its own."""

    def test_kept(self) -> None:
        """Large blocks are kept, and to have them kept takes no memory, however often asked."""
        done = run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
        asking, first, second = map(int, done.stdout.split())
        self.assertLess(asking, 500)
        # Where the system gives large pages the first time is cheap, too.
        self.assertLess(second, max(first // 4, 500))


class NodeTests(SynchronousTestCase):
    """Who asks for it."""

    def test_started(self) -> None:
        """A node that starts."""
        asked: list[None] = []
        self.patch(service, "keepFreedMemory", lambda: asked.append(None))
        MemoryNetwork(1).stop()
        self.assertEqual(asked, [None])
