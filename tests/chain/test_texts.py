"""
Tests for L{fiscop2p.chain.texts}; the scripts are run, with a C{twistd} of our own.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import skipIf, skipUnless

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.chain import buildChain
from fiscop2p.chain.plan import ChainPlan
from fiscop2p.chain.texts import configText

SLEEP = shutil.which("sleep")
LOG_LINE = "2021-01-01T00:00:00+0000 [-] fiscop2p node 1234abcd... is running\n"

#: What a node does, as far as the scripts can tell: it leaves a process, its pid file and a log.
RUNNING = f"""\
#!/bin/sh
echo "$*" >arguments
{SLEEP} 60 </dev/null >/dev/null 2>&1 &
echo $! >>started
echo $! >node.pid
printf '{LOG_LINE.strip()}\\n' >>log/twistd.log
"""
STUBBORN = RUNNING.replace("#!/bin/sh\n", "#!/bin/sh\ntrap '' TERM\n")
QUIET = RUNNING.replace("printf", ": printf")
DYING = """\
#!/bin/sh
n=0
while [ "$((n += 1))" -le 30 ]; do echo "line $n"; done >>log/twistd.log
exit 1
"""
ROTATING = DYING.replace("n=0", "mv log/twistd.log log/twistd.log.1\nn=0")
DEAD = """\
#!/bin/sh
echo 'it has ended' >>log/twistd.log
"""
MUTE = """\
#!/bin/sh
echo 'config.ini is wrong' >&2
exit 1
"""


class ConfigTests(SynchronousTestCase):
    """The form of C{config.ini}."""

    def setUp(self) -> None:
        self.text = configText("::", 30300, 20200, 8545, ["127.0.0.1:30300", "[::1]:1"])

    def test_sections(self) -> None:
        """All sections of FISCO BCOS 2.x are there, in its order, each with its keys."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(self.text)
        self.assertEqual(
            {name: " ".join(parser[name]) for name in parser.sections()},
            {
                "rpc": "channel_listen_ip channel_listen_port jsonrpc_listen_ip "
                "jsonrpc_listen_port disable_dynamic_group",
                "p2p": "listen_ip listen_port node.0 node.1",
                "certificate_blacklist": "",
                "certificate_whitelist": "",
                "group": "group_data_path group_config_path",
                "network_security": "data_path key cert ca_cert",
                "storage_security": "enable key_manager_ip key_manager_port cipher_data_key",
                "chain": "id sm_crypto sm_crypto_channel rsa_crypto_channel",
                "compatibility": "supported_version",
                "log": "enable log_path enable_console_output enable_statistic "
                "stat_flush_interval level max_log_file_size flush",
                "flow_control": "",
            },
        )

    def test_lines(self) -> None:
        """Everything within a section is indented by 4 spaces, and nothing follows a value."""
        for line in self.text.splitlines():
            self.assertRegex(line, r"^(\[\w+\]| {4};.*| {4}[\w.]+ ?= ?[^;#]*)$")

    def test_peers(self) -> None:
        """The nodes are numbered as they are given."""
        self.assertIn("    node.0=127.0.0.1:30300\n    node.1=[::1]:1\n[cert", self.text)


@skipUnless(SLEEP and shutil.which("bash"), "needs sh, bash and sleep")
class ScriptTestCase(SynchronousTestCase):
    """
    A chain of two nodes in a directory with a space in its name.

    @ivar home: the directory of node0.
    @ivar log: its log.
    @ivar environment: what the scripts find in the environment.
    """

    def setUp(self) -> None:
        self.parent = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.recorded = self.parent / "it's python" / "twistd"
        self.patch(sys, "executable", str(self.recorded.with_name("python")))
        made = buildChain(ChainPlan.parse("127.0.0.1:2"), self.parent / "my chain")
        self.homes = [node.directory for node in made]
        self.home = self.homes[0]
        self.log = self.home / "log" / "twistd.log"
        self.environment = {"PATH": os.environ["PATH"]}
        self.addCleanup(self.endAll)

    def endAll(self) -> None:
        """End the processes that the scripts have started."""
        for home in self.homes:
            for pid in self.started(home):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def started(self, home: Path) -> list[int]:
        """The processes that were started for a node."""
        file = home / "started"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def program(self, path: Path, text: str) -> None:
        """Write a program."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def twistd(self, text: str) -> None:
        """Let C{TWISTD} name this program."""
        path = self.parent / "our twistd"
        self.program(path, text)
        self.environment["TWISTD"] = str(path)

    def neverWait(self) -> None:
        """Let the scripts' time run at once."""
        self.program(self.parent / "quick" / "sleep", "#!/bin/sh\n")
        self.environment["PATH"] = f"{self.parent / 'quick'}:{self.environment['PATH']}"

    def run_(self, script: Path | str, cwd: Path | None = None) -> tuple[int, str, str]:
        """Run a script; return its exit status, its output, and its complaints."""
        done = subprocess.run(
            ["sh", script],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            start_new_session=True,  # a signal to "process 0" would not reach us
        )
        return done.returncode, done.stdout, done.stderr

    def start(self) -> tuple[int, str, str]:
        """Start node0."""
        return self.run_(self.home / "start.sh")

    def stop(self) -> tuple[int, str, str]:
        """Stop node0."""
        return self.run_(self.home / "stop.sh")

    def assertStarted(self) -> None:
        """Check that node0 can be started."""
        self.assertEqual(self.start(), (0, " node0 start successfully\n", ""))


class StartTests(ScriptTestCase):
    """C{start.sh}"""

    def test_syntax(self) -> None:
        """All scripts are sh, and bash as well."""
        scripts = [*self.home.glob("*.sh"), *self.home.parent.glob("*.sh")]
        self.assertEqual(len(scripts), 4)
        for script in scripts:
            for shell in ("sh", "bash"):
                subprocess.run([shell, "-n", script], check=True)

    def test_success(self) -> None:
        """The node is run by twistd, in its directory, and is waited for."""
        self.twistd(RUNNING)
        self.assertStarted()
        self.assertEqual(
            (self.home / "arguments").read_text(),
            "--pidfile=node.pid --logfile=log/twistd.log fiscop2p --config config.ini\n",
        )

    def test_anywhere(self) -> None:
        """The directory that the script is called from does not matter."""
        self.twistd(RUNNING)
        self.environment["CDPATH"] = str(self.parent / "decoy")
        (self.parent / "decoy" / "127.0.0.1" / "node0").mkdir(parents=True)
        status, output, _ = self.run_("127.0.0.1/node0/start.sh", cwd=self.home.parent.parent)
        self.assertEqual((status, output), (0, " node0 start successfully\n"))
        status, output, _ = self.run_("start.sh", cwd=self.homes[1])
        self.assertEqual((status, output), (0, " node1 start successfully\n"))

    def test_alreadyRunning(self) -> None:
        """A node that is running is left alone."""
        self.twistd(RUNNING)
        self.start()
        (pid,) = self.started(self.home)
        self.assertEqual(self.start(), (0, f" node0 is running, pid is {pid}.\n", ""))
        self.assertEqual(self.started(self.home), [pid])

    @skipUnless(shutil.which("flock"), "needs flock")
    def test_twoAtOnce(self) -> None:
        """Of two that start a node at once one waits for the other, and finds it running."""
        self.twistd(RUNNING)
        command = f"sh '{self.home}/start.sh' & sh '{self.home}/start.sh' & wait"
        done = subprocess.run(
            ["sh", "-c", command], env=self.environment, capture_output=True, text=True
        )
        self.assertEqual(done.stderr, "")
        (pid,) = self.started(self.home)
        self.assertEqual(
            sorted(done.stdout.splitlines()),
            [f" node0 is running, pid is {pid}.", " node0 start successfully"],
        )

    @skipIf(os.geteuid() == 0, "root may read everything")
    def test_anotherUsers(self) -> None:
        """What runs as another user is not taken for what does not run."""
        self.twistd(RUNNING)
        self.start()
        (self.home / "node.pid").chmod(0)
        words = " node0 is another user's: this is for that user, or root\n"
        self.assertEqual(self.stop(), (1, "", words))
        self.assertEqual(self.start(), (1, "", words))

    def test_stalePidFile(self) -> None:
        """After a kill -9 the node starts again."""
        self.twistd(RUNNING)
        with subprocess.Popen(["true"]) as ended:
            pass
        (self.home / "node.pid").write_text(str(ended.pid))
        self.assertStarted()

    @skipUnless(Path("/proc/self/cwd").exists(), "needs /proc")
    def test_reusedPid(self) -> None:
        """The number may be another process's since a reboot: that one is not the node."""
        self.twistd(RUNNING)
        other = subprocess.Popen([str(SLEEP), "60"], cwd=self.parent)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.home / "node.pid").write_text(str(other.pid))
        self.assertEqual(self.stop(), (0, " node0 isn't running.\n", ""))
        self.assertStarted()
        self.assertIsNone(other.poll())

    @skipUnless(Path("/proc/self/cwd").exists(), "needs /proc")
    def test_zombie(self) -> None:
        """A node that has ended, but whose parent does not know it yet, is not running."""
        self.twistd(RUNNING)
        with subprocess.Popen(["true"], cwd=self.home) as zombie:
            os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
            (self.home / "node.pid").write_text(str(zombie.pid))
            self.assertStarted()

    def test_rubbishInPidFile(self) -> None:
        """What is no process ID is not signalled: 0 would be all of us."""
        for text in ("", "0", "x", "-1", "1 2"):
            (self.home / "node.pid").write_text(text)
            self.assertEqual(self.stop(), (0, " node0 isn't running.\n", ""))

    def test_failure(self) -> None:
        """When it does not start, the last 20 lines of the log say why."""
        self.twistd(DYING)
        status, output, complaints = self.start()
        self.assertEqual((status, output), (1, ""))
        title, *lines = complaints.splitlines()
        self.assertEqual(title, f" node0 failed to start; the end of {self.log}:")
        self.assertEqual(lines, [f"line {number}" for number in range(11, 31)])

    def test_failureWithoutLog(self) -> None:
        """What twistd says is shown; the log of an earlier run is neither proof nor reason."""
        self.twistd(MUTE)
        self.log.parent.mkdir()
        self.log.write_text(LOG_LINE)
        self.assertEqual(
            self.start(),
            (1, "", "config.ini is wrong\n node0 failed to start\n"),
        )

    def test_deadAtOnce(self) -> None:
        """A process that twistd has started, and that is gone, is a failure."""
        self.twistd(DEAD)
        self.assertEqual(
            self.start(),
            (1, "", f" node0 failed to start; the end of {self.log}:\nit has ended\n"),
        )

    def test_quietLog(self) -> None:
        """A node whose log says nothing, for so [log] has it, runs all the same."""
        self.twistd(QUIET)
        self.assertStarted()
        self.assertEqual(self.log.read_text(), "")

    def test_rotatedLog(self) -> None:
        """The log may begin anew meanwhile."""
        self.twistd(ROTATING)
        self.log.parent.mkdir()
        self.log.write_text("earlier\n" * 100)
        status, _, complaints = self.start()
        self.assertEqual((status, complaints.splitlines()[-1]), (1, "line 30"))

    def test_recordedTwistd(self) -> None:
        """Without C{TWISTD} it is the one beside the Python that made the chain."""
        self.program(self.recorded, RUNNING)
        self.assertStarted()

    def test_twistdOnPath(self) -> None:
        """On a machine that has not got that one, it is the one on the path."""
        self.program(self.parent / "path" / "twistd", RUNNING)
        self.environment["PATH"] = f"{self.parent / 'path'}:{self.environment['PATH']}"
        self.assertStarted()

    def test_chosenTwistd(self) -> None:
        """C{TWISTD} goes before all."""
        self.program(self.recorded, DYING)
        self.twistd(RUNNING)
        self.assertStarted()


class StopTests(ScriptTestCase):
    """C{stop.sh}"""

    def test_success(self) -> None:
        """The node is told to end, and waited for."""
        self.twistd(RUNNING)
        self.start()
        self.assertEqual(self.stop(), (0, " stop node0 success.\n", ""))
        self.assertEqual(self.stop(), (0, " node0 isn't running.\n", ""))

    def test_neverStarted(self) -> None:
        """There is nothing to stop."""
        self.assertEqual(self.stop(), (0, " node0 isn't running.\n", ""))

    def test_stubborn(self) -> None:
        """A node that does not end is named, with what is left to do."""
        self.twistd(STUBBORN)
        self.start()
        self.neverWait()
        status, output, complaints = self.stop()
        (pid,) = self.started(self.home)
        self.assertEqual((status, output), (1, ""))
        self.assertEqual(
            complaints,
            f" node0 is still running, pid is {pid}; see {self.log}, or kill -9 {pid}\n",
        )


class AllTests(ScriptTestCase):
    """C{start_all.sh} and C{stop_all.sh}"""

    def all(self, script: str) -> tuple[int, list[str]]:
        """Run one of them; return its exit status and what it says, sorted."""
        status, output, _ = self.run_(self.home.parent / script)
        return status, sorted(output.splitlines())

    def test_all(self) -> None:
        """Every node is started, and stopped; other directories are passed over."""
        self.twistd(RUNNING)
        (self.home.parent / "sdk").mkdir()
        half = self.home.parent / "node2"
        half.mkdir()
        shutil.copy(self.home / "start.sh", half)
        self.assertEqual(
            self.all("start_all.sh"),
            (0, [" node0 start successfully", " node1 start successfully"]),
        )
        self.assertEqual(
            self.all("stop_all.sh"), (0, [" stop node0 success.", " stop node1 success."])
        )

    def test_oneFails(self) -> None:
        """One that fails does not keep the others from starting, but is reported."""
        self.twistd(
            RUNNING.replace("#!/bin/sh\n", "#!/bin/sh\ncase $PWD in */node0) exit 1; esac\n")
        )
        self.assertEqual(self.all("start_all.sh"), (1, [" node1 start successfully"]))
