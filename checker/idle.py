"""Operations that may as well not have happened, and that no order can gain from.

An operation without an answer may be left out of an order, but leaving it out of a *history* can
make a legal one illegal: it may be what explains a read. It can be dropped if one of these holds.
`landing` is the one state that an update leads to.

Looking    u only observes. Proof: leave it out, and the others find the same states.
Unseen     every operation that is not blind and is legal in u's landing had returned before u was
           called. Proof: where an order takes u, what comes next cannot be one of these, since they
           come before u in real time, and no other one is legal there, so it is blind, or nothing.
           Leave u out: a blind operation is still legal, and leads to the same state.
Impossible u is legal in no state that the object can come to: neither in one that it begins in, nor
           in the landing of an operation that is blind or legal in another such state (the least
           set that is closed so). Then no order takes it.

Dropping one may bare another, hence the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.encode import Task
from checker.model import BLIND, OBSERVER, UPDATE, tag


def without_idle(model: Any, tasks: Sequence[Task], starts: Sequence[Any]) -> list[Task]:
    """The tasks without those of unknown outcome that no order from one of `starts` can gain from;
    all of them where the model does not say what kinds its operations are of."""
    if not hasattr(model, "kind"):
        return list(tasks)
    left = list(tasks)
    while True:
        tellers = [t for t in left if _kind(model, t) != BLIND]
        reached = _reached(model, left, starts)
        kept = [task for task in left if task.must or not _is_idle(model, task, tellers, reached)]
        if len(kept) == len(left):
            return left
        left = kept


def _is_idle(
    model: Any, task: Task, tellers: Sequence[Task], reached: Sequence[Any] | None
) -> bool:
    if _kind(model, task) == OBSERVER or _is_unseen(model, task, tellers):
        return True
    return reached is not None and not _is_legal_in(model, task, reached)


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


def _is_unseen(model: Any, task: Task, tellers: Sequence[Task]) -> bool:
    state = landing(model, task)
    return state is not None and not any(
        model.step(state, t.f, t.value, t.result) is not None
        for t in tellers
        if t.ret > task.call and t.at != task.at
    )


def _reached(model: Any, tasks: Sequence[Task], starts: Sequence[Any]) -> list[Any] | None:
    """The states that the object can come to, and perhaps more; None where that is not known."""
    found = {tag(state): state for state in starts}
    left = [task for task in tasks if _kind(model, task) != OBSERVER]
    landings = {task.at: landing(model, task) for task in left}
    if any(state is None for state in landings.values()):
        return None
    grows = True
    while grows:
        grows = False
        for task in left:
            after = landings[task.at]
            if tag(after) not in found and _is_legal_in(model, task, found.values()):
                found[tag(after)] = after
                grows = True
    return list(found.values())


def _is_legal_in(model: Any, task: Task, states: Any) -> bool:
    return any(model.step(s, task.f, task.value, task.result) is not None for s in states)
