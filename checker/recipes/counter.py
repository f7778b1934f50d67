"""Counters: every increment counts, and none counts twice.

An increment says which value it made, and the zxid at which it made it. A history is valid if and
only if, for each counter,

- N1 no value was made by two increments (else the first was lost);
- N2 in the order of the zxids each increment makes more than what was made or read before, and a
  read has no less; and what is read at one zxid is one value, that of an increment made there;
- N3 whoever asked after a value had been made, or read, makes a higher one, or reads no lower one;
- N4 each value up to the highest that was made or read was made by somebody: by an increment that
  said so, or by one of unknown outcome that was asked for before anybody saw that value or a
  higher one. One that names the value it would have made can have made no other.

N3 may be asked of reads since they come after a sync, which ZooKeeper orders as a write.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from checker.recipes.picture import edge, ends
from checker.recipes.section import is_ok, number, zxid
from checker.recipes.wrong import Wrong, by_key, is_unsure, judged, told, who
from harness.history import Call, History
from harness.result import Budget, Edge, Result

LOST = "lost update"
BACK = "counter went back"
TWICE = "counted twice"


class Count:
    """The checker `counter`."""

    name = "counter"

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words; `data` counts increments by outcome, reads,
        the highest value of all counters together, and each broken rule. Unknown where nothing was
        incremented, or values or zxids are missing."""
        calls = [call for call in history.calls if call.invoke.f in ("increment", "read")]
        wrongs: list[Wrong] = []
        total = 0
        for group in by_key(calls):
            made, seen = _made(group), _seen(group)
            wrongs += [*_twice(made), *_zxids(seen), *_times(seen)]
            wrongs += _unmade(made, seen, group)
            total += max(map(_value, seen), default=0)
        asked = [call for call in calls if call.invoke.f == "increment"]
        data: dict[str, Any] = {
            "made": sum(map(is_ok, asked)),
            "unknown": sum(map(is_unsure, asked)),
            "reads": sum(is_ok(call) for call in calls if call.invoke.f == "read"),
            "total": total,
        }
        return judged(history, wrongs, data, _lacks(calls))


def _lacks(calls: Iterable[Call]) -> str | None:
    """What is missing to judge by, in words."""
    oks = [call for call in calls if is_ok(call)]
    if not any(call.invoke.f == "increment" for call in oks):
        return "nothing was incremented"
    if any(_value(call) < (call.invoke.f == "increment") for call in oks) or any(
        number(told(call)) is None for call in oks
    ):
        return "an operation does not say the counter's value"
    if any(_position(call) is None for call in oks):
        return "an operation says no zxid"
    return None


def _value(call: Call) -> int:
    return number(told(call)) or 0


def _position(call: Call) -> int | None:
    return number(call.completion.position) if call.completion else None


def _made(group: Sequence[Call]) -> list[Call]:
    """The increments that came out ok, by value."""
    oks = [call for call in _seen(group) if call.invoke.f == "increment"]
    return sorted(oks, key=_value)


def _seen(group: Sequence[Call]) -> list[Call]:
    """All that say a value, by the time of their return."""
    oks = [call for call in group if is_ok(call) and number(told(call)) is not None]
    return sorted(oks, key=ends)


# N1 and N2


def _twice(made: Sequence[Call]) -> Iterator[Wrong]:
    for one, other in pairwise(made):
        if _value(one) != _value(other):
            continue
        a, b = sorted((one, other), key=lambda call: _position(call) or 0)
        at, after = zxid(_position(a)), zxid(_position(b))
        value = _value(a)
        text = (
            f"{who(a)} and {who(b)} both made {value} of counter {a.invoke.key}, at {at} and at "
            f"{after}: the second was made of what had been there before the first, which is lost"
        )
        forces = (
            edge(a, b, "ww", f"{at}, then {after}"),
            edge(b, a, "rw", f"made {value} of {value - 1}"),
        )
        yield Wrong(LOST, b, (a,), forces, text)


def _zxids(seen: Sequence[Call]) -> Iterator[Wrong]:
    """Increments and reads by zxid; at one zxid the increment comes first: it made that state."""
    placed = [(place, call) for call in seen if (place := _position(call)) is not None]
    top: tuple[int, Call] | None = None
    for place, call in sorted(placed, key=lambda it: (it[0], it[1].invoke.f == "read")):
        if top is None or _fits(call, top[1], same=place == top[0]):
            top = place, call
        elif not _is_twice(call, top[1]):
            yield _unfit(call, top[1])


def _fits(call: Call, before: Call, *, same: bool) -> bool:
    """Whether it may come next by zxid; `same`: at that of the one before."""
    if call.invoke.f == "increment":
        return _value(call) > _value(before) and not same
    return _value(call) == _value(before) or (_value(call) > _value(before) and not same)


def _is_twice(call: Call, other: Call) -> bool:
    """Whether N1 has something to say of them."""
    both = call.invoke.f == other.invoke.f == "increment"
    return both and _value(call) == _value(other)


def _unfit(call: Call, before: Call) -> Wrong:
    at, there = zxid(_position(call)), zxid(_position(before))
    text = (
        f"{who(call)} {_did(call)} {_value(call)} of counter {call.invoke.key} at {at}, though "
        f"{who(before)} had {_did(before)} {_value(before)} at {there}"
    )
    is_read = call.invoke.f == "read"
    forces = (
        edge(before, call, "ww", f"{there}, then {at}"),
        edge(call, before, "rw" if is_read else "ww", f"{_value(call)}, not {_value(before)}"),
    )
    is_lost = is_read and _value(call) < _value(before)
    return Wrong(LOST if is_lost else BACK, call, (before,), forces, text)


def _did(call: Call) -> str:
    return "read" if call.invoke.f == "read" else "made"


# N3


def _times(seen: Sequence[Call]) -> Iterator[Wrong]:
    """Each against the highest value that had been returned before it was called."""
    times = [ends(call) for call in seen]
    highest: list[Call] = []
    for call in seen:
        highest.append(max(highest[-1], call, key=_value) if highest else call)
    for call in seen:
        before = bisect_left(times, call.invoke.time)
        if before == 0:
            continue
        top, is_read = highest[before - 1], call.invoke.f == "read"
        if _value(call) > _value(top) or (is_read and _value(call) == _value(top)):
            continue
        if _is_twice(call, top):
            continue
        text = (
            f"{who(call)} {_did(call)} {_value(call)} of counter {call.invoke.key}, though "
            f"{who(top)} had {_did(top)} {_value(top)} before it asked"
        )
        forces = (
            edge(top, call, "rt", ""),
            edge(call, top, "rw" if is_read else "ww", f"{_value(call)} is below {_value(top)}"),
        )
        yield Wrong(LOST if is_read else BACK, call, (top,), forces, text)


# N4


def _unmade(made: Sequence[Call], seen: Sequence[Call], group: Sequence[Call]) -> Iterator[Wrong]:
    """The first value that nobody can have made. Whoever names no value may have made any: since a
    higher value is first seen no earlier than a lower one, it is enough to count them."""
    unsure = [c for c in group if c.invoke.f == "increment" and is_unsure(c)]
    named: dict[int, Call] = {}
    for call in reversed(unsure):
        if (value := number(told(call))) is not None:
            named[value] = call  # of several the first that was asked for
    free = sorted(c.invoke.time for c in unsure if number(told(c)) is None)
    values = set(map(_value, made))
    used = 0
    for value, first in _firsts(seen):
        if value in values:
            continue
        if value in named and named[value].invoke.time <= ends(first):
            continue
        used += 1
        if used > bisect_right(free, ends(first)):
            yield _nobody(value, first, made)
            return


def _firsts(seen: Sequence[Call]) -> Iterator[tuple[int, Call]]:
    """Every value from 1 on, with the first that saw it or a higher one."""
    reached = 0
    for call in seen:
        for value in range(reached + 1, _value(call) + 1):
            yield value, call
        reached = max(reached, _value(call))


def _nobody(value: int, first: Call, made: Sequence[Call]) -> Wrong:
    below = [call for call in made if _value(call) < value]
    last = below[-1:]
    since = f", where {who(last[0])} had made {_value(last[0])}" if last else ""
    text = (
        f"{who(first)} {_did(first)} {_value(first)} of counter {first.invoke.key}{since}: no "
        f"increment that was answered made {value}, nor can one of unknown outcome have made it"
    )
    forces: list[Edge] = [
        edge(call, first, "ww", f"{_value(call)}, then {_value(first)}") for call in last
    ]
    return Wrong(TWICE, first, tuple(last), tuple(forces), text)
