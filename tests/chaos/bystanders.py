"""Those whom an attack on somebody else must not touch."""

from __future__ import annotations

from fiscop2p.service import P2PService
from fiscop2p.testing import MemoryNetwork
from fiscop2p.wire.dialect import RC2

ECHO = RC2.protocolID(1, 1000)


def talk(network: MemoryNetwork, one: P2PService, other: P2PService, times: int = 10) -> int:
    """
    Let a node ask another, whose handler of L{ECHO} echoes.

    @return: how many requests were not answered with what they asked.
    """
    wrong = times
    for number in range(times):
        answers: list[bytes] = []
        one.ask(other.nodeID, b"%d" % number, answers.append, answers.append, protocolID=ECHO)
        network.advance(1)
        wrong -= answers == [b"%d" % number]
    return wrong
