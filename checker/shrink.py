"""Shrinking a violation: the fewest operations that still cannot be put in order.

Only steps are taken that never turn a legal history into an illegal one. Operations that only
observe are dropped, and answers forgotten. (An update cannot just be dropped: it may have been what
made a legal history legal. What has no answer can be, where no order gains from it: see
checker/idle.py.) And the distant past is cut off:

    If the history is legal, then so is what comes after a moment t, from one of the states that the
    object can be in at all. What had returned by t is dropped. Of what was open at t, observers are
    dropped (they may have looked before t) and updates may have happened or not; but blind writes
    are kept, to come before or after a *reset* to that state, which takes place at t.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from checker import alone
from checker.anywhere import RESET, Anywhere, Starts, reset_to
from checker.decide import now
from checker.encode import Task, classes, forget
from checker.idle import without_idle
from checker.model import BLIND, OBSERVER
from checker.search import SLICE
from checker.table import Table
from harness.result import Budget

MOST_WORK = 200_000  # tasks and configurations looked at: a core is for a human, not worth more
SLICES = 8  # of work for one trial; one that takes longer counts as not invalid
ROUNDS = 3  # of dropping and forgetting: each may let the other go further


class Core(Struct, frozen=True):
    """Tasks that have no order from any of `starts`, the states that the object may begin in. With
    a RESET among them that is where it begins; what was called before may come before it."""

    tasks: list[Task]
    starts: list[Any]

    @property
    def is_cut(self) -> bool:
        """Whether it begins in the middle of the history."""
        return any(task.f == RESET for task in self.tasks)


def contradicts(model: Any, core: Core) -> bool | None:
    """Whether a core has no order by the plainest search; None where that takes too long."""
    found: list[bool | None] = []
    for start in core.starts:
        found.append(alone.contradicts(reset_to(model, start), core.tasks, [start]))
        if found[-1] is False:
            return False
    return None if None in found else True


def shrink(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> Core:
    """A small core of a violating prefix; `last`, which returns at its end, stays."""
    trials = Trials(model, tasks, budget)
    core = trials.cut(tasks, last)
    for _ in range(ROUNDS):
        before = len(core.tasks)
        watch = [t.at for t in core.tasks if t.must and t.at != last.at and trials.observes(t)]
        core = trials.reduce(core, watch, _without)
        updates = [t.at for t in core.tasks if t.must and t.at not in (last.at, -1)]
        answered = [t.at for t in core.tasks if t.at in updates and not trials.observes(t)]
        core = trials.reduce(core, answered, trials.forgetting)
        if len(core.tasks) in (before, 1):
            break
    return core


def _without(core: Core, out: frozenset[int]) -> Core:
    return Core([task for task in core.tasks if task.at not in out], core.starts)


Reduction = Callable[[Core, frozenset[int]], Core]


class Trials:
    """Tries smaller cores while there is budget for them."""

    def __init__(self, model: Any, tasks: Sequence[Task], budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self._left = MOST_WORK
        self._starts = Starts(model, tasks)
        self._kinds = None if hasattr(model, "kind") else _derived(model, tasks)

    def _kind(self, task: Task) -> int:
        if self._kinds is not None:
            return self._kinds[task.at]
        kind: int = self._model.kind(task.f, task.value, task.result)
        return kind

    def observes(self, task: Task) -> bool:
        """Whether a task never changes the state."""
        return task.f != RESET and self._kind(task) == OBSERVER

    def cut(self, tasks: Sequence[Task], last: Task) -> Core:
        """The least stretch before the last task that has no order from any state; all of the
        prefix where there is none."""
        place = next(i for i, task in enumerate(tasks) if task.at == last.at)
        size = 1
        while size < place and self._left > 0:
            core = self.from_(tasks[place - size].call, tasks)
            if not core.starts:
                break
            if self._is_invalid(core):
                return self._idle(core)
            size += max(1, size // 2)
        whole = Core(list(tasks), [self._model.initial()])
        return self._idle(whole)

    def from_(self, moment: int, tasks: Sequence[Task]) -> Core:
        """What is left of a history after a moment, from wherever it is then."""
        left = self.after(tasks, moment)
        return Core(left, self._starts.among(left))

    def after(self, tasks: Sequence[Task], moment: int) -> list[Task]:
        """What is left of a history after a moment."""
        crossing = [t for t in tasks if t.call < moment < t.ret and not self.observes(t)]
        early = [t if self._kind(t) == BLIND else forget(t) for t in crossing]
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
                smaller = how(core, chunk)
                if self._is_invalid(smaller):
                    core = self._idle(smaller)
                    todo = [i for i in todo if i not in chunk]
                else:
                    at += size
            size //= 2
        return core

    def forgetting(self, core: Core, out: frozenset[int]) -> Core:
        """The core with these as if they might not have happened; gone where that is the same."""
        tasks = [forget(task) if task.at in out else task for task in core.tasks]
        return self._idle(Core(tasks, core.starts))

    def _idle(self, core: Core) -> Core:
        model = reset_to(self._model, core.starts[0])
        return Core(without_idle(model, core.tasks, core.starts), core.starts)

    def _is_invalid(self, core: Core) -> bool:
        """Whether a core is known to have no order from any of its states."""
        if self._left <= 0 or self._budget.expired():
            return False
        if core.is_cut:
            model = Anywhere(self._model, core.starts)
            tasks = [*model.start_tasks(), *core.tasks]
        else:
            model, tasks = self._model, core.tasks
        found, spent = now(model, tasks, SLICES)
        self._left -= len(tasks) + spent * SLICE
        return found is not None and not found.valid


def _derived(model: Any, tasks: Sequence[Task]) -> dict[int, int]:
    """The kind of each task, by `at`, of a model that does not say."""
    found, mine = classes(tasks)
    kinds = Table(model, found).kinds
    return {task.at: kinds[c] for task, c in zip(tasks, mine, strict=True)}
