"""Making a chain: its CA, agencies and nodes, and the FISCO BCOS directory that holds them."""

from .directory import DEFAULT_AGENCY, MadeNode, addAgency, addNodes, buildChain
from .plan import ChainPlan
from .revoking import revoke

__all__ = [
    "DEFAULT_AGENCY",
    "ChainPlan",
    "MadeNode",
    "addAgency",
    "addNodes",
    "buildChain",
    "revoke",
]
