"""Stacks onto which no value is pushed twice, in O(n log n).

Lives are those of life.py. A life with `leaving` before `inside` (never surely inside) can be left
out: at any moment between the two the value can be pushed and popped at once, whatever else there
is. Of the others:

1 An empty answer needs a moment between its call and return at which no value is surely inside.
2 *Part*. At a moment g at which no value is surely inside, the lives part into those with inside <
  g and the rest. There is an order of all exactly if there is one of each part: no operation of the
  second part returns before one of the first part is called (returns are at least `inside`, calls
  at most `leaving`), so that the second's order can follow the first's; and each ends with an empty
  stack. Empty answers fit between. So it is enough to look at *clusters*: lives that cover a
  stretch from s to f, at each moment inside which some value is surely inside.
3 *Wrap*. A value of a cluster that may be pushed before s (put < s) and popped after f (out > f)
  can be left out: an order of the others may begin with its push, as no other operation of the
  cluster returns before s (the least `inside`), and end with its pop, as none is called after f.
4 *Stuck*. A cluster of which no value may wrap the others has no order. Something is inside at each
  moment between s and f. So the value that is pushed first is popped last: when it is popped the
  stack is empty, which cannot be between s and f unless another is surely inside. So it is pushed
  before s, since the value that is surely inside from s on is pushed by then, and popped after f.

What is left out never comes back, and clusters only fall apart. So: leave out all values that may
wrap their cluster, part what is left, and so on, until nothing is left or a cluster is stuck.

Source: after Lee and Mathur 2025 (values that can be left out), derived anew for ranks, unknown
outcomes, empty answers and the drain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from checker.monitors.life import Empty, Life, chain
from checker.monitors.wrong import EMPTY, ORDER, Wrong

if TYPE_CHECKING:
    from checker.monitors.columns import Lives


def wrong(values: Sequence[Any], known: Sequence[Life], empties: Sequence[Empty]) -> Wrong | None:
    """What contradicts what, or None: the rules as they stand, in quadratic time."""
    todo = [[life for life in known if life.inside < life.leaving]]
    while todo:
        for cluster, low, high in clusters(todo.pop()):
            left = [life for life in cluster if life.put > low or life.out < high]
            if len(left) == len(cluster):
                stuck = chain(cluster, low + 1, high - 1)
                assert stuck is not None
                return Wrong(ORDER, stuck)
            todo.append(left)
    for empty in empties:
        inside = chain(known, empty.call, empty.ret)
        if inside is not None:
            return Wrong(EMPTY, inside, empty)
    return None


def clusters(known: Sequence[Life]) -> Iterator[tuple[list[Life], int, int]]:
    """The lives by cluster, with the stretch that each covers."""
    cluster: list[Life] = []
    high = -1
    for life in sorted(known, key=lambda life: life.inside):
        if cluster and life.inside > high:
            yield cluster, cluster[0].inside, high
            cluster = []
        cluster.append(life)
        high = max(high, life.leaving)
    if cluster:
        yield cluster, cluster[0].inside, high


def many(known: Lives, empties: Any, end: int) -> Wrong | None:
    """The same for many lives, in columns and a kernel."""
    import numpy as np

    from checker.kernel.monitor import stuck
    from checker.monitors.columns import chain as chain_of
    from checker.monitors.columns import covered

    sure = known.only(known.inside < known.leaving)
    by_leaving = np.argsort(sure.leaving, kind="stable")
    left = np.ones(len(sure.value), np.bool_)
    low, high = stuck(sure.put, sure.inside, sure.leaving, sure.out, by_leaving, end + 1, left)
    if low >= 0:
        sure = sure.only(left)
        return Wrong(ORDER, [sure.at(i) for i in chain_of(sure, low + 1, high - 1)])
    found = covered(known, empties)
    return None if found is None else Wrong(EMPTY, *found)
