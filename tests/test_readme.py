"""What the README says is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


class ReadmeTests(SynchronousTestCase):
    """Its code is that of files which run."""

    def test_pythonIsThatOfTheExamples(self) -> None:
        """Every piece of Python is one of the examples, to the letter."""
        pieces = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        examples = {path.read_text(): path.name for path in (ROOT / "examples").glob("*.py")}
        self.assertEqual(
            [examples.get(piece) for piece in pieces], ["orders.py", "ask.py", "test_orders.py"]
        )

    def test_namesThatExist(self) -> None:
        """Every file that it names is there."""
        named = re.findall(r"`((?:fiscop2p|examples|twisted|docs)/[\w./-]+)`", README)
        self.assertGreater(len(named), 2)
        for name in named:
            self.assertTrue((ROOT / name).exists(), name)

    def test_exampleTestPasses(self) -> None:
        """The example of a test passes."""
        space: dict[str, object] = {}
        path = ROOT / "examples" / "test_orders.py"
        exec(compile(path.read_text(), str(path), "exec"), space)  # noqa: S102 (our own file)
        test = space["test_ordersReachTheirFollowers"]
        assert callable(test)
        test()
