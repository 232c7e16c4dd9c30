"""Complaints about peers, so few that they can be read however often a peer gives cause."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

PERIOD: Final = 60.0
"""Seconds in which the same complaint is logged once."""

MOST: Final = 500
"""Complaints that are told apart at a time."""


class _Complaint(NamedTuple):
    log: Logger
    level: Any
    text: str
    fields: dict[str, object]


@dataclass
class _Silence:
    """The time after a complaint in which the same one is only counted."""

    ends: IDelayedCall
    repeated: int = 0
    last: _Complaint | None = None


class Noise:
    """
    Logs the first complaint of a kind at once; the same ones that follow are one line a minute,
    which is the last of them and says C{repeated=N}.

    Where there are more kinds than L{MOST}, the others count as one.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running = False
        self._silences: dict[Hashable, _Silence] = {}

    def complain(
        self,
        log: Logger,
        level: Any,
        kind: Hashable,
        text: str,
        period: float = PERIOD,
        **fields: object,
    ) -> None:
        """
        Log a complaint: now, or counted with others.

        @param level: a L{LogLevel}.
        @param kind: what is the same complaint again: about whom, and what for.  It must not hold
            what a peer can vary.
        @param text: a format, as L{Logger} has it, of C{fields}.
        @param period: seconds in which one is logged.
        """
        if not self._running:
            log.emit(level, text, **fields)
            return
        if kind not in self._silences and len(self._silences) >= MOST:
            kind = level
            text = "more peers are at fault than are told apart, one of them: " + text
        silence = self._silences.get(kind)
        if silence is None:
            self._begin(kind, period)
            log.emit(level, text, **fields)
        else:
            silence.repeated += 1
            silence.last = _Complaint(log, level, text, fields)

    def failed(
        self, log: Logger, kind: Hashable, text: str, failure: Failure, **fields: object
    ) -> None:
        """
        Log a failure: the first of a kind and a type with its traceback, the same ones that follow
        as L{complain} does.

        @param text: a format of C{fields}.
        """
        kind = kind, failure.type
        if self._running and kind in self._silences:
            text, fields = text + ": {error}", {**fields, "error": failure.getErrorMessage()}
        else:
            fields["log_failure"] = failure
        self.complain(log, LogLevel.critical, kind, text, PERIOD, **fields)

    def _begin(self, kind: Hashable, period: float) -> None:
        ends = self._clock.callLater(period, self._ended, kind, period)
        self._silences[kind] = _Silence(ends)

    def _ended(self, kind: Hashable, period: float) -> None:
        silence = self._silences.pop(kind)
        if silence.last is not None:
            self._begin(kind, period)
            _tell(silence)

    def start(self) -> None:
        """Bound complaints from now on; before that all are logged."""
        self._running = True

    def stop(self) -> None:
        """Log what is counted, and from now on all."""
        self._running = False
        silences, self._silences = self._silences, {}
        for silence in silences.values():
            silence.ends.cancel()
            _tell(silence)


def _tell(silence: _Silence) -> None:
    if silence.last is not None:
        log, level, text, fields = silence.last
        log.emit(level, text + ",repeated={repeated}", repeated=silence.repeated, **fields)
