"""A plan: one YAML file that says what to run, what to break, and what should come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict, fields

from harness.clock import SECOND, Nanos
from harness.cost import Costs
from harness.error import PlanError

if TYPE_CHECKING:
    from harness.plan_tree import Override


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
    costs: Costs = Costs()
    options: Mapping[str, Any] = {}  # the driver's own: latency, base_port, ...
    path: Path | None = None


def load_plan(
    path: Path,
    overrides: Sequence[str | Override] = (),
    *,
    environ: Mapping[str, str] | None = None,
    check_names: bool = True,
) -> Plan:
    """The plan in a YAML file, with overrides such as "system.bug=x" or "nemesis.0.interval=2s".

    `name` is the file's stem where it is not given; `${NAME}` is taken from `environ` (the
    process's own by default). Names of systems, faults and so on are looked up, and what a system
    or driver is not able to do is refused, unless `check_names` is false. Raises PlanError with
    every mistake, each with its line: `plans/x.yaml:12: workload.rate: expected a number, got ..`.
    """
    import os

    from harness.plan_read import read
    from harness.plan_tree import Mistake, by_place, override, parse

    mistakes: list[Mistake] = []
    tree = parse(path, os.environ if environ is None else environ, mistakes)
    for change in overrides:
        override(tree, _as_override(change), mistakes)
    plan = read(tree, path, mistakes)
    if plan is not None and check_names:
        mistakes += _unknown_names(plan, {m.field for m in mistakes}, tree.find)
    if mistakes or plan is None:
        raise PlanError([str(mistake) for mistake in by_place(mistakes)])
    return plan


def dump_plan(plan: Plan, command: str = "") -> str:
    """The plan as YAML, all defaults written out; loading it gives the same plan.

    `command` (how to run it again) goes into a comment at the top.
    """
    import yaml

    document = {field.encode_name: getattr(plan, field.name) for field in fields(Plan)}
    del document["path"]
    for key in ("system", "workload"):
        document[key] = {"name": document[key].name, **document[key].options}
    document["nemesis"] = [{"fault": fault.name, **fault.options} for fault in plan.nemesis]
    document["require"] = asdict(plan.require)
    for key in ("nemesis_interval", "time_limit", "recovery"):
        document[key] = exact(document[key])
    document["costs"] = _costs(plan.costs)
    head = f"# Run again with: {command}\n" if command else ""
    body = yaml.safe_dump(_plain(document), sort_keys=False, allow_unicode=True, width=100)
    return head + body


def _costs(costs: Costs) -> dict[str, Any]:
    """As a plan writes them."""
    document: dict[str, Any] = {kind: exact(cost) for kind, cost in costs.receive.items()}
    if costs.send:
        document["send"] = {kind: exact(cost) for kind, cost in costs.send.items()}
    if costs.nodes:
        document["nodes"] = dict(costs.nodes)
    return document


def exact(time: Nanos) -> str:
    """A duration as text that `duration` reads back to the same ns.

    >>> exact(20_000_000_000), exact(1_500_000_000), exact(1_234)
    ('20s', '1500ms', '1234ns')
    """
    units = (("s", SECOND), ("ms", 1_000_000), ("us", 1_000))
    for unit, size in units:
        if time % size == 0:
            return f"{time // size}{unit}"
    return f"{time}ns"


def _as_override(change: str | Override) -> Override:
    from harness.plan_tree import Override

    if not isinstance(change, str):
        return change
    field, equals, text = change.partition("=")
    if not equals or not all(field.split(".")):
        raise PlanError([f"--set {change}: expected key=value, such as system.bug=stale-read"])
    return Override(f"--set {change}", field, text)


def _unknown_names(plan: Plan, wrong: set[str], find: Any) -> list[Any]:
    """What harness.build says of the names in a plan, each with its line; nothing of a field that
    is wrong already."""
    from harness import build
    from harness.plan_tree import Mistake

    return [
        Mistake(find(field), field, what)
        for field, what in build.validate(plan)
        if not any(field == w or field.startswith(f"{w}.") for w in wrong)
    ]


def _plain(value: Any) -> Any:
    """Only what YAML knows; `${` is doubled, so that it is not taken for a variable."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return value.replace("${", "$${")
    return value
