"""Something that happens, and those who want to be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

from twisted.logger import Logger

P = ParamSpec("P")


class Event(Generic[P]):
    """
    A list of callbacks; one that fails is logged and keeps nobody else from being told.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._callbacks: list[Callable[P, object]] = []

    def subscribe(self, callback: Callable[P, object]) -> None:
        """Have a callback called whenever it happens."""
        self._callbacks.append(callback)

    def unsubscribe(self, callback: Callable[P, object]) -> None:
        """
        Undo L{subscribe}.

        @raise ValueError: the callback is not subscribed.
        """
        self._callbacks.remove(callback)

    def fire(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell everybody."""
        for callback in list(self._callbacks):
            try:
                callback(*args, **kwargs)
            except Exception:
                self._log.failure("callback {callback} failed", callback=callback)
