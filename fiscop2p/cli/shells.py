"""
Scripts by which shells complete command lines.

They are made of what the commands are, so that a shell need not start the program to complete most
words; names of nodes and topics it asks for.  Names that others have chosen are never evaluated.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple


class Option(NamedTuple):
    """
    An option.

    @ivar names: as they are written, with their dashes.
    @ivar hasValue: whether its value follows.
    """

    names: tuple[str, ...]
    hasValue: bool
    description: str


class Words(NamedTuple):
    """
    What may stand behind a command.

    @ivar path: the names of the command, without the program's.
    @ivar commands: those that may follow, with their descriptions.
    @ivar arguments: what its arguments are: C{nodes}, C{topics}, C{files}, or words, with blanks
        between them, that it may be.
    """

    path: tuple[str, ...]
    commands: Mapping[str, str]
    options: tuple[Option, ...]
    arguments: tuple[str, ...]


_ASKED: Final = ("nodes", "topics")

_BASH: Final = """\
# To use it now: source <(fiscop2p completion bash); for good: add that line to ~/.bashrc

_fiscop2p_words() {
    commands='' options='' valued='' arguments=()
    case $1 in
@CASES@
    esac
}

_fiscop2p() {
    local word=${COMP_WORDS[COMP_CWORD]} path='' each='' waits='' place=0 index kind
    local commands options valued arguments config=()
    COMPREPLY=()
    _fiscop2p_words "$path"
    for ((index = 1; index < COMP_CWORD; index++)); do
        each=${COMP_WORDS[index]}
        if [[ $waits ]]; then
            [[ $waits == -c || $waits == --config ]] && config=(-c "$each")
            waits=''
        elif [[ " $valued " == *" $each "* ]]; then
            waits=$each
        elif [[ " $commands " == *" $each "* ]]; then
            path=${path:+$path }$each
            _fiscop2p_words "$path"
        elif [[ $each != -* ]]; then
            place=$((place + 1))
        fi
    done
    if [[ $waits ]]; then
        kind=files
    elif [[ $word == -* ]]; then
        kind=$options
    else
        kind=${commands:-${arguments[place]}}
    fi
    case $kind in
    files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    nodes | topics)
        while IFS= read -r each; do
            [[ $each == "$word"* ]] && COMPREPLY+=("$(printf %q "$each")")
        done < <(fiscop2p completion "${config[@]}" "$kind" "$word" 2>/dev/null)
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$kind" -- "$word")
        ;;
    esac
}

complete -F _fiscop2p fiscop2p
"""

_ZSH: Final = """\
#compdef fiscop2p
# To use it now: source <(fiscop2p completion zsh); for good: put it into a file _fiscop2p of a
# folder in $fpath

_fiscop2p_words() {
    commands=() options=() valued=() arguments=()
    case $1 in
@CASES@
    esac
}

_fiscop2p() {
    local each waits path_ kind index place=1
    local -a commands options valued arguments config found
    _fiscop2p_words ''
    for ((index = 2; index < CURRENT; index++)); do
        each=${(Q)words[index]}
        if [[ -n $waits ]]; then
            [[ $waits == (-c|--config) ]] && config=(-c "$each")
            waits=''
        elif (( ${valued[(Ie)$each]} )); then
            waits=$each
        elif [[ -n ${(M)commands:#$each:*} ]]; then
            path_=${path_:+$path_ }$each
            _fiscop2p_words "$path_"
        elif [[ $each != -* ]]; then
            place=$((place + 1))
        fi
    done
    if [[ -n $waits ]]; then
        _files
    elif [[ $PREFIX == -* ]]; then
        _describe option options
    elif (( ${#commands} )); then
        _describe command commands
    else
        kind=${arguments[place]}
        case $kind in
        '') ;;
        files) _files ;;
        nodes | topics)
            found=("${(@f)$(fiscop2p completion $config $kind "$PREFIX" 2>/dev/null)}")
            compadd -- ${found:#}
            ;;
        *) compadd -- ${=kind} ;;
        esac
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _fiscop2p "$@"
else
    compdef _fiscop2p fiscop2p
fi
"""

_FISH: Final = """\
# To use it now: fiscop2p completion fish | source; for good: put it into
# ~/.config/fish/completions/fiscop2p.fish

function __fiscop2p_at
    # Whether the words so far are these commands, and as many arguments behind them.
    set -l words (commandline -opc)[2..-1]
    set -l path
    set -l place 0
    set -l waits ''
    for each in $words
        if test -n "$waits"
            set waits ''
        else if contains -- "$path $each" @VALUED@
            set waits $each
        else if contains -- "$path $each" @COMMANDS@
            set path "$path $each"
        else if not string match -q -- '-*' $each
            set place (math $place + 1)
        end
    end
    test "$path" = "$argv[1]"; and begin
        test (count $argv) -eq 1; or test $place -eq $argv[2]
    end
end

function __fiscop2p_ask
    set -l words (commandline -opc)
    set -l config
    for index in (seq (count $words))
        if contains -- $words[$index] -c --config
            set config -c $words[(math $index + 1)]
        end
    end
    fiscop2p completion $config $argv[1] (commandline -ct) 2>/dev/null
end

complete -c fiscop2p -f
@LINES@
"""


def bash(words: Iterable[Words]) -> str:
    """Make the script for bash."""
    cases = []
    for each in words:
        names = [name for option in each.options for name in option.names]
        cases += [
            f"    {_quoted(' '.join(each.path))})",
            f"        commands={_quoted(' '.join(each.commands))}",
            f"        options={_quoted(' '.join(names))}",
            f"        valued={_quoted(' '.join(_valued(each)))}",
            f"        arguments=({' '.join(map(_quoted, each.arguments))})",
            "        ;;",
        ]
    return _BASH.replace("@CASES@", "\n".join(cases))


def zsh(words: Iterable[Words]) -> str:
    """Make the script for zsh."""
    cases = []
    for each in words:
        commands = [_described(name, what) for name, what in each.commands.items()]
        options = [
            _described(name, option.description) for option in each.options for name in option.names
        ]
        cases += [
            f"    {_quoted(' '.join(each.path))})",
            f"        commands=({' '.join(commands)})",
            f"        options=({' '.join(options)})",
            f"        valued=({' '.join(map(_quoted, _valued(each)))})",
            f"        arguments=({' '.join(map(_quoted, each.arguments))})",
            "        ;;",
        ]
    return _ZSH.replace("@CASES@", "\n".join(cases))


def fish(words: Iterable[Words]) -> str:
    """Make the script for fish."""
    listed = list(words)
    lines, valued, commands = [], [], []
    for each in listed:
        path = "".join(f" {name}" for name in each.path)
        at = f"complete -c fiscop2p -n {_quoted(f'__fiscop2p_at {_fishQuoted(path)}')}"
        for name, what in each.commands.items():
            commands.append(f"{path} {name}")
            lines.append(f"{at} -a {name} -d {_quoted(what)}")
        for option in each.options:
            names = " ".join(
                f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
                for name in option.names
            )
            takes = " -r -F" if option.hasValue else ""
            lines.append(f"{at} {names}{takes} -d {_quoted(option.description)}")
        valued += [f"{path} {name}" for name in _valued(each)]
        for place, kind in enumerate(each.arguments):
            if not kind:
                continue
            there = f"__fiscop2p_at {_fishQuoted(path)} {place}"
            start = f"complete -c fiscop2p -n {_quoted(there)}"
            if kind == "files":
                lines.append(f"{start} -F")
            elif kind in _ASKED:
                lines.append(f"{start} -a {_quoted(f'(__fiscop2p_ask {kind})')}")
            else:
                lines.append(f"{start} -a {_quoted(kind)}")
    return (
        _FISH.replace("@VALUED@", " ".join(map(_fishQuoted, valued)))
        .replace("@COMMANDS@", " ".join(map(_fishQuoted, commands)))
        .replace("@LINES@", "\n".join(lines))
    )


SHELLS: Final[Mapping[str, Callable[[Iterable[Words]], str]]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}
"""Who makes the script, by shell."""


def _valued(words: Words) -> list[str]:
    return [name for option in words.options if option.hasValue for name in option.names]


def _quoted(text: str) -> str:
    return shlex.quote(text)


def _fishQuoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _described(name: str, description: str) -> str:
    return _quoted(f"{name}:{description}")
