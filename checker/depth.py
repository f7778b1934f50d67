"""The depth-first search (Wing and Gong 1993, with Lowe's memo): finds an order fast, if any.

A configuration is (step, state, the open tasks linearized so far). Tasks that returned before the
step are linearized in every configuration, so they need no bit: the memo is of configurations, not
of whole pasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.encode import Task
from checker.scan import Scan
from checker.search import SLICE, VALID_DECISION, Decision, Meter, Progress, Search
from checker.table import ILLEGAL


def depth_first(
    scan: Scan,
    meter: Meter,
    progress: Progress | None = None,
    *,
    states: dict[int, None] | None = None,
    since: int = 0,
) -> Search:
    """Search for an order. Uses two rules of the frontier search (see checker/frontier.py), R1 and
    R2, which need nothing of the model; so it is a second opinion on R3 to R5. `states` is filled
    with those seen from step `since` on."""
    last = len(scan.returns)
    seen: set[tuple[int, int, int]] = set()
    stack = [_settle(scan, 0, 0, 0)]
    deepest = spent = 0
    try:
        while stack:
            k, state, done = stack.pop()
            if k > deepest:
                deepest = k
                if progress is not None:
                    progress.passed(scan, k)
            if k == last:
                return VALID_DECISION
            if (k, state, done) in seen:
                continue
            seen.add((k, state, done))
            meter.held += 1
            if states is not None and k >= since:
                states[state] = None
            stack += _successors(scan, k, state, done)
            spent += 1
            if spent % SLICE == 0:
                yield
    finally:
        meter.held -= len(seen)
    return Decision(deepest)


def states_since(model: Any, tasks: Sequence[Task], last: Task, slices: int) -> list[Any] | None:
    """The states that an object whose history has no order can come to while `last` is open, and
    perhaps some more; None where that takes more than so many slices of work."""
    scan = Scan(model, tasks, drop=False)
    since = sum(scan.tasks[i].ret < last.call for i in scan.returns)
    states: dict[int, None] = {}
    search = depth_first(scan, Meter(1 << 40), states=states, since=since)
    for _ in range(slices):
        try:
            next(search)
        except StopIteration:
            return [scan.table.states[s] for s in sorted(states)]
    search.close()
    return None


def _successors(scan: Scan, k: int, state: int, done: int) -> list[tuple[int, int, int]]:
    """The configurations after one more task; the one to try first is last: the task that must
    return, then those that return soon."""
    view, step = scan.view(k), scan.table.next
    found = []
    for groups in (view.updates, view.blind):
        for group in groups:
            for bit in group.bits:
                if not done & bit:
                    after = step(state, group.c)
                    if after != ILLEGAL:
                        found.append((bit == view.bit, -bit, after))
                    break
    found.sort()
    return [_settle(scan, k, after, done | -bit) for _, bit, after in found]


def _settle(scan: Scan, k: int, state: int, done: int) -> tuple[int, int, int]:
    """The same configuration with every observer linearized that the state allows (R1), moved on
    to the first step whose task is not linearized."""
    last, step = len(scan.returns), scan.table.next
    while k < last:
        view = scan.view(k)
        for bit, c in view.observers:
            if not done & bit and step(state, c) == state:
                done |= bit
        if not done & view.bit:
            break
        done &= ~view.bit
        k += 1
    return k, state, done
