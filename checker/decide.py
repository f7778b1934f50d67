"""Deciding one key: an exact algorithm where one applies, else two searches in turn."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from checker import exact, unique
from checker.columns import Tasks, columns
from checker.depth import depth_first
from checker.encode import Task
from checker.frontier import frontier
from checker.model import fitting
from checker.scan import Scan
from checker.search import Decision, Meter, Progress, Search

if TYPE_CHECKING:
    from checker.kernel.steps import Steps

LONG = 4_000  # tasks for which the kernel is loaded at once
ALONE = 256  # slices of the kernel, after which another search competes with it
SELDOM = 4
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
    tasks = columns(tasks)
    if hasattr(model, "of"):
        model = fitting(model, {head[0] for head in tasks.classes})
    fit = exact.find(model, tasks)
    if fit is not None:
        end = yield from fit.judge.first_violation(model, tasks)
        if end != exact.UNDECIDED:
            return _exactly(tasks, end, fit.name)
    values = unique.prepare(model, tasks)
    if values is not None:
        end = yield from unique.first_violation(values)
        if end != unique.UNDECIDED:
            return _exactly(tasks, end, "unique values")
    found = yield from _search(model, tasks, meter, progress)
    return found


def _search(model: Any, tasks: Tasks, meter: Meter, progress: Progress) -> Deciding:
    """The kernel where it is loaded, or the key is long enough to be worth loading it at once; else
    the searches in Python, and the kernel for what they do not decide soon."""
    if _is_loaded() or tasks.among >= LONG:
        steps = laid_out(model, tasks, soon=True)
        if steps is not None:
            kernel = compiled(model, tasks, steps, meter, progress)
            for _ in range(ALONE):
                decision = _slice(kernel)
                if decision is not None:
                    return _found("frontier kernel", decision, tasks, steps)
                yield
            found = yield from _compete(model, tasks, meter, progress, kernel, steps)
            return found
    found = yield from _compete(model, tasks, meter, progress)
    return found


def _compete(
    model: Any,
    tasks: Tasks,
    meter: Meter,
    progress: Progress,
    kernel: Search | None = None,
    steps: Steps | None = None,
) -> Deciding:
    """Both searches in turn, a slice each: one is slow where the other is fast, and so the two
    together take at most twice as long as the faster. What is not decided soon is left to the
    kernel, which takes some time to be loaded."""
    scan = Scan(model, tasks)
    searches: list[tuple[str, Search, _Ends]] = [
        ("frontier", frontier(scan, meter, progress), scan),
        ("depth-first", depth_first(scan, meter, progress), scan),
    ]
    turn = 0
    while True:
        turn += 1
        if turn == SOON and kernel is None and len(scan.table.classes) <= MOST_STEPS:
            steps = laid_out(model, tasks)
            if steps is not None:
                kernel = compiled(model, tasks, steps, meter, progress)
        if kernel is not None and steps is not None and searches[0][2] is scan:
            searches[0][1].close()
            searches[0] = ("frontier kernel", kernel, steps)
        for name, search, ends in searches:
            if search is not kernel and kernel is not None and turn % SELDOM:
                continue  # a slice of Python takes some times as long as one of the kernel
            decision = _slice(search)
            if decision is None:
                continue
            for _, other, _ in searches:
                other.close()
            return _found(name, decision, tasks, ends)
        if meter.full and len(searches) > 1:
            searches.pop()[1].close()  # the depth-first memo is what grows; the frontier goes on
        yield


class _Ends(Protocol):
    """What says at which rank a step's return is."""

    def ends(self, k: int) -> int:
        """The rank of the return at step k."""
        ...


def _found(name: str, decision: Decision, tasks: Tasks, steps: _Ends) -> Found:
    if decision.valid:
        return Found(True, name)
    return _invalid(tasks, steps.ends(decision.step), name, decision.shortest)


def _is_loaded() -> bool:
    """Whether the kernel is there already: in a process that has not asked for it, a short key is
    decided sooner without it."""
    module = sys.modules.get("checker.kernel.walk")
    return module is not None and bool(module.walk.overloads)


def laid_out(model: Any, tasks: Tasks, *, soon: bool = False) -> Steps | None:
    """A key as the kernel goes through it; None where the table of its states would be too big, or
    could not be asked for soon."""
    from checker.kernel.states import states_of
    from checker.kernel.steps import Steps

    most_asked = MOST_STEPS
    if soon:  # where most operations are of their own kind, there are likely to be many states
        most_asked = 8 * len(tasks) if 2 * len(tasks.classes) <= len(tasks) else 0
    states = states_of(model, tasks.classes, MOST_STEPS, most_asked)
    return Steps(states, tasks) if states else None


def compiled(
    model: Any,
    tasks: Sequence[Task],
    steps: Scan | Steps,
    meter: Meter,
    progress: Progress | None = None,
) -> Search:
    """The frontier search as a kernel."""
    from checker.kernel.frontier import frontier

    return frontier(steps, meter, progress or Progress(), lambda: _easier(model, columns(tasks)))


def _easier(model: Any, tasks: Tasks) -> Steps | None:
    """The same key by a model that allows more, if there is one."""
    relaxed = getattr(model, "relaxed", None)
    found = relaxed(tasks.classes) if relaxed else None
    if found is None:
        return None
    model, heads = found
    return laid_out(model, tasks.said(heads))


def _slice(search: Search) -> Decision | None:
    """Let a search work for a slice; its decision, if it has come to one."""
    try:
        next(search)
    except StopIteration as stop:
        decision: Decision = stop.value
        return decision
    return None


def _exactly(tasks: Tasks, end: int | None, algorithm: str) -> Found:
    """What an exact algorithm found: the rank that ends the shortest violating prefix, or None."""
    return Found(True, algorithm) if end is None else _invalid(tasks, end, algorithm)


def _invalid(tasks: Tasks, end: int, algorithm: str, shortest: bool = True) -> Found:
    last = tasks.ending(end)
    return Found(False, algorithm, end, last, shortest)


def now(
    model: Any, tasks: Sequence[Task], slices: int, memory: int = 1 << 40
) -> tuple[Found | None, int]:
    """Decide within so many slices of work, or None; and how many it took. `memory` is in bytes,
    counted by what the searches remember."""
    work = decide(model, tasks, Meter(memory))
    for spent in range(slices):
        try:
            next(work)
        except StopIteration as stop:
            return stop.value, spent
    work.close()
    return None, slices
