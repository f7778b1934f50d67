"""A driver: who carries out effects, commands and actions. There are two, sim and live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from harness.clock import Nanos
from harness.core import Dump, NodeId
from harness.cost import Costs
from harness.fault import Nemesis, View
from harness.system import System

if TYPE_CHECKING:
    from harness.interpreter import Command
    from harness.op import Op


class Steps(Protocol):
    """The interpreter, as a driver sees it. Times are ns since the run's start."""

    def start(self, now: Nanos) -> Sequence[Command]:
        """The first commands, once the cluster is ready."""
        ...

    def completed(self, op: Op, now: Nanos) -> Sequence[Command]:
        """A client's or the nemesis's op is over."""
        ...

    def observed(self, op: Op, now: Nanos) -> None:
        """A client has seen something that completes nothing (core.Observe)."""
        ...

    def woken(self, now: Nanos) -> Sequence[Command]:
        """The time of the last Wake has come."""
        ...


class SystemSpec(Struct, frozen=True):
    """A system by name, so that a node's process can build it again: harness.build.system(spec)."""

    name: str
    nodes: int
    options: Mapping[str, Any] = {}


class Setup(Struct, frozen=True):
    """All that a driver is told of a run. `nemesis` is the composition of all packages.

    `options` are the plan's own words for this driver (latency, base_port, ...). `folder` is where
    node logs and data go; the simulator may be given None and then writes nothing. Threads
    `k * pipeline` to `(k + 1) * pipeline - 1` share one client (named after the first process).
    `costs`: how long nodes are busy with messages; only the simulator can say.
    """

    spec: SystemSpec
    system: System
    nemesis: Nemesis
    seed: int | str
    concurrency: int
    folder: Path | None = None
    options: Mapping[str, Any] = {}
    pipeline: int = 1
    costs: Costs = Costs()


class Ending(Struct, frozen=True):
    """What a driver knows at the end: each node's dump, the invariant that was broken if one was,
    and figures of its own (simulated messages, trace hash, ready time, memory of a node)."""

    dumps: Mapping[NodeId, Dump]
    violation: str | None = None
    figures: Mapping[str, Any] = {}
    unhealthy: Sequence[
        str
    ] = ()  # nodes that ended by themselves, with the last lines of their log


class Status(Struct, frozen=True):
    """For the progress bar; a driver calls `on_status` with it about four times a second."""

    now: Nanos
    view: View


class Driver(Protocol):
    """Runs one test. Every way out of `drive` heals and reaps: what it started is gone."""

    name: str
    able: frozenset[type]  # the Action types it can do

    def drive(self, setup: Setup, steps: Steps, on_status: Callable[[Status], None]) -> Ending:
        """Start the cluster, wait until it is ready, run until Stop, collect dumps, stop all.
        Raises WorldError where a node does not become ready."""
        ...
