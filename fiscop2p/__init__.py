"""The FISCO BCOS 2.x P2P network for Python and Twisted."""
