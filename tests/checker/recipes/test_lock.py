"""The checker `lock`: what it accuses, and what it must not."""

from __future__ import annotations

from typing import Any

import pytest

from checker.budget import Unlimited
from checker.recipes.lock import Lock
from checker.recipes.section import LOCK
from checker.recipes.token import BACK, TWICE
from harness.history import History
from tests.checker.by_hand import merged

Z = 1 << 32


def acquire(start: float, end: float, process: int, token: int, held: int | None = None) -> Any:
    value = {"token": Z | token, "requests": 1, "events": 0}
    position = Z | (token if held is None else held)
    return [
        (start, process, "invoke", "acquire", None, {"key": 1}),
        (end, process, "ok", "acquire", value, {"key": 1, "position": position}),
    ]


def write(start: float, end: float, process: int, value: int, at: int) -> Any:
    return [
        (start, process, "invoke", "write", value, {"key": 1}),
        (end, process, "ok", "write", value, {"key": 1, "position": Z | at}),
    ]


def refused(start: float, end: float, process: int, value: int) -> Any:
    return [
        (start, process, "invoke", "write", value, {"key": 1}),
        (end, process, "fail", "write", value, {"key": 1, "error": ["refused", "by the guard"]}),
    ]


def release(start: float, end: float, process: int, at: int) -> Any:
    return [
        (start, process, "invoke", "release", None, {"key": 1}),
        (end, process, "ok", "release", None, {"key": 1, "position": Z | at}),
    ]


def judge(history: History, *, guarded: bool = True) -> Any:
    return Lock(guarded=guarded).check(history, Unlimited())


TWO_TURNS = [
    acquire(0, 1, 0, 5),
    write(2, 3, 0, 1, 6),
    release(4, 5, 0, 7),
    acquire(6, 7, 1, 8),
    write(8, 9, 1, 2, 9),
    release(10, 11, 1, 10),
]


def test_holders_one_after_the_other_are_valid():
    result = judge(merged(*TWO_TURNS))
    assert result.verdict == "valid"
    assert result.data["acquired"] == 2 and result.data["overlapping"] == 0


def test_write_with_an_older_token_after_a_newer_write_is_invalid_and_named():
    late = write(12, 13, 0, 3, 11)
    history = merged(acquire(0, 1, 0, 5), *TWO_TURNS[3:], late)
    result = judge(history)
    assert result.verdict == "invalid"
    assert result.data["broken"] == {LOCK.stale: 1}
    assert result.cause.startswith(LOCK.stale)
    assert "write 3 of key 1 by process 0 with token 1.5 was accepted at 1.11" in result.cause
    anomaly = result.anomalies[0]
    assert history.ops[anomaly.at].value == 3
    assert {e.kind for e in anomaly.edges} == {"rt", "ww", "token"}


def test_late_write_that_the_guard_refuses_is_valid_and_counted():
    result = judge(merged(acquire(0, 1, 0, 5), *TWO_TURNS[3:], refused(12, 13, 0, 3)))
    assert (result.verdict, result.data["refused"]) == ("valid", 1)


LATE_BUT_FIRST = [
    acquire(0, 1, 0, 5),
    acquire(6, 7, 1, 8),
    write(8, 9, 0, 3, 9),
    write(10, 11, 1, 2, 10),
]


def test_late_write_before_any_newer_one_is_allowed_where_there_is_a_guard():
    assert judge(merged(*LATE_BUT_FIRST)).verdict == "valid"


def test_late_write_after_a_newer_holder_is_invalid_where_there_is_no_guard():
    result = judge(merged(*LATE_BUT_FIRST), guarded=False)
    assert result.verdict == "invalid"
    assert "process 1 had held it with token 1.8 since 1.8" in result.cause


def test_order_of_writes_is_that_of_zxids_and_not_of_answers():
    late_answer = [acquire(0, 1, 0, 5), write(2, 20, 0, 1, 6), *TWO_TURNS[3:]]
    assert judge(merged(*late_answer), guarded=False).verdict == "valid"


def test_token_given_twice_is_invalid():
    result = judge(merged(acquire(0, 1, 0, 5), acquire(0.5, 2, 1, 5), write(3, 4, 1, 1, 9)))
    assert result.data["broken"] == {TWICE: 1}


def test_token_below_one_that_had_been_given_before_is_invalid():
    result = judge(merged(acquire(0, 1, 0, 5), write(2, 3, 0, 1, 6), acquire(6, 7, 1, 4)))
    assert result.data["broken"] == {BACK: 1}


def test_tokens_of_acquires_that_overlap_may_come_in_any_order():
    history = merged(acquire(0, 1, 0, 5), acquire(0.5, 7, 1, 4), write(8, 9, 0, 1, 10))
    assert judge(history).verdict == "valid"


def test_two_that_hold_the_lock_at_one_zxid_are_invalid():
    history = merged(
        acquire(0, 1, 0, 5),
        acquire(2, 3, 1, 6, held=8),
        write(4, 5, 0, 1, 9),
        release(6, 7, 0, 10),
    )
    result = judge(history)
    assert result.data["broken"] == {LOCK.two: 1}
    assert "gave it up only at 1.10" in result.cause


def test_holder_whose_session_ended_is_no_second_holder():
    history = merged(acquire(0, 1, 0, 5), acquire(2, 3, 1, 8), write(4, 5, 1, 1, 9))
    result = judge(history)
    assert (result.verdict, result.data["overlapping"]) == ("valid", 1)


@pytest.mark.parametrize("parts", [[], [acquire(0, 1, 0, 5)]])
def test_history_without_writes_under_a_lock_is_unknown(parts: Any):
    assert judge(merged(*parts)).verdict == "unknown"


def test_write_without_a_zxid_is_unknown():
    bare = [
        (2, 0, "invoke", "write", 1, {"key": 1}),
        (3, 0, "ok", "write", 1, {"key": 1}),
    ]
    assert judge(merged(acquire(0, 1, 0, 5), bare)).verdict == "unknown"
