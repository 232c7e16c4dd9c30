"""
What operators, their tools and their monitoring ask of a running node, over HTTP.

It is served on a UNIX socket beside C{config.ini}, C{admin.sock} or what C{[admin]
listen=unix:PATH} says, whose file mode (0600) is the guard: whoever may open it may do everything.
With C{[admin] listen=127.0.0.1:PORT} it is served there, too, with the page for people; there
everybody may read, and who acts needs the token.  L{fiscop2p.config.adminFromConfig} tells where;
L{None}: C{listen=off}.

JSON, in UTF-8; keys in camelCase, node IDs whole, times in seconds since 1970, durations in
seconds, sizes in bytes.  What is wrong is answered with the status that HTTP has for it and
C{{"error": "a sentence"}}.

A NODE in a path or in C{to} is a node ID, the beginning of one (4 digits or more), or a node's
name; 404 if it is none, 409 if it may be several, whose node IDs are C{candidates}.

Reading
=======

C{GET /healthz}
    200 C{{"ready": true, "peers": 3}}; 503 C{{"ready": false, "peers": 0, "error": why}} if this
    node does not listen, or is to dial peers and none is connected.

C{GET /metrics}
    For Prometheus; 501 where C{prometheus_client} is not installed.

C{GET /api}
    C{paths}: all of these; C{mayAct}: whether this request would be let act.

C{GET /api/node}
    C{nodeID, name, agency, version, protocolVersion, dialect, tls, listen, started, uptime, ready,
    reason, peers} (how many are connected), C{topics, topicCount, status, statusSeq, certificates}
    (each C{name, notAfter, daysLeft}), C{mayAct}.

C{GET /api/peers}
    C{peers}: each C{nodeID, name, agency, state, address, outbound, since, topics, topicCount,
    received, sent} (each C{bytes, frames}), C{queue} (bytes that wait for it), C{pending} (requests
    that wait for its answer), C{latency} (of a request lately, or null), C{silence} (since when
    nothing came, or null), C{isPaused, isBlocked, reason} (why its last link ended, or empty).
    C{state} is C{connected}; C{silent}: connected, but a heartbeat is missing; or C{gone}: C{since}
    is when it left, and most others are null.  It stays so for an hour, a configured one until it
    comes back.

C{GET /api/peers/NODE}
    The same of one, with C{links}: its last links, the oldest first, each C{opened, address,
    outbound, reason, words, duration}, the last three null while it stands; C{status}; C{blocks}:
    by group C{number, latestHash, genesisHash, time}.

C{GET /api/addresses}
    C{addresses}: each C{address, state, words} (the state for people), C{nodeID, name, attempts,
    lastError, nextAttempt} (seconds, or null).  C{state} is one of C{connecting, handshake,
    connected, elsewhere, waiting, ourselves, stopped}.

C{GET /api/topics}
    C{topics}: each C{topic, own} (whether this node follows it), C{followers} (node IDs),
    C{followerCount}; those with the most followers first, 1000 at the most; C{total}.

C{GET /api/statuses}
    C{statuses}: by node ID, this node's included; C{omitted}: the node IDs of those that are longer
    than 8 KiB, which C{/api/peers/NODE} shows.

C{GET /api/counters}
    C{received, sent} (each C{bytes, frames}), C{links} (C{opened, closed}: by reason),
    C{handshakes} (by outcome), C{dials} (C{attempts, failures}), C{requests} (C{pending,
    timeouts}), C{ignored, sync} (by kind C{asked, learnt, failed}), C{modules} (by module
    C{received, sent}, each C{bytes, frames}).

C{GET /api/events?after=SEQ}
    C{events} that are younger than SEQ, the oldest first, each C{seq, time, kind, nodeID, name,
    text}; C{last}: the seq to go on with.  The last 500 are kept.  C{kind} is one of C{joined,
    left, closed} (a link that was one too many), C{refused, topics, status, message}.

C{GET /events}
    The same as it happens: server-sent events, at the most one a second.  C{state} is everything:
    C{{"time", "node", "peers": [..], "addresses": [..], "events": [..]}}, first and whenever the
    client was too slow.  C{change} is what is different: the same keys where there is news.  Here
    a peer is C{n} (a number of its own), C{nodeID, name, agency, state, address, outbound, since,
    topics, topicCount, reason}; one that was told before has C{n} and what has changed;
    C{forgotten} has the C{n} of those that are not listed any more.  An address has C{due}, a
    time, instead of C{nextAttempt}; its state is C{removed} when it is dialled no more.  C{node} is
    C{/api/node} without C{uptime, version, protocolVersion, certificates, mayAct}.  C{flow} has
    what moves all the time: C{[n, bytes received a second, bytes sent a second, queue, latency in
    ms or null]}, of those with another flow than before.

Acting
======

Over TCP with C{Authorization: Bearer TOKEN}; 403 if the node has no token, 401 if it is another.
Bodies are JSON objects of 4 MiB at the most.  A payload is C{text} or C{base64}; without
C{protocolID} it goes to the module that shows messages to operators: there it is an event of kind
C{message}, and a request is answered with what it brought.  404 if nobody can be reached, 503 if
too much waits for the peer already, 502 if it leaves before it answers, 504 if no answer comes, 429
if there is no bandwidth.

C{POST /api/send} C{{"to": NODE, "text": .., "protocolID": .., "packetType": ..}}
    C{to}: the node ID.

C{POST /api/request}, the same and C{timeout}
    C{to, text} (null if the answer is not UTF-8), C{base64, seconds}.

C{POST /api/publish} C{{"topic": .., "text": ..}}
    C{topic, nodes}: to how many.

C{POST /api/ping} C{{"to": NODE, "timeout": ..}}
    C{to, seconds}: the round trip of what every FISCO BCOS node answers.

C{POST /api/bench} C{{"to": NODE, "size": .., "inFlight": .., "seconds": ..}}
    Asks a node again and again, with C{inFlight} requests of C{size} bytes under way, for
    C{seconds} (10 at the most), one such measurement at a time: C{to, size, answered, seconds}, and
    of their round trips C{min, median, p99, max}.

C{GET /api/subscribe?topic=TOPIC}
    This node follows the topic as long as the connection stands.  Server-sent events C{message}:
    C{time, topic, nodeID, name, text} (null if it is not UTF-8), C{base64}; and C{dropped}:
    C{count} of those that the client was too slow for.
"""

from .service import AdminService

__all__ = ["AdminService"]
