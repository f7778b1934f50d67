"""Priority queues into which no value is put twice, in O(n log n).

Lives are those of life.py. A value may be taken only while no value that comes before it (of less
priority number) is inside; what comes after it does not matter. So go through the values from the
first to come out to the last, those of equal priority together. A *gap* is a moment at which none
of the values so far is surely inside. A value x has to be taken in a gap between `leaving` and
`out`. If there is none, there is no order. Else x is *narrowed*: `leaving` to the first gap from
there on, `out` to the last gap up to there, `inside` to at most that; and with its narrowed life it
counts for the values that come after it. An empty answer needs a gap of all values.

Necessary: whatever is so narrowed is forced, and a value that is surely inside (by its narrowed
life) is inside.

Sufficient, by induction: for any finite set G of gaps of the values so far, these have an order,
each operation at a moment of its time, such that no value is inside at any moment of G. Nothing is
to be shown for no values. For values X of the next priority, and a set G of gaps also of their
narrowed lives, give each x of X a moment to be taken at that is a gap of the values before, and
between two neighbours in G: let g be the last of G up to x.inside (or none), h the next after it.
Then x.leaving is at most h, since else x would be surely inside at h. If x.leaving is after g, take
x at x.leaving; else at g itself, which is up to x.inside and so to x.out; it is after x's put call,
since `leaving` is. Put x in between g and that moment, at the earliest when it is called: that is
at most x.inside and at most the moment it is taken at, by both. Now let the values before have
their order by induction, for G with all these moments added. In it nothing of them is inside when
an x is taken, and values of equal priority do not matter to one another. As for G, no x is inside
at any of it. An empty answer is placed at a gap of all, put into G.

Between the right end of what is covered (a call) and the next left end (a return) there is always a
step from one rank to the next, and gaps can be counted by such steps.

Source: Bouajjani, Enea and Wang 2017 have the bad patterns; the narrowing is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from checker.models.queue import order
from checker.monitors.life import Empty, Life, chain
from checker.monitors.wrong import EMPTY, ORDER, Wrong

if TYPE_CHECKING:
    from checker.monitors.columns import Lives


class Narrow(NamedTuple):
    """A life as it is and as it was narrowed."""

    value: int
    inside: int
    leaving: int
    was: Life


def wrong(values: Sequence[Any], known: Sequence[Life], empties: Sequence[Empty]) -> Wrong | None:
    """What contradicts what, or None: the rules as they stand, in quadratic time."""
    before: list[Narrow] = []
    ordered = sorted(known, key=lambda life: order(values[life.value]))
    for _, equal in groupby(ordered, key=lambda life: order(values[life.value])):
        covered = _covered(before)
        narrowed = []
        for life in equal:
            late, early = life.leaving, life.out
            leaving = next((high for low, high in covered if low < late < high), late)
            out = next((low for low, high in covered if low < early < high), early)
            if leaving >= out:
                why = _why(before, late, early, values)
                return Wrong(ORDER, [life, *(other for other in why if other != life)])
            narrowed.append(Narrow(life.value, min(life.inside, out), leaving, life))
        before += narrowed
    covered = _covered(before)
    for empty in empties:
        if any(low < empty.call and empty.ret < high for low, high in covered):
            return Wrong(EMPTY, _why(before, empty.call, empty.ret, values), empty)
    return None


def _covered(before: Sequence[Narrow]) -> list[tuple[int, int]]:
    """The stretches inside which some value is surely inside."""
    found: list[tuple[int, int]] = []
    for low, high in sorted((n.inside, n.leaving) for n in before if n.inside < n.leaving):
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _why(before: Sequence[Narrow], low: int, high: int, values: Sequence[Any]) -> list[Life]:
    """Lives that by themselves leave no gap from rank `low` to `high`, both included: a chain of
    narrowed ones, and for each what it was narrowed by."""
    by_value = {narrow.value: narrow for narrow in before}
    found: dict[int, Life] = {}
    todo = [(len(before), low, high)]
    rank = {narrow.value: i for i, narrow in enumerate(before)}
    while todo:
        count, low, high = todo.pop()
        narrowed = [Life(n.value, 0, n.inside, n.leaving, 0) for n in before[:count]]
        for link in chain(narrowed, low, high) or ():
            narrow = by_value[link.value]
            if link.value in found:
                continue
            found[link.value] = narrow.was
            count = _lower(before, rank[link.value], values)
            if narrow.leaving > narrow.was.leaving:
                todo.append((count, narrow.was.leaving, narrow.leaving - 1))
            if narrow.inside < narrow.was.inside:
                todo.append((count, narrow.inside + 1, narrow.was.out))
    return list(found.values())


def _lower(before: Sequence[Narrow], place: int, values: Sequence[Any]) -> int:
    """How many come before the one at this place, and not beside it."""
    mine = order(values[before[place].value])
    while place and order(values[before[place - 1].value]) == mine:
        place -= 1
    return place


def groups(values: list[Any]) -> list[int]:
    """For each value the number of its priority, from the first to come out."""
    keys = [order(value) for value in values]
    number = {key: i for i, key in enumerate(sorted(set(keys)))}
    return [number[key] for key in keys]


def many(known: Lives, empties: Any, end: int) -> Wrong | None:
    """The same for many lives, in columns and a kernel."""
    import numpy as np

    from checker.kernel.monitor import narrow

    _, call, ret = empties
    known = known.only(np.argsort(known.group, kind="stable"))
    inside, leaving, out = known.inside.copy(), known.leaving.copy(), known.out.copy()
    bad = int(narrow(known.group, inside, leaving, out, call, ret, end + 1))
    if bad < 0:
        return None
    narrowed = known._replace(inside=inside, leaving=leaving, out=out)
    if bad < len(known.value):
        life = known.at(bad)
        why = _why_of_many(known, narrowed, int(known.group[bad]), life.leaving, life.out)
        return Wrong(ORDER, [life, *why])
    empty = Empty(*(int(column[bad - len(known.value)]) for column in empties))
    last = int(known.group[-1]) + 1
    return Wrong(EMPTY, _why_of_many(known, narrowed, last, empty.call, empty.ret), empty)


def _why_of_many(known: Lives, narrowed: Lives, group: int, low: int, high: int) -> list[Life]:
    """As `_why`, of the values of lower groups."""
    import numpy as np

    from checker.monitors.columns import chain as chain_of

    found: dict[int, None] = {}
    todo = [(group, low, high)]
    by_inside = np.argsort(narrowed.inside, kind="stable")
    while todo:
        group, low, high = todo.pop()
        before = by_inside[narrowed.group[by_inside] < group]
        for link in chain_of(narrowed.only(before), low, high):
            i = int(before[link])
            if i in found:
                continue
            found[i] = None
            mine = int(known.group[i])
            if narrowed.leaving[i] > known.leaving[i]:
                todo.append((mine, int(known.leaving[i]), int(narrowed.leaving[i]) - 1))
            if narrowed.inside[i] < known.inside[i]:
                todo.append((mine, int(narrowed.inside[i]) + 1, int(known.out[i])))
    return [known.at(i) for i in found]
