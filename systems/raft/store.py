"""RaftStore: keys and values on the replicated log, with linearizable reads through any node.

Operations: read, write, cas ((old, new)), append (one element), increment (an amount; ok with the
new number), each of `op.key`; txn (parts ["r", key, None], ["w", key, x], ["append", key, x]; ok
with the reads filled in); add-node, remove-node and transfer (see admin.py).
- All but a read is an entry of the log; whichever node is asked answers when it has applied it.
- A cas is compared where it stands in the log, so a refusal is `precondition-failed` with what was
  observed there. What does not fit the value's kind is `refused`, also there.
- A read waits for a read index (Raft thesis, 6.4), or for none where the leader has a lease
  (`read_mode: lease`, see lease.py), and is answered from the asked node's state.
`position` is the log index: of an entry, and of the state a read was answered from. `session` is
the client.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from random import Random
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from harness.clock import Nanos, duration
from harness.core import ClientCore, Core, NodeId
from harness.error import UserError
from harness.op import Op, fail, ok
from harness.script import Ask, Reply, Script
from harness.system import Carries, Invariants, node_names
from systems.raft.admin import ADMINISTRATION, Administrable, Administrator
from systems.raft.host import Keeping
from systems.raft.invariant import ReplicaInvariants
from systems.raft.machine import Add, Command, Extend, Get, Put, Swap, Txn, Value, Values
from systems.raft.message import index_of, record_types, wire_types
from systems.raft.raft import Timing
from systems.raft.replica import Answer, Read, Replica, Write
from systems.raft.session import TRIES, Session, answers

INDEX, LEASE = MODES = ("index", "lease")  # of reads
PATIENT = 5  # an administrator's time limit, in those of other operations


MESSAGE = wire_types(Command) | Write[Command] | Read[Get] | Answer[Value]
RECORD = record_types(Command)


class RaftStore:
    """The system. `election_timeout` (to twice that, at random) and `heartbeat` are the Raft's;
    `timeout` is the time a client gives an operation. After `snapshot_every` entries a snapshot
    takes the place of the log (0: never); with `keep_log` a node's dump has those entries still.
    The last `spare` nodes do not take part until they are added. `read_mode` is `index`, a round of
    messages for each read, or `lease`: a leader answers at once while its lease runs, where two
    clocks' speeds differ by no more than `drift` (a share)."""

    name = "raft"
    roles = frozenset({"leader", "follower"})
    supports = frozenset({"read", "write", "cas", "append", "increment", "txn"}) | ADMINISTRATION
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
        read_mode: str = INDEX,
        drift: float = 0.1,
    ) -> None:
        if not 0 <= spare < nodes:
            raise UserError(f"spare: {spare} of {nodes} nodes cannot stay outside at first")
        self.spare = spare
        self.nodes = node_names(nodes)
        self.timeout = duration(timeout)
        timing = Timing(duration(election_timeout), duration(heartbeat))
        self.timing = replace(timing, lease=_lease(read_mode, timing.steadfast, drift))
        self.keeping = Keeping(snapshot_every, keep_log)
        self.node_type: type[Replica] = Replica
        self.machine_type: type[Values] = Values

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh node."""
        machine = self.machine_type()
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


def _lease(mode: str, steadfast: Nanos, drift: float) -> Nanos:
    """How long a leader's lease is; raises UserError."""
    if mode not in MODES:
        raise UserError(f"read_mode: expected one of {', '.join(MODES)}, got {mode!r}")
    if not 0 <= drift < 1:
        raise UserError(f"drift: expected a share from 0 to 1, got {drift!r}")
    return 0 if mode == INDEX else round(steadfast / (1 + drift))


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
    key, value = op.key, op.value
    if op.f == "write":
        return Put(key, value)
    if op.f == "append":
        return Extend(key, value)
    if op.f == "increment":
        return Add(key, value)
    if op.f == "txn":
        return Txn([(f, key, value) for f, key, value in value])
    old, new = value
    return Swap(key, old, new)


def _completed(op: Op, session: str, reply: Reply) -> Op:
    result: Value = reply.message.result
    fields: dict[str, Any] = {
        "node": reply.source,
        "position": index_of(reply.message.position),
        "session": session,
    }
    if not result.done:
        if op.f == "cas":
            return fail(op, "precondition-failed", observed=result.value, **fields)
        return fail(op, ["refused", "the value is of another kind"], **fields)
    is_told = op.f in ("read", "increment", "txn")
    return ok(op, result.value if is_told else op.value, **fields)
