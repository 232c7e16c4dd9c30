"""
Every error that fiscop2p raises, in one tree.

The branches say whose move it is: L{WireError}, the peer sent what no node may send;
L{PeerRefused}, the peer is not one that we let in; L{DeliveryError}, a message did not arrive;
L{SetupError}, a file or an option on this machine is wrong.
"""

from __future__ import annotations


class FiscoP2PError(Exception):
    """Something went wrong in the P2P network; the message says what, with whom, and what to do."""


class WireError(FiscoP2PError):
    """The peer sent bytes that are not a FISCO BCOS frame; its link is closed."""


class FrameTooShort(WireError):
    """A frame declares a length that does not even hold its header."""


class FrameTooLong(WireError):
    """A frame declares a length, or an uncompressed size, above the limit."""


class UndecodablePayload(WireError):
    """A payload is not what its header says: its compression does not decode."""


class MalformedMessage(WireError):
    """The payload of a message does not have the form that its protocol asks for."""


class EncodingError(FiscoP2PError, ValueError):
    """A value given to us does not fit the wire: a number out of range, a long topic."""


class PeerRefused(FiscoP2PError):
    """The peer is not let in; the message says why."""


class HandshakeFailed(PeerRefused):
    """TLS did not come to an end: no certificate, a foreign CA, no common curve, or a timeout."""


class BadCertificate(PeerRefused):
    """The peer's certificate is not that of a node."""


class Revoked(PeerRefused):
    """The peer's certificate, or that of its agency, has been revoked."""


class NotListed(PeerRefused):
    """The black list or the white list keeps the peer out."""


class DeliveryError(FiscoP2PError):
    """A message was not delivered, or was not answered."""


class PeerAbsent(DeliveryError):
    """There is no link to the node; nothing was sent."""


class PeerBusy(DeliveryError):
    """So much waits for the peer that nothing more is taken for it; nothing was sent."""


class PeerLeft(DeliveryError):
    """The link closed before the answer came; the peer may or may not have seen the request."""


class RequestTimeout(DeliveryError):
    """No answer came in time; the peer may have no handler for this protocolID, or be slow."""


class NoFollower(DeliveryError):
    """No reachable node follows the topic; nothing was sent."""


class TopicRequestFailed(DeliveryError):
    """
    No follower of the topic answered.

    @ivar code: the AMOP result code: 100 no node could be reached, 104 no subscriber could answer.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class BandwidthExceeded(DeliveryError):
    """
    The outgoing bandwidth limit does not allow the message; no other node was sent it.

    @ivar code: the AMOP result code.
    """

    code = 103


class HandlerTaken(FiscoP2PError):
    """A protocolID can have one handler only."""


class TopicTaken(FiscoP2PError):
    """In one node a topic is public or private, not both, and is followed with one key only."""


class SetupError(FiscoP2PError):
    """Something on this machine keeps the node from starting."""


class CredentialsError(SetupError):
    """A key or certificate file is missing or wrong; the message names the file and the fault."""


class ConfigError(SetupError):
    """
    A line of C{config.ini} is wrong; the message names file, line, section and key.

    @ivar line: its number, from 1, or 0 if it is about no line.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class RewriteFailed(SetupError):
    """
    C{config.ini} could not be rewritten, and is as it was; the message is one of FISCO BCOS's.

    @ivar detail: which file it is, why, and what to do.
    """

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(message)
        self.detail = detail


class ListenError(SetupError):
    """The port cannot be listened on: another process has it, or it takes more privileges."""


class TLSUnavailable(SetupError):
    """No TLS implementation on this machine can do the network's curve."""


class ChainError(SetupError):
    """The chain maker cannot do what was asked; nothing was overwritten."""
