"""Shrinking a violation: the fewest operations that still cannot be put in order.

Only reductions that never turn a legal history into an illegal one are made (checking.md's
experiments: an update that is dropped may have been what made a legal history legal): drop what
only observes, and forget an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from checker.decide import now
from checker.encode import Task, forget
from checker.model import OBSERVER
from checker.table import Table
from harness.result import Budget

TRIALS = 300  # a core is for a human: not worth more
SLICES = 4  # of work for one trial; one that takes longer counts as not invalid

Reduce = Callable[[Sequence[Task], frozenset[int]], list[Task]]


def shrink(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> list[Task]:
    """Fewer tasks of a violating prefix that still have no order; `last`, which returns at its
    end, stays."""
    trials = _Trials(model, budget)
    kept = list(tasks)
    watch = {t.at for t in kept if t.at != last.at and t.must and _observes(model, t)}
    kept = trials.reduce(kept, sorted(watch), _without)
    answered = {t.at for t in kept if t.at != last.at and t.must and t.at not in watch}
    return trials.reduce(kept, sorted(answered), _forgetting)


def _observes(model: Any, task: Task) -> bool:
    return Table(model, [(task.f, task.value, task.result)]).kinds[0] == OBSERVER and hasattr(
        model, "kind"
    )


def _without(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [task for task in tasks if task.at not in out]


def _forgetting(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [forget(task) if task.at in out else task for task in tasks]


class _Trials:
    """Tries reductions while there is budget for them."""

    def __init__(self, model: Any, budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self._left = TRIALS

    def reduce(self, tasks: list[Task], among: Sequence[int], how: Reduce) -> list[Task]:
        """Apply a reduction to as many of `among` as it can, in chunks that get smaller."""
        todo = list(among)
        size = len(todo)
        while size:
            at = 0
            while at < len(todo):
                chunk = frozenset(todo[at : at + size])
                smaller = how(tasks, chunk)
                if self._is_invalid(smaller):
                    tasks = smaller
                    todo = [i for i in todo if i not in chunk]
                else:
                    at += size
            size //= 2
        return tasks

    def _is_invalid(self, tasks: Sequence[Task]) -> bool:
        if self._left <= 0 or self._budget.expired():
            return False
        self._left -= 1
        found = now(self._model, tasks, SLICES)
        return found is not None and not found.valid
