"""A client of the ZooKeeper-like service: operations turned into requests of one session."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from harness.clock import Nanos
from harness.core import NodeId
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Script
from systems.raft.replica import Read, Sync, Write
from systems.raft.session import TRIES, Session, answers
from systems.zookeeper.message import (
    ANY_VERSION,
    Command,
    Create,
    Delete,
    Exists,
    Found,
    GetChildren,
    GetData,
    Query,
    Refused,
    SetData,
)
from systems.zookeeper.tree import NO_NODE, NODE_EXISTS

READS = frozenset({"read", "exists", "getData", "getChildren", "sync"})
QUERIES: dict[str, type[Exists | GetData | GetChildren]] = {
    "exists": Exists,
    "getData": GetData,
    "getChildren": GetChildren,
}
CODES = {  # ZooKeeper's names in the table of harness.error
    "NoNode": "no-node",
    "NodeExists": "node-exists",
    "BadVersion": "bad-version",
    "NotEmpty": "not-empty",
    "BadArguments": "refused",
}

Steps = Generator[Ask, Reply | None, Reply]
Script_ = Generator[Ask, Reply | None, Op]


class ZooKeeperClient:
    """What outlives one operation is its Session: the server it talks to, and the last zxid it has
    seen, below which no server may answer it."""

    def __init__(
        self, me: str, home: NodeId, nodes: tuple[NodeId, ...], timeout: Nanos, *, syncs: bool
    ) -> None:
        self.session = Session(me, home, nodes, timeout // TRIES)
        self.core = Script(self.run, timeout=timeout, reads=READS, matches=answers)
        self._syncs = syncs

    def run(self, op: Op, now: Nanos) -> Script_:
        """One operation."""
        if op.f == "read":
            return (yield from self._read(op))
        if op.f == "write":
            return (yield from self._write(op))
        if op.f == "cas":
            return (yield from self._cas(op))
        if op.f == "sync":
            return self._ok(op, (yield from self._sync(op)), None)
        if op.f in QUERIES:
            return (yield from self._query(op))
        return (yield from self._command(op))

    # --- registers

    def _read(self, op: Op) -> Script_:
        reply = yield from self._get(op)
        result = reply.message.result
        return self._ok(op, reply, result.data if isinstance(result, Found) else None)

    def _write(self, op: Op) -> Script_:
        """setData; a znode that is not there is created; who comes second there sets it."""
        path = path_of(op.key)
        while True:
            reply = yield from self._do(op, SetData(path, op.value, ANY_VERSION))
            if reply.message.result == NO_NODE:
                reply = yield from self._do(op, Create(path, op.value))
            result = reply.message.result
            if isinstance(result, Found):
                return self._ok(op, reply, op.value)
            if result != NODE_EXISTS:
                return self._fail(op, reply, CODES[result.error])

    def _cas(self, op: Op) -> Script_:
        old, new = op.value
        path = path_of(op.key)
        reply = yield from self._get(op)
        found = reply.message.result
        value = found.data if isinstance(found, Found) else None
        if value != old:
            if self._syncs:
                return self._fail(op, reply, "precondition-failed", observed=value)
            return self._fail(op, reply, ["busy", "the value read, perhaps an old one, differs"])
        stat = found.stat if isinstance(found, Found) else None
        make = SetData(path, new, stat.version) if stat else Create(path, new)
        reply = yield from self._do(op, make)
        result = reply.message.result
        if isinstance(result, Refused):
            return self._fail(op, reply, CODES[result.error])
        return self._ok(op, reply, op.value)

    # --- ZooKeeper's own operations

    def _query(self, op: Op) -> Script_:
        reply = yield from self._ask(op, QUERIES[op.f](op.value))
        result = reply.message.result
        if isinstance(result, Refused):
            return self._fail(op, reply, CODES[result.error])
        stat = None if result.stat is None else asdict(result.stat)
        if op.f == "exists":
            return self._ok(op, reply, stat)
        return self._ok(op, reply, [result.data, stat])

    def _command(self, op: Op) -> Script_:
        reply = yield from self._do(op, command_of(op))
        result = reply.message.result
        if isinstance(result, Refused):
            return self._fail(op, reply, CODES[result.error])
        stat = None if result.stat is None else asdict(result.stat)
        return self._ok(op, reply, stat)

    # --- requests

    def _get(self, op: Op) -> Steps:
        """getData of the register, after a sync where the system's reads are such."""
        if self._syncs:
            yield from self._sync(op)
        return (yield from self._ask(op, GetData(path_of(op.key))))

    def _sync(self, op: Op) -> Steps:
        name, node = self.session.name, pinned(op)
        return self.session.call(lambda seq: Sync(name, seq), node=node, stay=node is not None)

    def _ask(self, op: Op, query: Query) -> Steps:
        name, node = self.session.name, pinned(op)
        floor = self.session.seen
        return self.session.call(
            lambda seq: Read(name, seq, query, floor, False), node=node, stay=node is not None
        )

    def _do(self, op: Op, command: Command) -> Steps:
        name = self.session.name
        return self.session.call(lambda seq: Write(name, seq, command), node=pinned(op))

    # --- completions

    def _ok(self, op: Op, reply: Reply, value: Any) -> Op:
        return ok(op, value, **self._witness(reply))

    def _fail(self, op: Op, reply: Reply, error: Any, **fields: Any) -> Op:
        return fail(op, error, **self._witness(reply), **fields)

    def _witness(self, reply: Reply) -> dict[str, Any]:
        return {
            "node": reply.source,
            "position": reply.message.position,
            "session": self.session.name,
        }


def pinned(op: Op) -> NodeId | None:
    """The node an operation asks for."""
    return None if op.node is UNSET else op.node


def path_of(key: Any) -> str:
    """The znode of a register.

    >>> path_of(3), path_of("x")
    ('/k3', '/kx')
    """
    return f"/k{key}"


def command_of(op: Op) -> Command:
    """The command of a create, setData or delete, from its value."""
    if op.f == "create":
        path, data = op.value
        return Create(path, data)
    if op.f == "setData":
        path, data, version = op.value
        return SetData(path, data, version)
    path, version = op.value
    return Delete(path, version)
