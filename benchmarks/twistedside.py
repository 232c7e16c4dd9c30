"""One of the two processes of an implementation that runs on Twisted's reactor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import provider

from .channel import Channel, TwistedEnds
from .load import Load
from .operations import OPERATIONS
from .words import CONNECT, ERROR, READY, RESULT, RUN, Words, decode, say


class Side(LineOnlyReceiver):
    """Does what the benchmark orders on standard input."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self, role: str, load: Load, ends: TwistedEnds, reactor: Any) -> None:
        self._role = role
        self._load = load
        self._ends = ends
        self._reactor = reactor
        self._channel: Channel | None = None

    def connectionMade(self) -> None:
        """Listen, if that is our role."""
        isReceiver = self._role == "receiver"
        where = self._ends.listen(self._load, self._accept) if isReceiver else {}
        say(**{READY: {"summary": self._ends.summary, **where}})

    def lineReceived(self, line: bytes) -> None:
        """The benchmark orders something."""
        words = decode(line)
        if CONNECT in words:
            self._do(self._connect(words[CONNECT]))
        elif RUN in words:
            self._do(self._run(words[RUN]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The benchmark has gone."""
        if self._reactor.running:
            self._reactor.stop()

    def _do(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(failed)

    async def _connect(self, where: Words) -> None:
        self._channel = await self._ends.connect(self._load, where)
        say(**{READY: {}})

    async def _run(self, order: Words) -> None:
        if self._channel is None:
            raise RuntimeError("ordered to run before there is a channel")
        operation = OPERATIONS[order["operation"]]
        say(**{RESULT: await operation.send(self._channel, self._reactor, order)})

    def _accept(self, channel: Channel) -> None:
        self._do(self._serve(channel))

    async def _serve(self, channel: Channel) -> None:
        while True:
            order = await channel.hear()
            await OPERATIONS[order["operation"]].receive(channel, self._reactor, order)


def failed(failure: Failure) -> None:
    """Tell the benchmark that this side cannot go on."""
    say(**{ERROR: failure.getTraceback()})


def linkEnded() -> None:
    """Tell the benchmark that the link between the two sides has ended."""
    say(**{ERROR: "the link between sender and receiver has ended"})


@provider(ILogObserver)
def _sayErrors(event: LogEvent) -> None:
    """Whatever is logged as an error makes the figures worthless."""
    if event.get("log_level", LogLevel.info) >= LogLevel.error:
        say(**{ERROR: eventAsText(event)})


def runTwistedSide(role: str, load: Load, makeEnds: Callable[[Any], TwistedEnds]) -> None:
    """
    Be one of the two processes, until standard input ends.

    @param role: C{"sender"} or C{"receiver"}.
    @param load: how many links there are to be.
    @param makeEnds: takes the reactor.
    """
    reactor: Any = _reactor
    warnings = FilteringLogObserver(
        textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(LogLevel.warn)]
    )
    globalLogBeginner.beginLoggingTo([_sayErrors, warnings], redirectStandardIO=False)
    side = Side(role, load, makeEnds(reactor), reactor)
    # It would make its output non-blocking; ours may be a long line.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    reactor.callWhenRunning(StandardIO, side, stdout=nowhere)
    reactor.run()
