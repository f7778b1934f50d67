"""Stories of violations that a search found: what nobody can place, and what there was instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker import refusal, words
from checker.contradiction import say
from checker.core import Core, contradicts
from checker.encode import FOREVER, Task
from checker.model import UNKNOWN, same
from checker.possible import possible, possible_in
from checker.shrink import shrink
from checker.story import Story
from harness.history import History
from harness.result import Budget, Edge

SEARCHED = "no order"
WRITES = ("write", "cas", "put")
MOST_CORE = 20  # of operations drawn; a count that does not add up may need hundreds


def tell_searched(
    history: History, model: Any, prefix: Sequence[Task], last: Task, budget: Budget
) -> tuple[Story, bool | None]:
    """The story of a violation that a search found: what the states could have been."""
    small = shrink(model, prefix, last, budget)
    sure = [task for task in small.tasks if task.must and task.at not in small.optional]
    core = small.tasks
    if len(core) > MOST_CORE:
        core = _near(core, {task.at for task in sure}, last)
    states = possible(model, prefix, last, budget) if len(prefix) <= 300 else []
    states = states or possible_in(model, small, last, budget)
    if any(model.step(state, last.f, last.value, last.result) is not None for state in states):
        states = []  # it could have been done, but not together with all the others
    sentence = say(history, last).whole + _after(history, last, sure)
    sentence += _only(model, states, len(small.tasks))
    starts = tuple(small.starts) if small.is_cut else ()
    edges = _real_time_edges([t for t in core if t in sure])
    edges += () if starts else _unique_wr(model, core)  # else the value may have been there
    judged, more = tuple(_judged(small)), len(small.tasks) - len(core)
    story = Story(tuple(core), edges, sentence, SEARCHED, judged, starts, more)
    return story, contradicts(model, small)


def _near(core: Sequence[Task], sure: set[int], last: Task) -> list[Task]:
    """As many tasks as are drawn, the last one among them: those whose answers count before others,
    and of these the ones that were called last, nearest to where nothing fits any more."""
    others = sorted((t for t in core if t.at != last.at), key=lambda t: (t.at in sure, t.at))
    return sorted([last, *others[1 - MOST_CORE :]], key=_call)


def _judged(core: Core) -> list[Task]:
    """The tasks of a core, those that may have happened or not without their answers; and where
    they were called before the core begins, as if that had been long before."""
    made = []
    for task in core.tasks:
        if task.at in core.optional:
            call = task.call if task.call >= core.moment else -2
            task = Task(task.f, task.value, task.result, call, FOREVER, task.at)
        made.append(task)
    return sorted(made, key=lambda task: task.call)


def _call(task: Task) -> int:
    return task.at


def _after(history: History, last: Task, sure: Sequence[Task]) -> str:
    """What of the core had returned last before the last operation was called."""
    before = [task for task in sure if task.ret < last.call]
    if not before:
        return ""
    early, late = say(history, max(before, key=lambda task: task.ret)), say(history, last)
    return f", {words.gap(late.returned, early.returned)} {words.had(early)}"


def _only(model: Any, states: Sequence[Any], count: int) -> str:
    """What the object could have been instead."""
    if not states or len(states) > 6:
        return f", which no order of the {count} operations that bear on it allows"
    shown = [refusal.shown(model, state) for state in states]
    listed = shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" or {shown[-1]}"
    return f", when the {refusal.noun(model)} could only have been {listed}"


def _writes(task: Task, value: Any) -> bool:
    new = task.value[1] if task.f == "cas" else task.value
    return value is not UNKNOWN and same(new, value)


def _real_time_edges(core: Sequence[Task]) -> tuple[Edge, ...]:
    """Real time among few operations, without what follows from the rest."""
    before = {(a.at, b.at) for a in core for b in core if a.must and a.ret < b.call}
    ats = [task.at for task in core]
    return tuple(
        Edge(a, b, "rt", "")
        for a, b in sorted(before)
        if not any((a, m) in before and (m, b) in before for m in ats)
    )


def _unique_wr(model: Any, core: Sequence[Task]) -> tuple[Edge, ...]:
    """Reads from the only operation of the core that wrote their value, unless that was there from
    the start."""
    found = []
    for task in core:
        if task.f not in ("read", "get"):
            continue
        writers = [t for t in core if t.f in WRITES and _writes(t, task.result)]
        at_start = model.step(model.initial(), task.f, task.value, task.result) is not None
        if len(writers) == 1 and not at_start:
            found.append(Edge(writers[0].at, task.at, "wr", words.value(task.result)))
    return tuple(found)
