"""Registers with unique values as a kernel: what checker/unique.py does, which is its slow twin.

Ranks are small numbers, and no two returns (nor two calls) have the same one: so what the twin
sorts is put at the place of its rank, and all is linear. There is no story here, only the verdict.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from checker.kernel.compiled import kernel, part

FOREVER = 1 << 62
READ, WRITE, CAS, NEVER, REFUSED = 0, 1, 2, 3, 4
NONE, SURE, UNSURE = 0, 1, 2  # whether a value was written: by what certainly happened, or may have


class Columns(NamedTuple):
    """Tasks by call, (n,) int64: `call`, `ret`, and `kind`, `old` and `new` as in Values."""

    call: Any
    ret: Any
    kind: Any
    old: Any
    new: Any


class Room(NamedTuple):
    """What is known of each value, (values,): its `writer`, whether it is `sure`, the value `after`
    it in its chain, the first one of its `block` and its `place` in it, when its life starts at the
    `latest` and ends at the `earliest`, and what earlier ones of the chain need `before` it. For
    each first value: `start` and `end`, the same for the whole block. `chain` has the values block
    by block; `zone`, (ranks,), is for the forward zones."""

    writer: Any
    sure: Any
    after: Any
    block: Any
    place: Any
    latest: Any
    earliest: Any
    before: Any
    start: Any
    end: Any
    chain: Any
    zone: Any


def room(values: int, ranks: int) -> Room:
    """Room for so many values; ranks are less than `ranks`."""
    return Room(*[np.empty(size, np.int64) for size in [*11 * [values], ranks + 2]])


@kernel
def judge(tasks, until, room):  # type: ignore[no-untyped-def]
    """Whether the prefix up to rank `until` has an order, apart from what was refused without
    saying why. Where it has, `room` is filled; the result is 1 more than the length of
    `room.chain`, else 0."""
    call, ret, kind, old, new = tasks.call, tasks.ret, tasks.kind, tasks.old, tasks.new
    writer, sure, latest, earliest = room.writer, room.sure, room.latest, room.earliest
    writer[:] = -1
    sure[:] = NONE
    room.after[:] = -1
    latest[:] = FOREVER
    earliest[:] = -1
    latest[0] = -1
    sure[0] = SURE
    n = np.searchsorted(call, until, side="right")
    for i in range(n):
        if new[i] >= 0:
            writer[new[i]] = i
            sure[new[i]] = UNSURE
    for i in range(n):
        if ret[i] > until or kind[i] == REFUSED:
            continue
        if kind[i] == NEVER:
            return 0
        value = new[i]
        if kind[i] == READ:
            value = old[i]
            if ret[i] < call[writer[value]] and writer[value] >= 0:
                return 0
        else:
            sure[value] = SURE
        latest[value] = min(latest[value], ret[i])
        earliest[value] = max(earliest[value], call[i])
        value = old[i]  # -1 for a write
        while value > 0 and sure[value] != SURE:
            if sure[value] == NONE:
                return 0
            sure[value] = SURE
            value = old[writer[value]]
    chained = np.int64(0)
    for value in range(1, len(writer)):
        if sure[value] != SURE:
            continue
        i = writer[value]
        earliest[value] = max(earliest[value], call[i])
        if kind[i] == CAS:
            if room.after[old[i]] >= 0:
                return 0
            room.after[old[i]] = value
            chained += 1
    length = _walk(tasks, room, chained)
    if length == 0 or not _between(room, length):
        return 0
    return 1 + length


@part
def _walk(tasks, room, chained):  # type: ignore[no-untyped-def]
    """Go along the blocks: the length of all chains; 0 where one is not in order inside, or not all
    that is chained is in a block."""
    length = np.int64(0)
    blocks = np.int64(0)
    for first in range(len(room.writer)):
        if room.sure[first] != SURE:
            continue
        if first > 0 and tasks.kind[room.writer[first]] == CAS:
            continue
        blocks += 1
        value, place, before, start = first, 0, -1, FOREVER
        while value >= 0:
            if room.latest[value] < before and value > 0:
                return 0
            room.block[value], room.place[value] = first, place
            room.before[value] = before
            before = max(before, room.earliest[value])
            start = min(start, room.latest[value])
            room.chain[length] = value
            length += 1
            place += 1
            value = room.after[value]
        room.start[first], room.end[first] = start, before
    return length if length - blocks == chained else 0


@part
def _between(room, length):  # type: ignore[no-untyped-def]
    """Whether no two blocks are each before the other: see the twin's part 4."""
    zone = room.zone
    zone[:] = -1
    for k in range(length):
        b = room.chain[k]
        if room.place[b] == 0 and room.start[b] < room.end[b]:
            zone[room.start[b] + 1] = room.end[b]
    last = -1  # the end of the last forward zone that starts before the rank
    for at in range(len(zone)):
        here = zone[at]
        zone[at] = last
        if here >= 0:
            if at - 1 < last:
                return False
            last = here
    for k in range(length):
        b = room.chain[k]
        if room.place[b] == 0 and room.start[b] >= room.end[b] and room.end[b] >= 0:
            if room.start[b] < zone[room.end[b] + 1]:
                return False
    return True
