"""Sets that only grow, and are read as a whole: elements added once, none removed.

All that an answer says is that one operation comes before another: a read comes after the adds of
what is in it and before the adds of what is not, an answer "there" after the add of its element, an
answer "absent" before it. So there is an order exactly if this and real time have no cycle; any
order without one is legal. (An add without an answer is part of it exactly if its element was seen;
else leave it out, which makes no answer wrong.)

1 *Parted*. Of two reads one has all that is in the other: else each is before the other. So reads
  are on *levels*, by what they saw, and an element on the least level of a read that has it; above
  all levels if there is none.
2 *Doubled*. No element is twice in a read, and each was added by somebody: *phantom*.
3 *Late*. A cycle of what answers say and real time has just one step in real time, if it is a
  shortest: of two, b before c and d before a in real time (with a up to b and c up to d by
  answers), either b is before a, or d before c, in real time, which closes it sooner. So go up the
  levels, with the latest call so far: nothing may have returned before the call of what comes
  before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from checker.encode import FOREVER, Task
from checker.model import tag
from checker.models.collection import elements

PHANTOM = "never added"
DOUBLED = "twice in a read"
PARTED = "reads that part"
LATE = "out of order"


class Bad(Struct, frozen=True):
    """What is wrong: its kind, the rank of the return that shows it, and the operations; of LATE
    the first returned before the last was called, which comes before it by what was answered."""

    kind: str
    end: int
    tasks: tuple[Task, ...]


class Levels:
    """The tasks of a set by level. `early` is the first thing that is wrong with reads by
    themselves; reads from there on are left out."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.adds = {tag(t.value): t for t in tasks if t.f == "add"}
        self.asked = [t for t in tasks if t.f == "contains" and t.ret != FOREVER]
        self.early: Bad | None = None
        self.reads: list[tuple[int, frozenset[Any], Task]] = []  # by size
        reads = [t for t in tasks if t.f == "read" and t.ret != FOREVER]
        for task in sorted(reads, key=lambda t: t.ret):
            self.early = self._place(task)
            if self.early is not None:
                break
        self.level: dict[Any, int] = {}
        size = -1
        self.levels: list[list[Task]] = []
        before: frozenset[Any] = frozenset()
        for now, seen, task in self.reads:
            if now > size:
                self.levels.append([])
                for element in seen - before:
                    self.level[element] = len(self.levels) - 1
                before, size = seen, now
            self.levels[-1].append(task)

    def _place(self, task: Task) -> Bad | None:
        """Put a read among the others by size, if it fits to those beside it."""
        listed = elements(task.result)
        seen = frozenset(listed)
        if len(listed) > len(seen):
            return Bad(DOUBLED, task.ret, (task,))
        for element in seen:
            add = self.adds.get(element)
            if add is None or add.call > task.ret:
                return Bad(PHANTOM, task.ret, (task,) if add is None else (task, add))
        place = bisect_left(self.reads, len(seen), key=lambda read: read[0])
        for i in (place - 1, place):
            if 0 <= i < len(self.reads):
                _, other, by = self.reads[i]
                if not (other <= seen or seen <= other):
                    return Bad(PARTED, task.ret, (task, by))
        self.reads.insert(place, (len(seen), seen, task))
        return None

    def wrong(self, end: int) -> Bad | None:
        """What is wrong with the prefix up to rank `end`, or None."""
        if self.early is not None and self.early.end <= end:
            return self.early
        return _Climb(self, end).climb()


class _Climb:
    """The way up the levels of a prefix."""

    def __init__(self, levels: Levels, end: int) -> None:
        self._levels = levels
        self._end = end
        self._late: Task | None = None  # of all that lies below, the one called last
        self._there: dict[Any, list[Task]] = {}
        self._absent: dict[Any, list[Task]] = {}
        for task in levels.asked:
            if task.ret <= end:
                group = self._there if task.result else self._absent
                group.setdefault(tag(task.value), []).append(task)

    def climb(self) -> Bad | None:
        """The first thing that comes too late."""
        for element, tasks in self._there.items():
            add = self._levels.adds.get(element)
            first = min(tasks, key=lambda t: t.ret)
            if add is None or add.call > first.ret:
                known = () if add is None else (add,)
                return Bad(PHANTOM, first.ret, (first, *known))
        seen = [[t for t in level if t.ret <= self._end] for level in self._levels.levels]
        used = [level for level, tasks in enumerate(seen) if tasks]
        above: list[list[Any]] = [[] for _ in range(len(used) + 1)]
        for element, add in self._levels.adds.items():
            level = self._levels.level.get(element, len(seen))
            place = bisect_left(used, level)
            if add.call > self._end:
                continue
            if add.ret <= self._end or place < len(used) or element in self._there:
                above[place].append(element)
        for place, group in enumerate(above):
            bad = self._group(group)
            if bad is None and place < len(used):
                bad = self._reads(seen[used[place]])
            if bad is not None:
                return bad
        return None

    def _group(self, group: Sequence[Any]) -> Bad | None:
        """The adds on one level: each comes after all below, and nothing of it before another."""
        below, late = self._late, self._late
        for element in group:
            add = self._levels.adds[element]
            before = max(
                [*([below] if below else []), *self._absent.get(element, ())],
                key=lambda t: t.call,
                default=None,
            )
            bad = self._check(add, before)
            last = add if before is None or add.call > before.call else before
            for task in self._there.get(element, ()):
                bad = bad or self._check(task, last)
            if bad is not None:
                return bad
            late = last if late is None or last.call > late.call else late
        self._late = late
        return None

    def _reads(self, reads: Sequence[Task]) -> Bad | None:
        for task in reads:
            bad = self._check(task, self._late)
            if bad is not None:
                return bad
        last = max(reads, key=lambda t: t.call)
        self._late = last if self._late is None or last.call > self._late.call else self._late
        return None

    def _check(self, task: Task, before: Task | None) -> Bad | None:
        ret = task.ret if task.ret <= self._end else FOREVER
        if before is None or ret > before.call:
            return None
        return Bad(LATE, self._end, (task, *self._between(before, task), before))

    def _between(self, low: Task, high: Task) -> list[Task]:
        """What shows that `low` comes before `high`: an add, a read, or both, by what they saw."""
        found = []
        if low.f == "contains":
            found.append(self._levels.adds[tag(low.value)])
        if high.f == "contains":
            found.append(self._levels.adds[tag(high.value)])
        ends = [tag(t.value) for t in (low, high) if t.f in ("add", "contains")]
        if len(ends) == 2 and ends[0] != ends[1]:
            level = self._levels.level[ends[0]]
            reads = [t for place in self._levels.levels[level:] for t in place]
            found += [
                t for t in reads if t.ret <= self._end and tag(high.value) not in elements(t.result)
            ][:1]
        if low.f == high.f == "read":
            missing = set(elements(high.result)) - set(elements(low.result))
            found.append(self._levels.adds[next(iter(missing))])
        return found
