"""Attempts: how far orders of a few operations get, and why nothing can come next.

The search goes from return to return as the frontier search does, and keeps for every configuration
a short way to it. Of the five rules it uses two that any reader can follow: an observer is
placed as soon as it is legal (R1), and of open operations of one class the one that returns first
is taken (R2); and a configuration is left out where another with the same state and the same
operations that returned has used fewer of those that never did. So what is found are not all
orders, but every state in which the operation that must come next is refused, with a shortest
order that leads there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from checker import refusal
from checker.columns import classes
from checker.encode import until
from checker.model import OBSERVER, tag
from checker.story import Story
from checker.table import Table
from checker.task import Task
from harness.history import History
from harness.result import Attempt, Budget, Refusal, Step

MOST = 5  # orders that are told
MOST_KEPT = 50  # of those that stop before the last ones
MOST_TASKS = 2_000  # that are looked at
COMPARED = 64  # configurations compared take as long as one is looked at
MOST_LOOKS = 10_000  # configurations; beyond that nothing is told
MOST_WHOLE, FEW_LOOKS = 300, 2_000  # tasks and configurations of an order of all beside the core's
MOST_REFUSALS = 12
MOST_STEPS = 60  # of an order, the last ones


class Way(Struct, frozen=True):
    """A configuration and how it was come to: the last task placed there, and the way before."""

    placed: int  # a bit for each task
    state: Any
    task: int = -1
    before: Way | None = None

    def steps(self) -> list[Way]:
        """The ways from the first task placed to the last."""
        found = []
        way: Way | None = self
        while way is not None and way.task >= 0:
            found.append(way)
            way = way.before
        return found[::-1]


class Stop(Struct, frozen=True):
    """An order that cannot go on: `goal` is the task that must come next, at its return."""

    way: Way
    goal: int
    step: int


def how_far(
    history: History, model: Any, tasks: Sequence[Task], end: int, story: Story, budget: Budget
) -> tuple[Attempt, ...]:
    """How far orders of tasks get up to the return of rank `end`, the end of a violating prefix;
    none where that takes too long to say.

    Orders of the few operations that the story judges alone are followed more easily than those of
    all. But of a value that nobody wrote these say too little: what was there instead is not of
    them. Nor are a list or a count without all that was put into it. In a short history the longest
    order of all comes last as well, so that there is an answer for each operation.
    """
    count = bisect_right(tasks, end, key=lambda task: task.call)
    prefix = until(tasks[:count], end) if count <= MOST_TASKS else []
    ways: list[_Problem] = []
    small = list(story.judged)
    if story.starts or (small and _writers(model, small) > 1):
        known = {task.at: task for task in (*story.core, *prefix)}
        starts = story.starts or (model.initial(),)
        late = {task.at: known[task.at].ret for task in small if task.at in known}
        # With more known of their times they have no order either, and those there seem to be are
        # orders that there were.
        exact = [known.get(task.at, task) if task.call >= 0 else task for task in small]
        assumed = bool(story.starts)
        ways = [
            _Problem(until(exact, end), starts, assumed, late),
            _Problem(small, starts, assumed),
        ]
    found: tuple[Attempt, ...] = ()
    for problem in ways:
        found = found or _attempts(history, model, problem, budget)
    if prefix and (not found or len(small) < len(prefix) <= MOST_WHOLE):
        most = FEW_LOOKS if found else MOST_LOOKS
        whole = _Problem(prefix, (model.initial(),), looks=most, whole=True)
        more = _attempts(history, model, whole, budget)[: 1 if found else MOST]
        told = {attempt.steps for attempt in found}
        found += tuple(attempt for attempt in more if attempt.steps not in told)
    return found


class _Problem(Struct, frozen=True):
    """Tasks that have no order from any of `starts`; `assumed` where they begin in the middle of
    the history. `late` has (by `at`) when those returned that may have happened or not."""

    tasks: Sequence[Task]
    starts: Sequence[Any]
    assumed: bool = False
    late: Mapping[int, int] = {}
    looks: int = MOST_LOOKS
    whole: bool = False


def _writers(model: Any, tasks: Sequence[Task]) -> int:
    """How many tasks change the state."""
    found, mine = classes(tasks)
    kinds = Table(model, found).kinds
    return sum(kinds[c] != OBSERVER for c in mine)


def _attempts(
    history: History, model: Any, problem: _Problem, budget: Budget
) -> tuple[Attempt, ...]:
    """The longest partial orders, different by where and in which state they stop; none where an
    order is found, or that takes too long."""
    found: list[tuple[Stop, Reach]] = []
    for start in problem.starts:
        reach = Reach(model, problem.tasks, start, problem.late)
        stops = reach.stops(budget, problem.looks)
        if not stops:
            return ()
        found += [(stop, reach) for stop in stops]
    best = sorted(found, key=lambda one: (-one[0].step, _length(one[0].way)))
    kept: dict[Hashable, tuple[Stop, Reach]] = {}
    for stop, reach in best:
        kept.setdefault((stop.goal, tag(stop.way.state)), (stop, reach))
    most = list(kept.values())[:MOST]
    return tuple(_attempt(history, model, problem, stop, reach) for stop, reach in most)


def _length(way: Way) -> int:
    return way.placed.bit_count()


def _attempt(history: History, model: Any, problem: _Problem, stop: Stop, reach: Reach) -> Attempt:
    """A stop in words."""
    tasks = problem.tasks
    ways = stop.way.steps()
    left = max(len(ways) - MOST_STEPS, 0)
    states = [ways[left - 1].state if left else reach.start, *(w.state for w in ways[left:])]
    said = [refusal.shown(model, state) for state in states]
    steps = tuple(
        Step(history.index(tasks[way.task].at), before, after)
        for way, before, after in zip(ways[left:], said, said[1:], strict=False)
    )
    end = [
        Refusal(history.index(tasks[i].at), why, len(steps))
        for i, why in _refusals(model, tasks, stop, reach)
    ][:MOST_REFUSALS]
    before = [
        Refusal(end[0].op, refusal.why(model, states[place], tasks[stop.goal]), place)
        for place in _refused_before(ways[left:], states, tasks, stop, reach)
    ]
    is_assumed = problem.assumed and not left
    refused = (*end, *before[:MOST_REFUSALS])
    return Attempt(said[0], steps, refused, left, is_assumed, problem.whole)


def _refused_before(
    ways: Sequence[Way], states: Sequence[Any], tasks: Sequence[Task], stop: Stop, reach: Reach
) -> Iterator[int]:
    """The places of an order where the goal could have come, had the state allowed it: after all
    that had returned before it was called. One place for each time that the state changed."""
    call = tasks[stop.goal].call
    last = max((i for i, way in enumerate(ways) if tasks[way.task].ret < call), default=-1)
    for place in range(last + 1, len(ways)):
        is_new = place == last + 1 or tag(states[place]) != tag(states[place - 1])
        if is_new and reach.after(states[place], stop.goal) is None:
            yield place


def _refusals(
    model: Any, tasks: Sequence[Task], stop: Stop, reach: Reach
) -> Iterator[tuple[int, str]]:
    """The tasks that could come next, the one that must first, each with why it cannot."""
    state = stop.way.state
    yield stop.goal, refusal.why(model, state, tasks[stop.goal])
    others = [i for i in reach.open(stop.way.placed, stop.goal) if i != stop.goal]
    for i in others:
        if reach.after(state, i) is None:
            yield i, refusal.why(model, state, tasks[i])
    for i in others:
        after = reach.after(state, i)
        if after is not None:
            told = "no change" if tag(after) == tag(state) else refusal.shown(model, after)
            yield i, f"could come, and lead to {told}: what must come next is refused there, too"


class Reach:
    """What orders of some tasks can come to from one state."""

    def __init__(
        self, model: Any, tasks: Sequence[Task], start: Any, late: Mapping[int, int]
    ) -> None:
        self._tasks = tasks
        self._model = model
        self.start = start
        # For what need not be placed: the tasks that were called after it had returned.
        self._after = {
            i: sum(1 << j for j, other in enumerate(tasks) if other.call > late[task.at])
            for i, task in enumerate(tasks)
            if not task.must and task.at in late
        }
        found, self._class = classes(tasks)
        table = Table(self._model, found)
        self._observes = [table.kinds[c] == OBSERVER for c in self._class]
        self._must = sum(1 << i for i, task in enumerate(tasks) if task.must)
        order = sorted(range(len(tasks)), key=lambda i: (tasks[i].ret, tasks[i].call))
        self._order = [i for i in order if tasks[i].must or not self._observes[i]]
        self._active: list[int] = []  # tasks that may be placed at the step looked at
        self._looks = 0

    def after(self, state: Any, i: int) -> Any:
        """The state after a task, or None where it is not legal."""
        task = self._tasks[i]
        return self._model.step(state, task.f, task.value, task.result)

    def open(self, placed: int, goal: int) -> list[int]:
        """The tasks that could come next: called before the goal returned; by return."""
        end = self._tasks[goal].ret
        return [
            i for i in self._order if self._tasks[i].call < end and not self._is_past(placed, i)
        ]

    def _is_past(self, placed: int, i: int) -> bool:
        """Whether a task is placed, or it is too late for it."""
        return bool(placed >> i & 1 or placed & self._after.get(i, 0))

    def stops(self, budget: Budget, most: int) -> list[Stop]:
        """Every state that an order cannot go on from, with a short order to it, the last ones
        first; none where there is an order of all, or too much to look at."""
        goals = [i for i in self._order if self._tasks[i].must]
        done: set[int] = set()
        front = [Way(0, self.start)]
        found: list[Stop] = []
        for step, goal in enumerate(goals):
            end = self._tasks[goal].ret
            self._active = [i for i in self._order if self._tasks[i].call < end and i not in done]
            front, stuck = self._towards(goal, front, most)
            if self._looks > most or budget.expired():
                return []
            found = [*(Stop(way, goal, step) for way in stuck), *found[:MOST_KEPT]]
            if not front:
                return found
            done.add(goal)
        return []

    def _towards(self, goal: int, front: Sequence[Way], most: int) -> tuple[list[Way], list[Way]]:
        """The ways on which the goal is placed, and those from which it cannot be."""
        bit = 1 << goal
        queue: list[Way] = []
        seen = _Seen(self._must)
        leads: dict[int, list[int]] = {}  # from a way to those that came to it
        for way in sorted((self._observed(way) for way in front), key=_length):
            seen.find_or_add(way, queue)
        there = []
        for at, way in enumerate(queue):  # it grows
            self._looks += 1 + seen.compared // COMPARED
            seen.compared = 0
            if way.placed & bit:
                there.append(at)
            elif self._looks <= most:
                for after in self._next(way):
                    leads.setdefault(seen.find_or_add(after, queue), []).append(at)
        living = _back(there, leads)
        return [queue[i] for i in there], [w for i, w in enumerate(queue) if i not in living]

    def _next(self, way: Way) -> Iterator[Way]:
        """The ways one task further."""
        asked = set()
        for i in self._active:
            if self._is_past(way.placed, i) or self._class[i] in asked:
                continue
            asked.add(self._class[i])
            after = self.after(way.state, i)
            if after is not None:
                yield self._observed(Way(way.placed | 1 << i, after, i, way))

    def _observed(self, way: Way) -> Way:
        """The way with every observer placed that is legal where it has come to."""
        for i in self._active:
            is_left = self._observes[i] and not way.placed >> i & 1
            if is_left and self.after(way.state, i) is not None:
                way = Way(way.placed | 1 << i, way.state, i, way)
        return way


def _back(there: Sequence[int], leads: Mapping[int, Sequence[int]]) -> set[int]:
    """The places from which one can come to those of `there`."""
    living, todo = set(there), list(there)
    while todo:
        for source in leads.get(todo.pop(), ()):
            if source not in living:
                living.add(source)
                todo.append(source)
    return living


class _Seen:
    """The configurations looked at, without those that used more than they need."""

    def __init__(self, must: int) -> None:
        self._must = must
        self.compared = 0  # with how many
        self._known: dict[Hashable, list[tuple[int, int]]] = {}

    def find_or_add(self, way: Way, queue: list[Way]) -> int:
        """The place in the queue of one that is known to go at least as far as this one; if there
        is none this one is added."""
        name = (way.placed & self._must, tag(way.state))
        used = way.placed & ~self._must
        known = self._known.setdefault(name, [])
        self.compared += len(known)
        for other, at in known:
            if other & used == other:
                return at
        known.append((used, len(queue)))
        queue.append(way)
        return len(queue) - 1
