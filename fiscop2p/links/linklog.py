"""
What the log says about links.

Where a FISCO BCOS 2.x node has a line for it, ours begins with its words, for which operators grep;
what we know beyond that follows.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from ..identity import abridged
from ..interfaces import ILinks, ISession
from ..reasons import CloseReason
from ..settings import Address
from .noise import PERIOD

_host = Logger(namespace="fiscop2p.links.host")
_session = Logger(namespace="fiscop2p.links.session")
_service = Logger(namespace="fiscop2p.links.service")

_CODES: Final = {
    CloseReason.BAD_FRAME: 1,
    CloseReason.HANDSHAKE_TIMEOUT: 2,
    CloseReason.IDLE: 2,
    CloseReason.SILENT: 2,
    CloseReason.SLOW_FRAME: 2,
    CloseReason.HANDSHAKE_FAILED: 5,
    CloseReason.TOO_MANY_HANDSHAKES: 5,
    CloseReason.TOO_MANY_LINKS: 5,
    CloseReason.TOO_MANY_PEERS: 5,
    CloseReason.TOO_FAST: 5,
    CloseReason.DUPLICATE: 6,
    CloseReason.REFUSED: 7,
    CloseReason.REVOKED: 7,
}
"""FISCO BCOS's numbers (P2PExceptionType)."""

_DISCONNECT: Final = 3
"""Its number for whatever else ends a link."""

_UNREADABLE: Final = (
    _session,
    "doRead failed,endpoint={endpoint},nodeID={abridged},message={what}",
)

_FAULTS: Final = {
    CloseReason.BAD_FRAME: (
        _session,
        "Decode message error,result=-1,endpoint={endpoint},nodeID={abridged},message={what}",
    ),
    CloseReason.IDLE: (
        _session,
        "Idle connection, disconnect ,endpoint={endpoint},nodeID={abridged},message={what}",
    ),
    CloseReason.SLOW_FRAME: _UNREADABLE,
    CloseReason.SILENT: (
        _service,
        "disconnect inactive P2PSession,nodeID={abridged},endpoint={endpoint},code={code},"
        "what={what}",
    ),
}
"""What is complained of, before or after a link has proved itself."""

_FAILED: Final = "handshake{role} failed,{remote}={{endpoint}},code={{code}},message={{what}}"

_OUR_WILL: Final = (CloseReason.STOPPED, CloseReason.OURSELVES, CloseReason.DUPLICATE)
_THEIR_WILL: Final = (CloseReason.PEER_CLOSED, CloseReason.LOST)
_AT_THE_DOOR: Final = (
    CloseReason.HANDSHAKE_FAILED,
    CloseReason.REFUSED,
    CloseReason.REVOKED,
    CloseReason.TOO_MANY_PEERS,
)


class LinkLog:
    """The lines about links; what peers repeat goes through the L{Noise} that bounds it."""

    def __init__(self, links: ILinks) -> None:
        """
        @param links: whose.
        """
        self._links = links

    # Of the node.

    def listening(self, address: Address) -> None:
        """We accept links."""
        _host.info("P2P StartAccept,Host={endpoint}", endpoint=str(address))

    def connectedCount(self) -> None:
        """So many nodes are connected."""
        count = len(self._links.registry)
        _service.info("heartBeat,connected count={count}", count=count)

    # Of an address that we dial.

    def dialling(self, address: Address) -> None:
        """An attempt begins."""
        self._links.noise.complain(
            _host,
            LogLevel.info,
            (address, "dialling"),
            "Connecting to node,endpoint={endpoint}",
            endpoint=str(address),
        )

    def unreachable(self, address: Address, reason: Failure) -> None:
        """There was no connection."""
        why = reason.getErrorMessage()
        text = "TCP Connection refused by node,endpoint={endpoint},message={what}"
        if reason.check(ConnectTimeout):
            text = "AsyncConnect timeout erase,endpoint={endpoint},message={what}"
        self._links.noise.complain(
            _host,
            LogLevel.warn,
            (address, why),
            text,
            endpoint=str(address),
            what=why,
        )

    # Of one link.

    def connected(self, session: ISession) -> None:
        """TCP stands."""
        if not session.outbound:
            _host.debug("P2P Recv Connect, From={endpoint}", endpoint=str(session.address))

    def refused(self, host: str, reason: CloseReason) -> None:
        """A link from there was not taken."""
        self._links.noise.complain(
            _host,
            self._levelAtTheDoor(),
            (host if reason is CloseReason.TOO_MANY_LINKS else "", reason),
            _FAILED.format(role="Server", remote="remote endpoint"),
            endpoint=host,
            code=_CODES.get(reason, _DISCONNECT),
            what=reason.value,
        )

    def opened(self, session: ISession) -> None:
        """The peer is verified and let in."""
        known = {**_known(session), "local": _localEnd(session)}
        done = "handshakeServer succ,remote endpoint={endpoint}"
        if session.outbound:
            done = "handshakeClient succ,local endpoint={local},endpoint={endpoint}"
        begun = "startPeerSession, Remote={endpoint},local endpoint={local},nodeID={abridged}"
        for text in (done, begun):
            self._tell(session, _host, text, **known)

    def proven(self, session: ISession) -> None:
        """The link stands."""
        self._tell(
            session,
            _service,
            "Connection established,nodeID={abridged},endpoint={endpoint},agency={agency},"
            "name={name}",
            agency=session.identity.agency,
            name=session.identity.name,
            **_known(session),
        )
        hosts = {link.address.host for link in self._links.registry.historyOf(session.nodeID)}
        if len(hosts) > 1 and self._isRestless(session):
            self._links.noise.complain(
                _service,
                LogLevel.warn,
                (session.nodeID, "hosts"),
                "node {abridged} comes and goes, by turns at {hosts}: does its key run on two "
                "machines?",
                abridged=abridged(session.nodeID),
                hosts=" and ".join(sorted(hosts)),
            )

    def paused(self, session: ISession, count: int) -> None:
        """Nothing is read from a peer, for applications have so much to do for it."""
        self._links.noise.complain(
            _session,
            LogLevel.warn,
            (session.nodeID, "paused"),
            "reading is paused,nodeID={abridged},endpoint={endpoint},unanswered={count}: handlers "
            "have not finished with so many of its messages; its answers are not read either",
            count=count,
            **_known(session),
        )

    def dropped(self, session: ISession, count: int) -> None:
        """So many one-way messages that waited for a peer are gone."""
        self._links.noise.complain(
            _session,
            LogLevel.warn,
            (session.nodeID, "dropped"),
            "dropped {count} messages,nodeID={abridged},endpoint={endpoint}: it reads too slowly",
            count=count,
            **_known(session),
        )

    def closed(self, session: ISession) -> None:
        """The link has ended."""
        reason = session.closeReason
        if session.proven:
            if reason in _FAULTS:
                self._complain(session, *_FAULTS[reason])
            self._tell(
                session,
                _service,
                "onDisconnect,code={code},what={what},nodeID={abridged},endpoint={endpoint}",
                **_known(session),
            )
        elif self._isHarmless(session):
            _session.debug(
                "[drop] closing remote {endpoint},reason={what},endpoint={endpoint}",
                **_known(session),
            )
        elif session.identity is None or reason in _AT_THE_DOOR:
            self._complain(session, _host, self._refusal(session), self._levelAtTheDoor())
        else:
            self._complain(session, *_FAULTS.get(reason, _UNREADABLE))

    def _tell(self, session: ISession, log: Logger, text: str, **known: object) -> None:
        """Tell of a link, unless its node comes and goes without end: then of the last of many."""
        if self._isRestless(session):
            kind = (session.nodeID, text)
            self._links.noise.complain(log, LogLevel.info, kind, text, PERIOD, **known)
        else:
            log.info(text, **known)

    def _isRestless(self, session: ISession) -> bool:
        links = self._links
        isRestless: bool = links.registry.history.isRestless(session.nodeID, links.clock.seconds())
        return isRestless

    def _levelAtTheDoor(self) -> Any:
        return LogLevel.warn if self._links.settings.connectionWarning else LogLevel.debug

    def _isHarmless(self, session: ISession) -> bool:
        if session.identity is not None and session.closeReason in _THEIR_WILL:
            # A FISCO BCOS node that keeps another link to us ends this one so.
            return not session.outbound or session.nodeID in self._links.registry
        return session.closeReason in _OUR_WILL

    def _refusal(self, session: ISession) -> str:
        role, remote = "Server", "remote endpoint"
        if session.outbound:
            role, remote = "Client", "endpoint"
        if session.closeReason is not CloseReason.REFUSED:
            return _FAILED.format(role=role, remote=remote)
        if session.identity is None:
            return f"handshake{role} get nodeID failed,{remote}={{endpoint}},message={{what}}"
        isBlack = session.nodeID in self._links.access.black
        fault = "in certificate blacklist" if isBlack else "is not in certificate whitelist"
        return f"NodeID {fault},nodeID={{abridged}},endpoint={{endpoint}},message={{what}}"

    def _complain(
        self, session: ISession, log: Logger, text: str, level: Any = LogLevel.warn
    ) -> None:
        peer: object = session.address if session.outbound else session.address.host
        reason = session.closeReason
        if reason is CloseReason.BAD_FRAME:
            level = LogLevel.error
        # What a frame declares, say, is the peer's to vary; why TLS or a list refuses it is not.
        detail = session.closeDetail if reason in _AT_THE_DOOR else ""
        kind = (session.nodeID or peer, session.outbound, reason, detail)
        self._links.noise.complain(log, level, kind, text, **_known(session))


def _known(session: ISession) -> dict[str, object]:
    known = {
        "endpoint": str(session.address),
        "nodeID": session.nodeID,
        "abridged": abridged(session.nodeID),
    }
    reason = session.closeReason
    if reason is not None:
        known["code"] = _CODES.get(reason, _DISCONNECT)
        known["what"] = reason.words(session.closeDetail)
    return known


def _localEnd(session: ISession) -> str:
    ours = session.transport.getHost()
    return str(Address(ours.host, ours.port))
