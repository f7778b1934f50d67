"""Faults: what a nemesis may ask a driver to do, and what it sees of the cluster.

A nemesis op ("start-partition") is turned by a Nemesis into Actions, purely; a driver carries them
out and answers each with an Outcome; `Nemesis.done` makes the op's completion of them. Every start
op's completion says what was done, and every end op's carries the proof that it had happened.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from random import Random
from typing import Any, Protocol

from msgspec import Struct

from harness.clock import Nanos
from harness.core import NodeId
from harness.op import Op

CLIENTS = "clients"  # the name all clients share as one end of a link

Link = tuple[NodeId, NodeId]  # directed: source, target; either may be CLIENTS


class Start(Struct, frozen=True, tag=True):
    """Start a node that is not running, from what it had persisted."""

    node: NodeId


class Kill(Struct, frozen=True, tag=True):
    """End a node at once (SIGKILL), losing what it had not persisted."""

    node: NodeId


class Pause(Struct, frozen=True, tag=True):
    """Stop a node's processor (SIGSTOP): it keeps its state and misses time."""

    node: NodeId


class Resume(Struct, frozen=True, tag=True):
    """Let a paused node go on (SIGCONT)."""

    node: NodeId


class Cut(Struct, frozen=True, tag=True):
    """Drop every message on these directed links until Mend(tag)."""

    tag: str
    links: tuple[Link, ...]


class Shape(Struct, frozen=True, tag=True):
    """Disturb these directed links until Mend(tag): delay each message by `delay` plus or minus
    up to `jitter` ns, and lose, double or reorder it with these probabilities."""

    tag: str
    links: tuple[Link, ...]
    delay: Nanos = 0
    jitter: Nanos = 0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


class Mend(Struct, frozen=True, tag=True):
    """Undo the Cut or Shape of this tag; others on the same links stay."""

    tag: str


class Wipe(Struct, frozen=True, tag=True):
    """Take all that a node had persisted. Only of a node that is down."""

    node: NodeId


class Administer(Struct, frozen=True, tag=True):
    """Let an administrator's client of the system do this operation (its `f` is one of
    System.supports, such as add-node and remove-node), and wait for it. The outcome's proof is
    {"type": "ok", "value": ...} of the completion, with its "error" if it has one; done is false
    unless it is ok."""

    op: Op


Action = Start | Kill | Pause | Resume | Cut | Shape | Mend | Wipe | Administer


class Outcome(Struct, frozen=True):
    """What became of one action. `done` is false where it was skipped, and `why` says why.

    `proof` counts what the driver saw: for Kill {"signal": 9}, for Pause {"state": "stopped"}, for
    Wipe {"records": n} that were persisted, for
    Mend {"dropped": n, "delayed": n, "lost": n, "duplicated": n, "reordered": n} over the time the
    tag was in force (only the counts that are not zero).
    """

    done: bool
    why: str = ""
    proof: dict[str, Any] = {}


class Role(Struct, frozen=True):
    """What a node last said it is ("leader", "head", ...), under which term or epoch; and of which
    group, where each of several has such roles."""

    name: str
    epoch: int
    group: int = 0


class View(Struct, frozen=True):
    """The cluster as the driver sees it now."""

    nodes: tuple[NodeId, ...]
    managers: tuple[NodeId, ...]
    up: frozenset[NodeId]
    paused: frozenset[NodeId]
    roles: Mapping[NodeId, Role]
    members: tuple[NodeId, ...] = ()  # who votes, as last said by a node; empty where none said

    def with_role(self, name: str) -> tuple[NodeId, ...]:
        """Nodes and managers that claim this role at the highest epoch claimed by anyone up of
        their group, in name order; for "leader" or "head" that is one or none a group."""
        claims = {n: r for n, r in self.roles.items() if r.name == name and n in self.up}
        newest: dict[int, int] = {}
        for role in claims.values():
            newest[role.group] = max(role.epoch, newest.get(role.group, 0))
        return tuple(sorted(n for n, r in claims.items() if r.epoch == newest[r.group]))


Plan = Sequence[Action] | Generator[Action, Outcome, None]


class Nemesis(Protocol):
    """One kind of fault, pure."""

    fs: frozenset[str]
    needs: frozenset[type]  # the Action types a driver must be able to do
    asks: frozenset[str]  # the operations that the system must support, for Administer

    def plan(self, op: Op, view: View, rng: Random) -> Plan:
        """The actions that carry out a nemesis op; empty when there is nothing to do. Where one
        depends on what became of another it is a generator, which is sent each one's outcome."""
        ...

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """The op's completion (type info), whose value is a FaultReport as a dict."""
        ...


class FaultReport(Struct, frozen=True, omit_defaults=True):
    """The value of a nemesis op's completion: what it did.

    `fault` is the kind ("partition"); `state` is installed, skipped or healed; `targets` the nodes
    it hit; `shape` says it in words ("[n1] | [n2 n3]"); `why` explains a skip; `proof` sums up
    the drivers' proofs; `package` tells two packages of one kind apart.
    """

    fault: str
    state: str
    package: str = ""
    targets: tuple[NodeId, ...] = ()
    shape: str = ""
    why: str = ""
    proof: dict[str, Any] = {}


class FaultKind(Struct, frozen=True):
    """A kind of fault as histories and pictures know it: its ops and its band's colour."""

    name: str
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    colour: str


KINDS: tuple[FaultKind, ...] = (
    FaultKind("partition", ("start-partition",), ("stop-partition",), "#E9DCA0"),
    FaultKind("packet", ("start-packet",), ("stop-packet",), "#D1E8A0"),
    FaultKind("kill", ("kill",), ("start",), "#E9A4A0"),
    FaultKind("pause", ("pause",), ("resume",), "#A0B1E9"),
    FaultKind("member", ("shrink",), ("grow",), "#ACA0E9"),
    FaultKind("move", ("start-move",), ("stop-move",), "#E9C3A0"),
    FaultKind("clock", ("bump-clock", "strobe-clock"), ("reset-clock",), "#A0E9E3"),
    FaultKind("disk", ("slow-disk", "lose-unsynced", "torn-write"), ("mend-disk",), "#99F2E2"),
)


def kind_of(f: str) -> FaultKind | None:
    """The kind of fault that a nemesis op starts or ends."""
    return next((k for k in KINDS if f in k.starts or f in k.ends), None)
