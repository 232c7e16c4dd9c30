"""
JSON-RPC 2.0 as FISCO BCOS nodes speak it, from the bytes of a request to those of its answer.

Codes and messages are theirs.  What no honest client sends is not JSON here: NaN, a key twice in an
object, integers and nesting without end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from twisted.logger import Logger

MAX_BATCH: Final = 100
"""Requests in one array."""

MAX_ANSWER: Final = 32 * 1024 * 1024
"""Characters of the answer to an array after which no more of its requests are answered."""


class Fault(NamedTuple):
    """What a request that fails is answered with."""

    code: int
    message: str


PARSE_ERROR: Final = Fault(-32700, "JSON_PARSE_ERROR: The JSON-Object is not JSON-Valid")
INVALID_REQUEST: Final = Fault(
    -32600, "INVALID_JSON_REQUEST: The JSON sent is not a valid JSON-RPC Request object"
)
METHOD_NOT_FOUND: Final = Fault(
    -32601, "METHOD_NOT_FOUND: The method being requested is not available on this server"
)
INVALID_PARAMS: Final = Fault(
    -32602, "INVALID_PARAMS: Invalid method parameters (invalid name and/or type) recognised"
)
INTERNAL_ERROR: Final = Fault(
    -32603, "INTERNAL_ERROR: the method failed; the log of the node says why"
)
NOT_A_NOTIFICATION: Final = Fault(
    -32604, "PROCEDURE_IS_METHOD: The requested notification is declared as a method"
)
ANSWER_TOO_LONG: Final = Fault(
    -32000, "ANSWER_TOO_LONG: the answers before this one are too long; ask for it alone"
)


class Method(NamedTuple):
    """
    What can be called.

    @ivar call: takes the C{params} of a request, L{None} if it has none; returns what JSON can say.
    @ivar parameters: the type of each, by position; if there are none, anything is taken.
    """

    call: Callable[[Any], object]
    parameters: tuple[type, ...] = ()


class JSONRPC:
    """The methods that can be called, and how requests are answered."""

    _log = Logger()

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods

    def answer(self, body: bytes) -> bytes:
        """
        Answer what was sent: a request, or an array of them.

        @return: one line of compact JSON in ASCII, its keys sorted.
        """
        try:
            sent = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_noConstant)
        except (ValueError, RecursionError):
            answer = _error(None, PARSE_ERROR)
        else:
            answer = self._answerBatch(sent) if isinstance(sent, list) else self._answerOne(sent)
        return answer.encode("ascii") + b"\n"

    def _answerBatch(self, requests: list[Any]) -> str:
        if not requests:
            return _error(None, INVALID_REQUEST)
        if len(requests) > MAX_BATCH:
            code, message = INVALID_REQUEST
            found = f"{len(requests)} requests in a batch, {MAX_BATCH} are the most"
            return _error(None, Fault(code, f"{message}: {found}"))
        answers: list[str] = []
        length = 0
        for request in requests:
            answers.append(self._answerOne(request, length <= MAX_ANSWER))
            length += len(answers[-1])
        return f"[{','.join(answers)}]"

    def _answerOne(self, request: Any, hasRoom: bool = True) -> str:
        if not isinstance(request, dict) or not _isScalar(request.get("id")):
            return _error(None, INVALID_REQUEST)
        requestID, params = request.get("id"), request.get("params")
        fault = self._fault(request, params)
        if fault is None and not hasRoom:
            fault = ANSWER_TOO_LONG
        if fault is not None:
            return _error(requestID, fault)
        name = request["method"]
        try:
            result = self._methods[name].call(params)
            return _compact({"id": requestID, "jsonrpc": "2.0", "result": result})
        except Exception:
            self._log.failure("JSON-RPC method {method} failed", method=name)
            return _error(requestID, INTERNAL_ERROR, data=None)

    def _fault(self, request: dict[str, Any], params: Any) -> Fault | None:
        """What is wrong with a request, the first of it that FISCO BCOS nodes would name."""
        name = request.get("method")
        if not (
            request.get("jsonrpc") == "2.0"
            and isinstance(name, str)
            and (params is None or isinstance(params, list | dict))
        ):
            return INVALID_REQUEST
        if name not in self._methods:
            return METHOD_NOT_FOUND
        if "id" not in request:
            return NOT_A_NOTIFICATION
        if not _fit(params, self._methods[name].parameters):
            return INVALID_PARAMS
        return None


def _isScalar(requestID: Any) -> bool:
    """Whether it may be the ID of a request: C{True} is no integer in JSON."""
    return requestID is None or type(requestID) in (int, str)


def _fit(params: Any, declared: tuple[type, ...]) -> bool:
    return not declared or (isinstance(params, list) and tuple(map(type, params)) == declared)


def _error(requestID: Any, fault: Fault, **more: None) -> str:
    error = {**fault._asdict(), **more}
    return _compact({"error": error, "id": requestID, "jsonrpc": "2.0"})


def _compact(answer: dict[str, Any]) -> str:
    return json.dumps(answer, sort_keys=True, separators=(",", ":"), allow_nan=False)


# Stricter than Python's JSON.


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _noConstant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
