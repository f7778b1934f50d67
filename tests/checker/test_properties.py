"""What must hold of any history: what was really done is accepted, and doubt never accuses."""

from __future__ import annotations

import random
from typing import Any

import oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from checker import MODELS, check
from harness.history import History
from harness.op import FAIL, INFO, INVOKE, OK, Op
from harness.result import INVALID, VALID

NAMES = ("register", "cas-register", "kv-append", "mutex", "append-list", "counter", "kv")

cases = st.tuples(st.sampled_from(NAMES), st.randoms(use_true_random=False))


def drawn(case: tuple[str, random.Random], most: int = 7) -> tuple[Any, History]:
    name, rng = case
    model = MODELS[name]()
    return model, oracle.Dice(rng, model, name).history(most)


@settings(max_examples=400, deadline=None)
@given(cases)
def test_check_agrees_with_trying_every_order(case: tuple[str, random.Random]) -> None:
    model, history = drawn(case)
    expected = VALID if oracle.is_linearizable(model, history) else INVALID
    assert check(history, model).verdict == expected


@settings(max_examples=300, deadline=None)
@given(cases, st.data())
def test_forgetting_an_answer_never_accuses(
    case: tuple[str, random.Random], data: st.DataObject
) -> None:
    model, history = drawn(case, 20)
    if check(history, model).verdict != VALID:
        return
    done = [i for i, op in enumerate(history.ops) if op.type in (OK, FAIL)]
    if not done:
        return
    lost = data.draw(st.sampled_from(done))
    mine, later = history.ops[lost].process, set(range(lost + 1, len(history.ops)))
    ops = [
        replace(op, process=10_000) if i in later and op.process == mine else op
        for i, op in enumerate(history.ops)
        if i != lost
    ]
    asked = history.ops[history.partner[lost]]
    if history.ops[lost].type == FAIL and asked.f not in ("read", "get"):
        return  # a refusal that is forgotten may have happened: that is another history
    assert check(History(ops), model).verdict == VALID


@settings(max_examples=200, deadline=None)
@given(cases, st.data())
def test_what_was_recorded_up_to_some_time_of_a_legal_history_is_legal(
    case: tuple[str, random.Random], data: st.DataObject
) -> None:
    model, history = drawn(case, 20)
    if check(history, model).verdict == VALID:
        end = data.draw(st.integers(-1, history.end))
        before = [op for op in history.ops if op.time <= end]
        assert check(History(before), model).verdict == VALID


def test_read_may_return_what_is_written_at_that_same_time_further_down_the_file() -> None:
    read = (Op(0, 0, 0, INVOKE, "read"), Op(1, 0, 0, OK, "read", 0))
    write = (Op(2, 0, 1, INVOKE, "write", 0), Op(3, 1, 1, OK, "write", 0))
    assert check(History([*read, *write]), "register").verdict == VALID
    assert check(History(read), "register").verdict == INVALID


@settings(max_examples=200, deadline=None)
@given(cases)
def test_later_returns_never_accuse(case: tuple[str, random.Random]) -> None:
    model, history = drawn(case, 20)
    if check(history, model).verdict != VALID:
        return
    # every process its own, so that operations of one may overlap when they are stretched
    process = {}
    for i, op in enumerate(history.ops):
        process[i] = i if op.type == INVOKE else process[history.partner[i]]
    ops = [
        replace(op, process=process[i], time=op.time if op.type == INVOKE else op.time + 3)
        for i, op in enumerate(history.ops)
    ]
    assert check(History(ops), model).verdict == VALID


def really_done(rng: random.Random, clients: int, count: int, unknown: float) -> History:
    """What a correct register with compare-and-set would have answered, with lost answers."""
    free = [0] * clients
    lives = [0] * clients
    plan = []
    for _ in range(count):
        c = rng.randrange(clients)
        call = free[c] + rng.randint(0, 3)
        ret = call + rng.randint(1, 30)
        free[c] = ret + 1
        plan.append((rng.uniform(call, ret), c, call, ret))
    lines, state = [], None
    values = rng.randint(2, 5)
    for _, c, call, ret in sorted(plan):
        f = rng.choice(("read", "write", "cas"))
        new = rng.randrange(values)
        old = rng.choice([state, rng.randrange(values)])
        value: Any = None if f == "read" else new if f == "write" else [old, new]
        process = c + 1000 * lives[c]
        type_, result, error = OK, value, None
        if f == "read":
            result = state
        elif f == "cas" and old != state:
            type_, error = FAIL, "precondition-failed"
        lost = rng.random() < unknown
        if f != "read" and error is None and not (lost and rng.random() < 0.3):
            state = new
        if lost:
            type_, error = INFO, "timeout"
            lives[c] += 1
        lines.append((call, 0, len(lines), Op(-1, call, process, INVOKE, f, value)))
        done = Op(-1, ret, process, type_, f, result)
        lines.append((ret, 1, len(lines), done if error is None else replace(done, error=error)))
    lines.sort(key=lambda line: line[:3])
    return History([replace(op, index=i) for i, (_, _, _, op) in enumerate(lines)])


def test_what_was_really_done_is_never_accused() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        history = really_done(rng, rng.randint(2, 12), 150, rng.choice((0.0, 0.02, 0.1)))
        result = check(history, "cas-register", time_limit=20)
        assert result.verdict == VALID, (seed, result.cause)
