"""The search from both sides agrees with trying every order, also where all of it is needed: marks
at every step, frontiers of one configuration, windows of one step, and coarse ones."""

from __future__ import annotations

import random

import oracle
import pytest

from checker import MODELS
from checker.columns import Tasks, columns
from checker.decide import compiled, laid_out
from checker.encode import FOREVER, encode, until
from checker.kernel import frontier as frontiers
from checker.kernel import run
from checker.kernel.project import partitions, project
from checker.kernel.walk import DEAD, JOIN
from checker.model import fitting
from checker.search import Meter, finished

CASES = {"register": 300, "cas-register": 900, "mutex": 300}


def legal(model: object, tasks: Tasks, end: int) -> bool:
    left = [
        (t.f, t.value, t.result, t.call, float("inf") if t.ret == FOREVER else t.ret, t.must)
        for t in until(tasks, end)
    ]
    return bool(oracle.has_order(model, model.initial(), left))  # type: ignore[attr-defined]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"BASE": 1, "EVERY": 1, "MOST_MARKS": 4, "SHORT": 1, "BEYOND": 2}
    for name, value in small.items():
        monkeypatch.setattr(frontiers, name, value)
    monkeypatch.setattr(run, "FIRST_ROOM", 2)
    monkeypatch.setattr(run, "SLICE", 3)


@pytest.mark.parametrize("name", CASES)
def test_a_search_from_both_sides_agrees_with_trying_every_order(name: str, narrow: None) -> None:
    rng = random.Random(f"climb/{name}")
    named = MODELS[name]()
    bad = decided = dead = 0
    for case in range(CASES[name]):
        history = oracle.Dice(rng, named, name).history()
        model = fitting(named, [item[0] for item in oracle.items(history)])
        found = encode(history, named, "key").tasks
        steps = laid_out(model, columns(found[0])) if found else None
        if steps is None:
            continue
        tasks = columns(found[0])
        where = f"case {case}: {history.ops}"
        expected = oracle.is_linearizable(model, history)
        decided += 1
        bad += not expected
        decision = finished(compiled(model, tasks, steps, Meter(1 << 40)))
        assert decision.valid == expected, where
        if not expected:
            end = steps.ends(decision.step)
            assert not legal(model, tasks, end), where
            assert not decision.shortest or legal(model, tasks, end - 1), where
        key = run.key_of(steps)
        easier = [blocks for apart in (1, 2) for blocks in partitions(len(key.next), apart)]
        made = [project(key, blocks) for blocks in easier]
        for window, places in [(key, range(steps.last)), *(m for m in made if m is not None)]:
            walk = run.Walk(window)
            for k in range(walk.last + 1):
                walk.begin(walk.window(k))
                if walk.run(1 << 40, walk.last, rng.choice((0, 1, 1000)), JOIN, 1 << 40) == DEAD:
                    dead += 1
                    assert not legal(model, tasks, steps.ends(places[walk.step - 1])), where
    assert decided > CASES[name] / 2
    assert 0.2 < bad / decided < 0.8
    assert dead > 20
