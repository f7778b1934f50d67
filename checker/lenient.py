"""Do a few operations contradict one another, whatever all others did while they were open?

Some operations are *kept*: each takes effect once, in its time, and gives its answer. Every other
update may happen at any time while it was open, any number of times, or never; other observers do
not count. An order of a history is one of these orders, too, so what has none here has none there.

That makes it quick to decide. The time of an order's end is the latest call in it, and an operation
may come next if it returned after that. With the same operations done and the same state, an
earlier time leaves more to choose from: so only the earliest matters, and there are no more
configurations than states times sets of kept operations.

An order that is found may be one of the history, or be refuted by an operation that is not kept:
one that was done twice, or that has no place in the order. That one is worth keeping.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

from msgspec import Struct

from checker.encode import FOREVER, Task
from checker.model import tag

MOST = 4_000  # configurations looked at


class Unsure(Exception):
    """There were too many configurations, or an update that leads to many states."""


class Step(Struct, frozen=True):
    """A task in an order: the earliest moment that it can have taken effect, and the number of the
    state after."""

    task: Task | None
    time: int
    state: int


class Lenient:
    """Orders of kept tasks among `others` (updates) that are free to come, from one of `starts` on,
    in which the object is at `moment`."""

    def __init__(
        self,
        model: Any,
        starts: Sequence[Any],
        moment: int,
        others: Sequence[Task],
        observes: Callable[[Task], bool],
    ) -> None:
        self._model = model
        self._moment = moment
        self._free = [task for task in others if task.ret > moment]
        self._observes = observes
        self._states: list[Any] = []
        self._number: dict[Any, int] = {}
        self._starts = [self._state(start) for start in starts]
        self._heads: dict[Any, int] = {}
        self._after: dict[tuple[int, int], int] = {}
        self.looks = 0  # configurations looked at so far

    def _state(self, state: Any) -> int:
        name = tag(state)
        if name not in self._number:
            self._number[name] = len(self._states)
            self._states.append(state)
        return self._number[name]

    def _head(self, task: Task) -> int:
        """The number of a task's class."""
        name = task.f, tag(task.value), tag(task.result)
        return self._heads.setdefault(name, len(self._heads))

    def _step(self, state: int, head: int, task: Task) -> int:
        """The number of the state after a task of a class, or -1."""
        found = self._after.get((state, head))
        if found is None:
            after = self._model.step(self._states[state], task.f, task.value, task.result)
            found = self._after[state, head] = -1 if after is None else self._state(after)
        return found

    def order(self, kept: Sequence[Task], most: int = MOST) -> list[Step] | None:
        """An order of the kept tasks among others, or None: they contradict one another. Raises
        Unsure where that takes more than so many configurations."""
        self._begin(kept)
        bound = len(self._starts) + len(self._others) + len(kept)  # if each update leads to one
        seen: dict[tuple[int, int], int] = {}
        ways: list[tuple[int, Task | None, int, int]] = []  # the way before; task, time, state
        heap: list[tuple[int, int, int, int]] = []  # time, the fewest left first, way, done

        def push(before: int, done: int, task: Task | None, time: int, state: int) -> None:
            if seen.get((done, state), FOREVER) > time:
                seen[done, state] = time
                ways.append((before, task, time, state))
                heappush(heap, (time, -done.bit_count(), len(ways) - 1, done))

        for start in self._starts:
            push(-1, 0, None, self._moment, start)
        looks = 0
        while heap:
            time, _, way, done = heappop(heap)
            state = ways[way][3]
            if seen[done, state] < time:
                continue
            if done & self._must == self._must:
                return self._steps(ways, way)
            looks += 1
            self.looks += 1
            if looks > most or len(self._states) > bound:
                raise Unsure
            for task, bit, at, after in self._next(done, time, state):
                push(way, done | bit, task, at, after)
        return None

    def _begin(self, kept: Sequence[Task]) -> None:
        self._kept = kept
        self._must = sum(1 << i for i, task in enumerate(kept) if task.must)
        self._mine = [self._head(task) for task in kept]
        self._looking = [self._observes(task) for task in kept]
        mine = {task.at for task in kept}
        others: dict[int, list[Task]] = {}
        for task in self._free:
            if task.at not in mine:
                others.setdefault(self._head(task), []).append(task)
        self._others = list(others.items())

    def _next(self, done: int, time: int, state: int) -> list[tuple[Task, int, int, int]]:
        """What may come next: the task, its bit, the time, and the state after."""
        until = FOREVER
        for i, task in enumerate(self._kept):
            if task.ret < until and not done >> i & 1:
                until = task.ret
        if time >= until:
            return []  # something had returned that has not been placed
        found = []
        for i, task in enumerate(self._kept):
            at = max(time, task.call)
            if done >> i & 1 or at >= until:
                continue
            after = self._step(state, self._mine[i], task)
            if after < 0:
                continue
            if at == time and self._looking[i]:  # it may as well look now as later
                return [(task, 1 << i, at, after)]
            found.append((task, 1 << i, at, after))
        for head, tasks in self._others:
            after = self._step(state, head, tasks[0])
            if after < 0 or after == state:
                continue
            at, first = until, tasks[0]
            for task in tasks:
                when = task.call if task.call > time else time
                if when < task.ret and when < at:
                    at, first = when, task
            if at < until:
                found.append((first, 0, at, after))
        return found

    def _steps(self, ways: Sequence[tuple[int, Task | None, int, int]], way: int) -> list[Step]:
        found = []
        while way >= 0:
            before, task, time, state = ways[way]
            found.append(Step(task, time, state))
            way = before
        return found[::-1]

    def refuting(self, steps: Sequence[Step], among: Sequence[Task]) -> list[Task]:
        """Of these tasks, those that refute an order: done twice, or without a place in it."""
        count: dict[int, int] = {}
        for step in steps:
            if step.task is not None:
                count[step.task.at] = count.get(step.task.at, 0) + 1
        kept = {task.at for task in self._kept}
        ends = [FOREVER] * len(steps)  # what comes later must still be open
        for i in range(len(steps) - 2, -1, -1):
            later = steps[i + 1].task
            assert later is not None
            ends[i] = min(ends[i + 1], later.ret)
        return [
            task
            for task in among
            if task.at not in kept
            and (
                count.get(task.at, 0) > 1
                or (task.must and task.at not in count and not self._fits(task, steps, ends))
            )
        ]

    def _fits(self, task: Task, steps: Sequence[Step], ends: Sequence[int]) -> bool:
        for i, step in enumerate(steps):
            if max(step.time, task.call) >= min(ends[i], task.ret):
                continue
            state = self._step(step.state, self._head(task), task)
            if state >= 0 and self._goes_on(state, steps[i:]):
                return True
        return False

    def _goes_on(self, state: int, steps: Sequence[Step]) -> bool:
        """Whether an order goes on, from another state than that of its first step."""
        for before, step in pairwise(steps):
            if state == before.state:
                return True
            assert step.task is not None
            state = self._step(state, self._head(step.task), step.task)
            if state < 0:
                return False
        return True
