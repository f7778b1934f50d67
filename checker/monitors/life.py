"""Lives: since when each value of a queue or stack must have been inside, and until when.

A value is put in once. Its *life* is four ranks: `put`, from where on it may have been put in (the
call); `inside`, from where on it must have been (the return); `leaving`, from where on it may have
been taken (the call); `out`, from where on it must be gone (the return). As it is put in before it
is taken, `inside` is at most `out`, and `leaving` at least `put`. Strictly between `inside` and
`leaving` it is *surely inside*; where `inside` is not before `leaving`, never.

Every value has a life that ends, in the order that is looked for and here:

- A value that is never taken is taken at the very end, after all events: from rank END on, with the
  others that are left. (What is left by an order of the history can be taken out after it; and an
  order of the drained history, cut at the moment END, is one of the history.)
- A take without an answer that nevertheless is known to be of this value (it returned later than
  the prefix that is looked at) is taken from its call on: either then or in the drain.
- A put without an answer is part of the history exactly if an answered take returned its value:
  dropping all operations of one value never makes an order illegal.
- An empty answer without a return may not have happened and changed nothing: it is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from checker.columns import columns
from checker.encode import FOREVER, Task
from checker.model import UNKNOWN, tag

NEVER = FOREVER


class Life(NamedTuple):
    """One value's life in ranks, as above; `value` is its number."""

    value: int
    put: int
    inside: int
    leaving: int
    out: int


class Empty(NamedTuple):
    """A take that found nothing: its place among the tasks, call and return."""

    place: int
    call: int
    ret: int


class Box(NamedTuple):
    """The tasks of one object by value. For each value: its place among the tasks and the call and
    return of its `put`; of the take of it that returned first, place, call and return; the earliest
    call of all its takes; of the take that returned second, the return (`again`) and the place
    (`other`). Where there is none: place -1, rank NEVER. `wild` has the places of the takes that
    nobody knows the value of, by call."""

    values: list[Any]
    put: list[tuple[int, int, int]]
    take: list[tuple[int, int, int]]
    soonest: list[int]
    again: list[int]
    other: list[int]
    empties: list[Empty]
    wild: dict[int, int]
    end: int  # after all events


def is_unique(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether no value is put in twice."""
    table = columns(tasks)
    puts = [c for c, head in enumerate(table.classes) if head[0] == model.put]
    if len({tag(table.classes[c][1]) for c in puts}) < len(puts):
        return False
    once = set(puts)
    return sum(c in once for c in table.lists()[2]) == len(puts)


_PUT, _TAKE, _EMPTY, _WILD = range(4)


def read(model: Any, tasks: Sequence[Task]) -> Box:
    """The tasks by value, of which none is put in twice."""
    table = columns(tasks)
    call, ret, mine, _ = table.lists()
    kinds, numbers, values = _meanings(model, table.classes)
    count = len(values)
    last = max([-1, *call[-1:], *(rank for rank in ret if rank != FOREVER)])
    put = [(-1, NEVER, NEVER)] * count
    take, soonest, again, other = list(put), [NEVER] * count, [NEVER] * count, [-1] * count
    box = Box(values, put, take, soonest, again, other, [], {}, 1 + last)
    for place, c in enumerate(mine):
        kind, v = kinds[c], numbers[c]
        if kind == _PUT:
            put[v] = (place, call[place], ret[place])
        elif kind == _TAKE:
            if call[place] < soonest[v]:
                soonest[v] = call[place]
            _take(box, v, (place, call[place], ret[place]))
        elif kind == _WILD:
            box.wild[call[place]] = place
        elif ret[place] != FOREVER:
            box.empties.append(Empty(place, call[place], ret[place]))
    return box


def _meanings(
    model: Any, classes: Sequence[tuple[str, Any, Any]]
) -> tuple[list[int], list[int], list[Any]]:
    """For each class what it does, and the number of the value it is about; and the values."""
    number: dict[Any, int] = {}
    kinds: list[int] = []
    numbers: list[int] = []
    values: list[Any] = []
    for f, value, result in classes:
        is_put = f == model.put
        if not is_put and (result is UNKNOWN or result is None):
            kinds.append(_WILD if result is UNKNOWN else _EMPTY)
            numbers.append(-1)
            continue
        about = value if is_put else result
        v = number.setdefault(tag(about), len(number))
        if v == len(values):
            values.append(about)
        kinds.append(_PUT if is_put else _TAKE)
        numbers.append(v)
    return kinds, numbers, values


def _take(box: Box, v: int, take: tuple[int, int, int]) -> None:
    """One more take of a value: is it the first that returned, or the second?"""
    if take[2] < box.take[v][2]:
        take, box.take[v] = box.take[v], take
    if take[2] < box.again[v]:
        box.again[v], box.other[v] = take[2], take[0]


def lives(box: Box, end: int, given: dict[int, int] | None) -> list[Life]:
    """The lives in the prefix up to rank `end`, of a box in which nothing was taken that had not
    been put in, and nothing twice; `given` has the calls of wild takes by the values they took;
    None leaves out all values that are not certainly taken."""
    found = []
    for v, (_, put, inside) in enumerate(box.put):
        _, leaving, out = box.take[v]
        if out > end:
            if inside > end or given is None:
                continue
            leaving, out = given.get(v, box.soonest[v]), box.end + 1
            if leaving > end:
                leaving = box.end
        if inside > end:
            inside = box.end + 1
        found.append(Life(v, put, min(inside, out), max(leaving, put), out))
    return found


def empties(box: Box, end: int) -> list[Empty]:
    """The empty answers of the prefix."""
    return [empty for empty in box.empties if empty.ret <= end]


def chain(known: Sequence[Life], low: int, high: int) -> list[Life] | None:
    """As few lives as can be of which at every moment from rank `low` to `high`, both included, one
    is surely inside; None where there is a moment without. Each is surely inside before the one
    before it is leaving."""
    found: list[Life] = []
    while low <= high:
        over = [life for life in known if life.inside < low < life.leaving]
        if not over:
            return None
        found.append(max(over, key=lambda life: life.leaving))
        low = found[-1].leaving
    return found
