"""Which operations a page holds: those of the core and of the orders, then what is nearest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from harness.clock import Nanos
from harness.history import Call
from harness.report.lanes import end_of
from harness.result import Anomaly

MOST_OPS = 800
MOST_LANES = 64


class Chosen(Struct, frozen=True):
    """The operations of a page by invocation, `told` those that the story is about (by index);
    `of` counts the operations of the same key in the whole history, `during` those of the stretch
    from the first to the last of the story."""

    calls: tuple[Call, ...]
    told: frozenset[int]
    of: int
    during: int


def choose(anomaly: Anomaly, calls: Mapping[int, Call]) -> Chosen:
    """The story's operations, then the others of its key nearest to the one that cannot be placed,
    in at most MOST_LANES lanes."""
    told = told_of(anomaly, calls)
    mine = [calls[i] for i in sorted(told)]
    middle = calls[anomaly.at].invoke.time if anomaly.at in calls else anomaly.window[0]
    others = _of_key(anomaly, calls, mine)
    start, end = anomaly.window
    during = sum(1 for call in others if call.invoke.time <= end and _end(call, end) >= start)
    rest = [call for call in others if call.invoke.index not in told]
    window = set(anomaly.ops)
    rest.sort(key=lambda c: (c.invoke.index not in window, _far(c, middle), c.invoke.index))
    processes = {call.invoke.process for call in mine}
    for call in rest:
        if len(mine) >= MOST_OPS:
            break
        if call.invoke.process in processes or len(processes) < MOST_LANES:
            processes.add(call.invoke.process)
            mine.append(call)
    mine.sort(key=lambda call: call.invoke.index)
    return Chosen(tuple(mine), told, len(others), during)


def told_of(anomaly: Anomaly, calls: Mapping[int, Call]) -> frozenset[int]:
    """The operations that the story is about: of the core, its chains and the orders."""
    found = {anomaly.at, *anomaly.core}
    found |= {i for fold in anomaly.folded for i in fold.ops}
    for attempt in anomaly.attempts:
        found |= {step.op for step in attempt.steps}
        found |= {refusal.op for refusal in attempt.refusals}
    return frozenset(i for i in found if i in calls)


def _of_key(anomaly: Anomaly, calls: Mapping[int, Call], mine: Sequence[Call]) -> list[Call]:
    """All operations of the anomaly's key; all there are where it has none."""
    keys = {repr(call.invoke.key) for call in mine}
    if anomaly.key is None or len(keys) != 1:
        return list(calls.values())
    key = mine[0].invoke.key
    return [call for call in calls.values() if call.invoke.key == key]


def _end(call: Call, last: Nanos) -> Nanos:
    end = end_of(call)
    return last if end is None else end


def _far(call: Call, time: Nanos) -> Nanos:
    return max(call.invoke.time - time, time - _end(call, time), 0)


def span_of(calls: Iterable[Call], window: tuple[Nanos, Nanos]) -> tuple[Nanos, Nanos]:
    """From the first call to the last return of operations, and the window."""
    start, end = window
    for call in calls:
        start = min(start, call.invoke.time)
        end = max(end, _end(call, call.invoke.time))
    return start, end if end > start else start + 1
