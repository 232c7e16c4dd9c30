"""
The process of one trial: C{python -m tests.chaos.one}, started by L{tests.chaos.making}, with the
trial, the seed, and how much to try; its last line is JSON.
"""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import asdict
from time import monotonic

from .trial import Skipped
from .trials import TRIALS


def main(name: str, seed: str, count: str) -> int:
    """Make the trial, and say what it has shown."""
    figures: list[dict[str, object]] = []
    words: dict[str, object] = {"figures": figures}
    start = monotonic()
    try:
        # One by one, so that those before a fault are told, too.
        for figure in TRIALS[name].run(int(seed), int(count)):
            figures.append(asdict(figure))
    except Skipped as why:
        words["skipped"] = str(why)
    except Exception:
        words["fault"] = traceback.format_exc()
    words["seconds"] = monotonic() - start
    print(json.dumps(words), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
