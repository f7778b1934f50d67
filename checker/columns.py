"""Columns: the tasks of one key as arrays, which is what the kernels eat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from checker.model import tag
from checker.task import FOREVER, Task, forget

Head = tuple[str, Any, Any]  # f, argument, result

_FULL = {"call": "int64", "ret": "int64", "mine": "int32", "at": "int64"}


class Tasks(Sequence[Task]):
    """The tasks of one key, by call, in columns; a Task is only made when one is asked for.

    Columns are `call` and `ret` (ranks; FOREVER where the outcome is unknown), `mine`, the class of
    each task, and `at`, all of shape (n,), int64 but for `mine`, int32. `classes` are the distinct
    (f, argument, result). Each column is given as a list or an array, and had as either: the
    properties are arrays, `lists` are lists; few tasks never need NumPy. `among` is how many tasks
    there are of all keys together: many short keys are worth loading a kernel, too.
    """

    __slots__ = ("_arrays", "_lists", "_made", "_size", "among", "classes")

    def __init__(
        self,
        call: Any,
        ret: Any,
        mine: Any,
        at: Any,
        classes: Sequence[Head],
        *,
        among: int | None = None,
    ) -> None:
        columns = {"call": call, "ret": ret, "mine": mine, "at": at}
        self._size = len(call)
        self._lists: dict[str, list[int]] = {}
        self._arrays: dict[str, Any] = {}
        kept = self._lists if isinstance(call, list) else self._arrays
        kept.update(columns)
        self._made: list[Task] | None = None
        self.classes = classes
        self.among = len(call) if among is None else among

    @property
    def call(self) -> Any:
        """The rank of each call."""
        return self._array("call")

    @property
    def ret(self) -> Any:
        """The rank of each return, FOREVER where the outcome is unknown."""
        return self._array("ret")

    @property
    def mine(self) -> Any:
        """The class of each task: its place in `classes`."""
        return self._array("mine")

    @property
    def at(self) -> Any:
        """The place of each invocation in the history's ops."""
        return self._array("at")

    def lists(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """call, ret, mine and at as lists."""
        call, ret, mine, at = map(self._list, _FULL)
        return call, ret, mine, at

    def is_listed(self) -> bool:
        """Whether the columns are lists so far, as those of few tasks are."""
        return bool(self._lists)

    def until(self, end: int) -> Tasks:
        """The prefix up to and with the event of rank `end`, with the classes that it has."""
        if self.is_listed():
            rows = [row for row in zip(*self.lists(), strict=True) if row[0] <= end]
            number: dict[int, int] = {}
            mine = [number.setdefault(c, len(number)) for _, _, c, _ in rows]
            rets = [ret if ret <= end else FOREVER for _, ret, _, _ in rows]
            kept = [self.classes[c] for c in number]
            return Tasks([row[0] for row in rows], rets, mine, [row[3] for row in rows], kept)
        import numpy as np

        n = int(np.searchsorted(self.call, end, "right"))
        late = np.where(self.ret[:n] <= end, self.ret[:n], FOREVER)
        used, places = np.unique(self.mine[:n], return_inverse=True)
        kept = [self.classes[c] for c in used.tolist()]
        return Tasks(self.call[:n], late, places.astype(np.int32), self.at[:n], kept)

    def said(self, heads: Sequence[Head | None]) -> Tasks:
        """The tasks with other classes: of each of `classes` the one that takes its place, None
        where its tasks are left out."""
        import numpy as np

        kept, number = _numbered([head for head in heads if head])
        again = iter(number)
        place = np.array([next(again) if head else -1 for head in heads], np.int32)[self.mine]
        stay = place >= 0
        return Tasks(self.call[stay], self.ret[stay], place[stay], self.at[stay], kept)

    def ending(self, end: int) -> Task:
        """The task that returns at this rank."""
        if self._lists:
            return self[self._lists["ret"].index(end)]
        return self[int((self._arrays["ret"] == end).argmax())]

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> Task: ...
    @overload
    def __getitem__(self, place: slice) -> list[Task]: ...
    def __getitem__(self, place: int | slice) -> Task | list[Task]:
        if self._made is not None or isinstance(place, slice):
            return self._all()[place]
        held = self._lists or self._arrays
        f, value, result = self.classes[held["mine"][place]]
        call, ret, at = (int(held[name][place]) for name in ("call", "ret", "at"))
        return Task(f, value, result, call, ret, at)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, Tasks) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Tasks({self._all()!r})"

    def _all(self) -> list[Task]:
        if self._made is None:
            classes = self.classes
            self._made = [
                Task(*classes[c], call, ret, at)
                for call, ret, c, at in zip(*self.lists(), strict=True)
            ]
        return self._made

    def _array(self, name: str) -> Any:
        found = self._arrays.get(name)
        if found is None:
            import numpy as np

            found = self._arrays[name] = np.array(self._lists[name], _FULL[name])
        return found

    def _list(self, name: str) -> list[int]:
        found = self._lists.get(name)
        if found is None:
            return self._arrays[name].tolist()  # type: ignore[no-any-return]
        return found


def columns(tasks: Sequence[Task]) -> Tasks:
    """The tasks in columns, as they are where they are that already. They must be by call."""
    if isinstance(tasks, Tasks):
        return tasks
    found, mine = _classes(tasks)
    calls, rets = [task.call for task in tasks], [task.ret for task in tasks]
    return Tasks(calls, rets, mine, [task.at for task in tasks], found)


def classes(tasks: Iterable[Task]) -> tuple[Sequence[Head], list[int]]:
    """The distinct (f, argument, result) of tasks, and each task's place among them."""
    if isinstance(tasks, Tasks):
        return tasks.classes, tasks.lists()[2]
    return _classes(tasks)


def _classes(tasks: Iterable[Task]) -> tuple[list[Head], list[int]]:
    return _numbered([(task.f, task.value, task.result) for task in tasks])


def _numbered(heads: Iterable[Head]) -> tuple[list[Head], list[int]]:
    """The distinct heads, and the place of each among them."""
    number: dict[Any, int] = {}
    found: list[Head] = []
    mine = []
    for head in heads:
        name = (head[0], tag(head[1]), tag(head[2]))
        c = number.get(name, -1)
        if c < 0:
            c = number[name] = len(found)
            found.append(head)
        mine.append(c)
    return found, mine


def until(tasks: Sequence[Task], end: int) -> Sequence[Task]:
    """The prefix of a history up to and with the event of rank `end`: what returned later may have
    happened or not."""
    if isinstance(tasks, Tasks):
        return tasks.until(end)
    return [task if task.ret <= end else forget(task) for task in tasks if task.call <= end]
