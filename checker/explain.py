"""Explaining an invalid key: the few operations that contradict one another, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker import exact, unique, words
from checker.contradiction import Story, say, tell
from checker.decide import Found
from checker.encode import FOREVER, Task, until
from checker.model import UNKNOWN, fitting, same
from checker.possible import possible, possible_in
from checker.shrink import shrink
from harness.band import Band, fault_words
from harness.history import History
from harness.result import Anomaly, Budget, Edge

WRITES = ("write", "cas", "put")
MOST_CORE = 20  # of operations drawn; a count that does not add up may need hundreds
MOST_OPS = 500  # of a window, nearest to the failing operation


def explain(
    history: History,
    model: Any,
    key: Any,
    tasks: Sequence[Task],
    found: Found,
    faults: list[Band],
    budget: Budget,
) -> Anomaly:
    """The anomaly of an invalid key."""
    assert found.task is not None
    model = fitting(model, [task.f for task in tasks])
    fit = exact.find(model, tasks)
    if fit is not None:
        violation = fit.judge.violation(model, tasks, found.end)
        assert violation is not None
        story = fit.tell(history, violation, found.task)
        return anomaly_of(history, key, tasks, found.task, story, faults)
    values = unique.prepare(model, tasks)
    wrong = unique.violation(values, found.end) if values is not None else None
    if values is not None and wrong is not None:
        story = tell(history, values, wrong, found.task)
    else:
        story = _searched(history, model, until(tasks, found.end), found.task, budget)
    return anomaly_of(history, key, tasks, found.task, story, faults)


def anomaly_of(
    history: History,
    key: Any,
    tasks: Sequence[Task],
    last: Task,
    story: Story,
    faults: list[Band],
) -> Anomaly:
    """A story as an anomaly, with the window around it and the fault that was in force."""
    ops, partner = history.ops, history.partner
    end = ops[partner[last.at]].time
    start = min(ops[task.at].time for task in (*story.core, last))
    during = [t for t in tasks if ops[t.at].time <= end and _return_time(history, t) >= start]
    near = sorted(during, key=lambda t: abs(ops[t.at].time - ops[last.at].time))[:MOST_OPS]
    return Anomaly(
        sentence=story.sentence + fault_words(faults, ops[last.at].time, end),
        at=history.index(last.at),
        core=tuple(dict.fromkeys(history.index(t.at) for t in story.core)),
        ops=tuple(sorted({history.index(t.at) for t in (*near, *story.core)})),
        window=(start, end),
        edges=tuple(
            Edge(history.index(e.source), history.index(e.target), e.kind, e.label)
            for e in story.edges
        ),
        key=key,
    )


def _return_time(history: History, task: Task) -> int:
    return history.ops[history.partner[task.at]].time if task.must else FOREVER


def _searched(
    history: History, model: Any, prefix: Sequence[Task], last: Task, budget: Budget
) -> Story:
    """The story of a violation that a search found: what the states could have been."""
    small = shrink(model, prefix, last, budget)
    must = [task for task in small.tasks if task.must and task.at >= 0]
    states = possible(model, prefix, last, budget) if len(prefix) <= 300 else []
    states = states or possible_in(model, small, last, budget)
    if any(model.step(state, last.f, last.value, last.result) is not None for state in states):
        states = []  # it could have been done, but not together with all the others
    sentence = say(history, last).whole + _only(states, len(must))
    writers = [t for t in small.tasks if not t.must and t.f in WRITES and _writes(t, last.result)]
    drawn = {t.at: t for t in [*must[-MOST_CORE:], *writers[:3], last]}
    core = [drawn[at] for at in sorted(drawn)]
    return Story(tuple(core), _real_time_edges(core) + _unique_wr(model, core), sentence)


def _only(states: Sequence[Any], count: int) -> str:
    """What the object could have been instead."""
    if not states or len(states) > 6:
        return f", which no order of the {count} operations that bear on it allows"
    shown = [words.value(s[0] if isinstance(s, tuple) and len(s) == 1 else s) for s in states]
    listed = shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" or {shown[-1]}"
    return f", when the value could only have been {listed}"


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
