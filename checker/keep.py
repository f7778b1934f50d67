"""Keeping: which operations must be kept for a contradiction, all others without their answers.

Cut     If a history is legal, then so is what comes after a moment, from one of the states that the
        object can be in at all. What had returned by then is dropped. What was open then may have
        happened before, or not: it has no answer any more.
Drop    what only observes: the others find the same states without it.
Forget  answers: an order of the history is one of the history without them.
Idle    what has no answer and is in no order's way to gain from: see checker/idle.py.

So a core is made of operations that are *kept*: all others are forgotten or dropped, and the past
is cut off just before the first of them is called. Keeping more never makes a contradiction go
away. First those that returned last are kept, twice as many each time, until they contradict one
another; then the one that made the difference is kept for good, and fewer of the others, again and
again, until those that are kept for good are enough.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from checker.anywhere import Anywhere, Starts
from checker.core import Core, observing
from checker.decide import now
from checker.encode import Task, forget
from checker.idle import without_idle
from checker.search import SLICE
from harness.result import Budget

MOST_WORK = 60_000  # tasks and configurations looked at: a core is for a human, not worth more
MOST_IDLE = 2_000  # tasks of which it is looked at whether they are idle
SLICES = 8  # of work for one trial; one that takes longer counts as not invalid


def keep(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> Core:
    """A small core of a violating prefix; `last`, which returns at its end, stays. All of the
    prefix where none is found."""
    trials = Trials(model, tasks, last, budget)
    others = sorted((t for t in tasks if t.must and t.at != last.at), key=lambda t: -t.ret)
    kept: list[Task] = [last]
    best = trials.contradiction(kept)
    count = 1
    while best is None and count < 2 * len(others) and trials.has_work:
        best = trials.contradiction([*kept, *others[:count]])
        count *= 2
    if best is None:
        return trials.whole()
    left = others[: count // 2]
    while (found := trials.contradiction(kept)) is None and left:
        needed, best = _fewest(trials, kept, left, best)
        kept.append(left[needed - 1])
        left = left[: needed - 1]
    return found or best


def _fewest(
    trials: Trials, kept: Sequence[Task], left: Sequence[Task], best: Core
) -> tuple[int, Core]:
    """How many of those left, from the first on, must be kept for a contradiction; and its core."""
    low, high = 1, len(left)
    while low < high:
        middle = (low + high) // 2
        found = trials.contradiction([*kept, *left[:middle]])
        if found is None:
            low = middle + 1
        else:
            high, best = middle, found
    return low, best


class Trials:
    """Tries what contradicts what by the searches, while there is budget for it."""

    def __init__(self, model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> None:
        self._model, self._tasks, self._last = model, tasks, last
        self._budget = budget
        self._left = MOST_WORK
        self._starts = Starts(model, tasks)
        self._first = min(task.call for task in tasks)
        self._by_return = sorted(tasks, key=lambda task: -task.ret)
        self.observes = observing(model, tasks)

    @property
    def has_work(self) -> bool:
        """Whether there is budget left."""
        return self._left > 0 and not self._budget.expired()

    def whole(self) -> Core:
        """All of the prefix, from its beginning."""
        return self._idle(Core(list(self._tasks), [self._model.initial()]))

    def contradiction(self, kept: Collection[Task]) -> Core | None:
        """The core in which only these are kept, or None where they are not known to contradict
        one another."""
        if not self.has_work:
            return None
        core = self.keeping(kept)
        return core if self._is_invalid(core) else None

    def keeping(self, kept: Collection[Task]) -> Core:
        """What is left where only these are kept; from the beginning, if the first of all is kept
        or the states in between are not known."""
        moment = min(task.call for task in kept)
        ats = {task.at for task in kept}
        if moment > self._first:
            left = self._after(moment, ats)
            starts = self._starts.among(left)
            if starts:
                return self._idle(Core(left, starts, is_cut=True))
        return self._idle(Core(self._after(-1, ats), [self._model.initial()]))

    def _after(self, moment: int, kept: Collection[int]) -> list[Task]:
        """What had not returned by a moment; only these (by `at`) with their answers."""
        left = []
        for task in self._by_return:
            if task.ret <= moment:
                break
            if task.at in kept:
                left.append(task)
            elif not self.observes(task):
                left.append(forget(task))
        return sorted(left, key=lambda task: task.call)

    def _idle(self, core: Core) -> Core:
        if len(core.tasks) > MOST_IDLE:
            return core
        tasks = without_idle(self._model, core.tasks, core.starts)
        return Core(tasks, core.starts, core.is_cut)

    def _is_invalid(self, core: Core) -> bool:
        """Whether a core is known to have no order from any of its states."""
        model, tasks = self._model, core.tasks
        if core.is_cut:
            model = Anywhere(model, core.starts)
            tasks = [*model.start_tasks(), *tasks]
        found, spent = now(model, tasks, SLICES)
        self._left -= len(tasks) + spent * SLICE
        return found is not None and not found.valid
