"""Events as lines: FISCO BCOS's layout, and JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel
from twisted.python import log
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.links.links import Links
from fiscop2p.logs.lines import LAYOUT, jsonLine, layout
from fiscop2p.settings import Address

LINE = re.compile(
    r"(fatal|error|warning|info|debug)\|[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{6}\|"
    r"[^|]+-0x[0-9a-f]{16}\|(.*)"
)
NAMES = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    (
        "node\ninfo|2019-06-26 18:00:01.343480|x-0x0|[P2P][Service] forged",
        "a\r\nb",
        "\u2028",
        "\x85",
    )
)

fiscoLine = layout(LAYOUT)


def event(text: str, **fields: Any) -> dict[str, Any]:
    """An event as Logger makes it."""
    made: list[dict[str, Any]] = []
    level = fields.pop("level", LogLevel.info)
    namespace = fields.pop("namespace", "fiscop2p.service")
    Logger(namespace=namespace, observer=made.append).emit(level, text, **fields)
    return made[0]


def failureOf(error: Exception) -> Failure:
    try:
        raise error
    except Exception:
        return Failure()


class FiscoLineTests(SynchronousTestCase):
    """The layout of FISCO BCOS 2.11."""

    def test_heartBeat(self) -> None:
        """Level, local time, thread, badge, text: what `grep "connected count"` finds."""
        heartBeat = event("heartBeat,connected count={count}", count=3)
        heartBeat["log_time"] = 1561572001.34348
        when = datetime.fromtimestamp(1561572001.34348)
        line = fiscoLine(heartBeat)
        self.assertRegex(line, r"\|MainThread-0x[0-9a-f]{16}\|")
        self.assertEqual(
            re.sub("-0x[0-9a-f]+", "-0x", line),
            f"info|{when:%Y-%m-%d %H:%M}:01.343480|MainThread-0x|"
            "[P2P][Service] heartBeat,connected count=3\n",
        )

    def test_levels(self) -> None:
        """Levels have FISCO BCOS's names."""
        levels = LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical
        names = [fiscoLine(event("x", level=level)).partition("|")[0] for level in levels]
        self.assertEqual(names, ["debug", "info", "warning", "error", "fatal"])

    def test_badges(self) -> None:
        """The badge tells who speaks, by FISCO BCOS's name if it has one."""
        for namespace, badge in (
            ("fiscop2p.links.host", "[NETWORK][Host]"),
            ("fiscop2p.links.session.PeerProtocol", "[NETWORK][Session]"),
            (Links._log.namespace, "[P2P][Service]"),
            ("fiscop2p.sync.SeqSync", "[NETWORK][Session]"),
            ("fiscop2p.rpc.service.RPCService", "[RPC]"),
            ("fiscop2p.config.node", "[ConfigInitializer]"),
            ("fiscop2p", "[P2P][Service]"),
            ("fiscop2power", "[fiscop2power]"),
            ("shop.orders", "[shop.orders]"),
        ):
            line = fiscoLine(event("x", namespace=namespace))
            self.assertEqual(line.rpartition("|")[2], f"{badge} x\n")

    def test_thread(self) -> None:
        """A line names the thread that it comes from."""
        lines: list[str] = []
        thread = Thread(target=lambda: lines.append(fiscoLine(event("x"))), name="worker")
        thread.start()
        thread.join()
        self.assertIn(f"|worker-0x{thread.ident:016x}|", lines[0])

    @given(NAMES, NAMES)
    def test_nobodyForgesALine(self, name: str, other: str) -> None:
        """Whatever a peer calls itself or its topics, an event is one line, and can be written."""
        line = fiscoLine(event("Received topic: [{name}] from {other}", name=name, other=other))
        line.encode()
        self.assertEqual(len(line.splitlines()), 1)
        self.assertTrue(line[:-1].isprintable())
        self.assertTrue(LINE.fullmatch(line[:-1]))

    def test_escapesAreReadable(self) -> None:
        """What cannot be printed is shown as Python would write it; the rest is as it was."""
        line = fiscoLine(event("{name}", name="机构\t\x1b[31m\n\u202e"))
        self.assertTrue(line.endswith(" 机构\\t\\x1b[31m\\n\\u202e\n"))

    def test_tracebackIsIndented(self) -> None:
        """A failure's traceback follows in indented lines, and cannot forge a line either."""
        forged = "x\ninfo|2019-06-26 18:00:01.343480|x-0x0|[P2P][Service] forged\x1b"
        failure = failureOf(ValueError(forged))
        first, *others = fiscoLine(event("a handler failed", log_failure=failure)).splitlines()
        self.assertTrue(first.endswith("[P2P][Service] a handler failed"))
        self.assertIn("    Traceback (most recent call last):", others)
        self.assertTrue(all(line.startswith("    ") for line in others), others)
        self.assertTrue(others[-1].endswith("forged\\x1b"))

    def test_olderErrors(self) -> None:
        """An error of Twisted's older log has its traceback once, indented."""
        seen: list[Any] = []
        log.addObserver(seen.append)
        self.addCleanup(log.removeObserver, seen.append)
        log.err(failureOf(KeyError("k")), "it went wrong")
        self.flushLoggedErrors(KeyError)
        older = {"log_time": 0.0, "log_level": LogLevel.critical, "log_namespace": "log_legacy"}
        lines = fiscoLine(
            {**older, "log_text": "long\ntext", "log_format": "{log_text}", **seen[0]}
        )
        self.assertEqual(lines.count("Traceback"), 1)
        self.assertTrue(lines.splitlines()[0].endswith("[log_legacy] it went wrong"))

    def test_nothingToSay(self) -> None:
        """An event without a text is no line."""
        self.assertEqual(fiscoLine(event("")), "")
        self.assertEqual(jsonLine(event("")), "")


class LayoutTests(SynchronousTestCase):
    """[log] format."""

    def test_otherLayout(self) -> None:
        """The layout of FISCO BCOS 2.10, and braces, which mean nothing."""
        line = layout("{%Severity%} %Message% {}")(event("text"))
        self.assertEqual(line, "{info} [P2P][Service] text {}\n")

    def test_notUnderstood(self) -> None:
        """What we do not know is refused, by what is known."""
        for template in ("%Message%|%Channel%", '%TimeStamp(format="%Y")%', "100%"):
            error = self.assertRaises(ValueError, layout, template)
            self.assertIn(repr(template), str(error))
            self.assertIn("%Severity%", str(error))


class JSONTests(SynchronousTestCase):
    """One JSON object a line."""

    def test_fields(self) -> None:
        """Time with zone, level, namespace, text, and the event's own fields as they are."""
        made = event("{count} of {peer}", count=3, peer="a", known=None, parts=[1.5, "x"])
        record = json.loads(jsonLine(made))
        when = datetime.fromisoformat(record.pop("time"))
        self.assertLess(abs(when.timestamp() - made["log_time"]), 1e-5)
        self.assertIsInstance(when.utcoffset(), timedelta)
        self.assertEqual(
            record,
            {
                "level": "info",
                "namespace": "fiscop2p.service",
                "message": "3 of a",
                "fields": {"count": 3, "peer": "a", "known": None, "parts": [1.5, "x"]},
            },
        )

    def test_whatJSONCannotSay(self) -> None:
        """Anything else is there by its repr, and harms no other field."""

        class Broken:
            def __repr__(self) -> str:
                raise ValueError("no")

        circle: list[Any] = []
        circle.append(circle)
        fields = {
            "data": b"\0\xff",
            "nested": {"set": {1}},
            "number": float("nan"),
            "circle": circle,
            "broken": Broken(),
            "keys": {(1, 2): 3},
            "address": Address("10.0.0.1", 1),
        }
        line = jsonLine(event("x", **fields))
        written = json.loads(line, parse_constant=self.fail)["fields"]
        self.assertEqual(set(written), set(fields))
        self.assertEqual(written["data"], "b'\\x00\\xff'")
        self.assertEqual(written["nested"], {"set": "{1}"})
        self.assertEqual(written["number"], "nan")

    def test_failure(self) -> None:
        """A failure has its traceback."""
        record = json.loads(jsonLine(event("x", log_failure=failureOf(KeyError("gone")))))
        self.assertIn("Traceback (most recent call last):\n", record["traceback"])
        self.assertTrue(record["traceback"].endswith("KeyError: 'gone'"))
        self.assertNotIn("fields", record)

    @given(NAMES)
    def test_oneLine(self, name: str) -> None:
        """Whatever a peer calls itself: one line, which says just that."""
        line = jsonLine(event("from {name}", name=name))
        self.assertEqual(len(line.splitlines()), 1)
        self.assertTrue(line.isascii())
        self.assertEqual(json.loads(line)["fields"]["name"], json.loads(json.dumps(name)))

    def test_whatOlderObserversAdd(self) -> None:
        """What Twisted adds for observers of its older kind is no field."""
        made = event("x", count=1)
        made.update(message=(), time=1.0, system="-", isError=0, format="%(log_legacy)s")
        self.assertEqual(json.loads(jsonLine(made))["fields"], {"count": 1})
