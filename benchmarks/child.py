"""
One of the two processes of an implementation: C{python -m benchmarks.child}, started by
L{benchmarks.pair}, with the implementation, the role, the folder of the certificates, the core and
the links that there are to be.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

from .implementations import IMPLEMENTATIONS
from .load import Load
from .words import ERROR, say


def main(name: str, role: str, folder: str, core: str, load: str) -> int:
    """Be it, until the benchmark ends or something fails."""
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {int(core)})
        implementation = IMPLEMENTATIONS[name]
        module = import_module(f"benchmarks.implementations.{implementation.module}")
        module.runSide(role, Path(folder), Load(*json.loads(load)), **implementation.options)
    except Exception:
        say(**{ERROR: traceback.format_exc()})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
