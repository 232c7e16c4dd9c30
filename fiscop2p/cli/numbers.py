"""What options take that are numbers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.python import usage


def counts(option: str, least: int = 1, most: int = 999_999_999) -> Callable[[str], int]:
    """
    Read whole numbers.

    @param option: what the option is called, for people.
    @return: raises L{UsageError} for what is none.
    """

    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        raise usage.UsageError(f"{option} takes a number from {least} to {most}, not {text!r}")

    return read


def seconds(option: str, least: float, most: float = 3600) -> Callable[[str], float]:
    """
    Read times in seconds.

    @param option: what the option is called, for people.
    @return: raises L{UsageError} for what is none, or out of bounds.
    """

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if least <= found <= most:
            return found
        raise usage.UsageError(f"{option} takes seconds, from {least:g} to {most:g}, not {text!r}")

    return read
