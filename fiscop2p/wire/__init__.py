"""
The bytes of the FISCO BCOS 2.x P2P network: pure functions and one incremental parser.

Nothing in here knows Twisted, a socket or a clock.
"""
