"""One key laid out for a walk: what checker/scan.py works out in Python, its twin, as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checker.columns import Tasks, columns
from checker.kernel.compiled import kernel, part
from checker.kernel.states import States
from checker.model import BLIND, OBSERVER
from checker.scan import MOST_PAIRS, Scan
from checker.task import FOREVER

_OBSERVER, _BLIND, _FOREVER, _MOST_PAIRS = OBSERVER, BLIND, FOREVER, MOST_PAIRS


class Layout(NamedTuple):
    """The tasks that matter, by call. Of each: its place in the key's tasks `kept`, its class
    `mine`, its bit `slot`, and `order`, its place among the returns (those of tasks that never
    return come after all others). Of each step: the task that returns, `returns`, and how many are
    called before it, `called`. `wide` is the most that were open together and did return."""

    kept: Any
    mine: Any
    slot: Any
    order: Any
    returns: Any
    called: Any
    wide: int


class Steps:
    """A key as steps, with its states. With `drop` the tasks are left out that make no difference
    to whether there is an order (see checker/scan.py)."""

    def __init__(self, states: States, tasks: Tasks, *, drop: bool = True) -> None:
        self.states = states
        self._tasks = tasks
        ret = tasks.ret
        known = ret[ret != FOREVER]
        last = int(known.max(initial=-1))
        if last > 16 * len(tasks) + 64:  # ranks of a small part of a long history: number them anew
            call, ret, last = _ranked(tasks.call, ret)
        else:
            call = tasks.call
        self.layout = Layout(
            *_lay_out(call, ret, tasks.mine, states.kinds, states.landing, states.next, last, drop)
        )

    @property
    def last(self) -> int:
        """How many steps there are."""
        return len(self.layout.returns)

    @property
    def bits(self) -> int:
        """How many bits a mask of tasks has."""
        return self.layout.wide + len(self.layout.kept) - self.last

    def ends(self, k: int) -> int:
        """The rank of the return at step k."""
        return int(self._tasks.ret[self.layout.kept[self.layout.returns[k]]])

    def end_ranks(self) -> Any:
        """The ranks of all returns, in order."""
        return self._tasks.ret[self.layout.kept[self.layout.returns]]

    def open(self, k: int) -> list[int]:
        """The places in the history of the tasks open at step k, those of unknown outcome first,
        then those that return first."""
        lay = self.layout
        called = np.arange(lay.called[k])
        order = lay.order[: len(called)]
        found = called[order >= k]
        found = found[np.lexsort((lay.order[found], lay.order[found] < self.last))]
        return [int(at) for at in self._tasks.at[lay.kept[found]]]


def steps_of(scan: Scan | Steps) -> Steps:
    """The same key laid out; the state table of a scan must be closed."""
    if isinstance(scan, Steps):
        return scan
    table = scan.table
    states = States(
        np.array(table.kinds, np.int8), np.array(table.landing, np.int32), table.array()
    )
    made = columns(scan.tasks)
    tasks = Tasks(made.call, made.ret, np.array(scan.mine, np.int32), made.at, table.classes)
    return Steps(states, tasks, drop=False)


def _ranked(call: Any, ret: Any) -> tuple[Any, Any, int]:
    """Calls and returns by small ranks."""
    events = np.unique(np.concatenate([call, ret]))
    ends = np.searchsorted(events, ret)
    return np.searchsorted(events, call), np.where(ret == FOREVER, FOREVER, ends), len(events)


@part
def _drop(ret, mine, kinds, landing, table, is_out):  # type: ignore[no-untyped-def]
    """Leave out updates of unknown outcome that nothing could tell; the proof is that of
    checker.scan._observable, whose loop this is."""
    count = kinds.shape[0]
    lost, tellers = np.empty(count, np.bool_), np.empty(count, np.int64)
    while True:
        told = np.zeros(count, np.bool_)
        lost[:] = False
        for i in range(ret.shape[0]):
            if not is_out[i]:
                c = mine[i]
                if ret[i] == _FOREVER:
                    lost[c] = True
                told[c] = kinds[c] != _BLIND
        n = pairs = 0
        for c in range(count):
            pairs += lost[c]
            if told[c]:
                tellers[n] = c
                n += 1
        if pairs * n > _MOST_PAIRS:
            return
        is_done = True
        for c in range(count):
            if not lost[c]:
                continue
            is_told = landing[c] < 0
            for t in range(n):
                is_told = is_told or table[landing[c], tellers[t]] >= 0
            lost[c] = not is_told
            is_done = is_done and is_told
        if is_done:
            return
        for i in range(ret.shape[0]):
            if ret[i] == _FOREVER and lost[mine[i]]:
                is_out[i] = True


@kernel
def _lay_out(call, ret, mine, kinds, landing, table, last, drop):  # type: ignore[no-untyped-def]
    """See Layout; `last` is the greatest rank of a return."""
    total = call.shape[0]
    is_out = np.zeros(total, np.bool_)
    for i in range(total):
        is_out[i] = ret[i] == _FOREVER and kinds[mine[i]] == _OBSERVER
    if drop:
        _drop(ret, mine, kinds, landing, table, is_out)
    who = np.full(last + 1, -1, np.int32)  # by rank: the task that returns there
    kept, own = np.empty(total, np.int32), np.empty(total, np.int32)
    n = steps = 0
    for i in range(total):
        if is_out[i]:
            continue
        kept[n], own[n] = i, mine[i]
        if ret[i] != _FOREVER:
            who[ret[i]] = n
            steps += 1
        n += 1
    slot, order = np.empty(n, np.int32), np.empty(n, np.int32)
    returns, called = np.empty(steps, np.int32), np.empty(steps, np.int32)
    free = np.empty(steps, np.int32)
    spare = wide = at = k = lost = 0
    for rank in range(last + 1):
        x = who[rank]
        if x < 0:
            continue
        while at < n and call[kept[at]] < rank:
            if ret[kept[at]] != _FOREVER:
                if spare > 0:
                    spare -= 1
                    slot[at] = free[spare]
                else:
                    slot[at] = wide
                    wide += 1
            at += 1
        returns[k], called[k], order[x] = x, at, k
        free[spare] = slot[x]
        spare += 1
        k += 1
    for i in range(n):
        if ret[kept[i]] == _FOREVER:
            slot[i], order[i] = wide + lost, steps + lost
            lost += 1
    return kept[:n], own[:n], slot, order, returns, called, wide
