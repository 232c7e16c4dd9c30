"""What twistd and fiscop2p find by Twisted's plugin system."""

from twisted.application.service import ServiceMaker

from fiscop2p.modules.echo import Echo

fiscop2p = ServiceMaker(
    "fiscop2p",
    "fiscop2p.tap",
    "A node of a FISCO BCOS 2.x P2P network.",
    "fiscop2p",
)

echo = Echo()
