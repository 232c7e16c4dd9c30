"""
One of the two processes of an implementation: C{python -m benchmarks.child}, started by
L{benchmarks.pair}, with the implementation, the role, the folder of the certificates and the core.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from .implementations import IMPLEMENTATIONS
from .words import ERROR, say


def main(name: str, role: str, folder: str, core: str) -> int:
    """Be it, until the benchmark ends or something fails."""
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {int(core)})
        module = import_module(f"benchmarks.implementations.{IMPLEMENTATIONS[name].module}")
        module.runSide(role, Path(folder))
    except Exception:
        say(**{ERROR: traceback.format_exc()})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
