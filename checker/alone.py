"""A core is judged alone: do these few operations, without any other, contradict one another?

The plainest search there is, which shares nothing with those that decide: at each step any
operation may come next that is legal and before which nothing else must come. So what a core claims
does not rest on how it was found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from checker.encode import Task
from checker.model import tag

MOST_STEPS = 20_000  # configurations in all; a core is small, but a chain may make it long
MOST_TASKS = 400


def contradicts(
    model: Any,
    tasks: Sequence[Task],
    starts: Sequence[Any] = (),
    optional: Collection[int] = (),
) -> bool | None:
    """Whether the tasks have no order from any of `starts` (none given: the initial state). Those
    of `optional` (by `at`) may be left out, though where they are taken it is in their time. None
    where that takes too long to say."""
    if len(tasks) > MOST_TASKS:
        return None
    search = _Search(model, tasks, optional)
    for start in starts or [model.initial()]:
        found = search.has_order(start)
        if found is not False:
            return None if found is None else False
    return True


class _Search:
    def __init__(self, model: Any, tasks: Sequence[Task], optional: Collection[int]) -> None:
        self._model = model
        self._tasks = tasks
        must = [task.must and task.at not in optional for task in tasks]
        self._must = sum(1 << i for i, is_must in enumerate(must) if is_must)
        # What must be done before task i, since it had returned before that was called, and what
        # must not be done, since it was called after that had returned.
        self._before = [
            sum(1 << j for j, other in enumerate(tasks) if must[j] and other.ret < task.call)
            for task in tasks
        ]
        self._later = [
            sum(1 << j for j, other in enumerate(tasks) if task.ret < other.call) for task in tasks
        ]
        self._steps = 0

    def has_order(self, start: Any) -> bool | None:
        """Whether what must be done can be done from `start`; None where it takes too long."""
        seen = set()
        stack = [(0, start)]
        while stack:
            done, state = stack.pop()
            if done & self._must == self._must:
                return True
            name = done, tag(state)
            if name in seen:
                continue
            seen.add(name)
            self._steps += 1
            if self._steps > MOST_STEPS:
                return None
            stack += self._next(done, state)
        return False

    def _next(self, done: int, state: Any) -> list[tuple[int, Any]]:
        found = []
        for i, task in enumerate(self._tasks):
            if done >> i & 1 or self._before[i] & ~done or self._later[i] & done:
                continue
            after = self._model.step(state, task.f, task.value, task.result)
            if after is not None:
                found.append((done | 1 << i, after))
        return found
