"""
Where commands print: a terminal, in colours if C{rich} is installed, or a file or pipe.

What is printed anywhere else than on a terminal is plain text, in columns that nothing cuts short.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from unicodedata import east_asian_width

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
_WIDE_ENOUGH: Final = 30
"""Characters for which a long text shall have room in a line."""


@dataclass
class Table:
    """
    A table.

    @ivar columns: their titles.
    @ivar rows: of as many cells each.
    @ivar right: the titles of the columns that are set flush right.
    @ivar long: the titles of those whose texts may take several lines.
    @ivar spare: the titles of those that a terminal too narrow for all does without, the first
        first.
    @ivar note: a line below it, or empty.
    """

    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    right: frozenset[str] = frozenset()
    long: frozenset[str] = frozenset()
    spare: Sequence[str] = ()
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
            console = _console()
            console.print(_richTable(_fitted(table, console.width)))
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

        console = _console()
        with Live(console=console, auto_refresh=False) as live:
            yield lambda table: live.update(_richTable(_fitted(table, console.width)), refresh=True)

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


def _fitted(table: Table, width: int) -> Table:
    """Leave out what there is no room for."""
    spare = list(table.spare)
    missing: list[str] = []
    while spare and _width(table, missing) > width:
        missing.append(spare.pop(0))
    if not missing:
        return table
    kept = [index for index, title in enumerate(table.columns) if title not in missing]
    rows: list[Sequence[str]] = [[row[index] for index in kept] for row in table.rows]
    notes = [table.note] if table.note else []
    notes.append(f"no room for {', '.join(missing)}")
    columns = [table.columns[index] for index in kept]
    return replace(table, columns=columns, rows=rows, spare=(), note="; ".join(notes))


def _width(table: Table, missing: Collection[str]) -> int:
    """How many characters wide a table is without some columns."""
    widths = [
        min(widest, _WIDE_ENOUGH) if title in table.long else widest
        for title, widest in zip(table.columns, _widths(table), strict=True)
        if title not in missing
    ]
    return sum(widths) + len(_GAP) * (len(widths) - 1) + 2


def _widths(table: Table) -> list[int]:
    return [max(map(_length, cells)) for cells in zip(table.columns, *table.rows, strict=True)]


def _length(text: str) -> int:
    """In how many places of a terminal a text is shown: a Chinese character takes two."""
    return len(text) + sum(east_asian_width(character) in "FW" for character in text)


def _richTable(table: Table) -> RenderableType:
    from rich import box
    from rich import table as tables
    from rich.text import Text

    made = tables.Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for title in table.columns:
        justify: Any = "right" if title in table.right else "left"
        if title in table.long:
            made.add_column(title, justify=justify, overflow="fold")
        else:
            made.add_column(title, justify=justify, overflow="ellipsis", no_wrap=True)
    for row in table.rows:
        made.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    if table.note:
        made.caption, made.caption_justify = Text(table.note), "left"
    return made


def _plainTable(table: Table) -> str:
    lines = []
    widths = _widths(table)
    for row in ([title.upper() for title in table.columns], *table.rows):
        cells = []
        for title, cell, width in zip(table.columns, row, widths, strict=True):
            rest = " " * (width - _length(cell))
            cells.append(rest + cell if title in table.right else cell + rest)
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join([*lines, table.note] if table.note else lines)
