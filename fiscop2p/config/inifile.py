"""
FISCO BCOS's INI files, which are Boost's property tree's: sections, keys, and where they stand.

Comments begin with C{;} or C{#} at the start of a line, after blanks, and nowhere else: behind a
value they are part of the value.  Keys and values are trimmed; no section and no key may be there
twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ..errors import ConfigError, SetupError
from ..reading import readWhole

_BLANKS: Final = " \t\v\f\r"
_COMMENT: Final = (";", "#")
_KEEPING: Final = "surrogateescape"
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST_SHOWN: Final = 40

_Value = TypeVar("_Value")


class Entry(NamedTuple):
    """
    What is written for a key.

    @ivar value: without blanks around it; may be empty.
    @ivar line: its line number, from 1.
    """

    value: str
    line: int


@dataclass(frozen=True)
class Section:
    """
    A section of a file.

    @ivar name: what stands between the brackets.
    @ivar line: the line number of its header, from 1.
    @ivar entries: its keys, in the order of the file.
    """

    name: str
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)


class IniFile:
    """
    What is in an INI file.  Mistakes are collected: read all values that you need, each of which
    is its default where it is wrong, and then call L{check}.

    @ivar path: the file, as the one who asked calls it.
    @ivar sections: in the order of the file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.sections: dict[str, Section] = {}
        self._faults: list[ConfigError] = []

    @classmethod
    def read(cls, path: Path | str) -> IniFile:
        """
        Read a file; see L{decoded}.

        @raise ConfigError: there is no such file, or it cannot be read, has more than 4 MiB, or is
            not UTF-8.
        """
        try:
            content = readWhole(path)
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such file") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        return cls.parse(decoded(content, str(path)), str(path))

    @classmethod
    def parse(cls, text: str, path: str) -> IniFile:
        """
        Take a text apart.

        @param path: the file's name in messages.
        """
        ini = cls(path)
        section: Section | None = None
        for number, untrimmed in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
            line = untrimmed.strip(_BLANKS)
            if not line or line.startswith(_COMMENT):
                continue
            if _CONTROLS.search(line):
                ini._blame(number, f"there is a control character in {shown(line)}; remove it")
            elif line[0] == "[":
                section = ini._openSection(line, number)
            else:
                ini._addEntry(section, line, number)
        return ini

    def _openSection(self, line: str, number: int) -> Section:
        """Begin a section; the keys of a wrong one are parsed, but lead nowhere."""
        name, bracket, rest = line[1:].partition("]")
        section = Section(name.strip(_BLANKS), number)
        rest = rest.strip(_BLANKS)
        if not bracket or not section.name or (rest and rest[0] not in ";#"):
            self._blame(number, f"expected [section] and nothing after it, found {shown(line)}")
        elif section.name in self.sections:
            first = self.sections[section.name].line
            self.blameSection(section, f"is there already, in line {first}; join the two")
        else:
            self.sections[section.name] = section
        return section

    def _addEntry(self, section: Section | None, line: str, number: int) -> None:
        key, equals, value = line.partition("=")
        key = key.strip(_BLANKS)
        if not equals or not key:
            self._blame(number, f"expected [section], key=value or ;comment, found {shown(line)}")
        elif section is None:
            self._blame(number, f"{key} stands before the first [section], where nothing is read")
        elif key in section.entries:
            first = section.entries[key].line
            self._blame(number, f"[{section.name}] {key}: is there already, in line {first}")
        else:
            section.entries[key] = Entry(value.strip(_BLANKS), number)

    def renew(self, old: str, name: str) -> None:
        """
        Let a section that has its old name be found by its new one; messages call it as the file
        does.  Both in one file are a mistake.
        """
        if old in self.sections:
            section = self.sections.pop(old)
            if name in self.sections:
                line = self.sections[name].line
                self.blameSection(
                    section, f"is the old name of [{name}], which is there too, in line {line}"
                )
            else:
                self.sections[name] = section

    # Values.

    def value(
        self, section: str, key: str, convert: Callable[[str], _Value], default: _Value
    ) -> _Value:
        """
        Read the value of a key.

        @param convert: makes it of the text, or raises L{ValueError} or L{SetupError}, whose
            message then becomes that of a L{ConfigError}, with file, line, section and key.
        @param default: what to return if the key is not there, or its value is wrong.
        """
        if section in self.sections and key in self.sections[section].entries:
            try:
                return convert(self.sections[section].entries[key].value)
            except (ValueError, SetupError) as error:
                self.blame(section, key, str(error))
        return default

    def values(self, section: str, prefix: str, convert: Callable[[str], _Value]) -> list[_Value]:
        """
        Read the values of all keys that begin with a prefix, in the order of the file.

        @param convert: see L{value}; wrong values are left out.
        """
        found: list[_Value] = []
        if section in self.sections:
            for key, entry in self.sections[section].entries.items():
                if key.startswith(prefix):
                    try:
                        found.append(convert(entry.value))
                    except (ValueError, SetupError) as error:
                        self.blame(section, key, str(error))
        return found

    def expect(self, section: str, key: str) -> None:
        """Say that a key must be there; it is a mistake if it is not."""
        if section not in self.sections:
            self._blame(0, f"[{section}] {key}: is missing, and so is the section")
        elif key not in self.sections[section].entries:
            self.blameSection(self.sections[section], f"{key}: is missing")

    # Mistakes.

    def fault(self, section: str, key: str, fault: str) -> ConfigError:
        """Say that an entry, which must be there, is wrong, but do not note it."""
        found = self.sections[section]
        return self._fault(found.entries[key].line, f"[{found.name}] {key}: {fault}")

    def blame(self, section: str, key: str, fault: str) -> None:
        """Note that an entry, which must be there, is wrong."""
        self._faults.append(self.fault(section, key, fault))

    def blameSection(self, section: Section, fault: str) -> None:
        """Note that a section is wrong."""
        self._blame(section.line, f"[{section.name}] {fault}")

    def _blame(self, line: int, fault: str) -> None:
        self._faults.append(self._fault(line, fault))

    def _fault(self, line: int, fault: str) -> ConfigError:
        place = f"{self.path}:{line}" if line else self.path
        return ConfigError(f"{place}: {fault}", line)

    @property
    def errors(self) -> list[ConfigError]:
        """All mistakes that were noted, in the order of their lines, missing sections last."""
        return inOrder(self._faults)

    def check(self) -> None:
        """
        End the reading.

        @raise ConfigError: there are mistakes; this is the first one.
        """
        if self._faults:
            raise self.errors[0]


def inOrder(errors: Iterable[ConfigError]) -> list[ConfigError]:
    """Put mistakes in the order of their lines, those of no line last."""
    return sorted(errors, key=lambda error: error.line or inf)


# What a value may be.


def decoded(content: bytes, path: str) -> str:
    """
    Make text of what a file holds: UTF-8, with or without a byte order mark.

    Comments may be in any encoding, as FISCO BCOS takes them; L{encoded} gives their bytes back.

    @param path: the file's name in messages.
    @raise ConfigError: anything else is not UTF-8; names the line.
    """
    text = content.decode(errors=_KEEPING)
    if not text.isascii():
        for number, line in enumerate(text.split("\n"), 1):
            isComment = line.strip(_BLANKS).startswith(_COMMENT)
            if not isComment and _UNDECODED.search(line):
                raise ConfigError(
                    f"{path}:{number}: not UTF-8 text; save the file as UTF-8", number
                )
    return text


def encoded(text: str) -> bytes:
    """
    Undo L{decoded}.

    @raise UnicodeEncodeError: there are characters in it that are none.
    """
    return text.encode(errors=_KEEPING)


def shown(text: str) -> str:
    """Quote what is written in a file for a message; long texts are shortened."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")


def unexpected(wanted: str, text: str) -> ValueError:
    """
    The error of a value that is not what it must be.

    @param wanted: what it must be.
    """
    return ValueError(f"expected {wanted}, found {shown(text) if text else 'nothing'}")


def boolean(text: str) -> bool:
    """
    Read C{true}, C{false}, C{1} or C{0}, as Boost does.

    @raise ValueError: it is none of them.
    """
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise unexpected("true or false", text)


def portNumber(text: str) -> int:
    """
    Read a TCP port.

    @raise ValueError: it is not a number from 1 to 65535.
    """
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= 65535:
        return int(text)
    raise unexpected("a number from 1 to 65535", text)
