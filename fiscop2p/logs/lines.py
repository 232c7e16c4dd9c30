"""An event of the log as a line: as FISCO BCOS 2.11 writes it, or as a JSON object."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from threading import current_thread, get_ident
from typing import Any, Final, TypeAlias

from twisted.logger import LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.python.reflect import safe_repr, safe_str

Line: TypeAlias = Callable[[LogEvent], str]
"""Writes an event as one line and its end; as nothing if there is nothing to say."""

LAYOUT: Final = "%Severity%|%TimeStamp%|%ThreadName%-%ThreadID%|%Message%"
"""How FISCO BCOS lays a line out, in the words of Boost.Log."""

_BADGES: Final = {
    "fiscop2p": "[P2P][Service]",
    "fiscop2p.links.host": "[NETWORK][Host]",
    "fiscop2p.links.session": "[NETWORK][Session]",
    "fiscop2p.sync": "[NETWORK][Session]",
    "fiscop2p.wire": "[P2P][P2PMessage]",
    "fiscop2p.rpc": "[RPC]",
    "fiscop2p.config": "[ConfigInitializer]",
    "fiscop2p.logs": "[ConfigInitializer]",
    "fiscop2p.reload": "[ConfigInitializer]",
    "fiscop2p.cli": "[INITIALIZER]",
    "fiscop2p.daemon": "[INITIALIZER]",
    "fiscop2p.tap": "[INITIALIZER]",
}
"""
FISCO BCOS's name for who speaks, by the logger's namespace or what it begins with; others have
their namespace.
"""

_LEVELS: Final = {
    LogLevel.critical: "fatal",
    LogLevel.error: "error",
    LogLevel.warn: "warning",
    LogLevel.info: "info",
    LogLevel.debug: "debug",
}

_PLACEHOLDER: Final = re.compile("%([A-Za-z]+)%")
_KNOWN: Final = frozenset(_PLACEHOLDER.findall(LAYOUT))

_NOT_FIELDS: Final = frozenset(("message", "time", "system", "format", "isError", "failure", "why"))
"""What Twisted adds to events for observers of its older kind."""


def layout(template: str) -> Line:
    """
    Make the lines of a layout.  What a failure has to tell follows in indented lines.

    @param template: as Boost.Log has it: text, and C{%Severity%}, C{%TimeStamp%}, C{%ThreadName%},
        C{%ThreadID%} and C{%Message%}.
    @raise ValueError: there is something else between percent signs.
    """
    used = _PLACEHOLDER.findall(template)
    if not _KNOWN.issuperset(used) or "%" in _PLACEHOLDER.sub("", template):
        raise ValueError(f"{template!r} has more than {LAYOUT!r}")
    braced = template.replace("{", "{{").replace("}", "}}")
    form = _PLACEHOLDER.sub(r"{\1}", braced)

    def line(event: LogEvent) -> str:
        text = _text(event)
        if not text:
            return ""
        written = form.format(
            Severity=_level(event),
            TimeStamp=f"{_time(event):%Y-%m-%d %H:%M:%S.%f}",
            ThreadName=_escaped(current_thread().name),
            ThreadID=f"0x{get_ident():016x}",
            Message=f"{_badge(event.get('log_namespace', ''))} {_escaped(text)}",
        )
        return "\n    ".join((written, *map(_escaped, _traceback(event)))) + "\n"

    return line


def jsonLine(event: LogEvent) -> str:
    """
    Write an event as a JSON object: C{time} (ISO 8601), C{level}, C{namespace}, C{message}; the
    event's own C{fields} and its failure's C{traceback} where there are such.
    """
    text = _text(event)
    if not text:
        return ""
    record: dict[str, object] = {
        "time": _time(event).astimezone().isoformat(timespec="microseconds"),
        "level": _level(event),
        "namespace": event.get("log_namespace", ""),
        "message": text,
    }
    fields = {
        key: _plain(value)
        for key, value in event.items()
        if not key.startswith("log_") and key not in _NOT_FIELDS
    }
    if fields:
        record["fields"] = fields
    traceback = _traceback(event)
    if traceback:
        record["traceback"] = "\n".join(traceback)
    return json.dumps(record) + "\n"


def _text(event: LogEvent) -> str:
    if "log_text" in event and _failure(event) is not None:
        # An error of Twisted's older log has its traceback in the text, too.
        return str(event.get("why") or "Unhandled Error")
    return formatEvent(event)


def _failure(event: LogEvent) -> Failure | None:
    failure = event.get("log_failure", event.get("failure"))
    return failure if isinstance(failure, Failure) else None


def _traceback(event: LogEvent) -> list[str]:
    failure = _failure(event)
    if failure is None:
        return []
    try:
        text = failure.getTraceback()
    except Exception as error:
        text = f"(its traceback cannot be shown: {safe_str(error)})"
    return text.rstrip("\n").split("\n")


def _level(event: LogEvent) -> str:
    return _LEVELS[event.get("log_level") or LogLevel.info]


def _time(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(event["log_time"])


def _badge(namespace: str) -> str:
    known = namespace
    while known and known not in _BADGES:
        known = known.rpartition(".")[0]
    return _BADGES[known] if known else f"[{_escaped(namespace)}]"


def _escaped(text: str) -> str:
    """Nothing that a peer has a say in may begin a line, or make one look like another."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _plain(value: Any) -> object:
    """What JSON can say; anything else by its repr."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=safe_repr))
    except (TypeError, ValueError, RecursionError):
        return safe_repr(value)
