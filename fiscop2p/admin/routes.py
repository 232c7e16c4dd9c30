"""What is at which path."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..service import P2PService
from .actions import Actions
from .feed import Feed
from .journal import Journal
from .page import FILES
from .problems import Problem
from .site import JSON, Asked, Reply, Route, Routes, Streams
from .stream import EventStream, compact
from .views import View, Views

try:
    from .metrics import Metrics
except ModuleNotFoundError:
    Metrics = None  # type: ignore[assignment,misc]


def makeRoutes(
    node: P2PService,
    views: Views,
    journal: Journal,
    actions: Actions,
    streams: Streams,
    now: Callable[[], float],
) -> Routes:
    """Join paths and what is at them."""
    feed = Feed(node, views, journal, now)
    routes = {
        "/healthz": Route(partial(_health, node, views)),
        "/metrics": Route(_metrics(node, views)),
        "/events": Route(partial(_follow, node, feed, streams), streams=True),
        "/api/node": Route(lambda asked: {**views.node(), "mayAct": asked.mayAct}),
        "/api/peers": Route(lambda _: {"peers": views.peers()}),
        "/api/peers/": Route(lambda asked: views.peer(views.find(asked.rest))),
        "/api/addresses": Route(lambda _: {"addresses": views.addresses()}),
        "/api/topics": Route(lambda _: views.topics()),
        "/api/statuses": Route(lambda _: Reply(views.statuses() + b"\n")),
        "/api/counters": Route(lambda _: views.counters()),
        "/api/events": Route(partial(_events, journal)),
        "/api/send": Route(lambda asked: actions.send(asked.body), "POST", acts=True),
        "/api/request": Route(lambda asked: actions.request(asked.body), "POST", acts=True),
        "/api/publish": Route(lambda asked: actions.publish(asked.body), "POST", acts=True),
        "/api/ping": Route(lambda asked: actions.ping(asked.body), "POST", acts=True),
        "/api/bench": Route(lambda asked: actions.bench(asked.body), "POST", acts=True),
        "/api/subscribe": Route(partial(_subscribe, actions, streams), acts=True, streams=True),
    }
    named = {f"{path}NODE" if path.endswith("/") else path: route for path, route in routes.items()}
    listed = ["GET /api", *(f"{route.method} {path}" for path, route in named.items())]
    routes["/api"] = Route(lambda asked: {"paths": listed, "mayAct": asked.mayAct})
    for path, (body, contentType) in FILES.items():
        routes[path] = Route(partial(_file, Reply(body, contentType)))
    return routes


def _file(reply: Reply, _: Asked) -> Reply:
    return reply


def _health(node: P2PService, views: Views, _: Asked) -> Reply:
    reason = views.health()
    health: View = {"ready": not reason, "peers": len(node.registry)}
    if reason:
        health["error"] = reason
    return Reply(compact(health) + b"\n", JSON, 503 if reason else 200)


def _metrics(node: P2PService, views: Views) -> Callable[[Asked], Any]:
    if Metrics is None:

        def missing(_: Asked) -> Reply:
            raise Problem(
                501, "prometheus_client is not installed; run: pip install 'fiscop2p[admin]'"
            )

        return missing
    metrics = Metrics(node, views)

    def scrape(asked: Asked) -> Reply:
        accept = (asked.request.getHeader(b"Accept") or b"").decode("latin-1")
        return Reply(*metrics.text(accept))

    return scrape


def _events(journal: Journal, asked: Asked) -> View:
    after = asked.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 20):
        raise Problem(400, "after must be the seq of an event")
    return {"events": journal.after(int(after)), "last": journal.last}


def _follow(node: P2PService, feed: Feed, streams: Streams, asked: Asked) -> None:
    streams.begin()

    def ended() -> None:
        feed.remove(stream)
        streams.end()

    stream = EventStream(asked.request, node.clock, ended, lambda: feed.resumed(stream))
    stream.begin()
    feed.add(stream)


def _subscribe(actions: Actions, streams: Streams, asked: Asked) -> None:
    topic = asked.query.get("topic", "")
    if not topic:
        raise Problem(400, "topic is missing")
    streams.begin()
    try:
        actions.subscribe(asked.request, topic, streams.end)
    except Exception:
        streams.end()
        raise
