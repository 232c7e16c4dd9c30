"""
The command C{fiscop2p-node}, which stands where C{fisco-bcos} stands.

It takes the options that the scripts of FISCO BCOS give, and prints the lines that they look for.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger
from twisted.python import usage

from ..config import NodeConfig, loadConfig
from ..daemon import Daemon, passOverSignals
from ..errors import SetupError
from ..logs import LOG_FORMS, LogSwitch, nodeObserver
from ..tls import TLS_CHOICES
from ..version import versionBlock

_FAILED: Final = 255
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGABRT)


class NodeOptions(usage.Options):
    """What C{fiscop2p-node} is told."""

    synopsis = "Usage: fiscop2p-node -c config.ini"
    longdesc = (
        "Runs a FISCO BCOS 2.x P2P node in the foreground until SIGTERM or Ctrl-C. Copied to "
        "nodes/<ip>/fisco-bcos it is run by the scripts of that directory."
    )
    optParameters = [
        ["config", "c", "config.ini", "the node's config.ini; paths in it start at its folder"],
        ["port", "p", None, "where to listen instead: systemd:domain=INET:index=0, tcp:30300"],
        ["tls", None, "auto", f"TLS implementation: {', '.join(TLS_CHOICES)}"],
        ["log-format", None, "text", f"what lines of the log are: {', '.join(LOG_FORMS)}"],
    ]

    def opt_version(self) -> None:
        """display the version and exit"""
        print(versionBlock())
        sys.exit(0)

    opt_v = opt_version
    opt_h = usage.Options.opt_help

    def postOptions(self) -> None:
        """See that they make sense."""
        if self["tls"] not in TLS_CHOICES:
            raise usage.UsageError(f"--tls is one of {', '.join(TLS_CHOICES)}")
        if self["log-format"] not in LOG_FORMS:
            raise usage.UsageError(f"--log-format is one of {', '.join(LOG_FORMS)}")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a node until it is told to end.

    @param argv: the arguments behind the program's name; L{None}: those of this process.
    @return: the exit status: 0, or 255 for what failed, or 2 for what was not understood.
    @raise SystemExit: C{--help} or C{--version} was asked for, and has been printed.
    """
    options = NodeOptions()
    try:
        options.parseOptions(argv)
    except usage.UsageError as error:
        print(f"fiscop2p-node: {error}; see fiscop2p-node --help", file=sys.stderr)
        return 2
    passOverSignals()
    print(versionBlock())
    _tell("Initializing...")
    try:
        _Process(options).run()
    except SetupError as error:
        print(f"fiscop2p-node: {error}", file=sys.stderr)
        print("Init failed!!!", flush=True)
        return _FAILED
    print("FISCO-BCOS program exit normally.", flush=True)
    return 0


def _tell(words: str) -> None:
    print(f"[{datetime.now():%Y-%m-%d %H:%M:%S}] {words}", flush=True)


class _Process:
    """A node's process, from its start to the signal that ends it."""

    _log = Logger()

    def __init__(self, options: NodeOptions) -> None:
        from twisted.internet import reactor

        self._options = options
        self._reactor: Any = reactor
        config = loadConfig(options["config"])
        self._daemon = Daemon(config, options["tls"], reactor, options["port"])
        self._logSwitch = LogSwitch(
            self._makeObserver(config),
            lambda: self._makeObserver(loadConfig(options["config"])),
            reactor,
        )

    def run(self) -> None:
        """
        Run the node, and return when it has ended.

        @raise SetupError: something keeps it from starting.
        """
        self._logSwitch.begin()
        try:
            self._daemon.privilegedStartService()
            self._daemon.startService()
        except SetupError as error:
            self._log.critical("{error}", error=error)
            raise
        self._reactor.addSystemEventTrigger("before", "shutdown", self._daemon.stopService)
        # Later than Twisted sets its own, which say how they ended by ending again.
        self._reactor.callWhenRunning(self._started)
        self._reactor.run()

    def _started(self) -> None:
        for number in _ENDING:
            signal.signal(number, lambda *_: self._reactor.callFromThread(self._end))
        self._logSwitch.obeySignal()
        _tell("The FISCO-BCOS is running...")

    def _end(self) -> None:
        try:
            self._reactor.stop()
        except ReactorNotRunning:
            pass  # It was told before.

    def _makeObserver(self, config: NodeConfig) -> ILogObserver:
        return nodeObserver(config.logging, self._options["log-format"])
