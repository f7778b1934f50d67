"""A ZooKeeper of one server in memory, and a small world in which recipes' clients run against it.

    world = World()
    world.client("c0", wrap=lambda core: Lock(core, ...))     # wrap is optional
    world.invoke("c0", invoke("create", ["/a", 1], process=0))
    world.run(until=5 * SECOND)
    world.history                       # invocations, completions and watch lines, with times
    world.server.requests, world.server.events     # what was counted

Links keep order and lose nothing; each way takes `latency` ns. A client of which nothing was heard
for `session_timeout` is expired, as is one that `world.expire` names; with `session_timeout=None`
nobody pings and only the latter happens.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from msgspec import Struct, json

from harness.clock import MS, SECOND, Nanos
from harness.core import (
    CancelTimer,
    ClientCore,
    Complete,
    Effect,
    Message,
    NodeId,
    Observe,
    Send,
    SetTimer,
)
from harness.error import OUTCOMES
from harness.op import Op, fail, info, ok, seen

SERVER = "n1"
TERM = 1 << 32
READS = ("exists", "getData", "getChildren", "sync")
PING = "fake-ping"


class Request(Struct, frozen=True):
    """`era` counts the client's sessions, so that a late request is known for what it is."""

    client: str
    era: int
    f: str
    value: Any
    seq: int


class Ping(Struct, frozen=True):
    client: str
    era: int


class Answer(Struct, frozen=True):
    era: int
    seq: int
    value: Any
    error: Any
    position: int
    session: str | None


class Event(Struct, frozen=True):
    kind: str
    path: str
    session: str
    position: int


class Expired(Struct, frozen=True):
    era: int
    session: str


class Refusal(Exception):
    """Not done, with the code for why."""


class Znode(Struct):
    data: Any
    czxid: int
    mzxid: int
    pzxid: int
    time_ms: int
    changed_ms: int
    owner: str | None = None
    version: int = 0
    cversion: int = 0
    children: dict[str, None] = {}

    def stat(self) -> dict[str, Any]:
        return {
            "czxid": self.czxid,
            "mzxid": self.mzxid,
            "pzxid": self.pzxid,
            "version": self.version,
            "cversion": self.cversion,
            "aversion": 0,
            "ephemeralOwner": self.owner,
            "dataLength": _length(self.data),
            "numChildren": len(self.children),
            "ctime": self.time_ms,
            "mtime": self.changed_ms,
        }


def _length(data: Any) -> int:
    if data is None:
        return 0
    return len(data.encode() if isinstance(data, str) else json.encode(data))


def parent_of(path: str) -> str:
    return path.rpartition("/")[0] or "/"


class Session(Struct):
    name: str
    client: str
    era: int
    heard: Nanos
    ephemerals: dict[str, None] = {}
    alive: bool = True


class Server:
    """The tree, the sessions and the watches. `out` is what is to be sent: (client, message)."""

    def __init__(self) -> None:
        self.znodes = {"/": Znode(None, 0, 0, 0, 0, 0)}
        self.sessions: dict[tuple[str, int], Session] = {}
        self.out: list[tuple[str, Message]] = []
        self.requests: Counter[str] = Counter()  # by f: pings are none
        self.events: Counter[str] = Counter()  # by type
        self._index = 0
        self._data: dict[str, dict[tuple[str, int], None]] = {}
        self._child: dict[str, dict[tuple[str, int], None]] = {}

    # --- sessions

    def receive(self, message: Message, now: Nanos) -> None:
        key = (message.client, message.era)
        if key not in self.sessions:
            position = self._next()
            self.sessions[key] = Session(f"0x{position:x}", *key, now, {})
        session = self.sessions[key]
        session.heard = now
        if isinstance(message, Ping):
            if not session.alive:
                self.out.append((session.client, Expired(session.era, session.name)))
            return
        self.requests[message.f] += 1
        value, error = None, None
        try:
            if not session.alive:
                raise Refusal("session-expired")
            value = self._do(session, message.f, message.value, now)
        except Refusal as refusal:
            error = refusal.args[0]
        self.out.append(
            (
                session.client,
                Answer(session.era, message.seq, value, error, self.position, session.name),
            )
        )
        if message.f == "close":
            self.end(session)

    def end(self, session: Session) -> None:
        """Close a session: its ephemerals go in one entry."""
        if not session.alive:
            return
        session.alive = False
        position = self._next()
        for path in list(session.ephemerals):
            self._remove(path, position)
        key = (session.client, session.era)
        for table in (self._data, self._child):
            for watchers in table.values():
                watchers.pop(key, None)

    def silent(self, since: Nanos) -> list[Session]:
        return [s for s in self.sessions.values() if s.alive and s.heard < since]

    @property
    def position(self) -> int:
        return TERM | self._index

    def _next(self) -> int:
        self._index += 1
        return self.position

    # --- operations

    def _do(self, session: Session, f: str, value: Any, now: Nanos) -> Any:
        if f in ("sync", "close"):
            return None
        if f in READS:
            return self._read(session, f, value)
        position = self._next()
        if f != "multi":
            return self._write(session, [f, *value], position, now)
        saved = json.encode(value)  # the parts are checked first, then done: all or nothing
        trial, mine = self._copy(), Session(session.name, "", 0, now, {})
        for i, part in enumerate(json.decode(saved)):
            try:
                trial._write(mine, part, position, now)
            except Refusal as refusal:
                raise Refusal([refusal.args[0], f"operation {i}"]) from None
        return [self._write(session, part, position, now) for part in value]

    def _copy(self) -> Server:
        trial = Server()
        trial.znodes = json.decode(json.encode(self.znodes), type=dict[str, Znode])
        trial._index = self._index
        return trial

    def _read(self, session: Session, f: str, value: Any) -> Any:
        path, watch = value if isinstance(value, list) else (value, False)
        znode = self.znodes.get(path)
        if watch and (znode is not None or f == "exists"):
            table = self._child if f == "getChildren" else self._data
            table.setdefault(path, {})[session.client, session.era] = None
        if f == "exists":
            return znode.stat() if znode else None
        if znode is None:
            raise Refusal("no-node")
        return [sorted(znode.children) if f == "getChildren" else znode.data, znode.stat()]

    def _write(self, session: Session, part: list[Any], position: int, now: Nanos) -> Any:
        f, path, *rest = part
        if f == "create":
            return self._create(session, path, rest, position, now)
        znode, version = self.znodes.get(path), rest[-1]
        if znode is None:
            raise Refusal("no-node")
        if version not in (-1, znode.version):
            raise Refusal("bad-version")
        if f == "delete":
            if znode.children:
                raise Refusal("not-empty")
            session_of = self._owner(znode.owner)
            if session_of:
                session_of.ephemerals.pop(path, None)
            self._remove(path, position)
        elif f == "setData":
            znode.data, znode.version = rest[0], znode.version + 1
            znode.mzxid, znode.changed_ms = position, now // MS
            self._fire(self._data, path, "changed")
            return znode.stat()
        return None

    def _create(
        self, session: Session, path: str, rest: list[Any], position: int, now: Nanos
    ) -> Any:
        flags = rest[1] if len(rest) > 1 else ""
        parent = self.znodes.get(parent_of(path))
        if parent is None:
            raise Refusal("no-node")
        if parent.owner is not None:
            raise Refusal("no-children-for-ephemerals")
        actual = f"{path}{parent.cversion:010d}" if "s" in flags else path
        if actual in self.znodes:
            raise Refusal("node-exists")
        owner = session.name if "e" in flags else None
        znode = Znode(rest[0], position, position, position, now // MS, now // MS, owner)
        znode.children = {}
        self.znodes[actual] = znode
        parent.children[actual.rpartition("/")[2]] = None
        parent.cversion, parent.pzxid = parent.cversion + 1, position
        if owner:
            session.ephemerals[actual] = None
        self._fire(self._data, actual, "created")
        self._fire(self._child, parent_of(actual), "child")
        return [actual, znode.stat()]

    def _owner(self, name: str | None) -> Session | None:
        return next((s for s in self.sessions.values() if s.name == name), None)

    def _remove(self, path: str, position: int) -> None:
        if self.znodes.pop(path, None) is None:
            return
        parent = self.znodes[parent_of(path)]
        del parent.children[path.rpartition("/")[2]]
        parent.cversion, parent.pzxid = parent.cversion + 1, position
        self._fire(self._data, path, "deleted")
        self._fire(self._child, path, "deleted")
        self._fire(self._child, parent_of(path), "child")

    def _fire(self, table: dict[str, dict[tuple[str, int], None]], path: str, kind: str) -> None:
        for key in table.pop(path, {}):
            session = self.sessions[key]
            self.events[kind] += 1
            self.out.append((session.client, Event(kind, path, session.name, self.position)))


class Client:
    """The fake's ClientCore. Operations may be pipelined: the links keep their order."""

    def __init__(self, me: str, timeout: Nanos | None, ping: Nanos | None) -> None:
        self._me, self._timeout, self._ping = me, timeout, ping
        self._era, self._seq = 0, 0
        self._session: str | None = None
        self._open: dict[int, Op] = {}

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        self._seq += 1
        self._open[self._seq] = op
        effects: list[Effect] = [
            Send(SERVER, Request(self._me, self._era, op.f, op.value, self._seq))
        ]
        if self._timeout:
            effects.append(SetTimer(f"fake-{self._seq}", self._timeout))
        if self._ping:
            effects.append(SetTimer(PING, self._ping))
        return effects

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        if isinstance(message, Event):
            return [
                Observe(
                    seen(
                        "watch",
                        [message.kind, message.path],
                        session=message.session,
                        node=source,
                        position=message.position,
                    )
                )
            ]
        if message.era != self._era:
            return self._answered(message) if isinstance(message, Answer) else []
        effects: list[Effect] = []
        if isinstance(message, Answer):
            effects += self._answered(message)
            if message.error != "session-expired" and self._session is None:
                self._session = message.session
                effects.insert(0, self._said("opened", source))
            if message.error != "session-expired":
                return effects
        effects.append(self._said("expired", source))
        self._era, self._session = self._era + 1, None
        return effects

    def _said(self, what: str, source: NodeId) -> Effect:
        return Observe(seen("session", what, session=self._session, node=source))

    def _answered(self, answer: Answer) -> list[Effect]:
        op = self._open.pop(answer.seq, None)
        if op is None:
            return []
        fields = {
            "node": SERVER,
            "session": answer.session,
            "seq": answer.seq,
            "position": answer.position,
        }
        if answer.error is None:
            done = ok(op, answer.value, **fields)
        else:
            code = answer.error if isinstance(answer.error, str) else answer.error[0]
            definite = OUTCOMES.get(code, True) or op.f in READS
            done = (fail if definite else info)(op, answer.error, **fields)
        effects: list[Effect] = [Complete(done)]
        if self._timeout:
            effects.insert(0, CancelTimer(f"fake-{answer.seq}"))
        if op.f == "close":
            self._era, self._session = self._era + 1, None
        return effects

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        if name == PING:
            assert self._ping is not None
            return [Send(SERVER, Ping(self._me, self._era)), SetTimer(PING, self._ping)]
        op = self._open.pop(int(name.removeprefix("fake-")), None)
        if op is None:
            return []
        if op.f in READS:
            return [Complete(fail(op, "timeout"))]
        effects = [Complete(info(op, "timeout")), self._said("closed", SERVER)]
        for other in self._open.values():  # a write without an answer ends the session
            ends = fail if other.f in READS else info
            effects.append(Complete(ends(other, "connection-lost")))
        self._open.clear()
        self._era, self._session = self._era + 1, None
        return effects


class World:
    """The server, the clients, the links between them, and a clock that jumps."""

    def __init__(
        self,
        *,
        latency: Nanos = MS,
        timeout: Nanos | None = None,
        session_timeout: Nanos | None = None,
        lose: Callable[[str, Message], bool] = lambda to, message: False,
    ) -> None:
        self.server = Server()
        self.history: list[Op] = []
        self.now: Nanos = 0
        self.clients: dict[str, ClientCore] = {}
        self.on_complete: Callable[[str, Op], None] = lambda client, op: None
        self._latency, self._timeout, self._session_timeout = latency, timeout, session_timeout
        self._lose = lose  # told of every message, by its receiver; true: it is dropped
        self._queue: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._order = count()
        self._timers: dict[tuple[str, str], int] = {}
        if session_timeout:
            self.at(session_timeout, self._look)

    def client(
        self, name: str, wrap: Callable[[ClientCore], ClientCore] = lambda core: core
    ) -> ClientCore:
        """A new client; `wrap` puts a recipe around it."""
        ping = self._session_timeout // 3 if self._session_timeout else None
        core = self.clients[name] = wrap(Client(name, self._timeout, ping))
        return core

    def at(self, time: Nanos, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (time, next(self._order), act))

    def invoke(self, name: str, op: Op, at: Nanos | None = None) -> None:
        """Give a client an operation, now or at a time."""
        self.at(self.now if at is None else at, lambda: self._invoke(name, op))

    def expire(self, name: str) -> None:
        """End the session that a client has now."""
        for session in self.server.sessions.values():
            if session.client == name and session.alive:
                self.server.end(session)
                self.server.out.append((name, Expired(session.era, session.name)))
        self._deliver()

    def run(self, until: Nanos = 3600 * SECOND) -> None:
        """Go on until nothing is left to do, or till a time."""
        while self._queue and self._queue[0][0] <= until:
            self.step()

    def step(self) -> None:
        """The next event."""
        self.now, _, act = heapq.heappop(self._queue)
        act()

    def retire(self, name: str) -> None:
        """A client that does nothing any more, and says nothing."""
        del self.clients[name]

    def _look(self) -> None:
        assert self._session_timeout is not None
        for session in self.server.silent(self.now - self._session_timeout):
            self.expire(session.client)
        if self._queue:
            self.at(self.now + self._session_timeout // 10, self._look)

    def _invoke(self, name: str, op: Op) -> None:
        self._record(op)
        self._carry(name, self.clients[name].invoke(self.history[-1], self.now))

    def _carry(self, name: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect.message)
            elif isinstance(effect, Complete):
                self._record(effect.op)
                self.on_complete(name, self.history[-1])
            elif isinstance(effect, Observe):
                self._record(effect.op)
            elif isinstance(effect, SetTimer):
                self._set(name, effect)
            elif isinstance(effect, CancelTimer):
                self._timers.pop((name, effect.name), None)

    def _send(self, message: Message) -> None:
        if not self._lose(SERVER, message):
            self.at(self.now + self._latency, lambda: self._serve(message))

    def _serve(self, message: Message) -> None:
        self.server.receive(message, self.now)
        self._deliver()

    def _deliver(self) -> None:
        out, self.server.out = self.server.out, []
        for name, message in out:
            if not self._lose(name, message):
                self.at(self.now + self._latency, lambda n=name, m=message: self._hear(n, m))

    def _hear(self, name: str, message: Message) -> None:
        if name in self.clients:
            self._carry(name, self.clients[name].receive(SERVER, message, self.now))

    def _set(self, name: str, effect: SetTimer) -> None:
        number = self._timers[name, effect.name] = next(self._order)
        self.at(self.now + effect.delay, lambda: self._fire(name, effect.name, number))

    def _fire(self, name: str, timer: str, number: int) -> None:
        if self._timers.get((name, timer)) == number and name in self.clients:
            del self._timers[name, timer]
            self._carry(name, self.clients[name].timer(timer, self.now))

    def _record(self, op: Op) -> None:
        from msgspec.structs import replace

        self.history.append(replace(op, index=len(self.history), time=self.now))
