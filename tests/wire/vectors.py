"""
Frames of the real network layer of FISCO BCOS 2.11.2: single ones, and two whole sessions.
"""

from __future__ import annotations

from base64 import b64decode
from typing import NamedTuple

from fiscop2p.wire.dialect import RC1, RC2, Dialect
from tests.messages import Said

FOX = b"The quick brown fox jumps over the lazy dog; FISCO BCOS p2p. " * 60

NOISE = b64decode(
    b"63og2dABjY8+LlKvqMoeBvhBD+s92kYLMRgp8kPnWXK8WPcwhPianMQiCj/ZsKEfAtBh2HzzaNnpXbIo5NKl8PE1"
    b"F0yPftEk9ucjCLrvmwtBIaOOxYi1LDJSMJdfIDGiH+E8ADVbgNrRtcO8le7kO46FAwgq91KESgNDHEurCOcM3ApU"
    b"v0KzlHDwnG1WsdqsGrAzwFfmWT0jXC0O/P//XzGIQLv76CZPa9eHdbTw49O8dkS+Afe1WYqJee4fpQh47FtibYnK"
    b"JP2ZMZJ4p117mHK1Ka2f9lQM5awzXmnZT9JgCxdzvJvCqwCKhjYX1zKlemE3xY7xYqpjqic9PBK6OmtmAxSRNZjN"
    b"VCIBvfE8igB122kQjeKVH1iVWVJe3t6DLfk8lS986WnfHr9VfJxN403sD3sKqJZWsncGgyUFKbtAElnR1UNHfb3H"
    b"Y6z3igjX3QXq5lO99wPsO0i8BqBn7ArfEBH2DY7u4jSFtQc1S6gKUzIEbA7HrdnRSGfW2jRXPur2RKT/nPSahys3"
    b"Qp24qBC8QlUDbsbnO7I3kV3cKNs6qqoK3bXs8wZx5XS7iF3Ujjt+OKb0oWVvKos3a84CSRidJjozJq+sMIEr6ykc"
    b"gTa/WpCX0vbEAxMRdlAFt9bDHF0LeGLBG6rUGzzeO1E82jCh2xhI5I/e9OKBQc5AIgzvmwLUIHD7ME4gfeIOzYP0"
    b"pnAyhCySMvjNwV57ED+g3s0HXxcP4fogSU4nYhAyLVdIhFd3Q210G7HG9lBpRB73iVmraCR25Iel32krPek7jWBa"
    b"aYfyn3qUEgIIsYgrG0pTaOV642KNODv5nBqK8K0JRG+vdnxUJyD0GS3I0MX0qZUp56w+tGGtC4Vw5LF5zqg4AbE2"
    b"UMAZ/dhtRiIf48c0xKYJCTBMHzo24AiVMv0Yk9h7Gs6uhecqLb0MCBws+CzJEcsPusNmnGUD4nwgbhQB+zaazT7x"
    b"QsnxLNpYZ6vvG3h5Lg6mNPGOCY8FBeTaZWdCvDYpUkxj3O4nfvgc5jDAxYc/qJ1PZtd4Hs6MD6ez4ZC6F/etscE7"
    b"gVLvAmu3aTjzjDNb0mNyhmyMbwhSRDsQFnoF4GO4TiFxoADfpnCPM8vVb+q6Z3m0UHcaTOyX+DdHTKtNZsHGfLUF"
    b"hrcG0Hpuxcr+vGWMwRPY2Ha5b1XKYWykxtnx/SgZJYL+90+sMa70CM3T/O3ww5lmt2fIF1HIEuwPXY8EEliq5/90"
    b"9OKx0Fj6f81buQjdYwdvS3tz+hDfZTkvI7M2CzypJkP4BwDrLEIljBmjPBZZV8KBQJDyDRMXYe+6R38sSj+MYt5b"
    b"2xbruv0S4oSve1fntK1hcYE4zH87AhZprpXcMebTpGICkYDVEoJj2yogJ0GOVXUmLyXhu5p46RpMprQ67V0cAQu+"
    b"kknWW4aVRR7CEUx6Ci9JLoNdNZPjTt0XeIhUP1ZqoaTY+sYvERRocwF1Gtg="
)
"""1100 bytes that no compression makes smaller."""


class Vector(NamedTuple):
    """
    A message, and the frame that the real encoder makes of it.

    @ivar version: what its version word held before it was encoded.
    @ivar compressing: the sender's C{enable_compress}.
    """

    dialect: Dialect
    version: int
    protocolID: int
    packetType: int
    seq: int
    payload: bytes
    compressing: bool
    encoded: bytes

    @property
    def frame(self) -> Said:
        """What a receiver makes of it."""
        return self.protocolID, self.packetType, self.seq, self.payload

    @property
    def sentVersion(self) -> int:
        """The version word as it was sent; RC1 has none."""
        return int.from_bytes(self.encoded[4:6], "big") if self.dialect is RC2 else 0

    @property
    def isCompressed(self) -> bool:
        """Whether the payload was compressed; another snappy may do so in other bytes."""
        return self.sentVersion & 0x8000 != 0


VECTORS = (
    Vector(
        RC1,
        0,
        2,
        1,
        0,
        b"1",
        compressing=True,
        encoded=bytes.fromhex("0000000d000200010000000031"),
    ),
    Vector(
        RC1,
        0,
        -2,
        3,
        2,
        b"1\tnews\tsport",
        compressing=True,
        encoded=bytes.fromhex("00000018fffe00030000000231096e6577730973706f7274"),
    ),
    Vector(
        RC1,
        0,
        -1,
        0,
        7,
        b"hello",
        compressing=True,
        encoded=bytes.fromhex("00000011ffff00000000000768656c6c6f"),
    ),
    Vector(
        RC1,
        0,
        265,
        2,
        101,
        b"\xebz ",
        compressing=True,
        encoded=bytes.fromhex("0000000f0109000200000065eb7a20"),
    ),
    Vector(
        RC1,
        0,
        32767,
        4660,
        16909060,
        b"\x01\x02\x03",
        compressing=True,
        encoded=bytes.fromhex("0000000f7fff123401020304010203"),
    ),
    Vector(
        RC1,
        0,
        1000,
        0,
        6,
        FOX[:1024],
        compressing=True,
        encoded=bytes.fromhex("0000040c03e8000000000006") + FOX[:1024],
    ),
    Vector(
        RC2,
        0,
        2,
        1,
        0,
        b"1",
        compressing=True,
        encoded=bytes.fromhex("0000001100000000000200010000000031"),
    ),
    Vector(
        RC2,
        0,
        -2,
        3,
        2,
        b"1\tnews\tsport",
        compressing=True,
        encoded=bytes.fromhex("0000001c0000fffffffe00030000000231096e6577730973706f7274"),
    ),
    Vector(
        RC2,
        0,
        65544,
        1,
        16909060,
        FOX[:1025],
        compressing=True,
        encoded=bytes.fromhex(
            "000000808000000100080001010203048108f03c54686520717569636b2062726f776e20666f"
            "78206a756d7073206f76657220746865206c617a7920646f673b20464953434f2042434f5320"
            "7032702e20fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00"
            "fe3d00fe3d00fe3d00fe3d00013d"
        ),
    ),
    Vector(
        RC2,
        0,
        65544,
        1,
        16909060,
        FOX[:1025],
        compressing=False,
        encoded=bytes.fromhex("00000411000000010008000101020304") + FOX[:1025],
    ),
    Vector(
        RC2,
        32767,
        2147483647,
        4660,
        9,
        bytes(1500),
        compressing=True,
        encoded=bytes.fromhex(
            "0000005cffff7fffffff123400000009dc0b0000fe0100fe0100fe0100fe0100fe0100fe0100"
            "fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe0100fe01"
            "00fe0100fe0100fe0100fe01006a0100"
        ),
    ),
    Vector(
        RC2,
        0,
        196619,
        1,
        2147483648,
        NOISE,
        compressing=False,
        encoded=bytes.fromhex("0000045c00000003000b000180000000") + NOISE,
    ),
)

FROM_NODE = "from the real node"
TO_NODE = "to the real node"


class Line(NamedTuple):
    """A frame of a session, and what it means."""

    direction: str
    encoded: bytes
    frame: Said


RC1_SESSION = (
    Line(
        FROM_NODE,
        bytes.fromhex("0000000d000200010000000031"),
        (2, 1, 0, b"1"),
    ),
    Line(
        # RequestTopics
        TO_NODE,
        bytes.fromhex("0000000c0002000200000002"),
        (2, 2, 2, b""),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("00000018fffe00030000000231096e6577730973706f7274"),
        (-2, 3, 2, b"1\tnews\tsport"),
    ),
    Line(
        # SendTopicSeq with another seq: the node asks for our topics
        TO_NODE,
        bytes.fromhex("0000000d000200010000000037"),
        (2, 1, 0, b"7"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000000c0002000200000002"),
        (2, 2, 2, b""),
    ),
    Line(
        # SendTopics answering it
        TO_NODE,
        bytes.fromhex("0000001cfffe00030000000237096f72646572730977656174686572"),
        (-2, 3, 2, b"7\torders\tweather"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000001f03e800000000000368656c6c6f2066726f6d20746865206e6f6465"),
        (1000, 0, 3, b"hello from the node"),
    ),
    Line(
        # our response: protocolID negated, same seq
        TO_NODE,
        bytes.fromhex("00000016fc1800000000000368656c6c6f206261636b"),
        (-1000, 0, 3, b"hello back"),
    ),
    Line(
        # request, packetType 0: the node echoes it
        TO_NODE,
        bytes.fromhex("0000001303e80000000000036563686f206d65"),
        (1000, 0, 3, b"echo me"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("00000013fc180000000000036563686f206d65"),
        (-1000, 0, 3, b"echo me"),
    ),
    Line(
        # request for a protocol nobody registered: silence
        TO_NODE,
        bytes.fromhex("0000000d270f00000000000478"),
        (9999, 0, 4, b"x"),
    ),
    Line(
        # topic seq that is no number: ignored
        TO_NODE,
        bytes.fromhex("0000000f0002000100000000616263"),
        (2, 1, 0, b"abc"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000000d000200010000000032"),
        (2, 1, 0, b"2"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000000d000200010000000032"),
        (2, 1, 0, b"2"),
    ),
)
"""The node follows news and sport; module 1000 of the test answers with what it is sent."""

RC2_SESSION = (
    Line(
        FROM_NODE,
        bytes.fromhex("0000001100000000000200010000000031"),
        (2, 1, 0, b"1"),
    ),
    Line(
        # RequestTopics
        TO_NODE,
        bytes.fromhex("00000010000000000002000200000002"),
        (2, 2, 2, b""),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000001c0000fffffffe00030000000231096e6577730973706f7274"),
        (-2, 3, 2, b"1\tnews\tsport"),
    ),
    Line(
        # SendTopicSeq with another seq: the node asks for our topics
        TO_NODE,
        bytes.fromhex("0000001100000000000200010000000037"),
        (2, 1, 0, b"7"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("00000010000000000002000200000002"),
        (2, 2, 2, b""),
    ),
    Line(
        # SendTopics answering it
        TO_NODE,
        bytes.fromhex("000000200000fffffffe00030000000237096f72646572730977656174686572"),
        (-2, 3, 2, b"7\torders\tweather"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("000000230000000103e800000000000368656c6c6f2066726f6d20746865206e6f6465"),
        (66536, 0, 3, b"hello from the node"),
    ),
    Line(
        # our response: protocolID negated, same seq
        TO_NODE,
        bytes.fromhex("0000001a0000fffefc1800000000000368656c6c6f206261636b"),
        (-66536, 0, 3, b"hello back"),
    ),
    Line(
        # request, packetType 0: the node echoes it
        TO_NODE,
        bytes.fromhex("000000170000000103e80000000000036563686f206d65"),
        (66536, 0, 3, b"echo me"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("000000170000fffefc180000000000036563686f206d65"),
        (-66536, 0, 3, b"echo me"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex(
            "000000db8000000103e8000000000004b817f03c54686520717569636b2062726f776e20666f"
            "78206a756d7073206f76657220746865206c617a7920646f673b20464953434f2042434f5320"
            "7032702e20fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00"
            "fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d"
            "00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe"
            "3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00fe3d00ea3d00"
        ),
        (66536, 0, 4, FOX[:3000]),
    ),
    Line(
        # our response to the compressed request
        TO_NODE,
        bytes.fromhex("000000120000fffefc180000000000046f6b"),
        (-66536, 0, 4, b"ok"),
    ),
    Line(
        # request for a protocol nobody registered: silence
        TO_NODE,
        bytes.fromhex("0000001100000000270f00000000000478"),
        (9999, 0, 4, b"x"),
    ),
    Line(
        # topic seq that is no number: ignored
        TO_NODE,
        bytes.fromhex("00000013000000000002000100000000616263"),
        (2, 1, 0, b"abc"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000001100000000000200010000000032"),
        (2, 1, 0, b"2"),
    ),
    Line(
        FROM_NODE,
        bytes.fromhex("0000001100000000000200010000000032"),
        (2, 1, 0, b"2"),
    ),
)
"""The same in the other dialect; one request is long enough to be compressed."""

SESSIONS = ((RC1, RC1_SESSION), (RC2, RC2_SESSION))

OVER_THE_LIMIT = (
    (RC1, bytes.fromhex("06400001000200010000000037")),
    (RC2, bytes.fromhex("0640000100000000000200010000000037")),
)
"""The last that the real node was sent: 104857601 bytes are declared, and it closed at once."""
