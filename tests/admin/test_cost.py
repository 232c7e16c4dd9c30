"""What measures the cost of watching over a node."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import admin


class CostTests(SynchronousTestCase):
    """C{python -m benchmarks.admin}, with few peers."""

    def test_everythingIsAnswered(self) -> None:
        """Each request that it counts has been answered, and the streams have told something."""
        self.patch(admin, "PEERS", 3)
        self.patch(admin, "REQUESTS", 3)
        self.patch(admin, "WATCHED", 5)
        out = StringIO()
        with redirect_stdout(out):
            admin.main()
        _, *lines = out.getvalue().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) for line in lines[: len(admin.PATHS)]}
        self.assertEqual(tuple(sizes), admin.PATHS)
        self.assertGreater(min(sizes.values()), 100)
        for line in lines[-2:]:
            self.assertRegex(line, r"^/events, .*: [1-9][\d,]* bytes/s, ")
