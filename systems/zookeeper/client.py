"""A client of the ZooKeeper-like service: operations turned into requests of its session.

Operations that name a node have a session of their own there, so that asking an old server does not
hold back (or is held back by) what the client has seen elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict, replace

from harness.clock import Nanos
from harness.core import Complete, Effect, Message, NodeId, SetTimer
from harness.op import Op, fail, info, ok
from systems.zookeeper.command import (
    ANY_VERSION,
    Create,
    Exists,
    Found,
    GetChildren,
    GetData,
    Query,
    Refused,
    SetData,
    Stat,
    error_of,
)
from systems.zookeeper.link import Body, Link, Times
from systems.zookeeper.operation import path_of, write_of
from systems.zookeeper.wire import Answer, Item, Pong, Sync, Turned, Welcome
from systems.zookeeper.znode import bytes_of

READS = frozenset({"read", "exists", "getData", "getChildren", "sync"})
QUERIES: dict[str, type[Query]] = {
    "exists": Exists,
    "getData": GetData,
    "getChildren": GetChildren,
}
LIMIT = "limit"
MESSAGE = 8_000_000  # bytes of one request's data at most: what is more is not sent at all
TRIES = 4  # of an operation's time, one such part is the wait for an answer

Asking = tuple[Body, bool]  # a request, and whether it sets a watch
Running = Generator[Asking, Answer, Op]


class Open:
    """An operation that is not over."""

    __slots__ = ("link", "op", "running", "sent")

    def __init__(self, op: Op, link: Link, running: Running) -> None:
        self.op = op
        self.link = link
        self.running = running


class ZooKeeperClient:
    """A ClientCore. `syncs`: a register's read is a sync and then a getData. `tries` is where its
    numbering of tries to connect begins: above all of any earlier client of this name."""

    link_type: type[Link] = Link

    def __init__(
        self,
        me: str,
        home: NodeId,
        nodes: tuple[NodeId, ...],
        timeout: Nanos,
        session_timeout: Nanos,
        *,
        syncs: bool,
        tries: int = 0,
    ) -> None:
        self.effects: list[Effect] = []
        self._me, self._home, self._nodes = me, home, nodes
        self._timeout = timeout
        self._times = Times(session_timeout, timeout // TRIES)
        self._syncs = syncs
        self._tries = tries
        self._links: dict[str, Link] = {}  # by timer
        self._open: dict[int, Open] = {}  # by token
        self._tokens = 0
        self._limits: deque[tuple[Nanos, int]] = deque()  # deadlines, of tokens
        self._alarm = False
        self._now: Nanos = 0

    # --- ClientCore

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin an operation; others may be open."""
        self._now = now
        self._tokens += 1
        token = self._tokens
        self._open[token] = Open(op, self._link(op), self._run(op))
        self._limits.append((now + self._timeout, token))
        if not self._alarm:
            self._alarm = True
            self.effects.append(SetTimer(LIMIT, self._timeout))
        self._go_on(token, None, now)
        return self._take()

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A server has said something in one of the sessions."""
        if isinstance(message, (Item, Welcome, Turned, Pong)):
            for link in self._links.values():
                if link.attach == message.attach and link.server == source:
                    self._now = now
                    link.receive(message, now)
        return self._take()

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """An operation's time is over, or a session looks at the time."""
        self._now = now
        link = self._links.get(name)
        if link is not None:
            link.tick(now)
        elif name == LIMIT:
            self._expire(now)
        return self._take()

    def _take(self) -> list[Effect]:
        effects, self.effects = self.effects, []
        return effects

    def _link(self, op: Op) -> Link:
        """The session for an operation."""
        node = None if op.node is UNSET else op.node
        timer = "session" if node is None else f"session at {node}"
        link = self._links.get(timer)
        if link is None:
            link = self._links[timer] = self.link_type(
                self,
                timer,
                node or self._home,
                self._nodes,
                self._times,
                self._try,
                pinned=node is not None,
            )
        return link

    def _try(self) -> int:
        self._tries += 1
        return self._tries

    # --- requests and answers

    def _go_on(self, token: int, answer: Answer | None, now: Nanos) -> None:
        """Run an operation up to its next request, or to its end."""
        open_ = self._open[token]
        try:
            body, watch = open_.running.send(answer)  # type: ignore[arg-type]
        except StopIteration as returned:
            self._complete(token, self._witness(returned.value, open_.link, answer))
            return
        open_.link.ask(token, body, watch, now)

    def answered(self, link: Link, token: int, answer: Answer) -> None:
        """A request's answer."""
        self._go_on(token, answer, self._now)

    def lost(self, link: Link, token: int, seq: int, code: str) -> None:
        """A request of a session that is over."""
        op = self._open[token].op
        if op.f in READS:
            done = fail(op, code)
        elif seq:
            done = info(op, code, session=link.session, seq=seq, node=link.server)
        else:
            done = fail(op, "unavailable")
        self._complete(token, done)

    def _witness(self, op: Op, link: Link, answer: Answer | None) -> Op:
        if answer is None:
            return op
        return replace(
            op, node=link.server, session=link.session, seq=answer.seq, position=answer.zxid
        )

    def _complete(self, token: int, op: Op) -> None:
        del self._open[token]
        self.effects.append(Complete(op))

    def _expire(self, now: Nanos) -> None:
        """Complete the operations whose time is over. A write that was sent takes its session with
        it: what came of it is not known, and all after it depends on it."""
        limits = self._limits
        while limits and limits[0][0] <= now:
            _, token = limits.popleft()
            open_ = self._open.get(token)
            if open_ is None:
                continue
            link = open_.link
            session, seq = link.session, link.drop(token)
            if open_.op.f in READS:
                self._complete(token, fail(open_.op, "timeout"))
            elif not seq:
                self._complete(token, fail(open_.op, ["unavailable", "no server had a session"]))
            else:
                done = info(open_.op, "timeout", session=session, seq=seq, node=link.server)
                self._complete(token, done)
                link.abandon("connection-lost", move=True)
        while limits and limits[0][1] not in self._open:
            limits.popleft()
        self._alarm = bool(limits)
        if limits:
            self.effects.append(SetTimer(LIMIT, limits[0][0] - now))

    # --- operations

    def _run(self, op: Op) -> Running:
        if op.f == "read":
            return self._read(op)
        if op.f == "write":
            return self._write(op)
        if op.f == "cas":
            return self._cas(op)
        if op.f in QUERIES:
            return self._query(op)
        return self._other(op)

    def _read(self, op: Op) -> Running:
        found = yield from self._get(op)
        return ok(op, found.value[0] if isinstance(found, Found) else None)

    def _get(self, op: Op) -> Generator[Asking, Answer, Found | Refused]:
        """getData of the register, after a sync where the system's reads are such."""
        if self._syncs:
            yield Sync(), False
        answer = yield GetData(path_of(op.key)), False
        return answer.result

    def _write(self, op: Op) -> Running:
        """setData; a znode that is not there is created; who comes second there sets it."""
        path = path_of(op.key)
        while True:
            result = (yield SetData(path, op.value, ANY_VERSION), False).result
            if result == Refused("NoNode"):
                result = (yield Create(path, op.value), False).result
            if isinstance(result, Found):
                return ok(op, op.value)
            if result != Refused("NodeExists"):
                return self._refused(op, result)

    def _cas(self, op: Op) -> Running:
        old, new = op.value
        path = path_of(op.key)
        found = yield from self._get(op)
        value, stat = found.value if isinstance(found, Found) else (None, None)
        if value != old:
            if self._syncs:
                return fail(op, "precondition-failed", observed=value)
            return fail(op, ["busy", "the value read, perhaps an old one, differs"])
        if stat is None:
            make: SetData | Create = Create(path, new)
        else:
            make = SetData(path, new, plain(stat)["version"])
        result = (yield make, False).result
        return self._refused(op, result) if isinstance(result, Refused) else ok(op, op.value)

    def _query(self, op: Op) -> Running:
        path, watch = op.value if isinstance(op.value, (list, tuple)) else (op.value, False)
        result = (yield QUERIES[op.f](path), bool(watch)).result
        if isinstance(result, Refused):
            return fail(op, error_of(result))
        if op.f == "exists":
            return ok(op, plain(result.value))
        what, stat = result.value
        return ok(op, [what, plain(stat)])

    def _other(self, op: Op) -> Running:
        write = None if op.f == "sync" else write_of(op.f, op.value)
        if write is not None and bytes_of(write) > MESSAGE:
            return fail(op, ["too-large", "for one message; it was not sent"])
        result = (yield write or Sync(), False).result
        if isinstance(result, Refused):
            return self._refused(op, result)
        value = result.value
        if op.f == "create":
            value = [value[0], plain(value[1])]
        elif op.f == "multi":
            value = [_part(part) for part in value]
        return ok(op, plain(value))

    def _refused(self, op: Op, result: Refused) -> Op:
        """A write that the tree refused, or the log at the write's place in it."""
        code = error_of(result)
        if code in ("session-expired", "session-moved"):
            return fail(op, ["refused", code])
        return info(op, "connection-lost") if code == "out-of-order" else fail(op, code)


def plain(value: Any) -> Any:
    """A Stat as a dict, which it is already where it came over a wire; all else as it is."""
    return asdict(value) if isinstance(value, Stat) else value


def _part(value: Any) -> Any:
    """What an operation of a multi gave."""
    return [value[0], plain(value[1])] if isinstance(value, (list, tuple)) else plain(value)
