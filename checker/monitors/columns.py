"""Lives as arrays, for boxes of many values: what the fast twins of the rules work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from checker.monitors.life import Box, Empty, Life

Ints = np.ndarray[Any, np.dtype[np.int64]]


class Lives(NamedTuple):
    """As life.Life, a column each; `group` numbers priorities from the first to come out. By
    `inside`."""

    value: Ints
    put: Ints
    inside: Ints
    leaving: Ints
    out: Ints
    group: Ints

    def at(self, i: int) -> Life:
        """One of them."""
        row = (self.value, self.put, self.inside, self.leaving, self.out)
        return Life(*(int(column[i]) for column in row))

    def only(self, which: Any) -> Lives:
        """Some of them, given by a mask or by their places."""
        return Lives(*(column[which] for column in self))


class Columns:
    """A box in arrays: its lives and empty answers up to a rank."""

    def __init__(self, box: Box, grouped: Callable[[list[Any]], list[int]] | None) -> None:
        count = len(box.values)
        self.end = box.end
        self._put, self._inside = _column(box.put, 1), _column(box.put, 2)
        self._leaving, self._out = _column(box.take, 1), _column(box.take, 2)
        self._soonest = np.array(box.soonest, np.int64)
        self._empties = np.array(box.empties, np.int64).reshape(len(box.empties), 3)
        groups = grouped(box.values) if grouped else [0] * count
        self._group = np.array(groups, np.int64)

    def lives(self, end: int, given: dict[int, int] | None) -> Lives:
        """As life.lives."""
        out = self._out.copy()
        leaving = self._leaving.copy()
        late = out > end
        soonest = self._soonest.copy()
        for value, call in (given or {}).items():
            soonest[value] = call
        soon = soonest[late]
        leaving[late] = np.where(soon <= end, soon, self.end)
        out[late] = self.end + 1
        inside = np.where(self._inside <= end, self._inside, self.end + 1)
        known = ~late if given is None else (self._inside <= end) | ~late
        inside, leaving = np.minimum(inside, out), np.maximum(leaving, self._put)
        places = np.flatnonzero(known)
        places = places[np.argsort(inside[places])]
        columns = (self._put, inside, leaving, out, self._group)
        return Lives(places, *(column[places] for column in columns))

    def empties(self, end: int) -> tuple[Ints, Ints, Ints]:
        """As life.empties: places, calls and returns."""
        known = self._empties[self._empties[:, 2] <= end]
        return known[:, 0], known[:, 1], known[:, 2]


def _column(rows: Sequence[tuple[int, ...]], i: int) -> Ints:
    return np.fromiter((row[i] for row in rows), np.int64, len(rows))


def covered(known: Lives, empties: tuple[Ints, Ints, Ints]) -> tuple[list[Life], Empty] | None:
    """An empty answer during which at each moment one of a few lives is surely inside, and these;
    None where there is none."""
    sure = known.only(known.inside < known.leaving)
    place, call, ret = empties
    if not len(sure.value) or not len(place):
        return None
    reach = np.maximum.accumulate(sure.leaving)
    last = np.flatnonzero(np.append(sure.inside[1:] > reach[:-1], True))  # of each cluster
    before = np.searchsorted(sure.inside, call) - 1
    cluster = np.searchsorted(last, before)
    bad = np.flatnonzero((before >= 0) & (reach[last[cluster]] > ret))
    if not len(bad):
        return None
    i = int(bad[np.argmin(ret[bad])])
    empty = Empty(int(place[i]), int(call[i]), int(ret[i]))
    return [sure.at(j) for j in chain(sure, empty.call, empty.ret)], empty


def chain(sure: Lives, low: int, high: int) -> list[int]:
    """As life.chain, of lives that have no gap between the ranks."""
    found = []
    while low <= high:
        before = int(np.searchsorted(sure.inside, low))
        found.append(int(np.argmax(sure.leaving[:before])))
        assert sure.leaving[found[-1]] > low
        low = int(sure.leaving[found[-1]])
    return found
