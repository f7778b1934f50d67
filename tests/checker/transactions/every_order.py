"""What the checker `transactions` should say of a small history, by trying every order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from harness.history import Call, History


class Job(Struct, frozen=True):
    """A transaction: its parts (a read with None where nobody knows), and when it was."""

    parts: Sequence[Any]
    call: tuple[int, int]
    ret: tuple[int, int] | None
    must: bool
    process: int


def jobs(history: History) -> list[Job]:
    """What happened or may have."""
    place = {op.index: i for i, op in enumerate(history.ops)}
    return [job for call in history.calls if (job := _job(call, place)) is not None]


def _job(call: Call, place: dict[int, int]) -> Job | None:
    op, done = call.invoke, call.completion
    start = (op.time, place[op.index])
    if done is None or done.type == "info":
        return Job(op.value, start, None, False, op.process)  # type: ignore[arg-type]
    if done.type == "fail":
        return None
    return Job(done.value, start, (done.time, place[done.index]), True, op.process)  # type: ignore[arg-type]


def holds(history: History, *, real_time: bool = False, process: bool = False) -> bool:
    """Whether one order of all that is ok, and of some of what is not known, explains every read,
    each on the state that those before it left. With `process` each process's own order is kept;
    with `real_time` that, and what returned before another was called comes first."""
    todo = jobs(history)
    before = {
        (i, j)
        for i, a in enumerate(todo)
        for j, b in enumerate(todo)
        if a.ret is not None
        and ((real_time and a.ret[0] < b.call[0]) or ((process or real_time) and _is_next(a, b)))
    }
    return _search(todo, frozenset(range(len(todo))), {}, before, set())


def _is_next(a: Job, b: Job) -> bool:
    return a.process == b.process and a.call < b.call


def _search(
    todo: Sequence[Job],
    left: frozenset[int],
    lists: dict[Any, tuple[Any, ...]],
    before: set[tuple[int, int]],
    seen: set[Any],
) -> bool:
    if not any(todo[i].must for i in left):
        return True
    mark = (left, tuple(sorted(lists.items())))
    if mark in seen:
        return False
    seen.add(mark)
    for i in sorted(left):
        if any((j, i) in before for j in left if todo[j].must):
            continue
        after = _run(todo[i], lists)
        if after is not None and _search(todo, left - {i}, after, before, seen):
            return True
    return False


def _run(job: Job, lists: dict[Any, tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]] | None:
    after = dict(lists)
    for f, key, value in job.parts:
        if f == "append":
            after[key] = (*after.get(key, ()), value)
        elif job.must and tuple(value or ()) != after.get(key, ()):
            return None
    return after


def snapshots(history: History) -> bool:
    """Whether some choice of what happened and some order of all starts and ends explains every
    read under snapshot isolation: reads are of the start, and of two that append to one key one
    ends before the other starts."""
    todo = jobs(history)
    return any(_snapshots(todo, chosen) for chosen in _choices(todo))


def _choices(todo: Sequence[Job]) -> Iterator[frozenset[int]]:
    unsure = [i for i, job in enumerate(todo) if not job.must]
    must = frozenset(i for i, job in enumerate(todo) if job.must)
    for bits in range(1 << len(unsure)):
        yield must | {i for n, i in enumerate(unsure) if bits >> n & 1}


def _snapshots(todo: Sequence[Job], chosen: frozenset[int]) -> bool:
    writes = {i: {key for f, key, _ in todo[i].parts if f == "append"} for i in chosen}
    seen: set[Any] = set()

    def search(waiting: frozenset[int], open_: frozenset[int], lists: dict[Any, Any]) -> bool:
        if not waiting and not open_:
            return True
        mark = (waiting, open_, tuple(sorted(lists.items())))
        if mark in seen:
            return False
        seen.add(mark)
        for i in sorted(open_):
            after = dict(lists)
            for f, key, value in todo[i].parts:
                if f == "append":
                    after[key] = (*after.get(key, ()), value)
            if search(waiting, open_ - {i}, after):
                return True
        for i in sorted(waiting):
            if any(writes[i] & writes[j] for j in open_):
                continue
            if _run(todo[i], lists) is not None and search(waiting - {i}, open_ | {i}, lists):
                return True
        return False

    return search(chosen, frozenset(), {})
