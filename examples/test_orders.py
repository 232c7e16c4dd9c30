"""An application's test: nodes in memory, and a clock that it advances."""

from fiscop2p.testing import MemoryNetwork


def test_ordersReachTheirFollowers() -> None:
    network = MemoryNetwork(nodes=3)
    alice, bob, _ = network.nodes
    orders: list[bytes] = []
    bob.subscribe("orders", lambda message: orders.append(message.payload))
    network.advance(5)
    assert alice.multicast("orders", b"1 apple") == 1
    network.advance(1)
    assert orders == [b"1 apple"]
    network.stop()
