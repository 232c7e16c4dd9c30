"""What is wrong with a request."""

from __future__ import annotations

from typing import Any

from ..errors import FiscoP2PError


class Problem(FiscoP2PError):
    """
    A request cannot be answered; the message says why.

    @ivar code: the status that HTTP has for it.
    @ivar more: what the answer has beside the message.
    """

    def __init__(self, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code = code
        self.more = more
