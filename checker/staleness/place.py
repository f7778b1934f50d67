"""A register's versions in the order that its system says: `position` in every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.encode import Task
from checker.growing import Chain
from checker.model import UNKNOWN, tag
from checker.models.register import CasRegister
from harness.history import History


def by_position(model: Any, tasks: Sequence[Task], history: History) -> Chain | None:
    """The chain of a register with unique values, by the positions of its answers; a write without
    an answer stands where it was first seen. None where they do not say, or cannot be: the order
    is the system's word, and a reason to believe a history, not to disbelieve it."""
    if type(model) is not CasRegister:
        return None
    changes = {_new(t): t for t in tasks if t.f in ("write", "cas")}
    if len(changes) != sum(t.f in ("write", "cas") for t in tasks) or tag(None) in changes:
        return None
    own: dict[Any, int] = {}
    seen: dict[Any, int] = {}
    for task in tasks:
        if not task.must or (task.f == "refused" and task.result is UNKNOWN):
            continue
        at = history.ops[history.partner[task.at]].position
        if type(at) is not int:
            return None
        if task.f in ("write", "cas"):
            own[_new(task)] = at
        else:
            value = tag(task.result)
            seen[value] = min(at, seen.get(value, at))
    seen.pop(tag(None), None)
    place = {**{v: (at, 1) for v, at in seen.items()}, **{v: (at, 0) for v, at in own.items()}}
    is_known = place.keys() <= changes.keys() and len(set(place.values())) == len(place)
    return _laid(tasks, changes, sorted(place, key=lambda v: place[v])) if is_known else None


def _laid(tasks: Sequence[Task], changes: dict[Any, Task], order: list[Any]) -> Chain | None:
    """The chain of the values in this order, unless a compare-and-set is not next to what it
    compared with."""
    numbers = {value: number for number, value in enumerate([tag(None), *order])}
    for task in changes.values():
        number = numbers.get(_new(task))
        if task.f == "cas" and number and numbers.get(tag(task.value[0])) != number - 1:
            return None
    readers: dict[int, list[Task]] = {}
    for task in tasks:
        if task.must and task.f in ("read", "refused") and task.result is not UNKNOWN:
            if task.f == "refused" and tag(task.value[0]) == tag(task.result):
                return None
            readers.setdefault(numbers[tag(task.result)], []).append(task)
    return Chain({numbers[value]: changes[value] for value in order}, readers)


def _new(task: Task) -> Any:
    return tag(task.value[1] if task.f == "cas" else task.value)
