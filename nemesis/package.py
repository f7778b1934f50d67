"""A package: a fault with its schedule, its end, and its colour; and several as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from harness import generator as gen
from harness.clock import Nanos, duration
from harness.error import nearest
from harness.fault import Action, Nemesis, Outcome, View
from harness.op import INFO, NEMESIS, Op

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
) -> Package:
    """A package whose start and stop ops follow the schedule that its options ask for.

    `at`, `for` and `every` fix the times: begin at `at`, end after `for`, again every `every`.
    Otherwise the gaps between start, stop, start, ... are uniform in half to one and a half
    `interval`. Raises ValueError.
    """
    begin, end = _op(start, name), _op(stop, name)
    if "at" in options:
        at, span, every = _fixed(options)
        schedule = _by_the_clock(begin, end, at, span, every)
    elif "for" in options or "every" in options:
        raise ValueError("`for` and `every` go with `at`, the time of the first start")
    else:
        gap = duration(options["interval"]) if "interval" in options else interval
        if gap <= 0:
            raise ValueError(f"interval: expected more than nothing, got {options['interval']!r}")
        schedule = _at_random(begin, end, gap, rng)
    return Package(name, nemesis, schedule, end, colour)


def known(options: Mapping[str, Any], own: frozenset[str]) -> None:
    """Raises ValueError, with the nearest right spelling, for an option nobody knows."""
    for option in options:
        if option not in own | SCHEDULE:
            raise ValueError(f"unknown option {option!r}: {nearest(option, own | SCHEDULE)}")


def _op(f: str, name: str) -> Op:
    return Op(-1, -1, NEMESIS, INFO, f, {"package": name})


def _fixed(options: Mapping[str, Any]) -> tuple[Nanos, Nanos, Nanos | None]:
    if "interval" in options:
        raise ValueError("either `interval` or `at`, not both")
    if "for" not in options:
        raise ValueError("`at` needs `for`, how long the fault lasts")
    at, span = duration(options["at"]), duration(options["for"])
    every = duration(options["every"]) if "every" in options else None
    if every is not None and every <= span:
        raise ValueError("`every` must be longer than `for`")
    return at, span, every


def _by_the_clock(begin: Op, end: Op, at: Nanos, span: Nanos, every: Nanos | None) -> Iterator[Any]:
    """Start and stop at fixed times after the run's start."""
    while True:
        yield gen.until(at)
        yield begin
        yield gen.until(at + span)
        yield end
        if every is None:
            return
        at += every


def _at_random(begin: Op, end: Op, gap: Nanos, rng: Random) -> Iterator[Any]:
    """Start and stop by turns, for ever."""
    while True:
        for op in (begin, end):
            yield gen.sleep(round(gap * rng.uniform(0.5, 1.5)))
            yield op


class Composed:
    """Several nemeses as one: each op goes to the package that it names."""

    def __init__(self, parts: Mapping[str, Nemesis]) -> None:
        self._parts = parts
        self.fs = frozenset(f for part in parts.values() for f in part.fs)
        self.needs = frozenset(need for part in parts.values() for need in part.needs)

    def plan(self, op: Op, view: View, rng: Random) -> Sequence[Action]:
        """What the package's own nemesis plans."""
        return self._parts[op.value["package"]].plan(op, view, rng)

    def done(self, op: Op, actions: Sequence[Action], outcomes: Sequence[Outcome]) -> Op:
        """What the package's own nemesis makes of it."""
        return self._parts[op.value["package"]].done(op, actions, outcomes)


def compose(packages: Sequence[Package]) -> Package:
    """Several packages as one, whose faults may overlap. Their names must differ."""
    parts = {part.name: part.nemesis for part in packages}
    assert len(parts) == len(packages), "two packages of one name"
    return Package(
        "+".join(parts),
        Composed(parts),
        gen.any(*[part.generator for part in packages]),
        [part.final_generator for part in packages],
        packages[0].colour if packages else "",
    )
