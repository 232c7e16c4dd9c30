"""
Takes the README's picture of the page: C{python docs/screenshot.py}.

It runs the demonstration, looks at its page for a while with Chromium (Debian's package chromium),
and writes C{docs/page.png}.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fiscop2p.demo import Demo  # noqa: E402
from tests.browser import CHROMIUM, Browser  # noqa: E402

FILE = ROOT / "docs" / "page.png"
WIDTH, HEIGHT = 1280, 880
LOOK = 12.0


async def take(reactor: Any) -> None:
    """Run the demonstration, and take the picture."""
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    demo = Demo("auto", False, reactor)
    demo.privilegedStartService()
    demo.startService()
    browser = Browser(reactor)
    try:
        page = await browser.open(demo.page, WIDTH, HEIGHT)
        await page.prefer("dark")
        await deferLater(reactor, LOOK)
        await page.picture(FILE)
    finally:
        await browser.close()
        await demo.stopService()
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(take(reactor)))
