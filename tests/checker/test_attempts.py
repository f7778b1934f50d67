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
    *core, whole = found
    assert core and all(attempt.assumed and not attempt.whole for attempt in core)
    assert whole.whole and not whole.assumed
    assert (len(whole.steps), whole.earlier) == (60, 20)


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
            order = [tasks[step.op] for step in attempt.steps]
            for i, task in enumerate(order):
                assert all(task.ret > before.call for before in order[:i]), (history.ops, attempt)
            states = [attempt.start, *(step.after for step in attempt.steps)]
            assert states[:-1] == [step.before for step in attempt.steps]
            if not attempt.assumed:
                _replay(model, tasks, attempt, history)
    assert checked > 100


def _replay(model: Any, tasks: dict[int, Any], attempt: Attempt, history: History) -> None:
    state = model.initial()
    assert attempt.start == shown(model, state)
    order = [tasks[step.op] for step in attempt.steps]
    for step, task in zip(attempt.steps, order, strict=True):
        assert step.before == shown(model, state)
        state = model.step(state, task.f, task.value, task.result)
        assert state is not None, (history.ops, attempt)
        assert step.after == shown(model, state)
    goal = tasks[attempt.refusals[0].op]
    assert model.step(state, goal.f, goal.value, goal.result) is None
    assert goal.at not in {task.at for task in order}


def asked(*rows: Any) -> History:
    """Operations (f, argument, answer, process, key), one after the other."""
    found = []
    for i, (f, value, *rest) in enumerate(rows):
        answer, process, key = [*rest, *(value, i, None)[len(rest) :]]
        fields = {} if key is None else {"key": key}
        call = (10 * i, process, "invoke", f, value, fields)
        found.append([call, (10 * i + 5, process, "ok", f, answer, fields)])
    return merged(*found)


@pytest.mark.parametrize(
    ("name", "rows", "why"),
    [
        ("versioned-register", [("write", 4, 1), ("cas", [2, 5], 2)],
         "it compares with 2, but the value is 4 at version 1"),
        ("multi-register",
         [("write", 4, 4, 0, "x"), ("txn", [["r", "x", None]], [["r", "x", 5]])],
         'returned [["r", "x", 5]], but the keys are "x" = 4'),
        ("set", [("add", 1), ("add", 2), ("read", None, [1])],
         "returned [1], but the set is {1, 2}"),
        ("fifo-queue", [("enqueue", 1), ("enqueue", 2), ("dequeue", None, 2)],
         "returned 2, but the queue is [1, 2]"),
        ("fifo-queue", [("enqueue", 1), ("dequeue", None, None)],
         "returned nothing, but the queue is [1]"),
        ("stack", [("push", 1), ("push", 2), ("pop", None, 1)],
         "returned 1, but the stack is [1, 2]"),
        ("priority-queue", [("insert", 3), ("insert", 1), ("extract-min", None, 3)],
         "returned 3, but the queue is [1, 3]"),
        ("counter", [("increment", 2, 2), ("increment", 2, 5)],
         "returned 5, but the value is 2 and would be 4"),
        ("unique-ids", [("generate", None, 7), ("generate", None, 7)],
         "returned 7, but the ids are given out: 7"),
        ("owner-mutex", [("acquire", None), ("release", None)],
         "not possible: the lock is held by 0"),
        ("reentrant-mutex", [("acquire", None, None, 0), ("acquire", None, None, 0),
                             ("acquire", None, None, 1)],
         "not possible: the lock is held by 0, 2 times"),
        ("fenced-lock", [("acquire", None, 3, 0), ("release", None, None, 0),
                         ("acquire", None, 2, 1)],
         "returned 2, but the lock is free, after token 3"),
        ("leased-lock", [("acquire", None, 3, 0), ("acquire", None, 3, 1)],
         "returned 3, but the lock is held by 0, after token 3"),
        ("semaphore", [("acquire", None), ("acquire", None)],
         "not possible: the permits are 1 taken"),
    ],
)  # fmt: skip
def test_every_model_says_what_it_is_and_why_it_refuses(name: str, rows: Any, why: str) -> None:
    found = tried(asked(*rows), name)
    assert found[0].refusals[0].why == why
    assert len(found[0].steps) >= 1
