"""Every model: what a real object did is accepted, and all algorithms agree about liars."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import oracle
import pytest
import real
from test_oracle import Bare, by_kernel, legal, run

from checker import MODELS, Linearizable, Semaphore, check
from checker.budget import Unlimited
from checker.depth import depth_first
from checker.encode import encode, until
from checker.exact import find
from checker.frontier import frontier
from checker.model import fitting
from harness.result import INVALID, VALID

OBJECTS: dict[str, Callable[[random.Random], real.Real]] = {
    "versioned-register": real.Versioned,
    "kv-append": real.Texts,
    "multi-register": lambda rng: real.Store(rng, plain=True),
    "multi-kv": real.Store,
    "unique-ids": real.Ids,
    "mutex": real.Lock,
    "owner-mutex": real.Lock,
    "reentrant-mutex": lambda rng: real.Lock(rng, times=99),
    "fenced-lock": lambda rng: real.Lock(rng, tokens=True),
    "leased-lock": lambda rng: real.Lock(rng, tokens=True, expires=True),
    "semaphore": lambda rng: real.Permits(rng, 3),
}


def model_of(name: str) -> Any:
    return Semaphore(3) if name == "semaphore" else MODELS[name]()


def by_exact(model: Any, tasks: Any) -> tuple[bool, int] | None:
    """An exact algorithm's verdict, and the rank of the return that ends the shortest violating
    prefix; None where none fits."""
    exact = find(model, tasks)
    if exact is None:
        return None
    work = exact.judge.first_violation(model, tasks)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value is None, -1 if stop.value is None else stop.value


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_every_algorithm_agrees_with_trying_every_order(name: str) -> None:
    rng = random.Random(f"models/{name}")
    bad = 0
    for case in range(1500):
        history = real.history(rng, OBJECTS[name](rng), 7)
        model, where = model_of(name), f"case {case}: {history.ops}"
        expected = oracle.is_linearizable(model, history)
        bad += not expected
        verdict = VALID if expected else INVALID
        assert Linearizable(model).check(history, Unlimited()).verdict == verdict, where
        split = None if getattr(model, "keyed", False) else "key"
        encoded = encode(history, model, split).tasks
        tasks = list(encoded[0]) if encoded else []
        model = fitting(model, [task.f for task in tasks])
        found = run(frontier, model, tasks)
        assert found[0] == expected, where
        assert run(depth_first, model, tasks) == found, where
        assert run(by_kernel, model, tasks) == found, where
        assert by_exact(model, tasks) in (None, found), where
        if case % 5 == 0:
            assert run(frontier, Bare(model), tasks) == found, where
            if not expected:
                assert not legal(model, until(tasks, found[1])), where
                assert legal(model, until(tasks, found[1] - 1)), where
    assert 0.1 < bad / 1500 < 0.8


class Honest(random.Random):
    """Dice for a history without lies."""

    def choice(self, seq: Any) -> Any:
        return 0.0 if seq == (0.0, 0.15, 0.4, 0.6) else super().choice(seq)


@pytest.mark.parametrize("name", OBJECTS)
def test_what_a_real_object_did_is_never_accused(name: str) -> None:
    for seed in range(60):
        rng = Honest(seed)
        history = real.history(rng, OBJECTS[name](rng), 25)
        result = check(history, model_of(name))
        assert result.verdict == VALID, (seed, result.cause, history.ops)


@pytest.mark.parametrize("name", OBJECTS)
def test_longer_histories_of_liars_come_to_a_verdict_and_a_sentence(name: str) -> None:
    verdicts = set()
    for seed in range(30):
        rng = random.Random(seed)
        history = real.history(rng, OBJECTS[name](rng), 40)
        result = check(history, model_of(name))
        verdicts.add(result.verdict)
        assert result.verdict != INVALID or (result.cause and result.anomalies[0].core)
    assert verdicts == {VALID, INVALID}
