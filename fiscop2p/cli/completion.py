"""C{fiscop2p completion}: what a shell needs to complete command lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from twisted.python import usage

from .asking import NodeCommand
from .command import Command
from .shells import SHELLS, Option, Words

_DIGITS: Final = 16


class CompletionOptions(NodeCommand):
    """C{fiscop2p completion}."""

    arguments = (" ".join(SHELLS),)
    longdesc = (
        "Prints a script that has a shell complete command lines, also names of nodes and topics: "
        "source <(fiscop2p completion bash); source <(fiscop2p completion zsh); "
        "fiscop2p completion fish | source. What these scripts ask for is printed by "
        "fiscop2p completion nodes [BEGINNING], and topics [BEGINNING]."
    )

    def getSynopsis(self) -> str:
        """Say how the command line starts."""
        return "Usage: fiscop2p completion bash|zsh|fish"

    def parseArgs(self, *arguments: str) -> None:
        """Take the shell."""
        self.what = arguments[0] if arguments else ""
        self.beginning = arguments[1] if len(arguments) == 2 else ""
        if self.what in SHELLS and len(arguments) == 1:
            return
        if self.what not in ("nodes", "topics") or len(arguments) > 2:
            raise usage.UsageError(f"name one shell: {', '.join(SHELLS)}")

    def run(self) -> int:
        """Print it."""
        if self.what in SHELLS:
            whole: Any = self.parent
            print(SHELLS[self.what](_wordsOf(whole, ())), end="")
            return 0
        found = self._nodes() if self.what == "nodes" else self._topics()
        names = [name for name in found if name.isprintable() and name]
        if self.isJSON:
            self.tell(names)
        else:
            print("".join(f"{name}\n" for name in names), end="")
        return 0

    def _nodes(self) -> list[str]:
        """Names that belong to one node each, or else the beginnings of node IDs."""
        peers = self.node.get("/api/peers")["peers"]
        count = Counter(peer["name"] for peer in peers)
        names = sorted(name for name in count if count[name] == 1)
        found = [name for name in names if name.startswith(self.beginning)]
        if found:
            return found
        ids = sorted(peer["nodeID"][: max(_DIGITS, len(self.beginning))] for peer in peers)
        return [each for each in ids if each.startswith(self.beginning.lower())]

    def _topics(self) -> list[str]:
        topics = self.node.get("/api/topics")["topics"]
        names = [topic["topic"] for topic in topics]
        return [name for name in names if name.startswith(self.beginning)]


def _wordsOf(command: Command, path: tuple[str, ...]) -> Iterator[Words]:
    """What may stand behind a command, and behind all those below it."""
    below: list[list[Any]] = getattr(command, "subCommands", None) or []
    commands = {name: what for name, _, _, what in below}
    yield Words(path, commands, tuple(_optionsOf(command)), command.arguments)
    for name, _, options, _ in below:
        yield from _wordsOf(options(), (*path, name))


def _optionsOf(command: Command) -> Iterator[Option]:
    for each in sorted(command.longOpt):
        long = each.rstrip("=")
        short = [name for name, full in command.synonyms.items() if full == long and len(name) == 1]
        names = (f"--{long}", *(f"-{name}" for name in sorted(short)))
        yield Option(names, each.endswith("="), " ".join((command.docs.get(long) or "").split()))
