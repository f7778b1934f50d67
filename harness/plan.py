"""A plan: one YAML file that says what to run, what to break, and what should come out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from harness.clock import SECOND, Nanos


class Named(Struct, frozen=True):
    """A thing by its registered name, with its options: `zookeeper` or `{name: zookeeper, ...}`."""

    name: str
    options: Mapping[str, Any] = {}


class Require(Struct, frozen=True):
    """The evidence below which a verdict is `unknown: too little observed`.

    `ok`: ok operations of each f that the plan's workload uses; `reads_per_node`: ok reads answered
    by each node; `during_faults`: ok operations while each kind of fault was in force (0 where a
    plan means to stop everything).
    """

    ok: int = 10
    reads_per_node: int = 1
    during_faults: int = 1


class Plan(Struct, frozen=True):
    """A plan as it is run. Times are ns. The keys of the YAML file are these names."""

    name: str
    system: Named
    workload: Named
    title: str = ""
    description: str = ""
    seed: int = 0
    driver: str = "sim"
    nemesis: tuple[Named, ...] = ()  # name: the fault (partition, kill, pause, packet); options
    nemesis_interval: Nanos = 10 * SECOND
    time_limit: Nanos = 20 * SECOND
    concurrency: int = 10
    rate: float = 0.0  # operations a second over all threads; 0: as fast as they can
    test_count: int = 1
    nodes: int = 3
    hosts: Any = "local"
    recovery: Nanos = 5 * SECOND
    checkers: tuple[str, ...] = ()  # further ones, by name
    expect: Mapping[str, str] = {}
    require: Require = Require()
    stop_on: str = ""
    costs: Mapping[str, Nanos] = {}
    options: Mapping[str, Any] = {}  # the driver's own: latency, base_port, ...
    path: Path | None = None
