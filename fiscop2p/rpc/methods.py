"""
The methods of FISCO BCOS nodes that concern the P2P network.

The others do not exist here: there is no chain behind this node, and it is in no group.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..identity import Identity
from ..service import P2PService
from ..settings import Address
from ..version import PROTOCOL_VERSION, buildType
from .jsonrpc import Method
from .peers import StaticPeers


def nodeMethods(
    node: P2PService,
    configPath: Path,
    peersParamLimit: int,
    maxNodesLimit: int,
    supportedVersion: str,
    chainID: str,
) -> dict[str, Method]:
    """
    Make the methods of a node, by name.

    @param configPath: the C{config.ini} that C{addPeers} and C{erasePeers} rewrite.
    @param peersParamLimit: how many addresses one call of them may name.
    @param maxNodesLimit: how many addresses there may be.
    @param supportedVersion: C{[compatibility] supported_version}.
    @param chainID: C{[chain] id}.
    """
    peers = StaticPeers(node, configPath, peersParamLimit, maxNodesLimit)
    group = (int,)

    def getPeers(_: Any) -> list[dict[str, Any]]:
        topicsOf = node.registry.topicsOf
        return [
            _described(session.identity, session.address, topicsOf(session.nodeID))
            for session in node.registry.sessions
        ]

    def getNodeInfo(_: Any) -> dict[str, Any]:
        return _described(node.identity, node.listenAddress, node.topics)

    def getNodeIDList(_: Any) -> list[str]:
        return [node.nodeID, *node.registry]

    def getGroupList(_: Any) -> list[int]:
        return []

    def getClientVersion(_: Any) -> dict[str, str]:
        return {
            "Build Time": "",
            "Build Type": buildType(),
            "Chain Id": chainID,
            "FISCO-BCOS Version": PROTOCOL_VERSION,
            "Git Branch": "",
            "Git Commit Hash": "",
            "Supported Version": supportedVersion,
        }

    return {
        "getPeers": Method(getPeers, group),
        "getNodeIDList": Method(getNodeIDList, group),
        "getNodeInfo": Method(getNodeInfo),
        "getGroupList": Method(getGroupList),
        "getClientVersion": Method(getClientVersion),
        "queryPeers": Method(peers.query),
        "addPeers": Method(peers.add),
        "erasePeers": Method(peers.erase),
    }


def _described(identity: Identity, address: Address, topics: Iterable[str]) -> dict[str, Any]:
    return {
        "Agency": identity.agency,
        "IPAndPort": str(address),
        "Node": identity.name,
        "NodeID": identity.nodeID,
        "Topic": sorted(topics),
    }
