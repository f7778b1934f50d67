"""Sets to which no element is added twice: which prefix is the first with a violation.

Where elements are removed, each is judged by itself (element.py), which is exact as long as no read
of the whole set ties them together; where none is removed, reads of the whole set are judged, too
(whole.py). Both at once need a search.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from checker.encode import FOREVER, Task, forget
from checker.model import tag
from checker.models.collection import Set
from checker.monitors.element import kind_of
from checker.monitors.whole import Levels

GUESSES = 4  # at the first return at which something is wrong, before all are searched by halving


class Violation(Struct, frozen=True):
    """Why there is no order: a kind of element.py or whole.py, the operations, and pairs of which
    the first returned before the second was called. Of a kind of whole.py the first of `tasks` is
    the one that is wrong (of LATE: it returned before the last was called, which comes before it).
    """

    kind: str
    tasks: tuple[Task, ...]
    whole: bool

    @property
    def pairs(self) -> list[tuple[Task, Task]]:
        """Those of which the first returned before the second was called."""
        return [(a, b) for a in self.tasks for b in self.tasks if a.ret < b.call]


def is_fit(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether these tasks are of a set as this file means it."""
    if type(model) is not Set:
        return False
    added: set[Any] = set()
    adds = 0
    is_read = is_removed = False
    for task in tasks:
        if task.f == "add":
            adds += 1
            added.add(tag(task.value))
        elif task.f == "remove":
            is_removed = True
        elif task.f == "read" and task.must:
            is_read = True
    return len(added) == adds and not (is_read and is_removed)


def first_violation(model: Any, tasks: Sequence[Task]) -> Generator[None, None, int | None]:
    """The rank of the return that ends the shortest prefix with a violation, or None. Yields after
    every look at a prefix, or at an element."""
    if _is_whole(tasks):
        end = yield from _first_of_whole(tasks)
        return end
    first: int | None = None
    for ops in _by_element(tasks).values():
        if kind_of(ops, FOREVER - 1) is None:
            continue
        yield
        ends = [task.ret for task in ops if task.must]
        found = yield from _halving(partial(_is_wrong, ops), ends)
        first = found if first is None else min(found, first)
    return first


def _first_of_whole(tasks: Sequence[Task]) -> Generator[None, None, int | None]:
    """The first return at which something is wrong with a set that only grows. What is wrong says
    itself when it was complete: at the last return of its operations; mostly nothing was before."""
    levels = Levels(tasks)
    high = FOREVER - 1
    bad = levels.wrong(high)
    for _ in range(GUESSES):
        if bad is None:
            return None if high == FOREVER - 1 else high + 1
        yield
        guess = max([task.ret for task in bad.tasks if task.ret <= high])
        if levels.wrong(guess) is None:
            break
        high = guess - 1
        bad = levels.wrong(high)
    if bad is None:
        return high + 1
    ends = [task.ret for task in tasks if task.ret <= high]
    first = yield from _halving(lambda end: levels.wrong(end) is not None, ends)
    return first


def _is_wrong(ops: Sequence[Task], end: int) -> bool:
    return kind_of(ops, end) is not None


def _halving(is_wrong: Callable[[int], bool], ends: list[int]) -> Generator[None, None, int]:
    """The first of these ranks at which something is wrong, as it is at the last: cutting short
    never makes it so."""
    ends.sort()
    low, high = 0, len(ends) - 1
    while low < high:
        yield
        middle = (low + high) // 2
        if is_wrong(ends[middle]):
            high = middle
        else:
            low = middle + 1
    return ends[low]


def _is_whole(tasks: Sequence[Task]) -> bool:
    return not any(task.f == "remove" for task in tasks)


def _by_element(tasks: Sequence[Task]) -> dict[Any, list[Task]]:
    """The operations on each element; reads of the whole are none."""
    found: dict[Any, list[Task]] = {}
    for task in tasks:
        if task.f in ("add", "remove") or (task.f == "contains" and task.must):
            found.setdefault(tag(task.value), []).append(task)
    return found


def violation(model: Any, tasks: Sequence[Task], end: int) -> Violation | None:
    """Why the prefix up to rank `end` has no order, or None."""
    if _is_whole(tasks):
        bad = Levels(tasks).wrong(end)
        if bad is None:
            return None
        known = {task.at: _by(task, end) for task in bad.tasks}
        return Violation(bad.kind, tuple(known.values()), True)
    for ops in _by_element(tasks).values():
        kind = kind_of(ops, end)
        if kind is not None:
            core = _smallest([_by(task, end) for task in ops if task.call <= end], kind)
            return Violation(kind, tuple(core), False)
    return None


def _by(task: Task, end: int) -> Task:
    """A task as it was known at rank `end`."""
    return task if task.ret <= end else forget(task)


def _smallest(ops: list[Task], kind: str) -> list[Task]:
    """The same without answers that are not needed for a contradiction of this kind (what only
    observes may be dropped: what has no order without it has none with it)."""
    ops = [task for task in ops if task.must or task.f != "contains"]
    size = len(ops)
    while size:
        at = 0
        while at < len(ops):
            out = [t for t in ops[at : at + size] if t.f == "contains"]
            fewer = [task for task in ops if task not in out]
            if out and kind_of(fewer, FOREVER - 1) == kind:
                ops = fewer
            else:
                at += size
        size //= 2
    return ops
