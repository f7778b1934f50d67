"""RaftStore: registers on the replicated log, with linearizable reads through any node.

Operations: read, write, cas ((old, new)), each of `op.key`; a key that was never written is None.
- A write or cas is an entry of the log; whichever node is asked answers when it has applied it.
- A cas is compared where it stands in the log, so a refusal is `precondition-failed` with what was
  observed there.
- A read waits for a read index (Raft thesis, 6.4) and is answered from the asked node's state.
`position` is the log index: of the entry of a write or cas, and of the state a read was answered
from. `session` is the client.
"""

from __future__ import annotations

from collections.abc import Generator
from random import Random
from typing import Any

from msgspec import UNSET, Struct

from harness.clock import Nanos, duration
from harness.core import ClientCore, Core, NodeId
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Script
from harness.system import Invariants, node_names
from systems.raft.digest import mark
from systems.raft.invariant import ReplicaInvariants
from systems.raft.message import index_of, record_types, wire_types
from systems.raft.raft import Timing
from systems.raft.replica import Answer, Read, Replica, Write
from systems.raft.session import TRIES, Session, answers


class Put(Struct, frozen=True, tag=True, gc=False):
    """Command: the key's value is now this."""

    key: Any
    value: Any


class Swap(Struct, frozen=True, tag=True, gc=False):
    """Command: if the key's value is `old`, it is now `new`."""

    key: Any
    old: Any
    new: Any


class Get(Struct, frozen=True, tag=True, gc=False):
    """Query: the key's value."""

    key: Any


class Value(Struct, frozen=True, tag=True, gc=False):
    """Result: the key's value, for a Swap before it; and whether the command was done."""

    value: Any
    done: bool = True


Command = Put | Swap
MESSAGE = wire_types(Command) | Write[Command] | Read[Get] | Answer[Value]
RECORD = record_types(Command)


class Registers:
    """The state machine: key to value."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.digest = 0

    def apply(self, command: Command, position: int) -> Value:
        """Carry out a Put or Swap."""
        before = self.values.get(command.key)
        if isinstance(command, Put):
            self._set(command.key, command.value)
            return Value(None)
        if before != command.old:
            return Value(before, False)
        self._set(command.key, command.new)
        return Value(before)

    def query(self, query: Get) -> Value:
        """The value of a key; None for one that was never written."""
        return Value(self.values.get(query.key))

    def state(self) -> list[list[Any]]:
        """[key, value] pairs in an order that follows from the keys."""
        return [[k, self.values[k]] for k in sorted(self.values, key=lambda k: (str(type(k)), k))]

    def _set(self, key: Any, value: Any) -> None:
        if key in self.values:
            self.digest ^= mark(key, self.values[key])
        self.values[key] = value
        self.digest ^= mark(key, value)


class RaftStore:
    """The system. `election_timeout` (to twice that, at random) and `heartbeat` are the Raft's;
    `timeout` is the time a client gives an operation."""

    name = "raft"
    roles = frozenset({"leader", "follower"})
    supports = frozenset({"read", "write", "cas"})
    managers: tuple[NodeId, ...] = ()
    message = MESSAGE
    record = RECORD

    def __init__(
        self,
        nodes: int = 3,
        *,
        timeout: str | float = "1s",
        election_timeout: str | float = "300ms",
        heartbeat: str | float = "60ms",
    ) -> None:
        self.nodes = node_names(nodes)
        self.timeout = duration(timeout)
        self.timing = Timing(duration(election_timeout), duration(heartbeat))

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh node."""
        return Replica(me, self.nodes, Registers(), rng, self.timing)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client that asks `home` first."""
        return StoreClient(me, home, self.nodes, self.timeout).core

    def invariants(self) -> Invariants:
        """Raft's promises."""
        return ReplicaInvariants(self.nodes)


class StoreClient:
    """Turns operations into requests; what outlives one is its Session."""

    def __init__(self, me: str, home: NodeId, nodes: tuple[NodeId, ...], timeout: Nanos) -> None:
        self.session = Session(me, home, nodes, timeout // TRIES)
        self.core = Script(self.run, timeout=timeout, matches=answers)

    def run(self, op: Op, now: Nanos) -> Generator[Ask, Reply | None, Op]:
        """One operation."""
        name = self.session.name
        node = None if op.node is UNSET else op.node
        if op.f == "read":
            get = Get(op.key)
            reply = yield from self.session.call(
                lambda seq: Read(name, seq, get, 0, True), node=node, stay=node is not None
            )
        else:
            command = _command(op)
            reply = yield from self.session.call(lambda seq: Write(name, seq, command), node=node)
        return _completed(op, name, reply)


def _command(op: Op) -> Command:
    key = op.key
    if op.f == "write":
        return Put(key, op.value)
    old, new = op.value
    return Swap(key, old, new)


def _completed(op: Op, session: str, reply: Reply) -> Op:
    result: Value = reply.message.result
    fields: dict[str, Any] = {
        "node": reply.source,
        "position": index_of(reply.message.position),
        "session": session,
    }
    if not result.done:
        return fail(op, "precondition-failed", observed=result.value, **fields)
    return ok(op, result.value if op.f == "read" else op.value, **fields)
