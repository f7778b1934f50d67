"""A package: a fault with its schedule, its end, and its colour; and several as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from harness import generator as gen
from harness.clock import Nanos
from harness.fault import Action, Administer, Nemesis, Outcome, Plan, Start, View
from harness.op import INFO, NEMESIS, Op
from nemesis import option, target

SCHEDULE = frozenset({"interval", "at", "for", "every"})


class Package(Struct, frozen=True):
    """What a plan's entry under `nemesis` becomes.

    `generator` says when the fault begins and ends, `final_generator` ends it for good.
    """

    name: str
    nemesis: Nemesis
    generator: Any
    final_generator: Any
    colour: str


def package(
    name: str,
    nemesis: Nemesis,
    start: str,
    stop: str,
    colour: str,
    options: Mapping[str, Any],
    rng: Random,
    interval: Nanos,
    targets: Any,
) -> Package:
    """A package whose start and stop ops follow the schedule that its options ask for.

    `at`, `for` and `every` fix the times: begin at `at`, end after `for`, again every `every`.
    Otherwise the gaps between start, stop, start, ... are uniform in half to one and a half
    `interval`. One of `targets` is drawn for each start, and is in the op's value. Raises
    ValueError.
    """
    begins = (_op(start, {"package": name, "targets": t}) for t in target.draws(targets, rng))
    end = _op(stop, {"package": name})
    if "at" in options:
        at, span, every = _fixed(options)
        schedule = _by_the_clock(begins, end, at, span, every)
    elif "for" in options or "every" in options:
        raise ValueError("`for` and `every` go with `at`, the time of the first start")
    else:
        gap = option.positive_time(options, "interval") if "interval" in options else interval
        schedule = _at_random(begins, end, gap, rng)
    return Package(name, nemesis, gen.lift(schedule), end, colour)


def _op(f: str, value: Mapping[str, Any]) -> Op:
    return Op(-1, -1, NEMESIS, INFO, f, value)


def _fixed(options: Mapping[str, Any]) -> tuple[Nanos, Nanos, Nanos | None]:
    if "interval" in options:
        raise ValueError("either `interval` or `at`, not both")
    if "for" not in options:
        raise ValueError("`at` needs `for`, how long the fault lasts")
    at, span = option.time(options, "at"), option.positive_time(options, "for")
    every = option.positive_time(options, "every") if "every" in options else None
    if every is not None and every <= span:
        raise ValueError("`every` must be longer than `for`")
    return at, span, every


def _by_the_clock(
    begins: Iterator[Op], end: Op, at: Nanos, span: Nanos, every: Nanos | None
) -> Iterator[Any]:
    """Start and stop at fixed times after the run's start."""
    for begin in begins:
        yield from (gen.until(at), begin, gen.until(at + span), end)
        if every is None:
            return
        at += every


def _at_random(begins: Iterator[Op], end: Op, gap: Nanos, rng: Random) -> Iterator[Any]:
    """Start and stop by turns, for ever."""
    for begin in begins:
        for op in (begin, end):
            yield gen.sleep(round(gap * rng.uniform(0.5, 1.5)))
            yield op


class Composed:
    """Several nemeses as one: each op goes to the package that it names."""

    def __init__(self, parts: Mapping[str, Nemesis]) -> None:
        self._parts = parts
        self.fs = frozenset(f for part in parts.values() for f in part.fs)
        self.needs = frozenset(need for part in parts.values() for need in part.needs)
        self.asks = frozenset(f for part in parts.values() for f in part.asks)

    def plan(self, op: Op, view: View, rng: Random) -> Plan:
        """What the package's own nemesis plans."""
        return self._parts[op.value["package"]].plan(op, view, rng)

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """What the package's own nemesis makes of it."""
        return self._parts[op.value["package"]].done(op, actions, outcomes)


def _heals_late(part: Package) -> tuple[bool, bool]:
    needs = part.nemesis.needs
    return Administer in needs, Start not in needs


def compose(packages: Sequence[Package]) -> Package:
    """Several packages as one, whose faults may overlap. Their names must differ. What takes the
    system's help to heal is healed last, when nothing else hinders it, and nodes that are down
    before members."""
    ends = sorted(packages, key=_heals_late)
    parts = {part.name: part.nemesis for part in packages}
    assert len(parts) == len(packages), "two packages of one name"
    return Package(
        "+".join(parts),
        Composed(parts),
        gen.any(*[part.generator for part in packages]),
        [part.final_generator for part in ends],
        packages[0].colour if packages else "",
    )
