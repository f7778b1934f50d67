"""A tiny ZooKeeper in one order, that makes histories: correct ones, or with one bug planted.

Three servers follow one log, each at its own pace; sessions are at one server at a time, and have
several requests open. Nothing is lost, so all that may go wrong is what a `bug` does.
"""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from checker.zookeeper.replay import CHILD, DELETED, Replay, names_of, stat_of
from harness.core import Dump
from harness.history import History
from harness.op import Op

NODES = ("n1", "n2", "n3")
TREE = ("no-node", "node-exists", "bad-version", "not-empty", "no-children-for-ephemerals")
DATA = {"created", "deleted", "changed"}


class Everything(dict[str, Any]):
    """The changes of every path."""

    def __contains__(self, path: object) -> bool:
        return True

    def __missing__(self, path: str) -> list[Any]:
        self[path] = []
        return self[path]


class Leaky(Replay):
    """Leaves ephemerals behind."""

    def _close(self, session: str) -> None:
        self.ephemerals.pop(session, None)


class Partial(Replay):
    """A refused multi leaves behind what came before."""

    def _restore(self, undo: Any) -> None:
        pass


class Reusing(Replay):
    """Numbers sequential znodes by how many there are."""

    def _create(self, path: str, data: Any, flags: str) -> Any:
        if "s" not in (flags or ""):
            return super()._create(path, data, flags)
        parent = self.znodes.get(path.rpartition("/")[0] or "/")
        if parent is None or parent.owner is not None:
            return super()._create(path, data, flags)
        number = 0
        while f"{path}{number:010d}" in self.znodes:
            number += 1
        return super()._create(f"{path}{number:010d}", data, flags.replace("s", ""))


TREES = {"ephemeral-leak": Leaky, "partial-multi": Partial, "sequence-reuse": Reusing}


class Server:
    """A replica: how far it has applied the log, and the watches of its sessions."""

    def __init__(self, name: str, bug: str | None) -> None:
        self.name = name
        self.tree = TREES.get(bug or "", Replay)()
        self.tree.changes = Everything()
        self.applied = 0
        self.position = 0


class Request:
    """An open operation of a session."""

    def __init__(self, op: Op, seq: int) -> None:
        self.op, self.seq = op, seq
        self.line: dict[str, Any] | None = None  # in the log
        self.outcome: Any = None
        self.given_up = False


class Session:
    """A client's session."""

    def __init__(self, id_: str, server: Server, processes: list[int]) -> None:
        self.id, self.server, self.processes = id_, server, processes
        self.queue: list[Request] = []
        self.seq = 0
        self.floor = 0  # no read from before this index
        self.left: dict[tuple[str, str], tuple[int, bool]] = {}  # slot: registered at, was there
        self.held: list[tuple[Any, ...]] = []  # events that a bug keeps back
        self.dead = False
        self.moving = False


class Service:
    """The ensemble and its clients. `run` makes a history."""

    def __init__(
        self, seed: int, *, sessions: int = 3, pipeline: int = 2, bug: str | None = None,
        unknown: float = 0.02, closes: float = 0.01, moves: float = 0.02, paths: int = 4,
        read_share: float = 0.5,
    ) -> None:  # fmt: skip
        self.rng = random.Random(seed)
        self.bug, self.unknown, self.closes, self.moves = bug, unknown, closes, moves
        self.paths, self.read_share = paths, read_share
        self.ops: list[Op] = []
        self.time = 0
        self.log: list[dict[str, Any]] = []
        self.outcomes: list[Any] = []
        self.term = 1
        self.leader = TREES.get(bug or "", Replay)()
        self.closed: dict[str, int] = {}
        self.servers = [Server(name, bug) for name in NODES]
        self.pipeline = pipeline
        self.next_process = 0
        self.values = 0
        self.all: list[Session] = []
        self.ghosts: list[tuple[Session, Request]] = []
        self._append(None, 0, "noop", None)
        for _ in range(sessions):
            self._open([self._process() for _ in range(pipeline)])

    # --- lines

    def _process(self) -> int:
        self.next_process += 1
        return self.next_process - 1

    def record(self, op: Op, **fields: Any) -> Op:
        """A line of the history."""
        made = Op(
            len(self.ops), self.time, op.process, op.type, op.f, op.value, op.error, op.key,
            op.node, op.session, op.seq, op.position, op.observed,
        )  # fmt: skip
        for name, value in fields.items():
            made = _with(made, **{name: value})
        self.ops.append(made)
        return made

    def _append(self, session: str | None, seq: int, type_: str, value: Any, **more: Any) -> Any:
        index = len(self.log) + 1
        position = self.term << 32 | index
        if self.bug == "zxid-reuse" and index % 40 == 0:
            position -= 1
        error = None
        outcome: Any = None
        dead = session in self.closed and self.bug != "expired-session-writes"
        if dead and type_ not in ("createSession", "closeSession"):
            error = "refused"
        else:
            outcome = self.leader.apply(type_, value, position, session, self.time // 1_000_000)
            if outcome.code is not None:
                error = outcome.code
                if outcome.failed >= 0:
                    error = [outcome.code, f"operation {outcome.failed}"]
        line = {
            "index": index, "term": self.term, "position": position, "session": session,
            "seq": seq, "type": type_, "value": value, "time": self.time // 1_000_000,
            "error": error, **more,
        }  # fmt: skip
        self.log.append(line)
        self.outcomes.append(outcome)
        if type_ == "closeSession":
            self.closed.setdefault(value, index)
        return line

    def _open(self, processes: list[int]) -> None:
        index = len(self.log) + 1
        id_ = hex(self.term << 32 | index)
        self._append(id_, 0, "createSession", {"session": id_, "timeout_ms": 0})
        session = Session(id_, self.rng.choice(self.servers), processes)
        session.floor = index
        self.all.append(session)

    # --- the clients

    def run(self, count: int) -> History:
        """A history of about so many operations."""
        done = 0
        while done < count:
            self.time += self.rng.choice((0, 1, 1000, 1_000_000, 3_000_000))
            done += self._act()
        self._drain()
        return self.history()

    def _act(self) -> int:
        rng = self.rng
        draw = rng.random()
        session = rng.choice(self.all)
        if draw < 0.40:
            return self._invoke(session)
        if draw < 0.75:
            self._progress(session)
        elif draw < 0.95:
            self._apply(rng.choice(self.servers))
        elif draw < 0.95 + self.moves:
            self._move(session)
        elif draw < 0.971:
            if rng.random() < 0.1:
                self.term += 1
                self._append(None, 0, "noop", None)
        elif self.ghosts:
            self._ghost()
        elif rng.random() < self.unknown * 5:
            self._give_up(session)
        elif rng.random() < self.closes * 5:
            self._expire(session)
        return 0

    def _drain(self) -> None:
        for _ in range(20_000):
            if not any(s.queue for s in self.all):
                break
            self.time += 1000
            for session in list(self.all):
                self._progress(session)
            for server in self.servers:
                self._apply(server)
        for server in self.servers:
            while server.applied < len(self.log):
                self._apply(server)

    def _invoke(self, session: Session) -> int:
        busy = {r.op.process for r in session.queue if not r.given_up}
        free = [p for p in session.processes if p not in busy]
        if not free:
            return 0
        process = self.rng.choice(free)
        f, value, key = self._what(session)
        op = self.record(Op(-1, -1, process, "invoke", f, value))
        if key is not None:
            op = self.ops[-1] = _with(op, key=key)
        session.seq += 1
        session.queue.append(Request(op, session.seq))
        return 1

    def _what(self, session: Session) -> tuple[str, Any, Any]:
        rng = self.rng
        self.values += 1
        if rng.random() < 0.1:
            f, key = rng.choice(("read", "write")), rng.randrange(2)
            return f, None if f == "read" else self.values, key
        if rng.random() < self.read_share:
            f = rng.choice(("exists", "getData", "getChildren", "getData", "sync"))
            path = self._path()
            if f == "sync":
                return f, rng.choice((None, path)), None
            return f, [path, True] if rng.random() < 0.4 else path, None
        draw = rng.random()
        if draw < 0.02:
            return "close", None, None
        if draw < 0.2:
            operations = [self._operation() for _ in range(rng.choice((2, 3)))]
            if rng.random() < 0.3:
                operations.append(["check", "/nowhere", 0])
            return "multi", operations, None
        f, *value = self._operation()
        if f == "check":
            return "getData", self._path(), None
        return f, value, None

    def _operation(self) -> list[Any]:
        rng = self.rng
        draw, path, data = rng.random(), self._path(), self.values * 10 + rng.randrange(10)
        if draw < 0.15:
            return ["create", f"/q{rng.randrange(2)}/s-", data, rng.choice(("s", "es"))]
        if draw < 0.45:
            return ["create", path, data, rng.choice(("", "", "e"))]
        if draw < 0.75:
            return ["setData", path, data, rng.choice((-1, -1, 0, 1))]
        if draw < 0.8:
            return ["check", path, rng.choice((-1, 0))]
        if draw < 0.9:
            znode = self.leader.znodes.get(f"/q{rng.randrange(2)}")
            if znode is not None and znode.children:
                name = rng.choice(sorted(znode.children))
                parent = next(p for p in ("/q0", "/q1") if self.leader.znodes.get(p) is znode)
                return ["delete", f"{parent}/{name}", -1]
        return ["delete", path, rng.choice((-1, -1, 0))]

    def _path(self) -> str:
        rng = self.rng
        draw = rng.random()
        if draw < 0.25:
            return f"/q{rng.randrange(2)}"
        top = f"/p{rng.randrange(self.paths)}"
        return f"{top}/c{rng.randrange(2)}" if draw < 0.45 else top

    # --- the servers

    def _progress(self, session: Session) -> None:
        """Take the session's first request that is not under way, or answer its first."""
        if session.moving:
            if session.server.applied < session.floor:
                return
            session.moving = False
            self._arrive(session)
        for request in session.queue:
            if request.line is None and request.outcome is None:
                if request.op.f in ("exists", "getData", "getChildren", "read", "sync"):
                    break
                self._log(session, request)
                break
        while session.queue and self._answer(session, first := session.queue[0]):
            session.queue = [r for r in session.queue if r is not first]
            if self.rng.random() < 0.5:
                break

    def _log(self, session: Session, request: Request) -> None:
        op = request.op
        if op.f == "close":
            request.line = self._append(
                session.id, request.seq, "closeSession", session.id, expired=False
            )
        elif op.f == "write":
            path = f"/k{op.key}"
            if path in self.leader.znodes:
                type_, value = "setData", [path, op.value, -1]
            else:
                type_, value = "create", [path, op.value]
            request.line = self._append(session.id, request.seq, type_, value)
        elif not (self.bug == "acknowledged-then-lost" and self._lose(session, request)):
            request.line = self._append(session.id, request.seq, op.f, op.value)

    def _lose(self, session: Session, request: Request) -> bool:
        """Acknowledge a setData that the next leader knows nothing of."""
        op, index = request.op, len(self.log) + 1
        is_up_to_date = session.server.applied == len(self.log)
        is_first = session.queue[:1] == [request]
        if op.f != "setData" or not is_first or not is_up_to_date:
            return False
        position = self.term << 32 | index
        done = deepcopy(self.leader).apply(
            op.f, op.value, position, session.id, self.time // 1_000_000
        )
        if done.code is not None:
            return False
        self._reply(session, request, "ok", dict(done.result), position)
        session.queue = session.queue[1:]
        session.floor = index
        self.term += 1
        self._append(None, 0, "noop", None)
        return True

    def _answer(self, session: Session, request: Request) -> bool:
        server, op, line = session.server, request.op, request.line
        if line is not None:
            early = self.bug == "read-passes-own-write"
            if server.applied < line["index"] and not early:
                return False
            self._answer_write(session, request, line)
            return True
        if op.f == "sync":
            return self._sync(session, request)
        if op.f not in ("exists", "getData", "getChildren", "read"):
            return False
        if server.applied < session.floor and self.bug != "sync-not-awaited":
            return False
        self._query(session, request)
        return True

    def _answer_write(self, session: Session, request: Request, line: dict[str, Any]) -> None:
        outcome, op = self.outcomes[line["index"] - 1], request.op
        fields = {
            "node": session.server.name, "session": session.id, "seq": request.seq,
            "position": line["position"],
        }  # fmt: skip
        if request.given_up:
            return
        if line["error"] is not None:
            error = line["error"]
            self.record(_with(op, type="fail", error=error, **fields))
        else:
            value = op.value if op.f == "write" else outcome.result
            self.record(_with(op, type="ok", value=_plain(value), **fields))
        if op.f == "close":
            session.queue = session.queue[1:]
            self._end(session)

    def _sync(self, session: Session, request: Request) -> bool:
        index = len(self.log)
        if self.bug == "sync-local":
            index = session.server.applied
        if index < 1:
            return False
        if self.bug != "sync-raises-nothing":
            session.floor = max(session.floor, index)
        line = self.log[index - 1]
        self._reply(session, request, "ok", None, line["position"])
        return True

    def _query(self, session: Session, request: Request) -> None:
        server, op = session.server, request.op
        path = op.value[0] if isinstance(op.value, list) else op.value
        watch = isinstance(op.value, list) and op.value[1]
        if op.f == "read":
            path = f"/k{op.key}"
        znode = server.tree.znodes.get(path)
        if watch and (znode is not None or op.f == "exists"):
            slot = (path, "child" if op.f == "getChildren" else "data")
            session.left[slot] = (server.applied, znode is not None)
        if op.f == "read":
            self._reply(session, request, "ok", None if znode is None else znode.data)
        elif op.f == "exists":
            self._reply(session, request, "ok", None if znode is None else dict(stat_of(znode)))
        elif znode is None:
            self._reply(session, request, "fail", "no-node")
        else:
            told = list(names_of(znode)) if op.f == "getChildren" else znode.data
            self._reply(session, request, "ok", [told, dict(stat_of(znode))])

    def _reply(
        self, session: Session, request: Request, type_: str, value: Any, position: int = -1
    ) -> None:
        if request.given_up:
            return
        position = session.server.position if position < 0 else position
        if self.bug == "zxid-ahead" and self._is_last(position) and self.rng.random() < 0.3:
            position += 1
            session.floor = len(self.log) + 1
        if self.bug == "read-moves-back" and request.op.f == "exists" and self.rng.random() < 0.2:
            position = max(position - 3, 1 << 32 | 1)
        what = {"value": value} if type_ == "ok" else {"error": value}
        self.record(
            _with(
                request.op, type=type_, **what, node=session.server.name, session=session.id,
                seq=request.seq, position=position,
            )
        )  # fmt: skip
        if self.bug == "watch-after-reply":
            self._flush(session)

    def _is_last(self, position: int) -> bool:
        return position & 0xFFFFFFFF == len(self.log)

    def _apply(self, server: Server) -> None:
        """The server's next entry, and the watches that it fires."""
        if server.applied >= len(self.log):
            return
        line = self.log[server.applied]
        server.applied += 1
        server.position = line["position"]
        if line["error"] is not None and not (
            self.bug == "partial-multi" and line["type"] == "multi"
        ):
            return
        server.tree.changes = Everything()
        if self.bug == "skips-entry" and line["type"] == "setData" and self.rng.random() < 0.1:
            return
        server.tree.apply(
            line["type"], line["value"], line["position"], line["session"], line["time"]
        )
        for session in [s for s in self.all if s.server is server and not s.moving]:
            if line["type"] == "closeSession" and line["value"] == session.id:
                self._end_at_server(session, line)
        for path, changes in sorted(server.tree.changes.items()):
            for _, change in changes:
                self._fire(server, path, change, line["position"])

    def _end_at_server(self, session: Session, line: dict[str, Any]) -> None:
        if self.bug != "events-after-close":
            session.left.clear()
        if line.get("expired"):
            self._end(session)

    def _fire(self, server: Server, path: str, change: str, position: int) -> None:
        sessions = [s for s in self.all if s.server is server and not s.moving]
        for session in sessions:
            kinds = [("child", {CHILD, DELETED}), ("data", DATA)]
            slots = [(path, k) for k, fires in kinds if change in fires]
            slots = [slot for slot in slots if slot in session.left]
            for slot in slots:
                if self.bug != "watch-twice":
                    del session.left[slot]
            if slots:
                self._event(session, change, path, position)
        if self.bug == "watch-for-nothing" and self.rng.random() < 0.05 and sessions:
            self._event(sessions[0], "changed", "/p0", position)
        if self.bug == "watch-of-others" and self.rng.random() < 0.05 and sessions:
            self._event(sessions[0], change, path, position)

    def _event(self, session: Session, change: str, path: str, position: int) -> None:
        if self.bug == "watch-lost" and self.rng.random() < 0.3:
            return
        if self.bug == "watch-wrong-type" and change == "changed":
            change = "deleted"
        event = (change, path, position)
        if self.bug == "watch-after-reply":
            session.held.append(event)
            return
        if self.bug == "watch-out-of-order" and not session.held and self.rng.random() < 0.3:
            session.held.append(event)
            return
        self._send(session, event)
        if self.bug == "watch-out-of-order":
            self._flush(session)

    def _flush(self, session: Session) -> None:
        for event in session.held:
            self._send(session, event)
        session.held = []

    def _send(self, session: Session, event: tuple[str, str, int]) -> None:
        change, path, position = event
        self.record(
            Op(-1, -1, "watch", "info", "watch", [change, path]),
            node=session.server.name, session=session.id, position=position,
        )  # fmt: skip

    # --- moves and ends

    def _move(self, session: Session) -> None:
        if session.moving:
            return
        others = [s for s in self.servers if s is not session.server]
        old = session.server
        session.server = self.rng.choice(others)
        if self.bug == "session-moves-back":
            return
        line = self._append(None, 0, "attach", {"session": session.id, "node": session.server.name})
        seen = max(old.applied, session.floor)
        session.floor = max(seen, line["index"])
        session.moving = True

    def _arrive(self, session: Session) -> None:
        """The session's new server fires what was missed, from the tree as it is now."""
        server = session.server
        self.record(
            Op(-1, -1, "watch", "info", "session", "moved"),
            node=server.name, session=session.id, position=server.position,
        )  # fmt: skip
        if self.closed.get(session.id, len(self.log) + 1) <= server.applied:
            self._end(session)
            return
        missed = []
        for slot, (index, there) in sorted(session.left.items()):
            path, kind = slot
            since = self.log[index - 1]["position"] if index else 0
            znode = server.tree.znodes.get(path)
            if znode is None:
                last = server.tree.touched.get(path, (0, ""))[0]
                event = (DELETED, last) if there else None
            elif not there:
                event = ("created", znode.czxid)
            elif kind == "child":
                event = (CHILD, znode.pzxid) if znode.pzxid > since else None
            else:
                event = ("changed", znode.mzxid) if znode.mzxid > since else None
            if event is not None:
                missed.append((event[1], event[0], slot))
        told: set[Any] = set()
        for position, change, slot in sorted(missed):
            del session.left[slot]
            if (position, change, slot[0]) not in told and self.bug != "watch-lost-on-move":
                self._event(session, change, slot[0], position)
            told.add((position, change, slot[0]))

    def _give_up(self, session: Session) -> None:
        """The client loses patience: what is open is unknown, and the session is left alone."""
        if not session.queue:
            return
        rng = self.rng
        reads = ("exists", "getData", "getChildren", "read", "sync")
        if all(r.op.f in reads for r in session.queue):
            request = session.queue[0]
            if not request.given_up:
                self.record(_with(request.op, type="fail", error="timeout"))
                request.given_up = True
            return
        lost = False  # a write that is lost takes the session's later ones with it
        for request in session.queue:
            if request.given_up:
                continue
            kind = "fail" if request.op.f in reads else "info"
            fields = {"session": session.id, "seq": request.seq}
            self.record(_with(request.op, type=kind, error="timeout", **fields))
            if kind == "info":
                session.processes.remove(request.op.process)
                session.processes.append(self._process())
            if request.line is None and kind == "info":
                lost = rng.random() < 0.4 or (lost and self.bug != "passes-lost-write")
                if not lost:
                    self.ghosts.append((session, request))
        session.queue = []
        self._end(session)

    def _ghost(self) -> None:
        """A write of a client that has given up comes to the leader after all, or its session's
        end."""
        session, request = self.ghosts.pop(0)
        later = [r for s, r in self.ghosts if s is session]
        self._log(session, request)
        if not later and session.id not in self.closed:
            self._append(None, 0, "closeSession", session.id, expired=True)

    def _expire(self, session: Session) -> None:
        if session.id not in self.closed and not session.moving and not session.queue:
            self._append(None, 0, "closeSession", session.id, expired=True)

    def _end(self, session: Session) -> None:
        """The client goes on with another session."""
        if session.dead:
            return
        session.dead = True
        if self.bug != "events-after-close":
            self.all.remove(session)
        for request in session.queue:
            if not request.given_up:
                reads = ("exists", "getData", "getChildren", "read", "sync")
                kind = "fail" if request.op.f in reads else "info"
                self.record(_with(request.op, type=kind, error="session-expired"))
                if kind == "info":
                    session.processes.remove(request.op.process)
                    session.processes.append(self._process())
        session.queue = []
        processes, session.processes = session.processes, []
        self._open(processes)

    def history(self, *, dumps: bool = True, start: int = 1) -> History:
        """What was recorded; `start` is the first entry that the servers still hold."""
        lines = self.log[start - 1 :]
        held = {name: Dump(list(lines), None, "") for name in NODES}
        return History(self.ops, dumps=held if dumps else None)


def _with(op: Op, **fields: Any) -> Op:
    from msgspec.structs import replace

    return replace(op, **fields)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return dict(value)
    return [_plain(v) for v in value] if isinstance(value, list) else value
