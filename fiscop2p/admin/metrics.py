"""
What Prometheus scrapes of a node.

Everything is read off the node when it is asked for; between two scrapes nothing is done.  There
are no series of each peer, whose number would grow with the square of the network: C{/api/peers}
tells of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ..links.counts import ACCEPTED, Histogram
from ..links.factories import AddressState
from ..reasons import CloseReason
from ..service import P2PService
from ..traffic.volume import Volume
from ..version import ownVersion
from .views import Views

_STANDING: Final = (AddressState.CONNECTED, AddressState.ELSEWHERE)
_STATES: Final = ("handshake", "opened", "proven")
_DIRECTIONS: Final = {False: "inbound", True: "outbound"}


class Metrics:
    """The metrics of a node, and of the process that it runs in."""

    def __init__(self, node: P2PService, views: Views) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(node, views))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, bytes]:
        """
        Read them.

        @param accept: what the one who asks wants them to be, an C{Accept} header.
        @return: text, and its type.
        """
        try:
            encode, contentType = choose_encoder(accept)
        except (TypeError, ValueError):
            # That is how it finds a version in the header that is none.
            encode, contentType = choose_encoder("")
        return encode(self._registry), contentType.encode()


class _NodeCollector(Collector):
    """Reads the metrics off a node."""

    def __init__(self, node: P2PService, views: Views) -> None:
        self._node = node
        self._views = views

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody asks."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read all."""
        yield from self._ofNode()
        yield from self._ofSessions()
        yield from self._ofLinks()
        yield from self._ofTraffic()
        yield from self._ofAddresses()
        yield from self._ofModules()

    def _ofNode(self) -> Iterator[Metric]:
        node = self._node
        yield InfoMetricFamily(
            "fiscop2p_node",
            "Which node this is.",
            {
                "node_id": node.nodeID,
                "name": node.identity.name,
                "agency": node.identity.agency,
                "version": ownVersion(),
                "dialect": node.settings.dialect.name,
                "tls": node.tlsName,
            },
        )
        isReady = not self._views.health()
        yield _gauge("ready", "Whether this node listens, and is connected if it should.", isReady)
        yield _gauge("peers", "Nodes that are connected.", len(node.registry))
        followed = node.registry.followed
        yield _gauge("topics", "Topics that connected nodes follow.", len(followed))
        yield _gauges(
            "certificate_expiry_timestamp_seconds",
            "When each certificate of this node ends.",
            "certificate",
            {each["name"]: each["notAfter"] for each in self._views.certificates()},
        )

    def _ofSessions(self) -> Iterator[Metric]:
        states: Counter[tuple[str, str]] = Counter()
        silent = blocked = paused = pending = queued = longest = 0
        links = self._node.links
        for session in links.sessions:
            state = "proven" if session.proven else "opened" if session.nodeID else "handshake"
            states[state, _DIRECTIONS[session.outbound]] += 1
            queue = session.queued
            queued += queue
            longest = max(longest, queue)
            pending += session.pending
            silent += session.proven and not session.isHeard
            blocked += session.blockedSince is not None
            paused += session.isPaused
        sessions = GaugeMetricFamily(
            "fiscop2p_sessions", "Links, by how far they are.", labels=("state", "direction")
        )
        for state in _STATES:
            for direction in _DIRECTIONS.values():
                sessions.add_metric((state, direction), states[state, direction])
        yield sessions
        yield _gauge("sessions_silent", "Links whose peer has missed a heartbeat.", silent)
        yield _gauge("sessions_blocked", "Links whose peer does not read.", blocked)
        yield _gauge("sessions_paused", "Links that are not read, for handlers are slow.", paused)
        yield _gauge("queue_bytes", "Bytes that wait to be sent on all links.", queued)
        yield _gauge("queue_longest_bytes", "Bytes that wait on the link with the most.", longest)
        yield _gauge("requests_pending", "Requests that wait for their answers.", pending)
        yield _counter("request_timeouts", "Requests not answered in time.", links.timeouts)
        yield _histogram(
            "request_duration_seconds",
            "How long answers took; of each link one request at a time is watched.",
            links.tally.latencies,
        )

    def _ofLinks(self) -> Iterator[Metric]:
        tally = self._node.links.tally
        yield _counters(
            "links_opened",
            "Links whose peer was verified and let in.",
            "direction",
            {name: tally.opened[outbound] for outbound, name in _DIRECTIONS.items()},
        )
        closes = self._node.closes
        reasons = {reason.name.lower(): closes.get(reason, 0) for reason in CloseReason}
        yield _counters(
            "links_closed", "Links that have ended, or were refused.", "reason", reasons
        )
        outcomes = (ACCEPTED, *reasons)
        yield _counters(
            "handshakes",
            "Handshakes, by what came of them.",
            "outcome",
            {outcome: tally.handshakes[outcome] for outcome in outcomes},
        )
        yield _histogram(
            "handshake_duration_seconds",
            "How long the handshakes took by which a peer was let in.",
            tally.handshakeTimes,
        )
        yield _counter("dial_attempts", "How often addresses were dialled.", tally.dials)
        yield _counter("dial_failures", "How often nobody answered.", tally.dialFailures)

    def _ofTraffic(self) -> Iterator[Metric]:
        links = self._node.links
        for name, words, value in _volume(links.counts):
            yield _counter(name, words, value)
        yield _counter(
            "requests_unhandled", "Requests that no module here takes.", links.unclaimedCount
        )
        yield _counter(
            "responses_unexpected", "Responses that nobody waits for.", links.unmatchedCount
        )
        yield _counter("messages_dropped", "Messages dropped for slow readers.", links.droppedCount)
        modules = {name: _volume(each) for name, each in links.traffic.modules.items()}
        for index, (name, words, _) in enumerate(_volume(Volume())):
            values = {module: each[index][2] for module, each in modules.items()}
            yield _counters(f"module_{name}", f"{words[:-1]}, by module.", "module", values)

    def _ofAddresses(self) -> Iterator[Metric]:
        found = self._node.addresses()
        states = Counter(status.state for status in found)
        yield _gauges(
            "addresses",
            "Addresses that are dialled, by what they are doing.",
            "state",
            {state.name.lower(): states[state] for state in AddressState},
        )
        yield _gauges(
            "address_connected",
            "Whether the node at an address that is dialled is connected.",
            "address",
            {
                str(status.address): status.state in _STANDING
                for status in found
                if status.state is not AddressState.OURSELVES
            },
        )

    def _ofModules(self) -> Iterator[Metric]:
        rounds = CounterMetricFamily(
            "fiscop2p_sync_rounds",
            "How often a peer was asked what its new seq stands for.",
            labels=("kind", "outcome"),
        )
        for sync in self._node.syncs:
            rounds.add_metric((sync.name, "learnt"), sync.learnt)
            rounds.add_metric((sync.name, "failed"), sync.failed)
        yield rounds


def _volume(volume: Volume) -> tuple[tuple[str, str, int], ...]:
    return (
        ("received_bytes", "Bytes of frames that came.", volume.bytesReceived),
        ("received_frames", "Frames that came.", volume.framesReceived),
        ("sent_bytes", "Bytes of frames that were sent.", volume.bytesSent),
        ("sent_frames", "Frames that were queued to be sent.", volume.framesSent),
    )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"fiscop2p_{name}", words, value=value)


def _gauges(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(GaugeMetricFamily(f"fiscop2p_{name}", words, labels=(label,)), values)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(f"fiscop2p_{name}", words, value=value)


def _counters(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    return _filled(CounterMetricFamily(f"fiscop2p_{name}", words, labels=(label,)), values)


def _filled(family: Any, values: Mapping[str, float]) -> Metric:
    for label, value in values.items():
        family.add_metric((label,), value)
    filled: Metric = family
    return filled


def _histogram(name: str, words: str, histogram: Histogram) -> Metric:
    ends = [*map(str, histogram.bounds), "+Inf"]
    buckets = list(zip(ends, accumulate(histogram.counts), strict=True))
    return HistogramMetricFamily(
        f"fiscop2p_{name}", words, buckets=buckets, sum_value=histogram.sum
    )
