"""What makes a core smaller never makes a legal history illegal."""

from __future__ import annotations

import itertools
import random
from typing import Any

import oracle
import pytest

from checker import MODELS, alone, keep, shrink
from checker.anywhere import Anywhere, From, Starts
from checker.budget import Unlimited
from checker.core import Core, contradicts
from checker.decide import now
from checker.encode import Task, encode, forget
from checker.idle import without_idle
from harness.history import History


def of(history: History, model: Any) -> list[Task]:
    tasks = encode(history, model, "key").tasks
    return list(tasks[0]) if tasks else []


def is_legal(model: Any, state: Any, tasks: list[Task]) -> bool:
    """By the oracle."""
    items = [(t.f, t.value, t.result, t.call, t.ret if t.must else 1e99, t.must) for t in tasks]
    return oracle.has_order(model, state, items)


def some(name: str, count: int, most: int = 8) -> list[tuple[random.Random, Any, list[Task]]]:
    rng = random.Random(f"shrink/{name}")
    model = MODELS[name]()
    made = [of(oracle.Dice(rng, model, name).history(most), model) for _ in range(count)]
    return [(rng, model, tasks) for tasks in made if tasks]


@pytest.mark.parametrize("name", ["register", "cas-register", "kv", "mutex", "kv-append"])
def test_a_core_judged_alone_is_judged_as_by_the_oracle(name: str) -> None:
    bad = 0
    for _, model, tasks in some(name, 400):
        legal = is_legal(model, model.initial(), tasks)
        assert alone.contradicts(model, tasks) is not legal, tasks
        bad += not legal
    assert bad > 60


@pytest.mark.parametrize("name", ["register", "cas-register"])
def test_what_is_dropped_as_idle_makes_no_difference(name: str) -> None:
    dropped = 0
    for rng, model, whole in some(name, 1500):
        tasks = [forget(t) if rng.random() < 0.5 else t for t in whole]
        left = without_idle(model, tasks, [model.initial()])
        dropped += len(left) < len(tasks)
        legal = is_legal(model, model.initial(), tasks)
        assert is_legal(model, model.initial(), left) is legal, (tasks, left)
    assert dropped > 200


@pytest.mark.parametrize("name", ["register", "cas-register", "mutex"])
def test_keeping_only_some_answers_never_accuses(name: str) -> None:
    cores = 0
    for rng, model, tasks in some(name, 800):
        if not is_legal(model, model.initial(), tasks):
            continue
        must = [t for t in tasks if t.must]
        if not must:
            continue
        kept = rng.sample(must, rng.randint(1, len(must)))
        core = keep.Trials(model, tasks, kept[0], Unlimited()).keeping(kept)
        assert any(is_legal(model, s, core.tasks) for s in core.starts), (tasks, core)
        cores += core.is_cut
    assert cores > 100


@pytest.mark.parametrize("name", ["register", "cas-register", "mutex"])
def test_an_order_from_anywhere_is_one_from_some_state(name: str) -> None:
    count = {True: 0, False: 0}
    for rng, model, tasks in some(name, 800):
        starts = Starts(model, tasks).among(tasks)
        starts = rng.sample(starts, rng.randint(1, len(starts)))
        legal = any(is_legal(model, s, tasks) for s in starts)
        anywhere = Anywhere(model, starts)
        found, _ = now(anywhere, [*anywhere.start_tasks(), *tasks], 100)
        assert found is not None and found.valid is legal, (starts, tasks)
        for start in starts:
            alone_, _ = now(From(model, start), tasks, 100)
            assert alone_ is not None and alone_.valid is is_legal(model, start, tasks)
        count[legal] += 1
    assert min(count.values()) > 80


def has_order_without_some(model: Any, start: Any, core: Core) -> bool:
    """By the oracle, for every choice of the operations that may be left out."""
    out = [t.at for t in core.tasks if t.at in core.optional]
    for size in range(len(out) + 1):
        for without in itertools.combinations(out, size):
            if is_legal(model, start, [t for t in core.tasks if t.at not in without]):
                return True
    return False


@pytest.mark.parametrize("name", ["register", "cas-register", "kv", "mutex"])
@pytest.mark.parametrize("how", [shrink.shrink, keep.keep])
def test_every_core_contradicts_itself(name: str, how: Any) -> None:
    """The oracle finds no order of the core, from any state that it may begin in."""
    cores = 0
    for _, model, tasks in some(name, 500, 10):
        if is_legal(model, model.initial(), tasks):
            continue
        last = max((t for t in tasks if t.must), key=lambda t: t.ret)
        core = how(model, tasks, last, Unlimited())
        assert last.at in {t.at for t in core.tasks}
        for start in core.starts:
            assert not has_order_without_some(model, start, core), (tasks, core)
        assert contradicts(model, core)
        cores += 1
    assert cores > 100


@pytest.mark.parametrize("name", ["register", "cas-register", "mutex"])
def test_an_order_of_the_history_is_one_whatever_is_kept(name: str) -> None:
    """No legal history has a contradiction, from any moment on, whatever is kept."""
    tried = 0
    for rng, model, tasks in some(name, 800):
        if not is_legal(model, model.initial(), tasks) or not any(t.must for t in tasks):
            continue
        hunt = shrink.Hunt(model, tasks, next(t for t in tasks if t.must), Unlimited())
        moment = rng.choice([-1, rng.choice(tasks).call])
        window = hunt._window(moment, hunt._after(moment))
        after = [t for t in tasks if t.must and t.call >= moment]
        if window is None or not after:
            continue
        tried += 1
        kept = rng.sample(after, rng.randint(1, len(after)))
        assert window.order(kept) is not None, (moment, kept, tasks)
    assert tried > 100


def test_all_values_that_nobody_looks_for_are_one() -> None:
    model = MODELS["register"]()
    tasks = [Task("read", None, 3, 0, 1, 0), Task("write", 4, 4, 2, 3, 1)]
    starts = Starts(model, tasks).among(tasks)
    assert [repr(s[0]) for s in starts] == ["3", "another value"]
