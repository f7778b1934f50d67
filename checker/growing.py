"""Keys that only grow: lists with unique elements, and counters that count by one.

Every state comes once, and a read says which: the elements of the longest list that was read are
the order of their appends, and the answer of an increment is its place. So there is one chain of
states, and no search. `place` 0 is the initial state, and each change leads from place p - 1 to p.

1 Told     what was read fits together: of two lists one is the beginning of the other, no element
           or number comes twice, each element was appended by somebody.
2 Filled   the places up to the highest that was seen need a change each. For a list these are the
           appends of the elements. For a counter they are the increments with that answer, and for
           the rest increments without an answer: these are all alike, so the one that was called
           first takes the lowest free place. (Proof: what is below a place must not be called after
           something above it returned; the bound only rises with the place, so if any assignment
           is legal, the sorted one is.)
3 Last     appends that were acknowledged and are in no list that was read come after all that was
           read, in the order of their returns; those without an answer, and increments that no
           place needs, may not have happened.
4 Ordered  nothing above a place returned before something below it was called.

This is exact: 1 to 3 are forced, and where 4 holds the places are an order that real time allows.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from msgspec import Struct

from checker.encode import FOREVER, Task
from checker.model import UNKNOWN, tag
from checker.models.collection import AppendList
from checker.models.number import Counter

PHANTOM = "phantom"
PARTED = "lists that part"
DOUBLED = "done twice"
LATE = "out of order"


class Violation(Struct, frozen=True):
    """Why there is no order. For LATE the first of `tasks` comes after the second in the chain, but
    returned before that was called; a third is the change between two reads. For PHANTOM the first
    saw what nobody can have done: `value`. For PARTED and DOUBLED the two do not fit together."""

    kind: str
    tasks: tuple[Task, ...]
    value: Any = None


class Chain(Struct):
    """The places from 1 up: who changes to each, and who saw each (0: the initial state)."""

    writers: dict[int, Task]
    readers: dict[int, list[Task]]


def is_fit(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether these tasks are of a key that only grows, as this file means it."""
    if type(model) is AppendList:
        elements = [tag(task.value) for task in tasks if task.f == "append"]
        told = all(_is_list(t.result) for t in tasks if t.f == "read" and t.must)
        return told and len(set(elements)) == len(elements)
    if type(model) is not Counter:
        return False
    one = all(type(t.value) is int and t.value == 1 for t in tasks if t.f == "increment")
    return one and all(_is_number(t) for t in tasks)


def _is_list(result: Any) -> bool:
    return result is None or type(result) is tuple  # (a map is a tuple of another type)


def _is_number(task: Task) -> bool:
    if task.result is UNKNOWN:
        return True
    return type(task.result) is int or (task.f == "read" and task.result is None)


def first_violation(
    model: Any, tasks: Sequence[Task], slack: int = 0
) -> Generator[None, None, int | None]:
    """The rank of the return that ends the shortest prefix with a violation, or None. Yields after
    every look at a prefix. With `slack` a read may be so many changes behind."""
    if violation(model, tasks, FOREVER - 1, slack) is None:
        return None
    ends = sorted(task.ret for task in tasks if task.must)
    low, high = 0, len(ends) - 1
    while low < high:
        yield
        middle = (low + high) // 2
        if violation(model, tasks, ends[middle], slack) is None:
            low = middle + 1
        else:
            high = middle
    return ends[low]


def violation(model: Any, tasks: Sequence[Task], end: int, slack: int = 0) -> Violation | None:
    """Why the prefix up to rank `end` has no order, or None. What returned later may not have
    happened, and if it did, then with the same answer."""
    laid = chain(model, tasks, end)
    return laid if isinstance(laid, Violation) else ordered(laid, end, slack)


def chain(model: Any, tasks: Sequence[Task], end: int = FOREVER - 1) -> Chain | Violation:
    """The places of a key that only grows, or why there are none."""
    known = [task for task in tasks if task.call <= end]
    return _list(known, end) if type(model) is AppendList else _number(known, end)


def _is_sure(task: Task, end: int) -> bool:
    return task.ret <= end


def _elements(read: Task) -> tuple[Any, ...]:
    return tuple([tag(element) for element in read.result or ()])


def _list(known: Sequence[Task], end: int) -> Chain | Violation:
    reads = [(_elements(t), t) for t in known if t.f == "read" and _is_sure(t, end)]
    longest, who = max(reads, key=lambda read: len(read[0]), default=((), None))
    appends = {tag(t.value): t for t in known if t.f == "append"}
    readers: dict[int, list[Task]] = {}
    for seen, task in sorted(reads, key=lambda read: -len(read[0])):
        if longest[: len(seen)] != seen:
            assert who is not None
            return Violation(PARTED, (who, task))
        readers.setdefault(len(seen), []).append(task)
    writers: dict[int, Task] = {}
    found: set[int] = set()
    for place, element in enumerate(longest, 1):
        task_ = appends.get(element)
        assert who is not None
        if task_ is None:
            return Violation(PHANTOM, (who,), who.result[place - 1])
        if task_.at in found:
            return Violation(DOUBLED, (who, task_), task_.value)
        found.add(task_.at)
        writers[place] = task_
    last = [t for t in appends.values() if _is_sure(t, end) and t.at not in found]
    writers.update(enumerate(sorted(last, key=lambda t: t.ret), len(longest) + 1))
    return Chain(writers, readers)


def _number(known: Sequence[Task], end: int) -> Chain | Violation:
    sure, unsure = _Numbers(), _Numbers()
    for task in known:
        (sure if _is_sure(task, end) else unsure).take(task)
    if sure.wrong is not None:
        return sure.wrong
    spare = iter(sorted(unsure.spare, key=lambda t: t.call))
    left = len(unsure.spare)
    bounds, bound = {}, FOREVER  # by place: nothing below it may be called later than this
    if sure.top > len(sure.writers) + len(unsure.writers) + left:
        return Violation(PHANTOM, (sure.highest(),), sure.top)
    for place in range(sure.top, 0, -1):
        bound = min([bound, *(t.ret for t in sure.readers.get(place, ()))])
        bounds[place] = bound
        if place in sure.writers:
            bound = min(bound, sure.writers[place].ret)
    for place in range(1, sure.top + 1):
        if place in sure.writers:
            continue
        later = unsure.writers.get(place)  # it will be answered so
        if later is None or later.call > bounds[place]:
            later = next(spare, None)
        if later is None:
            return Violation(PHANTOM, (sure.highest(),), sure.top)
        sure.writers[place] = later
    return Chain(sure.writers, sure.readers)


class _Numbers:
    """A counter's tasks by the number that they were answered."""

    def __init__(self) -> None:
        self.writers: dict[int, Task] = {}
        self.readers: dict[int, list[Task]] = {}
        self.spare: list[Task] = []  # increments without an answer
        self.top = 0
        self.wrong: Violation | None = None

    def take(self, task: Task) -> None:
        """Sort one in; tasks come by call, so the first of a number was called first."""
        if task.result is UNKNOWN:
            self.spare += [task] if task.f == "increment" else []
            return
        place = 0 if task.result is None else task.result
        if place < (task.f == "increment"):
            self.wrong = self.wrong or Violation(PHANTOM, (task,), place)
        elif task.f == "read":
            self.readers.setdefault(place, []).append(task)
        elif place in self.writers:
            self.wrong = self.wrong or Violation(DOUBLED, (self.writers[place], task), place)
        else:
            self.writers[place] = task
        self.top = max(self.top, place)

    def highest(self) -> Task:
        """Who was told the highest number."""
        return self.writers.get(self.top) or self.readers[self.top][0]


def ordered(chain: Chain, end: int, slack: int = 0) -> Violation | None:
    """Part 4: go up, with the latest call so far. With `slack` a read's call bounds only what comes
    so many places later, since it may have seen less than there was."""
    climb = _Climb(chain, end)
    for place in range(max([*chain.writers, *chain.readers], default=0) + 1):
        writer = chain.writers.get(place)
        if writer is not None:
            climb.check([writer])
            climb.leave([writer], place)
        here = chain.readers.get(place, [])
        climb.check(here)
        climb.leave([t for t in here if not slack or t.f != "read"], place)
        if slack:
            before = place - slack
            climb.leave([t for t in chain.readers.get(before, []) if t.f == "read"], before)
        if climb.wrong is not None:
            return climb.wrong
    return None


class _Climb:
    """The way up: the latest call of what lies below, and the first that returned before it."""

    def __init__(self, chain: Chain, end: int) -> None:
        self._chain = chain
        self._end = end
        self._latest: tuple[int, int, Task] | None = None  # its call, its place, the task
        self.wrong: Violation | None = None

    def check(self, tasks: Sequence[Task]) -> None:
        """All that lies below these was called before they returned."""
        if self._latest is None or self.wrong is not None:
            return
        call, place, low = self._latest
        for task in tasks:
            if task.ret <= self._end and task.ret < call:
                self.wrong = Violation(LATE, (task, low, *_between(self._chain, place, low, task)))
                return

    def leave(self, tasks: Sequence[Task], place: int) -> None:
        """From here on these lie below."""
        for task in tasks:
            if self._latest is None or task.call > self._latest[0]:
                self._latest = (task.call, place, task)


def _between(chain: Chain, place: int, low: Task, high: Task) -> tuple[Task, ...]:
    """The change that came after a read, where another read saw it."""
    after = chain.writers.get(place + 1)
    return (after,) if low.f == high.f == "read" and after is not None else ()
