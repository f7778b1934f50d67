"""Operations that may as well not have happened, and that no order can gain from.

An operation is optional where its outcome is not known, or not looked at. It may be left out of an
order, but leaving it out of a *history* can make a legal one illegal: it may be what explains a
read. These can be dropped:

Looking    what only observes. Proof: leave it out, and the others find the same states.
Impossible what is legal in no state that the object can come to: neither in one that it begins in,
           nor in the landing of an operation that is blind or legal in another such state (the
           least set that is closed so). Proof: no order takes it. (`landing` is the one state that
           an update leads to.)
Unseen     a set U of updates such that whatever is neither blind nor in U, and is legal in the
           landing of some u of U, had returned before u was called. Proof: where an order takes
           operations of U, look at what comes next that is not in U. It cannot be one that returned
           before the last u of that run was called, since it would come before u in real time; and
           no other is legal there, but for blind ones. So it is blind, or nothing comes. Leave the
           run out: a blind operation is still legal, and leads to the same state. The largest such
           set is found by taking out, again and again, whose landing somebody outside can see.

Dropping some may bare others, hence the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from checker.encode import Task
from checker.model import BLIND, OBSERVER, UPDATE, tag


def without_idle(
    model: Any, tasks: Sequence[Task], starts: Sequence[Any], optional: Collection[int] = ()
) -> list[Task]:
    """The tasks without those of unknown outcome, or of `optional` (by `at`), that no order from
    one of `starts` can gain from; all of them where the model does not say what kinds its
    operations are of."""
    if not hasattr(model, "kind"):
        return list(tasks)
    out = {task.at for task in tasks if not task.must or task.at in optional}
    left = [t for t in tasks if t.at not in out or _kind(model, t) != OBSERVER]
    while True:
        kept = _seen(model, _possible(model, left, starts, out), out)
        if len(kept) == len(left):
            return left
        left = kept


def _kind(model: Any, task: Task) -> int:
    kind: int = model.kind(task.f, task.value, task.result)
    return kind


def landing(model: Any, task: Task) -> Any:
    """The state that an update leads to, or None where that is not known to be one."""
    kind = _kind(model, task)
    if kind == BLIND:
        return model.step(model.initial(), task.f, task.value, task.result)
    lands = getattr(model, "lands", None)
    return lands(task.f, task.value, task.result) if lands and kind == UPDATE else None


def _possible(
    model: Any, tasks: Sequence[Task], starts: Sequence[Any], optional: Collection[int]
) -> Sequence[Task]:
    """Without the impossible ones."""
    reached = {tag(state): state for state in starts}
    waiting = [task for task in tasks if _kind(model, task) != OBSERVER]
    grows = True
    while grows:
        grows = False
        for task in list(waiting):
            if not _is_legal_in(model, task, reached.values()):
                continue
            after = landing(model, task)
            if after is None:
                return tasks  # it may lead anywhere
            waiting.remove(task)
            grows = grows or tag(after) not in reached
            reached[tag(after)] = after
    never = {task.at for task in waiting if task.at in optional}
    return [task for task in tasks if task.at not in never]


def _is_legal_in(model: Any, task: Task, states: Iterable[Any]) -> bool:
    return any(model.step(s, task.f, task.value, task.result) is not None for s in states)


def _seen(model: Any, tasks: Sequence[Task], optional: Collection[int]) -> list[Task]:
    """Without the unseen ones: from who can see, back to what they can see."""
    hidden = {}
    for task in tasks:
        state = landing(model, task) if task.at in optional else None
        if state is not None:
            hidden[task.at] = (task, state)
    seers = [t for t in tasks if t.at not in hidden and _kind(model, t) != BLIND]
    while seers:
        seer = seers.pop()
        for task, state in list(hidden.values()):
            if seer.ret > task.call and _is_legal_in(model, seer, (state,)):
                del hidden[task.at]
                if _kind(model, task) != BLIND:
                    seers.append(task)
    return [task for task in tasks if task.at not in hidden]
