"""The two processes of an implementation, as the benchmark drives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import IO, Final

from .implementations import Implementation
from .load import Load
from .operations import Operation
from .operations.operation import orderOf
from .words import CONNECT, ERROR, READY, RESULT, RUN, Words, decode, encode

START_TIMEOUT: Final = 180.0
RUN_TIMEOUT: Final = 120.0

_ROOT: Final = Path(__file__).resolve().parent.parent
_ROLES: Final = ("sender", "receiver")


class ChildFailed(Exception):
    """A process of an implementation went wrong; the message holds what it said."""


def coresToUse() -> tuple[int, int]:
    """The cores of sender and receiver: two different ones, where there are two."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[min(1, len(cores) - 1)]


class Pair:
    """
    Sender and receiver of an implementation, each bound to its core.

    @ivar summary: what the implementation says of itself, once L{connect} is done.
    """

    def __init__(self, implementation: Implementation, folder: Path, load: Load) -> None:
        """
        Start both.

        @param folder: of the certificates.
        @param load: how many links there are to be.
        """
        self.summary = ""
        self._name = implementation.name
        self._heard: Queue[tuple[str, Words | None]] = Queue()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._listeners: list[Thread] = []
        for role, core in zip(_ROLES, coresToUse(), strict=True):
            self._start(role, [self._name, role, str(folder), str(core), json.dumps(load)])

    def _start(self, role: str, arguments: list[str]) -> None:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        assert child.stdout is not None
        self._children[role] = child
        listener = Thread(target=self._listen, args=(role, child.stdout), daemon=True)
        self._listeners.append(listener)
        listener.start()

    def _listen(self, role: str, output: IO[bytes]) -> None:
        with output:
            for line in output:
                try:
                    self._heard.put((role, decode(line)))
                except ValueError:
                    self._heard.put((role, {ERROR: f"it said {line!r}, which is not JSON"}))
        self._heard.put((role, None))

    def connect(self) -> None:
        """
        Wait until both stand, and connect them.

        @raise ChildFailed: one of them failed, or took too long.
        """
        waiting = set(_ROLES)
        where: Words = {}
        deadline = monotonic() + START_TIMEOUT
        while waiting:
            role, words = self._hear(READY, deadline)
            waiting.discard(role)
            if role == "receiver":
                where = words
        self.summary = where["summary"]
        self._tell({CONNECT: where})
        self._hear(READY, deadline)

    def run(self, operation: Operation, load: Load, count: int, seconds: float) -> dict[str, float]:
        """
        Do it once; see L{orderOf}.

        @raise ChildFailed: one of them failed, or took too long.
        """
        self._tell({RUN: orderOf(operation, load, count, seconds)})
        _, values = self._hear(RESULT, monotonic() + RUN_TIMEOUT)
        return values

    def close(self) -> None:
        """End both, whatever they are doing."""
        for child in self._children.values():
            child.kill()
        for listener in self._listeners:
            listener.join()
        for child in self._children.values():
            child.wait()
            assert child.stdin is not None
            try:
                child.stdin.close()
            except BrokenPipeError:
                pass  # What was still to be written has nobody to read it.

    def _tell(self, words: Words) -> None:
        pipe = self._children["sender"].stdin
        assert pipe is not None
        try:
            pipe.write(encode(words) + b"\n")
            pipe.flush()
        except BrokenPipeError:
            pass  # It has ended, which is heard at once.

    def _hear(self, key: str, deadline: float) -> tuple[str, Words]:
        try:
            role, words = self._heard.get(timeout=max(0, deadline - monotonic()))
        except Empty:
            raise ChildFailed(f"{self._name}: nothing was heard in time, not {key!r}") from None
        if words is None:
            status = self._children[role].wait()
            raise ChildFailed(f"{self._name}: the {role} has ended with status {status}")
        if key not in words:
            raise ChildFailed(f"{self._name}: the {role} failed: {words.get(ERROR, words)}")
        found: Words = words[key]
        return role, found
