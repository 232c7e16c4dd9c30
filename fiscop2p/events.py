"""Something that happens, and those who want to be told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, ParamSpec

from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

P = ParamSpec("P")


class Event(Generic[P]):
    """
    A list of callbacks, functions or coroutine functions; one that fails is logged and keeps nobody
    else from being told.
    """

    _log = Logger()

    def __init__(self, noise: Any = None) -> None:
        """
        @param noise: a L{Noise} that bounds what is logged of those that fail; if not given, each
            time is logged.
        """
        self._noise = noise
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
            # A plain function is done at once, a Deferred or a coroutine later.
            done = maybeDeferred(self._call, callback, *args, **kwargs)
            done.addErrback(partial(self._failed, callback))

    def _call(self, callback: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> object:
        return callback(*args, **kwargs)

    def _failed(self, callback: Callable[P, object], failure: Failure) -> None:
        text = "callback {callback} failed"
        if self._noise is None:
            self._log.failure(text, failure, callback=callback)
        else:
            name = getattr(callback, "__qualname__", type(callback).__qualname__)
            self._noise.failed(self._log, ("callback", name), text, failure, callback=callback)
