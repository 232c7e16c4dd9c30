"""How times, sizes and the texts of others are shown to people."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def sizeWords(count: float) -> str:
    """A number of bytes: C{812 B}, C{1.2 kB}, C{340 MB}."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in _UNITS:
        count /= 1000
        if count < 999.5 or unit == _UNITS[-1]:
            break
    return f"{count:.3g} {unit}" if count < 999.5 else f"{count:.0f} {unit}"


def durationWords(seconds: float) -> str:
    """A time that has passed, in its two greatest units: C{8s}, C{3m 20s}, C{4d 2h}."""
    rest = max(int(seconds), 0)
    words: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or words:
            words.append(f"{count}{unit}")
    return " ".join(word for word in words[:2] if word[:-1] != "0") or "0s"


def latencyWords(seconds: float | None) -> str:
    """A round trip in milliseconds; a dash if there was none."""
    if seconds is None:
        return "-"
    milliseconds = seconds * 1000
    return f"{milliseconds:.3g} ms" if milliseconds < 999.5 else f"{milliseconds:.0f} ms"


def safe(text: str) -> str:
    """
    A text of somebody else, in one line and without what a terminal would obey.

    What cannot be shown is written as Python writes it.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(count: int, one: str, many: str | None = None) -> str:
    """A number of things: C{1 node}, C{3 nodes}."""
    return f"{count} {one if count == 1 else many or one + 's'}"
