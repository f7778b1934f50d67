"""FIFO queues into which no value is put twice, in O(n log n).

Lives are those of life.py. There is an order exactly if

1 no two values a, b are such that a must be put in before b (a.inside < b.put) and b must be taken
  before a (b.out < a.leaving);
2 for each empty answer there is a moment between its call and return at which no value is surely
  inside.

Necessary: in 1 the queue would have let b overtake a; in 2 something is in it all the time.

Sufficient. Say that a goes before b if a.inside < b.put or a.out < b.leaving. This has no cycle.
Both parts are interval orders: of x < y and u < w, x < w or u < y holds as well. Take a shortest
cycle: it is longer than 2 by 1; two steps of one kind in a row are one step; so the kinds
alternate, a < b by puts, b < c by takes, c < d by puts. Then a < d by puts, a shorter cycle, or c <
b by puts, which with b < c by takes is a cycle of two. So let the values be in an order that has
all of these, and put them in, and take them, in that order. Is that possible in real time? A
shortest cycle of these two rows and of real time has a step from a take to a put, which is real
time: b.out < a.put, and a step from a put to a take, of c and d, with a up to c in the row, and d
up to b. It is the same value, c = d, so that a is up to b in the row; but b.inside <= b.out < a.put
says that b goes before a, and b is not a, as a life is not empty. Or it is real time, c.inside <
d.leaving: then by b.out < a.put either b.out < d.leaving, so b goes before d, or c.inside < a.put,
so c goes before a; neither can be. So there is an order of what is no empty answer. An empty answer
with a moment g as in 2 parts the values: those with inside < g, which are leaving before g, and
those with inside after g. No operation of the second part returns before one of the first part is
called: its return is at least `inside`, after g, and the other's call is at most `leaving`, before
g. So all of the first part, then the empty answer, then the second part is in real time; each part
has an order by the above; and each ends with an empty queue. In the same way for several empty
answers, by their moments.

Sources: Henzinger, Sezgin and Vafeiadis 2013 (the four bad patterns), Emmi, Enea and Hamza 2015;
the proof with ranks, unknown outcomes and the drain is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from checker.monitors.life import Empty, Life, chain
from checker.monitors.wrong import EMPTY, ORDER, Wrong

if TYPE_CHECKING:
    from checker.monitors.columns import Lives


def wrong(values: Sequence[Any], known: Sequence[Life], empties: Sequence[Empty]) -> Wrong | None:
    """What contradicts what, or None: the rules as they stand, in quadratic time."""
    for a in known:
        for b in known:
            if a.inside < b.put and b.out < a.leaving:
                return Wrong(ORDER, [b, a])
    for empty in empties:
        inside = chain(known, empty.call, empty.ret)
        if inside is not None:
            return Wrong(EMPTY, inside, empty)
    return None


def many(known: Lives, empties: Any, end: int) -> Wrong | None:
    """The same for many lives, in columns: for each value, of those that must be put in before it
    the one that is leaving last."""
    import numpy as np

    from checker.monitors.columns import covered

    before = np.searchsorted(known.inside, known.put)
    latest = np.append(-1, np.maximum.accumulate(known.leaving))[before]
    bad = np.flatnonzero(latest > known.out)
    if len(bad):
        b = int(bad[np.argmin(known.out[bad])])
        a = int(np.argmax(known.leaving[: before[b]]))
        return Wrong(ORDER, [known.at(b), known.at(a)])
    found = covered(known, empties)
    return None if found is None else Wrong(EMPTY, *found)
