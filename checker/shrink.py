"""Shrinking a violation: the fewest operations that still cannot be put in order.

First each other operation is tried together with the one that cannot be placed. If no two are
enough, only the latter is kept, and the history is cut off just before it. As long as there is an
order (see checker/lenient.py), an operation that refutes it is kept, too; or more of the past,
where none does. When there is no order any more, each kept operation is left out by way of trial.
What is left contradicts itself whatever all others did, of which those are told that could have
made a difference (see checker/idle.py).

Every step is sound: an order of the history is one of the core. The history is cut off at a moment
by letting the object be in any state that it can be in at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.anywhere import Starts
from checker.core import Core, observing
from checker.encode import Task
from checker.idle import without_idle
from checker.keep import keep
from checker.lenient import Lenient, Unsure
from harness.result import Budget

FEW = 300  # tasks of a history that is short enough to be told from its beginning
MOST_KEPT = 40
MOST_PAIRS = 300
LOOKS = 20_000  # configurations looked at for all pairs
ENOUGH = 5  # cores of two, of which the smallest is taken
SMALL = 3  # operations of a core that is not made smaller
MOST_NEAR = 3_000  # tasks after the cut


def shrink(model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> Core:
    """A small core of a violating prefix; `last`, which returns at its end, stays."""
    return Hunt(model, tasks, last, budget).core() or keep(model, tasks, last, budget)


class Hunt:
    """The search for operations to keep."""

    def __init__(self, model: Any, tasks: Sequence[Task], last: Task, budget: Budget) -> None:
        self._model, self._tasks, self._last, self._budget = model, tasks, last, budget
        self._starts = Starts(model, tasks)
        self._observes = observing(model, tasks)
        self._by_return = sorted(tasks, key=lambda task: -task.ret)

    def core(self) -> Core | None:
        """The core, or None where none is found this way; of a short history one from its very
        beginning, where that is no larger."""
        place = next(i for i, task in enumerate(self._tasks) if task.at == self._last.at)
        late = self._pair() or self._from(place, 1)
        early = self._from(place, len(self._tasks)) if len(self._tasks) <= FEW else None
        if early is not None and (late is None or len(early.tasks) <= len(late.tasks)):
            return early
        return late

    def _pair(self) -> Core | None:
        """The smallest core of the last operation and one other, of those that returned last."""
        found: list[Core] = []
        looks = 0
        for task in self._by_return[:MOST_PAIRS]:
            if not task.must or task.at == self._last.at:
                continue
            kept = [self._last, task]
            moment = min(task.call, self._last.call)
            window = self._window(moment, self._after(moment))
            if window is None:
                break
            if _contradict(window, kept):
                found.append(self._told(moment, kept))
            looks += window.looks
            is_small = bool(found) and len(found[-1].tasks) <= SMALL
            if is_small or len(found) >= ENOUGH or looks > LOOKS or self._budget.expired():
                break
        return min(found, key=lambda core: len(core.tasks), default=None)

    def _from(self, place: int, size: int) -> Core | None:
        try:
            found = self._contradiction(place, size)
            return None if found is None else self._fewest(*found)
        except Unsure:
            return None

    def _contradiction(self, place: int, size: int) -> tuple[int, list[Task]] | None:
        """A moment, and tasks after it that contradict one another. The first moment that is tried
        is `size` calls before that of the last one, which is at `place`."""
        kept = [self._last]
        while True:
            moment = self._tasks[place - size].call if size <= place else -1
            near = self._after(moment)
            if len(near) > MOST_NEAR:
                return None
            window = self._window(moment, near)
            called = [task for task in near if task.call >= moment]
            while window is not None and not self._budget.expired():
                order = window.order(kept)
                if order is None:
                    return moment, kept
                refuting = window.refuting(order, called)
                if not refuting or len(kept) >= MOST_KEPT:
                    break
                kept.append(max(refuting, key=lambda task: task.ret))
            if moment < 0 or self._budget.expired():
                return None
            size *= 2

    def _after(self, moment: int) -> list[Task]:
        """What had not returned by a moment, by call."""
        near: list[Task] = []
        for task in self._by_return:
            if task.ret < moment or len(near) > MOST_NEAR:
                break
            near.append(task)
        return sorted(near, key=lambda task: task.call)

    def _window(self, moment: int, near: Sequence[Task]) -> Lenient | None:
        """The history from a moment on; None where the states that it may begin in are too many."""
        starts = self._starts.among(near) if moment >= 0 else [self._model.initial()]
        if not starts:
            return None
        others = [task for task in near if not self._observes(task)]
        return Lenient(self._model, starts, moment, others, self._observes)

    def _fewest(self, moment: int, kept: list[Task]) -> Core:
        """The core, with no more kept than needed, and cut as late as can be."""
        window = self._window(moment, self._after(moment))
        assert window is not None
        for task in kept[1:]:
            fewer = [other for other in kept if other.at != task.at]
            if _contradict(window, fewer):
                kept = fewer
        late = min(task.call for task in kept) if moment >= 0 else -1
        later = self._window(late, self._after(late))
        if late > moment and later is not None and _contradict(later, kept):
            return self._fewest(late, kept)
        return self._told(moment, kept)

    def _told(self, moment: int, kept: Sequence[Task]) -> Core:
        """The core with those of the others that could make a difference."""
        near = self._after(moment)
        mine = {task.at for task in kept}
        tasks = [task for task in near if task.at in mine or not self._observes(task)]
        optional = frozenset(task.at for task in tasks if task.at not in mine)
        starts = self._starts.among(near) if moment >= 0 else [self._model.initial()]
        left = without_idle(self._model, tasks, starts, optional)
        starts = self._starts.among(left) if moment >= 0 else starts
        return Core(left, starts, moment >= 0, optional & {task.at for task in left}, moment)


def _contradict(window: Lenient, kept: Sequence[Task]) -> bool:
    try:
        return window.order(kept) is None
    except Unsure:
        return False
