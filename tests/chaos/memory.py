"""What a process holds: memory, objects, files."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

MIB: Final = 1 << 20
KIB: Final = 1 << 10


def statusOf(key: str, process: int | str = "self") -> float:
    """
    A line of C{/proc/PID/status}: C{VmRSS}, C{VmHWM} (its peak), C{VmPeak} (of address space).

    @return: in MiB.
    """
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) / KIB
    raise KeyError(key)


def openFiles(process: int | str = "self") -> int:
    """How many files and sockets a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))


def blocks() -> int:
    """How many blocks of memory Python's objects of this process take, after a clean-up."""
    gc.collect()
    return sys.getallocatedblocks()


def tracedPeak(act: Callable[[], object]) -> float:
    """
    Do something.

    @return: how much more memory Python held on the way than before, at most, in KiB.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        act()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (peak - before) / KIB
