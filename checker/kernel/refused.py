"""The search in time for refused compare-and-sets as a kernel: what checker/refused.py does.

There are the proofs. Configurations are rows of `Front`. The blocks that can come now are in a
list, linked by first call. What is spent but cannot come any more stays in its row until that is
copied, and counts for nothing.

One rule is of the kernel alone, since it is needed only where much is unknown. A write of unknown
outcome, called before now, is *plain* if no refusal of its value is called from now on, and no
compare-and-set names it. Plain writes are alike: each may come at any moment, none has to, and none
of them is ever refused, so in any order two of them can change places. One stands for all, and only
how many are spent counts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checker.kernel.compiled import kernel, part
from checker.kernel.unique import CAS, FOREVER, NONE, REFUSED, SURE, UNSURE

MOST = 2000  # configurations at a time
LOOKS = 20_000_000  # rows compared with one another in all; about a second
SPENT = 64  # blocks that are spent and can still come, in one configuration
NOTHING, START, REFUSE, COME = 0, 1, 2, 3  # what happens at a rank
KEEP, STEP, LEAVE = 0, 1, 2  # how a row goes on: as it is, within its block, to another one
VALID, GAVE_UP = -1, -2


class Front(NamedTuple):
    """Rows, int64: the value that is there, `since` when, when its block `begun`, what is spent."""

    value: Any  # (rows,)
    since: Any  # (rows,)
    begun: Any  # (rows,)
    used: Any  # (rows,), how many plain writes are spent
    count: Any  # (rows,)
    spent: Any  # (rows, SPENT), as many as `count` says


class Ways(NamedTuple):
    """What a row may become, (values,): to which value, and how. `plain`: how many plain writes
    there are, and one of them."""

    value: Any
    how: Any
    plain: Any


class Events(NamedTuple):
    """By rank: what happens, and to which value or by which task. By value: the last return and the
    last call of a refusal of it (-1: there is none), the first of its `tails` and the `next` of the
    same old value (-1: none), by when it is gone for certain, and neighbours in the list."""

    what: Any
    which: Any
    refused: Any
    called: Any
    tail: Any
    next: Any
    gone: Any
    left: Any
    right: Any


class Search(NamedTuple):
    """Room for a search."""

    events: Events
    front: Front
    made: Front
    ways: Ways


def search(values: int, ranks: int) -> Search:
    """Room for the search among so many values and ranks."""
    by_rank = [np.empty(ranks + 2, np.int64) for _ in range(2)]
    by_value = [np.empty(values + 2, np.int64) for _ in range(9)]
    value, how = by_value[7:]
    ways = Ways(value, how, np.zeros(2, np.int64))
    return Search(Events(*by_rank, *by_value[:7]), _front(), _front(), ways)


def _front() -> Front:
    """No configuration."""
    return Front(*[np.empty(shape, np.int64) for shape in [*5 * [(MOST,)], (MOST, SPENT)]])


@part
def _gone(room, length, events):  # type: ignore[no-untyped-def]
    """By when each value is gone for certain."""
    which, gone = events.which, events.gone
    which[:] = -1
    for k in range(length):
        b = room.chain[k]
        if room.place[b] == 0:
            which[room.end[b] + 1] = b  # the initial one may end at -1
            if room.start[b] < FOREVER:
                which[room.start[b] + 1] = b
    least, second, whose = FOREVER, FOREVER, -1
    for at in range(len(which) - 1, -1, -1):
        b = which[at]
        if b < 0:
            continue
        if at == room.start[b] + 1:
            gone[b] = second if whose == b else least
        elif room.start[b] < least:
            least, second, whose = room.start[b], least, b
        else:
            second = min(second, room.start[b])
    end = FOREVER
    for k in range(length - 1, -1, -1):
        value = room.chain[k]
        first = room.block[value]
        after = room.after[value]
        end = gone[first] if after < 0 else min(end, room.latest[after])
        if value != first:
            gone[value] = end
        else:
            gone[value] = min(end, gone[first])


@kernel
def prepare(tasks, until, room, length, events):  # type: ignore[no-untyped-def]
    """Make the events; whether some refusal matters at all."""
    call, ret, kind, old, new = tasks.call, tasks.ret, tasks.kind, tasks.old, tasks.new
    _gone(room, length, events)
    what, which = events.what, events.which
    what[:] = NOTHING
    events.refused[:] = -1
    events.called[:] = -1
    events.tail[:] = -1
    matters = False
    n = np.searchsorted(call, until, side="right")
    for i in range(n):
        value = new[i]
        if kind[i] == REFUSED and ret[i] <= until:
            value = old[i]
            if room.sure[value] == NONE:
                continue
            w = room.writer[value]
            if w >= 0 and call[w] > call[i]:
                continue
            if room.sure[value] == SURE and events.gone[value] < ret[i]:
                continue
            matters = True
            what[ret[i]], which[ret[i]] = REFUSE, i
            events.refused[value] = max(events.refused[value], ret[i])
            events.called[value] = max(events.called[value], call[i])
        elif value >= 0 and room.sure[value] == UNSURE:
            room.after[value] = -1
            room.before[value] = -1
            room.place[value] = 0
            room.latest[value] = FOREVER
            room.earliest[value] = call[i]
            room.block[value] = value
            room.start[value] = FOREVER
            room.end[value] = call[i]
            if kind[i] == CAS:
                room.place[value] = len(what)  # its block is known when it comes
                events.next[value] = events.tail[old[i]]
                events.tail[old[i]] = value
            else:
                what[call[i]], which[call[i]] = COME, value
    if matters:
        for k in range(length):
            value = room.chain[k]
            if value == 0:
                continue
            if room.latest[value] < FOREVER:
                what[room.latest[value]], which[room.latest[value]] = START, value
            if room.place[value] == 0:
                at = call[room.writer[value]]
                what[at], which[at] = COME, value
    return matters


@part
def _is_spent(front, row, block):  # type: ignore[no-untyped-def]
    for k in range(front.count[row]):
        if front.spent[row, k] == block:
            return True
    return False


@part
def _is_plain(block, now, room, events):  # type: ignore[no-untyped-def]
    is_told = events.called[block] >= now or events.tail[block] >= 0
    return room.sure[block] == UNSURE and not is_told


@part
def _covers(front, a, b, now, room, events):  # type: ignore[no-untyped-def]
    """Whether row b is superfluous beside row a."""
    value, other = front.value[a], front.value[b]
    mine, its = room.block[value], room.block[other]
    mine_is_plain = _is_plain(mine, now, room, events)
    its_is_plain = _is_plain(its, now, room, events)
    used, its_used = front.used[a] + mine_is_plain, front.used[b] + its_is_plain
    if used > its_used:
        return False
    has_its = False
    for k in range(front.count[a]):
        block = front.spent[a, k]
        has_its = has_its or block == its
        if room.start[block] > now and block != its and not _is_spent(front, b, block):
            return False
    if mine == its:
        is_later = front.begun[a] >= front.begun[b]
        if value == other:
            return is_later and front.since[a] >= front.since[b]
        return is_later and room.sure[value] == SURE and room.place[value] < room.place[other]
    if room.start[mine] > now and not mine_is_plain and not _is_spent(front, b, mine):
        return False
    if room.end[mine] > now:
        return False
    if room.start[its] > now and (used < its_used if its_is_plain else not has_its):
        return True
    is_refused = events.refused[value] > now and events.called[value] > front.since[a]
    is_free = room.after[value] < 0 and not is_refused
    return is_free and front.begun[a] >= front.begun[b]


@part
def _move(front, row, to):  # type: ignore[no-untyped-def]
    """Copy one row to another place."""
    front.value[to], front.since[to] = front.value[row], front.since[row]
    front.begun[to], front.used[to] = front.begun[row], front.used[row]
    front.count[to] = front.count[row]
    for k in range(front.count[row]):
        front.spent[to, k] = front.spent[row, k]


@part
def _insert(old, row, value, how, made, n, now, room, events):  # type: ignore[no-untyped-def]
    """Put what row `row` becomes into `made`, which has n rows; how many it has then, -1 where
    there is no room."""
    if n + 1 >= MOST:
        return -1
    made.value[n], made.since[n], made.begun[n] = value, now, now
    if how == KEEP:
        made.since[n] = old.since[row]
    if how != LEAVE:
        made.begun[n] = old.begun[row]
    count = np.int64(0)
    used = old.used[row]
    for k in range(old.count[row] + (how == LEAVE)):
        block = old.spent[row, k] if k < old.count[row] else room.block[old.value[row]]
        if _is_plain(block, now, room, events):
            used += 1
        elif room.start[block] > now:
            if count == SPENT:
                return -1
            made.spent[n, count] = block
            count += 1
    made.used[n] = used
    made.count[n] = count
    kept = np.int64(0)
    for turn in range(2 * n):  # first: is the new row covered? then: which rows does it cover?
        k = turn if turn < n else turn - n
        a, b = (k, n) if turn < n else (n, k)
        covers = _covers(made, a, b, now, room, events)
        if turn < n and covers:
            return n
        if turn >= n and not covers:
            if kept != k:
                _move(made, k, kept)
            kept += 1
    if kept != n:
        _move(made, n, kept)
    return kept + 1


@part
def _start(front, row, value, now, room, calls, ways):  # type: ignore[no-untyped-def]
    """What a row becomes where a value must have come by now; how many ways there are."""
    n = np.int64(0)
    here = front.value[row]
    block, mine = room.block[value], room.block[here]
    can = calls[room.writer[value]] < now and room.before[value] < now
    if block == mine:
        if room.place[value] <= room.place[here]:
            return _way(ways, n, here, KEEP)
        return _way(ways, n, value, STEP) if can else n
    if room.start[block] < now or _is_spent(front, row, block):
        return _way(ways, n, here, KEEP)
    if room.end[block] < front.begun[row]:
        n = _way(ways, n, here, KEEP)
    if can and room.end[mine] < now:
        n = _way(ways, n, value, LEAVE)
    return n


@part
def _way(ways, n, value, how):  # type: ignore[no-untyped-def]
    """One way more."""
    ways.value[n], ways.how[n] = value, how
    return n + 1


@part
def _refuse(front, row, now, room, events, calls, ways):  # type: ignore[no-untyped-def]
    """What a row becomes where the value that is there must be gone by now."""
    n = np.int64(0)
    here = front.value[row]
    if room.earliest[here] > now:
        return n
    after = room.after[here]
    if after >= 0:
        return _way(ways, n, after, STEP) if calls[room.writer[after]] < now else n
    mine = room.block[here]
    has_plain = False
    value = events.tail[here]
    while value >= 0:
        if calls[room.writer[value]] < now:
            is_plain = events.called[value] < now and events.tail[value] < 0
            if not (is_plain and has_plain):
                room.block[value] = mine
                n = _way(ways, n, value, STEP)
            has_plain = has_plain or is_plain
        value = events.next[value]
    last = len(events.right) - 1
    value = events.right[last]
    while value != last:
        then = events.right[value]
        if _is_plain(value, now, room, events):
            _unlink(value, events)
            ways.plain[0] += 1
            ways.plain[1] = value
        elif value != mine and not _is_spent(front, row, value):
            n = _way(ways, n, value, LEAVE)
        value = then
    used = front.used[row] + _is_plain(mine, now, room, events)
    for k in range(front.count[row]):
        used += _is_plain(front.spent[row, k], now, room, events)
    if used < ways.plain[0]:
        n = _way(ways, n, ways.plain[1], LEAVE)
    return n


@part
def _unlink(value, events):  # type: ignore[no-untyped-def]
    """Take a block from the list."""
    left, right = events.left[value], events.right[value]
    events.right[left], events.left[right] = right, left


@part
def _moves(front, row, event, which, called, room):  # type: ignore[no-untyped-def]
    """Whether a row becomes another one at an event."""
    here = front.value[row]
    if event == REFUSE:
        return front.since[row] <= called
    block = room.block[which]
    if block == room.block[here]:
        return room.place[which] > room.place[here]
    return room.start[block] == room.latest[which] and not _is_spent(front, row, block)


@kernel
def sweep(tasks, until, room, events, front, made, ways):  # type: ignore[no-untyped-def]
    """The return at which no configuration is left; -1 where there is an order, -2 where there were
    too many configurations."""
    calls = tasks.call
    left, right = events.left, events.right
    last = len(right) - 1  # stands before and after all blocks
    left[last] = right[last] = last
    ways.plain[:] = 0
    front.value[0], front.since[0], front.begun[0] = 0, -1, -1
    front.used[0], front.count[0] = 0, 0
    rows = np.int64(1)
    looks = np.int64(LOOKS)
    for now in range(min(until + 1, len(events.what))):
        event, which = events.what[now], events.which[now]
        if event == NOTHING:
            continue
        if event == COME:
            left[which], right[which] = left[last], last
            right[left[last]] = which
            left[last] = which
            continue
        value, called = which, -1
        if event == REFUSE:
            value, called = tasks.old[which], calls[which]
        elif room.block[which] != 0 and room.start[room.block[which]] == now:
            _unlink(room.block[which], events)
        moves = False
        for row in range(rows):
            is_there = event == START or front.value[row] == value
            if is_there and _moves(front, row, event, which, called, room):
                moves = True
                break
        if not moves:
            continue
        n = np.int64(0)
        for row in range(rows):
            if event == START:
                count = _start(front, row, value, now, room, calls, ways)
            elif front.value[row] == value and front.since[row] <= called:
                count = _refuse(front, row, now, room, events, calls, ways)
            else:
                count = _way(ways, np.int64(0), front.value[row], KEEP)
            for k in range(count):
                if n >= 0:
                    to, how = ways.value[k], ways.how[k]
                    looks -= n
                    n = _insert(front, row, to, how, made, n, now, room, events)
            if n < 0 or looks < 0:
                return GAVE_UP
        if n == 0:
            return now
        front, made = made, front
        rows = n
    return VALID
