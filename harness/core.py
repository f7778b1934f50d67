"""A core: a node's or client's protocol as a pure state machine, and the effects it asks for.

A core is given a message, a timer or an operation, and `now`; it returns effects, which a driver
(harness/sim or harness/live) carries out in order. It has no clock, socket, file or global random.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from harness.clock import Nanos
from harness.op import Op

NodeId = str
Message = Any  # a msgspec Struct of the system's tagged union `System.message`; never mutated
Record = Any  # a msgspec Struct of the system's tagged union `System.record`; never mutated


class Send(Struct, frozen=True, gc=False):
    """Send a message; it may be lost, delayed or (under a fault) doubled. No news of its fate."""

    to: NodeId
    message: Message


class Persist(Struct, frozen=True, gc=False):
    """Append a record to the write-ahead file. A barrier: no later effect happens before it is
    durable."""

    record: Record


class Snapshot(Struct, frozen=True, gc=False):
    """Replace everything persisted so far by one record. A barrier, like Persist."""

    record: Record


class Compact(Struct, frozen=True, gc=False):
    """Let one record stand for everything persisted so far, of which it says the same more briefly.
    No barrier: a node that stops before it is durable finds the old records, and those after."""

    record: Record


class SetTimer(Struct, frozen=True, gc=False):
    """Call `timer(name)` after `delay` ns; a timer of the same name is replaced."""

    name: str
    delay: Nanos


class CancelTimer(Struct, frozen=True, gc=False):
    """Forget the timer of this name, if there is one."""

    name: str


class Complete(Struct, frozen=True, gc=False):
    """Clients only: the operation is over. Make `op` with harness.op's ok, fail or info."""

    op: Op


class Observe(Struct, frozen=True, gc=False):
    """Clients only: record this line, which completes nothing and retires nothing: a watch event or
    what became of a session. Make `op` with harness.op's `seen`."""

    op: Op


class Note(Struct, frozen=True, gc=False):
    """Tell the harness something; nothing reaches back into a core.

    `what="role"` feeds View.roles: data is {"role": "leader", "epoch": term}, and where there are
    several groups of which each has such roles, "group": its number. `what="members"`
    feeds View.members: data is {"members": ["n1", ...], "epoch": number of the configuration}.
    Anything else only goes to the trace and the node's log.
    """

    what: str
    data: dict[str, Any]


Effect = Send | Persist | Snapshot | Compact | SetTimer | CancelTimer | Complete | Observe | Note


class Dump(Struct, frozen=True):
    """What a node holds at the end of a run: its committed log (JSON-able entries, oldest first),
    its state (JSON-able), and `digest`, equal on two nodes exactly if their states are. Nodes hold
    replicas of one thing where their `group` is the same; others are not compared."""

    log: list[Any]
    state: Any
    digest: str
    group: str = ""


class Core(Protocol):
    """A node. One instance is one incarnation: after a kill a new one is started from what was
    stored."""

    def start(self, stored: Sequence[Record], now: Nanos) -> Iterable[Effect]:
        """Begin, with the records persisted by earlier incarnations, oldest first."""
        ...

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message has come from a node or client."""
        ...

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer of this incarnation has fired."""
        ...

    def dump(self) -> Dump | None:
        """What this node holds, for the end of a run; None for a node that holds no replica."""
        ...


class ClientCore(Protocol):
    """A client. Every `invoke` ends in exactly one Complete, within the client's own time limit.

    One operation at a time, and after an info it is never used again; but where the run says so
    (`Setup.pipeline` above 1) so many processes share one client: it is invoked while others of
    their operations are open, tells them apart by `op.process`, and goes on after an info.
    """

    def invoke(self, op: Op, now: Nanos) -> Iterable[Effect]:
        """Begin this operation."""
        ...

    def receive(self, source: NodeId, message: Message, now: Nanos) -> Iterable[Effect]:
        """A message has come from a node."""
        ...

    def timer(self, name: str, now: Nanos) -> Iterable[Effect]:
        """A timer has fired."""
        ...


def unlike(dumps: Mapping[NodeId, Dump]) -> list[NodeId]:
    """The nodes, alike by the letters of their names and their groups, that do not all hold the
    same."""
    kinds = alike(dumps)
    return [name for kind in kinds if len({d.digest for d in kind.values()}) > 1 for name in kind]


def alike(dumps: Mapping[NodeId, Dump]) -> list[dict[NodeId, Dump]]:
    """Dumps by the letters that their nodes' names begin with, and by their groups."""
    found: dict[tuple[str, str], dict[NodeId, Dump]] = {}
    for name, dump in sorted(dumps.items()):
        found.setdefault((name.rstrip("0123456789"), dump.group), {})[name] = dump
    return list(found.values())


def dump_of(log: list[Any], state: Any) -> Dump:
    """A Dump whose digest is a SHA-256 over the state's canonical JSON."""
    from hashlib import sha256

    from msgspec import json

    return Dump(log, state, sha256(json.encode(state, order="deterministic")).hexdigest()[:16])
