"""Shrinking a violation: the fewest operations that still cannot be put in order.

Only steps are taken that never turn a legal history into an illegal one. Operations that only
observe are dropped, and answers forgotten. (An update cannot just be dropped: it may have been what
made a legal history legal.) And the distant past is cut off:

    If the history is legal, then so is what comes after a moment t, from one of the states that the
    object can be in at all. What had returned by t is dropped. Of what was open at t, observers are
    dropped (they may have looked before t) and updates may have happened or not; but blind writes
    are kept, to come before or after a *reset* to that state, which takes place at t.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from checker.decide import now
from checker.encode import Task, classes, forget
from checker.model import BLIND, OBSERVER, Extended
from checker.search import SLICE
from checker.table import Table
from harness.result import Budget

MOST_STATES = 12  # to begin from; an object that can be in more is not cut
MOST_WORK = 20_000  # tasks looked at: a core is for a human, and not worth more
SLICES = 4  # of work for one trial; one that takes longer counts as not invalid


class Core(Struct, frozen=True):
    """Tasks that have no order from any of `starts`, the states that the object may begin in."""

    tasks: list[Task]
    starts: list[Any]


RESET = "reset to where the core starts"


def reset_to(model: Any, state: Any) -> Extended:
    """The model with one more operation, RESET, which leads to a given state."""
    return Extended(model, RESET, BLIND, lambda before, value: state)


def shrink(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> Core:
    """A small core of a violating prefix; `last`, which returns at its end, stays."""
    trials = Trials(model, tasks, budget)
    core = trials.cut(tasks, last)
    watch = [t.at for t in core.tasks if t.must and t.at != last.at and trials.observes(t)]
    core = trials.reduce(core, watch, _without)
    answered = [
        t.at for t in core.tasks if t.must and t.at not in (last.at, -1) and not trials.observes(t)
    ]
    return trials.reduce(core, answered, _forgetting)


def _without(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [task for task in tasks if task.at not in out]


def _forgetting(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [forget(task) if task.at in out else task for task in tasks]


Reduction = Callable[[Sequence[Task], frozenset[int]], list[Task]]


class Trials:
    """Tries smaller cores while there is budget for them. `states` are all that the object can be
    in; empty where they are too many."""

    def __init__(self, model: Any, tasks: Sequence[Task], budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self._left = MOST_WORK
        found, mine = classes(tasks)
        table = Table(model, found)
        self._kind = {t.at: table.kinds[c] for t, c in zip(tasks, mine, strict=True)}
        self.states = table.states if table.close(MOST_STATES, 100_000) else []

    def observes(self, task: Task) -> bool:
        """Whether a task never changes the state."""
        return self._kind.get(task.at) == OBSERVER

    def cut(self, tasks: Sequence[Task], last: Task) -> Core:
        """The least stretch before the last task that has no order from any state; all of the
        prefix where there is none."""
        place = next(i for i, task in enumerate(tasks) if task.at == last.at)
        size = 1
        while self.states and size < place:
            core = Core(self.after(tasks, tasks[place - size].call), list(self.states))
            if self._is_invalid(core):
                return core
            size += max(1, size // 2)
        return Core(list(tasks), [self._model.initial()])

    def after(self, tasks: Sequence[Task], moment: int) -> list[Task]:
        """What is left of a history after a moment."""
        crossing = [t for t in tasks if t.call < moment < t.ret and not self.observes(t)]
        early = [t if self._kind[t.at] == BLIND else forget(t) for t in crossing]
        reset = Task(RESET, None, None, -1, moment - 1, -1)
        return [
            *(Task(t.f, t.value, t.result, -2, t.ret, t.at) for t in early),
            reset,
            *(t for t in tasks if t.call >= moment),
        ]

    def reduce(self, core: Core, among: Sequence[int], how: Reduction) -> Core:
        """Apply a reduction to as many of `among` as can be, in chunks that get smaller."""
        todo = list(among)
        size = len(todo)
        while size:
            at = 0
            while at < len(todo):
                chunk = frozenset(todo[at : at + size])
                smaller = Core(how(core.tasks, chunk), core.starts)
                if self._is_invalid(smaller):
                    core = smaller
                    todo = [i for i in todo if i not in chunk]
                else:
                    at += size
            size //= 2
        return core

    def _is_invalid(self, core: Core) -> bool:
        """Whether a core is known to have no order from any of its states."""
        for start in core.starts:
            if self._left <= 0 or self._budget.expired():
                return False
            found, spent = now(reset_to(self._model, start), core.tasks, SLICES)
            self._left -= len(core.tasks) + spent * SLICE
            if found is None or found.valid:
                return False
        return True
