"""
Tests for L{fiscop2p.settings}.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import SetupError
from fiscop2p.settings import Address, Settings
from fiscop2p.wire.dialect import RC2

MODEST = settings(max_examples=60, deadline=None, derandomize=True)


class AddressTests(SynchronousTestCase):
    """Where a node listens, as people write it."""

    def test_read(self) -> None:
        """IPv4, IPv6 in brackets, and names; blanks around it do not count."""
        for text, host, port in (
            ("127.0.0.1:30300", "127.0.0.1", 30300),
            ("[::1]:30300", "::1", 30300),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
            ("node0.example.org:65535", "node0.example.org", 65535),
            ("localhost:00080", "localhost", 80),
            ("  10.0.0.1:30301\n", "10.0.0.1", 30301),
        ):
            self.assertEqual(Address.parse(text), Address(host, port))

    def test_written(self) -> None:
        """It is written as it is read, an IPv6 address in brackets."""
        for text in ("127.0.0.1:30300", "[::1]:30300", "node0.example.org:1"):
            self.assertEqual(str(Address.parse(text)), text)

    def test_version(self) -> None:
        """Which kind of address it is; a name is neither."""
        kinds = [
            (address.isIPv4, address.isIPv6)
            for address in (Address("10.0.0.1", 1), Address("::1", 1), Address("localhost", 1))
        ]
        self.assertEqual(kinds, [(True, False), (False, True), (False, False)])

    def test_numbersThatAreNoAddress(self) -> None:
        """What only looks like an IP address is a name."""
        for host in ("10.0.0", "10.0.0.256", "1.2.3.4.5", "0x7f000001"):
            address = Address(host, 1)
            self.assertFalse(address.isIPv4 or address.isIPv6)

    def assertRefused(self, reason: str, *texts: str) -> None:
        """Check that texts are refused in one line that repeats the text and tells the reason."""
        for text in texts:
            error = self.assertRaises(SetupError, Address.parse, text)
            self.assertIn(repr(text), str(error))
            self.assertIn(reason, str(error))
            self.assertNotIn("\n", str(error))

    def test_incomplete(self) -> None:
        """Host and port are both needed."""
        self.assertRefused("expected host:port", "", "localhost", ":30300", "30300", " : ")

    def test_blanks(self) -> None:
        """A host has no blanks in it, as two addresses in one line have."""
        self.assertRefused("expected host:port", "10.0.0.1 :1", "a b:1", "a\nb:1", "\u3000a b:1")

    def test_badPort(self) -> None:
        """A port is a number from 1 to 65535 in plain digits."""
        self.assertRefused(
            "from 1 to 65535",
            "h:",
            "h:0",
            "h:65536",
            "h:-1",
            "h:+1",
            "h:1_0",
            "h: 80",
            "h:http",
            "h:8.0",
            "h:\u0663",
            "h:\u00b2",
            "[::1]:",
        )

    def test_endlessPort(self) -> None:
        """A number of more digits than Python converts is no port."""
        self.assertRefused("from 1 to 65535", "h:" + "9" * 5000)

    def test_bareIPv6(self) -> None:
        """Without brackets nobody knows which colon separates the port."""
        self.assertRefused("[address]:port", "::1", "::1:30300", "fe80::1:80", "[::1]", "a:b:80")

    def test_bracketsOfAnother(self) -> None:
        """Brackets are for IPv6 addresses."""
        self.assertRefused("not an IPv6 address", "[10.0.0.1]:1", "[host]:1", "[]:1", "[[::1]]:1")

    @MODEST
    @given(st.ip_addresses(), st.integers(1, 65535))
    def test_everyIPAddressSurvives(self, ip: IPv4Address | IPv6Address, port: int) -> None:
        """What is written is read."""
        address = Address(str(ip), port)
        self.assertEqual(Address.parse(str(address)), address)
        self.assertEqual((address.isIPv4, address.isIPv6), (ip.version == 4, ip.version == 6))

    @MODEST
    @given(st.text(alphabet="a1.:[]% \n-\u0663", max_size=12))
    def test_anythingElse(self, text: str) -> None:
        """Any text is an address or refused in one line."""
        try:
            address = Address.parse(text)
        except SetupError as error:
            self.assertNotIn("\n", str(error))
        else:
            self.assertTrue(address.host)
            self.assertIn(address.port, range(1, 65536))
            self.assertEqual(Address.parse(str(address)), address)


class SettingsTests(SynchronousTestCase):
    """What a node does when it is told nothing."""

    def test_asFISCOBCOS(self) -> None:
        """Defaults that other nodes notice are those of FISCO BCOS 2.x."""
        found = Settings()
        self.assertEqual(str(found.listen), "0.0.0.0:30300")
        self.assertEqual(found.peers, ())
        self.assertIs(found.dialect, RC2)
        self.assertTrue(found.compress)
        self.assertEqual(found.maxFrameLength, 100 * 1024 * 1024)
        self.assertEqual(found.heartbeat, 5)
        self.assertEqual(found.idleTimeout, 60)
        self.assertEqual(found.topicTimeout, 30)

    def test_waitsHaveAnEnd(self) -> None:
        """Nothing is waited for without end."""
        found = Settings()
        for wait in (found.handshakeTimeout, found.connectTimeout, found.requestTimeout):
            self.assertGreater(wait, 0)
        self.assertLess(found.heartbeat, found.idleTimeout)

    def test_tls(self) -> None:
        """The TLS implementation is chosen by what works."""
        self.assertEqual(Settings().tls, "auto")


class SenseTests(SynchronousTestCase):
    """What makes no sense is refused where it is said."""

    def assertRefused(self, name: str, *values: object) -> None:
        """Check that a setting takes none of these values, and says which it is."""
        for value in values:
            error = self.assertRaises(SetupError, Settings, **{name: value})
            self.assertIn(f"Settings.{name} is {value!r}, not ", str(error))

    def test_counts(self) -> None:
        """Sizes and counts are whole, and something."""
        for name in ("maxFrameLength", "maxQueue", "maxUnanswered", "maxPending", "maxHandshakes"):
            self.assertRefused(name, 0, -1, 1.5, "1", None, True)
            self.assertEqual(getattr(Settings(**{name: 1}), name), 1)

    def test_times(self) -> None:
        """Times and rates are above 0, and have an end."""
        for name in ("heartbeat", "idleTimeout", "requestTimeout", "minFrameRate", "maxAcceptRate"):
            self.assertRefused(name, 0, -0.5, float("inf"), float("nan"), "5", None, True)
            self.assertEqual(getattr(Settings(**{name: 2}), name), 2)

    def test_bandwidth(self) -> None:
        """No limit is C{None}; a limit of nothing would be none to live with."""
        self.assertIsNone(Settings(outgoingBandwidth=None).outgoingBandwidth)
        self.assertRefused("outgoingBandwidth", 0, -1, "2")

    def test_addresses(self) -> None:
        """Addresses are read before; a port that the system chooses is for listening only."""
        address = Address("127.0.0.1", 30300)
        self.assertEqual(Settings(listen=Address("::", 0), peers=(address,)).peers, (address,))
        self.assertRefused("listen", "127.0.0.1:30300", ("h", 1), None, Address("h", -1))
        self.assertRefused("peers", [address], address, "h:1", ("h:1",), (Address("h", 0),))
        self.assertRefused("peers", (Address("h", "1"),), (Address(None, 1),))

    def test_others(self) -> None:
        """A slip of the type is told at once."""
        self.assertRefused("dialect", "RC2", 2)
        self.assertRefused("overflow", "close")
        self.assertRefused("compress", 1, "yes")
        self.assertRefused("tls", None)
        self.assertRefused("endpoint", 30300)
