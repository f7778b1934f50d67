"""The order of zxids against real time and against each session's own order, by sorting alone.

Z1 no two writes share a zxid, and of two updates the one that returned before the other was called
   has the smaller zxid. A sync is an update in real time: it confirms an index, of which every
   write acknowledged before is part, and every write called afterwards is not.
Z2 a session's zxids never decrease, and grow at a write; they begin at the session's own zxid.
Z4 what a reply has seen was called before the reply.
Z5 a read after a sync of its session has seen every write acknowledged before the sync was called.
Z6 is Z2 where the session has moved to another server meanwhile.

All by prefix maxima, O(n log n). Source: the guarantee is that of the ZooKeeper paper (USENIX ATC
2010, section 2.3): linearizable writes, and FIFO client order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from checker.zookeeper.finding import Finding, Force
from checker.zookeeper.request import FOREVER, READ, SYNC, WRITE, Request, who, zxid
from harness.clock import show

Placed = tuple[int, Request]  # a zxid, and the request that has it


def order_rules(
    requests: Sequence[Request], placed: Sequence[Placed], births: Mapping[str, int]
) -> Iterator[Finding]:
    """What breaks Z1, Z2, Z4, Z5 or Z6. `placed` are the writes with their zxids (also those whose
    outcome the clients were not told, from the log), by zxid; `births` the zxids at which sessions
    were made, where that is known."""
    yield from _shared(placed)
    floors: dict[int, Request] = {}
    yield from _real_time(requests, placed, floors)
    yield from _foreseen(requests, placed)
    for chain in sessions(requests).values():
        yield from _session(chain, floors, births.get(chain[0].session or "", 0))


def sessions(requests: Sequence[Request]) -> dict[Any, list[Request]]:
    """The requests that say their zxid, in the order of each session. Where they have no number in
    a session, a process is its own; where some name their session, those that do not are left out:
    a process may have gone on with another."""
    found: dict[Any, list[Request]] = {}
    named = any(r.session is not None for r in requests)
    for r in requests:
        if r.position is None or (named and r.session is None):
            continue
        name = (r.session, r.process) if r.seq is None else r.session
        found.setdefault(name, []).append(r)
    for chain in found.values():
        chain.sort(key=lambda r: (r.seq or 0, r.at))
    return found


def _shared(placed: Sequence[Placed]) -> Iterator[Finding]:
    for (p, a), (q, b) in pairwise(placed):
        if p != q:
            continue
        a, b = sorted((a, b), key=lambda r: r.ret)
        words = f"{who(a)} and {who(b)} were both given {zxid(p)}, which only one write can have"
        forces = (Force(a, b, "ww", f"both at {zxid(p)}"), Force(b, a, "ww", f"both at {zxid(p)}"))
        yield Finding("Z1", "zxid used twice", words, b, _line(b, a), (a, b), forces)


def _real_time(
    requests: Sequence[Request], placed: Sequence[Placed], floors: dict[int, Request]
) -> Iterator[Finding]:
    """Z1; `floors` gets, for each sync, the latest of the writes acknowledged before its call."""
    updates = [(r.call, r.at, p, r) for p, r in placed]
    updates += [
        (r.call, r.at, r.position, r)
        for r in requests
        if r.kind == SYNC and r.position is not None and r.outcome == "ok"
    ]
    updates.sort(key=lambda u: u[:2])
    ended = sorted((u for u in updates if u[3].ret != FOREVER), key=lambda u: u[3].ret)
    last_write: tuple[int, Request] | None = None
    last_sync: tuple[int, Request] | None = None
    i = 0
    for call, at, p, r in updates:
        while i < len(ended) and ended[i][3].ret < call:
            _, _, q, old = ended[i]
            i += 1
            if old.kind == SYNC:
                last_sync = (q, old) if last_sync is None or q > last_sync[0] else last_sync
            else:
                last_write = (q, old) if last_write is None or q > last_write[0] else last_write
        if r.kind == SYNC and last_write is not None:
            floors[at] = last_write[1]
        for last in (last_write, last_sync):
            if last is not None and (p < last[0] or (r.kind != SYNC and p == last[0])):
                if p == last[0] and last[1].kind != SYNC:
                    continue  # told already: one zxid for two writes
                yield _late(last[0], last[1], p, r)
                break


def _late(p: int, first: Request, q: int, later: Request) -> Finding:
    told = "was over" if first.kind == SYNC else "had been answered"
    gap = f"{show(later.call - first.ret)} before" if later.call - first.ret > 0 else "before"
    if later.kind == SYNC:
        name = "stale sync"
        words = (
            f"{who(later)} confirmed only {zxid(q)}, though {who(first)} {told} at {zxid(p)}, "
            f"{gap} the sync was called"
        )
    else:
        name = "write reordered"
        words = (
            f"{who(later)} was put at {zxid(q)}, {'not after' if p == q else 'before'} "
            f"{who(first)} at {zxid(p)}, which {told} {gap} it was called"
        )
    forces = (
        Force(first, later, "rt", "returned before it was called"),
        Force(
            later, first, "zxid", f"{zxid(q)} is {'not after' if p == q else 'before'} {zxid(p)}"
        ),
    )
    return Finding("Z1", name, words, later, _line(later, first), (first, later), forces)


def _foreseen(requests: Sequence[Request], placed: Sequence[Placed]) -> Iterator[Finding]:
    """Z4: of all writes up to a reply's zxid, none was called after the reply."""
    zxids = [p for p, _ in placed]
    latest: list[Request] = []
    for _, r in placed:
        latest.append(r if not latest or r.call > latest[-1].call else latest[-1])
    for r in requests:
        if r.position is None or r.outcome == "info" or not zxids:
            continue
        i = bisect_right(zxids, r.position) - 1
        if i < 0:
            continue
        write = latest[i]
        if write.call <= r.ret or (r.kind == WRITE and r.position == zxids[i] and write is r):
            continue
        if r.kind == WRITE:
            continue  # two writes against real time: that is Z1
        gap = show(write.call - r.ret)
        seen = f"{zxid(r.position)}, of which {who(write)} is part"
        words = f"{who(r)} was answered from {seen}, {gap} before that was asked"
        forces = (
            Force(r, write, "rt", "returned before it was called"),
            Force(write, r, "wr", f"is part of {zxid(r.position)}"),
        )
        name = "write seen before it was called"
        yield Finding("Z4", name, words, r, _line(r, write), (write, r), forces)


def _session(
    chain: Sequence[Request], floors: Mapping[int, Request], own: int
) -> Iterator[Finding]:
    top: Request | None = None  # the request with the greatest zxid so far
    told: Request | None = None  # the same without syncs
    synced: tuple[Request, Request] | None = None  # a sync, and the write that it must have seen
    for r in chain:
        p = r.position
        assert p is not None
        if p < own:
            words = (
                f"{who(r)} was answered from {zxid(p)}, but its session was only made at "
                f"{zxid(own)}"
            )
            which = "sync" if r.kind == SYNC else "read" if r.kind == READ else "write"
            name = f"{which} older than its session"
            yield Finding("Z2", name, words, r, r.done, (r,))
        if synced is not None and r.kind != SYNC and p < (synced[1].position or 0):
            yield _stale(r, *synced)
            if told is not None and _is_back(r, told):  # that is no matter of real time alone
                yield _back(r, told)
        elif top is not None and top.position is not None and _is_back(r, top):
            yield _back(r, top)
        if top is None or p >= (top.position or 0):
            top = r
        if r.kind != SYNC and (told is None or p >= (told.position or 0)):
            told = r
        if r.kind == SYNC and r.outcome == "ok":
            write = floors.get(r.at)
            if write is not None and (
                synced is None or (write.position or 0) > (synced[1].position or 0)
            ):
                synced = (r, write)


def _is_back(r: Request, top: Request) -> bool:
    p, q = r.position or 0, top.position or 0
    return p < q or (p == q and r.kind == WRITE and top.kind != SYNC)


def _stale(r: Request, sync: Request, write: Request) -> Finding:
    p, q = r.position or 0, write.position or 0
    gap = show(sync.call - write.ret)
    words = (
        f"{who(r)} was answered from {zxid(p)}, though a sync of its session had come before it, "
        f"and {who(write)} had been answered at {zxid(q)}, {gap} before that sync was called"
    )
    forces = (
        Force(write, sync, "rt", "returned before it was called"),
        Force(sync, r, "session", "comes before it in the session"),
        Force(r, write, "rw", f"saw only {zxid(p)}, which is before {zxid(q)}"),
    )
    return Finding("Z5", "stale after sync", words, r, _line(r, sync), (write, sync, r), forces)


def _back(r: Request, top: Request) -> Finding:
    p, q = r.position or 0, top.position or 0
    moved = r.node is not None and top.node is not None and r.node != top.node
    rule = "Z6" if moved else "Z2"
    if r.kind == WRITE:
        name = "write reordered in its session"
        words = (
            f"{who(r)} was put at {zxid(p)}, though {who(top)}, which comes before it in the same "
            f"session, {'was at' if top.kind == WRITE else 'had seen'} {zxid(q)} already"
        )
        rule = "Z2"
    else:
        own = top.kind == WRITE
        name = "missed its own write" if own and not moved else "read moved back"
        if r.kind == SYNC:
            name = "sync moved back"
        if moved:
            name += " after a move"
        words = (
            f"{who(r)} was answered from {zxid(p)}, though {who(top)}, which comes before it in "
            f"the same session, {'was at' if own else 'had seen'} {zxid(q)}"
        )
    forces = (
        Force(top, r, "session", "comes before it in the session"),
        Force(r, top, "rw", f"{zxid(p)} is before {zxid(q)}"),
    )
    return Finding(rule, name, words, r, _line(r, top), (top, r), forces)


def _line(*requests: Request) -> int:
    """The line at which the last of these was over."""
    return max(max(r.done, r.at) for r in requests)
