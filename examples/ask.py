"""A program of its own: python examples/ask.py, while node0 runs with --module echo"""

from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import react

from fiscop2p import nodeFromConfig


async def main(reactor: IReactorTime) -> None:
    node = nodeFromConfig("nodes/127.0.0.1/node1/config.ini", reactor)
    peer = Path("nodes/127.0.0.1/node0/conf/node.nodeid").read_text().strip()
    node.startService()
    try:
        await node.registry.whenConnected(peer).addTimeout(10, reactor)
        answer = await node.request(peer, b"hello", protocolID=node.protocolID(1, 200))
        print(answer.decode())
    finally:
        await node.stopService()


react(main)
