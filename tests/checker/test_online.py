"""Checking while a run goes on: an alarm exactly where the history so far has no order."""

from __future__ import annotations

import random
import time
from pathlib import Path

import oracle
import pytest
from by_hand import h, merged, ok
from msgspec.structs import replace
from test_linearizable import hard

from checker import MODELS, CasRegister, Kv, Linearizable, check, online
from checker.online import Online
from harness.history import History
from harness.op import INFO, INVOKE, Op
from harness.result import INVALID, VALID

STALE_ROWS = [
    *ok(0, 1, 0, "write", 1, key=1),
    *ok(0, 1, 1, "write", 5, key=2),
    *ok(2, 3, 0, "write", 2, key=1),
    *ok(4, 5, 0, "read", 1, key=1),
    *ok(6, 7, 0, "read", 2, key=1),
]
STALE = merged(STALE_ROWS)


@pytest.fixture(autouse=True)
def every_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are looked at after every completion, so that it is known where the alarm must be."""
    monkeypatch.setattr(online, "LEAST", 1)


def fed(history: History, model: object) -> Online:
    """What was fed the history, and then a line that comes later."""
    judge = Online(model)
    for op in (*history, Op(-1, history.end + 1, "nemesis", INFO, "heal")):
        judge.feed(op)
    return judge


def one_by_one(history: History) -> History:
    """The same history with every line at a time of its own, in the order that the checker sees,
    and every operation of a process of its own."""
    mine = [replace(op, process=max(i, history.partner[i])) for i, op in enumerate(history)]
    ops = sorted(mine, key=lambda op: (op.time, op.type != INVOKE, op.index))
    return History([replace(op, index=i, time=i) for i, op in enumerate(ops)])


@pytest.mark.parametrize("name", ["cas-register", "mutex", "append-list", "counter"])
def test_the_alarm_is_at_the_completion_that_ends_the_shortest_violating_prefix(name: str) -> None:
    rng = random.Random(f"online/{name}")
    model, alarms = MODELS[name](), 0
    for _ in range(60):
        history = one_by_one(oracle.Dice(rng, model, name).history())
        judge = fed(history, model)
        whole = check(history, model)
        assert (judge.alarm is not None) == (whole.verdict == INVALID), history.ops
        if judge.alarm is not None:
            alarms += 1
            until = [op for op in history if op.time <= judge.alarm.time]
            before = [op for op in history if op.time < judge.alarm.time]
            assert check(until, model).verdict == INVALID
            assert check(before, model).verdict != INVALID
    assert alarms > 10


@pytest.mark.parametrize("name", ["cas-register", "mutex", "append-list", "counter"])
def test_there_is_no_alarm_where_only_equal_times_excuse_an_answer(name: str) -> None:
    rng = random.Random(f"online/equal/{name}")
    model = MODELS[name]()
    for _ in range(100):
        history = oracle.Dice(rng, model, name).history()
        is_wrong = check(history, model).verdict == INVALID
        assert (fed(history, model).alarm is not None) == is_wrong, history.ops


def test_a_write_called_when_it_is_read_counts_as_called_before() -> None:
    read = [(0, 0, "invoke", "read", None), (1, 0, "ok", "read", 5)]
    write = [(1, 1, "invoke", "write", 5), (2, 1, "ok", "write", 5)]
    history = h(*read, *write)
    assert check(history, CasRegister()).verdict == VALID
    assert fed(history, CasRegister()).alarm is None


def test_the_alarm_says_what_and_when() -> None:
    judge = fed(STALE, CasRegister())
    assert judge.alarm is not None
    assert judge.alarm.time == 5_000_000
    assert judge.alarm.sentence == (
        "not linearizable since 5 ms: read of key 1 by process 0 returned 1 at 5 ms"
    )


def test_a_key_that_is_hard_is_left_for_the_end() -> None:
    judge = fed(hard(), CasRegister())
    assert judge.alarm is None and judge.left > 0


def test_a_key_that_is_more_than_a_register_is_judged_as_it_grows() -> None:
    history = merged(ok(0, 1, 0, "append", 1), ok(2, 3, 0, "append", 2), ok(4, 5, 0, "read", [2]))
    assert fed(history, Kv()).alarm is not None


def test_a_process_apart_raises_the_same_alarm_and_ends() -> None:
    watcher = Linearizable(CasRegister()).online(apart=True)
    try:
        for op in merged(STALE_ROWS, *[ok(8 + i, 8.5 + i, 0, "read", 2, key=1) for i in range(9)]):
            watcher.feed(op)
        end = time.monotonic() + 30
        while watcher.alarm is None and time.monotonic() < end:
            time.sleep(0.02)
            watcher.hear()
        assert watcher.alarm is not None and watcher.alarm.time >= 5_000_000
    finally:
        watcher.close()
    assert not Path(f"/proc/{watcher.pid}").exists()


def test_a_valid_history_raises_none() -> None:
    history = merged(ok(0, 1, 0, "write", 1), ok(2, 3, 1, "read", 1))
    assert check(history, CasRegister).verdict == VALID
    assert fed(history, CasRegister()).alarm is None


def test_operations_of_several_keys_are_judged_together_as_they_come() -> None:
    both = [["w", "x", 1], ["w", "y", 1]]
    write = [(0, 0, "invoke", "txn", both), (1, 0, "ok", "txn", both)]
    for seen, is_fine in ((1, True), (None, False)):
        judge = fed(merged(write, ok(2, 3, 1, "read", seen, key="y")), MODELS["multi-register"]())
        assert (judge.alarm is None) == is_fine
