"""The judge of queues, stacks and priority queues: which prefix is the first with a violation."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from checker.columns import columns
from checker.encode import Task, forget
from checker.monitors import life
from checker.monitors.life import NEVER, Box, Empty, Life
from checker.monitors.wild import UNSURE, Given, Settle, Settling
from checker.monitors.wrong import PHANTOM, TWICE, Pair, Violation, Wrong
from checker.search import finished
from checker.unique import UNDECIDED

FEW = 250  # tasks that are sooner judged in plain Python than NumPy and Numba are loaded
SMALL = 60  # lives of a contradiction, of which it is worth trying to do without some

Look = Callable[[int, Given | None], Wrong | None]  # at a prefix, given who has a wild take


class Rules(NamedTuple):
    """What must not be: for few lives as the rules stand, for many in columns (which see them, the
    empty answers, and the rank after all events). `groups` numbers the values by priority."""

    few: Callable[[Sequence[Any], Sequence[Life], Sequence[Empty]], Wrong | None]
    many: Callable[[Any, Any, int], Wrong | None]
    groups: Callable[[list[Any]], list[int]] | None = None


class Monitor:
    """An exact algorithm (see checker/exact.py) for one model, given its rules for lives."""

    def __init__(self, model: Any, rules: Rules, few: int = FEW) -> None:
        self._model = model
        self.rules = rules
        self._few = few

    def is_fit(self, model: Any, tasks: Sequence[Task]) -> bool:
        """Whether no value is put in twice."""
        return type(model) is self._model and life.is_unique(model, tasks)

    def first_violation(
        self, model: Any, tasks: Sequence[Task]
    ) -> Generator[None, None, int | None]:
        """The rank of the return that ends the shortest prefix with a violation, or None, or
        UNDECIDED where there were too many ways in which takes without an answer may have taken
        something. Yields after every look at a prefix: cutting a history short never makes it
        invalid, so they are searched by halving."""
        box = life.read(model, tasks)
        first = min(_phantom(box)[0], _twice(box)[0])
        look = self._looking(box)
        ends = sorted(rank for rank in columns(tasks).lists()[1] if rank < first)
        if ends:
            found = yield from self._judge(box, look, ends[-1])
            if found is UNSURE and first == NEVER:
                return UNDECIDED
        if not ends or found is None or found is UNSURE:
            return None if first == NEVER else first
        low, high = 0, len(ends) - 1
        while low < high:
            yield
            middle = (low + high) // 2
            found = yield from self._judge(box, look, ends[middle])
            if found is None or found is UNSURE:
                low = middle + 1
            else:
                high = middle
        return ends[low]

    def violation(self, model: Any, tasks: Sequence[Task], end: int) -> Violation | None:
        """Why the prefix up to rank `end` has no order, or None."""
        box = life.read(model, tasks)
        rank, v = _phantom(box)
        if rank <= end:
            place = box.put[v][0]
            lives = (Pair(tasks[place], None),) if place >= 0 else ()
            return Violation(PHANTOM, tasks[box.take[v][0]], lives=lives)
        rank, v = _twice(box)
        if rank <= end:
            twice = (tasks[box.take[v][0]], tasks[box.other[v]])
            put = _by(tasks[box.put[v][0]], end)
            return Violation(TWICE, *twice, lives=(Pair(put, twice[0]),))
        found = finished(self._judge(box, self._looking(box), end))
        if found is None or found is UNSURE:
            return None
        return _violation(box, tasks, self._smallest(box, found), end)

    def _looking(self, box: Box) -> Look:
        """What says of a prefix what is wrong with it, given who was taken by wild takes."""
        rules, values = self.rules, box.values
        if len(values) + len(box.empties) <= self._few:
            return lambda end, given: rules.few(
                values, life.lives(box, end, given), life.empties(box, end)
            )
        from checker.monitors.columns import Columns

        table = Columns(box, rules.groups)
        return lambda end, given: rules.many(table.lives(end, given), table.empties(end), box.end)

    def _judge(self, box: Box, look: Look, end: int) -> Settling:
        """What is wrong with the prefix up to rank `end`, however wild takes are given."""
        wild = [call for call in box.wild if call <= end]
        if not wild:
            return look(end, {})
        found = yield from Settle(
            lambda given: self._small_one(box, look(end, given)),
            lambda found, lives: self.rules.few(box.values, lives, _asked(found)),
            lambda value: box.take[value][2] > end,
            wild,
        ).run()
        return found

    def _small_one(self, box: Box, found: Wrong | None) -> Wrong | None:
        return None if found is None else self._smallest(box, found)

    def _smallest(self, box: Box, found: Wrong) -> Wrong:
        """The same without lives that are not needed for a contradiction. (All operations of one
        value may be dropped: what has no order without them has none with them.)"""
        for one in list(found.lives) if len(found.lives) <= SMALL else ():
            others = [other for other in found.lives if other != one]
            fewer = self.rules.few(box.values, others, _asked(found))
            if fewer is not None:
                found = fewer
        return found


def _asked(found: Wrong) -> list[Empty]:
    return [] if found.empty is None else [found.empty]


def _phantom(box: Box) -> tuple[int, int]:
    """The first return of a take of what had not been put in, and the value's number."""
    takes = zip(box.put, box.take, strict=True)
    early = ((take[2], v) for v, (put, take) in enumerate(takes) if take[2] < put[1])
    return min(early, default=(NEVER, -1))


def _twice(box: Box) -> tuple[int, int]:
    """The first return of a second take of a value, and the value's number."""
    rank = min(box.again, default=NEVER)
    return rank, box.again.index(rank) if rank < NEVER else -1


def _violation(box: Box, tasks: Sequence[Task], found: Wrong, end: int) -> Violation:
    """A contradiction of lives as one of tasks."""
    pairs = [_pair(box, tasks, one.value, end) for one in found.lives]
    others = [_pair(box, tasks, one.value, end) for one in found.others]
    first = pairs[0].take if found.empty is None else tasks[found.empty.place]
    return Violation(
        found.kind,
        first,
        lives=tuple(pairs),
        wild=tuple(_by(tasks[box.wild[call]], end) for call in found.wild),
        others=(
            *(task for pair in others for task in pair if task is not None),
            *(tasks[empty.place] for empty in found.answers),
        ),
    )


def _pair(box: Box, tasks: Sequence[Task], value: int, end: int) -> Pair:
    """The put and the take of a value, as they were known at rank `end`."""
    place, call, _ = box.take[value]
    take = None if call > end else _by(tasks[place], end)
    return Pair(_by(tasks[box.put[value][0]], end), take)


def _by(task: Task, end: int) -> Task:
    """A task as it was known at rank `end`."""
    return task if task.ret <= end else forget(task)
