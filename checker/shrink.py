"""Shrinking a violation: the fewest operations that still cannot be put in order.

Only steps are taken that never turn a legal history into an illegal one. Operations that only
observe are dropped, and answers forgotten. (An update cannot just be dropped: it may have been what
made a legal history legal.) And the distant past is cut off:

    If the history is legal, then so is what comes after a moment t, from one of the states that the
    object can be in at all. What had returned by t is dropped; of what was open at t, observers are
    dropped (they may have looked before t) and updates may have happened or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from checker.decide import now
from checker.depth import stuck_states
from checker.encode import Task, classes, forget
from checker.model import OBSERVER, tag
from checker.table import Table
from harness.result import Budget

MOST_STATES = 12  # to begin from; an object that can be in more is not cut
MOST_WORK = 20_000  # tasks looked at: a core is for a human, and not worth more
SLICES = 4  # of work for one trial; one that takes longer counts as not invalid


class Core(Struct, frozen=True):
    """Tasks that have no order from any of `starts`, the states that the object may begin in."""

    tasks: list[Task]
    starts: list[Any]


class From:
    """A model that begins in another state."""

    def __init__(self, model: Any, state: Any) -> None:
        self._model = model
        self._state = state
        self.step = model.step
        for name in ("kind", "lands"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    def initial(self) -> Any:
        """The other state."""
        return self._state


def shrink(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> Core:
    """A small core of a violating prefix; `last`, which returns at its end, stays."""
    trials = _Trials(model, tasks, budget)
    core = trials.cut(tasks, last)
    watch = [t.at for t in core.tasks if t.must and t.at != last.at and trials.observes(t)]
    core = trials.reduce(core, watch, _without)
    answered = [t.at for t in core.tasks if t.must and t.at != last.at and not trials.observes(t)]
    return trials.reduce(core, answered, _forgetting)


def possible(model: Any, core: Core, slices: int) -> list[Any]:
    """The states that the object could be in when the core's last operation returns; empty where
    that takes too long to say."""
    found: dict[Any, Any] = {}
    for start in core.starts:
        states = stuck_states(From(model, start), core.tasks, slices)
        if not states:
            return []
        found.update((tag(state), state) for state in states)
    return list(found.values())


def _without(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [task for task in tasks if task.at not in out]


def _forgetting(tasks: Sequence[Task], out: frozenset[int]) -> list[Task]:
    return [forget(task) if task.at in out else task for task in tasks]


Reduction = Callable[[Sequence[Task], frozenset[int]], list[Task]]


class _Trials:
    """Tries smaller cores while there is budget for them."""

    def __init__(self, model: Any, tasks: Sequence[Task], budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self._left = MOST_WORK
        found, mine = classes(tasks)
        table = Table(model, found)
        self._observers = {
            task.at for task, c in zip(tasks, mine, strict=True) if table.kinds[c] == OBSERVER
        }
        self._states = table.states if table.close(MOST_STATES, 100_000) else []

    def observes(self, task: Task) -> bool:
        """Whether a task never changes the state."""
        return task.at in self._observers

    def cut(self, tasks: Sequence[Task], last: Task) -> Core:
        """The least stretch before the last task that has no order from any state; all of the
        prefix where there is none."""
        place = next(i for i, task in enumerate(tasks) if task.at == last.at)
        size = 4
        while self._states and size < place:
            core = Core(self._after(tasks, tasks[place - size].call), list(self._states))
            if self._is_invalid(core):
                return core
            size *= 2
        return Core(list(tasks), [self._model.initial()])

    def _after(self, tasks: Sequence[Task], moment: int) -> list[Task]:
        """What is left of a history after a moment."""
        crossing = [t for t in tasks if t.call < moment < t.ret and t.at not in self._observers]
        return [forget(t) for t in crossing] + [t for t in tasks if t.call >= moment]

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
            self._left -= len(core.tasks)
            found = now(From(self._model, start), core.tasks, SLICES)
            if found is None or found.valid:
                return False
        return True
