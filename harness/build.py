"""The composition root: names in a plan become objects; nobody else knows every registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from inspect import Parameter, signature
from random import Random
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from harness import cost
from harness.core import ClientCore, NodeId
from harness.driver import Driver, Setup, SystemSpec
from harness.error import PlanError, UserError, WeaklinkError, nearest
from harness.fault import Nemesis, View
from harness.online import Online
from harness.plan import Plan
from harness.result import INVALID, UNKNOWN, VALID, Checker
from harness.rng import stream
from harness.shell.dialect import Dialect
from harness.system import System
from harness.variant import Variant
from harness.workload import Workload

DRIVERS = ("sim", "live")
VERDICTS = (VALID, UNKNOWN, INVALID)
FAULTS = {"slow": "packet"}  # other names that plans have for a kind of fault


class Test(Struct, frozen=True):
    """Everything of one run, built: what drives, what is driven, what judges; where the plan
    says `stop_on`, also what judges while the run goes on, whose alarm ends it."""

    driver: Driver
    setup: Setup
    generator: Any
    checkers: Mapping[str, Checker]
    online: Online | None = None


def system(spec: SystemSpec) -> System:
    """The system a spec names: a registered name, or "module:factory" for one of your own.

    An option `bug` plants one of the variants of the system's room. Raises UserError for a name
    that is not known or an option the system does not take.
    """
    from systems import BUGS, REGISTRY

    if "bug" in spec.options and spec.name in BUGS:
        planted = _variant(f"system {spec.name!r}", spec.options["bug"], variants(spec.name))
        plain = {k: v for k, v in spec.options.items() if k != "bug"}
        bare: System = planted.make(system(replace(spec, options=plain)))
        return bare

    where = spec.name if ":" in spec.name else REGISTRY.get(spec.name)
    if where is None:
        raise UserError(f"unknown system {spec.name!r}: {nearest(spec.name, set(REGISTRY))}")
    module, _, factory = where.partition(":")
    try:
        make = getattr(import_module(module), factory)
    except ModuleNotFoundError as error:
        hint = "; PYTHONPATH says where to look" if ":" in spec.name else ""
        raise UserError(f"system {spec.name!r}: {error}{hint}") from error
    except (ImportError, AttributeError) as error:
        raise UserError(f"system {spec.name!r}: {error}") from error
    taken = {k: v for k, v in signature(make).parameters.items() if k != "nodes"}
    for option, value in spec.options.items():
        if option not in taken:
            known = {*taken, *(("bug",) if spec.name in BUGS else ())}
            hint = nearest(option, known) if known else "it takes none"
            raise UserError(f"system {spec.name!r}: unknown option {option!r}: {hint}")
        if wrong := _unlike(value, taken[option]):
            raise UserError(f"system {spec.name!r}: {option}: {wrong}")
    try:
        built: System = make(nodes=spec.nodes, **spec.options)
    except (TypeError, ValueError) as error:
        raise UserError(f"system {spec.name!r}: {error}") from error
    return built


def _unlike(value: Any, parameter: Parameter) -> str | None:
    """What is wrong with an option's value, by the kind of its default; a text may be given as a
    number, since a duration may."""
    default = parameter.default
    if default is Parameter.empty or default is None:
        return None
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    kinds = {bool: (bool,), int: (int,), float: (int, float), str: (str, int, float)}
    allowed = kinds.get(type(default))
    is_alike = isinstance(value, bool) == isinstance(default, bool)  # True is an int to Python
    if allowed is None or (isinstance(value, allowed) and is_alike):
        return None
    return f"expected {expected[type(default)]}, got {value!r}"


def driver(name: str) -> Driver:
    """The driver of this name, sim or live."""
    if name == "sim":
        from harness.sim.driver import SimDriver

        return SimDriver()
    from harness.live.driver import LiveDriver

    return LiveDriver()


def dialect(name: str) -> Dialect:
    """A system's part of `weaklink shell`; raises UserError for a system that has none."""
    from systems import REGISTRY, SHELLS

    if name not in SHELLS:
        what = "has no shell" if name in REGISTRY else "is not known"
        raise UserError(f"system {name!r} {what}: {nearest(name, set(SHELLS))}")
    module, _, factory = SHELLS[name].partition(":")
    made: Dialect = getattr(import_module(module), factory)()
    return made


def no_nemesis() -> Nemesis:
    """Nothing goes wrong by itself."""
    from nemesis import compose

    empty: Nemesis = compose([]).nemesis
    return empty


def targets(built: System) -> list[str]:
    """The words that a fault may be aimed at, beside names of nodes: roles and counts."""
    from nemesis.target import COUNTS, ROLES

    return [*(role for role in ROLES if role in built.roles), *COUNTS]


def nodes_of(target: str, view: View, rng: Random) -> tuple[NodeId, ...]:
    """The nodes that such a word, or a node's name, means now."""
    from nemesis.target import nodes_of

    return nodes_of(target, view, rng)


def variants(name: str) -> Mapping[str, Variant]:
    """The planted variants of a system, those of all its rooms; empty where it has none."""
    from systems import BUGS

    found: dict[str, Variant] = {}
    for module in BUGS.get(name, ()):
        found.update(import_module(module).VARIANTS)
    return found


def recipe_variants() -> Mapping[str, Variant]:
    """The planted variants of all workloads: the recipes' own mistakes."""
    from workloads import BUGS

    found: dict[str, Variant] = {}
    for module in dict.fromkeys(BUGS.values()):
        found.update(import_module(module).VARIANTS)
    return found


def planted_in(plan: Plan) -> dict[str, Variant]:
    """The variants that a plan plants in its system and its workload, by name; names that are not
    known are left out."""
    from workloads import BUGS

    room = BUGS.get(plan.workload.name)
    recipes: Mapping[str, Variant] = import_module(room).VARIANTS if room else {}
    sides = ((plan.system, variants(plan.system.name)), (plan.workload, recipes))
    named = [(str(side.options.get("bug")), known) for side, known in sides]
    return {name: known[name] for name, known in named if name in known}


def _variant(whose: str, name: Any, known: Mapping[str, Variant]) -> Variant:
    if name is None or name == "":
        raise UserError(f"{whose}: bug: no name is given: {nearest('', set(known))}")
    if not isinstance(name, str) or name not in known:
        raise UserError(f"{whose}: bug: unknown {name!r}: {nearest(str(name), set(known))}")
    return known[name]


def workload(plan: Plan) -> Workload:
    """The plan's workload, with the variant that its option `bug` plants; raises UserError for an
    unknown name or option."""
    from workloads import BUGS, REGISTRY

    name = plan.workload.name
    if name not in REGISTRY:
        raise UserError(f"unknown workload {name!r}: {nearest(name, set(REGISTRY))}")
    nodes = tuple(f"n{i}" for i in range(1, plan.nodes + 1))
    options = dict(plan.workload.options)
    bug = options.pop("bug", None) if name in BUGS else None
    try:
        built = REGISTRY[name](nodes=nodes, rng=stream(plan.seed, "workload"), **options)
        if bug is None:
            return built
    except (TypeError, ValueError) as error:
        raise UserError(f"workload {name!r}: {error}") from error
    known = import_module(BUGS[name]).VARIANTS
    whose = f"workload {name!r}"
    if not isinstance(bug, str) or bug not in known:
        return _planted(_variant(whose, bug, _fitting(known, built) or known), built)
    try:
        return _planted(known[bug], built)
    except (TypeError, ValueError) as error:
        others = ", ".join(sorted(_fitting(known, built)))
        what = f"bug: {bug} is no bug of this workload: one of {others}"
        raise UserError(f"{whose}: {what}") from error


def _planted(variant: Variant, built: Workload) -> Workload:
    made: Workload = variant.make(built)
    return made


def _fitting(known: Mapping[str, Variant], built: Workload) -> dict[str, Variant]:
    """The variants whose change is of this workload's clients; for what is said of a mistake."""
    found = {}
    for name, variant in known.items():
        with suppress(TypeError, ValueError, AttributeError):
            _planted(variant, built)
            found[name] = variant
    return found


def wrapped(made: System, load: Workload) -> System:
    """A system with a workload's own clients around its own, where it has such."""
    return cast(System, _Wrapped(made, load)) if load.wrap else made


class _Wrapped:
    """A system whose clients are inside a workload's own (Workload.wrap); all else is as it is."""

    def __init__(self, inner: System, load: Workload) -> None:
        self.unwrapped = inner
        self._wrap = load.wrap

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unwrapped, name)

    def client(self, me: NodeId, home: NodeId, rng: Random) -> ClientCore:
        """The system's client, wrapped."""
        core = self.unwrapped.client(me, home, rng)
        return core if self._wrap is None else self._wrap(core, me, rng)


def spec(plan: Plan, load: Workload) -> SystemSpec:
    """The system's spec: the plan's options over those the workload asks for."""
    return SystemSpec(plan.system.name, plan.nodes, {**load.system_options, **plan.system.options})


def _own_spec(plan: Plan) -> SystemSpec:
    """The system's spec from the plan's own words alone."""
    return SystemSpec(plan.system.name, plan.nodes, plan.system.options)


def package(plan: Plan, place: int) -> Any:
    """One of the plan's fault packages; raises UserError for an unknown fault or option."""
    from nemesis import REGISTRY

    entry = plan.nemesis[place]
    if entry.name not in REGISTRY:
        raise UserError(f"unknown fault {entry.name!r}: {nearest(entry.name, set(REGISTRY))}")
    try:
        rng = stream(plan.seed, f"nemesis/{place}")
        name = entry.name if _is_alone(plan, entry.name) else f"{entry.name}-{place + 1}"
        return REGISTRY[entry.name](entry.options, rng, plan.nemesis_interval, name)
    except (TypeError, ValueError) as error:
        raise UserError(f"{entry.name}: {error}") from error


def _is_alone(plan: Plan, fault: str) -> bool:
    """Whether no other package of the plan is of this fault."""
    return sum(entry.name == fault for entry in plan.nemesis) == 1


def test(plan: Plan) -> Test:
    """Everything a run of this plan needs. Raises PlanError with all that is wrong."""
    mistakes = validate(plan)
    if mistakes:
        where = str(plan.path or plan.name)
        raise PlanError([f"{where}: {field}: {what}" for field, what in mistakes])
    load = workload(plan)
    made = spec(plan, load)
    faults = _faults(plan)
    online = _online(plan, load)
    return Test(
        driver=driver(plan.driver),
        setup=Setup(
            spec=made,
            system=wrapped(system(made), load),
            nemesis=faults.nemesis,
            seed=plan.seed,
            concurrency=plan.concurrency,
            options=plan.options,
            pipeline=load.pipeline,
            costs=plan.costs,
        ),
        generator=_generator(plan, load, faults, online),
        checkers=_checkers(plan, load),
        online=online,
    )


def _faults(plan: Plan) -> Any:
    from nemesis import compose

    return compose([package(plan, place) for place in range(len(plan.nemesis))])


def _online(plan: Plan, load: Workload) -> Online | None:
    """What judges while the run goes on, where the plan asks for it: simulated in step with it, so
    that it ends in the same place each time; live in a process of its own."""
    judges = [judge for judge in load.checkers.values() if hasattr(judge, "online")]
    if not plan.stop_on or not judges:
        return None
    made: Online = judges[0].online(apart=plan.driver == "live")
    return made


def _generator(plan: Plan, load: Workload, faults: Any, online: Online | None) -> Any:
    """Time-limited clients with the faults, then all is healed, a wait, the final reads. An alarm
    ends the first and leaves out the last."""
    from harness import generator as gen
    from harness.clock import SECOND

    ops = load.generator
    if plan.rate:
        ops = gen.stagger(round(SECOND / plan.rate), ops, stream(plan.seed, "stagger"))
    main = gen.any(gen.clients(ops), gen.nemesis(faults.generator))
    main = gen.time_limit(plan.time_limit, main)
    final = [] if load.final is None else [gen.sleep(plan.recovery), gen.clients(load.final)]
    if online is not None:
        main = gen.stoppable(lambda: online.alarm is not None, main)
        final = [gen.stoppable(lambda: online.alarm is not None, stage) for stage in final]
    return gen.phases(main, gen.nemesis(faults.final_generator), *final)


def _checkers(plan: Plan, load: Workload) -> dict[str, Checker]:
    """The workload's own (with the plan's required evidence), and those that every run has."""
    import checker

    nodes = tuple(f"n{i}" for i in range(1, plan.nodes + 1))
    fs = tuple(sorted(load.asks or load.needs))
    found: dict[str, Checker] = {
        name: checker.Required(judge, plan.require, fs, nodes)
        for name, judge in load.checkers.items()
    }
    found["convergence"] = checker.Convergence(nodes)
    found["faults"] = checker.Faults([FAULTS.get(entry.name, entry.name) for entry in plan.nemesis])
    for name in ("stats", "availability", *plan.checkers):
        found.setdefault(name, checker.REGISTRY[name]())
    return found


def validate(plan: Plan) -> list[tuple[str, str]]:
    """All that is wrong with a plan beyond its types, as (field, what); fields are dotted."""
    mistakes: list[tuple[str, str]] = []
    if plan.driver not in DRIVERS:
        mistakes.append(("driver", f"unknown driver {plan.driver!r}: one of sim, live"))
    load = _try(mistakes, "workload", lambda: workload(plan), plan.workload.options)
    made = spec(plan, load) if load else _own_spec(plan)
    built = _try(mistakes, "system", lambda: system(made), plan.system.options)
    if load and built and (missing := load.needs - built.supports):
        can = ", ".join(sorted(built.supports))
        lacks = ", ".join(sorted(missing))
        mistakes.append(("workload", f"{plan.system.name!r} cannot do {lacks}: it supports {can}"))
    if load:
        mistakes += _contradictions(plan, load)
    if load and plan.concurrency % load.pipeline:
        what = f"{plan.concurrency} is no multiple of the workload's pipeline, {load.pipeline}"
        mistakes.append(("concurrency", what))
    able = driver(plan.driver).able if plan.driver in DRIVERS else None
    for place, entry in enumerate(plan.nemesis):
        field = f"nemesis.{place}"
        made_package = _try(
            mistakes, field, lambda place=place: package(plan, place), entry.options
        )
        if made_package and built:
            unable = _unable(field, entry.name, made_package.nemesis.asks, built)
            mistakes += unable or _too_many(field, entry.options, built)
            mistakes += _strangers(field, entry.options, (*built.nodes, *built.managers))
            mistakes += _nobody(field, entry.options, built)
        if made_package and able is not None and (lacks_ := made_package.nemesis.needs - able):
            names = ", ".join(sorted(t.__name__ for t in lacks_))
            mistakes.append((field, f"the {plan.driver} driver cannot do {entry.name} ({names})"))
    if load and plan.stop_on and not any(hasattr(j, "online") for j in load.checkers.values()):
        what = f"no check of the workload {plan.workload.name!r} can be made while the run goes on"
        mistakes.append(("stop_on", what))
    if plan.costs and plan.driver == "live":
        what = "only the simulator knows costs: a live run takes the time that it takes"
        mistakes.append(("costs", what))
    elif built:
        mistakes += cost.mistakes(plan.costs, built)
    return mistakes + _options(plan, made) + _expectations(plan, load)


def _try(mistakes: list[tuple[str, str]], field: str, make: Any, options: Mapping[str, Any]) -> Any:
    try:
        return make()
    except WeaklinkError as error:
        mistakes.append((_pointed(field, str(error), options), str(error)))
        return None


def _pointed(field: str, what: str, options: Mapping[str, Any]) -> str:
    """The field of the option that a mistake names, so that its own line is said, or the flag that
    set it; else the field itself."""
    named = [o for o in options if f"option {o!r}:" in what or f": {o}:" in what]
    return f"{field}.{named[0]}" if named else field


def _unable(field: str, fault: str, asks: frozenset[str], built: System) -> list[tuple[str, str]]:
    """A fault that asks of the system what it cannot do."""
    missing = sorted(asks - built.supports)
    if not missing:
        return []
    unlocks: Mapping[str, str] = getattr(built, "unlocks", {})
    options = ", ".join(sorted({unlocks[f] for f in missing if f in unlocks}))
    hint = f": that takes {options}" if options else ""
    return [(field, f"{built.name!r} cannot do {', '.join(missing)}, which {fault} needs{hint}")]


def _too_many(field: str, options: Mapping[str, Any], built: System) -> list[tuple[str, str]]:
    """A fault that moves keys to shards that the system does not have."""
    asked, there = options.get("shards", 0), getattr(built, "shards", None)
    if there is None or asked <= there:
        return []
    return [(f"{field}.shards", f"{asked} are asked for, but {built.name!r} has {there} here")]


def _contradictions(plan: Plan, load: Workload) -> list[tuple[str, str]]:
    """Options that the workload hands on to the system, by which it judges, and that the system is
    given otherwise."""
    own, handed = plan.system.options, load.system_options
    return [
        (f"workload.{name}", f"{handed[name]!r}, but system.{name} is {own[name]!r}: give it once")
        for name in plan.workload.options
        if name in handed and name in own and handed[name] != own[name]
    ]


def _nobody(field: str, options: Mapping[str, Any], built: System) -> list[tuple[str, str]]:
    """Mistakes in a fault's targets: roles that no node of the system ever has."""
    from nemesis.target import ROLES, alternatives

    has = ", ".join(sorted(built.roles)) or "none"
    return [
        (f"{field}.targets", f"{built.name!r} has no {word}; its roles: {has}")
        for word in alternatives(options.get("targets", "one"))
        if isinstance(word, str) and word in ROLES and word not in built.roles
    ]


def _strangers(
    field: str, options: Mapping[str, Any], known: Sequence[str]
) -> list[tuple[str, str]]:
    """Mistakes in a fault's targets: nodes that the system does not have."""
    from nemesis.target import nodes_named

    return [
        (f"{field}.{option}", f"there is no node {name!r}: {nearest(name, known)}")
        for option in ("targets", "links")
        for name in nodes_named(options.get(option))
        if name not in known
    ]


def _options(plan: Plan, made: SystemSpec) -> list[tuple[str, str]]:
    """Mistakes in `options`: words that neither driver knows, and values its own does not take."""
    from harness.live.options import Options as Live
    from harness.sim.options import Options as Sim

    known = {*Live.__struct_fields__, *Sim.__struct_fields__}
    mistakes = [
        (f"options.{name}", f"unknown option {name!r}: {nearest(name, known)}")
        for name in plan.options
        if name not in known
    ]
    try:
        if plan.driver == "sim":
            Sim.of(plan.options)
        else:
            Live.of(plan.options, made.nodes + 1)  # with a manager, so that every port fits
    except UserError as error:
        field, _, what = str(error).partition(": ")
        mistakes.append((field, what))
    return mistakes


def _expectations(plan: Plan, load: Workload | None) -> list[tuple[str, str]]:
    """Mistakes in `checkers` and `expect`."""
    import checker

    mistakes = [
        (f"checkers.{i}", f"unknown checker {name!r}: {nearest(name, set(checker.REGISTRY))}")
        for i, name in enumerate(plan.checkers)
        if name not in checker.REGISTRY
    ]
    own = load.checkers if load else plan.expect  # of a workload that is wrong nobody knows them
    known = {*checker.REGISTRY, "invariants", "nodes", *own}
    for name, verdict in plan.expect.items():
        field = f"expect.{name}"
        if name not in known:
            mistakes.append((field, f"unknown checker {name!r}: {nearest(name, known)}"))
        if verdict not in VERDICTS:
            mistakes.append((field, f"expected valid, invalid or unknown, got {verdict!r}"))
        if name == "faults" and verdict != VALID:
            mistakes.append((field, "whether the faults happened cannot be overridden"))
    return mistakes
