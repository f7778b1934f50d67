"""Attempts: every order that is told is one, and stops for the reasons that are told."""

from __future__ import annotations

import random
from typing import Any

import oracle
import pytest
from by_hand import lost, merged, ok

from checker import MODELS, CasRegister, KvAppend, Mutex, Register, check
from checker.encode import encode
from checker.model import fitting
from checker.refusal import shown
from harness.history import History
from harness.result import INVALID, Attempt


def tried(history: History, model: Any) -> tuple[Attempt, ...]:
    result = check(history, model)
    assert result.verdict == INVALID
    return result.anomalies[0].attempts


def told(attempt: Attempt) -> list[str]:
    """An order in one list: the states, then why each that could come next cannot."""
    states = [attempt.start, *(step.after for step in attempt.steps)]
    return [" ".join(states), *(f"{r.op}@{r.place}: {r.why}" for r in attempt.refusals)]


def test_a_stale_read_is_refused_where_the_order_stops() -> None:
    history = merged(ok(1, 2, 0, "write", 4), ok(3, 9, 1, "write", 7), ok(10, 12, 3, "read", 4))
    (only,) = tried(history, CasRegister)
    assert [step.op for step in only.steps] == [0, 2]
    assert told(only) == ["nothing 4 7", "4@2: returned 4, but the value is 7"]
    assert (only.earlier, only.assumed) == (0, False)


def test_a_long_read_is_told_every_place_where_it_was_refused() -> None:
    history = merged(
        ok(0, 1, 0, "write", 1),
        ok(2, 20, 1, "read", 9),
        ok(3, 4, 0, "write", 2),
        ok(5, 6, 0, "write", 1),
        lost(7, 2, "write", 3),
        ok(21, 22, 0, "write", 9),
    )
    first, second = tried(history, Register)
    assert told(first) == [
        "nothing 1 2 1",
        "2@3: returned 9, but the value is 1",
        "7@3: could come, and lead to 3: what must come next is refused there, too",
        "2@1: returned 9, but the value is 1",
        "2@2: returned 9, but the value is 2",
    ]
    assert told(second)[0] == "nothing 1 2 1 3"


@pytest.mark.parametrize(
    ("model", "rows", "why"),
    [
        (Mutex, [("acquire", None), ("acquire", None)], "not possible: the lock is held"),
        (KvAppend, [("put", "a"), ("append", "b"), ("get", "a")],
         'returned "a", but the value is "ab"'),
        (CasRegister, [("write", 1), ("cas", [2, 3])], "it compares with 2, but the value is 1"),
    ],
)  # fmt: skip
def test_the_reason_is_of_the_model(model: Any, rows: list[Any], why: str) -> None:
    history = merged(*(ok(2 * i, 2 * i + 1, i, f, value) for i, (f, value) in enumerate(rows)))
    (only,) = tried(history, model)
    assert only.refusals[0].why == why
    assert len(only.steps) == len(rows) - 1


def test_lists_are_told_with_all_that_was_appended() -> None:
    appends = [ok(2 * i, 2 * i + 1, 0, "append", i) for i in range(3)]
    (only,) = tried(merged(*appends, ok(10, 11, 1, "read", [0, 1])), "append-list")
    assert told(only)[1] == "6@3: returned [0, 1], but the list is [0, 1, 2]"


def test_a_core_from_the_middle_says_that_its_state_is_assumed() -> None:
    many = [ok(2 * i, 2 * i + 1, 0, "write", i % 2) for i in range(40)]
    reads = [ok(2 * i + 1.2, 2 * i + 1.5, 1, "read", i % 2) for i in range(40)]
    found = tried(merged(*many, *reads, ok(100, 101, 2, "read", 0)), CasRegister)
    assert found and all(attempt.assumed for attempt in found)


@pytest.mark.parametrize("name", ["register", "cas-register", "mutex", "kv-append", "append-list"])
def test_orders_are_legal_respect_real_time_and_cannot_go_on(name: str) -> None:
    rng = random.Random(f"attempts/{name}")
    checked = 0
    for _ in range(700):
        history = oracle.Dice(rng, MODELS[name](), name).history()
        result = check(history, name)
        if result.verdict != INVALID:
            continue
        model = fitting(MODELS[name](), [op.f for op in history.ops])
        found = result.anomalies[0].attempts
        assert found, history.ops
        tasks = {task.at: task for task in encode(history, MODELS[name](), "key").tasks[0]}
        for attempt in found:
            checked += 1
            if not attempt.assumed:
                _replay(model, tasks, attempt, history)
    assert checked > 100


def _replay(model: Any, tasks: dict[int, Any], attempt: Attempt, history: History) -> None:
    state = model.initial()
    assert attempt.start == shown(model, state)
    order = [tasks[step.op] for step in attempt.steps]
    for i, (step, task) in enumerate(zip(attempt.steps, order, strict=True)):
        assert step.before == shown(model, state)
        state = model.step(state, task.f, task.value, task.result)
        assert state is not None, (history.ops, attempt)
        assert step.after == shown(model, state)
        assert all(task.ret > before.call for before in order[:i]), (history.ops, attempt)
    goal = tasks[attempt.refusals[0].op]
    assert model.step(state, goal.f, goal.value, goal.result) is None
    assert goal.at not in {task.at for task in order}
