"""A core: the few operations of a violation that contradict one another, whatever others did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from checker import alone
from checker.encode import Task, classes
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
    """Whether a core has no order by the plainest search; None where that takes too long."""
    return alone.contradicts(model, core.tasks, core.starts, core.optional)


def observing(model: Any, tasks: Sequence[Task]) -> Callable[[Task], bool]:
    """Tells of each of the tasks whether it never changes the state."""
    kind = getattr(model, "kind", None)
    if kind is not None:
        return lambda task: bool(kind(task.f, task.value, task.result) == OBSERVER)
    found, mine = classes(tasks)
    kinds = Table(model, found).kinds
    observers = {task.at for task, c in zip(tasks, mine, strict=True) if kinds[c] == OBSERVER}
    return lambda task: task.at in observers
