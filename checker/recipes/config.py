"""Configurations behind a Ready file: who reads one reads it whole, and never an older one again.

Configurations of a key are numbered in the order in which they were asked for, one after the other;
a read says what it found in each part. A history is valid if and only if, for each key,

- C1 all parts of a read are of one configuration;
- C2 that one was asked for before the read returned, and did not certainly fail; none of them is
  nothing, as before the first;
- C3 it is no older than what had been read, or made ready, in the read's session before;
- C4 nor older than the last that was ready at or before the read's zxid;
- C5 and it was ready by then.

A configuration of unknown outcome may have become ready or not; nothing is asked of its zxid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import UNSET

from checker import words
from checker.recipes.picture import edge, ends
from checker.recipes.section import is_ok, number, zxid
from checker.recipes.wrong import Wrong, by_key, judged, told, who
from harness.history import Call, History
from harness.op import FAIL
from harness.result import Budget, Result

MIX = "mixed configuration"
UNASKED = "configuration from nowhere"
BACK = "older configuration"
EARLY = "configuration not ready yet"

MOST_CORE = 3  # configurations of a mix that are drawn


class Config:
    """The checker `config`."""

    name = "config"

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words; `data` counts configurations that became
        ready, those of unknown outcome, reads, and each broken rule. Unknown where nothing was
        read, where values, zxids or sessions are missing, or where two of a key were written at a
        time."""
        calls = [call for call in history.calls if call.invoke.f in ("configure", "read")]
        wrongs: list[Wrong] = []
        for group in by_key(calls):
            wrongs += _wrongs(group)
        asked = [call for call in calls if call.invoke.f == "configure"]
        data: dict[str, Any] = {
            "ready": sum(map(is_ok, asked)),
            "unknown": sum(not is_ok(call) and not _failed(call) for call in asked),
            "reads": sum(is_ok(call) for call in calls if call.invoke.f == "read"),
        }
        return judged(history, wrongs, data, _lacks(calls))


def _lacks(calls: Sequence[Call]) -> str | None:
    """What is missing to judge by, in words."""
    oks = [call for call in calls if is_ok(call)]
    reads = [call for call in oks if call.invoke.f == "read"]
    if not reads:
        return "no configuration was read"
    if not all(isinstance(told(call), (list, tuple)) for call in reads):
        return "a read does not say what it found"
    if any(number(call.completion.position) is None for call in oks if call.completion):
        return "an operation says no zxid"
    if any(call.completion.session is UNSET for call in reads if call.completion):
        return "a read says no session"
    if not all(map(_is_ordered, by_key(calls))):
        return "configurations were not asked for one after the other, by number"
    return None


def _is_ordered(group: Sequence[Call]) -> bool:
    """Whether configurations were asked for one at a time, in the order of their numbers."""
    asked = [call for call in group if call.invoke.f == "configure"]
    return all(
        one.completion is not None
        and ends(one) <= other.invoke.time
        and _number(one) < _number(other)
        for one, other in pairwise(asked)
    )


def _number(call: Call) -> int:
    return number(call.invoke.value) or 0


def _failed(call: Call) -> bool:
    return call.completion is not None and call.completion.type == FAIL


def _place(call: Call) -> int:
    """The zxid of its completion; 0 where it says none."""
    return (number(call.completion.position) if call.completion else None) or 0


def _found(read: Call) -> Sequence[Any]:
    value = told(read)
    return value if isinstance(value, (list, tuple)) else ()


def _wrongs(group: Sequence[Call]) -> Iterator[Wrong]:
    asked = {_number(call): call for call in group if call.invoke.f == "configure"}
    reads = [call for call in group if call.invoke.f == "read" and is_ok(call) and _found(call)]
    whole: list[Call] = []
    for read in reads:
        strange = [value for value in _found(read) if not _is_possible(_of(asked, value), read)]
        if None in strange:
            yield _unwritten(read, asked)
        elif strange:
            yield _nowhere(read, strange[0], _of(asked, strange[0]))
        elif len(set(_found(read))) > 1:
            yield _mix(read, asked)
        else:
            whole.append(read)
    if not _is_ordered(group):
        return
    yield from _sessions(whole, asked)
    yield from _zxids(whole, asked)


# C1 and C2


def _of(asked: dict[int, Call], value: Any) -> Call | None:
    """Who was asked to write what a read found."""
    found = number(value)
    return None if found is None else asked.get(found)


def _is_possible(call: Call | None, read: Call) -> bool:
    """Whether a read can have seen (a part of) a configuration."""
    return call is not None and not _failed(call) and call.invoke.time <= ends(read)


def _nowhere(read: Call, value: Any, call: Call | None) -> Wrong:
    if call is None:
        why = "which nobody asked for"
    elif _failed(call):
        why = f"which {who(call)} was told had not been written"
    else:
        why = f"which {who(call)} asked for only later"
    text = f"{who(read)} read configuration {value} of key {read.invoke.key}, {why}"
    core = () if call is None else (call,)
    forces = tuple(edge(c, read, "wr", str(value)) for c in core)
    return Wrong(UNASKED, read, core, forces, text)


def _unwritten(read: Call, asked: dict[int, Call]) -> Wrong:
    """A part that nobody had written yet: the first configuration was being written."""
    part = list(_found(read)).index(None) + 1
    text = (
        f"{who(read)} read {words.value(list(_found(read)))} of key {read.invoke.key}, where part "
        f"{part} had never been written, so no configuration was ready"
    )
    core = tuple(call for call in asked.values() if call.invoke.time <= ends(read))[:1]
    forces = tuple(edge(read, call, "rw", f"part {part} is nothing yet") for call in core)
    return Wrong(EARLY, read, core, forces, text)


def _mix(read: Call, asked: dict[int, Call]) -> Wrong:
    found = list(_found(read))
    numbers = sorted(set(found))[-MOST_CORE:]
    new, changed = asked[numbers[-1]], numbers[-1]
    parts = " and ".join(f"{found.count(n)} of {n}" for n in numbers)
    text = (
        f"{who(read)} read {found} of key {read.invoke.key}: of {len(found)} parts {parts}, so "
        f"{who(new)} was writing {changed} meanwhile, and the reader did not begin again"
    )
    forces = [edge(asked[n], read, "wr", f"part {found.index(n) + 1} is {n}") for n in numbers]
    old = next(i for i, value in enumerate(found) if value != changed)
    forces.append(edge(read, new, "rw", f"part {old + 1} is not {changed} yet"))
    return Wrong(MIX, read, tuple(asked[n] for n in numbers), tuple(forces), text)


# C3


def _sessions(whole: Sequence[Call], asked: dict[int, Call]) -> Iterator[Wrong]:
    """Each read against the newest that its session had seen before it was called."""
    newest: dict[Any, Call] = {}
    made = [call for call in asked.values() if is_ok(call)]
    for call in sorted((*whole, *made), key=ends):
        assert call.completion is not None
        session = call.completion.session
        if session is UNSET:
            continue
        before = newest.get(session)
        if before is None or _which(call) >= _which(before):
            newest[session] = call
        elif call.invoke.f == "read" and ends(before) <= call.invoke.time:
            yield _older(call, before, asked, f"its session had seen {_which(before)} before")


def _which(call: Call) -> int:
    """The configuration that a whole read found, or that was written."""
    found = _found(call)
    value = found[0] if found and call.invoke.f == "read" else call.invoke.value
    return number(value) or 0


def _older(read: Call, before: Call, asked: dict[int, Call], why: str) -> Wrong:
    old, new = _which(read), _which(before)
    text = f"{who(read)} read configuration {old} of key {read.invoke.key}, though {why}"
    forces = [edge(asked[old], read, "wr", str(old)), edge(read, before, "rw", f"before {new}")]
    forces.append(edge(before, read, "rt", f"{new} was seen"))
    return Wrong(BACK, read, (asked[old], before), tuple(forces), text)


# C4 and C5


def _zxids(whole: Sequence[Call], asked: dict[int, Call]) -> Iterator[Wrong]:
    ready = sorted((_place(call), n) for n, call in asked.items() if is_ok(call) and _place(call))
    places = [place for place, _ in ready]
    for read in filter(_place, whole):
        at, found = _place(read), _which(read)
        after = bisect_right(places, at)
        if after and ready[after - 1][1] > found:
            place, new = ready[after - 1]
            why = f"at its zxid {zxid(at)} {new} had been ready since {zxid(place)}"
            yield _older(read, asked[new], asked, why)
        elif after < len(ready) and ready[after][1] <= found:
            yield _too_early(read, asked[ready[after][1]])


def _too_early(read: Call, made: Call) -> Wrong:
    at, there = zxid(_place(read)), zxid(_place(made))
    text = (
        f"{who(read)} read configuration {_which(read)} of key {read.invoke.key} at {at}, though "
        f"{who(made)} made {_which(made)} ready only at {there}"
    )
    forces = (
        edge(made, read, "wr", str(_which(read))),
        edge(read, made, "ww", f"{at}, then {there}"),
    )
    return Wrong(EARLY, read, (made,), forces, text)
