"""The plugin of twistd: C{twistd fiscop2p --config nodes/127.0.0.1/node0/config.ini}."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver, Logger
from twisted.plugin import getPlugins
from twisted.python import usage
from twisted.python.components import Componentized

from .config import NodeConfig, loadConfig
from .daemon import Daemon, passOverSignals
from .demo import Demo
from .errors import FiscoP2PError, SetupError
from .interfaces import IP2PModule
from .logs import LOG_FORMS, LogSwitch, makeObserver, nodeObserver
from .privileges import LostAccess
from .tls import TLS_CHOICES


class Options(usage.Options):
    """What twistd is told behind C{fiscop2p}."""

    synopsis = "[options]"
    longdesc = (
        "Runs a node from its FISCO BCOS config.ini, or a demonstration of four nodes. "
        "Make a network of your own with: fiscop2p chain -l 127.0.0.1:4 -o nodes"
    )
    optParameters = [
        ["config", "c", None, "the node's config.ini; relative paths in it start at its folder"],
        ["port", "p", None, "where to listen instead: systemd:domain=INET:index=0, tcp:30300"],
        ["tls", None, "auto", f"TLS implementation: {', '.join(TLS_CHOICES)}", str],
        ["log-format", None, "text", f"what lines of the log are: {', '.join(LOG_FORMS)}", str],
    ]
    optFlags = [
        ["demo", None, "make four nodes in this process, and show what the network is for"],
        ["once", None, "with --demo: end after the story; exit status 1 if a step failed"],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["modules"] = []

    def opt_module(self, name: str) -> None:
        """load an application's module, found by Twisted's plugin system; may be repeated"""
        self["modules"].append(name)

    opt_m = opt_module

    def postOptions(self) -> None:
        """See that they make sense together."""
        if self["tls"] not in TLS_CHOICES:
            raise usage.UsageError(f"--tls is one of {', '.join(TLS_CHOICES)}")
        if self["log-format"] not in LOG_FORMS:
            raise usage.UsageError(f"--log-format is one of {', '.join(LOG_FORMS)}")
        if bool(self["config"]) == bool(self["demo"]):
            raise usage.UsageError("give either --config FILE or --demo")
        if self["once"] and not self["demo"]:
            raise usage.UsageError("--once goes with --demo")
        if self["demo"] and self["modules"]:
            raise usage.UsageError("--module goes with --config")
        if self["demo"] and self["port"]:
            raise usage.UsageError("--port goes with --config")


def makeService(options: Options) -> IService:
    """
    Make what twistd runs.

    @raise SystemExit: a file or an option is wrong; it is said in one line.
    """
    try:
        return _demo(options) if options["demo"] else _node(options)
    except SetupError as error:
        sys.stderr.write(f"fiscop2p: {error}\n")
        raise SystemExit(1) from None


def _node(options: Options) -> IService:
    passOverSignals()
    config = loadConfig(options["config"])
    daemon = Daemon(config, options["tls"], endpoint=options["port"])
    for module in _modules(options["modules"]):
        try:
            module.attach(daemon.node)
        except FiscoP2PError as error:
            raise SetupError(f"module {module.name}: {error}") from None
    root = _Root(
        _observer(config, options),
        lambda: _observer(loadConfig(options["config"]), options),
        options,
    )
    daemon.setServiceParent(root)
    LostAccess(
        (config.path, *config.credentials.sources), _foldersToFill(config, options)
    ).setServiceParent(root)
    return root


def _demo(options: Options) -> IService:
    from twisted.internet import reactor

    make = partial(makeObserver, "warning", None)
    root = _Root(make(), make, options)
    Demo(options["tls"], bool(options["once"]), reactor).setServiceParent(root)
    return root


def _modules(names: list[str]) -> list[Any]:
    known: dict[str, list[Any]] = {}
    for module in getPlugins(IP2PModule):
        known.setdefault(module.name, []).append(module)
    for name in names:
        if name not in known:
            listed = "; ".join(f"{m.name}: {m.description}" for (m, *_) in known.values())
            raise SetupError(f"there is no module {name!r}; those found are: {listed or 'none'}")
        if len(known[name]) > 1:
            listed = " and ".join(f"{type(m).__module__}.{type(m).__name__}" for m in known[name])
            raise SetupError(
                f"several modules are called {name!r}: {listed}; give one another name"
            )
    return [known[name][0] for name in dict.fromkeys(names)]


def _observer(config: NodeConfig, options: Options) -> ILogObserver | None:
    """
    Choose where the log goes: twistd's --logfile, standard output with --nodaemon, or log_path.

    @return: L{None} to leave it to twistd, whose --logger goes before everything.
    """
    twistd: dict[str, Any] = options.parent or {}
    if twistd.get("logger"):
        return None
    form = options["log-format"]
    level = config.logging.level if config.logging.enabled else "fatal"
    if twistd.get("logfile") not in (None, "", "-"):
        return makeObserver(level, Path(twistd["logfile"]), form=form)
    if twistd.get("nodaemon"):
        return makeObserver(level, None, form=form)
    return nodeObserver(config.logging, form)


def _foldersToFill(config: NodeConfig, options: Options) -> list[Path]:
    """Where files will be made while the node runs."""
    received = [] if config.files is None else [config.files.folder]
    return [*_logFolders(config, options), *received]


def _logFolders(config: NodeConfig, options: Options) -> list[Path]:
    """Where log files will follow those that L{_observer} opens."""
    twistd: dict[str, Any] = options.parent or {}
    if twistd.get("logger") or not config.logging.enabled:
        return []
    if twistd.get("logfile") not in (None, "", "-"):
        return [Path(twistd["logfile"]).absolute().parent]
    return [] if twistd.get("nodaemon") else [config.logging.path]


class _Root(MultiService):
    """What twistd holds: it brings the log, and says in one line what keeps it down."""

    _log = Logger()

    def __init__(
        self,
        observer: ILogObserver | None,
        makeObserver: Callable[[], ILogObserver | None],
        options: Options,
    ) -> None:
        from twisted.internet import reactor

        super().__init__()
        self._logSwitch = LogSwitch(observer, makeObserver, reactor)
        twistd: dict[str, Any] = options.parent or {}
        self._inForeground = bool(twistd.get("nodaemon"))

    def setServiceParent(self, parent: Any) -> None:
        """Become part of twistd's application, and give it our log observer."""
        super().setServiceParent(parent)
        observer = self._logSwitch.observer
        if isinstance(parent, Componentized) and observer is not None:
            parent.setComponent(ILogObserver, observer)

    def startService(self) -> None:
        """Start the rest, and obey the operator."""
        super().startService()
        self._logSwitch.obeySignal()

    def privilegedStartService(self) -> None:
        """Start what needs privileges."""
        try:
            super().privilegedStartService()
        except SetupError as error:
            self._log.critical("fiscop2p: {error}", error=error)
            if not self._inForeground:
                # twistd tells it to the process that waits in the foreground; its way through
                # Twisted would only hide it in the log.
                sys.tracebacklimit = 0
                raise
            sys.stderr.write(f"fiscop2p: {error}\n")
            raise SystemExit(1) from None
