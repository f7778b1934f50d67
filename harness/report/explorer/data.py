"""What a page's script is given: operations, lanes, faults, orders and edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import UNSET, Struct

from harness.band import Band
from harness.clock import Nanos
from harness.history import Call
from harness.report.explorer.choice import Chosen, span_of
from harness.report.explorer.overview import Overview
from harness.report.explorer.points import points
from harness.report.graph import KINDS, OTHER
from harness.report.lanes import end_of
from harness.report.scale import scale
from harness.report.words import clean, describe, node_of, outcome, show_value
from harness.result import Anomaly, Attempt, Edge

MOST_BANDS = 200
MOST_KNOTS = 60
LEAST = 0.002  # of the width: the core is seen to scale where all of it is wider


class Item(Struct, frozen=True):
    """An operation: `end` is None where nobody knows it; `core` 2 for the core, 1 for what an order
    has, 0 for the others."""

    index: int
    lane: int
    start: Nanos
    end: Nanos | None
    outcome: str
    text: str
    facts: tuple[tuple[str, str], ...]
    core: int


class Lane(Struct, frozen=True):
    """A process; `core` as of its operations; `near` whether one was open during the story."""

    label: str
    core: int
    near: bool


class Shade(Struct, frozen=True):
    """A fault in force."""

    label: str
    start: Nanos
    end: Nanos
    colour: str


class Stage(Struct, frozen=True):
    """A step of an order: what the state was before and after, and when it can have been."""

    op: int
    before: str
    after: str
    point: float


class Order(Struct, frozen=True):
    """An attempt with a point in time for each step; `refusals` are (operation, why, place)."""

    start: str
    steps: tuple[Stage, ...]
    refusals: tuple[tuple[int, str, int], ...]
    earlier: int
    assumed: bool
    whole: bool


class Scene(Struct, frozen=True):
    """All of it. `knots` are the pieces of the scale that is squeezed: times, and where they are
    from 0 to 1; `squeeze` says that the core could hardly be seen without. Times are in ns from the
    start of the history."""

    at: int
    span: tuple[Nanos, Nanos]
    window: tuple[Nanos, Nanos]
    timed: bool
    lanes: tuple[Lane, ...]
    ops: tuple[Item, ...]
    shades: tuple[Shade, ...]
    orders: tuple[Order, ...]
    edges: tuple[tuple[int, int, str, str], ...]
    knots: tuple[tuple[Nanos, ...], tuple[float, ...]]
    squeeze: bool
    whole: Overview


def scene(
    anomaly: Anomaly,
    chosen: Chosen,
    faults: Sequence[Band],
    whole: Overview,
    timed: bool,
) -> Scene:
    """What the page of an anomaly shows."""
    told = {c.invoke.index: c for c in chosen.calls if c.invoke.index in chosen.told}
    rank = dict.fromkeys(told, 1) | {i: 2 for i in _core(anomaly) if i in told}
    span = span_of(chosen.calls, anomaly.window)
    window = span_of([told[i] for i in rank], anomaly.window)
    lanes, place = _lanes(chosen.calls, rank, window)
    places = dict(anomaly.places)
    knots, squeeze = _knots(anomaly, told, span)
    return Scene(
        at=anomaly.at,
        span=span,
        window=window,
        timed=timed,
        lanes=lanes,
        ops=tuple(_item(call, place, rank, places) for call in chosen.calls),
        shades=tuple(
            Shade(clean(b.label), b.start, b.end, b.colour)
            for b in faults
            if b.start <= span[1] and b.end >= span[0]
        )[:MOST_BANDS],
        orders=tuple(_order(attempt, told, span[1]) for attempt in anomaly.attempts),
        edges=tuple((e.source, e.target, e.kind, _said(e)) for e in anomaly.edges),
        knots=knots,
        squeeze=squeeze,
        whole=whole,
    )


def _ops(attempt: Attempt) -> list[int]:
    return [s.op for s in attempt.steps] + [r.op for r in attempt.refusals]


def _said(edge: Edge) -> str:
    """Why one operation comes before another: "real time: returned before it was called"."""
    _, short, _ = KINDS.get(edge.kind, OTHER)
    return ": ".join(word for word in (short or edge.kind, clean(edge.label)) if word)


def _core(anomaly: Anomaly) -> set[int]:
    return {anomaly.at, *anomaly.core, *(i for fold in anomaly.folded for i in fold.ops)}


def _lanes(
    calls: Sequence[Call], rank: Mapping[int, int], window: tuple[Nanos, Nanos]
) -> tuple[tuple[Lane, ...], dict[Any, int]]:
    """A lane for each process, by number, and the place of each."""
    by_process: dict[Any, list[Call]] = {}
    for call in calls:
        by_process.setdefault(call.invoke.process, []).append(call)
    made = []
    for process in sorted(by_process):
        mine = by_process[process]
        nodes = sorted({node for call in mine if (node := node_of(call))})
        several = nodes[0] if len(nodes) == 1 else f"{len(nodes)} nodes"
        label = f"process {process}" + (f" → {several}" if nodes else "")
        core = max(rank.get(c.invoke.index, 0) for c in mine)
        made.append(Lane(clean(label), core, any(_is_open(c, window) for c in mine)))
    return tuple(made), {process: i for i, process in enumerate(sorted(by_process))}


def _is_open(call: Call, window: tuple[Nanos, Nanos]) -> bool:
    end = end_of(call)
    return call.invoke.time <= window[1] and (end is None or end >= window[0])


def _item(
    call: Call, place: Mapping[Any, int], rank: Mapping[int, int], places: Mapping[int, str]
) -> Item:
    op = call.invoke
    where = places.get(op.index, "")
    return Item(
        index=op.index,
        lane=place[op.process],
        start=op.time,
        end=end_of(call),
        outcome=outcome(call),
        text=describe(call),
        facts=(*_facts(call), *([("place", clean(where))] if where else ())),
        core=rank.get(op.index, 0),
    )


def _facts(call: Call) -> list[tuple[str, str]]:
    """What else is known of an operation."""
    op, done = call.invoke, call.completion
    found = [("process", str(op.process))]
    node = node_of(call)
    if node:
        found.append(("node", clean(node)))
    for name in ("key", "session"):
        value = getattr(op, name)
        if value is not UNSET:
            found.append((name, show_value(value, 60)))
    if op.value is not None:
        found.append(("asked", show_value(op.value, 120)))
    if done is not None and done.type == "ok" and done.value != op.value:
        found.append(("answer", show_value(done.value, 120)))
    for name in ("observed", "position", "error"):
        value = getattr(done, name, UNSET)
        if value is not UNSET and value is not None:
            found.append((name, show_value(value, 120)))
    return found


def _order(attempt: Attempt, calls: Mapping[int, Call], end: Nanos) -> Order:
    """An attempt, with points where all its operations are at hand."""
    spans = []
    for step in attempt.steps:
        call = calls[step.op]
        last = end_of(call)
        spans.append((call.invoke.time, end if last is None else last))
    when = points(spans)
    return Order(
        start=clean(attempt.start),
        steps=tuple(
            Stage(s.op, clean(s.before), clean(s.after), at)
            for s, at in zip(attempt.steps, when, strict=True)
        ),
        refusals=tuple((r.op, clean(r.why), r.place) for r in attempt.refusals if r.op in calls),
        earlier=attempt.earlier,
        assumed=attempt.assumed,
        whole=attempt.whole,
    )


def _knots(
    anomaly: Anomaly, told: Mapping[int, Call], span: tuple[Nanos, Nanos]
) -> tuple[tuple[tuple[Nanos, ...], tuple[float, ...]], bool]:
    """A scale on which the story's operations can be seen however long the pauses between them, and
    whether they cannot be seen without: the least of them would be narrower than a line."""
    core = [call for i, call in told.items() if i in _core(anomaly)] or list(told.values())
    marks = {time for call in core for time in (call.invoke.time, end_of(call) or span[1])}
    few = sorted(marks)[:MOST_KNOTS]
    if scale(few, 0.0, 1.0).true:
        return (span, (0.0, 1.0)), False
    made = scale({*few, *span}, 0.0, 1.0)
    least = min((b - a for a, b in pairwise(few)), default=0)
    return (made.times, made.xs), least < (few[-1] - few[0]) * LEAST
