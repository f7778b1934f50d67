"""What makes a core smaller never makes a legal history illegal."""

from __future__ import annotations

import random
from typing import Any

import oracle
import pytest

from checker import MODELS, alone, shrink
from checker.anywhere import Anywhere, Starts, reset_to
from checker.budget import Unlimited
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
def test_a_history_that_begins_anywhere_is_legal_from_one_of_its_states_or_none(name: str) -> None:
    count = {True: 0, False: 0}
    for rng, model, tasks in some(name, 800):
        trials = shrink.Trials(model, tasks, Unlimited())
        core = trials.from_(rng.choice(tasks[1:] or tasks).call or 2, tasks)
        some_state = any(is_legal(reset_to(model, s), s, core.tasks) for s in core.starts)
        anywhere = Anywhere(model, core.starts)
        found, _ = now(anywhere, [*anywhere.start_tasks(), *core.tasks], 100)
        assert found is not None and found.valid is some_state, core
        count[some_state] += 1
    assert min(count.values()) > 40


@pytest.mark.parametrize("name", ["register", "cas-register", "kv", "mutex"])
def test_every_core_is_found_soundly_and_contradicts_itself(name: str) -> None:
    """The oracle finds no order of the core, from any state that it may begin in."""
    cores = 0
    for _, model, tasks in some(name, 500, 10):
        if is_legal(model, model.initial(), tasks):
            continue
        last = max((t for t in tasks if t.must), key=lambda t: t.ret)
        core = shrink.shrink(model, tasks, last, Unlimited())
        assert last.at in {t.at for t in core.tasks}
        for start in core.starts:
            assert not is_legal(reset_to(model, start), start, core.tasks), (tasks, core)
        assert shrink.contradicts(model, core)
        cores += 1
    assert cores > 100


def test_all_values_that_nobody_looks_for_are_one() -> None:
    model = MODELS["register"]()
    tasks = [Task("read", None, 3, 0, 1, 0), Task("write", 4, 4, 2, 3, 1)]
    starts = Starts(model, tasks).among(tasks)
    assert [repr(s[0]) for s in starts] == ["3", "another value"]
