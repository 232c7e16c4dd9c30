"""Run it with: twistd -ny examples/orders.py"""

from twisted.application.service import Application

from fiscop2p import Message, nodeFromConfig

node = nodeFromConfig("nodes/127.0.0.1/node0/config.ini")
NAME = node.protocolID(1, 1000)


def orderReceived(message: Message) -> bytes:
    print(f"{message.sender[:8]} orders {message.payload!r}")
    return b"ordered: " + message.payload


async def greet(nodeID: str) -> None:
    print(f"{nodeID[:8]} is {await node.request(nodeID, b'name?', protocolID=NAME)!r}")


node.subscribe("orders", orderReceived)
node.handle(NAME, lambda message: node.identity.name.encode())
node.registry.joined.subscribe(greet)

application = Application("orders")
node.setServiceParent(application)
