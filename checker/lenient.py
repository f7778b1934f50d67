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
    """A task in an order: the earliest moment that it can have taken effect, the state after."""

    task: Task | None
    time: int
    state: Any


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
        self._observes = observes
        self._model = model
        self._starts = starts
        self._moment = moment
        self._free = [task for task in others if task.ret > moment]
        self._after: dict[Any, Any] = {}

    def order(self, kept: Sequence[Task]) -> list[Step] | None:
        """An order of the kept tasks among others, or None: they contradict one another. Raises
        Unsure."""
        self._kept = kept
        self._must = sum(1 << i for i, task in enumerate(kept) if task.must)
        mine = {task.at for task in kept}
        self._others = _classes([task for task in self._free if task.at not in mine])
        states: set[Any] = set()
        most = len(self._starts) + len(self._others) + len(kept)  # if each update leads to one
        seen: dict[Any, int] = {}
        ways: list[tuple[int, Step]] = []  # the way before, and the last step of this one
        heap: list[tuple[int, int, int]] = []
        done_of: list[int] = []

        def push(before: int, done: int, task: Task | None, time: int, state: Any) -> None:
            states.add(tag(state))
            name = done, tag(state)
            if seen.get(name, FOREVER) > time:
                seen[name] = time
                ways.append((before, Step(task, time, state)))
                done_of.append(done)
                heappush(heap, (time, -done.bit_count(), len(ways) - 1))

        for start in self._starts:
            push(-1, 0, None, self._moment, start)
        while heap:
            time, _, way = heappop(heap)
            done, step = done_of[way], ways[way][1]
            if seen[done, tag(step.state)] < time:
                continue
            if done & self._must == self._must:
                return _steps(ways, way)
            if len(ways) > MOST or len(states) > most:
                raise Unsure
            for task, bit, at, state in self._next(done, time, step.state):
                push(way, done | bit, task, at, state)
        return None

    def _next(self, done: int, time: int, state: Any) -> list[tuple[Task, int, int, Any]]:
        """What may come next: the task, its bit, the time, and the state after."""
        until = min(
            (t.ret for i, t in enumerate(self._kept) if t.must and not done >> i & 1),
            default=FOREVER,
        )
        if time >= until:
            return []  # something had returned that has not been placed
        found = []
        for i, task in enumerate(self._kept):
            at = max(time, task.call)
            if done >> i & 1 or at >= until or at >= task.ret:
                continue
            after = self._step(state, task)
            if after is None:
                continue
            if at == time and self._observes(task):  # it may as well look now as later
                return [(task, 1 << i, at, after)]
            found.append((task, 1 << i, at, after))
        for tasks in self._others:
            after = self._step(state, tasks[0])
            if after is None or tag(after) == tag(state):
                continue
            at, task = min(
                ((max(time, t.call), t) for t in tasks if t.ret > max(time, t.call)),
                key=lambda one: one[0],
                default=(FOREVER, tasks[0]),
            )
            if at < until:
                found.append((task, 0, at, after))
        return found

    def _step(self, state: Any, task: Task) -> Any:
        name = tag(state), task.f, tag(task.value), tag(task.result)
        if name not in self._after:
            self._after[name] = self._model.step(state, task.f, task.value, task.result)
        return self._after[name]

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
            state = self._step(step.state, task)
            if state is not None and self._goes_on(state, steps[i:]):
                return True
        return False

    def _goes_on(self, state: Any, steps: Sequence[Step]) -> bool:
        """Whether an order goes on, from another state than that of its first step."""
        for before, step in pairwise(steps):
            if tag(state) == tag(before.state):
                return True
            assert step.task is not None
            state = self._step(state, step.task)
            if state is None:
                return False
        return True


def _classes(tasks: Sequence[Task]) -> list[list[Task]]:
    found: dict[Any, list[Task]] = {}
    for task in tasks:
        found.setdefault((task.f, tag(task.value), tag(task.result)), []).append(task)
    return list(found.values())


def _steps(ways: Sequence[tuple[int, Step]], way: int) -> list[Step]:
    found = []
    while way >= 0:
        way, step = ways[way][0], ways[way][1]
        found.append(step)
    return found[::-1]
