"""Tests for L{fiscop2p.config.admin}."""

from __future__ import annotations

from fiscop2p.config import AdminConfig, adminFromConfig, loadConfig
from fiscop2p.errors import ConfigError
from fiscop2p.settings import Address
from tests.config.test_node import ConfigTestCase

TOKEN = "0123456789abcdef"


class AdminTests(ConfigTestCase):
    """[admin]."""

    def admin(self, *lines: str) -> AdminConfig | None:
        loaded = self.load("[admin]", *lines).admin
        self.assertEqual(adminFromConfig(self.file), loaded)
        return loaded

    def test_default(self) -> None:
        """A socket beside the file, and nothing over TCP."""
        self.assertEqual(self.load("").admin, AdminConfig(self.home / "admin.sock"))
        self.assertEqual(self.admin(), AdminConfig(self.home / "admin.sock"))

    def test_off(self) -> None:
        """It can be switched off."""
        self.assertIsNone(self.admin("listen=off"))

    def test_socket(self) -> None:
        """Another socket, relative to the file or not."""
        for path, expected in (("run/a", self.home / "run/a"), ("/run/a", self.home / "/run/a")):
            self.assertEqual(self.admin(f"listen=unix:{path}"), AdminConfig(expected, True))

    def test_address(self) -> None:
        """TCP, beside the socket."""
        for text, address in (
            ("127.0.0.1:5080", Address("127.0.0.1", 5080)),
            ("[::1]:5080", Address("::1", 5080)),
        ):
            found = self.admin(f"listen={text}")
            self.assertEqual(found, AdminConfig(self.home / "admin.sock", address=address))

    def test_badPlace(self) -> None:
        """Anything else is a mistake; a name leads to who knows where."""
        for text in ("node0:5080", "5080", "unix:", "on", "127.0.0.1:0", "127.0.0.1:99999"):
            self.assertWrong(
                f":2: [admin] listen: expected ip:port, [ipv6]:port, unix:PATH or off, found "
                f"{text!r}",
                "[admin]",
                f"listen={text}",
            )

    def test_token(self) -> None:
        """A token, in the file or in one of its own, which is trimmed; it is never shown."""
        (self.home / "token").write_text(f"  {TOKEN}\n")
        for line in (f"token={TOKEN}", "token_file=token", f"token_file={self.home / 'token'}"):
            found = self.admin(line)
            self.assertEqual(found.token, TOKEN)
            self.assertNotIn(TOKEN, repr(found))
            self.assertNotIn(TOKEN, repr(loadConfig(self.file)))

    def test_badToken(self) -> None:
        """One that is short or has blanks is a mistake, and not shown either."""
        for text in ("short", "x" * 257, "secret secret secret", "gr\u00fc\u00dfe" * 5):
            self.file.write_text(f"[admin]\ntoken={text}")
            error = self.assertRaises(ConfigError, loadConfig, self.file)
            self.assertIn(":2: [admin] token: expected 16 to 256 letters", str(error))
            self.assertNotIn(text, str(error))
        self.file.write_text("[admin]\ntoken_file=missing")
        error = self.assertRaises(ConfigError, adminFromConfig, self.file)
        self.assertIn("missing: cannot be read: No such file", str(error))

    def test_names(self) -> None:
        """Host names, in any case."""
        found = self.admin("names=Node0.Bank.example, node0 ,a_b.c.")
        self.assertEqual(found.names, {"node0.bank.example", "node0", "a_b.c"})
        for text in ("", "a b", "a,,b", "http://x", "x:80"):
            self.file.write_text(f"[admin]\nnames={text}")
            self.assertRaises(ConfigError, loadConfig, self.file)

    def test_known(self) -> None:
        """Nothing of it is a slip of the pen."""
        lines = ("listen=off", f"token={TOKEN}", "names=a", "lisen=x")
        self.assertEqual(self.load("[admin]", *lines).unknown, ("admin.lisen (listen?)",))
