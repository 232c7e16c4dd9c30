"""The queries of FISCO BCOS nodes: JSON-RPC 2.0 over HTTP."""

from .service import RPCService

__all__ = ["RPCService"]
