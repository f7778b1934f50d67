"""RaftStore: registers on the replicated log, with linearizable reads through any node.

Operations: read, write, cas ((old, new)), each of `op.key`; a key that was never written is None;
add-node, remove-node and transfer (see admin.py).
- A write or cas is an entry of the log; whichever node is asked answers when it has applied it.
- A cas is compared where it stands in the log, so a refusal is `precondition-failed` with what was
  observed there.
- A read waits for a read index (Raft thesis, 6.4) and is answered from the asked node's state.
`position` is the log index: of the entry of a write or cas, and of the state a read was answered
from. `session` is the client.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from random import Random
from typing import Any

from msgspec import UNSET, Struct, convert, msgpack
from msgspec.structs import asdict

from harness.clock import Nanos, duration
from harness.core import ClientCore, Core, NodeId
from harness.error import UserError
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Script
from harness.system import Carries, Invariants, node_names
from systems.raft.admin import ADMINISTRATION, Administrable, Administrator
from systems.raft.digest import mark
from systems.raft.host import Keeping
from systems.raft.invariant import ReplicaInvariants
from systems.raft.message import Entry, index_of, record_types, wire_types
from systems.raft.raft import Timing
from systems.raft.replica import Answer, Read, Replica, Write
from systems.raft.session import TRIES, Session, answers
from systems.raft.window import Done, Window

PATIENT = 5  # an administrator's time limit, in those of other operations


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
    """The state machine: key to value, and what was done for which client."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}
        self.window = Window()
        self.digest = 0

    def weigh(self, command: Command) -> int:
        """Bytes of the value."""
        value = command.value if isinstance(command, Put) else command.new
        return len(value) if isinstance(value, str) else 0

    def apply(self, entry: Entry[Command], position: int) -> Done | None:
        """Carry out a Put or Swap, once; None for a request that is too old to be answered."""
        key = (entry.client, entry.seq)
        done = self.window.find(*key)
        if done is None and not self.window.is_old(*key):
            done = Done(position, self._do(entry.command))
            self.window.add(*key, done)
        return done

    def _do(self, command: Command | None) -> Value:
        assert command is not None
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

    def save(self) -> Iterator[bytes]:
        """The values, and the window."""
        values, window = list(self.values.items()), self.window.copy()
        return (msgpack.encode(part) for part in (values, window))

    def load(self, parts: Iterable[bytes]) -> None:
        """Become what was saved."""
        values, window = parts
        self.values, self.digest = {}, 0
        for key, value in msgpack.decode(values):
            self._set(key, value)
        self.window = msgpack.decode(window, type=Window)
        for done in self.window.done.values():
            for seq, one in done.items():
                done[seq] = Done(one.position, convert(one.result, Value))

    def describe(self, entry: Entry[Command], position: int, result: Done | None) -> dict[str, Any]:
        """Who asked for what."""
        command = entry.command
        assert command is not None
        return {
            "type": type(command).__name__,
            "client": entry.client,
            "seq": entry.seq,
            "command": {"type": type(command).__name__, **asdict(command)},
        }

    def _set(self, key: Any, value: Any) -> None:
        if key in self.values:
            self.digest ^= mark(key, self.values[key])
        self.values[key] = value
        self.digest ^= mark(key, value)


class RaftStore:
    """The system. `election_timeout` (to twice that, at random) and `heartbeat` are the Raft's;
    `timeout` is the time a client gives an operation. After `snapshot_every` entries a snapshot
    takes the place of the log (0: never); with `keep_log` a node's dump has those entries still.
    The last `spare` nodes do not take part until they are added."""

    name = "raft"
    roles = frozenset({"leader", "follower"})
    supports = frozenset({"read", "write", "cas"}) | ADMINISTRATION
    managers: tuple[NodeId, ...] = ()
    message = MESSAGE
    record = RECORD
    carries: Mapping[type, Carries] = {Write: Carries.of("command", Command)}

    def __init__(
        self,
        nodes: int = 3,
        *,
        timeout: str | float = "1s",
        election_timeout: str | float = "300ms",
        heartbeat: str | float = "60ms",
        snapshot_every: int = 10_000,
        keep_log: bool = False,
        spare: int = 0,
    ) -> None:
        if not 0 <= spare < nodes:
            raise UserError(f"spare: {spare} of {nodes} nodes cannot stay outside at first")
        self.spare = spare
        self.nodes = node_names(nodes)
        self.timeout = duration(timeout)
        self.timing = Timing(duration(election_timeout), duration(heartbeat))
        self.keeping = Keeping(snapshot_every, keep_log)
        self.node_type: type[Replica] = Replica

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh node."""
        machine = Registers()
        return self.node_type(
            me, self.nodes, machine, rng, self.timing, self.keeping, spare=self.spare
        )

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client that asks `home` first."""
        core = StoreClient(me, home, self.nodes, self.timeout).core
        return Administrable(core, Administrator(self.nodes, PATIENT * self.timeout, index_of))

    def invariants(self) -> Invariants:
        """Raft's promises."""
        return ReplicaInvariants()


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
                lambda seq: Read(name, seq, get), node=node, stay=node is not None
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
