"""
The FISCO BCOS 2.x P2P network for Python and Twisted.

L{nodeFromConfig} makes a node, a L{P2PService}, from a FISCO BCOS C{config.ini}; L{makeNode} from
L{Credentials} and L{Settings}.
"""

from .access import AccessLists
from .config import NodeConfig, loadConfig, nodeFromConfig
from .errors import (
    BandwidthExceeded,
    ConfigError,
    CredentialsError,
    DeliveryError,
    EncodingError,
    FiscoP2PError,
    HandlerTaken,
    ListenError,
    NoFollower,
    PeerAbsent,
    PeerBusy,
    PeerLeft,
    RequestTimeout,
    SetupError,
    TLSUnavailable,
    TopicRequestFailed,
    TopicTaken,
)
from .events import Event
from .identity import Credentials, Identity, loadCredentials
from .interfaces import Answer, Handler, INode, IP2PModule, ManyHandler, Message
from .links.factories import AddressState, AddressStatus, PeerClientFactory, PeerServerFactory
from .links.history import LinkRecord
from .links.registry import PeerRegistry
from .links.session import PeerProtocol
from .monotonic import useMonotonicTime
from .reasons import CloseReason
from .service import P2PService, makeNode
from .settings import Address, Overflow, Settings
from .wire.blocksync import SyncStatus
from .wire.dialect import RC1, RC2

__all__ = [
    "RC1",
    "RC2",
    "AccessLists",
    "Address",
    "AddressState",
    "AddressStatus",
    "Answer",
    "BandwidthExceeded",
    "CloseReason",
    "ConfigError",
    "Credentials",
    "CredentialsError",
    "DeliveryError",
    "EncodingError",
    "Event",
    "FiscoP2PError",
    "Handler",
    "HandlerTaken",
    "INode",
    "IP2PModule",
    "Identity",
    "LinkRecord",
    "ListenError",
    "ManyHandler",
    "Message",
    "NoFollower",
    "NodeConfig",
    "Overflow",
    "P2PService",
    "PeerAbsent",
    "PeerBusy",
    "PeerClientFactory",
    "PeerLeft",
    "PeerProtocol",
    "PeerRegistry",
    "PeerServerFactory",
    "RequestTimeout",
    "Settings",
    "SetupError",
    "SyncStatus",
    "TLSUnavailable",
    "TopicRequestFailed",
    "TopicTaken",
    "loadConfig",
    "loadCredentials",
    "makeNode",
    "nodeFromConfig",
    "useMonotonicTime",
]
