"""Linearizability by zxids: was every read as new as what had been told before it was called?

The writes have one order, that of their zxids, which the answers name. A read's answer is right
from the last change of its znode up to the next, and so has a stretch of zxids at which it may be
placed (where a znode is not there: several). It is linearizable exactly if each can be given a
place in its stretch so that real time is kept; the earliest place that real time allows is always
the best one. One sweep over the events, O(n log n), after one replay of the log.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import UNSET, Struct

from checker.zookeeper.log import Log
from checker.zookeeper.place import Witness
from checker.zookeeper.replay import CHILD, DELETED, Replay
from checker.zookeeper.request import FOREVER, READ, Request, who, zxid

REGISTERS = frozenset({"read", "cas"})
NOWHERE = -1


class Stale(Struct, frozen=True):
    """A request that fits no place: `words` say why."""

    request: Request
    words: str


def first_stale(witness: Witness) -> Stale | None:
    """The first request that shows the history not to be linearizable; None if it is. Asks for a
    log that is whole, and a history that keeps ZooKeeper's guarantee."""
    requests = witness.asked.requests
    stretches = _Stretches(requests, witness.log)
    written = {r.at: p for p, r in witness.placed.writes}
    events = []
    for r in requests:
        if r.kind == READ and r.position is None:
            continue
        events.append((r.call, 0, r.at, r))
        if r.ret != FOREVER:
            events.append((r.ret, 1, r.at, r))
    events.sort(key=lambda event: event[:3])
    reached = 0  # the highest place of all that has returned
    floors: dict[int, int] = {}
    for _, is_return, at, r in events:
        own = written.get(at)
        if not is_return:
            floors[at] = reached
            if own is not None and own <= reached and r.kind != READ:
                words = f"what was told before {who(r)} was called is of {zxid(reached)} or later"
                return Stale(r, f"{words}, and it is at {zxid(own)}")
        elif r.kind == READ:
            found = stretches.earliest(r, floors[at])
            if found == NOWHERE:
                words = f"{who(r)} was told what was right at {zxid(r.position or 0)}"
                return Stale(r, f"{words}, but {zxid(floors[at])} had been told of before")
            reached = max(reached, found)
        elif own is not None:
            reached = max(reached, own)
    return None


class _Stretches:
    """When which answer was right, by path."""

    def __init__(self, requests: Sequence[Request], log: Log) -> None:
        paths = {r.path: None for r in requests if r.kind == READ and r.path is not None}
        replay = Replay(paths)
        for entry in log.entries:
            if entry.error is None:
                replay.apply(entry.type, entry.value, entry.position, entry.session, entry.time)
        self._changes = {path: _last(changes) for path, changes in replay.changes.items()}
        self._data = {
            path: _last([change for change in changes if change[1] != CHILD])
            for path, changes in replay.changes.items()
        }

    def earliest(self, r: Request, floor: int) -> int:
        """The first zxid from `floor` on at which the answer is right, or NOWHERE."""
        position = r.position or 0
        if r.outcome != "ok" and r.observed is UNSET and r.f in REGISTERS:
            return min(position, floor)  # it tells nothing
        changes = (self._data if r.f in REGISTERS else self._changes)[r.path or "/"]
        zxids = [change[0] for change in changes]
        now = bisect_right(zxids, position)
        if _is_absent(changes, now, r):
            return _next_absence(changes, bisect_right(zxids, floor), floor)
        start = zxids[now - 1] if now else 0
        end = zxids[now] if now < len(zxids) else FOREVER
        found = max(start, floor)
        return found if found < end else NOWHERE


Changes = Sequence[tuple[int, str]]


def _last(changes: Changes) -> Changes:
    """The last change at each zxid, since a multi may make several."""
    return list({at: (at, change) for at, change in changes}.values())


def _is_absent(changes: Changes, now: int, r: Request) -> bool:
    """Whether the znode is not there after so many changes."""
    if now:
        return changes[now - 1][1] == DELETED
    return r.path != "/"


def _next_absence(changes: Changes, now: int, floor: int) -> int:
    """The first zxid from `floor` on at which it is not there; `now` changes are up to it."""
    if not now or changes[now - 1][1] == DELETED:
        return floor
    return next((at for at, change in changes[now:] if change == DELETED), NOWHERE)
