"""The tasks of a register with their values as small numbers, where no value is written twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import Any

from msgspec import Struct

from checker.columns import Head, Tasks, columns
from checker.model import UNKNOWN, same, tag
from checker.models.register import CasRegister, Register
from checker.task import Task

READ, WRITE, CAS, NEVER, REFUSED, NOTHING = range(6)
INITIAL = 0  # the number of the initial value


class Numbers(Struct, frozen=True):
    """Of each class of tasks: its kind, the number of the value that it read or compared with
    (`old`, else -1), and of the one that it wrote (`new`, else -1). NEVER is a refusal that saw
    what it compared with, REFUSED one that does not say what it saw, NOTHING tells nothing.
    `count` is how many numbers there are."""

    kind: list[int]
    old: list[int]
    new: list[int]
    count: int


class Values:
    """Tasks with their kinds and values; the lists have a place for each task."""

    def __init__(self, model: Any, tasks: Tasks, numbers: Numbers) -> None:
        self.model = model
        self.tasks = tasks
        self.count = numbers.count
        self._numbers = numbers
        self.refused = REFUSED in numbers.kind  # whether there may be one among the tasks

    @cached_property
    def calls(self) -> list[int]:
        """The rank of each call."""
        return self.tasks.lists()[0]

    @cached_property
    def rets(self) -> list[int]:
        """The rank of each return, FOREVER where the outcome is unknown."""
        return self.tasks.lists()[1]

    @cached_property
    def kind(self) -> list[int]:
        """What each task is."""
        return self._each(self._numbers.kind)

    @cached_property
    def old(self) -> list[int]:
        """The value that each task read or compared with, or -1."""
        return self._each(self._numbers.old)

    @cached_property
    def new(self) -> list[int]:
        """The value that each task wrote, or -1."""
        return self._each(self._numbers.new)

    def _each(self, of_class: Sequence[int]) -> list[int]:
        return [of_class[c] for c in self.tasks.lists()[2]]

    def arrays(self) -> tuple[Any, Any, Any]:
        """kind, old and new as int64 arrays."""
        import numpy as np

        numbers, mine = self._numbers, self.tasks.mine
        kind, old, new = (
            np.array(of_class, np.int64)[mine]
            for of_class in (numbers.kind, numbers.old, numbers.new)
        )
        return kind, old, new


def prepare(model: Any, tasks: Sequence[Task]) -> Values | None:
    """The tasks of a register with unique values, or None where they are not that."""
    if type(model) not in (Register, CasRegister):
        return None
    in_columns = columns(tasks)
    numbers = _numbers(model, in_columns.classes)
    if numbers is None or not _once(numbers, in_columns):
        return None
    return Values(model, in_columns, numbers)


def _numbers(model: Any, classes: Sequence[Head]) -> Numbers | None:
    """The numbers of the classes; None where two of them write the same value."""
    number: defaultdict[Any, int] = defaultdict(count().__next__)
    assert number[tag(model.initial()[0])] == INITIAL
    kinds, olds, news = [], [], []
    made = {INITIAL}
    for f, value, result in classes:
        old = new = -1
        if f == "read":  # most are, or write
            kind = NOTHING if result is UNKNOWN else READ
            if kind == READ:
                old = number[result if type(result) is int else tag(result)]
        elif f == "write":
            kind = WRITE
            new = number[value if type(value) is int else tag(value)]
        elif f == "cas":
            kind = CAS
            old, new = value
            old = number[old if type(old) is int else tag(old)]
            new = number[new if type(new) is int else tag(new)]
        else:
            kind, seen = _seen(f, value, result)
            if kind != NOTHING:
                old = number[seen if type(seen) is int else tag(seen)]
        if new >= 0:
            if new in made:
                return None
            made.add(new)
        kinds.append(kind)
        olds.append(old)
        news.append(new)
    return Numbers(kinds, olds, news, len(number))


def _seen(f: str, value: Any, result: Any) -> tuple[int, Any]:
    """The kind of a read or a refusal, and the value that it tells of."""
    if result is UNKNOWN:
        return (REFUSED, value[0]) if f == "refused" else (NOTHING, None)
    if f == "refused" and same(value[0], result):
        return NEVER, result
    return READ, result


def _once(numbers: Numbers, tasks: Tasks) -> bool:
    """Whether each class that writes has at most one task."""
    if tasks.is_listed():
        writes = [c for c in tasks.lists()[2] if numbers.new[c] >= 0]
        return len(writes) == len(set(writes))
    import numpy as np

    per_class = np.bincount(tasks.mine, minlength=len(numbers.new))
    return not (per_class[np.array(numbers.new) >= 0] > 1).any()
