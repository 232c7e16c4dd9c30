"""
Where commands print: a terminal, in colours if C{rich} is installed, or a file or pipe.

What is printed anywhere else than on a terminal is plain text, in columns that nothing cuts short.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

COLOURS: Final[Mapping[str, str]] = {
    "connected": "green",
    "ready": "green",
    "silent": "yellow",
    "gone": "red",
    "not ready": "red",
}
"""How words that stand alone in a cell look."""

_GAP: Final = "   "


@dataclass
class Table:
    """
    A table.

    @ivar columns: their titles.
    @ivar rows: of as many cells each.
    @ivar right: the titles of the columns that are set flush right.
    @ivar note: a line below it, or empty.
    """

    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    right: frozenset[str] = frozenset()
    note: str = ""


class Terminal:
    """
    Standard output.
    """

    def __init__(self) -> None:
        isTerminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._isRich = isTerminal and find_spec("rich") is not None

    def table(self, table: Table) -> None:
        """Print a table."""
        if self._isRich:
            _console().print(_richTable(table))
        else:
            print(_plainTable(table), flush=True)

    @contextmanager
    def picture(self) -> Iterator[Callable[[Table], object]]:
        """
        Show tables one after the other: each in the place of the one before, or below it where that
        cannot be.

        @return: what is given each table.
        """
        if not self._isRich:
            yield lambda table: print(_plainTable(table), end="\n\n", flush=True)
            return
        from rich.live import Live

        with Live(console=_console(), auto_refresh=False) as live:
            yield lambda table: live.update(_richTable(table), refresh=True)

    @contextmanager
    def progress(self, what: str, size: int, done: int = 0) -> Iterator[Callable[[int], object]]:
        """
        Show how many bytes of something are done, where that can be shown.

        @param size: how many there are.
        @param done: how many are done already.
        @return: what is told how many are done.
        """
        if not self._isRich:
            yield lambda done: None
            return
        from rich import progress

        with progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=_console(),
        ) as shown:
            task = shown.add_task(what, total=size, completed=done)
            yield lambda done: shown.update(task, completed=done)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _richTable(table: Table) -> RenderableType:
    from rich import box
    from rich import table as tables
    from rich.text import Text

    made = tables.Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in table.columns:
        justify: Any = "right" if title in table.right else "left"
        made.add_column(title, justify=justify, overflow="ellipsis", no_wrap=True)
    for row in table.rows:
        made.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    if table.note:
        made.caption, made.caption_justify = Text(table.note), "left"
    return made


def _plainTable(table: Table) -> str:
    titles = [title.upper() for title in table.columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *table.rows, strict=True)]
    lines = []
    for row in (titles, *table.rows):
        cells = [
            cell.rjust(width) if title in table.right else cell.ljust(width)
            for title, cell, width in zip(table.columns, row, widths, strict=True)
        ]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join([*lines, table.note] if table.note else lines)
