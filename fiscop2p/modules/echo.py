"""A module that answers with what it is sent: C{twistd fiscop2p --module echo}."""

from __future__ import annotations

from typing import Final

from twisted.plugin import IPlugin
from zope.interface import implementer

from ..interfaces import INode, IP2PModule, Message

GROUP: Final = 1
MODULE: Final = 200
"""With the group, the protocolID it answers under; free in FISCO BCOS 2.x, and fits RC1."""

TOPIC: Final = "echo"


@implementer(IPlugin, IP2PModule)
class Echo:
    """Answers every message of group 1, module 200, and of the topic C{echo}, with its payload."""

    name = "echo"
    description = "answers with what it is sent (group 1, module 200, and topic echo)"

    def attach(self, node: INode) -> None:
        """Take the protocolID, and follow the topic."""
        node.handle(node.protocolID(GROUP, MODULE), _payloadOf)
        node.subscribe(TOPIC, _payloadOf)


def _payloadOf(message: Message) -> bytes:
    return message.payload
