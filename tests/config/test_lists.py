"""
Tests for L{fiscop2p.config.lists}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.access import AccessLists
from fiscop2p.config.inifile import IniFile
from fiscop2p.config.lists import loadLists, readLists
from fiscop2p.errors import ConfigError, NotListed
from tests.temporary import temporaryFolder

ALICE, BOB = "a1" * 64, "b2" * 64
BLACK, WHITE = "certificate_blacklist", "certificate_whitelist"
NODE_ID = "expected a node ID, 128 hexadecimal digits and not all 0, found"


def parse(*lines: str) -> IniFile:
    """The file of these lines."""
    ini = IniFile.parse("\n".join(lines), "config.ini")
    ini.check()
    return ini


class ReadTests(SynchronousTestCase):
    """What the entries of a list may be, and what comes of others."""

    def test_entries(self) -> None:
        """Node IDs in any case of letters, with 0x or without, in either list."""
        for text in (ALICE, ALICE.upper(), f"0x{ALICE}", f"0x{ALICE.upper()}", f"0X{ALICE}"):
            lists = readLists(parse(f"[{BLACK}]", f"crl.0={text}", f"[{WHITE}]", f"cal.x={text}"))
            both = frozenset([ALICE])
            self.assertEqual(lists.access, AccessLists(both, both))
            self.assertEqual((lists.blackFaults, lists.whiteFaults), ((), ()))

    def test_noEntries(self) -> None:
        """A white list without entries, or with comments alone, is none."""
        for lines in ([], [f"[{BLACK}]", f"[{WHITE}]"], [f"[{WHITE}]", "    ;cal.0="]):
            self.assertEqual(readLists(parse(*lines)).access, AccessLists())

    def test_illegalEntries(self) -> None:
        """What is no node ID is told, with what comes of it, and does not count."""
        for text, found in (
            ("", "nothing (0 characters)"),
            ("abc", "'abc' (3 characters)"),
            ("0" * 128, f"'{'0' * 37}...' (128 characters)"),
            ("0x" + "0" * 128, f"'0x{'0' * 35}...' (130 characters)"),
            (BOB + "1", f"'{BOB[:37]}...' (129 characters)"),
            ("g" + BOB[1:], f"'g{BOB[1:37]}...' (128 characters)"),
            (f"{BOB} ; he", f"'{BOB[:37]}...' (133 characters)"),
            ("0x0x" + BOB[4:], f"'0x0x{BOB[4:37]}...' (128 characters)"),
        ):
            lists = readLists(
                parse(
                    *(f"[{BLACK}]", f"crl.0={text}", f"crl.1={ALICE}"),
                    *(f"[{WHITE}]", f"cal.0={text}", f"cal.1={ALICE}"),
                )
            )
            self.assertEqual(lists.access, AccessLists(frozenset([ALICE]), frozenset([ALICE])))
            (fault,) = lists.blackFaults
            self.assertEqual(
                str(fault), f"config.ini:2: [{BLACK}] crl.0: {NODE_ID} {found}; it keeps nobody out"
            )
            (fault,) = lists.whiteFaults
            self.assertEqual(
                str(fault), f"config.ini:5: [{WHITE}] cal.0: {NODE_ID} {found}; it lets nobody in"
            )
            self.assertEqual(fault.line, 5)

    def test_nothingLegal(self) -> None:
        """A white list whose entries are all illegal lets nobody in, rather than everybody."""
        access = readLists(parse(f"[{WHITE}]", "cal.0=")).access
        self.assertEqual(access.white, frozenset())
        self.assertRaises(NotListed, access.judge, ALICE)

    def test_otherKeys(self) -> None:
        """A node under a wrong key is let in by no list, and kept out by the black one."""
        lists = readLists(parse(f"[{BLACK}]", f"cal.0={ALICE}", f"[{WHITE}]", f"crl.0={BOB}"))
        self.assertEqual(lists.access, AccessLists(frozenset([ALICE]), frozenset()))
        self.assertEqual(
            [str(fault) for fault in lists.blackFaults + lists.whiteFaults],
            [
                f"config.ini:2: [{BLACK}] cal.0: expected crl.0, crl.1 and so on as key; its node "
                "is kept out even so",
                f"config.ini:4: [{WHITE}] crl.0: expected cal.0, cal.1 and so on as key; it lets "
                "nobody in",
            ],
        )

    @given(
        st.dictionaries(
            st.sampled_from([f"{prefix}.{number}" for prefix in ("cal", "crl") for number in "01"]),
            st.sampled_from([ALICE, BOB, f"0x{ALICE}", "", "abc", BOB + "1"]),
        ),
        st.sampled_from([BLACK, WHITE]),
    )
    def test_door(self, entries: dict[str, str], section: str) -> None:
        """Whatever is written, nobody is let in who is not in it, or though he is."""
        ini = parse(f"[{section}]", *(f"{key}={value}" for key, value in entries.items()))
        access = readLists(ini).access
        for nodeID in (ALICE, BOB):
            isWritten = nodeID in (value.removeprefix("0x") for value in entries.values())
            if entries and isWritten is (section == BLACK):
                self.assertRaises(NotListed, access.judge, nodeID)


class LoadTests(SynchronousTestCase):
    """The lists of a file that a node runs by."""

    def setUp(self) -> None:
        self.file = temporaryFolder(self) / "config.ini"

    def test_alone(self) -> None:
        """Mistakes elsewhere do not matter; old names do."""
        self.file.write_text(f"[p2p]\nlisten_port=x\n[cal]\ncal.0={ALICE}\n[crl]\ncrl.0={BOB}\n")
        self.assertEqual(
            loadLists(self.file).access, AccessLists(frozenset([BOB]), frozenset([ALICE]))
        )

    def test_notAFile(self) -> None:
        """A file that is not there, or that nobody can take apart, is told."""
        self.assertRaises(ConfigError, loadLists, self.file)
        for text in (
            "[cal",
            f"[cal]\ncal.0={ALICE}\ncal.0={BOB}\n",
            f"[cal]\n[{WHITE}]\ncal.0={ALICE}\n",
            "[p2p]\nrubbish\n",
        ):
            self.file.write_text(text)
            self.assertRaises(ConfigError, loadLists, self.file)
