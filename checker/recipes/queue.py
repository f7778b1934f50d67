"""Queues: nothing lost, nothing taken twice, and items go in the order of their numbers.

A put says the number of its item and the zxid of its create, a take that of the item and of its
delete; a take of unknown outcome says which item it asked to delete. Any number of consumers may
take at once. A history is valid if and only if, for each queue,

- Q1 no item, by number or by value, was taken twice;
- Q2 an item that was taken had been put: its put was called before the take returned, has a lower
  zxid, did not certainly fail, and was told this number if it was told one;
- Q3 numbers of items grow with the zxids of their creates and with real time, and so do, in the
  order in which they were taken, those of their deletes;
- Q4 no item was passed over or lost: one that a put had been told of is there until a take of it.
  So before a higher number was taken, and where a take found the queue empty that was called after
  the put had returned, a take of this item, ok or of unknown outcome, must have been called; and no
  take found the queue empty at a zxid between those of the item's put and of its take.

Until each queue was found empty after the last put (the drain at the end), a valid history is
unknown: what is lost might still be there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from msgspec import UNSET

from checker.recipes.picture import edge, ends
from checker.recipes.section import is_ok, number, zxid
from checker.recipes.wrong import Wrong, by_key, is_unsure, judged, told, who
from harness.history import Call, History
from harness.op import FAIL
from harness.result import Budget, Result

TWICE = "taken twice"
NOWHERE = "item from nowhere"
ORDER = "out of order"
LOST = "item lost"

EMPTY = "no-node"
FOREVER = 1 << 62


class Queue:
    """The checker `queue`."""

    name = "queue"

    def check(self, history: History, budget: Budget) -> Result:
        """Invalid with the first broken rule in words; `data` counts puts and takes that came out
        ok, those of unknown outcome, takes that found nothing, and each broken rule. Unknown where
        nothing was taken, numbers or zxids are missing, or a queue was not drained."""
        calls = [call for call in history.calls if call.invoke.f in ("put", "take")]
        wrongs: list[Wrong] = []
        for group in by_key(calls):
            puts, takes = _of(group, "put"), _of(group, "take")
            wrongs += [*_twice(takes), *_nowhere(takes, group), *_order(puts), *_order(takes)]
            wrongs += [*_late([*puts, *takes]), *_lost(puts, group)]
        data: dict[str, Any] = {
            "put": sum(is_ok(call) for call in calls if call.invoke.f == "put"),
            "taken": sum(is_ok(call) for call in calls if call.invoke.f == "take"),
            "unknown": sum(map(is_unsure, calls)),
            "empty": sum(map(_is_empty, calls)),
        }
        return judged(history, wrongs, data, _lacks(calls))


def _lacks(calls: Sequence[Call]) -> str | None:
    """What is missing to judge by, in words."""
    oks = [call for call in calls if is_ok(call)]
    if not any(call.invoke.f == "take" for call in oks):
        return "nothing was taken"
    if any(_item(call) is None for call in oks):
        return "an operation does not say its item's number"
    if any(call.completion is None or number(call.completion.position) is None for call in oks):
        return "an operation says no zxid"
    for group in by_key(calls):
        last = max((ends(call) for call in group if call.invoke.f == "put"), default=0)
        if not any(_is_empty(call) and call.invoke.time >= last for call in group):
            return f"queue {group[0].invoke.key} was not drained"
    return None


def _is_empty(call: Call) -> bool:
    done = call.completion
    if call.invoke.f != "take" or done is None or done.type != FAIL or done.error is UNSET:
        return False
    return bool((done.error if isinstance(done.error, str) else done.error[0]) == EMPTY)


def _item(call: Call) -> int | None:
    """The number of the item that a call is about."""
    value = told(call)
    return number(value[0]) if isinstance(value, (list, tuple)) and len(value) == 2 else None


def _value(call: Call) -> Any:
    """What was put, or is said to have been taken."""
    value = told(call)
    if call.invoke.f == "put":
        return call.invoke.value
    return value[1] if isinstance(value, (list, tuple)) and len(value) == 2 else None


def _place(call: Call) -> int:
    """The zxid of its completion; 0 where it says none."""
    return (number(call.completion.position) if call.completion else None) or 0


def _of(group: Sequence[Call], f: str) -> list[Call]:
    """Those of a kind that came out ok and say their item, by zxid."""
    found = [c for c in group if c.invoke.f == f and is_ok(c) and _item(c) is not None]
    return sorted(found, key=lambda call: (_place(call), call.invoke.index))


def _did(call: Call) -> str:
    verb = "put" if call.invoke.f == "put" else "took"
    return f"{verb} item {_item(call)} of queue {call.invoke.key}"


# Q1 and Q2


def _twice(takes: Sequence[Call]) -> Iterator[Wrong]:
    first: dict[Any, Call] = {}
    for take in sorted(takes, key=ends):
        for name in (("number", _item(take)), ("value", str(_value(take)))):
            other = first.setdefault(name, take)
            if other is take:
                continue
            what = f"item {_item(take)}" if name[0] == "number" else f"value {_value(take)}"
            text = (
                f"{who(other)} and {who(take)} both took {what} of queue {take.invoke.key}, at "
                f"{zxid(_place(other))} and at {zxid(_place(take))}"
            )
            forces = (
                edge(other, take, "ww", f"took {what}"),
                edge(take, other, "ww", f"took {what}"),
            )
            yield Wrong(TWICE, take, (other,), forces, text)
            break


def _nowhere(takes: Sequence[Call], group: Sequence[Call]) -> Iterator[Wrong]:
    asked = {str(call.invoke.value): call for call in group if call.invoke.f == "put"}
    highest = _highest(call for call in asked.values() if is_ok(call))
    for take in takes:
        put = asked.get(str(_value(take)))
        if put is None:
            why = "which nobody put"
        elif put.completion is not None and put.completion.type == FAIL:
            why = f"though {who(put)} was told that it was not put"
        elif put.invoke.time > ends(take):
            why = f"which {who(put)} put only later"
        elif is_ok(put) and _item(put) != _item(take):
            why = f"though {who(put)} had put it as item {_item(put)}"
        elif is_ok(put) and 0 < _place(take) <= _place(put):
            why = f"at {zxid(_place(take))}, though {who(put)} put it only at {zxid(_place(put))}"
        elif is_unsure(put) and highest(put.invoke.time) > (_item(take) or 0):
            why = f"though item {highest(put.invoke.time)} had been put before {who(put)} put it"
        else:
            continue
        text = f"{who(take)} took {_value(take)} as item {_item(take)} of queue {take.invoke.key}, "
        core = () if put is None else (put,)
        forces = tuple(edge(one, take, "wr", str(_value(take))) for one in core)
        yield Wrong(NOWHERE, take, core, forces, text + why)


def _highest(puts: Iterable[Call]) -> Callable[[int], int]:
    """For a time, the highest number of an item that had been put before it."""
    order = sorted(puts, key=ends)
    times = [ends(put) for put in order]
    best = list(accumulate((_item(put) or 0 for put in order), max, initial=-1))
    return lambda time: best[bisect_left(times, time)]


# Q3


def _order(calls: Sequence[Call]) -> Iterator[Wrong]:
    """Puts, or takes, by zxid: numbers must grow."""
    top: Call | None = None
    calls = list(filter(_place, calls))
    for call in calls:
        if top is not None and (_item(call) or 0) < (_item(top) or 0):
            before, after = zxid(_place(top)), zxid(_place(call))
            text = f"{who(call)} {_did(call)} at {after}, though {who(top)} had {_verb(top)} "
            text += f"the higher {_item(top)} at {before}"
            forces = (
                edge(top, call, "ww", f"{before}, then {after}"),
                edge(call, top, "ww", f"{_item(call)} is below {_item(top)}"),
            )
            yield Wrong(ORDER, call, (top,), forces, text)
        else:
            top = call


def _verb(call: Call) -> str:
    return "put" if call.invoke.f == "put" else "taken"


def _late(calls: Sequence[Call]) -> Iterator[Wrong]:
    """Zxids against real time: one that was called after another had returned comes after it."""
    first: Call | None = None  # of those with higher zxids, the first that returned
    for call in sorted(filter(_place, calls), key=_place, reverse=True):
        if first is not None and ends(first) < call.invoke.time:
            there, at = zxid(_place(first)), zxid(_place(call))
            text = (
                f"{who(call)} {_did(call)} at {at}, though {who(first)} had {_verb(first)} item "
                f"{_item(first)} at {there} before it asked"
            )
            forces = (edge(first, call, "rt", ""), edge(call, first, "ww", f"{at}, then {there}"))
            yield Wrong(ORDER, call, (first,), forces, text)
        if first is None or ends(call) < ends(first):
            first = call


# Q4


def _lost(puts: Sequence[Call], group: Sequence[Call]) -> Iterator[Wrong]:
    """Items that must have been there when a take went past them: since when a take of each may
    have happened, against what shows that it was gone."""
    called = _called(group)
    taken = {_item(call): call for call in group if call.invoke.f == "take" and is_ok(call)}
    takes = [call for call in group if call.invoke.f == "take"]
    empties = sorted((c for c in takes if _is_empty(c)), key=ends)
    higher = _firsts([c for c in takes if is_ok(c) and _item(c) is not None])
    for put in puts:
        item = _item(put)
        since = min(called.get(item, FOREVER), called.get(None, FOREVER))
        past = [c for c in empties if c.invoke.time > ends(put)][:1]
        past += higher(item or 0)
        for gone in sorted(past, key=ends)[:1]:
            if since > ends(gone):
                yield _passed(put, gone)
                break
        else:
            yield from _there(put, taken.get(item), empties)


def _there(put: Call, take: Call | None, empties: Sequence[Call]) -> Iterator[Wrong]:
    """Where a take found nothing at a zxid at which the item was there."""
    if take is None or not _place(put):
        return
    for gone in empties:
        if _place(put) <= _place(gone) < _place(take):
            at, since, until = (zxid(_place(call)) for call in (gone, put, take))
            text = (
                f"{who(gone)} found queue {put.invoke.key} empty at {at}, though item {_item(put)} "
                f"was there from {since}, when {who(put)} put it, to {until}, when {who(take)} "
                "took it"
            )
            forces = (
                edge(put, gone, "ww", f"{since}, then {at}"),
                edge(gone, take, "ww", f"{at}, then {until}"),
                edge(take, gone, "rw", "must be gone first"),
            )
            yield Wrong(LOST, gone, (put, take), forces, text)
            return


def _called(group: Iterable[Call]) -> dict[int | None, int]:
    """By item, when the first take that may have deleted it was called; None: of those of unknown
    outcome that do not say their item."""
    called: dict[int | None, int] = {}
    for call in group:
        if call.invoke.f == "take" and (is_ok(call) or is_unsure(call)):
            called.setdefault(_item(call), call.invoke.time)
    return called


def _firsts(takes: Sequence[Call]) -> Callable[[int], list[Call]]:
    """For a number, of the takes of higher ones the first that returned."""
    order = sorted(takes, key=lambda call: _item(call) or 0)
    numbers = [_item(call) or 0 for call in order]
    best: list[Call] = []
    for call in reversed(order):
        best.append(min(best[-1], call, key=ends) if best else call)
    best.reverse()

    def above(item: int) -> list[Call]:
        place = bisect_right(numbers, item)
        return best[place : place + 1]

    return above


def _passed(put: Call, gone: Call) -> Wrong:
    at = f"{who(put)} had put {_value(put)} as item {_item(put)} of queue {put.invoke.key} at "
    at += zxid(_place(put))
    if _is_empty(gone):
        did = f"{who(gone)} found the queue empty"
        kind, label = "rt", "then it was empty"
    else:
        did = f"{who(gone)} took the higher item {_item(gone)}"
        kind, label = "ww", f"{_item(put)}, then {_item(gone)}"
    text = f"{at}, but {did}, and nobody had asked to take {_item(put)} by then"
    return Wrong(LOST, gone, (put,), (edge(put, gone, kind, label),), text)
