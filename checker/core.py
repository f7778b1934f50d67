"""A core: the few operations of a violation that contradict one another, whatever others did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from checker import alone
from checker.encode import Task, classes
from checker.lenient import Lenient, Unsure
from checker.model import OBSERVER
from checker.table import Table


class Core(Struct, frozen=True):
    """Tasks that have no order from any of `starts`, the states that the object may begin in;
    `is_cut` says whether that is in the middle of the history, at `moment`. Those of `optional`
    (by `at`) may have happened in their time or not."""

    tasks: list[Task]
    starts: list[Any]
    is_cut: bool = False
    optional: frozenset[int] = frozenset()
    moment: int = -1


def contradicts(model: Any, core: Core) -> bool | None:
    """Whether a core has no order, judged alone: by the plainest search, or where that takes too
    long, with what may have happened free to happen any number of times. None where that, too,
    takes too long, or does not say."""
    found = alone.contradicts(model, core.tasks, core.starts, core.optional)
    return _leniently(model, core) if found is None else found


def _leniently(model: Any, core: Core) -> bool | None:
    free = [task for task in core.tasks if task.at in core.optional]
    kept = [task for task in core.tasks if task.at not in core.optional]
    window = Lenient(model, core.starts, core.moment, free, observing(model, core.tasks))
    try:
        return True if window.order(kept) is None else None
    except Unsure:
        return None


def observing(model: Any, tasks: Sequence[Task]) -> Callable[[Task], bool]:
    """Tells of each of the tasks whether it never changes the state."""
    kind = getattr(model, "kind", None)
    if kind is not None:
        return lambda task: bool(kind(task.f, task.value, task.result) == OBSERVER)
    found, mine = classes(tasks)
    kinds = Table(model, found).kinds
    observers = {task.at for task, c in zip(tasks, mine, strict=True) if kinds[c] == OBSERVER}
    return lambda task: task.at in observers
