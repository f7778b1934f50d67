"""A system under test: which nodes it has, what they say to one another, what it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol, get_args

from msgspec import Struct

from harness.core import ClientCore, Core, NodeId


class Invariants(Protocol):
    """Promises of the protocol, checked inside the simulator; may remember what it has seen."""

    def check(self, cores: Mapping[NodeId, Core]) -> None:
        """Look at the cores of all nodes that are up; raises InvariantViolated."""
        ...


class Carries(Struct, frozen=True):
    """Where a type of message carries one of several operations: in which field, and which there
    are (texts, or the names of the Structs that are commands)."""

    field: str
    operations: frozenset[str]

    @staticmethod
    def of(field: str, commands: Any) -> Carries:
        """Where the field holds one of a union of Structs."""
        return Carries(field, frozenset(command.__name__ for command in get_args(commands)))


class System(Protocol):
    """A replicated system. Made by the factory that systems.REGISTRY names, with `nodes=3`.

    `nodes` are the replicas ("n1", "n2", ...), which a fault's "majority" counts; `managers` are
    others with names of their own ("m1"), targets by role only. `supports` are the operations (f)
    its clients can do, `roles` what its nodes call themselves in their Notes, for faults to aim at.
    `message` and `record` are the msgspec types (tagged unions) of what goes over the wire and into
    the write-ahead file.

    A system may have `carries`, a mapping from types of messages to Carries: a plan can then give
    each operation a cost of its own (harness.cost). `unlocks` says of operations that it cannot do
    which option it would take; `shards` is how many parts its keys are shared out among.
    """

    name: str
    nodes: tuple[NodeId, ...]
    managers: tuple[NodeId, ...]
    supports: frozenset[str]
    roles: frozenset[str]
    message: Any
    record: Any

    def node(self, me: NodeId, rng: Random) -> Core:
        """A fresh core for one incarnation of a node or manager."""
        ...

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """A client named `me` that talks to `home` until that is unreachable. An invocation with
        `op.node` set asks that node instead."""
        ...

    def invariants(self) -> Invariants:
        """A fresh watcher for one run."""
        ...


def node_names(count: int, prefix: str = "n") -> tuple[NodeId, ...]:
    """Names of nodes: n1, n2, ..."""
    return tuple(f"{prefix}{i}" for i in range(1, count + 1))


def everyone(system: System) -> Sequence[NodeId]:
    """All that run as a process of their own: nodes, then managers."""
    return (*system.nodes, *system.managers)


def plain(system: System) -> System:
    """The system without what a workload has put around its clients (Workload.wrap)."""
    inner: System = getattr(system, "unwrapped", system)
    return inner
