"""Counters: every increment counts, and none counts twice.

An increment says which value it made, and the zxid at which it made it. A history is valid if and
only if, for each counter,

- N1 no value was made by two increments (else the first was lost);
- N2 in the order of the values the zxids grow;
- N3 whoever asked after a value had been made, or read, makes a higher one, or reads no lower one;
- N4 a read has the value of the last increment at or before its zxid, or a higher one where some of
  unknown outcome may lie between, but less than that of the next;
- N5 each value up to the highest that was made or read was made by somebody: by an increment that
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
from checker.recipes.section import number, zxid
from checker.recipes.wrong import Wrong, by_key, is_ok, is_unsure, told, verdict, who
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
            wrongs += [*_twice(made), *_zxids(made), *_times(seen), *_reads(made, group)]
            wrongs += _unmade(made, seen, group)
            total += max(map(_value, seen), default=0)
        asked = [call for call in calls if call.invoke.f == "increment"]
        data: dict[str, Any] = {
            "made": sum(map(is_ok, asked)),
            "unknown": sum(map(is_unsure, asked)),
            "reads": sum(is_ok(call) for call in calls if call.invoke.f == "read"),
            "total": total,
        }
        return verdict(history, wrongs, data, _lacks(calls))


def _lacks(calls: Iterable[Call]) -> str | None:
    """What is missing to judge by, in words."""
    oks = [call for call in calls if is_ok(call)]
    if not any(call.invoke.f == "increment" for call in oks):
        return "nothing was incremented"
    if any(number(told(call)) is None for call in oks):
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


def _zxids(made: Sequence[Call]) -> Iterator[Wrong]:
    for a, b in pairwise(made):
        first, second = _position(a), _position(b)
        if _value(a) == _value(b) or first is None or second is None or first < second:
            continue
        text = (
            f"{who(b)} made {_value(b)} of counter {b.invoke.key} at {zxid(second)}, though "
            f"{who(a)} made {_value(a)} only at {zxid(first)}"
        )
        forces = (
            edge(a, b, "ww", f"{_value(a)}, then {_value(b)}"),
            edge(b, a, "ww", f"{zxid(second)}, then {zxid(first)}"),
        )
        yield Wrong(BACK, a, (b,), forces, text)


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
        if not is_read and _value(call) == _value(top) and top.invoke.f == "increment":
            continue  # N1's
        did = "read" if is_read else "made"
        saw = "read" if top.invoke.f == "read" else "made"
        text = (
            f"{who(call)} {did} {_value(call)} of counter {call.invoke.key}, though {who(top)} had "
            f"{saw} {_value(top)} before it asked"
        )
        forces = (
            edge(top, call, "rt", ""),
            edge(call, top, "rw" if is_read else "ww", f"{_value(call)} is below {_value(top)}"),
        )
        yield Wrong(LOST if is_read else BACK, call, (top,), forces, text)


# N4


def _reads(made: Sequence[Call], group: Sequence[Call]) -> Iterator[Wrong]:
    placed = sorted((p, _value(c), c) for c in made if (p := _position(c)) is not None)
    places = [place for place, _, _ in placed]
    for read in group:
        at = _position(read)
        if read.invoke.f != "read" or not is_ok(read) or at is None:
            continue
        after = bisect_right(places, at)
        if after and placed[after - 1][1] > _value(read):
            yield _misread(read, placed[after - 1][2], before=True)
        elif after < len(placed) and placed[after][1] <= _value(read):
            yield _misread(read, placed[after][2], before=False)


def _misread(read: Call, other: Call, *, before: bool) -> Wrong:
    at, there = zxid(_position(read)), zxid(_position(other))
    when = f"had made {_value(other)} at {there}" if before else f"made that only at {there}"
    text = f"{who(read)} read {_value(read)} of counter {read.invoke.key} at {at}, though "
    text += f"{who(other)} {when}"
    one, two = (other, read) if before else (read, other)
    forces = (
        edge(one, two, "ww", f"{zxid(_position(one))}, then {zxid(_position(two))}"),
        edge(two, one, "rw" if before else "wr", f"read {_value(read)}"),
    )
    return Wrong(LOST if before else BACK, read, (other,), forces, text)


# N5


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
        if value in named and named[value].invoke.time < ends(first):
            continue
        used += 1
        if used > bisect_left(free, ends(first)):
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
    did = "read" if first.invoke.f == "read" else "made"
    since = f", where {who(last[0])} had made {_value(last[0])}" if last else ""
    text = (
        f"{who(first)} {did} {_value(first)} of counter {first.invoke.key}{since}: no increment "
        f"that was answered made {value}, nor can one of unknown outcome have made it"
    )
    forces: list[Edge] = [
        edge(call, first, "ww", f"{_value(call)}, then {_value(first)}") for call in last
    ]
    return Wrong(TWICE, first, tuple(last), tuple(forces), text)
