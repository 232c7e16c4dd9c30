"""An application: NODE=node1 twistd --nodaemon --pidfile= --python examples/orders.py"""

from os import environ

from twisted.application.internet import TimerService
from twisted.application.service import Application

from fiscop2p import DeliveryError, Message, nodeFromConfig

node = nodeFromConfig(f"nodes/127.0.0.1/{environ.get('NODE', 'node0')}/config.ini")
NAME = node.protocolID(1, 1000)


def orderReceived(message: Message) -> None:
    print(f"{message.sender[:8]} orders {message.payload.decode()}")


async def greet(nodeID: str) -> None:
    try:
        name = await node.request(nodeID, b"name?", protocolID=NAME, timeout=3)
        print(f"{nodeID[:8]} is {name.decode()}")
    except DeliveryError as error:
        print(f"{nodeID[:8]} has no name: {error}")


node.subscribe("orders", orderReceived)
node.handle(NAME, lambda message: node.identity.name.encode())
node.registry.joined.subscribe(greet)

application = Application("orders")
node.setServiceParent(application)
TimerService(5, node.multicast, "orders", b"1 apple").setServiceParent(application)
