"""Every algorithm, and check() as a whole, agrees with trying every order."""

from __future__ import annotations

import random
from typing import Any

import oracle
import pytest

from checker import MODELS, Linearizable, growing
from checker import unique as unique_values
from checker.budget import Unlimited
from checker.decide import compiled
from checker.depth import depth_first
from checker.encode import FOREVER, Task, encode, until
from checker.frontier import frontier
from checker.kernel.frontier import frontier as kernel_frontier
from checker.model import fitting
from checker.models.register import CasRegister
from checker.scan import Scan
from checker.search import Meter
from harness.history import History
from harness.result import INVALID, VALID


class Bare:
    """A model as a user writes it: only the two methods, so that kinds have to be found out."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.refused = getattr(model, "refused", lambda f, value, observed: None)

    def initial(self) -> Any:
        return self._model.initial()

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:
        return self._model.step(state, f, value, result)


def tasks_of(model: Any, history: History) -> list[Task]:
    found = encode(history, model, "key").tasks
    return list(found[0]) if found else []


def run(search: Any, model: Any, tasks: list[Task]) -> tuple[bool, int]:
    """A search's verdict, and the rank of the return that ends the shortest violating prefix."""
    scan = Scan(model, tasks)
    work = search(scan, Meter(1 << 40))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            step = stop.value.step
            return step < 0, -1 if step < 0 else scan.tasks[scan.returns[step]].ret


def by_unique_values(model: Any, tasks: list[Task]) -> tuple[bool, int] | None:
    """The same by the polynomial algorithm; None where it does not apply."""
    values = unique_values.prepare(model, tasks)
    if values is None:
        return None
    work = unique_values.first_violation(values)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            end = stop.value
            break
    if end is None:
        return True, -1
    return False, end


WIDE = ("kv-append", "append-list", "counter", "kv")  # states are many, which takes long


def by_growth(model: Any, tasks: list[Task]) -> tuple[bool, int] | None:
    """The same by the order in which a key grew; None where it does not only grow."""
    if not growing.is_fit(model, tasks):
        return None
    work = growing.first_violation(model, tasks)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value is None, -1 if stop.value is None else stop.value


def by_kernel(scan: Scan, meter: Meter) -> Any:
    """The kernel, where the whole table of states can be made."""
    search = kernel_frontier if scan.table.close(300, 1_000) else frontier
    return search(scan, meter)


def by_easier_model(model: Any, tasks: list[Task]) -> tuple[bool, int] | None:
    """The kernel that asks an easier model first; None where there is none."""
    if type(model) is not CasRegister:
        return None

    def search(scan: Scan, meter: Meter) -> Any:
        assert scan.table.close(10_000, 10_000)
        return compiled(model, tasks, scan, meter)

    return run(search, model, tasks)


def legal(model: Any, tasks: list[Task]) -> bool:
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in tasks
    ]
    return bool(oracle.has_order(model, model.initial(), left))


CASES = {
    "register": 5000,
    "cas-register": 9000,
    "kv-append": 3000,
    "mutex": 3000,
    "append-list": 5000,
    "counter": 5000,
    "kv": 3000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_algorithm_agrees_with_trying_every_order(name: str) -> None:
    rng = random.Random(f"oracle/{name}")
    named = MODELS[name]()
    bad = polynomial = 0
    for case in range(CASES[name]):
        history = oracle.Dice(rng, named, name).history()
        model = fitting(named, [item[0] for item in oracle.items(history)])
        expected = oracle.is_linearizable(model, history)
        tasks = tasks_of(named, history)
        bad += not expected
        where = f"case {case}: {history.ops}"
        found = run(frontier, model, tasks)
        assert found[0] == expected, where
        assert run(depth_first, model, tasks) == found, where
        assert run(by_kernel, model, tasks) == found, where
        easier = by_easier_model(model, tasks)
        if easier is not None:
            assert easier[0] == expected, where
            assert expected or not legal(model, until(tasks, easier[1])), where
        if name not in WIDE or case % 10 == 0:
            assert run(frontier, Bare(model), tasks) == found, where
        exact = by_unique_values(model, tasks)
        if exact is not None:
            polynomial += 1
            assert exact == found, where
        grown = by_growth(model, tasks)
        if grown is not None:
            polynomial += 1
            assert grown == found, where
        result = Linearizable(named).check(history, Unlimited())
        assert result.verdict == (VALID if expected else INVALID), where
        if not expected and case % 5 == 0:
            assert not legal(model, until(tasks, found[1])), where
            assert legal(model, until(tasks, found[1] - 1)), where
    assert 0.2 < bad / CASES[name] < 0.8
    assert polynomial > 1000 or name in ("kv-append", "mutex", "kv")
