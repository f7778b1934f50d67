"""The just-in-time search as a kernel: what checker/frontier.py does, which is its slow twin.

There are the five rules, and their proofs. Here a configuration is a row of words (see rows.py),
and the model is the table `next[state, class]`. The open tasks are kept in the order of their
returns, those that never return last: so the first of a group that is not used yet is R2's
candidate, and the first of all is the one that must return.

A walk stops when it has looked at so many configurations, when it has come to a given step, or when
it has no room left, and goes on where it was: all that it knows is in arrays.

Where the frontier has more than `most` rows after a step, a walk either *cuts* it, which keeps the
best rows (what it then finds is an order, but dying proves nothing), or *joins* rows (what it then
finds proves nothing, but dying proves that there is no order). To join two rows of the same state
and finished updates is to take both their satisfied observers and settled writes, and only the
writes and unknown updates that both have used: by R5 that row makes both superfluous, so the walk
goes on with no fewer completions than before. Within a step in which too many are looked at, a
walk that cuts gives up the rest, and one that joins makes them coarser.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checker.kernel.compiled import kernel, part
from checker.kernel.rows import ONE, compact, copy, count, insert, join, pop, push
from checker.model import BLIND, OBSERVER, UPDATE

_OBSERVER, _BLIND, _UPDATE = OBSERVER, BLIND, UPDATE

DONE, DEAD, STOPPED, FULL = 0, 1, 2, 3  # how a walk ends: past the last step, with no row left, ...
CUT, JOIN = 0, 1  # what is done to a frontier of too many rows
LOOKS = 64  # configurations looked at in a step, for each row of the frontier, which are too many

# Where a walk is: the places of an int64 array
STEP, CALLED, OPEN, FRONT, PHASE, KEPT, QUEUED, HEAPED, TURN, GROUPS, LOSS, LOOKED = range(12)
MOST, MOST_AT, SPENT, PLACES = 12, 13, 14, 15
_BASE = 1 << 29  # makes every rank positive
_EACH = 1 << 14  # an observer satisfied is worth more than any number of tasks used

MUST, MAY, CROSSING = 0, 1, 2  # what is known of whether a task took effect


class Key(NamedTuple):
    """One key's tasks, by call, and its model. For each task: `mine` its class, `slot` its bit,
    `order` its place among the returns (those of tasks that never return come after all others),
    `must`: MUST, MAY if its outcome is unknown, CROSSING if it is an update that was open where a
    window begins: it may have taken effect before, so it may return as if it had.
    For each step: `returns` the task that returns, `called` how many tasks are called before it.
    For each class: `kinds`, and `landing`, the state that a blind one leads to. `next` is the state
    table, shape (states, classes), -1 where that is illegal."""

    mine: Any
    slot: Any
    order: Any
    must: Any
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
    - Of each class, and again for its crossing tasks: the turn at which it was last found open,
      `seen_at`, and its `group` then.
    - Of each state: the turn for which the observers that it satisfies were last found out,
      `told_at`, and these, `told`.
    - `observers`: the bits of all open ones; `settled`: those of the blind tasks that will return.
    - `counts`: room for how many rows are worth how much.
    A turn is a step as this walk comes to it, which may be several times.
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
    counts: Any


@part
def _tell(state, turn, n, key, view):  # type: ignore[no-untyped-def]
    """Find out which open observers a state satisfies, unless this turn has done so."""
    if view.told_at[state] == turn:
        return
    view.told_at[state] = turn
    for w in range(view.told.shape[1]):
        view.told[state, w] = 0
    for i in range(n):
        task = view.tasks[i]
        c = key.mine[task]
        if key.kinds[c] == _OBSERVER and key.next[state, c] == state:
            view.told[state, key.slot[task] >> 6] |= ONE << np.uint64(key.slot[task] & 63)


@part
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


@part
def _group(turn, n, key, view, width):  # type: ignore[no-untyped-def]
    """Put the open tasks into groups of one class, and say what each blind one is good for (R4).
    Crossing tasks are apart: one may be never taken, so R2 cannot swap it for one that must be. How
    many groups."""
    groups = 0
    for w in range(width):
        view.observers[w] = view.settled[w] = 0
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
        name = c + len(key.kinds) if key.must[task] == CROSSING else c
        if view.seen_at[name] == turn:
            g = view.group[name]
            view.after[view.last[g]] = i
        else:
            g = groups
            groups += 1
            view.seen_at[name] = turn
            view.group[name] = g
            view.kinds[g] = key.kinds[c]
            view.classes[g] = c
            view.first[g] = i
        view.last[g] = i
    for g in range(groups):
        if view.kinds[g] == _BLIND:
            state = key.landing[view.classes[g]]
            view.lands[g] = state
            _tell(state, turn, n, key, view)
            for w in range(width):
                view.sees[g, w] = view.told[state, w]
                view.enables[g, w] = 0
            for u in range(groups):
                if view.kinds[u] == _UPDATE and key.next[state, view.classes[u]] >= 0:
                    i = view.first[u]
                    while i >= 0:
                        slot = key.slot[view.tasks[i]]
                        view.enables[g, slot >> 6] |= ONE << np.uint64(slot & 63)
                        i = view.after[i]
    return groups


@part
def _candidate(g, bits, part, also, key, view, width):  # type: ignore[no-untyped-def]
    """The place of the first task of a group whose bit is in neither of two parts of a row, or -1
    (R2)."""
    i = view.first[g]
    while i >= 0:
        slot = key.slot[view.tasks[i]]
        w = slot >> 6
        if not ((bits[part + w] | bits[also + w]) >> np.uint64(slot & 63)) & ONE:
            return i
        i = view.after[i]
    return -1


@part
def _is_useful(g, row, view, width):  # type: ignore[no-untyped-def]
    """Whether a blind task newly satisfies an observer or enables an update (R4)."""
    for w in range(width):
        done, good, used = row[w], row[width + w], row[2 * width + w]
        if view.sees[g, w] & ~good or view.enables[g, w] & ~(done | used):
            return True
    return False


@part
def _rank(row, view, width):  # type: ignore[no-untyped-def]
    """Small is to be looked at first: many observers satisfied, few tasks used."""
    rank = _BASE
    for w in range(width):
        rank += count(row[2 * width + w]) - count(row[width + w] & view.observers[w]) * _EACH
    return rank


@part
def _worth(row, width):  # type: ignore[no-untyped-def]
    """How much a row has behind it; from 0 to 448 a word."""
    worth = 64 * width
    for w in range(width):
        worth += 4 * count(row[w]) + 2 * count(row[width + w]) - count(row[2 * width + w])
    return worth


@part
def _best(front, rows, most, counts, width):  # type: ignore[no-untyped-def]
    """Keep the rows with the most behind them: updates finished, observers satisfied, and few tasks
    used. How many are kept."""
    for i in range(counts.shape[0]):
        counts[i] = 0
    for j in range(rows):
        counts[_worth(front.bits[j], width)] += 1
    least = counts.shape[0] - 1
    left = most
    while counts[least] < left:
        left -= counts[least]
        least -= 1
    kept = 0
    for j in range(rows):
        worth = _worth(front.bits[j], width)
        if worth > least or (worth == least and left > 0):
            left -= worth == least
            front.states[kept] = front.states[j]
            copy(front.bits[j], front.bits[kept])
            kept += 1
    return kept


@part
def _coarsen(row, word, bit, view, width):  # type: ignore[no-untyped-def]
    """Make a row into one that makes it superfluous (R5), and many others: all open observers are
    satisfied and all writes settled, but for the task that must return, and nothing is used."""
    was = row[width + word] & bit
    for w in range(width):
        row[width + w] |= view.observers[w] | view.settled[w]
        row[2 * width + w] = 0
    row[width + word] = (row[width + word] & ~bit) | was


@part
def _begin(at, x, word, bit, mask, key, view, front, kept, queue, heap, width):  # type: ignore[no-untyped-def]
    """Begin a step: open what was called, and part the rows into those that may let the task
    return as they are, and those to search from; one in which it is settled (R3) is both."""
    step, rows = at[STEP], at[FRONT]
    at[OPEN] = _call(step, at[CALLED], at[OPEN], key, view, front, rows, width)
    at[CALLED] = max(at[CALLED], key.called[step])
    is_everywhere = True
    for j in range(rows):
        is_everywhere = is_everywhere and front.bits[j, mask] & bit != 0
    at[TURN] += 1
    at[GROUPS] = 0 if is_everywhere else _group(at[TURN], at[OPEN], key, view, width)
    at[KEPT] = at[QUEUED] = at[HEAPED] = at[LOOKED] = 0
    for j in range(rows):
        state, bits = front.states[j], front.bits[j]
        is_in = bits[mask] & bit != 0
        if is_in or bits[width + word] & bit != 0:
            at[KEPT] += insert(state, bits, width, kept, at[TURN], at[KEPT]) > 0
        if not is_in and insert(state, bits, width, queue, at[TURN], at[QUEUED]) > 0:
            push(heap, at[HEAPED], _rank(bits, view, width), at[QUEUED])
            at[QUEUED] += 1
            at[HEAPED] += 1
    at[PHASE] = 1


@part
def _end(at, word, bit, most, way, key, view, front, kept, row, width):  # type: ignore[no-untyped-def]
    """End a step: the task has returned, its bit is free for another, and the frontier is what was
    kept."""
    at[TURN] += 1
    rows = np.int64(0)  # (a literal would compile all that takes it once more)
    for j in range(at[KEPT]):
        if kept.alive[j]:
            for w in range(3 * width):
                row[w] = kept.bits[j, w]
            row[word] &= ~bit
            row[width + word] &= ~bit
            row[2 * width + word] &= ~bit
            rows += insert(kept.states[j], row, width, front, at[TURN], rows) > 0
    rows = compact(front, rows)
    if rows > most:
        at[LOSS] = 1
        if way == CUT:
            rows = _best(front, rows, most, view.counts, width)
        near = np.int64(1)
        while rows > most and near < 1024:
            at[TURN] += 1
            rows = join(front, rows, near, at[TURN], width)
            near *= 2
    at[FRONT] = rows
    at[PHASE] = 0
    for i in range(1, at[OPEN]):
        view.tasks[i - 1] = view.tasks[i]
    at[OPEN] -= 1
    at[STEP] += 1


@kernel
def walk(limit, until, most, way, at, key, view, front, kept, queue, heap, row):  # type: ignore[no-untyped-def]
    """Go on from where `at` says to step `until`, looking at no more than about `limit`
    configurations; how much work it was is in at[SPENT]. DONE, DEAD (the step before at[STEP] has
    none), STOPPED or FULL (more room is needed)."""
    width = row.shape[0] // 3
    margin = len(view.tasks) + 2
    at[SPENT] = 0
    while at[STEP] < until:
        step = at[STEP]
        x = key.returns[step]
        kind = key.kinds[key.mine[x]]
        word, bit = key.slot[x] >> 6, ONE << np.uint64(key.slot[x] & 63)
        part = 1 if kind == _OBSERVER else 2 if kind == _BLIND or key.must[x] != MUST else 0
        if at[PHASE] == 0:
            if at[SPENT] >= limit:
                return STOPPED
            if at[FRONT] + margin > min(len(kept.states), len(queue.states)):
                return FULL
            mask = word + part * width
            _begin(at, x, word, bit, mask, key, view, front, kept, queue, heap, width)
            at[SPENT] += 1 + (at[FRONT] >> 3)
        while at[HEAPED] > 0:
            if at[SPENT] >= limit:
                return STOPPED
            if way == CUT and (at[KEPT] >= 2 * most or at[LOOKED] >= LOOKS * most):
                at[LOSS] = 1
                break
            if at[QUEUED] + margin > len(queue.states):
                return FULL
            if at[KEPT] + margin > min(len(kept.states), len(front.states)):
                return FULL
            j = pop(heap, at[HEAPED])
            at[HEAPED] -= 1
            if not queue.alive[j]:
                continue
            at[SPENT] += 1 + (at[GROUPS] >> 3)
            at[LOOKED] += 1
            is_coarse = way == JOIN and at[LOOKED] >= LOOKS * most
            state, bits = queue.states[j], queue.bits[j]
            for g in range(at[GROUPS]):
                c = view.classes[g]
                if view.kinds[g] == _BLIND:
                    i = _candidate(g, bits, 2 * width, 2 * width, key, view, width)
                    if i < 0:
                        continue
                    ends = view.tasks[i] == x
                    if not ends and not _is_useful(g, bits, view, width):
                        continue
                    after = view.lands[g]
                    for w in range(width):
                        row[w] = bits[w]
                        row[width + w] = bits[width + w] | view.sees[g, w] | view.settled[w]
                        row[2 * width + w] = bits[2 * width + w]
                    to = 2 * width
                else:
                    after = key.next[state, c]
                    if after < 0:
                        continue
                    i = _candidate(g, bits, np.int64(0), 2 * width, key, view, width)
                    if i < 0:
                        continue
                    ends = view.tasks[i] == x
                    _tell(after, at[TURN], at[OPEN], key, view)
                    for w in range(width):
                        row[w] = bits[w]
                        row[width + w] = bits[width + w] | view.told[after, w]
                        row[2 * width + w] = bits[2 * width + w]
                    to = 0 if key.must[view.tasks[i]] == MUST else 2 * width
                slot = key.slot[view.tasks[i]]
                row[to + (slot >> 6)] |= ONE << np.uint64(slot & 63)
                if is_coarse:
                    at[LOSS] = 1
                    _coarsen(row, word, bit, view, width)
                if ends or (kind == _OBSERVER and row[width + word] & bit != 0):
                    looked = insert(after, row, width, kept, at[TURN], at[KEPT])
                    at[KEPT] += looked > 0
                    at[SPENT] += abs(looked) >> 4
                    continue
                looked = insert(after, row, width, queue, at[TURN], at[QUEUED])
                at[SPENT] += abs(looked) >> 4  # long chains make an insertion slow
                if looked > 0:
                    push(heap, at[HEAPED], _rank(row, view, width), at[QUEUED])
                    at[QUEUED] += 1
                    at[HEAPED] += 1
        if at[LOOKED] > at[MOST]:
            at[MOST], at[MOST_AT] = at[LOOKED], step
        _end(at, word, bit, most, way, key, view, front, kept, row, width)
        if at[FRONT] == 0:
            return DEAD
    return DONE
