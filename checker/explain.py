"""Explaining an invalid key: the few operations that contradict one another, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from checker import alone, exact, refusal, unique
from checker.attempts import how_far
from checker.contradiction import tell
from checker.core import observing
from checker.decide import Found
from checker.encode import FOREVER, Task, until
from checker.model import fitting
from checker.searched import tell_searched
from checker.story import Story, folded
from harness.band import Band, fault_words
from harness.history import History
from harness.result import Anomaly, Budget, Edge, Fold

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
    violation = fit.judge.violation(model, tasks, found.end) if fit is not None else None
    values = None if fit else unique.prepare(model, tasks)
    wrong = unique.violation(values, found.end) if values is not None else None
    verified: bool | None
    notes: tuple[str, ...] = ()
    if fit is not None and violation is not None:
        story = fit.tell(history, violation, found.task)
        verified = _is_alone(fit.judge, model, story, tasks, found.end)
        if not verified:
            count = _beside(fit.judge, model, story, tasks, found.end)
            verified = count > 0
            notes = (f"judged beside all {count:,} operations that may have changed it",) * verified
    elif values is not None and wrong is not None:
        story = tell(history, values, wrong, found.task)
        story = replace(story, judged=tuple(unique.alone(values, wrong, found.end)))
        verified = _is_unique(model, story)
    else:
        story, verified = tell_searched(history, model, until(tasks, found.end), found.task, budget)
    anomaly = anomaly_of(history, key, tasks, found.task, story, faults, verified)
    starts = tuple(refusal.shown(model, state) for state in story.starts)
    tried = how_far(history, model, tasks, found.end, story, budget)
    return replace(anomaly, starts=starts, attempts=tried, notes=notes)


def _is_unique(model: Any, story: Story) -> bool:
    """Whether a core of a register with unique values contradicts itself, in the same way."""
    values = unique.prepare(model, story.judged)
    again = None if values is None else unique.violation(values, FOREVER - 1)
    is_same = again is not None and again.kind == story.kind
    return is_same and alone.contradicts(model, story.judged) is not False


def _is_alone(judge: Any, model: Any, story: Story, tasks: Sequence[Task], end: int) -> bool:
    """Whether a core that was found without a search is wrong in the same way alone."""
    core = {task.at for task in story.core}
    mine = [task for task in tasks if task.at in core]
    again = judge.violation(model, mine, end)
    is_same = again is not None and again.kind == story.kind
    return is_same and alone.contradicts(model, until(mine, end)) is not False


def _beside(judge: Any, model: Any, story: Story, tasks: Sequence[Task], end: int) -> int:
    """The number of operations that may have changed the object, if the core is wrong in the same
    way beside them (only what observes has been left out then); else 0."""
    core = {task.at for task in story.core}
    observes = observing(model, tasks)
    updates = [task for task in tasks if not observes(task)]
    kept = [task for task in tasks if task.at in core or not observes(task)]
    again = judge.violation(model, kept, end)
    return len(updates) if again is not None and again.kind == story.kind else 0


def anomaly_of(
    history: History,
    key: Any,
    tasks: Sequence[Task],
    last: Task,
    story: Story,
    faults: list[Band],
    verified: bool | None = None,
) -> Anomaly:
    """A story as an anomaly, with the window around it and the fault that was in force."""
    ops, partner = history.ops, history.partner
    end = ops[partner[last.at]].time
    start = min(ops[task.at].time for task in (*story.core, last))
    during = [t for t in tasks if ops[t.at].time <= end and _return_time(history, t) >= start]
    near = sorted(during, key=lambda t: abs(ops[t.at].time - ops[last.at].time))[:MOST_OPS]
    edges, folds = folded(story.edges, last.at)
    hidden = {at for fold in folds for at in fold.ops}
    index = history.index
    optional = {task.at for task in story.judged if not task.must}
    return Anomaly(
        sentence=story.sentence + fault_words(faults, ops[last.at].time, end),
        at=index(last.at),
        core=tuple(dict.fromkeys(index(t.at) for t in story.core if t.at not in hidden)),
        ops=tuple(sorted({index(t.at) for t in (*near, *story.core)})),
        window=(start, end),
        edges=tuple(Edge(index(e.source), index(e.target), e.kind, e.label) for e in edges),
        key=key,
        kind=story.kind,
        verified=verified,
        folded=tuple(
            Fold(index(f.source), index(f.target), tuple(index(at) for at in f.ops)) for f in folds
        ),
        forgotten=tuple(index(t.at) for t in story.core if t.at in optional),
        more=story.more,
    )


def _return_time(history: History, task: Task) -> int:
    return history.ops[history.partner[task.at]].time if task.must else FOREVER
