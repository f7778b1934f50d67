"""The just-in-time search as a kernel: what checker/frontier.py does, which is its slow twin.

There are the five rules, and their proofs. Here a configuration is a row of words (see rows.py),
and the model is the table `next[state, class]`. The open tasks are kept in the order of their
returns, those that never return last: so the first of a class that is not used yet is R2's
candidate, and the first of all is the one that must return.

A search stops when it has looked at so many configurations, or has no room left, and goes on where
it was: all that it knows is in arrays.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from checker.kernel.rows import ONE, compact, count, insert, more_room, pop, push, room
from checker.model import BLIND, OBSERVER, UPDATE
from checker.scan import Scan
from checker.search import (
    BYTES_A_CONFIGURATION,
    VALID_DECISION,
    Decision,
    Meter,
    Progress,
    Search,
)

SLICE = 20_000  # configurations looked at between two times that a search can be stopped
FIRST_ROOM = 1024  # rows
BEAMS = (16, 128, 1024, 8192)  # configurations kept from one step to the next
ALL = 1 << 60
ENDLESS = 1 << 60
EASIER_SLICES = 100
_OBSERVER, _BLIND, _UPDATE = OBSERVER, BLIND, UPDATE

VALID, INVALID, STOPPED, FULL, UNSURE = 0, 1, 2, 3, 4

# Where a search is: the places of an int64 array
STEP, CALLED, OPEN, FRONT, PHASE, KEPT, QUEUED, HEAPED, TURN, GROUPS, CUT, LOOKED, MOST, MOST_AT = (
    range(14)
)
_BASE = 1 << 29  # makes every rank positive
_EACH = 1 << 14  # an observer satisfied is worth more than any number of tasks used


class Key(NamedTuple):
    """One key's tasks, by call, and its model. For each task: `mine` its class, `slot` its bit,
    `order` its place among the returns (those of tasks that never return come after all others).
    For each step: `returns` the task that returns, `called` how many tasks are called before it.
    For each class: `kinds`, and `landing`, the state that a blind one leads to. `next` is the state
    table, shape (states, classes), -1 where that is illegal."""

    mine: Any
    slot: Any
    order: Any
    returns: Any
    called: Any
    kinds: Any
    landing: Any
    next: Any


class Open(NamedTuple):
    """What is open at a step.

    - `tasks` in order of return; `after`: the next place of the same group, or -1.
    - Of each group, which is of one class: `kinds`, `classes`, `first` and `last` (places in
      `tasks`), and where it is blind the state to which it `lands`, what it `sees` (observers
      satisfied there) and `enables` (updates legal there).
    - Of each class: the step at which it was last found open, `seen_at`, and its `group` then.
    - Of each state: the step for which the observers that it satisfies were last found out,
      `told_at`, and these, `told`.
    - `observers`: the bits of all open ones; `settled`: those of the blind tasks that will return.
    Steps are counted from 1 here.
    """

    tasks: Any
    kinds: Any
    classes: Any
    first: Any
    last: Any
    after: Any
    lands: Any
    sees: Any
    enables: Any
    seen_at: Any
    group: Any
    told_at: Any
    told: Any
    observers: Any
    settled: Any


@njit(cache=True)
def _tell(state, step, n, key, view):  # type: ignore[no-untyped-def]
    """Find out which open observers a state satisfies."""
    if view.told_at[state] == step + 1:
        return
    view.told_at[state] = step + 1
    told = view.told[state]
    told[:] = 0
    for i in range(n):
        task = view.tasks[i]
        c = key.mine[task]
        if key.kinds[c] == _OBSERVER and key.next[state, c] == state:
            told[key.slot[task] >> 6] |= ONE << np.uint64(key.slot[task] & 63)


@njit(cache=True)
def _call(step, at, n, key, view, front, rows, width):  # type: ignore[no-untyped-def]
    """Open the tasks called before this step's return; an observer is satisfied at once where the
    state allows it (R1). How many are open then."""
    while at < key.called[step]:
        i = n
        while i > 0 and key.order[view.tasks[i - 1]] > key.order[at]:
            view.tasks[i] = view.tasks[i - 1]
            i -= 1
        view.tasks[i] = at
        n += 1
        c = key.mine[at]
        if key.kinds[c] == _OBSERVER:
            word, bit = width + (key.slot[at] >> 6), ONE << np.uint64(key.slot[at] & 63)
            for j in range(rows):
                if key.next[front.states[j], c] == front.states[j]:
                    front.bits[j, word] |= bit
        at += 1
    return n


@njit(cache=True)
def _group(step, n, key, view, width):  # type: ignore[no-untyped-def]
    """Put the open tasks into groups, and say what each blind one is good for (R4). How many
    groups."""
    groups = 0
    view.observers[:] = 0
    view.settled[:] = 0
    for i in range(n):
        task = view.tasks[i]
        c = key.mine[task]
        word, bit = key.slot[task] >> 6, ONE << np.uint64(key.slot[task] & 63)
        if key.kinds[c] == _OBSERVER:
            view.observers[word] |= bit
            continue
        if key.kinds[c] == _BLIND and key.order[task] < len(key.returns):
            view.settled[word] |= bit
        view.after[i] = -1
        if view.seen_at[c] == step + 1:
            g = view.group[c]
            view.after[view.last[g]] = i
        else:
            g = groups
            groups += 1
            view.seen_at[c] = step + 1
            view.group[c] = g
            view.kinds[g] = key.kinds[c]
            view.classes[g] = c
            view.first[g] = i
        view.last[g] = i
    for g in range(groups):
        if view.kinds[g] == _BLIND:
            state = key.landing[view.classes[g]]
            view.lands[g] = state
            _tell(state, step, n, key, view)
            view.sees[g] = view.told[state]
            view.enables[g] = 0
            for u in range(groups):
                if view.kinds[u] == _UPDATE and key.next[state, view.classes[u]] >= 0:
                    i = view.first[u]
                    while i >= 0:
                        slot = key.slot[view.tasks[i]]
                        view.enables[g, slot >> 6] |= ONE << np.uint64(slot & 63)
                        i = view.after[i]
    return groups


@njit(cache=True)
def _candidate(g, taken, key, view):  # type: ignore[no-untyped-def]
    """The place of the first task of a group whose bit is not taken, or -1 (R2)."""
    i = view.first[g]
    while i >= 0:
        slot = key.slot[view.tasks[i]]
        if not (taken[slot >> 6] >> np.uint64(slot & 63)) & ONE:
            return i
        i = view.after[i]
    return -1


@njit(cache=True)
def _is_useful(g, row, view, width):  # type: ignore[no-untyped-def]
    """Whether a blind task newly satisfies an observer or enables an update (R4)."""
    for w in range(width):
        done, good, used = row[w], row[width + w], row[2 * width + w]
        if view.sees[g, w] & ~good or view.enables[g, w] & ~(done | used):
            return True
    return False


@njit(cache=True)
def _rank(row, view, width):  # type: ignore[no-untyped-def]
    """Small is to be looked at first: many observers satisfied, few tasks used."""
    rank = _BASE
    for w in range(width):
        rank += count(row[2 * width + w]) - count(row[width + w] & view.observers[w]) * _EACH
    return rank


@njit(cache=True)
def _forget(row, word, bit, width):  # type: ignore[no-untyped-def]
    """The task has returned: its bit is free for another."""
    row[word] &= ~bit
    row[width + word] &= ~bit
    row[2 * width + word] &= ~bit


@njit(cache=True)
def _best(front, rows, beam, width):  # type: ignore[no-untyped-def]
    """Keep the rows with the most behind them: updates finished, observers satisfied, and few tasks
    used. How many are kept."""
    score = np.zeros(rows, np.int64)
    for j in range(rows):
        bits = front.bits[j]
        for w in range(width):
            score[j] += 4 * count(bits[w]) + 2 * count(bits[width + w]) - count(bits[2 * width + w])
    kept = 0
    for j in np.argsort(-score, kind="mergesort")[:beam]:
        front.alive[j] = False
    for j in range(rows):
        if not front.alive[j]:
            front.states[kept] = front.states[j]
            front.bits[kept] = front.bits[j]
            kept += 1
    return kept


@njit(cache=True)
def search(limit, beam, at, key, view, front, kept, queue, heap, row):  # type: ignore[no-untyped-def]
    """Go on from where `at` says, looking at no more than about `limit` configurations. VALID,
    INVALID (at step at[STEP]), STOPPED (at the limit) or FULL (more room is needed)."""
    width = row.shape[0] // 3
    taken = np.zeros(width, np.uint64)
    margin = len(view.tasks) + 2
    spent = 0
    while at[STEP] < len(key.returns):
        step = at[STEP]
        x = key.returns[step]
        kind = key.kinds[key.mine[x]]
        word, bit = key.slot[x] >> 6, ONE << np.uint64(key.slot[x] & 63)
        mask = word + (0 if kind == _UPDATE else width if kind == _OBSERVER else 2 * width)
        if at[PHASE] == 0:
            rows = at[FRONT]
            if rows + margin > min(len(kept.states), len(queue.states)):
                return FULL
            at[OPEN] = _call(step, at[CALLED], at[OPEN], key, view, front, rows, width)
            at[CALLED] = max(at[CALLED], key.called[step])
            is_everywhere = True
            for j in range(rows):
                is_everywhere = is_everywhere and front.bits[j, mask] & bit != 0
            at[GROUPS] = 0 if is_everywhere else _group(step, at[OPEN], key, view, width)
            at[TURN] += 1
            at[KEPT] = at[QUEUED] = at[HEAPED] = at[LOOKED] = 0
            for j in range(rows):
                state, bits = front.states[j], front.bits[j]
                is_in = bits[mask] & bit != 0
                is_settled = bits[width + word] & bit != 0  # R3: it may return unseen
                if is_in or is_settled:
                    at[KEPT] += insert(state, bits, width, kept, at[TURN], at[KEPT]) > 0
                if not is_in and insert(state, bits, width, queue, at[TURN], at[QUEUED]) > 0:
                    push(heap, at[HEAPED], _rank(bits, view, width), at[QUEUED])
                    at[QUEUED] += 1
                    at[HEAPED] += 1
            at[PHASE] = 1
        while at[HEAPED] > 0:
            if spent >= limit:
                return STOPPED
            if at[KEPT] >= 2 * beam:
                at[CUT] = 1
                break
            if at[QUEUED] + margin > len(queue.states):
                return FULL
            if at[KEPT] + margin > min(len(kept.states), len(front.states)):
                return FULL
            j = pop(heap, at[HEAPED])
            at[HEAPED] -= 1
            if not queue.alive[j]:
                continue
            spent += 1
            at[LOOKED] += 1
            if at[LOOKED] > at[MOST]:
                at[MOST], at[MOST_AT] = at[LOOKED], step
            state, bits = queue.states[j], queue.bits[j]
            for g in range(at[GROUPS]):
                c = view.classes[g]
                if view.kinds[g] == _BLIND:
                    i = _candidate(g, bits[2 * width :], key, view)
                    if i < 0:
                        continue
                    ends = view.tasks[i] == x
                    if not ends and not _is_useful(g, bits, view, width):
                        continue
                    after = view.lands[g]
                    row[:] = bits
                    for w in range(width):
                        row[width + w] |= view.sees[g, w] | view.settled[w]
                    part = 2 * width
                else:
                    after = key.next[state, c]
                    if after < 0:
                        continue
                    for w in range(width):
                        taken[w] = bits[w] | bits[2 * width + w]
                    i = _candidate(g, taken, key, view)
                    if i < 0:
                        continue
                    ends = view.tasks[i] == x
                    _tell(after, step, at[OPEN], key, view)
                    row[:] = bits
                    for w in range(width):
                        row[width + w] |= view.told[after, w]
                    part = 0 if key.order[view.tasks[i]] < len(key.returns) else 2 * width
                slot = key.slot[view.tasks[i]]
                row[part + (slot >> 6)] |= ONE << np.uint64(slot & 63)
                if ends or (kind == _OBSERVER and row[width + word] & bit != 0):
                    looked = insert(after, row, width, kept, at[TURN], at[KEPT])
                    at[KEPT] += looked > 0
                    spent += abs(looked) >> 4
                    continue
                looked = insert(after, row, width, queue, at[TURN], at[QUEUED])
                spent += abs(looked) >> 4  # long chains make an insertion slow
                if looked > 0:
                    push(heap, at[HEAPED], _rank(row, view, width), at[QUEUED])
                    at[QUEUED] += 1
                    at[HEAPED] += 1
        at[TURN] += 1
        rows = 0
        for j in range(at[KEPT]):
            if kept.alive[j]:
                row[:] = kept.bits[j]
                _forget(row, word, bit, width)
                rows += insert(kept.states[j], row, width, front, at[TURN], rows) > 0
        at[FRONT] = compact(front, rows)
        if at[FRONT] > beam:
            at[FRONT] = _best(front, at[FRONT], beam, width)
            at[CUT] = 1
        at[PHASE] = 0
        if at[FRONT] == 0:
            return UNSURE if at[CUT] else INVALID
        view.tasks[: at[OPEN] - 1] = view.tasks[1 : at[OPEN]]
        at[OPEN] -= 1
        at[STEP] += 1
    return VALID


class FrontierKernel:
    """The search over one key, whose state table is closed."""

    def __init__(self, scan: Scan, beam: int = ALL) -> None:
        self._beam = beam
        self._key = _key(scan)
        bits = scan.wide + len(scan.lost)
        width = max(1, -(-bits // 64))
        self._view = _open(bits, width, self._key.next.shape)
        self._sets = [room(FIRST_ROOM, width) for _ in range(3)]
        self._heap = np.zeros(FIRST_ROOM, np.int64)
        self._row = np.zeros(3 * width, np.uint64)
        self._at = np.zeros(14, np.int64)
        self._at[FRONT] = 1
        self._sets[0].alive[0] = True

    @property
    def step(self) -> int:
        """The return at which the search is."""
        return int(self._at[STEP])

    def tell(self, progress: Progress, scan: Scan, *, is_own: bool) -> None:
        """How far it has come; `is_own` if this is the key's own model."""
        progress.looked(scan, int(self._at[MOST_AT]), int(self._at[MOST]))
        if is_own:
            progress.passed(scan, self.step)

    @property
    def bytes(self) -> int:
        """What the configurations take."""
        total: int = sum(array.nbytes for rows in self._sets for array in rows)
        return total + self._heap.nbytes

    def run(self, limit: int) -> int:
        """VALID, INVALID or STOPPED; UNSURE where a beam lost what may have led on."""
        while True:
            front, kept, queue = self._sets
            end: int = search(
                limit,
                self._beam,
                self._at,
                self._key,
                self._view,
                front,
                kept,
                queue,
                self._heap,
                self._row,
            )
            if end != FULL:
                return end
            self._grow()

    def _grow(self) -> None:
        rows = 2 * len(self._heap)
        self._sets = [more_room(old, rows) for old in self._sets]
        self._heap = np.concatenate([self._heap, np.zeros(rows - len(self._heap), np.int64)])


def frontier(
    scan: Scan, meter: Meter, progress: Progress | None = None, easier: Scan | None = None
) -> Search:
    """The search as checker.frontier has it; the tables of the scans must be closed.

    First with narrow beams: a frontier of which only the best configurations are kept. One that
    comes to the end has found an order; one that does not has shown nothing. Then, for a while, a
    search of `easier`, the same key by a model that allows more (Model.relaxed): what has no order
    there has none here, though a shorter prefix may have none either. Then all of the frontier.
    """
    progress = progress or Progress()
    attempts = [(scan, beam, ENDLESS) for beam in (*BEAMS, ALL)]
    if easier is not None:
        attempts.insert(2, (easier, ALL, EASIER_SLICES))
    for which, beam, slices in attempts:
        kernel = FrontierKernel(which, beam)
        try:
            end, step = yield from _attempt(kernel, slices, meter)
        finally:
            kernel.tell(progress, which, is_own=which is scan)
        if end == VALID and which is scan:
            return VALID_DECISION
        if end == INVALID:
            if which is scan:
                return Decision(step)
            return Decision(_same_return(which, step, scan), shortest=False)
    raise AssertionError("all of the frontier decides")


def _attempt(
    kernel: FrontierKernel, slices: int, meter: Meter
) -> Generator[None, None, tuple[int, int]]:
    """How a search ends, and at which step; STOPPED after so many slices."""
    held = 0
    try:
        for _ in range(slices):
            end = kernel.run(SLICE)
            if end != STOPPED:
                return end, kernel.step
            now = kernel.bytes // BYTES_A_CONFIGURATION
            meter.held += now - held
            held = now
            yield
    finally:
        meter.held -= held
    return STOPPED, kernel.step


def _same_return(easier: Scan, step: int, scan: Scan) -> int:
    """The step of `scan` with the return that is at this step of `easier`."""
    ret = easier.tasks[easier.returns[step]].ret
    return next(k for k, i in enumerate(scan.returns) if scan.tasks[i].ret == ret)


def _key(scan: Scan) -> Key:
    tasks, table = scan.tasks, scan.table
    returns = np.array(scan.returns, np.int32)
    order = np.zeros(len(tasks), np.int32)
    order[returns] = np.arange(len(returns))
    order[scan.lost] = len(returns) + np.arange(len(scan.lost))
    calls = np.array([task.call for task in tasks], np.int64)
    return Key(
        np.array(scan.mine, np.int32),
        np.array([bit.bit_length() - 1 for bit in scan.bits], np.int32),
        order,
        returns,
        np.searchsorted(calls, np.array([tasks[i].ret for i in scan.returns])).astype(np.int32),
        np.array(table.kinds, np.int8),
        np.array(table.landing, np.int32),
        table.array(),
    )


def _open(bits: int, width: int, table: tuple[int, int]) -> Open:
    def ints(n: int) -> Any:
        return np.zeros(n, np.int32)

    def words(n: int) -> Any:
        return np.zeros((n, width), np.uint64)

    states, classes = table
    n = bits + 1
    return Open(
        tasks=ints(n),
        kinds=np.zeros(n, np.int8),
        classes=ints(n),
        first=ints(n),
        last=ints(n),
        after=ints(n),
        lands=ints(n),
        sees=words(n),
        enables=words(n),
        seen_at=ints(classes),
        group=ints(classes),
        told_at=ints(states),
        told=words(states),
        observers=words(1)[0],
        settled=words(1)[0],
    )
