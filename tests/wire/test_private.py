"""The names of private topics on the wire."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.errors import EncodingError
from fiscop2p.wire.private import (
    MAX_PRIVATE_LENGTH,
    checkPlain,
    divideTopics,
    plainName,
    privateName,
    pushChannelOf,
    verifyChannelOf,
)
from fiscop2p.wire.syncing import topicBytes

TOKEN = "0123456789abcdef" * 2
PREFIXES = ("#!$TopicNeedVerify_", "#!$VerifyChannel_", "#!$PushChannel_")


class NameTests(SynchronousTestCase):
    """From the plain name to the others."""

    def test_names(self) -> None:
        """They are those of FISCO BCOS."""
        name = privateName("T")
        self.assertEqual(name, "#!$TopicNeedVerify_T")
        self.assertEqual(pushChannelOf(name), "#!$PushChannel_#!$TopicNeedVerify_T")
        self.assertEqual(
            verifyChannelOf(name, TOKEN), "#!$VerifyChannel_#!$TopicNeedVerify_T_" + TOKEN
        )
        self.assertEqual(plainName(name), "T")

    def test_longest(self) -> None:
        """The longest name leaves room for the verify channel, and a longer one does not."""
        name = privateName("x" * MAX_PRIVATE_LENGTH)
        self.assertEqual(len(topicBytes(verifyChannelOf(name, TOKEN))), 254)
        error = self.assertRaises(EncodingError, privateName, "x" * (MAX_PRIVATE_LENGTH + 1))
        self.assertIn("186 bytes, 185 are the most", str(error))

    def test_bad(self) -> None:
        """Empty names, a TAB, and names that are none of an application's are refused."""
        for bad in ("", "a\tb", "é" * 93, *PREFIXES, PREFIXES[0] + "T"):
            self.assertRaises(EncodingError, privateName, bad)
        for bad in PREFIXES:
            self.assertRaises(EncodingError, checkPlain, bad + "T")


class DivideTests(SynchronousTestCase):
    """What a peer lists."""

    def test_divided(self) -> None:
        """Private topics get their verify channels, in the order of the list."""
        first, second = (verifyChannelOf(privateName("T"), 32 * digit) for digit in "ab")
        listed = ["#!$TopicNeedVerify_T", "#!$TopicNeedVerify_U", first, second, "news"]
        public, private = divideTopics(listed)
        self.assertEqual(public, [first, second, "news"])
        self.assertEqual(
            private, {"#!$TopicNeedVerify_T": [first, second], "#!$TopicNeedVerify_U": []}
        )

    def test_likeNames(self) -> None:
        """A topic does not get the verify channel of another whose name begins like its own."""
        longer = verifyChannelOf(privateName("T_2"), TOKEN)
        _, private = divideTopics([privateName("T"), privateName("T_2"), longer])
        self.assertEqual(private, {privateName("T"): [], privateName("T_2"): [longer]})

    def test_noChannels(self) -> None:
        """A verify channel without its topic, or without a token, is a topic like others."""
        name = privateName("T")
        lone = [verifyChannelOf(name, TOKEN)]
        self.assertEqual(divideTopics(lone), (lone, {}))
        for token in ("", "1", TOKEN + "0", "é" * 32, "_" * 32):
            channel = verifyChannelOf(name, token)
            self.assertEqual(divideTopics([name, channel]), ([channel], {name: []}))

    @given(st.lists(st.tuples(st.sampled_from(("", *PREFIXES)), st.text(max_size=4)), max_size=8))
    def test_nothingIsLost(self, listed: list[tuple[str, str]]) -> None:
        """Every topic that is listed is on one of the two sides."""
        topics = [prefix + rest for prefix, rest in listed]
        public, private = divideTopics(topics)
        self.assertEqual(sorted({*public, *private}), sorted(set(topics)))
        self.assertTrue(all(topic.startswith(PREFIXES[0]) for topic in private))
        self.assertFalse(any(topic.startswith(PREFIXES[0]) for topic in public))
