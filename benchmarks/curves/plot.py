"""A plot of lines with logarithmic axes, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Final, TypeAlias

Points: TypeAlias = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 150, 40, 60
_COLOURS: Final = ("#2f7ed8", "#d9722b", "#3a9d5d", "#a357c4", "#c0392b")
_STYLE: Final = (
    "svg{color:#1f2328;font:13px sans-serif}"
    "@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"
    "text{fill:currentColor}"
)


@dataclass(frozen=True)
class Axis:
    """
    A logarithmic axis.

    @ivar least: where it begins, as a power of ten.
    @ivar most: where it ends.
    @ivar start: the pixel of its beginning.
    @ivar end: the pixel of its end.
    """

    least: float
    most: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        part = (log10(value) - self.least) / (self.most - self.least)
        return round(self.start + part * (self.end - self.start), 1)


def drawing(
    title: str,
    xTitle: str,
    yTitle: str,
    lines: Mapping[str, Points],
    tick: Callable[[int], str],
    guided: bool,
) -> str:
    """
    Draw lines.

    @param lines: x and y of the points of each line, ascending by x, by its name.
    @param tick: writes an x for people.
    @param guided: whether a dashed line shows what would be linear.
    @return: the SVG document.
    """
    points = [point for line in lines.values() for point in line]
    xs = sorted({x for x, _ in points})
    ys = [log10(y) for _, y in points]
    margin = 0.0 if len(xs) > 1 else 0.5
    x = Axis(log10(xs[0]) - margin, log10(xs[-1]) + margin, _LEFT, _WIDTH - _RIGHT)
    bottom, top = floor(min(ys)), ceil(max(ys))
    y = Axis(bottom, max(top, bottom + 1), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        _text(_LEFT, _TOP - 18, title, weight="bold"),
        *_frame(x, y, xs, tick),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, xTitle, anchor="middle"),
        f'<g transform="rotate(-90)">{_text(-_HEIGHT / 2, 20, yTitle, anchor="middle")}</g>',
    ]
    if guided:
        parts += _guide(x, y, next(iter(lines.values())))
        parts += _legend(len(lines), "linear", "currentColor", dashed=True)
    for index, (name, line) in enumerate(lines.items()):
        parts += _line(x, y, line, _COLOURS[index % len(_COLOURS)])
        parts += _legend(index, name, _COLOURS[index % len(_COLOURS)], dashed=False)
    return "\n".join([*parts, "</svg>", ""])


def _frame(x: Axis, y: Axis, xs: Iterable[float], tick: Callable[[int], str]) -> Iterable[str]:
    yield (f'<path d="M{x.start},{y.end}V{y.start}H{x.end}" fill="none" stroke="currentColor"/>')
    for value in xs:
        yield f'<path d="M{x.at(value)},{y.start}v5" stroke="currentColor"/>'
        yield _text(x.at(value), y.start + 20, tick(int(value)), anchor="middle", size=11)
    for power in range(int(y.least), int(y.most) + 1):
        level = y.at(10**power)
        yield f'<path d="M{x.start},{level}H{x.end}" stroke="currentColor" opacity=".2"/>'
        yield _text(x.start - 8, level + 4, f"{10**power:,}", anchor="end", size=11)


def _guide(x: Axis, y: Axis, line: Points) -> Iterable[str]:
    """Through the last point of the first line, which grows slower where it is above the guide."""
    lastX, lastY = line[-1]
    firstX = max(line[0][0], lastX * 10**y.least / lastY)
    firstY = lastY * firstX / lastX
    yield (
        f'<path d="M{x.at(firstX)},{y.at(firstY)}L{x.at(lastX)},{y.at(lastY)}" fill="none" '
        'stroke="currentColor" stroke-dasharray="4 4"/>'
    )


def _line(x: Axis, y: Axis, line: Points, colour: str) -> Iterable[str]:
    places = " ".join(f"{x.at(each)},{y.at(value)}" for each, value in line)
    yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for each, value in line:
        yield f'<circle cx="{x.at(each)}" cy="{y.at(value)}" r="3" fill="{colour}"/>'


def _legend(index: int, name: str, colour: str, dashed: bool) -> Iterable[str]:
    left, level = _WIDTH - _RIGHT + 12, _TOP + 8 + 20 * index
    dashes = ' stroke-dasharray="4 4"' if dashed else ""
    yield f'<path d="M{left},{level}h20" stroke="{colour}" stroke-width="2"{dashes}/>'
    yield _text(left + 26, level + 4, name, size=12)


def _text(
    x: float, y: float, text: str, anchor: str = "start", size: int = 13, weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
