"""The trials that fit into the test suite, with smaller numbers."""

from __future__ import annotations

import json
import re

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from fiscop2p.settings import Settings

from .making import ROOT, Outcome, make
from .memory import KIB, MIB
from .report import asJSON, asMarkdown, asTable
from .trial import Figure, Trial, atLeast, atMost, exactly
from .trials import TRIALS

SEED = 1
"""The same each time: a test that fails must fail again."""


class TrialTests(SynchronousTestCase):
    """Each promise is kept."""

    def assertKept(self, name: str) -> None:
        trial = TRIALS[name]
        assert trial.fewer is not None
        outcome = make(trial, SEED, trial.fewer)
        if outcome.skipped:
            raise SkipTest(outcome.skipped)
        self.assertTrue(outcome.kept, asTable(SEED, [outcome]))


def _add(trial: Trial) -> None:
    def test(self: TrialTests) -> None:
        self.assertKept(trial.name)

    test.__doc__ = trial.promise
    setattr(TrialTests, f"test_{trial.name.replace('-', '_')}", test)


for each in TRIALS.values():
    if each.fewer is not None:
        _add(each)


class FigureTests(SynchronousTestCase):
    """What a figure may be."""

    def test_limits(self) -> None:
        """A figure is kept within its limits, and at them."""
        self.assertEqual([atMost("", n, 2).kept for n in (1, 2, 2.01)], [True, True, False])
        self.assertEqual([atLeast("", n, 2).kept for n in (1.99, 2, 3)], [False, True, True])
        self.assertEqual([exactly("", n, 2).kept for n in (1, 2, 3)], [False, True, False])
        self.assertTrue(Figure("", 9).kept)
        self.assertFalse(atMost("", float("inf"), 2).kept)

    def test_words(self) -> None:
        """Figures are written as people do."""
        self.assertEqual(atMost("", 1234567, 20, "B").words, "1,234,567 B")
        self.assertEqual(atMost("", 3.14159, 20, "MiB").words, "3.14 MiB")
        self.assertEqual(atMost("", float("inf"), 20, "s").words, "inf s")
        self.assertEqual(Figure("", 1, 0.5, 2, "s").limit, ">= 0.50 s and <= 2 s")
        self.assertEqual(exactly("", 1, 0).limit, "0")


class OutcomeTests(SynchronousTestCase):
    """What is said of a trial."""

    def outcome(self, **what: object) -> Outcome:
        trial = Trial("one", "Nothing happens.", lambda seed, count: [], 1, 1)
        return Outcome(trial, **what)

    def test_verdicts(self) -> None:
        """One figure that is not kept breaks a promise; so does a trial that shows nothing."""
        good, bad = exactly("a", 1, 1), exactly("b", 1, 2)
        self.assertEqual(self.outcome(figures=(good,)).word, "kept")
        self.assertEqual(self.outcome(figures=(good, bad)).word, "BROKEN")
        self.assertEqual(self.outcome(fault="Traceback").word, "BROKEN")
        self.assertEqual(self.outcome().word, "BROKEN")
        self.assertEqual(self.outcome(skipped="no root").word, "skipped")

    def test_table(self) -> None:
        """The table has each figure beside its limit, why there is none, and the sum."""
        outcomes = [
            self.outcome(figures=(atMost("held", 65.0, 64, "KiB"),), stoodStill=7.0),
            self.outcome(skipped="there is no root"),
            self.outcome(fault="Traceback: boom"),
        ]
        text = asTable(7, outcomes)
        self.assertIn("seed 7", text)
        self.assertRegex(text, r"one +held +65 KiB +<= 64 KiB +BROKEN")
        for words in ("there is no root", "boom"):
            self.assertIn(words, text)
        self.assertIn("one (the machine stood still for 7.0 s meanwhile)", text)
        self.assertIn("3 trials: 0 kept, 2 BROKEN, 1 skipped", text)

    def test_markdown(self) -> None:
        """For the document each trial is a row, and says whether it is not kept."""
        kept = (atMost("held", 9.0, 64, "KiB"), Figure("tried", 2000))
        outcomes = [self.outcome(figures=kept), self.outcome(skipped="there is no root")]
        self.assertEqual(
            asMarkdown(7, outcomes).splitlines()[2:],
            [
                "| `one` | Nothing happens. | held 9 KiB (at most 64 KiB); tried 2,000 |",
                "| `one` | Nothing happens. | **skipped**: there is no root |",
            ],
        )

    def test_json(self) -> None:
        """JSON has it all."""
        (said,) = json.loads(asJSON(7, [self.outcome(figures=(exactly("a", 1, 2),))]))["trials"]
        self.assertEqual((said["trial"], said["outcome"]), ("one", "BROKEN"))
        self.assertEqual(said["figures"][0]["kept"], False)


class MakingTests(SynchronousTestCase):
    """How a trial is made."""

    def test_faultIsTold(self) -> None:
        """A trial that does not come to its end is broken, and what was the matter is told."""
        unknown = Trial("unknown", "Its process does not know it.", lambda *_: [], 1, 1)
        outcome = make(unknown, SEED, 1)
        self.assertEqual(outcome.word, "BROKEN")
        self.assertIn("KeyError: 'unknown'", outcome.fault)


class DocumentTests(SynchronousTestCase):
    """docs/security.md."""

    text = (ROOT / "docs" / "security.md").read_text()

    def test_everyTrial(self) -> None:
        """Its table has every trial, with its promise."""
        rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*?) \|", self.text, re.MULTILINE))
        self.assertEqual(rows, {trial.name: trial.promise for trial in TRIALS.values()})

    def test_settings(self) -> None:
        """The limits that it names are those of the settings."""
        named = dict(re.findall(r"`(\w+)`\s\((\d+)", self.text))
        self.assertGreater(len(named), 8)
        for name, value in named.items():
            real = getattr(Settings(), name)
            self.assertIn(float(value), (real, real / KIB, real / MIB), name)
