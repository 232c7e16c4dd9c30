"""
Tests for L{fiscop2p.config.inifile}.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.config.inifile import Entry, IniFile, boolean, portNumber
from fiscop2p.errors import ConfigError, SetupError

CHARACTERS = st.text(st.sampled_from("[]=;# \t\r\n\v\f\x00\u2028.a0é"), max_size=60)


def parse(text: str) -> IniFile:
    """Parse a text which must have no mistake."""
    ini = IniFile.parse(text, "config.ini")
    ini.check()
    return ini


def entriesIn(text: str) -> dict[str, dict[str, str]]:
    """The sections, keys and values of a text."""
    return {
        name: {key: entry.value for key, entry in section.entries.items()}
        for name, section in parse(text).sections.items()
    }


def errorsIn(text: str) -> list[str]:
    """The messages of all mistakes."""
    return [str(error) for error in IniFile.parse(text, "config.ini").errors]


class ParseTests(SynchronousTestCase):
    """What is in a text."""

    def test_entries(self) -> None:
        """Sections, keys and values keep their order, and know their lines."""
        ini = parse("[p2p]\n    listen_port=30300\n\nnode.1=b\nnode.0=a\n[log]\n")
        self.assertEqual(list(ini.sections), ["p2p", "log"])
        self.assertEqual([section.line for section in ini.sections.values()], [1, 6])
        self.assertEqual(
            list(ini.sections["p2p"].entries.items()),
            [
                ("listen_port", Entry("30300", 2)),
                ("node.1", Entry("b", 4)),
                ("node.0", Entry("a", 5)),
            ],
        )

    def test_blanks(self) -> None:
        """Blanks around names, keys and values are nothing; those within are."""
        self.assertEqual(
            entriesIn(" \t[ a b ]\t\n\t a key \t= a  value \n  empty=\n"),
            {"a b": {"a key": "a  value", "empty": ""}},
        )
        self.assertEqual(entriesIn("\v[a]\f\nk=\xa0v\xa0\v\n"), {"a": {"k": "\xa0v\xa0"}})

    def test_comments(self) -> None:
        """C{;} and C{#} begin a comment at the start of a line."""
        self.assertEqual(
            entriesIn("; one\n#two\n[a]\n  ;k=1\n\t# k=2\nk=3\n[b] ; aside\n[c]#\n"),
            {"a": {"k": "3"}, "b": {}, "c": {}},
        )

    def test_noInlineComments(self) -> None:
        """Behind a value there is no comment."""
        self.assertEqual(entriesIn("[a]\nk=1 ; one\nl=#\n"), {"a": {"k": "1 ; one", "l": "#"}})

    def test_equalsSign(self) -> None:
        """The first equals sign ends the key."""
        self.assertEqual(entriesIn("[a]\nk=b=c\n"), {"a": {"k": "b=c"}})

    def test_case(self) -> None:
        """Names that differ in case are not the same."""
        self.assertEqual(entriesIn("[a]\nk=1\nK=2\n[A]\n"), {"a": {"k": "1", "K": "2"}, "A": {}})

    def test_windowsLines(self) -> None:
        """Lines may end in CR LF, the last one in nothing, and a byte order mark may be there."""
        self.assertEqual(entriesIn("\ufeff[a]\r\n\r\nk=1\r\nl=2"), {"a": {"k": "1", "l": "2"}})

    def test_empty(self) -> None:
        """Nothing is a good file."""
        self.assertEqual(entriesIn(""), {})

    def test_notALine(self) -> None:
        """A line that is neither section, entry nor comment is a mistake."""
        for line in ("listen_port", "=30300", " = ", "listen_port: 30300"):
            self.assertEqual(
                errorsIn(f"[p2p]\n{line}\n"),
                [
                    "config.ini:2: expected [section], key=value or ;comment, "
                    f"found {line.strip()!r}"
                ],
            )

    def test_notAHeader(self) -> None:
        """So is a header that does not end, names nothing, or has more behind it."""
        for line in ("[p2p", "[]", "[ ]", "[p2p] listen_port=1", "[", "[p2p]]"):
            self.assertEqual(
                errorsIn(f"{line}\nlisten_port=1\n"),
                [f"config.ini:1: expected [section] and nothing after it, found {line!r}"],
            )

    def test_longLine(self) -> None:
        """A message shows the beginning of a long line."""
        self.assertEqual(
            errorsIn("x" * 1000),
            [f"config.ini:1: expected [section], key=value or ;comment, found '{'x' * 37}...'"],
        )

    def test_control(self) -> None:
        """Control characters are in no value, and what is shown of them is printable."""
        for character in "\x00\r\x1b\x85\u2028":
            self.assertEqual(
                errorsIn(f"[a]\nk=1{character}2\n"),
                [
                    "config.ini:2: there is a control character in "
                    f"{f'k=1{character}2'!r}; remove it"
                ],
            )
        self.assertEqual(entriesIn("[a]\n;\x00\nk=1\t2\n"), {"a": {"k": "1\t2"}})

    def test_noSection(self) -> None:
        """A key before the first section is a mistake."""
        self.assertEqual(
            errorsIn("\nlisten_port=1\n[p2p]\n"),
            ["config.ini:2: listen_port stands before the first [section], where nothing is read"],
        )

    def test_keyTwice(self) -> None:
        """A key may be there once in a section, and once in each."""
        self.assertEqual(
            errorsIn("[a]\nk=1\nk=1\n[b]\nk=1\n"),
            ["config.ini:3: [a] k: is there already, in line 2"],
        )

    def test_sectionTwice(self) -> None:
        """A section may be there once; what the second one says is not taken."""
        text = "[a]\nk=1\n[b]\n[a]\nk=2\nl=1\n"
        self.assertEqual(
            errorsIn(text), ["config.ini:4: [a] is there already, in line 1; join the two"]
        )
        entries = IniFile.parse(text, "config.ini").sections["a"].entries
        self.assertEqual(entries, {"k": Entry("1", 2)})

    def test_allMistakes(self) -> None:
        """All mistakes are found; the first one is raised."""
        text = "k=1\n[a]\nrubbish\nk=1\nk=2\n[b\nk=1\n"
        self.assertEqual(
            [error.split(" ")[0] for error in errorsIn(text)],
            ["config.ini:1:", "config.ini:3:", "config.ini:5:", "config.ini:6:"],
        )
        error = self.assertRaises(ConfigError, IniFile.parse(text, "config.ini").check)
        self.assertEqual(str(error), errorsIn(text)[0])

    @given(st.one_of(st.text(), CHARACTERS))
    def test_anyText(self, text: str) -> None:
        """Any text is either good, or has mistakes that are told in one line each."""
        ini = IniFile.parse(text, "config.ini")
        for error in ini.errors:
            self.assertIsInstance(error, ConfigError)
            self.assertRegex(str(error), r"\Aconfig\.ini:[1-9][0-9]*: ")
            self.assertEqual(len(str(error).splitlines()), 1)
        for section in ini.sections.values():
            for key, entry in section.entries.items():
                line = text.split("\n")[entry.line - 1]
                self.assertTrue(key and key in line and entry.value in line)

    @given(
        st.dictionaries(
            st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
            st.dictionaries(
                st.from_regex(r"[a-z_.0-9]{1,8}", fullmatch=True),
                st.from_regex(r"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True),
            ),
        ),
        st.sampled_from(["{}={}\n", "  {} = {}\r\n", "\n;\n\t{}\t=\t{}\t\n"]),
    )
    def test_written(self, sections: dict[str, dict[str, str]], form: str) -> None:
        """What is written is read."""
        text = "".join(
            f"[{name}]\n" + "".join(form.format(*entry) for entry in entries.items())
            for name, entries in sections.items()
        )
        self.assertEqual(entriesIn(text), sections)


class ReadTests(SynchronousTestCase):
    """Reading files."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = Path(directory.name) / "config.ini"

    def assertUnreadable(self, fault: str) -> None:
        """Check that the file cannot be read, by either kind of path."""
        for path in (self.file, str(self.file)):
            error = self.assertRaises(ConfigError, IniFile.read, path)
            self.assertEqual(str(error), f"{self.file}{fault}")

    def test_read(self) -> None:
        """A file is UTF-8, with a byte order mark or without."""
        for mark in (b"", b"\xef\xbb\xbf"):
            self.file.write_bytes(mark + "[a]\nk=中\n".encode())
            ini = IniFile.read(self.file)
            ini.check()
            self.assertEqual(ini.sections["a"].entries, {"k": Entry("中", 2)})
            self.assertEqual(ini.path, str(self.file))

    def test_missing(self) -> None:
        """A file that is not there is named."""
        self.assertUnreadable(": no such file")

    def test_unreadable(self) -> None:
        """So is a directory, with the system's reason."""
        self.file.mkdir()
        self.assertUnreadable(": cannot be read: Is a directory")

    def test_otherEncodings(self) -> None:
        """Other encodings are refused, with the line that tells."""
        self.file.write_bytes("[a]\nk=é\n".encode("latin-1"))
        self.assertUnreadable(":2: not UTF-8 text; save the file as UTF-8")
        self.file.write_bytes("[a]\n".encode("utf-16"))
        self.assertUnreadable(":1: not UTF-8 text; save the file as UTF-8")

    def test_commentsInAnyEncoding(self) -> None:
        """What a comment is written in does not matter, for nobody reads it."""
        text = "; 节点列表\n[a]\n\t# 名称\nk=1\n"
        self.file.write_bytes(text.encode("gbk"))
        ini = IniFile.read(self.file)
        ini.check()
        self.assertEqual(ini.sections["a"].entries, {"k": Entry("1", 4)})


class ValueTests(SynchronousTestCase):
    """Reading values."""

    def setUp(self) -> None:
        self.ini = parse("[a]\nk=1\nn.0=2\nn.x=x\nm=3\nn.1=4\n[new]\n[old]\nk=x\n")

    def assertErrors(self, *errors: str) -> None:
        """Check which mistakes were found."""
        self.assertEqual([str(error) for error in self.ini.errors], list(errors))

    def test_value(self) -> None:
        """The value of a key, or the default."""
        self.assertEqual(self.ini.value("a", "k", portNumber, 7), 1)
        self.assertEqual(self.ini.value("a", "none", portNumber, 7), 7)
        self.assertEqual(self.ini.value("none", "k", portNumber, 7), 7)
        self.assertErrors()
        self.ini.check()

    def test_wrongValue(self) -> None:
        """A wrong value is a mistake, and the default meanwhile."""
        self.assertEqual(self.ini.value("old", "k", portNumber, 7), 7)
        self.assertErrors("config.ini:9: [old] k: expected a number from 1 to 65535, found 'x'")
        self.assertRaises(ConfigError, self.ini.check)

    def test_setupError(self) -> None:
        """Our own errors are taken as well."""

        def refuse(text: str) -> None:
            raise SetupError(f"{text} is not for us")

        self.ini.value("a", "k", refuse, None)
        self.assertErrors("config.ini:2: [a] k: 1 is not for us")

    def test_values(self) -> None:
        """All keys that begin alike, in the order of the file; wrong ones are mistakes."""
        self.assertEqual(self.ini.values("a", "n.", portNumber), [2, 4])
        self.assertEqual(self.ini.values("none", "n.", portNumber), [])
        self.assertErrors("config.ini:4: [a] n.x: expected a number from 1 to 65535, found 'x'")

    def test_lines(self) -> None:
        """Mistakes are told in the order of their lines, not of reading; what is nowhere last."""
        self.ini.value("old", "k", portNumber, 7)
        self.ini.values("a", "n.", portNumber)
        self.ini.expect("none", "k")
        places = [str(error).split(": ")[0] for error in self.ini.errors]
        self.assertEqual(places, ["config.ini:4", "config.ini:9", "config.ini"])

    def test_expect(self) -> None:
        """A key that must be there is a mistake when it is not."""
        self.ini.expect("a", "k")
        self.assertErrors()
        self.ini.expect("new", "k")
        self.ini.expect("none", "k")
        self.assertErrors(
            "config.ini:7: [new] k: is missing",
            "config.ini: [none] k: is missing, and so is the section",
        )

    def test_renew(self) -> None:
        """A section is found by its new name, and called what the file calls it."""
        self.ini.renew("old", "newer")
        self.ini.renew("none", "a")
        self.assertEqual(list(self.ini.sections), ["a", "new", "newer"])
        self.ini.value("newer", "k", portNumber, 7)
        self.assertErrors("config.ini:9: [old] k: expected a number from 1 to 65535, found 'x'")

    def test_bothNames(self) -> None:
        """Old and new name in one file are a mistake."""
        self.ini.renew("old", "new")
        self.assertErrors(
            "config.ini:8: [old] is the old name of [new], which is there too, in line 7"
        )


class KindTests(SynchronousTestCase):
    """What a value may be."""

    def assertRefused(self, convert: Callable[[str], object], wanted: str, *texts: str) -> None:
        """Check that texts are refused, and what is said."""
        for text in texts:
            error = self.assertRaises(ValueError, convert, text)
            self.assertEqual(str(error), f"expected {wanted}, found {text!r}")

    def test_boolean(self) -> None:
        """C{true}, C{false}, C{1} and C{0}."""
        self.assertEqual([boolean(text) for text in ("true", "1")], [True, True])
        self.assertEqual([boolean(text) for text in ("false", "0")], [False, False])
        self.assertRefused(boolean, "true or false", "True", "yes", "2", "true ; yes", "on")

    def test_portNumber(self) -> None:
        """1 to 65535, in ASCII."""
        self.assertEqual([portNumber(text) for text in ("1", "65535", "030300")], [1, 65535, 30300])
        wanted = "a number from 1 to 65535"
        self.assertRefused(portNumber, wanted, "0", "65536", "-1", "+1", "1.0", "x", "1 2", "٣")
        error = self.assertRaises(ValueError, portNumber, "9" * 5000)
        self.assertEqual(str(error), f"expected {wanted}, found '{'9' * 37}...'")

    def test_nothing(self) -> None:
        """An empty value is called what it is."""
        for convert in (boolean, portNumber):
            error = self.assertRaises(ValueError, convert, "")
            self.assertIn(", found nothing", str(error))
