"""Unique ids: what is given out must differ from all that was given out before.

Nothing else can go wrong: two operations with different answers may come in either order, and one
without an answer has given out some id that nobody was told. So the first return of an id that had
been returned ends the shortest prefix with a violation, and there is no search. (Before that return
the second id is not known to have been given out: its operation may not have happened yet.)
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from typing import Any

from msgspec import Struct

from checker import words
from checker.contradiction import say
from checker.encode import Task
from checker.model import tag
from checker.models.number import UniqueIds
from checker.story import Story
from harness.history import History


class Twice(Struct, frozen=True):
    """Two operations that were answered the same id, by return."""

    first: Task
    second: Task
    kind: str = "given twice"


def is_fit(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether these tasks are those of something that gives out ids."""
    return type(model) is UniqueIds


def first_violation(model: Any, tasks: Sequence[Task]) -> Generator[None, None, int | None]:
    """The rank of the first return of an id that had been given out, or None. Never yields."""
    found = twice(tasks)
    return None if found is None else found.second.ret
    yield


def violation(model: Any, tasks: Sequence[Task], end: int) -> Twice | None:
    """The id that was given out twice in the prefix up to rank `end`, or None."""
    found = twice(tasks)
    return found if found is not None and found.second.ret <= end else None


def twice(tasks: Sequence[Task]) -> Twice | None:
    """The first two operations that were answered the same id."""
    given: dict[Hashable, Task] = {}
    for task in sorted((task for task in tasks if task.must), key=lambda task: task.ret):
        first = given.setdefault(tag(task.result), task)
        if first is not task:
            return Twice(first, task)
    return None


def tell_twice(history: History, wrong: Twice, last: Task) -> Story:
    """The story of an id that was given out twice."""
    first, second = say(history, wrong.first), say(history, wrong.second)
    gap = words.gap(second.returned, first.returned)
    sentence = f"{second.whole}, {gap} {first.what} by {first.who} had {first.came}"
    core = sorted((wrong.first, wrong.second), key=lambda task: task.at)
    return Story(tuple(core), (), sentence, wrong.kind)
