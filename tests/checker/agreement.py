"""Whether every algorithm says of a small history what trying every order says.

The algorithms are those that `decide` goes through: what is registered in checker.exact, unique
values, both searches and the kernel, each where it applies; the searches once more on the model as
a user would write it, with nothing but `initial` and `step`; and `check` as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import oracle
from msgspec import Struct

from checker import Linearizable, unique
from checker.budget import Unlimited
from checker.columns import columns, until
from checker.decide import compiled
from checker.depth import depth_first
from checker.division import division
from checker.encode import encode
from checker.exact import EXACT, UNDECIDED
from checker.frontier import frontier
from checker.kernel.prefixes import KernelPrefixes
from checker.kernel.states import states_of
from checker.kernel.steps import Steps
from checker.model import fitting
from checker.monitors.judge import Monitor
from checker.scan import Scan
from checker.search import Meter, finished
from checker.task import FOREVER, Task
from harness.history import History
from harness.op import INVOKE
from harness.result import INVALID, VALID

TABLE = 50, 500  # states and entries of a table, beyond which the kernel is not asked

SLOW = ("priority-queue",)  # a state is a set of many: seconds to try so many states in


class Said(Struct, frozen=True):
    """What an algorithm says: whether it is linearizable, the rank of the return that ends a
    violating prefix (-1 for none), and whether that prefix is said to be the shortest."""

    valid: bool
    end: int = -1
    shortest: bool = True


class Judged(Struct, frozen=True):
    """What trying every order says of a history, and what each algorithm that applies to it; where
    they do not agree, `wrong` says how."""

    valid: bool
    by: dict[str, Said]
    wrong: str | None = None


class Bare:
    """A model as a user writes it: only the two methods, so that kinds have to be found out."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.refused = getattr(model, "refused", lambda f, value, observed: None)

    def initial(self) -> Any:
        return self._model.initial()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        return self._model.step(state, f, value, result)


def judge(named: Any, history: History, thorough: bool = True) -> Judged:
    """Ask all. `named` is a model as it is registered; `thorough` also asks the bare model and
    whether the violating prefix is the shortest."""
    valid = oracle.is_linearizable(named, history)
    verdict = VALID if valid else INVALID
    result = Linearizable(named).check(history, Unlimited())
    by = {f"check: {name}": Said(valid) for name in result.data.get("algorithms", ())}
    if result.verdict != verdict:
        return Judged(valid, by, f"check says {result.verdict} ({result.cause}), not {verdict}")
    model, tasks = tasks_of(named, history)
    by.update(_searched(model, tasks, thorough))
    by.update(_exactly(model, tasks))
    wrong = _differing(model, tasks, by, valid, thorough)
    return Judged(valid, by, wrong)


def tasks_of(named: Any, history: History) -> tuple[Any, Sequence[Task]]:
    """The model that judges the history, of one key at the most, and the tasks."""
    model, split = division(history, named, "key")
    keys = encode(history, model, split).tasks
    if len(keys) > 1:  # each key by itself: the others are asked of the whole
        model, keys = named, encode(history, named, None).tasks
    tasks: Sequence[Task] = keys[0] if keys else []
    return fitting(model, [task.f for task in tasks]), tasks


def _searched(model: Any, tasks: Sequence[Task], thorough: bool) -> dict[str, Said]:
    """What the searches say."""
    found = {
        "frontier": run(frontier, model, tasks),
        "depth-first": run(depth_first, model, tasks),
    }
    scan = Scan(model, tasks)
    is_small = scan.table.close(*TABLE)
    if is_small:
        states = states_of(model, columns(tasks).classes, *TABLE[1:] * 2)
        for steps in (scan, Steps(states, columns(tasks)) if states else scan):
            said = _told(steps, compiled(model, tasks, steps, Meter(1 << 40)))
            found[f"frontier kernel, by {type(steps).__name__.lower()}"] = said
    if thorough and (is_small or getattr(model, "name", "") not in SLOW):
        found["frontier, bare model"] = run(frontier, Bare(model), tasks)
    return found


def run(search: Callable[..., Any], model: Any, tasks: Sequence[Task]) -> Said:
    """What a search says."""
    scan = Scan(model, tasks)
    return _told(scan, search(scan, Meter(1 << 40)))


def _told(scan: Any, search: Any) -> Said:
    decision = finished(search)
    return (
        Said(True) if decision.valid else Said(False, scan.ends(decision.step), decision.shortest)
    )


def _exactly(model: Any, tasks: Sequence[Task]) -> dict[str, Said]:
    """What the algorithms without a search say, where they apply: those of many tasks as well."""
    found = {}

    def ask(name: str, work: Any) -> None:
        end = finished(work)
        if end != UNDECIDED:
            found[name] = Said(end is None, -1 if end is None else end)

    for exact in EXACT:
        if exact.judge.is_fit(model, tasks):
            ask(exact.name, exact.judge.first_violation(model, tasks))
            if isinstance(exact.judge, Monitor) and exact.judge.rules is not None:
                many = Monitor(type(model), exact.judge.rules, few=0)
                ask(f"{exact.name}, in columns", many.first_violation(model, tasks))
    values = unique.prepare(model, columns(tasks))
    if values is not None and values.rets:
        ask("unique values", unique.first_of(unique.PlainPrefixes(values)))
        ask("unique values, kernel", unique.first_of(KernelPrefixes(values)))
    return found


def _differing(
    model: Any, tasks: Sequence[Task], by: dict[str, Said], valid: bool, thorough: bool
) -> str | None:
    """How what the algorithms say differs from what is true, or from one another."""
    shortest = by["frontier"].end
    for name, said in by.items():
        if said.valid != valid:
            return f"{name} says {'valid' if said.valid else 'invalid'}"
        if name.startswith("check: ") or valid:
            continue
        if said.shortest and said.end != shortest:
            return f"{name} says that rank {said.end} ends the violation, not {shortest}"
        if not said.shortest and said.end != shortest and is_legal(model, until(tasks, said.end)):
            return f"{name} says that rank {said.end} ends a violation, and it is none"
    if thorough and not valid:
        if is_legal(model, until(tasks, shortest)):
            return f"what ends at rank {shortest} is no violation"
        if not is_legal(model, until(tasks, shortest - 1)):
            return f"what ends at rank {shortest} is not the shortest violation"
    return None


def is_legal(model: Any, tasks: Sequence[Task]) -> bool:
    """Whether some order of the tasks is legal."""
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in tasks
    ]
    return oracle.has_order(model, model.initial(), left)


def smallest(history: History, is_bad: Callable[[History], bool]) -> History:
    """The history without any operation that it is bad without as well."""
    found = history
    calls = [op.index for op in history.ops if op.type == INVOKE]
    for at in calls:
        less = _without(found, at)
        if is_bad(less):
            found = less
    return found


def _without(history: History, index: int) -> History:
    """The history without one operation."""
    gone = {index}
    for op, partner in zip(history.ops, history.partner, strict=True):
        if op.index == index and partner >= 0:
            gone.add(history.ops[partner].index)
    return History([op for op in history.ops if op.index not in gone])
