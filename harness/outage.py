"""Outages: stretches of time in which somebody waited and nobody was answered ok."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

from harness.band import Band
from harness.clock import SECOND, Nanos
from harness.history import History
from harness.op import INVOKE, OK, Op

PAUSE: Nanos = SECOND  # of nobody asking anything: it is no part of an outage
PART = 10  # an outage of which less than a tenth is in some time is not of that time


class Outage(Struct, frozen=True):
    """A stretch (ns) in which somebody waited and nobody was answered ok."""

    start: Nanos
    end: Nanos

    @property
    def length(self) -> Nanos:
        """In ns."""
        return self.end - self.start


class _Waiting:
    """Who waits now, and since when without an ok; since when nobody has waited."""

    __slots__ = ("found", "idle", "since", "who")

    def __init__(self) -> None:
        self.found: list[Outage] = []
        self.since: Nanos | None = None
        self.idle: Nanos = 0
        self.who: set[int | str] = set()

    def see(self, op: Op) -> None:
        """The next line of the history, in order of time."""
        if op.type == INVOKE:
            if self.since is not None and not self.who and op.time - self.idle > PAUSE:
                self.found.append(Outage(self.since, self.idle))
                self.since = None
            self.who.add(op.process)
            self.since = op.time if self.since is None else self.since
            return
        self.who.discard(op.process)
        self.idle = op.time
        if op.type == OK and self.since is not None:
            self.found.append(Outage(self.since, op.time))
            self.since = op.time if self.who else None

    def until(self, end: Nanos) -> list[Outage]:
        """All of them; the last may end with the history."""
        if self.since is None:
            return self.found
        return [*self.found, Outage(self.since, end if self.who else self.idle)]


def outages(history: History) -> list[Outage]:
    """The stretches between one ok and the next, in order, without the times in which nobody had
    asked anything. The last may end with the history."""
    waiting = _Waiting()
    for op in _in_time(history):
        waiting.see(op)
    return waiting.until(_end(history))


def outages_of_each(history: History) -> dict[str, list[Outage]]:
    """The same for each f by itself, in order of name."""
    waiting: dict[str, _Waiting] = {}
    for op in _in_time(history):
        waiting.setdefault(op.f, _Waiting()).see(op)
    end = _end(history)
    return {f: waiting[f].until(end) for f in sorted(waiting)}


def longest(found: Sequence[Outage], start: Nanos, end: Nanos) -> Outage:
    """The longest of these, in order, of which a good part was going on from `start` until `end`;
    one of length 0 if none was."""
    first = bisect_left(found, start, key=lambda o: o.end)
    behind = bisect_left(found, end, key=lambda o: o.start)
    during = [
        o for o in found[first:behind] if PART * (min(o.end, end) - max(o.start, start)) >= o.length
    ]
    return max(during, key=lambda o: o.length, default=Outage(start, start))


class Stall(Struct, frozen=True):
    """Of a fault: for each f the longest outage around its start, and around its end (None where
    it has none). What goes on when the next fault begins or ends counts for that one, too."""

    fault: Band
    begun: dict[str, Outage]
    ended: dict[str, Outage] | None


def stalls(history: History, found: Sequence[Band]) -> list[Stall]:
    """One for each of these faults."""
    each = outages_of_each(history)
    edges = sorted({time for band in found for time in (band.start, band.end)})

    def around(time: Nanos) -> dict[str, Outage]:
        i = bisect_right(edges, time)
        until = edges[i] if i < len(edges) else _end(history) + 1
        return {f: longest(outages, time, until) for f, outages in each.items()}

    return [Stall(b, around(b.start), around(b.end) if b.ended else None) for b in found]


def _in_time(history: History) -> list[Op]:
    ops = [op for op in history.ops if type(op.process) is int]
    if any(later.time < op.time for op, later in pairwise(ops)):  # others may have recorded it so
        ops.sort(key=lambda op: op.time)
    return ops


def _end(history: History) -> Nanos:
    return max((op.time for op in history.ops), default=0)
