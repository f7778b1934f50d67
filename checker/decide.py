"""Deciding one key: an exact algorithm where one applies, else two searches in turn."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from msgspec import Struct

from checker import exact, unique
from checker.depth import depth_first
from checker.encode import Task
from checker.frontier import frontier
from checker.model import fitting
from checker.scan import Scan
from checker.search import Decision, Meter, Progress, Search

SOON = 16  # slices of both searches, after which the kernel is asked
MOST_STEPS = 50_000  # entries of a state table that are worth asking a model for


class Found(Struct, frozen=True):
    """A key's verdict, by which algorithm; where it is invalid, `end` is the rank of the return
    that ends a violating prefix, `task` the one that returns there, and `shortest` whether no
    shorter prefix is known to be violating because there is none."""

    valid: bool
    algorithm: str
    end: int = -1
    task: Task | None = None
    shortest: bool = True


Deciding = Generator[None, None, Found]  # yields now and then, returns what it found


def decide(
    model: Any, tasks: Sequence[Task], meter: Meter, progress: Progress | None = None
) -> Deciding:
    """Decide one key; `progress` is told how far it has come. Stop it at any yield by closing
    it."""
    progress = progress or Progress()
    model = fitting(model, [task.f for task in tasks])
    fit = exact.find(model, tasks)
    if fit is not None:
        end = yield from fit.judge.first_violation(model, tasks)
        if end != exact.UNDECIDED:
            return Found(True, fit.name) if end is None else _invalid(tasks, end, fit.name)
    values = unique.prepare(model, tasks)
    if values is not None:
        end = yield from unique.first_violation(values)
        if end != unique.UNDECIDED:
            return (
                Found(True, "unique values")
                if end is None
                else _invalid(tasks, end, "unique values")
            )
    found = yield from _search(model, tasks, meter, progress)
    return found


def _search(model: Any, tasks: Sequence[Task], meter: Meter, progress: Progress) -> Deciding:
    """Both searches in turn, a slice each: one is slow where the other is fast, and so the two
    together take at most twice as long as the faster. What is not decided soon is left to the
    kernel, which takes some time to be loaded."""
    scan = Scan(model, tasks)
    searches: list[tuple[str, Search]] = [
        ("frontier", frontier(scan, meter, progress)),
        ("depth-first", depth_first(scan, meter, progress)),
    ]
    turn = 0
    while True:
        turn += 1
        if turn == SOON and scan.table.close(MOST_STEPS, MOST_STEPS):
            searches[0][1].close()
            searches[0] = ("frontier kernel", compiled(model, tasks, scan, meter, progress))
        for name, search in searches:
            decision = _slice(search)
            if decision is None:
                continue
            for _, other in searches:
                other.close()
            if decision.valid:
                return Found(True, name)
            return _invalid(tasks, scan.ends(decision.step), name, decision.shortest)
        if meter.full and len(searches) > 1:
            searches.pop()[1].close()  # the depth-first memo is what grows; the frontier goes on
        yield


def compiled(
    model: Any, tasks: Sequence[Task], scan: Scan, meter: Meter, progress: Progress | None = None
) -> Search:
    """The frontier search as a kernel, of a key whose table of states is closed."""
    from checker.kernel.frontier import frontier

    return frontier(scan, meter, progress or Progress(), _easier(model, tasks))


def _easier(model: Any, tasks: Sequence[Task]) -> Scan | None:
    """The same key by a model that allows more, if there is one."""
    relaxed = getattr(model, "relaxed", None)
    found = relaxed([(task.f, task.value, task.result) for task in tasks]) if relaxed else None
    if found is None:
        return None
    model, heads = found
    pairs = zip(heads, tasks, strict=True)
    scan = Scan(model, [Task(h[0], h[1], h[2], t.call, t.ret, t.at) for h, t in pairs if h])
    return scan if scan.table.close(MOST_STEPS, MOST_STEPS) else None


def _slice(search: Search) -> Decision | None:
    """Let a search work for a slice; its decision, if it has come to one."""
    try:
        next(search)
    except StopIteration as stop:
        decision: Decision = stop.value
        return decision
    return None


def _invalid(tasks: Sequence[Task], end: int, algorithm: str, shortest: bool = True) -> Found:
    last = next(task for task in tasks if task.ret == end)
    return Found(False, algorithm, end, last, shortest)


def now(model: Any, tasks: Sequence[Task], slices: int) -> tuple[Found | None, int]:
    """Decide within so many slices of work, or None; and how many it took."""
    work = decide(model, tasks, Meter(1 << 40))
    for spent in range(slices):
        try:
            next(work)
        except StopIteration as stop:
            return stop.value, spent
    work.close()
    return None, slices
