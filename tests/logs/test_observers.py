"""What is written where."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from io import StringIO

from twisted.logger import ILogObserver, Logger, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.config.logging import LogConfig
from fiscop2p.errors import SetupError
from fiscop2p.logs import LEVELS, makeObserver, nodeObserver
from tests.strangers import logLines
from tests.temporary import temporaryFolder


class ObserverTestCase(SynchronousTestCase):
    """A folder, and events of each level."""

    def setUp(self) -> None:
        self.folder = temporaryFolder(self)
        self.console = StringIO()

    def emitTo(self, observer: ILogObserver) -> None:
        logger = Logger(namespace="fiscop2p.links.host", observer=observer)
        for name in ("debug", "info", "warn", "error", "critical"):
            getattr(logger, name)("{text}", text=f"this is {name}")

    def written(self) -> list[str]:
        """The lines of all log files, without what comes before the badge."""
        files = sorted((self.folder / "log").iterdir())
        return "".join(file.read_text() for file in files).splitlines()


class NodeObserverTests(ObserverTestCase):
    """What [log] says."""

    def setUp(self) -> None:
        super().setUp()
        self.config = LogConfig(self.folder / "log")

    def test_file(self) -> None:
        """Lines of the level and above are in a file of FISCO BCOS's name, and nowhere else."""
        self.emitTo(nodeObserver(self.config, console=self.console))
        self.assertEqual(
            [line.rpartition("|")[2] for line in self.written()],
            [f"[NETWORK][Host] this is {name}" for name in ("info", "warn", "error", "critical")],
        )
        (file,) = (self.folder / "log").iterdir()
        self.assertRegex(file.name, r"^log_[0-9]{10}\.[0-9]{2}\.log$")
        self.assertEqual(self.console.getvalue(), "")

    def test_levels(self) -> None:
        """Each level shows itself and those above it; trace shows what debug does."""
        counts = {}
        for level in LEVELS:
            folder = self.folder / level
            self.emitTo(nodeObserver(replace(self.config, path=folder, level=level)))
            (file,) = folder.iterdir()
            counts[level] = len(file.read_text().splitlines())
        self.assertEqual(list(counts.values()), [1, 2, 3, 4, 5, 5])

    def test_console(self) -> None:
        """With enable_console_output the same lines go to standard output."""
        self.emitTo(nodeObserver(replace(self.config, console=True), console=self.console))
        self.assertEqual(self.console.getvalue().splitlines(), self.written())
        self.assertEqual(len(self.written()), 4)

    def test_disabled(self) -> None:
        """With enable=false there is no folder; only what ends the node is told."""
        self.patch(sys, "stderr", self.console)
        self.emitTo(nodeObserver(replace(self.config, enabled=False, console=True)))
        self.assertFalse((self.folder / "log").exists())
        self.assertIn("this is critical", self.console.getvalue())
        self.assertEqual(len(self.console.getvalue().splitlines()), 1)

    def test_json(self) -> None:
        """Every line is a JSON object."""
        self.emitTo(nodeObserver(self.config, "json"))
        records = [json.loads(line) for line in self.written()]
        self.assertEqual([record["level"] for record in records][::3], ["info", "fatal"])
        self.assertEqual(records[0]["fields"], {"text": "this is info"})

    def test_format(self) -> None:
        """[log] format replaces the layout."""
        self.emitTo(nodeObserver(replace(self.config, format="%Severity%: %Message%")))
        self.assertEqual(self.written()[0], "info: [NETWORK][Host] this is info")

    def test_size(self) -> None:
        """max_log_file_size begins the next file."""
        self.emitTo(nodeObserver(replace(self.config, maxFileSize=100)))
        self.assertEqual(len(list((self.folder / "log").iterdir())), 2)
        self.assertEqual(len(self.written()), 4)

    def test_notUnderstood(self) -> None:
        """A layout and names that we cannot do are told, and the usual ones taken."""
        said = logLines(self)
        config = replace(self.config, format="%Channel%", namePattern="%5N.log")
        self.emitTo(nodeObserver(config))
        self.assertRegex(self.written()[0], r"^info\|.*\|\[NETWORK\]\[Host\] this is info$")
        (file,) = (self.folder / "log").iterdir()
        self.assertTrue(file.name.startswith("log_"))
        self.assertEqual(len(said), 2)
        self.assertTrue(all(line.startswith("warn: [log] ") for line in said), said)

    def test_cannotStart(self) -> None:
        """Where no log can be, the node does not start, and says why."""
        (self.folder / "log").write_text("a file")
        error = self.assertRaises(SetupError, nodeObserver, self.config)
        self.assertEqual(str(error), f"cannot log to {self.folder / 'log'}: File exists")

    def test_folderGone(self) -> None:
        """When the folder goes, and cannot come back, the node goes on without a log."""
        self.patch(sys, "stderr", self.console)
        observer = nodeObserver(self.config)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        (file,) = (self.folder / "log").iterdir()
        file.unlink()
        (self.folder / "log").rmdir()
        (self.folder / "log").write_text("a file")
        for _ in range(3):
            Logger().info("lost")
        (line,) = self.console.getvalue().splitlines()
        self.assertIn(f"cannot log to {self.folder / 'log'}: File exists", line)


class MakeObserverTests(ObserverTestCase):
    """One file, or a stream."""

    def test_stream(self) -> None:
        """Lines of the level and above, each at once."""
        self.emitTo(makeObserver("error", None, self.console))
        lines = self.console.getvalue().splitlines()
        self.assertEqual([line.split("|")[0] for line in lines], ["error", "fatal"])

    def test_file(self) -> None:
        """The file is called as it is told, and its folder is made."""
        observer = makeObserver("debug", self.folder / "log" / "twistd.log", form="json")
        self.emitTo(observer)
        self.assertEqual([file.name for file in (self.folder / "log").iterdir()], ["twistd.log"])
        self.assertEqual(len([json.loads(line) for line in self.written()]), 5)

    def test_cannot(self) -> None:
        """A file that cannot be is a clear error."""
        (self.folder / "log").write_text("a file")
        file = self.folder / "log" / "twistd.log"
        error = self.assertRaises(SetupError, makeObserver, "info", file)
        self.assertEqual(str(error), f"cannot log to {file}: File exists")
