"""What a client and a server of the ZooKeeper-like service say to one another.

Messages may be lost, doubled and overtaken, so there is a small transport in them: a session's
requests are numbered and handled in order, and all that a server says in a session is one numbered
stream, which the client takes in order. Who misses something asks again.
"""

from __future__ import annotations

from msgspec import Struct

from systems.zookeeper.command import Query, Result, Write

Watch = tuple[str, str]  # "data", "exist" (of a znode that was not there) or "child"; the path


class Hello(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Client to server: let me have a session here, a new one where `session` is "".

    `attach` counts this client's tries; `seen` is the last zxid in what it was told, and no server
    that is behind `floor` may have it: the higher of that and its last Welcome; `next` its first
    request that is not answered; `watches` those it still waits for.
    """

    session: str
    attach: int
    timeout_ms: int
    seen: int
    floor: int
    next: int
    watches: tuple[Watch, ...]


class Welcome(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to client: this session is here now, by the entry of the log at `zxid`."""

    attach: int
    session: str
    zxid: int


class Turned(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to client: not here. `why`: "behind" (what the client has seen), "expired", or "moved"
    (this server no longer, or not since it was started, has the session)."""

    attach: int
    why: str


class Sync(Struct, frozen=True, tag=True, gc=False):
    """Request: up to which zxid has everything acknowledged by now gone? Later reads wait
    for it."""


class Request(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Client to server: request `seq` of the session. Of a write `prev` is the number of the write
    before; with `watch` a query sets one. `got` is how much of the stream has come."""

    session: str
    attach: int
    seq: int
    prev: int
    got: int
    body: Write | Query | Sync
    watch: bool = False


class Ping(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Client to server: I live, and have so much of the stream."""

    session: str
    attach: int
    got: int


class Pong(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to client: so do I."""

    session: str
    attach: int


class Answer(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """What has come of request `seq`. `zxid`: of a write its own, of a query the server's last, of
    a sync the one that later reads wait for."""

    seq: int
    zxid: int
    result: Result


class Event(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """A watch fires: `kind` is created, deleted, changed or child."""

    kind: str
    path: str
    zxid: int


class Over(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The session is over, by the entry at `zxid`."""

    zxid: int


Said = Answer | Event | Over


class Item(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to client: item `number` of the session's stream, from 1 for each attach."""

    session: str
    attach: int
    number: int
    what: Said


class Forward(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to leader: a write of a session that is attached here."""

    session: str
    attach: int
    seq: int
    prev: int
    op: Write


class Joins(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to leader: put this session's opening ("") or move to me into the log; `client` and
    `attach` name the try."""

    client: str
    session: str
    attach: int
    timeout_ms: int


class Heard(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """Server to leader: clients of these sessions have been heard."""

    sessions: tuple[str, ...]
