"""Chromium without a window, led by its DevTools protocol over a pair of pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""Where it is, or None: Debian's package chromium is not installed."""

_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)
_TIMEOUT = 60

_TWO_FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
_GRACE = 5


class Browser(ProcessProtocol):
    """
    A browser process.

    @ivar ended: fires when it is gone.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._folder = TemporaryDirectory(prefix="fiscop2p-browser-", ignore_cleanup_errors=True)
        self._numbers = count(1)
        self._waiting: dict[int, Deferred[Any]] = {}
        self._listeners: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._rest = b""
        self.ended: Deferred[None] = Deferred()
        arguments = [CHROMIUM, *_OPTIONS, f"--user-data-dir={self._folder.name}", "about:blank"]
        pipes = {0: "w", 1: "r", 2: "r", 3: "w", 4: "r"}
        environment = {**os.environ, "HOME": self._folder.name}
        reactor.spawnProcess(self, CHROMIUM, arguments, environment, childFDs=pipes)

    async def open(self, url: str, width: int = 1280, height: int = 900) -> Page:
        """Open a page, and wait until it is there."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = Page(self, attached["sessionId"], self._reactor)
        await page.begin(width, height)
        await page.go(url)
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Deferred[Any]:
        """Have it do something."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        done: Deferred[Any] = Deferred()
        self._waiting[number] = done
        self.transport.writeToChild(3, json.dumps(message).encode() + b"\0")
        return done.addTimeout(_TIMEOUT, self._reactor)

    def listen(self, session: str, method: str, listener: Callable[[Any], None]) -> None:
        """Have a function told of what happens on a page."""
        self._listeners[f"{session} {method}"].append(listener)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD != 4:
            return
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                done = self._waiting.pop(message["id"])
                if "error" in message:
                    done.errback(RuntimeError(message["error"]["message"]))
                else:
                    done.callback(message["result"])
            else:
                for listener in self._listeners[f"{message.get('sessionId')} {message['method']}"]:
                    listener(message["params"])

    def processEnded(self, reason: Any) -> None:
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            done.errback(reason)
        self._folder.cleanup()
        self.ended.callback(None)

    def close(self) -> Deferred[None]:
        """End it, gently first."""
        if not self.ended.called:
            self.call("Browser.close").addErrback(lambda _: None)
            killing = self._reactor.callLater(_GRACE, self._kill)
            self.ended.addBoth(lambda _: killing.active() and killing.cancel())
        return self.ended

    def _kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            pass


class Page:
    """
    One page.

    @ivar errors: what its console was told that is an error.
    """

    def __init__(self, browser: Browser, session: str, reactor: Any) -> None:
        self.errors: list[str] = []
        self._browser = browser
        self._session = session
        self._reactor = reactor
        self._loaded: Deferred[None] = Deferred()

    def call(self, method: str, **parameters: Any) -> Deferred[Any]:
        """Have the browser do something with it."""
        return self._browser.call(method, self._session, **parameters)

    async def begin(self, width: int, height: int) -> None:
        """Watch its console, and give it a size."""
        for method, listener in (
            ("Runtime.exceptionThrown", self._thrown),
            ("Log.entryAdded", self._logged),
            ("Runtime.consoleAPICalled", self._called),
            ("Page.loadEventFired", lambda _: self._loaded.callback(None)),
        ):
            self._browser.listen(self._session, method, listener)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.resize(width, height)

    def _thrown(self, event: Any) -> None:
        self.errors.append(event["exceptionDetails"]["exception"].get("description", "?"))

    def _logged(self, event: Any) -> None:
        if event["entry"]["level"] == "error":
            self.errors.append(event["entry"]["text"] + " " + event["entry"].get("url", ""))

    def _called(self, event: Any) -> None:
        if event["type"] in ("error", "assert"):
            self.errors.append(str(event["args"]))

    async def go(self, url: str) -> None:
        """Go there, and wait until all is loaded."""
        self._loaded = Deferred()
        await self.call("Page.navigate", url=url)
        await self._loaded.addTimeout(_TIMEOUT, self._reactor)

    async def resize(self, width: int, height: int, isPhone: bool = False) -> None:
        """Give it another size; it is drawn anew by then, also what observes its size."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=isPhone,
        )
        await self.run(_TWO_FRAMES)

    async def prefer(self, scheme: str) -> None:
        """Have it be light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def run(self, script: str) -> Any:
        """Evaluate an expression, and wait for its value."""
        result = await self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"].get("description"))
        return result["result"].get("value")

    async def until(self, script: str, timeout: float = 15) -> None:
        """Wait until an expression is true."""
        began = self._reactor.seconds()
        while not await self.run(f"!!({script})"):
            if self._reactor.seconds() - began > timeout:
                raise AssertionError(f"not so within {timeout:g} s: {script}")
            await deferLater(self._reactor, 0.1)

    async def press(self, key: str, **more: Any) -> None:
        """Press a key."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
        known = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0), **more}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    async def picture(self, file: Path, whole: bool = False) -> None:
        """Take a picture of it."""
        taken = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))
