"""One of the two processes of an implementation that blocks: what it does with its one link."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from time import perf_counter, process_time
from typing import TypeAlias

from .operations import OPERATIONS
from .operations.asking import requestValues
from .operations.flow import checkedValues
from .operations.oneway import ONE_WAY
from .operations.operation import payloadsOf
from .operations.request import REQUEST
from .window import Window
from .words import CONNECT, READY, RESULT, RUN, Words, decode, encode, say


class BlockingLink(ABC):
    """One end of a link; everything keeps its order."""

    @abstractmethod
    def sendAll(self, payloads: Iterable[bytes]) -> None:
        """Send payloads."""

    @abstractmethod
    def frames(self, count: int) -> Iterator[bytes | bytearray]:
        """
        Receive payloads.

        @param count: how many; fewer come only if the other end goes.
        """

    def tell(self, words: Words) -> None:
        """Tell the other end something."""
        self.sendAll((encode(words),))

    def hear(self) -> Words:
        """Wait for the next words from the other end."""
        return decode(bytes(self.receive()))

    def receive(self) -> bytes | bytearray:
        """Wait for the next payload."""
        payloads = list(self.frames(1))
        if not payloads:
            raise EOFError("the link between sender and receiver has ended")
        return payloads[0]


def _send(link: BlockingLink, order: Words) -> Words:
    size, count = order["size"], order["count"]
    payloads, window = cycle(payloadsOf(size)), Window.toOne(size)
    allowed, sent = window.steps * window.step, 0
    link.tell(order)
    link.hear()
    cpu, began = process_time(), perf_counter()
    while sent < count:
        while sent == allowed:
            link.hear()
            allowed += window.step
        batch = min(count, allowed) - sent
        link.sendAll(islice(payloads, batch))
        sent += batch
    words: Words = {}
    while "messages" not in words:
        words = link.hear()
    return checkedValues(words, size, count, perf_counter() - began, process_time() - cpu)


def _receive(link: BlockingLink, order: Words) -> None:
    count, step = order["count"], Window.toOne(order["size"]).step
    messages = size = 0
    cpu = process_time()
    link.tell({})
    upcoming = min(step, count)
    for payload in link.frames(count):
        size += len(payload)
        messages += 1
        if messages == upcoming:
            upcoming = min(upcoming + step, count)
            if messages < count:
                link.tell({})
    link.tell({"messages": messages, "bytes": size, "cpu": process_time() - cpu})


def _ask(link: BlockingLink, order: Words) -> Words:
    size, count = order["size"], order["count"]
    latencies = []
    link.tell(order)
    link.hear()
    cpu, began = process_time(), perf_counter()
    for payload in islice(cycle(payloadsOf(size)), count):
        asked = perf_counter()
        link.sendAll((payload,))
        answer = link.receive()
        latencies.append(perf_counter() - asked)
        if len(answer) != size:
            raise ValueError(f"the answer to {size} bytes has {len(answer)}")
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return requestValues(order, latencies, seconds, cpu, link.hear()["cpu"])


def _answer(link: BlockingLink, order: Words) -> None:
    cpu = process_time()
    link.tell({})
    for payload in link.frames(order["count"]):
        link.sendAll((bytes(payload),))
    link.tell({"cpu": process_time() - cpu})


_Halves: TypeAlias = tuple[
    Callable[[BlockingLink, Words], Words], Callable[[BlockingLink, Words], None]
]

_HALVES: dict[str, _Halves] = {ONE_WAY.name: (_send, _receive), REQUEST.name: (_ask, _answer)}

BLOCKING_OPERATIONS = tuple(name for name in OPERATIONS if name in _HALVES)
"""What an implementation that blocks can do."""


def runBlockingReceiver(summary: str, where: Words, accept: Callable[[], BlockingLink]) -> None:
    """
    Be the receiver, until the link ends.

    @param summary: what the implementation says of itself.
    @param where: for the sender.
    @param accept: waits for its link.
    """
    say(**{READY: {"summary": summary, **where}})
    link = accept()
    while True:
        order = link.hear()
        _HALVES[order["operation"]][1](link, order)


def runBlockingSender(summary: str, connect: Callable[[Words], BlockingLink]) -> None:
    """
    Be the sender, until standard input ends.

    @param connect: takes where the receiver is.
    """
    say(**{READY: {"summary": summary}})
    link: BlockingLink | None = None
    for line in sys.stdin.buffer:
        words = decode(line)
        if CONNECT in words:
            link = connect(words[CONNECT])
            say(**{READY: {}})
        elif link is not None:
            order = words[RUN]
            say(**{RESULT: _HALVES[order["operation"]][0](link, order)})
