"""Networks in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fiscop2p.testing import MemoryNetwork


class StopTests(SynchronousTestCase):
    """The end of a network."""

    def test_callsOfTheApplication(self) -> None:
        """A call that the application has set is not put down to a node."""
        network = MemoryNetwork(1)
        call = network.clock.callLater(60, lambda: None)
        error = self.assertRaises(AssertionError, network.stop)
        self.assertIn("those of the application itself", str(error))
        call.cancel()
        network.stop()
