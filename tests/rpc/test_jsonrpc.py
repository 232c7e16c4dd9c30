"""JSON-RPC 2.0, from bytes to bytes."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.rpc.jsonrpc import JSONRPC, MAX_BATCH, Method

PARSE_ERROR = b'{"code":-32700,"message":"JSON_PARSE_ERROR: The JSON-Object is not JSON-Valid"}'
INVALID_REQUEST = (
    b'{"code":-32600,"message":"INVALID_JSON_REQUEST: The JSON sent is not a valid JSON-RPC '
    b'Request object"}'
)
METHOD_NOT_FOUND = (
    b'{"code":-32601,"message":"METHOD_NOT_FOUND: The method being requested is not available on '
    b'this server"}'
)
INVALID_PARAMS = (
    b'{"code":-32602,"message":"INVALID_PARAMS: Invalid method parameters (invalid name and/or '
    b'type) recognised"}'
)
NOT_A_NOTIFICATION = (
    b'{"code":-32604,"message":"PROCEDURE_IS_METHOD: The requested notification is declared as a '
    b'method"}'
)

METHODS = {
    "echo": Method(lambda params: params),
    "double": Method(lambda params: 2 * params[0], (int,)),
    "join": Method(lambda params: params[0] + str(params[1]), (str, int)),
    "fail": Method(lambda params: 1 / 0),
    "unspeakable": Method(lambda params: object()),
}

REQUEST_START = b'{"jsonrpc":"2.0","id":1,"method":'


def error(fault: bytes, requestID: bytes = b"null") -> bytes:
    return b'{"error":%s,"id":%s,"jsonrpc":"2.0"}' % (fault, requestID)


def result(text: bytes, requestID: bytes = b"1") -> bytes:
    return b'{"id":%s,"jsonrpc":"2.0","result":%s}' % (requestID, text)


class AnswerTests(SynchronousTestCase):
    """What each request is answered with, byte by byte."""

    def setUp(self) -> None:
        self.engine = JSONRPC(METHODS)

    def check(self, body: bytes, expected: bytes) -> None:
        self.assertEqual(self.engine.answer(body), expected + b"\n", body[:100])

    def test_keysAreSortedAndNothingIsSpaced(self) -> None:
        """An answer is compact JSON, all of its keys in order, and a line end."""
        self.check(
            REQUEST_START + b'"echo","params":{"b":[1, 2],"B":null,"a":{"d":1,"c":true}}}',
            result(b'{"B":null,"a":{"c":true,"d":1},"b":[1,2]}'),
        )

    def test_noParams(self) -> None:
        """The parameters of a method that declares none may be missing, null, or anything."""
        self.check(REQUEST_START + b'"echo"}', result(b"null"))
        self.check(REQUEST_START + b'"echo","params":null}', result(b"null"))
        self.check(REQUEST_START + b'"echo","params":[]}', result(b"[]"))

    def test_idComesBack(self) -> None:
        """An ID is an integer, a string or null."""
        for text in (b"0", b"-7", b'"seven"', b'""', b"null", b"123456789012345678901234567890"):
            self.check(
                b'{"jsonrpc":"2.0","method":"double","params":[21],"id":%s}' % text,
                result(b"42", text),
            )

    def test_textIsASCII(self) -> None:
        """What is not ASCII is escaped; what cannot be encoded at all, too."""
        self.check(
            '{"jsonrpc":"2.0","method":"echo","params":["粤"],"id":"\\ud800"}'.encode(),
            result(rb'["\u7ca4"]', rb'"\ud800"'),
        )

    def test_notJSON(self) -> None:
        """What is not JSON is a parse error without ID."""
        for body in (
            b"",
            b" ",
            b"{",
            b"hello",
            b'{"jsonrpc":"2.0","method":"echo","id":1',
            b'{"jsonrpc":"2.0","method":"echo","id":1} and more',
            b"{'jsonrpc':'2.0','method':'echo','id':1}",
            b'{"jsonrpc":"2.0","method":"echo","id":"\xff"}',
            b'{"jsonrpc":"2.0","method":"echo","id":"\xed\xa0\x80"}',
            b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"echo","id":1}',
            '{"jsonrpc":"2.0","method":"echo","id":1}'.encode("utf-16"),
            REQUEST_START + b'"echo","params":[NaN]}',
            REQUEST_START + b'"echo","params":[-Infinity]}',
            REQUEST_START + b'"echo","method":"echo"}',
            REQUEST_START + b'"echo","params":[{"a":1,"a":1}]}',
            REQUEST_START + b'"double","params":[%s]}' % (b"9" * 10_000),
            b"[" * 500_000,
            REQUEST_START + b'"echo","params":%s}' % (b"[" * 200_000 + b"]" * 200_000),
            b'{"a":' * 200_000,
        ):
            self.check(body, error(PARSE_ERROR))

    def test_notARequest(self) -> None:
        """JSON that is not a request object is an invalid request without ID."""
        for body in (b"1", b'"getPeers"', b"null", b"true", b"{}", b"[]"):
            self.check(body, error(INVALID_REQUEST))

    def test_fieldsOfARequest(self) -> None:
        """Each field of a request has its type; the ID comes back if there is a good one."""
        for text in (
            b'{"method":"echo","id":1}',
            b'{"jsonrpc":"1.0","method":"echo","id":1}',
            b'{"jsonrpc":2.0,"method":"echo","id":1}',
            b'{"jsonrpc":null,"method":"echo","id":1}',
            b'{"jsonrpc":"2.0","id":1}',
            b'{"jsonrpc":"2.0","method":7,"id":1}',
            b'{"jsonrpc":"2.0","method":["echo"],"id":1}',
            b'{"jsonrpc":"2.0","method":null,"id":1}',
            REQUEST_START + b'"echo","params":1}',
            REQUEST_START + b'"echo","params":"text"}',
            REQUEST_START + b'"echo","params":false}',
        ):
            self.check(text, error(INVALID_REQUEST, b"1"))
        for text in (b"1.5", b"1.0", b"true", b"[]", b"{}", b"1e400"):
            self.check(b'{"jsonrpc":"2.0","method":"echo","id":%s}' % text, error(INVALID_REQUEST))

    def test_methodNotFound(self) -> None:
        """A method that is not there, also in a notification."""
        self.check(REQUEST_START + b'"sendRawTransaction"}', error(METHOD_NOT_FOUND, b"1"))
        self.check(REQUEST_START + b'"__init__"}', error(METHOD_NOT_FOUND, b"1"))
        self.check(b'{"jsonrpc":"2.0","method":"Echo"}', error(METHOD_NOT_FOUND))

    def test_notification(self) -> None:
        """A request without ID is told that everything here is a method."""
        self.check(b'{"jsonrpc":"2.0","method":"echo"}', error(NOT_A_NOTIFICATION))
        self.check(b'{"jsonrpc":"2.0","method":"double","params":[]}', error(NOT_A_NOTIFICATION))

    def test_declaredParameters(self) -> None:
        """Parameters go by position; their number and types must be those declared."""
        self.check(REQUEST_START + b'"join","params":["a",1]}', result(b'"a1"'))
        for params in (b"[]", b"[1,2]", b'["1"]', b"[1.0]", b"[true]", b"[null]", b'{"g":1}'):
            self.check(
                REQUEST_START + b'"double","params":%s}' % params, error(INVALID_PARAMS, b"1")
            )
        self.check(REQUEST_START + b'"double"}', error(INVALID_PARAMS, b"1"))
        self.check(REQUEST_START + b'"double","params":null}', error(INVALID_PARAMS, b"1"))
        self.check(REQUEST_START + b'"join","params":[1,"a"]}', error(INVALID_PARAMS, b"1"))

    def test_methodFails(self) -> None:
        """A method that fails is an internal error with data, and the failure is logged."""
        fault = (
            b'{"code":-32603,"data":null,"message":"INTERNAL_ERROR: the method failed; the log of '
            b'the node says why"}'
        )
        self.check(REQUEST_START + b'"fail"}', error(fault, b"1"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.check(REQUEST_START + b'"unspeakable"}', error(fault, b"1"))
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_batch(self) -> None:
        """An array is answered by an array, each request by itself."""
        self.check(
            b'[{"jsonrpc":"2.0","method":"double","params":[4],"id":"a"},7,[],'
            b'{"jsonrpc":"2.0","method":"double"},'
            b'{"jsonrpc":"2.0","method":"nothing","id":2}]',
            b"["
            + b",".join(
                (
                    result(b"8", b'"a"'),
                    error(INVALID_REQUEST),
                    error(INVALID_REQUEST),
                    error(NOT_A_NOTIFICATION),
                    error(METHOD_NOT_FOUND, b"2"),
                )
            )
            + b"]",
        )

    def test_batchTooLong(self) -> None:
        """A long array is one error, and nothing in it is done."""
        one = REQUEST_START + b'"double","params":[1]}'
        most = json.loads(self.engine.answer(b"[%s]" % b",".join([one] * MAX_BATCH)))
        self.assertEqual([answer["result"] for answer in most], [2] * MAX_BATCH)
        answer = json.loads(self.engine.answer(b"[%s]" % b",".join([one] * (MAX_BATCH + 1))))
        self.assertEqual(answer["error"]["code"], -32600)
        self.assertIn("101 requests in a batch, 100 are the most", answer["error"]["message"])

    def test_batchOfLongAnswers(self) -> None:
        """Once the answer is long, the rest of an array is refused, and nothing of it done."""
        methods = {"long": Method(lambda params: called.append(1) or "x" * 1000)}
        called: list[int] = []
        with patch("fiscop2p.rpc.jsonrpc.MAX_ANSWER", 3000):
            requests = [{"jsonrpc": "2.0", "id": n, "method": "long"} for n in range(10)]
            requests.append({"jsonrpc": "2.0", "id": 10, "method": "none"})
            answers = json.loads(JSONRPC(methods).answer(json.dumps(requests).encode()))
        self.assertEqual([answer["id"] for answer in answers], list(range(11)))
        self.assertEqual(["result" in answer for answer in answers], [True] * 3 + [False] * 8)
        codes = [answer["error"]["code"] for answer in answers[3:]]
        self.assertEqual((codes, len(called)), ([-32000] * 7 + [-32601], 3))


def isAnswer(answer: Any) -> bool:
    """Whether this is what JSON-RPC allows for one request."""
    keys = set(answer)
    return answer["jsonrpc"] == "2.0" and (
        keys == {"id", "jsonrpc", "result"}
        or (keys == {"id", "jsonrpc", "error"} and type(answer["error"]["code"]) is int)
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)

REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | ANYTHING,
        "method": st.sampled_from(["echo", "double", "join", "nothing"]) | ANYTHING,
        "params": ANYTHING,
        "id": ANYTHING,
    },
)


class AnyBodyTests(SynchronousTestCase):
    """Whatever is sent, the answer is one of JSON-RPC's."""

    engine = JSONRPC(METHODS)

    def check(self, body: bytes) -> None:
        line = self.engine.answer(body)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        answer = json.loads(line)
        answers = answer if isinstance(answer, list) else [answer]
        self.assertTrue(answers and all(map(isAnswer, answers)), line)

    @given(st.binary())
    def test_anyBytes(self, body: bytes) -> None:
        """Bytes without sense."""
        self.check(body)

    @given(ANYTHING | REQUESTS | st.lists(REQUESTS))
    def test_anyJSON(self, value: Any) -> None:
        """JSON, as far as Python's is, and what is nearly a request."""
        self.check(json.dumps(value).encode())
