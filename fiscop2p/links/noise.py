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


@dataclass(slots=True)
class _Silence:
    """The time after a complaint in which the same one is only counted."""

    ends: float
    period: float
    repeated: int = 0
    last: _Complaint | None = None


class Noise:
    """
    Logs the first complaint of a kind at once; the same ones that follow are one line a minute,
    which is the last of them and says C{repeated=N}.

    Where there are more kinds than L{MOST}, the others count as one.  All have one timer: one for
    each would take more room than all else that is kept of it.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._running = False
        self._silences: dict[Hashable, _Silence] = {}
        self._timer: IDelayedCall | None = None

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
        ends = self._clock.seconds() + period
        self._silences[kind] = _Silence(ends, period)
        self._lookAt(ends)

    def _lookAt(self, when: float) -> None:
        """See at a time, or before, which silences have ended."""
        wait = max(0.0, when - self._clock.seconds())
        if self._timer is None:
            self._timer = self._clock.callLater(wait, self._look)
        elif when < self._timer.getTime():
            self._timer.reset(wait)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        ended = [kind for kind, silence in self._silences.items() if silence.ends <= now]
        for kind in ended:
            # Who reads the line of one of them may have stopped all.
            if kind in self._silences:
                self._ended(kind)
        if self._silences:
            self._lookAt(min(silence.ends for silence in self._silences.values()))

    def _ended(self, kind: Hashable) -> None:
        silence = self._silences.pop(kind)
        if silence.last is not None:
            self._begin(kind, silence.period)
            _tell(silence)

    def start(self) -> None:
        """Bound complaints from now on; before that all are logged."""
        self._running = True

    def stop(self) -> None:
        """Log what is counted, and from now on all."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        silences, self._silences = self._silences, {}
        for silence in silences.values():
            _tell(silence)


def _tell(silence: _Silence) -> None:
    if silence.last is not None:
        log, level, text, fields = silence.last
        log.emit(level, text + ",repeated={repeated}", repeated=silence.repeated, **fields)
