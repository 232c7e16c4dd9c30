"""The statistics of the network as a file, FISCO BCOS's C{stat/stat_*.log}."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .statistics import MAX_GROUPS, Statistics

_NAME: Final = "stat_%Y%m%d%H.%M.log"


class StatisticsFile(Service):
    """
    Writes the statistics regularly, from its start to its end; the figures are bytes since the
    lines before.

    There is a new file every hour.  While it cannot be written, the figures add up.
    """

    _log = Logger()

    def __init__(
        self,
        statistics: Statistics,
        folder: Path,
        interval: float,
        clock: IReactorTime,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """
        @param statistics: those of the node; see L{P2PService.traffic}.
        @param folder: where the files are, made if it is missing.
        @param interval: in seconds.
        @param clock: what the interval goes by.
        @param now: the local time.
        """
        self._statistics = statistics
        self._folder = folder.absolute()
        self._now = now
        self._interval = interval
        self._hour: tuple[int, ...] = ()
        self._path = self._folder
        self._loop = LoopingCall(self._write)
        self._loop.clock = clock

    def startService(self) -> None:
        """Write at once, and from now on."""
        super().startService()
        self._loop.start(self._interval)

    def stopService(self) -> None:
        """Write what is left, and nothing any more."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
            self._write()

    def _write(self) -> None:
        now = self._now()
        hour = now.timetuple()[:4]
        if hour != self._hour:
            self._hour, self._path = hour, self._folder / now.strftime(_NAME)
        start = f"info|{now.isoformat(' ', 'microseconds')}|"
        text = "".join(f"{start}{line}\n" for line in self._statistics.lines())
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii") as file:
                file.write(text)
        except OSError as error:
            self._log.error(
                "cannot write the statistics to {path}: {reason}; see to its folder, or set [log] "
                "enable_statistic=false",
                path=self._path,
                reason=error.strerror,
            )
            return
        if self._statistics.uncounted:
            self._log.warn(
                "the statistics lack {size} bytes: there are more than {most} groups",
                size=self._statistics.uncounted,
                most=MAX_GROUPS,
            )
        self._statistics.reset()
